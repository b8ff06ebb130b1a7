"""A source made of one function, which returns the next picture: how to show a camera that has an SDK of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np

from live_gradcam.closeable import Closeable
from live_gradcam.concurrency.latest_item import WAIT_SLICE, LatestReader
from live_gradcam.errors import SourceError
from live_gradcam.frame import Frame, Pixels
from live_gradcam.plugins import failure

logger = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds that a live source may take for its first picture, and any source whose function asks to be asked again."""


_ASK_AGAIN = 0.005
"""Seconds after which a function that has no picture yet is called again: it may not have waited itself."""


class FunctionSource(Closeable):
    """Makes a `Source` of a function that gives one picture at each call, such as the one of a camera's SDK.

    Of a camera, a thread calls the function again and again and keeps the newest picture. Pictures are copied, so
    that the function may fill the same array each time.

    Args:
        read: returns the next picture, (H, W, 3) uint8 BGR, always of the same size, and waits for it; None at the end.
            If no picture has come yet, it raises TimeoutError and is called again, for 10 seconds. What else it raises
            ends the source with a `SourceError`.
        name: the source's name in a sentence: `camera 3`.
        live: whether pictures come in real time, so that only the newest counts; else every picture is explained, in
            order.
        fps: frames per second; None if unknown. A source that is not live gives pictures at this rate, or one a second.
        close: releases the device. It is called once, after the last `read` and in the same thread if it is live.

    Raises:
        SourceError: the function gives no picture, or none within 10 seconds.
    """

    notice: str | None = None
    """Always None: a function that cannot go on raises."""

    reconnects = 0

    def __init__(
        self,
        read: Callable[[], Pixels | None],
        *,
        name: str,
        live: bool = True,
        fps: float | None = None,
        close: Callable[[], object] = lambda: None,
    ) -> None:
        self.name = name
        self.live = live
        self.fps = fps
        self.frames_captured = 0
        self._read = read
        self._close = close
        self._released = False
        self._stop = threading.Event()
        self._size: tuple[int, int] | None = None
        self._reader: LatestReader[Frame] | None = None
        self._first: Frame | None = None
        try:
            if live:
                self._reader = LatestReader(self._next, name=name, stop=self._stop, release=self._release)
                self._first = self._reader.take(_PATIENCE)
            else:
                self._first = self._next()
            if self._first is None:
                ended = self._reader is None or self._reader.ended
                raise SourceError(
                    f"{name} gave no picture{'' if ended else f' within {_PATIENCE:.0f} s'}: is it connected?"
                )
        except BaseException:
            self.close()
            raise
        self.size = self._first.size
        """(width, height) of every picture in pixels."""

    def describe(self) -> str:
        """Return name, size and rate: `camera 3: 640×480 at 30 fps`."""
        rate = "" if self.fps is None else f" at {self.fps:g} fps"
        return f"{self.name}: {self.size[0]}×{self.size[1]}{rate}"

    @property
    def ended(self) -> bool:
        """Whether no frame will come any more."""
        return self._stop.is_set() or (
            self._first is None and self._reader is not None and self._reader.ended
        )

    def newest(self, timeout: float) -> Frame | None:
        """Return the newest frame that was not given yet; None if there is none within `timeout` seconds.

        Raises:
            SourceError: the function failed.
        """
        assert self._reader is not None, "only of a live source"
        first, self._first = self._first, None
        return self._reader.take(timeout) if first is None else self._reader.take(0) or first

    def __iter__(self) -> Iterator[Frame]:
        """Yield the newest frame each time, or every frame if it is not live.

        Raises:
            SourceError: the function failed.
        """
        while not self.ended:
            if self.live:
                frame = self.newest(WAIT_SLICE)
            else:
                frame, self._first = self._first or self._next(), None
                if frame is None:
                    return
            if frame is not None:
                yield frame

    def close(self) -> None:
        """Stop reading and release the device; a thread that waits for a picture is joined for 0.8 s."""
        self._stop.set()
        if self._reader is not None:
            self._reader.close()
        else:
            self._release()

    def _next(self) -> Frame | None:
        """Return the next frame; None at the end."""
        pixels = self._asked()
        if pixels is None:
            return None
        arrived = time.monotonic()
        if (fault := fault_of(pixels, self._size)) is not None:
            raise SourceError(f"{self.name} gave {fault}")
        self._size = (pixels.shape[1], pixels.shape[0])
        index, self.frames_captured = self.frames_captured, self.frames_captured + 1
        media_time = None if self.live else index / (self.fps or 1)
        return Frame(np.array(pixels, order="C"), index, arrived, media_time)

    def _asked(self) -> Pixels | None:
        """Call the function, again and again while it raises TimeoutError; None at the end, and once this is closed."""
        began = time.monotonic()
        while True:
            try:
                return self._read()
            except TimeoutError as error:
                if self._stop.wait(_ASK_AGAIN):
                    return None
                if time.monotonic() - began > _PATIENCE:
                    raise failure(
                        "source", self.name, f"gave no picture for {_PATIENCE:.0f} s", error
                    ) from error
            except (Exception, SystemExit) as error:
                raise failure("source", self.name, "failed", error) from error

    def _release(self) -> None:
        if self._released:
            return
        self._released = True
        try:
            self._close()
        except Exception as error:
            logger.warning("%s", failure("source", self.name, "could not be closed", error))


def fault_of(pixels: object, size: tuple[int, int] | None) -> str | None:
    """Return what is wrong with a picture, after "gave"; None if nothing is.

    Args:
        pixels: the picture.
        size: (width, height) that it must have; None: any.
    """
    need = "(H, W, 3) uint8 BGR is needed."
    if not isinstance(pixels, np.ndarray):
        return f"{type(pixels).__name__}: a NumPy array of shape {need}"
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        return f"an array {pixels.shape} {pixels.dtype}: {need}"
    height, width = pixels.shape[:2]
    if size is not None and (width, height) != size:
        return f"a picture of {width}×{height} after one of {size[0]}×{size[1]}: all must have one size."
    return None
