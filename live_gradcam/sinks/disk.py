"""The disk: how much room is left where a recording grows."""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path

_LOG = logging.getLogger(__name__)

_LITTLE, _VERY_LITTLE = 1_000_000_000, 200_000_000
"""Bytes below which it is said before a recording, and during one."""

_LOOK_EVERY_SECONDS = 2.0


class Disk:
    """Watches the room in a folder, and says when there is little left: at once, and then at every `look`.

    Args:
        folder: where the recording is written.
        name: what to call the recording.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._looked_at = time.monotonic()
        self._warned = False
        self.notice: str | None = None
        """A quiet line for the picture while there is very little left."""
        left = self._left()
        if left is not None and left < _LITTLE:
            _LOG.warning("only %s are left on the disk that %s is recorded to.", _in_words(left), name)

    def look(self) -> None:
        """Look again, if the last look is some seconds ago."""
        now = time.monotonic()
        if now - self._looked_at < _LOOK_EVERY_SECONDS:
            return
        self._looked_at = now
        left = self._left()
        if left is None or left >= _VERY_LITTLE:
            self.notice = None
            return
        self.notice = f"disk nearly full: {_in_words(left)} left"
        if not self._warned:
            self._warned = True
            _LOG.warning(
                "the disk is nearly full: %s are left for the recording %s.", _in_words(left), self._name
            )

    def _left(self) -> int | None:
        try:
            return shutil.disk_usage(self._folder).free
        except OSError:  # a drive that was pulled; writing to it says so
            return None


def _in_words(count: int) -> str:
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
