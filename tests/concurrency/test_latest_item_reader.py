"""The reader that keeps the newest item: never a stale one, and an end in time."""

from __future__ import annotations

import logging
import threading
import time

import numpy as np
import pytest
from limits import at_most, until

from live_gradcam.concurrency.latest_item import LatestReader
from live_gradcam.errors import SourceError
from live_gradcam.frame import Frame


def frame(index: int) -> Frame:
    return Frame(np.zeros((2, 2, 3), np.uint8), index, time.monotonic())


class Reel:
    """Hands out frames when it is told to, and then whatever comes at the end."""

    def __init__(self, end: BaseException | None = None) -> None:
        self.given = 0
        self.released_by: threading.Thread | None = None
        self._end = end
        self._allowed = threading.Semaphore(0)
        self._ending = False

    def allow(self, count: int) -> None:
        for _ in range(count):
            self._allowed.release()

    def finish(self) -> None:
        self._ending = True
        self._allowed.release()

    def read(self) -> Frame | None:
        self._allowed.acquire()
        if self._ending:
            if self._end is not None:
                raise self._end
            return None
        self.given += 1
        return frame(self.given - 1)

    def release(self) -> None:
        self.released_by = threading.current_thread()


def test_a_late_reader_gets_the_newest_frame_only() -> None:
    reel = Reel()
    newest = LatestReader(reel.read, name="reel")
    frames = iter(newest)
    reel.allow(1)
    assert next(frames).index == 0
    reel.allow(4)
    until(lambda: newest.count == 5)
    assert next(frames).index == 4
    reel.finish()
    newest.close()


def test_no_frame_is_given_twice_and_the_last_one_is_given_before_the_end() -> None:
    reel = Reel()
    newest = LatestReader(reel.read, name="reel")
    reel.allow(2)
    until(lambda: newest.count == 2)
    reel.finish()
    assert [given.index for given in newest] == [1]
    assert newest.count == 2
    newest.close()


@pytest.mark.parametrize("error", [SourceError("the camera was unplugged."), ZeroDivisionError("a bug")])
def test_what_the_reader_raised_is_raised_to_its_owner_after_the_last_frame(error: Exception) -> None:
    reel = Reel(end=error)
    newest = LatestReader(reel.read, name="reel")
    reel.allow(1)
    until(lambda: newest.count == 1)
    reel.finish()
    frames = iter(newest)
    assert next(frames).index == 0
    with pytest.raises(type(error), match=str(error)):
        next(frames)
    newest.close()


def test_the_device_is_released_once_by_the_thread_that_read_it() -> None:
    reel = Reel()
    newest = LatestReader(reel.read, name="the reader of the reel", release=reel.release)
    reel.finish()
    assert list(newest) == []
    assert reel.released_by is not None
    assert reel.released_by.name == "the reader of the reel"
    newest.close()


def test_an_owner_that_waits_is_woken_when_it_is_closed_from_elsewhere() -> None:
    stop = threading.Event()

    def read() -> None:
        stop.wait()

    newest: LatestReader[Frame] = LatestReader(read, name="waiting", stop=stop)
    closer = threading.Timer(0.05, newest.close)
    closer.start()
    with at_most(1):
        assert list(newest) == []
    closer.join()
    assert "waiting" not in [thread.name for thread in threading.enumerate()]


def test_a_reader_stuck_in_its_driver_is_named_and_does_not_hold_up_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reel = Reel()
    newest = LatestReader(reel.read, name="reader of camera 0", release=reel.release)
    with at_most(1), caplog.at_level(logging.WARNING):
        newest.close()
        newest.close()
    assert caplog.messages == [
        "the thread 'reader of camera 0' is still inside its driver; it ends when the driver returns"
    ]
    reel.finish()
    until(lambda: reel.released_by is not None)


def test_who_takes_waits_for_the_newest_item_as_long_as_is_said() -> None:
    reel = Reel()
    newest = LatestReader(reel.read, name="reel")
    assert newest.take(0.01) is None
    assert not newest.ended
    threading.Timer(0.05, reel.allow, (1,)).start()
    taken = newest.take(5)
    assert taken is not None
    assert taken.index == 0
    reel.finish()
    assert newest.take(5) is None
    assert newest.ended
    newest.close()


def test_after_closing_nothing_is_given_not_even_an_item_that_waits() -> None:
    reel = Reel()
    newest = LatestReader(reel.read, name="reel")
    reel.allow(1)
    until(lambda: newest.count == 1)
    closing = threading.Thread(target=newest.close)
    closing.start()
    until(lambda: newest.ended)
    reel.finish()
    closing.join(5)
    assert newest.take(0) is None
    assert list(newest) == []
