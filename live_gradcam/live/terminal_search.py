"""The class search in the terminal, for letters that an OpenCV window does not take."""

from __future__ import annotations

import os
import select
import sys

from live_gradcam.live.interactive_view import InteractiveView
from live_gradcam.viewer_input import Key, Text


class TerminalSearch:
    """Passes lines that the viewer types in the terminal on to the open search of a view.

    Args:
        view: the view.
    """

    def __init__(self, view: InteractiveView) -> None:
        self._view = view
        self._terminal = Terminal()
        self._was_open = False

    def poll(self) -> bool:
        """Handle a line if there is one, and return whether there was."""
        view = self._view
        is_open = view.prompt is not None
        if is_open and not self._was_open:
            self._terminal.drop()  # lines from before the search are not meant for it
            self._terminal.say("type the name of a class here or in the window, and press Enter")
        self._was_open = is_open
        line = self._terminal.take_line() if is_open else None
        if line is None:
            return False
        if line:  # a line replaces the text of the search; an empty line takes the selected match
            for _ in range(len(view.prompt.text) if view.prompt is not None else 0):
                view.handle(Key("Backspace"))
            view.handle(Text(line))
        prompt = view.prompt
        if prompt is not None and (not line or prompt.is_clear):
            view.handle(Key("Enter"))
        if prompt is not None:
            self._terminal.say(prompt.advice if view.prompt is not None else f"chosen: {view.toast}")
        return True


_MOST_BYTES = 4096


class Terminal:
    """Reads lines that were typed in the terminal, and never waits for one.

    There are no lines on Windows, if the standard input is no terminal, or if the program runs in the background, where
    reading would stop it.
    """

    def __init__(self) -> None:
        self._rest = b""

    def take_line(self) -> str | None:
        """Return the next complete line without its line break; None if there is none."""
        if self._is_ours():
            try:
                ready, _, _ = select.select([0], [], [], 0)
                self._rest += os.read(0, _MOST_BYTES) if ready else b""
            except OSError:
                return None
        line, end, rest = self._rest.partition(b"\n")
        if not end:
            return None
        self._rest = rest
        return line.decode(sys.stdin.encoding or "utf-8", "replace").strip()

    def say(self, line: str) -> None:
        """Write a line to the terminal for the viewer who types there; do nothing if nobody can type there."""
        if self._is_ours() and sys.stdout.isatty():
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    def drop(self) -> None:
        """Forget what was typed so far."""
        while self.take_line() is not None:
            pass

    @staticmethod
    def _is_ours() -> bool:
        if sys.platform == "win32":
            return False
        try:
            return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
        except OSError:
            return False
