"""What every sink promises (`live_gradcam/sinks/sink.py`), asked of every sink.

A window needs a display: sinks/test_window.py runs these tests once more, in a process that has a pretend one.
"""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from limits import at_most
from pretend_camera import virtual_camera

from live_gradcam.frame import Frame, Pixels
from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks.display_check import find_display
from live_gradcam.sinks.own_sink import OwnSink
from live_gradcam.sinks.recorder import Recorder
from live_gradcam.sinks.sink import NullSink, Sink
from live_gradcam.sinks.snapshot import Snapshot
from live_gradcam.sinks.window import Window

SINKS: dict[str, Callable[[Path], Sink]] = {
    "null": lambda _: NullSink(),
    "mp4": lambda folder: Recorder(folder / "out.mp4", wait=True),
    "mkv": lambda folder: Recorder(folder / "out.mkv", wait=True),
    "webm": lambda folder: Recorder(folder / "out.webm", wait=True),
    "snapshot": lambda folder: Snapshot(folder / "out.png"),
    "dropping": lambda folder: Recorder(folder / "out.mp4", wait=False),
    "virtual camera": lambda _: virtual_camera((64, 48)),
    "own": lambda _: OwnSink(NullSink, "the sink 'own'", wait=True),
    "own, dropping": lambda _: OwnSink(NullSink, "the sink 'own'", wait=False),
}
if find_display() is None:
    SINKS["window"] = lambda _: Window("contract")


@pytest.fixture(params=list(SINKS))
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> Sink:
    return SINKS[request.param](tmp_path)


def picture(width: int = 64, height: int = 48) -> Pixels:
    return np.full((height, width, 3), (20, 130, 220), np.uint8)


def frame(index: int) -> Frame:
    return Frame(picture(), index, captured_at=1000 + index / 30)


def test_it_has_a_name_to_be_called_by(sink: Sink) -> None:
    with sink:
        assert sink.name in {"null", "out.mp4", "out.mkv", "out.webm", "out.png", "window", "virtual camera"}
        assert sink.notice is None


def test_it_takes_pictures_and_does_not_end_by_itself(sink: Sink) -> None:
    with sink:
        for index in range(5):
            sink.write(Rendered(picture(), frame(index)))
            assert not sink.finished


def test_it_takes_pictures_whose_size_changes(sink: Sink) -> None:
    with sink:
        for index, size in enumerate([(64, 48), (65, 49), (31, 90), (1, 1), (64, 48)]):
            sink.write(Rendered(picture(*size), frame(index)))
        assert not sink.finished


def test_it_leaves_the_picture_as_it_is(sink: Sink) -> None:
    shown = picture(63, 47)
    with sink:
        sink.write(Rendered(shown, frame(0)))
    assert np.array_equal(shown, picture(63, 47))


def test_it_takes_a_picture_that_must_not_be_written_to(sink: Sink) -> None:
    shown = picture()
    shown.flags.writeable = False
    with sink:
        sink.write(Rendered(shown, frame(0)))
        assert not sink.finished


def test_it_can_be_closed_twice(sink: Sink) -> None:
    sink.write(Rendered(picture(), frame(0)))
    sink.close()
    sink.close()
    with sink:
        assert sink.name


def test_it_can_be_closed_without_a_picture(sink: Sink, tmp_path: Path) -> None:
    sink.close()
    assert list(tmp_path.iterdir()) == []


def test_closing_it_takes_less_than_a_second_and_leaves_no_thread(sink: Sink) -> None:
    before = set(threading.enumerate())
    for index in range(20):
        sink.write(Rendered(picture(), frame(index)))
    with at_most(1):
        sink.close()
    assert set(threading.enumerate()) <= before


def test_an_error_in_the_loop_passes_through_and_closes_it(sink: Sink) -> None:
    before = set(threading.enumerate())

    def loop() -> None:
        with sink:
            sink.write(Rendered(picture(), frame(0)))
            raise LookupError("the loop failed")

    with pytest.raises(LookupError, match="the loop failed"):
        loop()
    assert set(threading.enumerate()) <= before


def test_nothing_is_printed(sink: Sink, capfd: pytest.CaptureFixture[str]) -> None:
    with sink:
        for index in range(3):
            sink.write(Rendered(picture(), frame(index)))
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")
