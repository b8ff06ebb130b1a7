"""The results of photographs, kept in a file while an evaluation runs, so that a second start continues.

The file has one JSON object a line: a photograph with its values. Its name depends on the settings that change values.
What a later run needs besides is computed then, and appended in a further line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from live_gradcam.archive.record import FileState
from live_gradcam.errors import SinkError
from live_gradcam.escaping import json_text
from live_gradcam.metrics.photo_test import MapName, PhotoValues
from live_gradcam.version import __version__


class PhotoResults:
    """Keeps the values of photographs.

    Args:
        folder: the folder of the file, which is made.
        settings: all settings that change values.

    Raises:
        SinkError: the file cannot be written; also from `add`.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        text = json_text({"version": __version__, **{name: str(value) for name, value in settings.items()}})
        self.path = folder / f"evaluate-{hashlib.sha256(text.encode()).hexdigest()[:16]}.jsonl"
        self._found: dict[str, PhotoValues] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                self._read()
            self._file = self.path.open("a", encoding="utf-8", newline="\n")
        except OSError as error:
            raise self._failure(error) from error

    def of(self, photo: Path) -> PhotoValues | None:
        """Return what is known of a photograph; None if nothing is, or if its file has changed since."""
        return self._found.get(_key(photo))

    def missing(self, photo: Path, wanted: Collection[MapName]) -> list[MapName]:
        """Return which of the wanted values of a photograph are not known."""
        found = self.of(photo)
        return list(wanted) if found is None else [each for each in wanted if each not in found.values]

    def add(self, photo: Path, values: PhotoValues) -> None:
        """Keep the values of a photograph, beside those that are known of it."""
        key = _key(photo)
        self._merge(key, values)
        rows = [[*name, value] for name, value in values.values.items()]
        line = {
            "photo": key,
            "label": values.label,
            "probability": values.probability,
            "values": rows,
            "seconds": dict(values.seconds),
        }
        try:
            self._file.write(json_text(line) + "\n")
            self._file.flush()
        except OSError as error:
            raise self._failure(error) from error

    def _read(self) -> None:
        for line in self.path.read_text("utf-8").splitlines():
            try:
                row = json.loads(line)
                values = {MapName(*each[:3]): each[3] for each in row["values"]}
                self._merge(
                    row["photo"], PhotoValues(row["label"], row["probability"], values, row["seconds"])
                )
            except (ValueError, TypeError, KeyError, IndexError):
                continue  # the last line of a run that was killed

    def _merge(self, key: str, values: PhotoValues) -> None:
        known = self._found.get(key)
        if known is not None:
            values = PhotoValues(
                values.label,
                values.probability,
                {**known.values, **values.values},
                {**values.seconds, **known.seconds},
            )
        self._found[key] = values

    def _failure(self, error: OSError) -> SinkError:
        return SinkError(
            f"cannot keep the results in '{self.path}': {error.strerror or error}. Name a file of another folder with "
            "--json or --csv: they are kept beside it."
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _key(photo: Path) -> str:
    """Return the name of a photograph with its size and modification time."""
    try:
        state = FileState.of(photo)
    except OSError:
        return ""
    return f"{photo.resolve()} {state.bytes} {state.modified_ns}"
