"""The findings of photographs, kept while an audit runs, so that a second start continues."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from live_gradcam.archive.kept_lines import KeptLines
from live_gradcam.audit.audited_photo import AuditedPhoto
from live_gradcam.audit.dull_causes import PhotoProperties
from live_gradcam.audit.findings import PhotoFinding
from live_gradcam.audit.near_duplicates import Fingerprint
from live_gradcam.audit.needs import LentPart
from live_gradcam.explanation import HeatMap

_HEAT = ("heatmap", "rival_heatmap")
_LENT = ("on_backgrounds", "with_things")
_TUPLES = ("region", "inset", "mask_fault")


class KeptFindings:
    """Keeps the findings of photographs by the keys of their files.

    A finding from the file equals the one that was written to it: numbers and heat maps are kept with all digits.

    Args:
        folder: the folder of the file, which is made; None: nothing is kept.
        settings: all settings that change the findings.

    Raises:
        SinkError: the file cannot be written; also from `add`.
    """

    def __init__(self, folder: Path | None, settings: Mapping[str, Any]) -> None:
        self._lines = KeptLines(folder, "audit", settings, "Name another folder with --out.")
        self._found: dict[str, AuditedPhoto] = {}
        for row in self._lines.rows():
            try:
                self._found[str(row["photo"])] = _photo(row)
            except (TypeError, KeyError, ValueError):
                continue  # a line of another program

    def of(self, key: str) -> AuditedPhoto | None:
        """Return what is known of a photograph; None if nothing is."""
        return self._found.get(key)

    def add(self, key: str, photo: AuditedPhoto) -> None:
        """Keep what was found out about a photograph."""
        self._found[key] = photo
        used = None if photo.used is None else photo.used[None]
        self._lines.add(
            {
                "photo": key,
                "finding": _row(photo.finding),
                "properties": asdict(photo.properties),
                "fingerprint": asdict(photo.fingerprint),
                "used": _packed(used),
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.__exit__(kind, error, trace)


def _photo(row: Mapping[str, Any]) -> AuditedPhoto:
    used = _unpacked(row["used"])
    return AuditedPhoto(
        finding=_finding(row["finding"]),
        properties=PhotoProperties(**row["properties"]),
        fingerprint=Fingerprint(**row["fingerprint"]),
        used=None if used is None else used[0],
    )


def _row(finding: PhotoFinding) -> dict[str, Any]:
    row = {each.name: getattr(finding, each.name) for each in fields(PhotoFinding)}
    return {**row, **{name: _packed(row[name]) for name in _HEAT}}


def _finding(row: Mapping[str, Any]) -> PhotoFinding:
    heat = {name: _unpacked(row[name]) for name in _HEAT}
    places = {name: None if row[name] is None else tuple(row[name]) for name in _TUPLES}
    lent = {
        name: tuple(LentPart(str(truth), str(lender), float(p)) for truth, lender, p in row[name])
        for name in _LENT
    }
    return PhotoFinding(**{**row, **heat, **places, **lent})


def _packed(heat: HeatMap | None) -> list[Any] | None:
    if heat is None:
        return None
    data = np.ascontiguousarray(heat, "<f4").tobytes()
    return [*heat.shape, base64.b64encode(data).decode()]


def _unpacked(packed: list[Any] | None) -> HeatMap | None:
    if packed is None:
        return None
    height, width, text = packed
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(height, width).astype(np.float32)
