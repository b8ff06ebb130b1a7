"""The show: it makes the pictures of a run and hands them on, and does what the viewer asks."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import replace

from live_gradcam.config import Settings
from live_gradcam.frame import Frame
from live_gradcam.live.recording import MakeRecorder, Recording
from live_gradcam.live.status import Status
from live_gradcam.live.view_state import ViewState
from live_gradcam.render.heat_tracking import TrackedHeat
from live_gradcam.rendered import Rendered
from live_gradcam.run_statistics import RunStatistics
from live_gradcam.sinks.recorder import Recorder
from live_gradcam.sinks.sink import SinkGroup
from live_gradcam.sinks.snapshot import Snapshots
from live_gradcam.sinks.terminal import Terminal
from live_gradcam.sinks.window import Window
from live_gradcam.sources.source import Slides, Source, Switchable
from live_gradcam.viewer_input import Key, Text

HINT_SECONDS = 5.0
"""For how long the window says at the beginning which key shows the others."""

_IDLE_STEP = 0.5
"""Seconds between pictures of a frame that stands still: what is said for a moment must come to an end."""

MOVES = frozenset({"step", "step-back", "seek", "seek-back"})
"""Requests that are about the place in a file."""


def turned_by_hand(source: Source, settings: Settings, *, in_window: bool) -> bool:
    """Return whether a source is a row of pictures that the viewer turns, as slides.

    A recording, or a run that is to end by itself, goes on by itself.

    Args:
        source: what is shown.
        settings: of the run.
        in_window: whether there is a window.
    """
    ends = settings.record or settings.frames or settings.duration
    return in_window and not ends and isinstance(source, Slides) and not source.single


class RunController:
    """Makes the pictures and hands them to the sinks, does what the viewer asks, and knows when it is over.

    Args:
        source: open.
        sinks: open; they stay so.
        stage: what is shown, and how.
        settings: when it ends.
        statistics: where everything is counted.
        snapshots: what the key s saves to; None: nothing.
        make_recorder: what the key r records with; None: nothing.
        recorder: the recording that runs from the start, if there is one.
    """

    def __init__(
        self,
        source: Source,
        sinks: SinkGroup,
        stage: ViewState,
        settings: Settings,
        statistics: RunStatistics,
        *,
        snapshots: Snapshots | None = None,
        make_recorder: MakeRecorder | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.stage = stage
        self.busy: str | None = None
        """What is being compiled."""
        self._source = source
        self._sinks = sinks
        self._settings = settings
        self._statistics = statistics
        self._snapshots = snapshots
        self._recording = Recording(sinks, make_recorder, recorder)
        self._first: Frame | None = None
        self._shown: Rendered | None = None
        self._told = Status()
        self._signs_told: tuple[float | None, bool] = (None, False)
        self._began: float | None = None
        self._terminal = Terminal()
        self._searched = False
        self._drawn_since = time.monotonic()
        self._turns = 0
        self._quit = False
        self._moves: deque[str] = deque()
        self._shift = 0.0
        """Seconds by which the recording's clock is ahead of the file's: it never goes back."""
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
        """Whether the viewer or the settings say so, or all that showed, recorded or saved it has failed."""
        if self._quit or self._sinks.finished or (self.endless and self._none_left):
            return True
        duration, statistics = self._settings.duration, self._statistics
        if self._source.live:
            return duration is not None and statistics.seconds >= duration
        return statistics.frames_explained == self.limit

    @property
    def by_hand(self) -> bool:
        """Whether pictures stay until the viewer turns to another: nothing but a window waits for them."""
        return turned_by_hand(self._source, self._settings, in_window=self.window is not None)

    @property
    def _none_left(self) -> bool:
        if self.stage.failure is not None:  # the session was what the run was for
            return not self._sinks.any_left
        return self._sinks.none_left and self._settings.save_session is None

    def is_over(self, frame: Frame) -> bool:
        """Whether a file has run for as long as it was to."""
        first = self._first
        return (
            first is not None
            and self._settings.duration is not None
            and (frame.time - first.time >= self._settings.duration)
        )

    @property
    def moves_wait(self) -> bool:
        """Whether a move in the file was asked for."""
        return bool(self._moves)

    def take_moves(self) -> tuple[str, ...]:
        """Return which moves in a file were asked for, oldest first, once."""
        moves = tuple(self._moves)
        self._moves.clear()
        return moves

    def see(self, frame: Frame) -> Frame:
        """Put the next frame on the stage, and return it as it is shown."""
        if isinstance(self._source, Switchable) and self._source.turns != self._turns:
            self._turns = self._source.turns
            self.stage.source_changed()
            self.stage.announce(self._source.name)
        return self.stage.see(frame)

    def frame(self, frame: Frame) -> None:
        """Show what is on the stage, and count it.

        Args:
            frame: what `see` returned.
        """
        self._first = self._first or frame
        statistics = self._statistics
        began = self._drawn_since = time.monotonic()
        if self._shift and frame.media_time is not None:
            frame = replace(frame, media_time=frame.media_time + self._shift)
        shown, carried = self._drawn(frame)
        drawn = time.monotonic()
        self._sinks.write(shown, in_window=self._in_window(shown))
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
        self._attend()

    def wait(self, wait_ms: int = 1) -> None:
        """Keep the window alive while no frame comes.

        What there is to say, and what the viewer has changed, is shown on the last picture, which nobody counts.

        Args:
            wait_ms: how long to wait for a key, in milliseconds.
        """
        window, shown = self.window, self._shown
        if window is None:
            return
        window.poll(wait_ms)
        if shown is None:
            self._attend()
        elif self._attend() or self._status() != self._told:
            self.draw_again()
        elif self._signs() != self._signs_told:
            window.write(self._in_window(shown))

    def draw_again(self) -> None:
        """Show the last frame once more, in the window alone: something about its picture is another."""
        window, shown = self.window, self._shown
        if window is not None and shown is not None:
            on = self.stage.frame or shown.frame
            again, _ = self._drawn(replace(shown.frame, pixels=on.pixels))
            window.write(self._in_window(again))

    def moved(self, frame: Frame) -> None:
        """Take in that a file goes on at another place, with this frame: the recording's clock must not go back."""
        if self._shown is not None:
            step = 1 / (self._source.fps or 25)
            self._shift = self._shown.frame.time + step - frame.time

    def _drawn(self, frame: Frame) -> tuple[Rendered, TrackedHeat | None]:
        self._told = self._status()
        self.stage.told(self._told)
        pixels, carried = self.stage.picture()
        self._shown = Rendered(
            pixels,
            frame,
            None if carried is None else carried.explanation,
            None if carried is None or carried.opacity == 0 else carried.heatmap,
            1000 * (time.monotonic() - frame.captured_at) if self._source.live else None,
        )
        return self._shown, carried

    def _status(self) -> Status:
        said = (
            self._source.notice,
            self._sinks.notice,
            None if self._snapshots is None else self._snapshots.notice,
        )
        return Status(
            notice=" · ".join(filter(None, said)) or None,
            idle=int((time.monotonic() - self._drawn_since) / _IDLE_STEP) * _IDLE_STEP,
            busy=None if self.busy is None else f"compiling {self.busy} …",
            statistics=self._statistics.lines() if self.stage.choice.look.statistics else (),
        )

    def _in_window(self, shown: Rendered) -> Rendered:
        """Return what the window is to show: the picture with signs that are not recorded."""
        self._signs_told = seconds, hint = self._signs()
        if seconds is None and not hint:
            return shown
        return replace(shown, pixels=self.stage.with_signs(shown.pixels, seconds=seconds, hint=hint))

    def _signs(self) -> tuple[float | None, bool]:
        """Return for how many whole seconds it has been recording, None where it does not, and whether a hint stands.

        Nothing of it where nobody is looking.
        """
        if self.window is None:
            return None, False
        now = time.monotonic()
        self._began = now if self._began is None else self._began
        return self._recording.seconds(), now - self._began < HINT_SECONDS

    def _attend(self) -> bool:
        """Do what the viewer asked for; return whether there was anything."""
        window = self.window
        if isinstance(self._source, Switchable) and (trouble := self._source.take_trouble()) is not None:
            self.stage.announce(trouble)
        events = () if window is None else window.take_events()
        for event in events:
            self.stage.act(event)
            for request in self.stage.take_requests():
                self._carry_out(request)
        if window is None:
            return False
        window.tells_hover = self.stage.menu_is_open
        return self._type_from_terminal() or bool(events)

    def _type_from_terminal(self) -> bool:
        """Search for what was typed in the terminal while the search is open; return whether anything was."""
        is_open = self.stage.prompt is not None
        if is_open and not self._searched:
            self._terminal.drop()  # what was typed before was not meant
            self._terminal.say("type the name of a class here or in the window, and press Enter")
        self._searched = is_open
        line = self._terminal.take_line() if is_open else None
        if line is None:
            return False
        if line:  # it takes the place of what stood there; an empty line is for what is found already
            for _ in range(len(self.stage.prompt.text) if self.stage.prompt is not None else 0):
                self.stage.act(Key("Backspace"))
            self.stage.act(Text(line))
        prompt = self.stage.prompt
        if prompt is not None and (not line or prompt.is_clear):
            self.stage.act(Key("Enter"))
        if prompt is not None:
            self._terminal.say(
                prompt.advice if self.stage.prompt is not None else f"chosen: {self.stage.toast}"
            )
        return True

    def _carry_out(self, request: str) -> None:
        if request == "quit":
            self._quit = True
        elif request == "snapshot":
            if self._snapshots is not None and self._shown is not None:
                self._snapshots.take(self._shown)
        elif request == "record":
            self._toggle_recording()
        elif request == "fullscreen":
            if self.window is not None:
                self.window.toggle_fullscreen()
        elif request == "source":
            if not (isinstance(self._source, Switchable) and self._source.turn()):
                self.stage.announce("there is no other camera or source")
        elif request in MOVES:
            if self._source.live:
                self.stage.announce("only in files")
            else:
                self._moves.append(request)

    def _toggle_recording(self) -> None:
        if self._recording.goes_on:
            told: str | None = self._recording.end()
        elif isinstance(self._source, Slides) and self._source.single:
            told = "a still photo cannot be recorded: s saves it"
        elif self.by_hand:
            told = "slides are not recorded: s saves one"
        else:
            told = self._recording.begin()
        if told is not None:
            self.stage.announce(told)
