"""The show: what makes the pictures of a run and hands them on, at the right moment and until it is over."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from live_gradcam.config import Settings
from live_gradcam.frame import Frame
from live_gradcam.render.carrier import CarriedHeat
from live_gradcam.render.presenter import Presenter
from live_gradcam.shown import Shown
from live_gradcam.sinks.several import SeveralSinks
from live_gradcam.sinks.snapshots import Snapshots
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
        snapshots: Snapshots | None = None,
    ) -> None:
        self.presenter = presenter
        self._source = source
        self._sinks = sinks
        self._settings = settings
        self._statistics = statistics
        self._first: Frame | None = None
        self._snapshots = snapshots
        self._shown: Shown | None = None
        self._notice_shown: str | None = None
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
        statistics = self._statistics
        began = time.monotonic()
        shown, carried = self._drawn(frame, notice)
        drawn = time.monotonic()
        self._sinks.write(shown)
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
        self._take_keys()

    def wait(self, notice: str | None, wait_ms: int = 1) -> None:
        """Keep the window alive while no frame comes.

        What there is to say, and what a key has changed, is shown on the last picture, which nobody counts.

        Args:
            notice: what the source has to say.
            wait_ms: how long to wait for a key, in milliseconds.
        """
        window, shown = self.window, self._shown
        if window is None:
            return
        window.poll(wait_ms)
        if shown is not None and (self._take_keys() or self._notice(notice) != self._notice_shown):
            self._drawn(shown.frame, notice)
            window.write(self._shown or shown)

    def _drawn(self, frame: Frame, notice: str | None) -> tuple[Shown, CarriedHeat | None]:
        self._notice_shown = self._notice(notice)
        pixels, carried = self.presenter.picture(frame, self._notice_shown)
        self._shown = Shown(
            pixels,
            frame,
            None if carried is None else carried.explanation,
            None if carried is None or carried.opacity == 0 else carried.heatmap,
            1000 * (time.monotonic() - frame.captured_at) if self._source.live else None,
        )
        return self._shown, carried

    def _notice(self, notice: str | None) -> str | None:
        """Return all that there is to say, in one line."""
        said = [notice, self._sinks.notice, None if self._snapshots is None else self._snapshots.notice]
        return " · ".join(filter(None, said)) or None

    def _take_keys(self) -> bool:
        """Do what the keys say that were pressed; return whether the picture is another now."""
        window = self.window
        keys = () if window is None else window.take_keys()
        if ord("s") in keys and self._snapshots is not None and self._shown is not None:
            self._snapshots.take(self._shown)
        if changed := ord("d") in keys:
            self.presenter.show_statistics = not self.presenter.show_statistics
        return changed


class Pacing:
    """Shows a file's pictures at the pace of the file, the window alive meanwhile."""

    def __init__(self, show: Show, window: Window) -> None:
        self._show = show
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
            self._show.wait(None, max(1, int(1000 * min(left, 0.05))))
