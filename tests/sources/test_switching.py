"""Switching sources: the next one is opened while the present one goes on, and none is left open."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from fakes import LiveFake
from limits import at_most, until

from live_gradcam.errors import SourceError
from live_gradcam.frame import Frame
from live_gradcam.sources.source import LiveSource
from live_gradcam.sources.switching import SwitchingSource


class Lamp(LiveFake):
    """A live source of one grey, 200 frames per second, until it is closed."""

    size = (8, 6)
    fps: float | None = 200.0

    def __init__(self, grey: int, *, silent: bool = False) -> None:
        super().__init__(f"lamp {grey}")
        self.grey = grey
        self.reconnects = grey
        self._silent = silent

    def frames(self) -> Iterator[Frame]:
        while not self.closed.wait(0.005):
            if self._silent and self.frames_captured > 0:
                self.closed.wait()
                return
            index = self.frames_captured
            self.frames_captured += 1
            yield Frame(np.full((6, 8, 3), self.grey, np.uint8), index, time.monotonic())


class Shop:
    """Opens lamps, and remembers each."""

    def __init__(self, *greys: int) -> None:
        self.opened: list[Lamp] = []
        self.looked = 0
        self._greys = greys

    def opening(self, grey: int) -> Callable[[], LiveSource]:
        def open_it() -> LiveSource:
            self.opened.append(Lamp(grey))
            return self.opened[-1]

        return open_it

    def others(self) -> Sequence[Callable[[], LiveSource]]:
        self.looked += 1
        return [self.opening(grey) for grey in self._greys]


@pytest.fixture(autouse=True)
def no_thread_is_left_over() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def switching(shop: Shop, *, silent: bool = False) -> SwitchingSource:
    return SwitchingSource(Lamp(1, silent=silent), shop.others, shop.opening(1))


def until_grey(frames: Iterator[Frame], grey: int) -> list[Frame]:
    """Take frames until one is of that grey."""
    taken: list[Frame] = []
    while not taken or taken[-1].pixels[0, 0, 0] != grey:
        taken.append(next(frames))
    return taken


def test_each_turn_brings_the_next_source_and_after_the_last_the_first_again() -> None:
    shop = Shop(2, 3)
    with switching(shop) as source:
        frames = iter(source)
        taken = until_grey(frames, 1)
        for turn, grey in enumerate((2, 3, 1, 2), start=1):
            assert source.turn()
            taken += until_grey(frames, grey)
            assert (source.turns, source.name, source.describe()) == (turn, f"lamp {grey}", f"lamp {grey}")
        assert shop.looked == 1
        indices = [frame.index for frame in taken]
        assert indices == sorted(set(indices)), "they go on growing"
        assert source.frames_captured >= len(taken)
        assert source.reconnects == 1 + 2 + 3 + 1 + 2
    assert all(lamp.closed.is_set() for lamp in shop.opened)


def test_a_source_that_is_silent_is_left_as_soon_as_the_next_is_open() -> None:
    with switching(Shop(2), silent=True) as source:
        frames = iter(source)
        until_grey(frames, 1)
        source.turn()
        until_grey(frames, 2)


def test_where_there_is_no_other_it_says_so_and_goes_on() -> None:
    with switching(Shop()) as source:
        frames = iter(source)
        assert not source.turn()
        until_grey(frames, 1)
        assert source.turns == 0


def test_one_that_cannot_be_opened_is_told_once_and_passed_over() -> None:
    def broken() -> LiveSource:
        raise SourceError("camera 7 is in use. Close the other program.")

    shop = Shop()
    source = SwitchingSource(Lamp(1), lambda: [broken, shop.opening(3)], shop.opening(1))
    with source:
        frames = iter(source)
        source.turn()
        while (trouble := source.take_trouble()) is None:
            next(frames)
        assert trouble == "camera 7 is in use. Close the other program."
        assert source.take_trouble() is None
        assert source.name == "lamp 1"
        source.turn()
        until_grey(frames, 3)


class SlowShop(Shop):
    """Opens only when it is let."""

    def __init__(self, *greys: int) -> None:
        super().__init__(*greys)
        self.let = threading.Event()

    def opening(self, grey: int) -> Callable[[], LiveSource]:
        open_it = super().opening(grey)

        def open_slowly() -> LiveSource:
            self.let.wait(10)
            return open_it()

        return open_slowly


def test_while_the_next_is_opened_the_present_one_goes_on_and_it_is_said() -> None:
    shop = SlowShop(2, 3)
    with switching(shop) as source:
        frames = iter(source)
        source.turn()
        assert source.notice == "opening the next source …"
        assert source.turn(), "pressed once more while one is opened"
        assert [next(frames).pixels[0, 0, 0] for _ in range(5)] == [1] * 5
        shop.let.set()
        until_grey(frames, 2)
        assert source.notice is None
        assert len(shop.opened) == 1


def test_closing_while_one_is_being_opened_closes_that_too_within_a_second() -> None:
    shop = SlowShop(2)
    source = switching(shop)
    frames = iter(source)
    next(frames)
    source.turn()
    threading.Timer(0.2, shop.let.set).start()
    with at_most(1):
        source.close()
        source.close()
    assert list(frames) == []
    assert [lamp.closed.is_set() for lamp in shop.opened] == [True]


def test_closing_when_one_is_open_and_not_yet_on_closes_both() -> None:
    shop = Shop(2)
    source = switching(shop)
    frames = iter(source)
    next(frames)
    source.turn()
    until(lambda: shop.opened)
    source.close()
    assert list(frames) == []
    assert source.turns == 0
    assert shop.opened[0].closed.is_set()


def test_a_bug_while_opening_reaches_who_takes_the_frames() -> None:
    def broken() -> LiveSource:
        raise ZeroDivisionError

    source = SwitchingSource(Lamp(1), lambda: [broken], Shop().opening(1))
    with source:
        source.turn()
        with pytest.raises(ZeroDivisionError):
            list(source)


def test_a_source_that_ends_while_the_next_is_opened_is_followed_by_it() -> None:
    shop = SlowShop(2)
    first = Lamp(1)
    with SwitchingSource(first, shop.others, shop.opening(1)) as source:
        frames = iter(source)
        next(frames)
        source.turn()
        first.close()
        assert source.newest(0.02) is None
        assert not source.ended
        shop.let.set()
        until_grey(frames, 2)
