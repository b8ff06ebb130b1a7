"""The loop over a file: it stands still, steps and seeks, and the recording's clock never goes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from acting import FakeWindow
from clips import index_of, shade, write_clip
from fakes import explained
from films import play as film_of
from limits import at_most
from PIL import Image

from live_gradcam.config import Settings
from live_gradcam.frame import Pixels
from live_gradcam.live.choice import Menu
from live_gradcam.metrics.proofs import ProvedAnswers
from live_gradcam.pipeline import play
from live_gradcam.question import Answer, Question
from live_gradcam.render.canvas import legible_canvas
from live_gradcam.rendered_picture import Rendered
from live_gradcam.run_statistics import RunStatistics
from live_gradcam.sinks.recorder import Recorder
from live_gradcam.sinks.sink import NullSink, SinkGroup
from live_gradcam.sources.slides import ImagesSource
from live_gradcam.sources.source import Source
from live_gradcam.sources.video import VideoSource
from live_gradcam.viewer_input import Event, Key, Pointer


@pytest.fixture(autouse=True)
def no_thread_is_left_over() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


class Reads:
    """Answers at once, and remembers which frames of the clip it was asked about, and what."""

    traces = 1

    def __init__(self) -> None:
        self.asked: list[tuple[int, Question]] = []
        self.pictures: list[Pixels] = []

    def ready(self, question: Question, size: tuple[int, int]) -> bool:  # noqa: ARG002 - for any
        return True

    def prepare(self, question: Question, size: tuple[int, int]) -> Iterator[str]:  # noqa: ARG002 - for any
        return iter(())

    def answer(self, pixels: Pixels, question: Question) -> Answer:
        self.asked.append((index_of(pixels), question))
        self.pictures.append(pixels)
        return Answer(question, (explained((0, 0, 64, 48)),))


def keys(*names: str) -> tuple[Event, ...]:
    return tuple(Key(name) for name in names)


def watch(
    tmp_path: Path,
    script: dict[int, tuple[Event, ...]],
    *,
    frames: int = 8,
    times_ms: list[int] | None = None,
    recorder: Recorder | None = None,
) -> tuple[list[Rendered], Reads]:
    """Play a clip to a viewer who does something at the nth picture."""
    window, answers, sinks = FakeWindow(script), Reads(), SinkGroup()
    sinks.add(window)
    if recorder is not None:
        sinks.add(recorder)
    clip = write_clip(tmp_path / "clip.mp4", times_ms or [40 * n for n in range(frames)])
    with VideoSource(clip) as source:
        menu = Menu(methods=("gradcam", "hirescam"))
        play(source, answers, sinks, Settings(motion="off"), RunStatistics(), menu=menu)
    sinks.close()
    assert sinks.failures == []
    return window.shown, answers


def numbers(shown: list[Rendered]) -> list[int]:
    """Which frames of the clip were shown, in order, each picture of a frame that stands still once."""
    found = [index_of(each.frame.pixels) for each in shown]
    return [one for one, before in zip(found, [None, *found], strict=False) if one != before]


def test_without_a_viewer_s_word_every_frame_is_shown_once_and_it_ends(tmp_path: Path) -> None:
    shown, answers = watch(tmp_path, {})
    assert [index_of(each.frame.pixels) for each in shown] == list(range(8))
    assert [number for number, _ in answers.asked] == list(range(8))


@pytest.mark.long
def test_a_paused_file_goes_on_frame_by_frame_and_then_by_itself(tmp_path: Path) -> None:
    shown, _ = watch(tmp_path, {3: keys(" "), 4: keys("."), 6: keys("."), 9: keys(" ")})
    assert numbers(shown) == list(range(8))


@pytest.mark.long
def test_stepping_back_shows_the_frame_before(tmp_path: Path) -> None:
    # Each press draws the standing picture once more, and the next frame is another picture.
    shown, _ = watch(tmp_path, {4: keys(" "), 5: keys(","), 7: keys(","), 9: keys(","), 12: keys("q")})
    assert numbers(shown)[:7] == [0, 1, 2, 3, 2, 1, 0]


@pytest.mark.long
def test_stepping_back_where_the_rate_varies_is_not_stuck(tmp_path: Path) -> None:
    shown, _ = watch(
        tmp_path, {4: keys(" "), 5: keys(","), 8: keys("q")}, times_ms=[0, 40, 80, 300, 320, 340]
    )
    assert numbers(shown)[:5] == [0, 1, 2, 3, 2]


def test_arrows_seek_by_five_seconds_and_stay_in_the_file(tmp_path: Path) -> None:
    times_ms = [500 * n for n in range(25)]
    shown, _ = watch(
        tmp_path,
        {1: keys(" "), 2: keys("ArrowRight"), 4: keys("ArrowLeft"), 6: keys("ArrowLeft"), 8: keys("q")},
        times_ms=times_ms,
    )
    assert numbers(shown)[:4] == [0, 10, 0]


def test_a_paused_file_is_explained_anew_when_something_else_is_asked(tmp_path: Path) -> None:
    _, answers = watch(tmp_path, {3: keys(" "), 4: keys("m"), 7: keys("q")}, frames=5)
    assert (2, "hirescam") in [(number, question.methods[0]) for number, question in answers.asked]


def test_a_paused_file_is_explained_anew_when_it_is_mirrored(tmp_path: Path) -> None:
    _, answers = watch(tmp_path, {3: keys(" "), 4: keys("i"), 7: keys("q")}, frames=5)
    turned = answers.pictures[-1]
    assert turned[0, -1].min() > 200, "the white corner is at the right now"
    assert answers.asked[-1][0] == 2


def test_the_recording_s_clock_never_goes_back(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mp4", wait=True)
    shown, _ = watch(tmp_path, {5: keys("ArrowLeft")}, recorder=recorder)
    film = film_of(tmp_path / "out.mp4")
    assert film.seconds == sorted(set(film.seconds))
    assert len(film.pictures) == 5 + 8
    assert numbers(shown) == [0, 1, 2, 3, 4, *range(8)]
    steps = [after - before for before, after in zip(film.seconds, film.seconds[1:], strict=False)]
    assert steps == pytest.approx([0.04] * 12, abs=0.005)


def turn_slides(
    tmp_path: Path, script: dict[int, tuple[Event, ...]], *names: str, **settings: object
) -> list[Rendered]:
    """Show pictures, the nth of which says n, to a viewer who does something at the nth that is drawn."""
    for name in names:
        if name == "broken.png":
            (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\nbroken")
        elif name.endswith(".gif"):
            write_gif(tmp_path / name, [int(name[0]), int(name[0]) + 1], 60)
        else:
            cv2.imwrite(str(tmp_path / name), numbered(int(name[0])))
    window, answers, sinks = FakeWindow(script), Reads(), SinkGroup()
    sinks.add(window)
    with ImagesSource([tmp_path / name for name in names]) as source:
        menu = Menu(methods=("gradcam", "hirescam"))
        play(source, answers, sinks, Settings(motion="off", **settings), RunStatistics(), menu=menu)  # type: ignore[arg-type]
    sinks.close()
    return window.shown


def numbered(number: int) -> Pixels:
    """A picture that `index_of` reads."""
    return np.full((48, 64, 3), shade(number), np.uint8)


def write_gif(path: Path, indices: list[int], milliseconds: int) -> None:
    first, *rest = (Image.fromarray(numbered(n)) for n in indices)
    first.save(path, save_all=True, append_images=rest, duration=milliseconds)


PICTURES = ("0.png", "1.png", "2.png")


@pytest.mark.parametrize(
    ("on", "back"),
    [
        ("ArrowRight", "ArrowLeft"),
        pytest.param("PageDown", "PageUp", marks=pytest.mark.screens),
        pytest.param(".", ",", marks=pytest.mark.screens),
        ("click", "click"),
    ],
)
def test_slides_stay_until_the_viewer_turns_them_and_the_last_one_stays(
    tmp_path: Path, on: str, back: str
) -> None:
    def turned(step: int) -> tuple[Event, ...]:
        width, _ = legible_canvas((64, 48))  # of what the viewer sees
        x = width - 2 if step > 0 else 1
        clicked = (Pointer("down", x, 20), Pointer("up", x, 20))
        return clicked if on == "click" else keys(on if step > 0 else back)

    script = {1: turned(1), 3: turned(1), 5: turned(1), 7: turned(-1), 9: turned(-1), 11: turned(-1)}
    with at_most(20):
        shown = turn_slides(tmp_path, {**script, 14: keys("q")}, *PICTURES)
        assert numbers(shown) == [0, 1, 2, 1, 0]
    times = [each.frame.time for each in shown]
    assert times == sorted(times)


def test_a_slide_that_cannot_be_read_is_passed_over_both_ways(tmp_path: Path) -> None:
    script = {1: keys("ArrowRight"), 3: keys("ArrowLeft"), 5: keys("q")}
    shown = turn_slides(tmp_path, script, "0.png", "broken.png", "1.png")
    assert numbers(shown) == [0, 1, 0]


def test_a_slide_that_moves_is_played_and_its_last_picture_stays(tmp_path: Path) -> None:
    shown = turn_slides(tmp_path, {4: keys("ArrowRight"), 7: keys("q")}, "0.gif", "5.png")
    assert numbers(shown) == [0, 1, 5]


def test_what_was_looked_at_on_one_slide_is_not_looked_at_on_the_next(tmp_path: Path) -> None:
    dragged = (Pointer("down", 10, 5), Pointer("up", 50, 40))
    shown = turn_slides(tmp_path, {1: dragged, 3: keys("ArrowRight"), 6: keys("q")}, *PICTURES)
    assert numbers(shown) == [0, 1]
    outlined, plain = (shown[n].pixels[5:40, 10].astype(int) for n in (2, -1))
    assert outlined.std() > 10 or np.abs(outlined - plain).mean() > 10


@pytest.mark.parametrize("settings", [{"frames": 3}, {"duration": 5.0}])
def test_a_run_that_is_to_end_by_itself_turns_its_slides_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, object]
) -> None:
    monkeypatch.setattr("live_gradcam.sources.slides.SECONDS_PER_IMAGE", 0.1)
    shown = turn_slides(tmp_path, {}, *PICTURES, **settings)
    assert numbers(shown) == [0, 1, 2]


class Halves(Reads):
    """Sees a thing in the left half of each picture, as probable as that half is bright."""

    def answer_batch(self, images: Sequence[Pixels], questions: Sequence[Question]) -> list[Answer]:
        return [self.answer(image, question) for image, question in zip(images, questions, strict=True)]

    def answer(self, pixels: Pixels, question: Question) -> Answer:
        self.asked.append((0, question))
        height, width = pixels.shape[:2]
        heat = np.zeros((4, 4), np.float32)
        heat[1:3, :1] = 1
        bright = float(pixels[height // 4 : 3 * height // 4, : width // 4].mean()) / 255
        top = (("thing", 0.4 + 0.5 * bright), ("other", 0.1))
        return Answer(question, (explained((0, 0, width, height), heat, top=top),))


def run_with_tests(
    source: Source, script: dict[int, tuple[Event, ...]], **settings: Any
) -> tuple[list[Rendered], RunStatistics]:
    """Play a source to a viewer, with masking tests."""
    window, statistics, halves = FakeWindow(script), RunStatistics(), Halves()
    answers = ProvedAnswers(halves, "stretch", [(48, 64)])
    sinks = SinkGroup()
    if script:
        sinks.add(window)
    else:
        sinks.add(shown := Shown())
    with source:
        chosen = Settings(motion="off", **settings)
        play(source, answers, sinks, chosen, statistics, menu=Menu(methods=("gradcam",)), tester=answers)
    sinks.close()
    assert sinks.failures == []
    return window.shown if script else shown.pictures, statistics


class Shown(NullSink):
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.pictures: list[Rendered] = []

    def write(self, rendered: Rendered) -> None:
        self.pictures.append(rendered)


def photo_of_a_thing(tmp_path: Path) -> Path:
    image = np.full((240, 320, 3), 40, np.uint8)
    image[60:180, :80] = 250
    path = tmp_path / "thing.png"
    cv2.imwrite(str(path), image)
    return path


def test_a_photo_in_the_window_is_tested_while_it_stands_there(tmp_path: Path) -> None:
    source = ImagesSource([photo_of_a_thing(tmp_path)])
    shown, statistics = run_with_tests(source, {1: (), 3: keys("q")})
    first, last = shown[0].explanation, shown[-1].explanation
    assert first is not None
    assert first.faithfulness is None, "the picture did not wait for it"
    assert last is not None
    assert last.faithfulness is not None
    assert last.faithfulness.heat.alone > last.faithfulness.heat.without
    assert not np.array_equal(shown[0].pixels, shown[-1].pixels)
    assert statistics.faithfulness.count == 1


def test_a_video_in_the_window_is_tested_before_the_next_frame_is_due(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [100 * n for n in range(12)])
    shown, statistics = run_with_tests(VideoSource(clip), {99: ()})
    assert len({each.frame.index for each in shown}) == 12  # one may be drawn again while it waits
    assert statistics.faithfulness.count >= 1
    assert any(each.explanation is not None and each.explanation.faithfulness is not None for each in shown)


@pytest.mark.parametrize(("faithfulness", "count"), [(True, 8), (None, 0), (False, 0)])
def test_without_a_window_each_frame_of_a_file_is_tested_if_that_is_asked_for(
    faithfulness: bool | None, count: int, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [40 * n for n in range(8)])
    shown, statistics = run_with_tests(VideoSource(clip), {}, faithfulness=faithfulness)
    assert statistics.faithfulness.count == count
    found = [each.explanation.faithfulness for each in shown if each.explanation is not None]
    assert len(found) == 8
    assert sum(each is not None for each in found) == count


class Compiles(Reads):
    """Compiles a new question for half a second, and tells when that begins and ends."""

    def __init__(self) -> None:
        super().__init__()
        self.known = {Question().methods}
        self.while_compiling: list[Question] = []
        self.compiling = False

    def ready(self, question: Question, size: tuple[int, int]) -> bool:  # noqa: ARG002 - for any
        return question.methods in self.known

    def prepare(self, question: Question, size: tuple[int, int]) -> Iterator[str]:  # noqa: ARG002 - for any
        self.compiling = True
        yield " ".join(question.methods)
        time.sleep(0.5)
        self.compiling = False
        self.known.add(question.methods)

    def answer(self, pixels: Pixels, question: Question) -> Answer:
        if self.compiling:
            self.while_compiling.append(question)
        return super().answer(pixels, question)


def test_a_standing_picture_is_neither_explained_nor_tested_while_another_question_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On two cores that would take half of the time of compiling."""

    class Watching(FakeWindow):
        """Presses m once, and quits when that is answered."""

        def write(self, shown: Rendered) -> None:
            super().write(shown)
            if len(self.shown) == 2:
                self.do("m")

        def poll(self, wait_ms: int = 1) -> None:
            super().poll(wait_ms)
            if answers.asked and answers.asked[-1][1].methods == ("hirescam",):
                self.do("q")

    class Tests:
        """Spare work that never ends."""

        share: float | None = None

        def explained(self, *_: object) -> None:
            pass

        def newest(self) -> None:
            pass

        def step(self, **_: object) -> bool:
            steps.append(answers.compiling)
            return True

    cv2.imwrite(str(tmp_path / "1.png"), np.full((48, 64, 3), shade(3), np.uint8))
    answers, sinks, window, steps = Compiles(), SinkGroup(), Watching({}), list[bool]()
    sinks.add(window)
    monkeypatch.setattr("live_gradcam.pipeline.SpareTests", lambda *_, **__: Tests())
    with ImagesSource([tmp_path / "1.png"]) as source, at_most(20):
        menu = Menu(methods=("gradcam", "hirescam"))
        tester = ProvedAnswers(answers, "crop", [(32, 32)])  # type: ignore[arg-type]  # it is not asked
        play(source, answers, sinks, Settings(motion="off"), RunStatistics(), menu=menu, tester=tester)
    assert answers.while_compiling == []
    assert False in steps
    assert steps.count(True) <= 1, "but one that was begun before"
    assert [question.methods for _, question in answers.asked] == [("gradcam",), ("hirescam",)]
