"""The load script: its attacks do what they say, and its bounds fail what they should."""

from __future__ import annotations

import asyncio
import io
import json
import math
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from limits import at_most
from PIL import Image
from served import Served, jpeg, small_service

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

from serve_attacks import ATTACKS, attack, page_files
from serve_bombs import jpeg_of_scans, plain_png, png_bomb, text_bomb
from serve_connection import Address, Connection, RefusedError, frame
from serve_costs import scans, wide_pictures
from serve_trials import Ending, Trial, Waits, as_json, table, trial
from serve_visitor import Times, Visitor, p50, p95

from live_gradcam.server.messages import MOST_BYTES

TOKEN = "a-token-for-the-tests"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served(small_service(), token=TOKEN) as served:
        yield served


@pytest.fixture
def address(served: Served) -> Address:
    return Address.of(served.url(f"/#token={TOKEN}"))


# What is sent.


def pixels_of(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.uint8)


def chunks(data: bytes) -> dict[bytes, bytes]:
    found, place = {}, 8
    while place < len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        found[data[place + 4 : place + 8]] = data[place + 8 : place + 8 + length]
        place += 12 + length
    return found


def test_a_png_bomb_is_a_hundred_pixels_wide_and_inflates_a_thousandfold() -> None:
    data = png_bomb(20_000_000)
    assert len(data) < 25_000
    assert len(zlib.decompress(chunks(data)[b"IDAT"])) == 20_000_000
    assert Image.open(io.BytesIO(data)).size == (100, 100)


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_a_text_bomb_is_a_whole_picture_with_a_text_that_inflates(kind: bytes) -> None:
    data = text_bomb(20_000_000, kind)
    packed = chunks(data)[kind].partition(b"\0\0")[2]
    assert len(zlib.decompress(packed)) == 20_000_000
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (100, 100, 3)


@pytest.mark.parametrize("size", [(3000, 10), (10, 3000), (1, 1)])
def test_a_plain_png_is_whole_and_of_any_shape(size: tuple[int, int]) -> None:
    pixels = pixels_of(plain_png(*size))
    assert pixels.shape == (size[1], size[0], 3)
    assert not pixels.any()


@pytest.mark.parametrize("side", [8, 20, 64, 1000])
def test_a_jpeg_of_scans_is_a_whole_picture_of_one_shade_and_as_large_as_was_said(side: int) -> None:
    data = jpeg_of_scans(side, 4000)
    assert 3900 < len(data) <= 4000
    assert data.count(b"\xff\xda") > 50
    pixels = pixels_of(data)
    assert pixels.shape == (side, side, 3)
    assert set(pixels.ravel()) == {128}


def test_a_link_is_read_as_the_server_prints_it() -> None:
    address = Address.of("http://127.0.0.1:8123/#token=a%2Fb", "127.0.0.2")
    assert (address.host, address.port, address.token) == ("127.0.0.1", 8123, "a/b")
    assert Address.of(address.link, "127.0.0.2") == address
    assert Address.of("http://localhost/").token is None
    with pytest.raises(SystemExit, match="give the link that `live-gradcam serve` prints, without TLS"):
        Address.of("https://127.0.0.1:8000/")


# The attacks, at a small network.


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "done"),
    [
        ("idle-connections", "connections"),
        ("slow-bodies", "connections"),
        ("slow-headers", "connections"),
        ("scorecam-posts", "answered 200"),
        ("hung-up-scorecam", "posts"),
        ("nonsense-layers", "answered 400"),
        ("pings", "frames"),
        ("empty-fragments", "frames"),
        ("many-pages", "answered 200"),
        ("log-injection", "requests"),
        ("aborted-uploads", "uploads"),
    ],
)
def test_an_attack_does_what_it_says(address: Address, name: str, done: str) -> None:
    async def until_done() -> None:
        counts: Counter[str] = Counter()
        running = asyncio.create_task(ATTACKS[name].run(address, counts))
        async with asyncio.timeout(30):
            while not counts[done]:
                assert not running.done(), counts
                await asyncio.sleep(0.02)
        running.cancel()

    asyncio.run(until_done())


def test_an_attack_says_when_it_begins_goes_on_for_its_time_and_counts(
    address: Address, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    with at_most(5):
        counts = asyncio.run(attack("aborted-uploads", address, 0.5))
    assert time.monotonic() - began >= 0.5
    assert counts["uploads"] > 0
    assert capsys.readouterr().out == "begun\n"


def test_every_attack_says_what_it_does() -> None:
    assert all(each.run.__doc__ for each in ATTACKS.values())


def test_the_files_of_the_page_are_found_through_its_imports(served: Served, address: Address) -> None:
    files = asyncio.run(page_files(address))
    folder = Path(__file__).parents[2] / "live_gradcam" / "server" / "page"
    # The page of the OpenAPI document, what `/` is, and the pages of an audit.
    other = {"docs.html", "docs.js", "index.html", "report.html", "report.js"}
    other |= {"mark.html", "mark.css", "mark.js", "mark_order.js", "box_editing.js"}
    other |= {"notebook.js", "notebook.css"}
    other |= {"standalone.js", "network_worker.js"}  # of a page that runs the network itself
    of_the_page = {f"/page/{each.name}" for each in folder.iterdir() if each.name not in other}
    assert {"/", *of_the_page} == set(files)
    assert {served.get(path).status for path in files} == {200}


def test_a_connection_asks_is_refused_and_hears_frames(address: Address) -> None:
    async def check() -> None:
        async with await Connection.open(address) as connection:
            assert (await connection.ask("GET", "/setup")).status == 200
            assert (await connection.ask("GET", "/setup", with_token=False)).status == 401
            await connection.upgrade()
            await connection.send(frame(2, bytes(4) + jpeg()))
            opcode, answer = await connection.message()
            assert opcode == 2
            header = json.loads(answer[4 : 4 + int.from_bytes(answer[:4], "little")])
            assert header["frame"] == 0
        stranger = replace(address, token="none of the server's")
        async with await Connection.open(stranger) as connection:
            with pytest.raises(RefusedError, match="401"):
                await connection.upgrade()

    asyncio.run(check())


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_a_frame_says_how_long_it_is(size: int) -> None:
    data = frame(2, bytes(size))
    assert data[0] == 0x82
    assert data[1] & 0x80
    assert len(data) == size + 6 + (0 if size < 126 else 2 if size < 65536 else 8)


def test_a_bomb_fits_into_a_message() -> None:
    assert all(len(each) + 4 <= MOST_BYTES for each in scans())
    assert all(len(each) + 4 <= MOST_BYTES for each in wide_pictures()[1])
    assert len(png_bomb(50_000_000)) * 10 + 4 <= MOST_BYTES


# What is measured.


def test_a_visitor_is_answered_and_refused_nothing(address: Address) -> None:
    async def visit() -> Visitor:
        visitor = Visitor(address, [jpeg()], fps=20)
        running = asyncio.create_task(visitor.run())
        await asyncio.sleep(1.5)
        visitor.end()
        await running
        return visitor

    visitor = asyncio.run(visit())
    assert visitor.refused == {}
    everything = (-math.inf, math.inf)
    assert len(visitor.frames.between(*everything)) >= 10
    assert visitor.posts.between(*everything)
    assert visitor.health.between(*everything)


def test_a_visitor_notes_what_it_is_refused(address: Address) -> None:
    async def visit() -> Visitor:
        visitor = Visitor(replace(address, token="none of the server's"), [b"no picture"])
        running = asyncio.create_task(visitor.run())
        await asyncio.sleep(0.5)
        visitor.end()
        await running
        return visitor

    refused = asyncio.run(visit()).refused
    assert {each.partition(":")[0] for each in refused} == {"frame", "post"}
    assert any("401" in each for each in refused)


def test_times_are_of_a_span_and_percentiles_of_what_there_is() -> None:
    times = Times([(moment, 100.0 - moment) for moment in range(100)])
    span = times.between(10, 20)
    assert span == sorted(span)
    assert (min(span), max(span)) == (81, 90)
    assert p50([1.0, 2.0, 30.0]) == 2
    assert p95([float(each) for each in range(101)]) == 95
    assert p95([1.0, 2.0]) == 2
    assert math.isnan(p50([]))
    assert math.isnan(p95([]))


QUIET = Waits(frame_p50=40, frame_p95=60, frame_max=90, frames=300, post_p50=50, post_p95=70, health_p50=0.8)


def tried(**changes: object) -> Trial:
    """A trial of which all bounds hold, but for what is changed."""
    whole = Trial(
        attack="pings",
        alone=QUIET,
        beside=replace(QUIET, frame_p50=120, frame_p95=300),
        refused={},
        memory={"alone": 1000.0, "first": 1000.0, "last": 1600.0, "most": 1700.0},
        attacked={"frames": 1000, "pages complete": 12},
        ending=Ending(seconds=0.5, code=0, traces=0, log_bytes=0, dirty_lines=0),
    )
    return replace(whole, **changes).judged()  # type: ignore[arg-type] # of each field's kind


def test_a_trial_on_its_bounds_holds() -> None:
    assert tried().faults == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"beside": replace(QUIET, frame_p50=121)}, "frame p50 × 3.0"),
        ({"beside": replace(QUIET, frame_p95=301)}, "frame p95 × 5.0"),
        ({"beside": replace(QUIET, post_p50=34_000)}, "post p50 × 680.0"),
        ({"beside": replace(QUIET, post_p50=math.nan, post_p95=math.nan)}, "no post answered"),
        ({"alone": replace(QUIET, health_p50=41.9)}, "healthz p50 41.9 ms"),
        ({"refused": {"post: 503 …": 2, "page: 503 …": 3}}, "5 refused"),
        ({"memory": {"alone": 1000.0, "first": 1000.0, "last": 1601.0, "most": 1700.0}}, "memory × 1.6"),
        ({"attacked": {"pages incomplete": 7}}, "7 pages incomplete"),
        ({"ending": Ending(0.5, 0, 635, 2_500_000, 0)}, "635 tracebacks"),
        ({"ending": Ending(0.5, 0, 0, 100, 2)}, "2 dirty lines in the log"),
        ({"ending": Ending(2.1, 0, 0, 0, 0)}, "ended in 2.1 s with 0"),
        ({"ending": Ending(0.5, 1, 0, 0, 0)}, "ended in 0.5 s with 1"),
    ],
)
def test_a_bound_that_does_not_hold_is_named(changes: dict[str, object], fault: str) -> None:
    assert tried(**changes).faults == [fault]


def test_an_ending_counts_tracebacks_and_lines_that_a_request_wrote() -> None:
    log = "all is well\nTraceback (most recent call last):\n  x\nINJECTED it is\nrefused \x1b[2J\n\trefused \\x1b\n"
    assert Ending.of(0.514, 0, log) == Ending(0.51, 0, traces=1, log_bytes=len(log), dirty_lines=2)


def test_trials_become_a_table_and_json() -> None:
    trials = [tried(), tried(beside=replace(QUIET, post_p50=math.nan))]
    lines = table(trials).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| nothing | 40, 60 |")
    assert lines[3] == "| pings | 120, 300 | 3.0, 5.0 | 50, 70 | 1.0, 1.0 | 0 | 1000, 1600 | hold |"
    assert lines[4].endswith("| no post answered |")
    found = json.loads(as_json(trials, 60))
    assert found["hold"] is False
    assert found["trials"][1]["beside"]["post_p50"] is None


@pytest.mark.load
def test_a_trial_measures_the_visitor_alone_and_beside_the_attack(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serve_trials.WARM_UP_SECONDS", 0.2)
    done = asyncio.run(trial("aborted-uploads", address, [jpeg()], 1.5, lambda: 100.0))
    assert done.alone.frames > 0
    assert done.beside.frames > 0
    assert done.attacked["uploads"] > 0
    assert done.memory == {"alone": 100.0, "first": 100.0, "last": 100.0, "most": 100.0}
    assert done.ending is None
