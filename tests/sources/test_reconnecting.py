"""Reconnecting, with feeds that do as they are told."""

from __future__ import annotations

import itertools
import logging
import re
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from fakes import Notices

from live_gradcam.errors import SourceError
from live_gradcam.sources import reconnecting
from live_gradcam.sources.feed import FeedLost, Shot
from live_gradcam.sources.reconnecting import Reconnecting, Wording

WORDING = Wording(
    name="camera 0",
    lost="camera lost, reconnecting",
    hangs="camera hangs, reconnecting",
    no_picture="camera 0 gives no frames.",
    only_damage="camera 0 sends only damaged frames.",
)


class Reel:
    """A feed that gives so many frames at 100 fps and is then lost, or falls silent."""

    fps: float | None = 100.0

    def __init__(
        self, count: int, *, size: tuple[int, int] = (8, 6), silent: bool = False, stamp: float | None = None
    ) -> None:
        self.size = size
        self.closed_by: str | None = None
        self._left = count
        self._silent = silent
        self._stamp = stamp

    def read(self) -> Shot | None:
        time.sleep(0.01)
        if self._left == 0:
            if self._silent:
                return None
            raise FeedLost("was unplugged")
        self._left -= 1
        width, height = self.size
        stamp = time.monotonic() if self._stamp is None else self._stamp
        return Shot(np.zeros((height, width, 3), np.uint8), stamp, 0.01)

    def close(self) -> None:
        self.closed_by = threading.current_thread().name


class Damaged(Reel):
    """A feed of which nothing can be decoded."""

    def read(self) -> Shot:
        time.sleep(0.01)
        return Shot(None, time.monotonic(), 0.01, damaged=True)


class Cabinet:
    """Opens one feed after the other; None is a try that fails."""

    def __init__(self, *feeds: Reel | None) -> None:
        self.tries = 0
        self._feeds: Iterator[Reel | None] = itertools.chain(feeds, itertools.repeat(None))

    def open(self) -> Reel:
        self.tries += 1
        feed = next(self._feeds)
        if feed is None:
            raise SourceError("there is no camera 0.")
        return feed


def live(cabinet: Cabinet) -> Reconnecting[Reel]:
    return Reconnecting(cabinet.open, WORDING, pause=0.02)


@pytest.mark.long
def test_what_ends_at_once_is_opened_a_few_times_a_second_only() -> None:
    """Such as the address of a single photo, whose server is not to be flooded."""
    opened: list[float] = []

    def open_one() -> Reel:
        opened.append(time.monotonic())
        return Reel(1)

    source = Reconnecting(open_one, WORDING, pause=0.02)
    frames = iter(source)
    for _ in range(4):
        next(frames)
    source.close()
    gaps = [after - before for before, after in itertools.pairwise(opened)]
    assert len(gaps) >= 3
    assert min(gaps) >= reconnecting.BETWEEN_OPENINGS


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"FIRST_PICTURE": 0.4, "STALL": 0.3, "SILENCE": 0.1, "SLOW_TO_OPEN": 0.1}.items():
        monkeypatch.setattr(reconnecting, name, seconds)


def test_frames_are_counted_on_and_time_never_falls_when_it_comes_back() -> None:
    first, second = Reel(5), Reel(500, stamp=1.0)
    source = live(Cabinet(first, None, None, second))
    frames = []
    for frame in source:
        frames.append(frame)
        if source.reconnects and len(frames) > 3:
            break
    source.close()
    assert [frame.index for frame in frames] == sorted({frame.index for frame in frames})
    assert frames[-1].index >= 5
    assert [frame.captured_at for frame in frames] == sorted(frame.captured_at for frame in frames)
    assert frames[-1].captured_at > 1.0
    assert first.closed_by == second.closed_by == "reader of camera 0"
    assert source.reconnects == 1


def test_what_is_lost_is_said_while_it_lasts_and_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    began = time.monotonic()
    with caplog.at_level(logging.WARNING):
        cabinet = Cabinet(Reel(5), *[None] * 10, Reel(500))
        source = live(cabinet)
        notices = Notices(source)
        notices.until(WORDING.lost)
        assert source.measured_fps is None
        notices.until(None)
        source.close()
    assert cabinet.tries == 12
    lost, back = caplog.messages
    assert lost == "camera 0 was unplugged: reconnecting"
    said = re.fullmatch(r"camera 0 is back after (\d+\.\d) s", back)
    assert said is not None
    assert 0 < float(said[1]) <= time.monotonic() - began + 0.05


def test_silence_is_said_before_it_is_opened_again() -> None:
    silent = Reel(5, silent=True)
    source = live(Cabinet(silent, Reel(500)))
    Notices(source).until(WORDING.hangs)
    assert silent.closed_by is None
    while source.reconnects == 0:  # on a busy machine its own frames may seem to hang before
        time.sleep(0.01)
    assert source.notice is None
    assert silent.closed_by is not None
    assert source.reconnects == 1
    source.close()


def test_a_source_that_comes_back_smaller_is_scaled_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        source = live(Cabinet(Reel(5), Reel(500, size=(4, 3))))
        sizes = {frame.size for frame in itertools.takewhile(lambda frame: frame.index < 12, source)}
        source.close()
    assert sizes == {(8, 6)}
    assert caplog.messages[2:] == ["camera 0 now gives 4×3: scaled to 8×6"]


def test_what_cannot_be_opened_at_first_is_an_error_at_once() -> None:
    cabinet = Cabinet()
    with pytest.raises(SourceError, match=r"there is no camera 0\."):
        live(cabinet)
    assert cabinet.tries == 1
    assert "reader of camera 0" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    ("feed", "message"),
    [
        (Reel(0), WORDING.no_picture),
        (Reel(0, silent=True), WORDING.no_picture),
        (Damaged(1), WORDING.only_damage),
    ],
)
def test_what_never_gives_a_picture_is_an_error(feed: Reel, message: str) -> None:
    source = live(Cabinet(feed, Reel(500)))
    with pytest.raises(SourceError, match=message):
        next(iter(source))
    source.close()
    assert feed.closed_by is not None


def test_a_first_picture_that_takes_long_is_said_to() -> None:
    source = live(Cabinet(Reel(0, silent=True)))
    Notices(source).until("no picture from camera 0 yet")
    source.close()


def test_slow_opening_is_said_and_a_stuck_one_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reconnecting, "OPEN_TIMEOUT", 0.3)
    lets_go = threading.Event()

    def stuck() -> Reel:
        lets_go.wait()
        return Reel(5)

    with caplog.at_level(logging.WARNING), pytest.raises(SourceError) as error:
        Reconnecting(stuck, WORDING, pause=0.02)
    assert str(error.value) == (
        "camera 0 did not open within 0.3 s. Unplug it, plug it in and try again, or try --source demo."
    )
    assert caplog.messages == [
        "camera 0 is slow to open …",
        "the thread 'reader of camera 0' is still inside its driver; it ends when the driver returns",
    ]
    lets_go.set()


def test_a_bug_while_opening_reaches_whoever_opens() -> None:
    def broken() -> Reel:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Reconnecting(broken, WORDING, pause=0.02)


def test_where_the_system_insists_it_is_opened_by_the_caller() -> None:
    opened_by = []

    def opening() -> Reel:
        opened_by.append(threading.current_thread())
        return Reel(500)

    source = Reconnecting(opening, WORDING, pause=0.02, open_here=True)
    next(iter(source))
    source.close()
    assert opened_by == [threading.current_thread()]
