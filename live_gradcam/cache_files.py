"""Files in the user's cache folder: written whole, and not too many of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO


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
