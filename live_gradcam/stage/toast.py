"""The toast: a line that is shown for a moment, large."""

from __future__ import annotations

TOAST_SECONDS = 2.0


class Toast:
    """Holds what was said last, and for how long it stands."""

    def __init__(self) -> None:
        self.text = ""
        """What was said last."""
        self._since: float | None = None

    def say(self, text: str, now: float | None) -> None:
        """Show a line from now on.

        Args:
            text: the line.
            now: seconds of the frames' clock; None: from the first frame on.
        """
        self.text, self._since = text, now

    def see(self, now: float) -> None:
        """Take in that a frame has come: what was said before the first one stands from now on."""
        if self._since is None:
            self._since = now

    def stands(self, now: float) -> bool:
        """Return whether it is still shown."""
        since = now if self._since is None else self._since
        return bool(self.text) and 0 <= now - since < TOAST_SECONDS
