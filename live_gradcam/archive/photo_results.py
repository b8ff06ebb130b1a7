"""The results of photographs, kept while an evaluation runs, so that a second start continues.

What a later run needs besides is computed then, and appended in a further line.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from live_gradcam.archive.kept_lines import KeptLines, file_key
from live_gradcam.metrics.photo_test import MapName, PhotoValues


class PhotoResults:
    """Keeps the values of photographs.

    Args:
        folder: the folder of the file, which is made.
        settings: all settings that change values.

    Raises:
        SinkError: the file cannot be written; also from `add`.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        remedy = "Name a file of another folder with --json or --csv: they are kept beside it."
        self._lines = KeptLines(folder, "evaluate", settings, remedy)
        self._found: dict[str, PhotoValues] = {}
        for row in self._lines.rows():
            try:
                values = {MapName(*each[:3]): each[3] for each in row["values"]}
                self._merge(
                    row["photo"], PhotoValues(row["label"], row["probability"], values, row["seconds"])
                )
            except (TypeError, KeyError, IndexError):
                continue  # a line of another program

    def of(self, photo: Path) -> PhotoValues | None:
        """Return what is known of a photograph; None if nothing is, or if its file has changed since."""
        return self._found.get(file_key(photo))

    def missing(self, photo: Path, wanted: Collection[MapName]) -> list[MapName]:
        """Return which of the wanted values of a photograph are not known."""
        found = self.of(photo)
        return list(wanted) if found is None else [each for each in wanted if each not in found.values]

    def add(self, photo: Path, values: PhotoValues) -> None:
        """Keep the values of a photograph, beside those that are known of it."""
        key = file_key(photo)
        self._merge(key, values)
        rows = [[*name, value] for name, value in values.values.items()]
        line = {
            "photo": key,
            "label": values.label,
            "probability": values.probability,
            "values": rows,
            "seconds": dict(values.seconds),
        }
        self._lines.add(line)

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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.__exit__(kind, error, trace)
