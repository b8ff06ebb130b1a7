"""The recording that the viewer begins and ends, and for how long it has been going on."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from pathlib import Path

from live_gradcam.errors import SinkError
from live_gradcam.sinks.recorder import Recorder
from live_gradcam.sinks.sink import SinkGroup

MakeRecorder = Callable[[Path], Recorder]


class Recording:
    """Puts a recorder among the sinks of a show and takes it away again, at a key.

    Args:
        sinks: open.
        make_recorder: what it records with; None: nothing, and only the recorder given here can be ended.
        recorder: the one that runs from the start, already among the sinks.
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
        """Whether it records."""
        return self._recorder is not None and not self._recorder.failed

    def seconds(self) -> float | None:
        """Return how many whole seconds ago it was first asked of this recording; None while nothing is recorded."""
        if not self.goes_on:
            return None
        self._since = self._since or time.monotonic()
        return float(int(time.monotonic() - self._since))

    def end(self) -> str:
        """End it, and return what came of it, in words."""
        recorder = self._recorder
        assert recorder is not None
        self._forget()
        return f"recorded {recorder.name}" if recorder.written else "nothing was recorded"

    def begin(self) -> str | None:
        """Begin another, and return what is to be told of it; None where there is nothing to record with."""
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


def _free_name() -> Path:
    """Return a name for a recording, by date and time."""
    return Path(f"{datetime.datetime.now():live-gradcam-%Y%m%d-%H%M%S}.mp4")
