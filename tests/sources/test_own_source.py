"""A source of somebody else: what it gives is checked, and its failures are errors that name it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from installed import Install

import live_gradcam as lg
from live_gradcam.closeable import Closeable
from live_gradcam.frame import Frame, Pixels
from live_gradcam.sources import function_source
from live_gradcam.sources.own_source import OwnSource

GREY = np.full((4, 6, 3), 90, np.uint8)

CODE = """
import numpy as np
import live_gradcam as lg

opened = []

def mycam(rest):
    if rest == "none":
        raise OSError("no such camera")
    opened.append(rest)
    return lg.FunctionSource(lambda: np.zeros((4, 6, 3), np.uint8), name=f"mycam {rest}", close=opened.clear)
"""


def given(*pictures: Any, live: bool = False, **more: Any) -> lg.FunctionSource:
    """Return a source that gives some pictures, and raises those that are exceptions."""
    rest = iter(pictures)

    def read() -> Pixels | None:
        each: Any = next(rest, None)
        if isinstance(each, Exception):
            raise each
        picture: Pixels | None = each
        return picture

    return lg.FunctionSource(read, name="mycam 3", live=live, **more)


def test_a_film_of_a_function_keeps_its_rate_and_closes_once() -> None:
    closed: list[int] = []
    with given(GREY, GREY + 1, GREY + 2, fps=20, close=lambda: closed.append(1)) as source:
        frames = list(source)
        assert source.describe() == "mycam 3: 6×4 at 20 fps"
    source.close()
    assert [frame.pixels[0, 0, 0] for frame in frames] == [90, 91, 92]
    assert [frame.media_time for frame in frames] == [0, 1 / 20, 2 / 20]
    assert closed == [1]


def test_a_camera_of_a_function_is_read_and_closed_in_one_thread_and_gives_the_newest() -> None:
    threads: list[threading.Thread] = []
    turns = [threading.Event() for _ in range(3)]
    done = threading.Event()

    def read() -> Pixels:
        threads.append(threading.current_thread())
        if len(threads) > 3:
            done.set()
            turns[2].wait()
        return np.full((4, 6, 3), len(threads), np.uint8)

    source = lg.FunctionSource(read, name="mycam", close=lambda: threads.append(threading.current_thread()))
    assert done.wait(5)  # three pictures came before anybody asked
    frame = source.newest(5)
    assert frame is not None
    assert (frame.index, frame.pixels[0, 0, 0], frame.media_time) == (2, 3, None)
    turns[2].set()
    source.close()
    assert source.ended
    assert source.newest(0) is None
    assert len(set(threads)) == 1
    assert threads[0] is not threading.main_thread()


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize(
    ("pictures", "told"),
    [
        ([], "mycam 3 gave no picture: is it connected?"),
        ([ConnectionError("no trigger")], "mycam 3 failed: ConnectionError: no trigger"),
        (["text"], "mycam 3 gave str: a NumPy array of shape (H, W, 3) uint8 BGR is needed."),
        ([GREY / 255], "mycam 3 gave an array (4, 6, 3) float64: (H, W, 3) uint8 BGR is needed."),
        ([GREY[..., 0]], "mycam 3 gave an array (4, 6) uint8: (H, W, 3) uint8 BGR is needed."),
        ([GREY, GREY[:3]], "mycam 3 gave a picture of 6×3 after one of 6×4: all must have one size."),
    ],
)
def test_a_function_that_gives_no_pictures_is_a_source_error(
    live: bool, pictures: list[Any], told: str
) -> None:
    closed: list[int] = []
    with (
        pytest.raises(lg.SourceError) as raised,
        given(*pictures, live=live, close=lambda: closed.append(1)) as source,
    ):
        list(source)
    assert str(raised.value) == told
    assert closed == [1]


def test_a_camera_that_gives_no_picture_in_time_is_a_source_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_source, "_PATIENCE", 0.05)
    ends = threading.Event()

    def read() -> None:
        ends.wait(0.5)

    with pytest.raises(lg.SourceError, match=r"mycam gave no picture within 0 s: is it connected\?"):
        lg.FunctionSource(read, name="mycam")


@pytest.mark.parametrize("live", [True, False])
def test_a_camera_without_a_picture_yet_is_asked_again_and_ends_if_none_comes(
    live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(function_source, "_PATIENCE", 0.3)
    closed: list[int] = []
    moments = iter([TimeoutError("early"), GREY, TimeoutError("later"), GREY])

    def read() -> Any:
        moment = next(moments, None)
        if moment is None:
            time.sleep(0.01)
            raise TimeoutError("grab timed out")
        if isinstance(moment, TimeoutError):
            raise moment
        return moment

    source = lg.FunctionSource(read, name="mycam", live=live, close=lambda: closed.append(1))
    with (
        pytest.raises(lg.SourceError, match=r"mycam gave no picture for 0 s: TimeoutError: grab timed out"),
        source,
    ):
        list(source)
    assert source.frames_captured == 2
    assert closed == [1]


class Complete(Closeable):
    """Has everything that a source that is not live needs."""

    name, live, size, fps, notice, reconnects, frames_captured = "whole", False, (6, 4), None, None, 0, 0

    def __init__(
        self, frames: Callable[[], Iterator[Any]] = lambda: iter([Frame(GREY, 0, 0.0, 0.0)])
    ) -> None:
        self._frames = frames

    def describe(self) -> str:
        return "whole: 6×4"

    def __iter__(self) -> Iterator[Frame]:
        return self._frames()

    def close(self) -> None:
        raise OSError("stuck")


def test_a_source_with_all_members_is_taken_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    with lg.open_source(Complete()) as source:
        assert [frame.size for frame in source] == [(6, 4)]
        assert (source.name, source.size, source.fps, source.describe()) == (
            "whole",
            (6, 4),
            None,
            "whole: 6×4",
        )
    assert caplog.messages == ["the source Complete could not be closed: OSError: stuck"]


def raising() -> Iterator[Any]:
    yield Frame(GREY, 0, 0.0, 0.0)
    raise ValueError("torn")


@pytest.mark.parametrize(
    ("frames", "told"),
    [
        (lambda: iter([GREY]), "gave ndarray: a live_gradcam.Frame is needed."),
        (
            lambda: iter([Frame(GREY[0], 0, 0.0)]),
            "gave an array (6, 3) uint8: (H, W, 3) uint8 BGR is needed.",
        ),
        (raising, "failed: ValueError: torn"),
        (lambda: 3, "failed: TypeError: "),
    ],
)
def test_frames_of_another_form_are_an_error_that_names_the_source(
    frames: Callable[[], Any], told: str
) -> None:
    with pytest.raises(lg.SourceError) as raised:
        list(OwnSource(Complete(frames), "the source 'odd' of odd-one 1.2"))
    assert str(raised.value).startswith(f"the source 'odd' of odd-one 1.2 {told}")


@pytest.mark.parametrize("lacking", ["describe", "__iter__", "fps", "newest"])
def test_a_source_that_lacks_something_is_an_error_that_says_what(lacking: str) -> None:
    members = {name: value for name, value in vars(Complete).items() if name != lacking}
    odd: Any = type("Odd", (), members | {"live": lacking == "newest", "ended": False})
    with pytest.raises(
        lg.SourceError, match=rf"the source Odd lacks '{lacking}' \(its type is Odd\): the page Plug-ins"
    ):
        lg.open_source(odd())


def test_a_source_of_this_package_is_not_wrapped() -> None:
    source = given(GREY)
    assert lg.open_source(source) is source


def test_a_source_of_a_package_opens_by_name_with_what_follows_the_colon(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    install("some-cams", CODE, source="mycam")
    with lg.open_source("MyCam:rtsp://10.0.0.7/live") as source:
        assert source.name == "mycam rtsp://10.0.0.7/live"
    with lg.open_source("mycam") as source:
        assert source.name == "mycam "
    with pytest.raises(
        lg.SourceError,
        match=r"the source 'mycam' of some-cams 1\.2 cannot be opened: OSError: no such camera",
    ):
        lg.open_source("mycam:none")
    with lg.open_source("mycam:1", fps=10):
        assert caplog.messages == ["mycam 1: --size, --camera-fps and --backend are for cameras only"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mycam").mkdir()
    with pytest.raises(lg.SourceError, match="no picture"):
        lg.open_source("mycam")  # a folder of that name comes first


def test_what_a_package_gives_instead_of_a_source_is_an_error_that_names_it(install: Install) -> None:
    install("odd-one", "def odd(rest): return None", source="odd")
    with pytest.raises(
        lg.SourceError, match=r"the source 'odd' of odd-one 1\.2 lacks 'name' \(its type is NoneType\)"
    ):
        lg.open_source("odd:")


def test_a_camera_that_fails_later_names_its_package(install: Install) -> None:
    install(
        "odd-one",
        "import numpy as np\nimport live_gradcam as lg\nread = iter([np.zeros((4, 6, 3), np.uint8)]).__next__\n"
        "def odd(rest): return lg.FunctionSource(read, name='odd', live=False)",
        source="odd",
    )
    with pytest.raises(lg.SourceError) as raised, lg.open_source("odd:") as source:
        list(source)
    assert str(raised.value) == "the source 'odd' of odd-one 1.2 failed: odd failed: StopIteration"


@pytest.fixture(autouse=True)
def warnings_are_heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
