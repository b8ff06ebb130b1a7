"""Files in the user's cache folder: written whole, and not too many of them."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

logger = logging.getLogger(__name__)


class JsonFiles:
    """Small JSON files in a folder, one for each key. Another program sees the whole of a file or none.

    Args:
        folder: made when the first file is written.
        most: how many files are kept; the oldest are deleted first.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._most = most

    def path(self, key: str) -> Path:
        """Return the path of a key's file."""
        return self._folder / f"{key}.json"

    def read(self, key: str) -> Any:  # noqa: ANN401 - JSON
        """Return what a key's file holds.

        Raises:
            FileNotFoundError: there is no file.
            OSError, ValueError, RecursionError: it cannot be read, or is no JSON.
        """
        return json.loads(self.path(key).read_bytes())

    def write(self, key: str, content: Any) -> None:  # noqa: ANN401 - JSON
        """Write a key's file. If that fails, a later run works without it, and the log says why."""
        text = json.dumps(content).encode()
        try:
            write_whole(self.path(key), lambda file: file.write(text))
            forget_oldest(self._folder, "*.json", self._most)
        except OSError as error:
            logger.debug("nothing can be kept in %s: %s", self._folder, error.strerror)


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file so that another program sees the whole file or none. A failure leaves nothing.

    Args:
        path: of the file; its folder is made.
        write: writes the content to an open file.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        part = Path(file.name)
        try:
            write(file)
            file.close()
            part.chmod(0o644)  # a temporary file is for its maker alone
            os.replace(part, path)  # noqa: PTH105 - also over a file that is there
        except BaseException:
            file.close()
            part.unlink(missing_ok=True)
            raise


def forget_oldest(folder: Path, pattern: str, most: int) -> None:
    """Delete the oldest files of a pattern until at most so many are left.

    Raises:
        OSError: a file cannot be deleted.
    """
    kept = list(folder.glob(pattern))
    if len(kept) > most:
        with suppress(FileNotFoundError):  # another program does the same
            kept.sort(key=lambda path: path.stat().st_mtime)
            for path in kept[: len(kept) - most]:
                path.unlink()
