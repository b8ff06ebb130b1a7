"""No password and no key of an address is found in anything that the program writes or says."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from fakes import MjpegServer
from PIL import Image
from programs import Program

from live_gradcam.cli import main
from live_gradcam.errors import SourceError
from live_gradcam.source_address import credentials_of
from live_gradcam.sources.opening import open_source
from live_gradcam.sources.video import VideoSource

MODEL = ("--model", "networks:nested_network", "--preprocess", "unit")
ROOT = Path(__file__).parents[2]
PASSWORD = "Zx9#/q?@7:K%k w"
KEYS = "token=Tk8f1c0de&user=Usr4711&pwd=Pw0815&X-Amz-Signature=51gn4tur3&channel=1#api_key=K3y0f#Ap1"
SECRETS = (
    *(PASSWORD, quote(PASSWORD, safe=""), "Zx9", "%23%2Fq", "q?@7", "Tk8f1c0de", "Usr4711", "Pw0815"),
    *("51gn4tur3", "K3y0f", "Ap1"),
)


@pytest.fixture(autouse=True)
def without_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


@pytest.fixture(scope="module")
def camera() -> Iterator[MjpegServer]:
    with MjpegServer(login=f"anna:{PASSWORD}") as server:
        yield server


def address_of(camera: MjpegServer, path: str = "/video", password: str = PASSWORD) -> str:
    return f"http://anna:{password}@127.0.0.1:{camera.port}{path}?{KEYS}"


def assert_no_secret_in(content: bytes, where: str) -> None:
    for secret in SECRETS:
        for encoding in ("utf-8", "utf-16-le"):
            assert secret.encode(encoding) not in content, f"{secret!r} is in {where}"


def assert_no_secret_below(folder: Path) -> int:
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        assert_no_secret_in(path.read_bytes(), path.name)
        assert_no_secret_in(path.name.encode(), "a name")
    return len(files)


@pytest.mark.parametrize("typed", [PASSWORD, quote(PASSWORD, safe="")])
def test_a_stream_opens_with_its_password_typed_raw_or_encoded(camera: MjpegServer, typed: str) -> None:
    with open_source(address_of(camera, password=typed)) as source:
        assert next(iter(source)).size == (320, 240)
        shown = "token=***&user=***&pwd=***&X-Amz-Signature=***&channel=1#api_key=***"
        assert source.name == f"http://127.0.0.1:{camera.port}/video?{shown}"
    with pytest.raises(
        SourceError,
        match=r"the server wants a user name and password in the address, or refuses these \(401\)",
    ):
        open_source(address_of(camera, password="wrong"))


@pytest.mark.long
def test_nothing_that_a_live_run_writes_or_says_holds_a_secret(
    camera: MjpegServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    url = address_of(camera)
    files = ["--record", tmp_path / "out.mp4", "--stats", tmp_path / "stats.json"]
    files += ["--snapshot", tmp_path / "shot.png", "--save-session", tmp_path / "session"]
    typed = ["--source", url, "--also", address_of(camera, "/short"), "--no-window", *MODEL, "--frames", "6"]
    assert main([*typed, *map(str, files), "--debug"]) == 0
    said = capfd.readouterr()
    assert f"http://127.0.0.1:{camera.port}/video?token=***" in said.out
    assert_no_secret_in((said.out + said.err).encode(), "the terminal")
    assert assert_no_secret_below(tmp_path) >= 6
    with Image.open(tmp_path / "shot.png") as shot:  # its text may be compressed
        texts = getattr(shot, "text", {})
    assert texts
    assert_no_secret_in(json.dumps(texts, ensure_ascii=False).encode(), "the PNG")
    assert json.loads((tmp_path / "stats.json").read_text())["source"].startswith("http://127.0.0.1")
    assert main(["replay", str(tmp_path / "session"), "--fast", "--no-window", "--debug"]) == 0
    said = capfd.readouterr()
    assert_no_secret_in((said.out + said.err).encode(), "the replay")


@pytest.mark.parametrize(
    "typed",
    [
        ["--source", "{}/nowhere", "--debug"],
        ["--source=http://anna:Zx9#/q?@7:K%k w@127.0.0.1:9/video?token=Tk8f1c0de", "--debug"],
        ["--source", "http://anna:Zx9#/q?@7:K%k w@127.0.0.1:9/film.mp4?token=Tk8f1c0de", "--debug"],
        [
            "--source",
            "rtsp://anna:Zx9#/q?@7:K%k w@127.0.0.1:9/user=Usr4711_password=Pw0815_channel=1",
            "--debug",
        ],
        ["--source", "rtps://anna:Zx9@127.0.0.1:9/video?token=Tk8f1c0de", "--debug"],
        ["--source", "http:/anna:Zx9@127.0.0.1:9/video?token=Tk8f1c0de", "--debug"],
        ["--source", "anna:Zx9@127.0.0.1:9/video", "--debug"],
        ["--source", "https://anna:Zx9@www.youtube.com/watch?v=1&token=Tk8f1c0de"],
        ["rtsp://anna:Zx9@127.0.0.1:9/video?token=Tk8f1c0de"],
        ["live", "http://anna:Zx9@127.0.0.1:9/video?token=Tk8f1c0de", "--frames", "x"],
        ["live", "--source", "demo", "--frames", "http://anna:Zx9@127.0.0.1:9/video?token=Tk8f1c0de"],
        ["live", "--source", "demo", "--model", "http://anna:Zx9@127.0.0.1:9/m.keras?token=Tk8f1c0de"],
        ["annotate", "http://anna:Zx9@127.0.0.1:9/film.mp4?token=Tk8f1c0de", "--out", "{out}", "--debug"],
        ["annotate", "http:/anna:Zx9@127.0.0.1:9/film.mp4?token=Tk8f1c0de", "--out", "{out}", "--debug"],
        ["serve", "--source", "http://anna:Zx9@127.0.0.1:9/video?token=Tk8f1c0de", *MODEL, "--port", "0"],
    ],
    ids=lambda typed: " ".join(typed)[:60],
)
@pytest.mark.long
def test_no_failure_tells_a_secret(
    camera: MjpegServer, tmp_path: Path, capfd: pytest.CaptureFixture[str], typed: list[str]
) -> None:
    base = f"http://anna:{PASSWORD}@127.0.0.1:{camera.port}"
    typed = [each.replace("{}", base).replace("{out}", str(tmp_path / "out")) for each in typed]
    assert main(typed) in (1, 2)
    said = capfd.readouterr()
    assert said.err.strip()
    assert_no_secret_in((said.out + said.err).encode(), "the terminal")
    assert_no_secret_below(tmp_path)


def test_a_file_of_settings_is_written_without_secrets_and_says_so(
    camera: MjpegServer, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "--source", address_of(camera), "--also", address_of(camera, "/short")]) == 0
    written = capfd.readouterr().out
    assert_no_secret_in(written.encode(), "the file of settings")
    assert f'source = "http://127.0.0.1:{camera.port}/video?token=***' in written
    assert "# Passwords and keys of addresses are left out: write them in, or type --source." in written
    assert main(["config", "--source", "demo"]) == 0
    assert "left out" not in capfd.readouterr().out


@pytest.mark.runs
def test_the_server_tells_no_visitor_the_secrets_of_its_camera(camera: MjpegServer, tmp_path: Path) -> None:
    program = Program(tmp_path, "serve", "--source", address_of(camera), *MODEL, "--port", "0", "--debug")
    try:
        program.until_said("Ctrl-C ends it")
        link = re.search(r"^open (\S+)/", program.said, re.MULTILINE)
        assert link is not None
        for path in ("", "setup", "metrics", "openapi.json"):
            with urllib.request.urlopen(f"{link[1]}/{path}", timeout=10) as reply:
                assert_no_secret_in(reply.read(), path)
    finally:
        program.process.terminate()
        program.wait()
    assert_no_secret_in((program.said + program.complained).encode(), "the terminal")


def test_ffmpeg_prints_no_password_however_much_it_is_asked_to_say(
    camera: MjpegServer, tmp_path: Path
) -> None:
    code = (
        "import sys; from live_gradcam.sources.opening import open_source\n"
        "with open_source(sys.argv[1]) as source: print(next(iter(source)).size)"
    )
    talkative = {"OPENCV_FFMPEG_LOGLEVEL": "56", "OPENCV_FFMPEG_DEBUG": "1", "OPENCV_LOG_LEVEL": "VERBOSE"}
    program = Program(
        tmp_path, address_of(camera), environment={**os.environ, **talkative}, command=("-c", code), at=ROOT
    )
    program.wait()
    said = program.said + program.complained
    assert "(320, 240)\n" in said
    assert "OPENCV:FFMPEG" in said
    assert_no_secret_in(said.encode(), "the terminal")


@contextmanager
def rtsp_server() -> Iterator[tuple[int, list[str]]]:
    """An RTSP camera that wants a login and then has no such stream; give its port and what it was asked."""
    asked: list[str] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                while request := connection.recv(65536).decode():
                    asked.append(request)
                    number = next(line for line in request.splitlines() if line.startswith("CSeq"))
                    status = "200 OK\r\nPublic: DESCRIBE"
                    if request.startswith("DESCRIBE"):
                        known = "Authorization: Basic" in request
                        login = '401 Unauthorized\r\nWWW-Authenticate: Basic realm="camera"'
                        status = "404 Not Found" if known else login
                    connection.sendall(f"RTSP/1.0 {status}\r\n{number}\r\n\r\n".encode())

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1], asked
    finally:
        listening.close()


def test_an_rtsp_camera_gets_the_true_password_and_nobody_else_does() -> None:
    with rtsp_server() as (port, asked):
        url = f"rtsp://anna:{PASSWORD}@127.0.0.1:{port}/live?{KEYS}"
        with pytest.raises(SourceError, match=rf"^rtsp://127\.0\.0\.1:{port}/live\?token=\*\*\*") as error:
            open_source(url)
    sent = [line.split()[-1] for request in asked for line in request.splitlines() if "Basic" in line]
    assert {base64.b64decode(each).decode() for each in sent} == {f"anna:{PASSWORD}"}
    assert credentials_of(url) == ("anna", PASSWORD)
    assert_no_secret_in(str(error.value).encode(), "the message")


def test_an_error_of_pyav_that_quotes_the_address_is_not_passed_on() -> None:
    with pytest.raises(SourceError) as error:
        VideoSource(f"http://anna:{PASSWORD}@127.0.0.1:9/film.mp4?{KEYS}")
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__
    assert_no_secret_in(str(error.value).encode(), "the message")
