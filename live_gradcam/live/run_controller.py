"""The controller of a run: it hands pictures to the sinks and carries out the viewer's requests."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import replace

from live_gradcam.config import Settings
from live_gradcam.frame import Frame
from live_gradcam.live.initial_view import turned_by_hand
from live_gradcam.live.interactive_view import InteractiveView
from live_gradcam.live.recording import MakeRecorder, Recording, why_not_moving
from live_gradcam.live.status import Request, Status
from live_gradcam.live.terminal_search import TerminalSearch
from live_gradcam.live.view_picture import rendered
from live_gradcam.render.heat_tracking import TrackedHeat
from live_gradcam.rendered_picture import Rendered
from live_gradcam.run_statistics import RunStatistics
from live_gradcam.sinks.clips import Clips
from live_gradcam.sinks.recorder import Recorder
from live_gradcam.sinks.sink import SinkGroup
from live_gradcam.sinks.snapshot import Snapshots
from live_gradcam.sinks.window import Window
from live_gradcam.sources.source import Source, Switchable

HINT_SECONDS = 5.0
"""How long the window names the key of the help at the beginning."""

_IDLE_STEP = 0.5
"""Seconds after which a still frame is drawn again, so that a line that is shown for a moment disappears."""


class RunController:
    """Draws each frame, hands the picture to the sinks, carries out requests, and decides when the run ends.

    Args:
        source: the open source.
        sinks: the open sinks; the controller does not close them.
        view: the view.
        settings: the settings of the run.
        statistics: counts everything.
        snapshots: saves a picture at the key s; None: the key does nothing.
        clips: saves the last seconds at the key j; None: the key says that there are none.
        make_recorder: makes a recorder at the key r; None: the key does nothing.
        recorder: the recording that runs from the start; None: there is none.
    """

    def __init__(
        self,
        source: Source,
        sinks: SinkGroup,
        view: InteractiveView,
        settings: Settings,
        statistics: RunStatistics,
        *,
        snapshots: Snapshots | None = None,
        clips: Clips | None = None,
        make_recorder: MakeRecorder | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.view = view
        self.busy: str | None = None
        """What is being compiled; None: nothing."""
        self._source = source
        self._switchable = source if isinstance(source, Switchable) else None
        self._sinks = sinks
        self._settings = settings
        self._statistics = statistics
        self._snapshots = snapshots
        self._clips = clips
        self._recording = Recording(sinks, make_recorder, recorder)
        self._first: Frame | None = None
        self._shown: Rendered | None = None
        self._told = Status()
        self._signs_told: tuple[float | None, bool] = (None, False)
        self._began: float | None = None
        self._terminal_search = TerminalSearch(view)
        self._drawn_since = time.monotonic()
        self._turns = 0
        self._quit = False
        self._moves: deque[Request] = deque()
        self._shift = 0.0
        """Seconds by which the recording's clock is ahead of the file's. The recording's clock never goes back."""
        # Frames that came while the network was loading do not count.
        self._captured_before = source.frames_captured

    @property
    def window(self) -> Window | None:
        """The window, if there is one."""
        return self._sinks.window

    @property
    def limit(self) -> int | None:
        """The number of explained frames after which the run ends; None: no limit."""
        return self._settings.frames

    @property
    def endless(self) -> bool:
        """Whether only the source or the viewer can end the run."""
        return self._settings.frames is None and self._settings.duration is None

    @property
    def ended(self) -> bool:
        """Whether the viewer or the settings end the run, or every output has failed."""
        if self._quit or self._sinks.finished or (self.endless and self._none_left):
            return True
        duration, statistics = self._settings.duration, self._statistics
        if self._source.live:
            return duration is not None and statistics.seconds >= duration
        return statistics.frames_explained == self.limit

    @property
    def by_hand(self) -> bool:
        """Whether a picture stays until the viewer turns to another."""
        return turned_by_hand(self._source, self._settings, in_window=self.window is not None)

    @property
    def _none_left(self) -> bool:
        if self.view.failure is not None:  # the run existed only to save the session
            return not self._sinks.any_left
        return self._sinks.none_left and self._settings.save_session is None

    def is_over(self, frame: Frame) -> bool:
        """Whether a frame of a file lies beyond `--duration`."""
        first = self._first
        return (
            first is not None
            and self._settings.duration is not None
            and (frame.time - first.time >= self._settings.duration)
        )

    @property
    def moves_wait(self) -> bool:
        """Whether the viewer asked for another place in the file."""
        return bool(self._moves)

    def take_moves(self) -> tuple[Request, ...]:
        """Return the moves that the viewer asked for, oldest first, each once."""
        moves = tuple(self._moves)
        self._moves.clear()
        return moves

    def take_frame(self, frame: Frame) -> Frame:
        """Give the next frame to the view, and return it as it is shown."""
        if self._switchable is not None and self._switchable.turns != self._turns:
            self._turns = self._switchable.turns
            self.view.source_changed()
            self.view.announce(self._source.name)
        return self.view.show_frame(frame)

    def show(self, frame: Frame) -> None:
        """Hand the picture of a frame to all sinks, and count it.

        Args:
            frame: the result of `take_frame`.
        """
        self._first = self._first or frame
        statistics = self._statistics
        began = self._drawn_since = time.monotonic()
        if self._shift and frame.media_time is not None:
            frame = replace(frame, media_time=frame.media_time + self._shift)
        shown, tracked = self._drawn(frame)
        drawn = time.monotonic()
        self._sinks.write(shown, in_window=self._in_window(shown))
        if self._clips is not None:
            self._clips.write(shown)
        now = time.monotonic()
        statistics.stage("draw", 1000 * (drawn - began))
        statistics.stage("show", 1000 * (now - drawn))
        statistics.frames_captured = self._source.frames_captured - self._captured_before
        statistics.reconnects = self._source.reconnects
        live = self._source.live
        statistics.shown(
            now,
            latency_ms=1000 * (now - frame.captured_at) if live else None,
            age_ms=1000 * (now - tracked.captured_at) if live and tracked is not None else None,
        )
        self._attend()

    def wait(self, wait_ms: int = 1) -> None:
        """Keep the window alive while no frame comes.

        Notices and the viewer's changes appear on the last picture, which is not counted again.

        Args:
            wait_ms: milliseconds to wait for a key.
        """
        window, shown = self.window, self._shown
        if window is None:
            return
        window.poll(wait_ms)
        if shown is None:
            self._attend()
        elif self._attend() or self._status() != self._told:
            self.redraw()
        elif self._signs() != self._signs_told:
            window.write(self._in_window(shown))

    def redraw(self) -> None:
        """Draw the last frame again, for the window, the virtual camera and the stream only."""
        window, shown = self.window, self._shown
        if window is not None and shown is not None:
            on = self.view.frame or shown.frame
            again, _ = self._drawn(replace(shown.frame, pixels=on.pixels))
            self._sinks.write_again(again, in_window=self._in_window(again))

    def moved(self, frame: Frame) -> None:
        """Shift the recording's clock, which never goes back: the file has jumped to this frame."""
        if self._shown is not None:
            step = 1 / (self._source.fps or 25)
            self._shift = self._shown.frame.time + step - frame.time

    def _drawn(self, frame: Frame) -> tuple[Rendered, TrackedHeat | None]:
        self._told = self._status()
        self.view.set_status(self._told)
        pixels, tracked = self.view.picture()
        latency_ms = 1000 * (time.monotonic() - frame.captured_at) if self._source.live else None
        self._shown = rendered(
            pixels, frame, tracked, self.view.faithfulness, latency_ms, untested=self.view.untested
        )
        return self._shown, tracked

    def _status(self) -> Status:
        said = (
            self._source.notice,
            self._sinks.notice,
            *(files.notice for files in (self._snapshots, self._clips) if files is not None),
        )
        return Status(
            notice=" · ".join(filter(None, said)) or None,
            idle=int((time.monotonic() - self._drawn_since) / _IDLE_STEP) * _IDLE_STEP,
            busy=None if self.busy is None else f"compiling {self.busy} …",
            statistics=self._statistics.lines() if self.view.choice.look.statistics else (),
            room=None if self.window is None or self._recording.seconds() is not None else self.window.room,
        )

    def _in_window(self, shown: Rendered) -> Rendered:
        """Return the picture for the window, with signs that are not recorded."""
        self._signs_told = seconds, hint = self._signs()
        if seconds is None and not hint:
            return shown
        return replace(shown, pixels=self.view.with_signs(shown.pixels, seconds=seconds, hint=hint))

    def _signs(self) -> tuple[float | None, bool]:
        """Return the whole seconds of the recording (None: there is none), and whether the hint is shown.

        Without a window there are no signs.
        """
        if self.window is None:
            return None, False
        now = time.monotonic()
        self._began = now if self._began is None else self._began
        return self._recording.seconds(), now - self._began < HINT_SECONDS

    def _attend(self) -> bool:
        """Handle the viewer's input, and return whether there was any."""
        window = self.window
        if self._switchable is not None and (trouble := self._switchable.take_trouble()) is not None:
            self.view.announce(trouble)
        events = () if window is None else window.take_events()
        for event in events:
            self.view.handle(event)
            for request in self.view.take_requests():
                self._carry_out(request)
        if window is None:
            return False
        window.tells_hover = self.view.menu_is_open
        return self._terminal_search.poll() or bool(events)

    def _carry_out(self, request: Request) -> None:
        match request:
            case Request.QUIT:
                self._quit = True
            case Request.SNAPSHOT:
                if self._snapshots is not None and self._shown is not None:
                    self._snapshots.take(self._shown)
            case Request.RECORD:
                self._announce(self._recording.toggle(self._source, by_hand=self.by_hand))
            case Request.CLIP:
                self._announce(why_not_moving(self._source, by_hand=self.by_hand) or self._save_clip())
            case Request.FULLSCREEN:
                if self.window is not None:
                    self.window.toggle_fullscreen()
            case Request.SOURCE:
                if self._switchable is None or not self._switchable.turn():
                    self.view.announce("there is no other camera or source")
            case _ if self._source.live:
                self.view.announce("only works with video files")
            case _:
                self._moves.append(request)

    def _save_clip(self) -> str:
        return "no clips: --clip-seconds is 0" if self._clips is None else self._clips.save()

    def _announce(self, line: str | None) -> None:
        if line is not None:
            self.view.announce(line)
