"""The terminal that the program was started from: a line typed there, for letters that a window does not take."""

from __future__ import annotations

import os
import select
import sys

_MOST_BYTES = 4096


class Terminal:
    """Gives lines that were typed in the terminal, without ever waiting for one.

    There are none where the standard input is no terminal, where the program runs in the background (to read would stop
    it), and on Windows.
    """

    def __init__(self) -> None:
        self._rest = b""

    def take_line(self) -> str | None:
        """Return the next line without its end; None where none has been finished."""
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
        """Write a line to the terminal, for who types there; nothing where nobody can."""
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
