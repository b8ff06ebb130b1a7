"""Streams: a local receiver gets the pictures; one that is away, vanishes or hangs never holds up the show."""

from __future__ import annotations

import logging
import socket
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from limits import at_most, until
from stream_receiver import Receiver

from live_gradcam.errors import SinkError
from live_gradcam.frame import Frame
from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks import stream as module
from live_gradcam.sinks.stream import Stream

COLOUR = (200, 60, 30)


def shown(colour: tuple[int, int, int] = COLOUR, size: tuple[int, int] = (160, 96)) -> Rendered:
    pixels = np.full((size[1], size[0], 3), colour, np.uint8)
    return Rendered(pixels, Frame(pixels, 0, captured_at=0.0))


@pytest.fixture
def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def stream_until(stream: Stream, receiver: Receiver, count: int, size: tuple[int, int] = (160, 96)) -> None:
    """Write pictures at a camera's pace until so many have arrived."""
    deadline = time.monotonic() + 30
    while len(receiver.pictures) < count:
        assert time.monotonic() < deadline, "nothing arrives"
        stream.write(shown(size=size))
        time.sleep(1 / 30)


def test_a_server_gets_the_pictures_in_their_colours_and_times(tmp_path: Path, free_port: int) -> None:
    address = f"rtmp://127.0.0.1:{free_port}/live/s3cr3t-k3y"
    with Receiver(address, tmp_path / "seen.txt") as receiver:
        stream = Stream(address, (160, 96))
        with stream:
            stream_until(stream, receiver, 30)
            stream_until(stream, receiver, 50, size=(96, 96))
        assert receiver.wait() == 0, "the stream ends properly"
        seen = np.array(receiver.pictures)
    assert seen[:20, 1:4] == pytest.approx(np.tile(COLOUR, (20, 1)), abs=4)
    assert set(seen[:, 4]) == {160}
    assert seen[-1, 1:4] == pytest.approx(0.6 * np.array(COLOUR), abs=4), (
        "a square has bars of 0.4 of the width"
    )
    steps = np.diff(seen[:, 0])
    assert (steps > 0).all()
    assert 1 / 40 < np.median(steps) < 1 / 10
    report = stream.report()
    assert report["file"] == f"rtmp://127.0.0.1:{free_port}/live/***"
    assert report["frames"] >= len(seen)
    assert report["reconnects"] == 0


def test_a_stream_whose_server_vanishes_is_connected_again(
    tmp_path: Path, free_port: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PAUSES", (0.1,))
    address = f"rtmp://127.0.0.1:{free_port}/live/s3cr3t-k3y"
    with Stream(address, (160, 96)) as stream:
        for turn in range(2):
            with Receiver(address, tmp_path / f"{turn}.txt") as receiver:
                stream_until(stream, receiver, 10)
                assert stream.notice is None
        deadline = time.monotonic() + 20
        while stream.notice is None and time.monotonic() < deadline:
            stream.write(shown())
            time.sleep(1 / 30)
        assert stream.notice == "the stream is not connected"
        with pytest.raises(SinkError, match=r"live/\*\*\* is broken: .*\. \d+ pictures were sent"):
            stream.close()
    lines = [record.getMessage() for record in caplog.records]
    name = f"the stream to rtmp://127.0.0.1:{free_port}/live/***"
    assert [line for line in lines if line.startswith(f"{name} broke off (")]
    assert f"{name} is connected again." in lines
    assert "s3cr3t" not in caplog.text


def test_a_server_that_is_away_costs_one_line_and_no_time(
    free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    stream = Stream(f"rtmp://127.0.0.1:{free_port}/live/s3cr3t-k3y", (160, 96))
    with at_most(1):
        for _ in range(100):
            stream.write(shown())
    until(lambda: stream.notice)
    with pytest.raises(SinkError, match=r"is broken: Connection refused\. 0 pictures were sent"):
        stream.close()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "cannot be connected (Connection refused): it is tried again until the end" in caplog.text


def test_a_server_that_never_answers_stops_no_thread_and_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STUCK_SECONDS", 0.5)
    ticks: list[float] = []
    ended = threading.Event()

    def tick() -> None:
        while not ended.wait(0.01):
            ticks.append(time.monotonic())

    ticking = threading.Thread(target=tick)
    with socket.create_server(("127.0.0.1", 0)) as server:
        stream = Stream(f"rtmp://127.0.0.1:{server.getsockname()[1]}/live/key", (160, 96))
        ticking.start()
        deadline = time.monotonic() + 20
        while stream.notice is None and time.monotonic() < deadline:
            stream.write(shown((0, 0, 0), (1280, 720)))
            time.sleep(0.02)
        ended.set()
        ticking.join()
        with pytest.raises(SinkError, match="is broken: it does not answer"):
            stream.close()
    assert max(np.diff(ticks)) < 0.5
    assert not [each for each in threading.enumerate() if "stream to" in each.name]


def test_udp_needs_no_server_and_arrives(tmp_path: Path, free_port: int) -> None:
    address = f"udp://127.0.0.1:{free_port}"
    with Receiver(address, tmp_path / "seen.txt") as receiver, Stream(address, (160, 96)) as stream:
        stream_until(stream, receiver, 5)
        assert receiver.pictures[-1][1:4] == pytest.approx(COLOUR, abs=4)


def test_a_video_is_not_streamed_without_a_window(tmp_path: Path) -> None:
    from live_gradcam.pipeline import run

    cv2.imwrite(str(tmp_path / "photo.png"), np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(
        SinkError, match=r"^cannot stream photo\.png without a window: it would be played as fast"
    ):
        run(source=str(tmp_path / "photo.png"), record="rtmp://127.0.0.1:1/live/key", window=False)
