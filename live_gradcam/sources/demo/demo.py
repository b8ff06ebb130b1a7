"""The demo source: a simulated camera that pans and zooms over a desk, with the ground truth of every frame."""

from __future__ import annotations

import datetime as dt
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from live_gradcam.closeable import Closeable
from live_gradcam.concurrency.latest_item import LatestReader
from live_gradcam.errors import SettingsError
from live_gradcam.explanation import Region
from live_gradcam.frame import Frame
from live_gradcam.sources.demo.camera_path import REFERENCE_LINES, CameraPath
from live_gradcam.sources.demo.desk import Desk, find_photographs
from live_gradcam.timing import Clock, MonotonicClock

SMALLEST_SIDE = 64
"""Smallest side of a frame, in pixels."""

DENSITIES = (0.25, 1.5)
"""Smallest and largest number of pixels per unit of the desk; larger frames are upscaled."""


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """Names and bounding box of a thing in a frame."""

    labels: tuple[str, ...]
    """Names that the default network may give it."""

    box: Region
    """(x, y, width, height) in pixels of the frame, including parts outside the frame."""

    def is_within(self, region: Region) -> bool:
        """Return whether the whole thing lies in an (x, y, width, height) of the frame."""
        x, y, width, height = self.box
        left, top, wide, high = region
        return left <= x and top <= y and x + width <= left + wide and y + height <= top + high

    def contains(self, x: float, y: float) -> bool:
        """Return whether a point of the frame, in pixels, lies in the box."""
        left, top, width, height = self.box
        return left <= x < left + width and top <= y < top + height


class DemoSource(Closeable):
    """A simulated camera over a desk with clocks that show the time, and with photographs.

    The content of frame n depends on n alone, except for the clocks' hands. Live, frame n is captured n / fps / pace
    seconds after the first, and the tour repeats for ever; a slow reader gets the newest frame. As a file it gives
    every frame of one tour, with `media_time` n / fps, and ends.

    Args:
        live: whether frames arrive in real time, or one after the other as from a file.
        size: (width, height) of the frames in pixels.
        fps: frames per second of the camera's path.
        pace: seconds of the camera's path per second of real time, live.
        clock: the clock that schedules and stamps the frames.
        wall_time: returns the time on the clocks. Live it is called for every frame; as a file once, when it is opened,
            and `media_time` is added.
        photographs: whether to show the photographs of scikit-image if it is installed; without them clocks are shown
            in their places.

    Raises:
        SettingsError: a size, rate or pace is invalid.
    """

    name = "demo"
    notice: str | None = None
    reconnects = 0

    def __init__(
        self,
        *,
        live: bool = True,
        size: tuple[int, int] = (1280, 720),
        fps: float = 30.0,
        pace: float = 1.0,
        clock: Clock | None = None,
        wall_time: Callable[[], dt.datetime] = dt.datetime.now,
        photographs: bool = True,
    ) -> None:
        if min(size) < SMALLEST_SIDE:
            raise SettingsError(
                f"the demo's size is {size[0]}×{size[1]}: each side needs at least {SMALLEST_SIDE} pixels."
            )
        for what, value in (("fps", fps), ("pace", pace)):
            if not (value > 0 and math.isfinite(value)):
                raise SettingsError(f"the demo's {what} is {value}: it must be a number above 0.")
        self.live = live
        self.size = size
        self.fps: float | None = fps * pace if live else fps
        self._camera_fps = fps
        self._clock = clock or MonotonicClock()
        self._wall_time = wall_time
        density = float(np.clip(min(size) / REFERENCE_LINES, *DENSITIES))
        self._desk = Desk(photographs=find_photographs() if photographs else None, density=density)
        self._path = CameraPath([thing.stop for thing in self._desk.things])
        self.length = round(self._path.duration * fps)
        """Number of frames of one tour, which is the whole file."""

        self._closed = threading.Event()
        self._next = 0
        self._started = self._clock.now()
        self._started_at = wall_time()
        self._newest = LatestReader(self._capture, name="demo camera", stop=self._closed) if live else None

    @property
    def frames_captured(self) -> int:
        """Number of frames captured so far."""
        return self._next if self._newest is None else self._newest.count

    def describe(self) -> str:
        """Return one line: the mode and what is on the desk."""
        width, height = self.size
        names = list(dict.fromkeys(thing.labels[0] for thing in self._desk.things))
        what = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
        return f"demo: {width}×{height} at {self.fps:g} fps, a pretend camera over a desk with {what}"

    def truth(self, index: int) -> tuple[GroundTruth, ...]:
        """Return what is visible in frame `index`, at least in part, in the order of the tour."""
        to_frame = self._path.view_at(index / self._camera_fps).affine(self.size)
        width, height = self.size
        seen = []
        for thing in self._desk.things:
            points = thing.outline @ to_frame[:, :2].T + to_frame[:, 2]
            left, top = (math.floor(edge) for edge in points.min(axis=0))
            right, bottom = (math.ceil(edge) for edge in points.max(axis=0))
            if right > 0 and bottom > 0 and left < width and top < height:
                seen.append(GroundTruth(thing.labels, (left, top, right - left, bottom - top)))
        return tuple(seen)

    def frame_at(self, index: int) -> Frame:
        """Return frame `index` as the file has it, at random access; the tour repeats after `length`."""
        media_time = index / self._camera_fps
        shown_time = self._started_at + dt.timedelta(seconds=media_time)
        return self._take(index, shown_time, self._clock.now(), media_time)

    @property
    def ended(self) -> bool:
        """Whether no frame will come any more."""
        return self._closed.is_set() if self._newest is None else self._newest.ended

    def newest(self, timeout: float) -> Frame | None:
        """Live only: return the newest frame that was not given yet, or None if there is none within `timeout` s."""
        assert self._newest is not None
        return self._newest.take(timeout)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the newest frame each time, or as a file one after the other."""
        if self._newest is not None:
            yield from self._newest
            return
        while self._next < self.length and not self._closed.is_set():
            self._next += 1
            yield self.frame_at(self._next - 1)

    def close(self) -> None:
        """Stop the camera. May be called twice, and from another thread."""
        self._closed.set()
        if self._newest is not None:
            self._newest.close()

    def _capture(self) -> Frame | None:
        """Wait until the next frame is due and capture it; frames that are overdue are skipped."""
        rate = self.fps or self._camera_fps
        if self._clock.wait_until(self._started + self._next / rate, self._closed):
            return None
        index = max(self._next, math.floor((self._clock.now() - self._started) * rate))
        self._next = index + 1
        return self._take(index, self._wall_time(), self._started + index / rate, None)

    def _take(
        self, index: int, shown_time: dt.datetime, captured_at: float, media_time: float | None
    ) -> Frame:
        view = self._path.view_at(index / self._camera_fps)
        return Frame(self._desk.look(view, self.size, shown_time), index, captured_at, media_time)
