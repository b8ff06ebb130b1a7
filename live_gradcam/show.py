"""The show: what makes the pictures of a run and hands them on, at the right moment and until it is over."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from live_gradcam.config import Settings
from live_gradcam.frame import Frame
from live_gradcam.render.presenter import Presenter
from live_gradcam.sinks.several import SeveralSinks
from live_gradcam.sinks.window import Window
from live_gradcam.sources.source import Source
from live_gradcam.statistics import Statistics


class Show:
    """Makes the pictures and hands them to the sinks, and knows when it is over."""

    def __init__(
        self,
        source: Source,
        sinks: SeveralSinks,
        presenter: Presenter,
        settings: Settings,
        statistics: Statistics,
    ) -> None:
        self.presenter = presenter
        self._source = source
        self._sinks = sinks
        self._settings = settings
        self._statistics = statistics
        self._first: Frame | None = None
        self._last: Frame | None = None
        # What a camera gave while the network was being loaded is no part of the show.
        self._captured_before = source.frames_captured

    @property
    def window(self) -> Window | None:
        """The window, if there is one."""
        return self._sinks.window

    @property
    def limit(self) -> int | None:
        """After how many explained frames it is over."""
        return self._settings.frames

    @property
    def endless(self) -> bool:
        """Whether only the source or the viewer can end it."""
        return self._settings.frames is None and self._settings.duration is None

    @property
    def ended(self) -> bool:
        """Whether the viewer or the settings say so, or nothing is left to show it on."""
        if self._sinks.finished or (self.endless and self._sinks.none_left):
            return True
        duration, statistics = self._settings.duration, self._statistics
        if self._source.live:
            return duration is not None and statistics.seconds >= duration
        return statistics.frames_explained == self.limit

    def is_over(self, frame: Frame) -> bool:
        """Whether a file has run for as long as it was to."""
        first = self._first
        return (
            first is not None
            and self._settings.duration is not None
            and (frame.time - first.time >= self._settings.duration)
        )

    def mirrored(self, frame: Frame) -> Frame:
        """Return the frame as it is to be seen: flipped, where a mirror was asked for."""
        if not self._settings.mirror:
            return frame
        return replace(frame, pixels=np.ascontiguousarray(frame.pixels[:, ::-1]))

    def frame(self, frame: Frame, notice: str | None) -> None:
        """Show one frame, and count it."""
        self._first = self._first or frame
        self._last = frame
        statistics = self._statistics
        began = time.monotonic()
        picture, carried = self.presenter.picture(frame, notice)
        drawn = time.monotonic()
        self._sinks.write(picture, frame)
        now = time.monotonic()
        statistics.stage("draw", 1000 * (drawn - began))
        statistics.stage("show", 1000 * (now - drawn))
        statistics.frames_captured = self._source.frames_captured - self._captured_before
        statistics.reconnects = self._source.reconnects
        live = self._source.live
        statistics.shown(
            now,
            latency_ms=1000 * (now - frame.captured_at) if live else None,
            age_ms=1000 * (now - carried.captured_at) if live and carried is not None else None,
        )
        if (window := self.window) is not None and ord("d") in window.take_keys():
            self.presenter.show_statistics = not self.presenter.show_statistics

    def wait(self, notice: str | None) -> None:
        """Keep the window alive while no frame comes; say why on the last picture, which nobody counts."""
        window = self.window
        if window is None:
            return
        if notice and self._last is not None:
            picture, _ = self.presenter.picture(self._last, notice)
            window.write(picture, self._last)
        else:
            window.poll(1)


class Pacing:
    """Shows a file's pictures at the pace of the file, the window alive meanwhile."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._began: float | None = None

    def wait_for(self, frame: Frame) -> None:
        """Wait until a frame is due; one that is late is shown at once, and the rest follows it."""
        now = time.monotonic()
        if self._began is None or self._began + frame.time < now:
            self._began = now - frame.time
        self._wait(self._began + frame.time)

    def hold(self, source: Source, frames: int, *, endless: bool) -> None:
        """Leave the last picture on the screen for as long as it lasts; a single one until the viewer ends it."""
        if frames == 1 and endless:
            self._wait(float("inf"))
        elif source.fps:
            self._wait(time.monotonic() + 1 / source.fps)

    def _wait(self, until: float) -> None:
        while not self._window.finished and (left := until - time.monotonic()) > 0:
            self._window.poll(max(1, int(1000 * min(left, 0.05))))
