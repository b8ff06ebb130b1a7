"""`serve` as a user meets it: what is refused, what is printed, and how it ends."""

from __future__ import annotations

import re
import signal
import socket
import ssl
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request

import cv2
import numpy as np
import pytest
from limits import at_most
from programs import Program
from served import read_answer, send_frame
from server.test_links_qr_code import picture_of
from websockets.sync.client import connect

from live_gradcam.cli import main
from live_gradcam.server.links import own_addresses


def one_line(capfd: pytest.CaptureFixture[str], *typed: str) -> str:
    """Run a command that cannot be done and return its one line on stderr."""
    assert main(("serve", *typed)) == 1
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("live-gradcam: ")
    return lines[0]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("--host", "0.0.0.0"), "--host 0.0.0.0 lets other machines in. Without TLS"),
        (
            ("--host", "no.such.host.invalid", "--insecure"),
            "cannot listen at no.such.host.invalid, port 8000",
        ),
        (("--colormap", "jett"), "unknown colour map 'jett'. Did you mean jet"),
        (("--port", "0", "--source", "no/such/camera"), "there is no file 'no/such/camera'"),
        (("--phone", "--host", "127.0.0.1"), "--phone lets other machines in, and --host 127.0.0.1 does not"),
        (("--memory", "lots"), "memory is 'lots': give a size, such as 3GB or 2500MB."),
        (("--target", "lock"), "target is 'lock', which each page has for itself (key l)"),
        (("--port", "0", "--method", "gradcan"), "unknown method 'gradcan'. Did you mean gradcam"),
        (
            ("--port", "0", "--tls-cert", "no.pem", "--tls-key", "no.key"),
            "the certificate no.pem with the key no.key",
        ),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    capfd: pytest.CaptureFixture[str], typed: tuple[str, ...], said: str
) -> None:
    assert said in one_line(capfd, *typed)


def test_a_port_that_is_taken_is_told_before_anything_is_loaded(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = one_line(capfd, "--port", str(port))
    assert (
        f"cannot listen at 127.0.0.1, port {port}: Address already in use. Choose another with --port N"
        in line
    )


def test_a_file_is_no_camera_to_serve(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(tmp_path / "cat.png"), np.zeros((20, 20, 3), np.uint8))
    line = one_line(capfd, "--port", "0", "--source", str(tmp_path / "cat.png"))
    assert "is a file: serve shows cameras, streams and the demo. Drop the file on the page instead." in line


def test_without_the_packages_it_says_what_to_type(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("live_gradcam.commands.serve._NEEDED", ("fastapi", "no_such_package"))
    line = one_line(capfd)
    assert "packages that are not installed (no_such_package). Type: pip install 'live-gradcam[web]'" in line


SMALL = """
model = "networks:colour_network"
preprocess = "unit"
port = 0
"""
"""A file of settings: a network that is there at once, at any free port."""

AT_ONCE = 1.5
"""Seconds: 1, and something for a machine that does other things beside."""


@contextmanager
def serving(folder: Path, *typed: str) -> Iterator[tuple[Program, str]]:
    """Start the command; give it, and the address that it printed."""
    (folder / "show.toml").write_text(SMALL)
    program = Program(folder, "serve", "--config", str(folder / "show.toml"), *typed)
    try:
        program.until_said("Ctrl-C ends it")
        found = re.search(r"^.*\bopen (https?://\S+:\d+)/(#token=\S+)?$", program.said, re.MULTILINE)
        assert found is not None, program.said
        yield program, found[1]
    finally:
        program.process.kill()
        program.process.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="only on Linux and macOS: signals that can be sent")
def test_at_every_address_it_prints_links_that_all_work_and_ends_at_once_amid_a_stream_and_a_visit(
    tmp_path: Path,
) -> None:
    """Where this machine has no network, or no IPv6, it listens at the usual address."""
    reached = own_addresses() if socket.has_ipv6 else []
    typed = ("--host", "::", "--insecure") if reached else ()
    with serving(tmp_path, "--source", "demo", *typed) as (program, address):
        token = re.search(r"#token=(\S+)", program.said)
        query = "" if token is None else f"?token={token[1]}"
        assert bool(query) == bool(reached)
        assert urlsplit(address).hostname == (reached[0] if reached else "127.0.0.1")
        for each in reached:
            host = f"[{each}]" if ":" in each else each
            own = f"http://{host}:{urlsplit(address).port}"
            assert urllib.request.urlopen(f"{own}/", timeout=20).status == 200
        with (
            urllib.request.urlopen(f"{address}/video.mjpg{query}", timeout=20) as video,
            connect(f"ws{address[4:]}/socket{query}") as visit,
        ):
            assert video.read(2000).startswith(b"--frame")
            visit.send('{"next": 1}')
            assert visit.recv(20)
            visit.send('{"next": 2}')
            with at_most(AT_ONCE):
                program.end(signal.SIGINT)
        assert (program.process.returncode, program.complained) == (0, "")


@pytest.mark.runs
@pytest.mark.skipif(sys.platform == "win32", reason="only on Linux and macOS: signals that can be sent")
def test_it_ends_at_once_while_something_is_compiled_and_is_not_troubled_by_damaged_pictures(
    tmp_path: Path,
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    whole = bytes(cv2.imencode(".png", noise)[1])
    with serving(tmp_path) as (program, address):
        kind = {"Content-Type": "image/png"}
        damaged = Request(f"{address}/explain", whole[:4000] + bytes(50) + whole[4050:], kind)
        with pytest.raises(HTTPError, match="415"):
            urllib.request.urlopen(damaged, timeout=20)
        with connect(f"ws{address[4:]}/socket") as visit:
            visit.send('{"ask": 1, "methods": ["layercam", "hirescam", "xgradcam", "finercam"]}')
            send_frame(visit, 1, whole)
            assert read_answer(visit.recv(20)).header["compiling"] is not None
            with at_most(AT_ONCE):
                program.end(signal.SIGTERM)
        assert program.process.returncode == 0
        assert program.complained == ""


@pytest.fixture
def reached_at() -> str:
    found = own_addresses()
    if not found:
        pytest.skip("this machine has no network")
    return found[0]


@pytest.mark.runs
@pytest.mark.skipif(sys.platform == "win32", reason="only on Linux and macOS: signals that can be sent")
def test_for_a_phone_one_flag_prints_a_link_and_a_code_that_open_the_page_with_its_own_certificate(
    tmp_path: Path, reached_at: str
) -> None:
    with serving(tmp_path, "--phone") as (program, address):
        said = program.said
        assert "the phone will warn that the connection is not private, because this machine made" in said
        code = "\n".join(line for line in said.splitlines() if line.startswith(("█", "▀")))
        link = cv2.QRCodeDetector().detectAndDecode(picture_of(code))[0]
        token = link.partition("#token=")[2]
        assert link.startswith(f"{address}/#token=")
        assert f"scan the code or open {link}\n" in said
        assert urlsplit(address).hostname == reached_at
        pem = ssl.get_server_certificate((reached_at, urlsplit(address).port or 0))
        trusting = ssl.create_default_context(
            cadata=pem
        )  # it checks that the certificate is for this address
        for path in ("/", "/setup"):
            request = Request(address + path, headers={"Authorization": f"Bearer {token}"})
            assert urllib.request.urlopen(request, timeout=20, context=trusting).status == 200
        with pytest.raises(HTTPError, match="401"):
            urllib.request.urlopen(f"{address}/setup", timeout=20, context=trusting)
        with connect(f"wss{address[5:]}/socket?token={token}", ssl=trusting) as visit:
            visit.send('{"here": true}')
        program.end(signal.SIGINT)
    assert (program.process.returncode, program.complained) == (0, "")
