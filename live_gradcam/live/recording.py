"""The recording that the viewer starts and stops while the run goes on, and what cannot be recorded."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from pathlib import Path

from live_gradcam.errors import SinkError
from live_gradcam.sinks.recorder import Recorder
from live_gradcam.sinks.sink import SinkGroup
from live_gradcam.sources.source import Slides, Source

MakeRecorder = Callable[[Path], Recorder]


class Recording:
    """Adds a recorder to the sinks of a run when the viewer presses the key, and removes it when they press it again.

    Args:
        sinks: the open sinks of the run.
        make_recorder: makes a recorder; None: no recording can be started.
        recorder: the recorder that runs from the start, already among the sinks.
    """

    def __init__(
        self, sinks: SinkGroup, make_recorder: MakeRecorder | None, recorder: Recorder | None
    ) -> None:
        self._sinks = sinks
        self._make_recorder = make_recorder
        self._recorder = recorder
        self._since: float | None = None

    @property
    def goes_on(self) -> bool:
        """Whether a recording runs."""
        return self._recorder is not None and not self._recorder.failed

    def seconds(self) -> float | None:
        """Return the whole seconds since the first call for this recording; None while nothing is recorded."""
        if not self.goes_on:
            return None
        self._since = self._since or time.monotonic()
        return float(int(time.monotonic() - self._since))

    def toggle(self, source: Source, *, by_hand: bool) -> str | None:
        """Stop the recording, or start one, and return the line to show; None where nothing can be recorded.

        Args:
            source: the source of the run.
            by_hand: whether the viewer turns from picture to picture.
        """
        if self.goes_on:
            return self.end()
        return why_not_moving(source, by_hand=by_hand) or self.begin()

    def end(self) -> str:
        """Stop the recording, and return its result in words."""
        recorder = self._recorder
        assert recorder is not None
        self._forget()
        return f"recorded {recorder.name}" if recorder.written else "nothing was recorded"

    def begin(self) -> str | None:
        """Start a recording, and return the line to show; None where nothing can be recorded."""
        if self._recorder is not None:
            self._forget()
        if self._make_recorder is None:
            return None
        try:
            self._recorder = self._make_recorder(_free_name())
        except SinkError as error:
            return str(error)
        self._sinks.add(self._recorder)
        return "recording"

    def _forget(self) -> None:
        assert self._recorder is not None
        self._sinks.remove(self._recorder)
        self._recorder = self._since = None


def why_not_moving(source: Source, *, by_hand: bool) -> str | None:
    """Return why no video can be made of a source that shows still pictures; None if one can.

    Args:
        source: the source of the run.
        by_hand: whether the viewer turns from picture to picture.
    """
    if isinstance(source, Slides) and source.single:
        return "a still photo cannot be recorded: s saves it"
    return "slides are not recorded: s saves one" if by_hand else None


def _free_name() -> Path:
    """Return a name for a recording, by date and time."""
    return Path(f"{datetime.datetime.now():live-gradcam-%Y%m%d-%H%M%S}.mp4")
