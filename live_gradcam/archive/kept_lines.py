"""What a run has found so far, kept in a file of one JSON object a line, so that a second start continues.

The name of the file depends on the settings that the results depend on. A run that was killed leaves a last line that
is cut; it is left out when the file is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from live_gradcam.archive.record import FileState
from live_gradcam.errors import SinkError
from live_gradcam.escaping import json_text
from live_gradcam.version import __version__


class KeptLines:
    """Reads and appends the lines of one file.

    Args:
        folder: the folder of the file, which is made; None: nothing is kept.
        kind: the beginning of the file's name: `evaluate`.
        settings: all settings that change the results.
        remedy: a sentence of the error, if the file cannot be written.

    Raises:
        SinkError: the file cannot be written; also from `add`.
    """

    def __init__(self, folder: Path | None, kind: str, settings: Mapping[str, Any], remedy: str) -> None:
        self._remedy = remedy
        self._file: TextIO | None = None
        self.path: Path | None = None
        if folder is None:
            return
        text = json_text({"version": __version__, **{name: str(value) for name, value in settings.items()}})
        self.path = folder / f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a", encoding="utf-8", newline="\n")
            if _is_cut(self.path):
                self._file.write("\n")  # else the next line would be joined to the cut one
        except OSError as error:
            raise self._failure(error) from error

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the lines that an earlier run has written, in order.

        Raises:
            SinkError: the file cannot be read.
        """
        if self.path is None:
            return
        try:
            # A line may be cut within a character.
            with self.path.open(encoding="utf-8", errors="replace", newline="\n") as file:
                for line in file:
                    try:
                        row = json.loads(line)
                    except ValueError:
                        continue  # the last line of a run that was killed
                    if isinstance(row, dict):
                        yield row
        except OSError as error:
            raise self._failure(error) from error

    def add(self, row: Mapping[str, Any]) -> None:
        """Append a line."""
        if self._file is None:
            return
        try:
            self._file.write(json_text(row) + "\n")
            self._file.flush()
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> SinkError:
        return SinkError(
            f"cannot keep the results in '{self.path}': {error.strerror or error}. {self._remedy}"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None or self.path is None:
            return
        self._file.close()
        with suppress(OSError):
            if not self.path.stat().st_size:
                self.path.unlink()  # nothing was found: a run that failed leaves nothing behind


def _is_cut(path: Path) -> bool:
    """Return whether a file's last line has no end."""
    with path.open("rb") as file:
        if not file.seek(0, 2):
            return False
        file.seek(-1, 2)
        return file.read(1) != b"\n"


def file_key(file: Path) -> str:
    """Return the name of a file with its size and modification time; empty if there is none."""
    try:
        state = FileState.of(file)
    except OSError:
        return ""
    return f"{file.resolve()} {state.bytes} {state.modified_ns}"
