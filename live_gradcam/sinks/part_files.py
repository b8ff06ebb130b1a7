"""Part files: names of a recording's files until they are complete; and the disk's free space."""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from live_gradcam.errors import SinkError
from live_gradcam.escaping import shown
from live_gradcam.file_names import marked

_LOG = logging.getLogger(__name__)


class Parts:
    """The files of one recording, called `NAME.part.EXT` until all of them are complete.

    Files left by a killed run are renamed to `NAME.unfinished.EXT`, with a warning: they are playable. A second program
    that writes to the same part files is refused.

    Args:
        paths: the final files, in one folder. The first one's leftover decides whether the leftovers are kept.
        overwrite: replace existing files and leftovers. Old files stay until the new ones are complete.

    Raises:
        SinkError: a name is taken, or the folder is not writable.
    """

    def __init__(self, *paths: Path, overwrite: bool = False) -> None:
        self.paths = paths
        self.files = tuple(marked(path, "part") for path in paths)
        """The part files."""
        self._overwrite = overwrite
        self._lock: int | None = None
        try:
            refuse_taken_names(paths, overwrite=overwrite)
            self._claim()
        except FileNotFoundError:
            folder = paths[0].parent
            if folder.is_dir():
                raise SinkError(f"cannot record to '{paths[0]}': nothing can be made there.") from None
            raise SinkError(_no_folder(paths[0])) from None
        except OSError as error:
            raise SinkError(
                f"cannot record to '{paths[0]}': {error.strerror}. Choose a place where you may write."
            ) from error

    def discard(self) -> None:
        """Delete the part files, because nothing was written."""
        self._unlock()
        for file in self.files:
            file.unlink(missing_ok=True)

    def keep(self) -> None:
        """Keep the files under their part names, because they could not be completed."""
        self._unlock()

    def complete(self) -> None:
        """Give the files their final names.

        Raises:
            SinkError: a name was taken meanwhile, or they cannot be renamed; they keep their part names.
        """
        self._unlock()
        try:
            for path, file in zip(self.paths, self.files, strict=True):
                if not self._overwrite and path.exists():
                    raise SinkError(
                        f"{path} appeared while it was being recorded: the recording is kept as {file}."
                    )
            for path, file in zip(self.paths, self.files, strict=True):
                file.replace(path)
        except OSError as error:
            raise SinkError(
                f"the recording could not be named {self.paths[0]} ({error.strerror}): it is kept as {self.files[0]}."
            ) from error

    def _claim(self) -> None:
        """Create the part files, empty, to find out whether they can be written."""
        first = self.files[0]
        if first.exists():
            os.close(self._locked(first))
            if first.stat().st_size > 0 and not self._overwrite:
                self._set_aside()
        for file in self.files:
            file.open("wb").close()
        self._lock = self._locked(first)
        if sys.platform == "win32":  # Windows cannot rename an open file, which is protection enough
            self._unlock()

    def _locked(self, file: Path) -> int:
        """Return the file's descriptor, locked until it is closed or this process ends."""
        descriptor = os.open(file, os.O_RDWR)
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                raise SinkError(
                    f"cannot record to '{self.paths[0]}': another program is recording to it just now. Choose another "
                    "name."
                ) from None
            except OSError:
                return descriptor  # a network drive without locks
        return descriptor

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _set_aside(self) -> None:
        for number in itertools.count(1):
            mark = "unfinished" if number == 1 else f"unfinished-{number}"
            aside = [marked(path, mark) for path in self.paths]
            if not any(path.exists() for path in aside):
                break
        for file, path in zip(self.files, aside, strict=True):
            if file.exists():
                file.rename(path)
        _LOG.warning(
            "an earlier recording to %s broke off: it is kept as %s, and can be played.",
            shown(self.paths[0].name),
            shown(aside[0]),
        )


def refuse_taken_names(paths: Sequence[Path], *, overwrite: bool) -> None:
    """Raise if names of a recording's files are taken, or its folder does not exist.

    Args:
        paths: the files, in one folder; the message names the first.
        overwrite: whether files may be replaced.

    Raises:
        SinkError: there is such a file, or no such folder.
    """
    path = paths[0]
    if path.is_dir():
        raise SinkError(f"cannot record to '{path}': it is a folder. Give the name of a file.")
    for taken in paths:
        if taken.exists() and not overwrite:
            which = "it" if taken == path else f"'{taken}', which goes with it,"
            raise SinkError(
                f"cannot record to '{path}': {which} exists. Choose another name, or use --overwrite."
            )
    if not path.parent.is_dir():
        raise SinkError(_no_folder(path))


def _no_folder(path: Path) -> str:
    return f"cannot record to '{path}': there is no folder '{path.parent}'. Make it first."


_LITTLE, _VERY_LITTLE = 1_000_000_000, 200_000_000
"""Free bytes below which a warning is given before a recording, and during one."""

_LOOK_EVERY_SECONDS = 2.0


class Disk:
    """Monitors a folder's free space, and warns if it is low: at once, and at every `look`.

    Args:
        folder: the recording's folder.
        name: the recording's name.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._looked_at = time.monotonic()
        self._warned = False
        self.notice: str | None = None
        """A short message for the picture while the disk is nearly full; else None."""
        left = self._left()
        if left is not None and left < _LITTLE:
            _LOG.warning("only %s are left on the disk that %s is recorded to.", _in_words(left), name)

    def look(self) -> None:
        """Check again, if the last check is some seconds ago."""
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
        except OSError:  # an unplugged drive; writing to it reports the error
            return None


def _in_words(count: int) -> str:
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
