"""The show: it does what the viewer asks of it, and says so."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from acting import Acting, FakeWindow, Pages
from films import files, play
from limits import until

from live_gradcam.config import Settings
from live_gradcam.errors import SinkError
from live_gradcam.frame import Frame, Pixels
from live_gradcam.live.run_controller import HINT_SECONDS, RunController
from live_gradcam.run_statistics import RunStatistics
from live_gradcam.session.saving_view import SavingView
from live_gradcam.sinks.clips import Clips
from live_gradcam.sinks.recorder import Recorder
from live_gradcam.sinks.sink import SinkGroup
from live_gradcam.sources.slides import ImagesSource
from live_gradcam.sources.source import Source


class Hand:
    """A run controller whose keys a test presses."""

    def __init__(
        self,
        *,
        records: bool = True,
        source: Source | None = None,
        recorder: Recorder | None = None,
        acting: Acting | None = None,
        clips: Clips | None = None,
    ) -> None:
        self.acting = acting or Acting()
        self.index = -1
        self.window = FakeWindow({})
        self.sinks = SinkGroup()
        self.sinks.add(self.window)
        if recorder is not None:
            self.sinks.add(recorder)
        self.controller = RunController(
            source or Pages(),
            self.sinks,
            self.acting.view,
            Settings(),
            RunStatistics(),
            clips=clips,
            make_recorder=self.record if records else self.refuse,
            recorder=recorder,
        )

    def record(self, path: Path) -> Recorder:
        return Recorder(path, wait=True)

    def refuse(self, path: Path) -> Recorder:
        raise SinkError(f"cannot record to '{path}': the disk is full.")

    def press(self, *keys: str) -> str:
        """Press keys at the next picture, and return what is said then."""
        self.window.do(*keys)
        self.index += 1
        grey = Frame(np.full((360, 640, 3), 90, np.uint8), self.index, self.index / 30)
        self.controller.show(self.acting.view.show_frame(grey))
        return self.acting.view.toast


def red(picture: Pixels) -> int:
    """How many pixels are as red as the sign of a recording."""
    blue, green, red = (picture[..., channel].astype(int) for channel in range(3))
    return int(((red > 200) & (green < 80) & (blue < 80)).sum())


@pytest.fixture
def hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hand]:
    monkeypatch.chdir(tmp_path)
    hand = Hand()
    yield hand
    hand.sinks.close()


def test_the_key_r_records_to_a_file_named_by_date_and_time(hand: Hand, tmp_path: Path) -> None:
    assert hand.press("r") == "recording"
    for _ in range(3):
        hand.press()
    said = hand.press("r")
    assert re.fullmatch(r"recorded live-gradcam-\d{8}-\d{6}\.mp4", said)
    name = said.removeprefix("recorded ")
    assert files(tmp_path) == [name.replace(".mp4", ".jsonl"), name]


def test_the_window_alone_shows_that_it_records(hand: Hand, tmp_path: Path) -> None:
    hand.press("r")
    hand.press()
    hand.press()
    assert [red(shown.pixels) > 20 for shown in hand.window.shown] == [False, True, True]
    hand.press("r")
    hand.press()
    assert [red(shown.pixels) > 20 for shown in hand.window.shown[3:]] == [True, False]
    (recording,) = tmp_path.glob("*.mp4")
    assert [red(picture) for picture in play(recording).pictures] == [0, 0, 0]


def test_the_time_of_a_recording_goes_on_while_no_frame_comes(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand.press("r")
    hand.press()
    hand.controller.wait()
    assert len(hand.window.shown) == 2, "nothing is new"
    now = time.monotonic()
    monkeypatch.setattr("live_gradcam.live.run_controller.time.monotonic", lambda: now + 1.2)
    hand.controller.wait()
    before, after = hand.window.shown[-2:]
    assert not np.array_equal(before.pixels, after.pixels)


def test_the_key_j_saves_the_pictures_that_were_shown_and_says_where(tmp_path: Path) -> None:
    with Clips(10.0, tmp_path) as clips:
        hand = Hand(clips=clips)
        hand.press()
        until(lambda: clips.bytes_kept)
        first = clips.bytes_kept
        hand.press()  # left out: of 30 pictures a second every second one is kept
        hand.press()
        until(lambda: clips.bytes_kept > first)
        assert hand.press("j") == "saving the last 0 s …"
        until(lambda: clips.written)
        hand.controller.wait()
        before, after = hand.window.shown[-2:]
        assert not np.array_equal(before.pixels, after.pixels), "the name of the file is on the picture"
    (clip,) = clips.written
    seen = play(clip).pictures
    assert [picture.shape for picture in seen] == [(360, 640, 3)] * 2
    assert float(cv2.PSNR(seen[0], hand.window.shown[0].pixels)) > 30
    assert Hand().press("j") == "no clips: --clip-seconds is 0"


def test_a_recording_of_nothing_is_not_said_to_be_one(hand: Hand, tmp_path: Path) -> None:
    assert hand.press("r", "r") == "nothing was recorded"
    assert [name for name in files(tmp_path) if name.endswith(".mp4")] == []


@pytest.mark.parametrize("photos", [1, 2])
def test_a_still_photo_is_not_recorded_and_the_key_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photos: int
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(photos):
        cv2.imwrite(f"{number}.png", np.full((48, 64, 3), 90, np.uint8))
    paths = [tmp_path / f"{number}.png" for number in range(photos)]
    hand = Hand(source=ImagesSource(paths))
    said = hand.press("r")
    assert hand.press("j") == said
    single, slides = "a still photo cannot be recorded: s saves it", "slides are not recorded: s saves one"
    assert said == (single if photos == 1 else slides)
    hand.sinks.close()


def test_a_recording_that_began_with_the_run_can_be_ended_on_a_photo(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "photo.png"), np.full((48, 64, 3), 90, np.uint8))
    recorder = Recorder(tmp_path / "out.mp4", wait=True)
    hand = Hand(source=ImagesSource([tmp_path / "photo.png"]), recorder=recorder)
    assert hand.press("r") == "recorded out.mp4"
    assert len(play(tmp_path / "out.mp4").pictures) == 1


@pytest.mark.parametrize("seen", [True, False])
def test_a_session_that_fails_ends_a_show_that_nobody_sees(tmp_path: Path, seen: bool) -> None:
    view = Acting(saved=tmp_path).view
    assert isinstance(view, SavingView)
    sinks = SinkGroup()
    if seen:
        sinks.add(FakeWindow({}))
    show = RunController(Pages(), sinks, view, Settings(), RunStatistics())
    assert not show.ended
    view.failure = "the session is no longer saved: no space left."
    assert show.ended is not seen
    view.close()


def test_a_recording_that_cannot_begin_says_why_and_the_show_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hand = Hand(records=False)
    assert hand.press("r").endswith("the disk is full.")
    assert not hand.controller.ended


def test_q_ends_the_show_and_f_fills_the_screen(hand: Hand) -> None:
    hand.press("f")
    assert hand.window.fullscreen == 1
    hand.press("q")
    assert hand.controller.ended


def test_what_a_live_source_cannot_do_is_said(hand: Hand) -> None:
    assert hand.press("ArrowLeft") == "only works with video files"
    assert hand.press(".") == "only works with video files"
    assert hand.press("Tab") == "there is no other camera or source"
    assert not hand.controller.moves_wait


def test_for_the_first_five_seconds_the_window_alone_says_which_key_shows_the_others(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = time.monotonic()
    clock = iter([began])
    monkeypatch.setattr("live_gradcam.live.run_controller.time.monotonic", lambda: next(clock, began))
    hand.press()
    first = hand.window.shown[-1].pixels
    assert first[:, 480:].max() > 240, "white letters at the top right"
    monkeypatch.setattr("live_gradcam.live.run_controller.time.monotonic", lambda: began + HINT_SECONDS + 0.1)
    hand.controller.wait()
    assert hand.window.shown[-1].pixels[:60, 480:].max() < 200


def test_the_hint_stands_beside_the_sign_of_a_recording(hand: Hand) -> None:
    hand.press("r")
    hand.press()
    with_both = hand.window.shown[-1].pixels
    assert red(with_both[:, 560:]) > 20
    assert with_both[:50, 400:540].max() > 240


def test_a_window_that_the_viewer_resizes_is_told_to_the_view_at_once_but_while_it_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hand = Hand()
    hand.press()
    renderer = hand.acting.view._renderer
    assert renderer.room is None
    hand.window.room = (500, 700)
    shown = len(hand.window.shown)
    hand.controller.wait()
    assert renderer.room == (500, 700)
    assert len(hand.window.shown) == shown + 1
    hand.press("r")
    hand.press()
    assert renderer.room is None, "the pictures of a recording have one size"
    hand.press("r")
    hand.press()
    assert renderer.room == (500, 700)
