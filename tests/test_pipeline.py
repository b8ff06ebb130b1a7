"""The loop: pictures at the camera's rate, explanations at the network's, and an end that loses nothing."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pytest
from fakes import explained
from programs import frames_in

from live_gradcam.config import Settings
from live_gradcam.errors import LiveGradcamError, SinkError, SourceError
from live_gradcam.frame import Frame, Pixels
from live_gradcam.pipeline import play
from live_gradcam.question import Answer, Question
from live_gradcam.shown import Shown
from live_gradcam.sinks.recorder import Recorder
from live_gradcam.sinks.several import SeveralSinks
from live_gradcam.statistics import Statistics

SIZE = (160, 120)


class FakeCamera:
    """A live source whose frames come at a rate; frame i is grey i. It may fall silent, fail or end."""

    name, live, size, reconnects = "fake camera", True, SIZE, 0

    def __init__(
        self, fps: float = 100, *, frames: int = 10_000, fails: bool = False, silent_after: int | None = None
    ) -> None:
        self.fps: float | None = fps
        self.notice: str | None = None
        self._frames, self._fails, self._silent_after = frames, fails, silent_after
        self._closing = threading.Event()
        self.captured: dict[int, float] = {}

    @property
    def frames_captured(self) -> int:
        return len(self.captured)

    def describe(self) -> str:
        return self.name

    def __iter__(self) -> Iterator[Frame]:
        assert self.fps is not None
        for index in range(self._frames):
            if self._closing.wait(1 / self.fps):
                return
            if self._silent_after is not None and index >= self._silent_after:
                self.notice = "camera lost, reconnecting"
                self._closing.wait()
                return
            self.captured[index] = time.monotonic()
            pixels = np.full((SIZE[1], SIZE[0], 3), index % 256, np.uint8)
            yield Frame(pixels, index, self.captured[index])
        if self._fails:
            raise SourceError("the fake camera caught fire. Put it out.")

    def close(self) -> None:
        self._closing.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class FakeExplainer:
    """Takes its time to answer, and may fail at one frame; it is ready for every question."""

    traces = 1

    def __init__(
        self, seconds: float = 0.0, *, fails_at: int | None = None, source: FakeCamera | None = None
    ) -> None:
        self._seconds, self._fails_at, self._source = seconds, fails_at, source
        self.explained = 0
        self.began_late: list[float] = []

    def ready(self, question: Question, size: tuple[int, int]) -> bool:  # noqa: ARG002 - for any
        return True

    def prepare(self, question: Question, size: tuple[int, int]) -> Iterator[str]:  # noqa: ARG002 - for any
        return iter(())

    def answer(self, pixels: Pixels, question: Question) -> Answer:
        if self.explained == self._fails_at:
            raise LiveGradcamError("the network broke. Take another.")
        self.explained += 1
        if self._source is not None:
            self.began_late.append(time.monotonic() - self._source.captured[int(pixels[0, 0, 0])])
        time.sleep(self._seconds)
        return Answer(question, (explained(region=(0, 0, *SIZE)),))


class FakeSink:
    """Keeps what it gets; it may hang, fail, or ask to end."""

    name = "fake sink"

    def __init__(
        self,
        *,
        ends_after: int | None = None,
        fails_after: int | None = None,
        hangs_after: int | None = None,
        notice: str | None = None,
    ) -> None:
        self.notice = notice
        self._ends_after, self._fails_after, self._hangs_after = ends_after, fails_after, hangs_after
        self.shown: list[int] = []
        self.pictures: list[Any] = []
        self.taken: list[Shown] = []
        self.closed = 0

    @property
    def finished(self) -> bool:
        return self._ends_after is not None and len(self.shown) >= self._ends_after

    def write(self, shown: Shown) -> None:
        if self._fails_after is not None and len(self.shown) >= self._fails_after:
            raise SinkError("the fake sink is full. Empty it.")
        if len(self.shown) == self._hangs_after:
            threading.Event().wait(20)
        self.shown.append(shown.frame.index)
        self.pictures.append(shown.pixels)
        self.taken.append(shown)

    def close(self) -> None:
        self.closed += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@pytest.fixture(autouse=True)
def no_thread_is_left_over() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) - before == set()


def show(
    source: FakeCamera, explainer: FakeExplainer, *sinks: FakeSink | Recorder, **settings: Any
) -> tuple[Statistics, SeveralSinks]:
    statistics, several = Statistics(), SeveralSinks()
    for sink in sinks:
        several.add(sink)
    play(source, explainer, several, Settings(**settings), statistics)
    return statistics, several


def test_the_picture_never_waits_for_the_network() -> None:
    sink = FakeSink()
    statistics, _ = show(FakeCamera(100), FakeExplainer(0.2), sink, duration=1.5)
    assert statistics.frames_explained <= 10
    assert statistics.frames_shown >= 5 * statistics.frames_explained
    assert sink.shown == sorted(set(sink.shown)), "frames are shown in order, none twice"
    assert statistics.age.quantile(0.5) > statistics.latency.quantile(0.5)  # type: ignore[operator] # both are there


def test_the_network_never_works_on_a_stale_frame() -> None:
    source = FakeCamera(100)
    explainer = FakeExplainer(0.05, source=source)
    show(source, explainer, FakeSink(), duration=1.0)
    # A queue would make frames older and older; a slot keeps them younger than one explanation and one frame.
    assert sorted(explainer.began_late)[len(explainer.began_late) // 2] < 0.05 + 0.01 + 0.02


def test_frames_counts_explained_frames() -> None:
    statistics, _ = show(FakeCamera(200), FakeExplainer(0.01), FakeSink(), frames=7)
    assert statistics.frames_explained == 7


def test_the_last_explanation_is_on_the_last_picture() -> None:
    sink = FakeSink()
    show(FakeCamera(200), FakeExplainer(0.1), sink, frames=1)
    # The heat is warm in the middle: the grey of the frame itself has no colour.
    middle = sink.pictures[-1][SIZE[1] // 2, SIZE[0] // 2].astype(int)
    assert middle.max() - middle.min() > 30


@pytest.mark.parametrize("ends_after", [1, 5])
def test_the_viewer_ends_it_within_a_second(ends_after: int) -> None:
    began = time.monotonic()
    sink = FakeSink(ends_after=ends_after)
    show(FakeCamera(100), FakeExplainer(0.3), sink)
    assert time.monotonic() - began < 1.5
    assert len(sink.shown) == ends_after


def test_an_error_of_the_source_reaches_the_user() -> None:
    with pytest.raises(SourceError, match="the fake camera caught fire"):
        show(FakeCamera(200, frames=20, fails=True), FakeExplainer(), FakeSink())


def test_the_end_of_the_source_is_the_end() -> None:
    sink = FakeSink()
    statistics, _ = show(FakeCamera(100, frames=30), FakeExplainer(), sink)
    assert sink.shown[-1] == 29
    assert statistics.frames_captured == 30


def test_a_model_that_fails_on_the_hundredth_frame_ends_it_with_its_line() -> None:
    explainer = FakeExplainer(fails_at=99)
    with pytest.raises(LiveGradcamError, match=r"the network broke\. Take another"):
        show(FakeCamera(500), explainer, FakeSink())
    assert explainer.explained == 99


def test_a_sink_that_fails_is_left_and_the_others_go_on() -> None:
    good, bad = FakeSink(ends_after=40), FakeSink(fails_after=5)
    _, several = show(FakeCamera(300), FakeExplainer(), good, bad)
    assert (len(good.shown), len(bad.shown)) == (40, 5)
    assert several.failures == ["the fake sink is full. Empty it."]
    several.close()
    several.close()
    assert (good.closed, bad.closed) == (1, 1)


def test_when_the_only_sink_has_failed_an_endless_run_is_over() -> None:
    _, several = show(FakeCamera(300), FakeExplainer(), FakeSink(fails_after=3))
    assert several.failures == ["the fake sink is full. Empty it."]


def has_recorded(recorder: Recorder, path: Path, shown: FakeSink) -> None:
    """Make sure that the film is whole, but for what a busy machine dropped and counted."""
    recorder.close()
    assert frames_in(path) + recorder.dropped == len(shown.shown)
    assert sorted(file.name for file in path.parent.iterdir()) == [path.with_suffix(".jsonl").name, path.name]


def test_when_the_model_fails_the_recording_is_whole(tmp_path: Path) -> None:
    sink, recorder = FakeSink(), Recorder(tmp_path / "out.mp4", wait=False)
    with pytest.raises(LiveGradcamError, match="the network broke"):
        show(FakeCamera(300), FakeExplainer(fails_at=99), sink, recorder)
    has_recorded(recorder, tmp_path / "out.mp4", sink)
    assert len(sink.shown) > 50


def test_when_the_source_fails_the_recording_is_whole(tmp_path: Path) -> None:
    sink, recorder = FakeSink(), Recorder(tmp_path / "out.mp4", wait=False)
    with pytest.raises(SourceError, match="the fake camera caught fire"):
        show(FakeCamera(100, frames=30, fails=True), FakeExplainer(), sink, recorder)
    has_recorded(recorder, tmp_path / "out.mp4", sink)


def test_when_another_sink_fails_the_recording_goes_on(tmp_path: Path) -> None:
    sink, recorder = FakeSink(ends_after=60), Recorder(tmp_path / "out.mp4", wait=False)
    show(FakeCamera(100), FakeExplainer(), FakeSink(fails_after=3), sink, recorder)
    has_recorded(recorder, tmp_path / "out.mp4", sink)
    assert len(sink.shown) == 60


@pytest.mark.skipif(sys.platform == "win32", reason="only on Linux and macOS: signals that can be sent")
def test_a_sink_that_hangs_keeps_nobody_from_ending_it_and_the_recording_is_whole(tmp_path: Path) -> None:
    hanging, recorder = FakeSink(hangs_after=30), Recorder(tmp_path / "out.mp4", wait=False)
    main = threading.main_thread().ident
    assert main is not None
    ctrl_c = threading.Timer(1.0, signal.pthread_kill, (main, signal.SIGINT))
    ctrl_c.start()
    with pytest.raises(KeyboardInterrupt):
        show(FakeCamera(100), FakeExplainer(), recorder, hanging)
    ctrl_c.join()
    hanging.shown.append(30)  # which the recording has, and it has not
    has_recorded(recorder, tmp_path / "out.mp4", hanging)


def test_what_a_sink_has_to_say_stands_on_the_picture_and_what_is_shown_comes_with_it() -> None:
    quiet, worried = FakeSink(ends_after=5), FakeSink(ends_after=5, notice="disk nearly full: 150 MB left")
    show(FakeCamera(100), FakeExplainer(), quiet)
    show(FakeCamera(100), FakeExplainer(), worried)
    corner = np.s_[4:20, 4:120]
    assert np.ptp(worried.pictures[-1][corner]) > 100  # light letters on a dark plate
    assert np.ptp(quiet.pictures[-1][corner]) < 100
    last = worried.taken[-1]
    assert last.explanation is not None
    assert last.heatmap is not None
    assert last.latency_ms is not None
    assert 0 <= last.latency_ms < 1000


def test_a_silent_camera_does_not_stop_the_clock() -> None:
    sink = FakeSink()
    began = time.monotonic()
    source = FakeCamera(200, silent_after=20)
    stop = threading.Timer(0.8, source.close)
    stop.start()
    statistics, _ = show(source, FakeExplainer(), sink)
    stop.join()
    assert time.monotonic() - began < 2.5
    assert statistics.frames_shown <= 20


def test_a_mirror_turns_what_is_explained_and_shown() -> None:
    class Half(FakeCamera):
        def __iter__(self) -> Iterator[Frame]:
            for frame in super().__iter__():
                frame.pixels[:, : SIZE[0] // 2] = 255
                yield frame

    sink = FakeSink(ends_after=1)
    show(Half(100), FakeExplainer(0.2), sink, mirror=True)
    assert sink.pictures[0][60, -5:].mean() == 255
    assert sink.pictures[0][60, :5].mean() < 50
