"""The files of an audit: `photos.csv` with the values of each photograph, and `audit.json` with those of each class."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from live_gradcam.audit.findings import AuditReport, ClassFinding, ClusterFinding
from live_gradcam.errors import SinkError
from live_gradcam.escaping import json_text
from live_gradcam.metrics.bootstrap import Mean

_COLUMNS = (
    "truth",
    "predicted",
    "probability",
    "truth_probability",
    "inside",
    "lift",
    "pointing",
    "background_need",
    "thing_need",
    "neutral_need",
    "exchange_need",
)


def make_folder(folder: Path) -> None:
    """Make the folder of the files, so that one that cannot be written is told of early.

    Raises:
        SinkError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(
            f"cannot write to the folder '{folder}': {error.strerror}. Name another with --out."
        ) from error


def write_audit(report: AuditReport, folder: Path) -> None:
    """Write `photos.csv` and `audit.json`. Each appears only when it is complete.

    Args:
        report: the findings.
        folder: of the files; it exists.

    Raises:
        SinkError: they cannot be written.
    """
    contents = {
        "photos.csv": _table(report).encode(errors="surrogateescape"),
        "audit.json": (json_text(as_json(report), indent=2) + "\n").encode(),
    }
    parts = {name: folder / f"{name}.part" for name in contents}
    name = ""
    try:
        for name, content in contents.items():
            parts[name].write_bytes(content)
        for name, part in parts.items():
            part.replace(folder / name)
    except OSError as error:
        for part in parts.values():
            with suppress(OSError):
                part.unlink(missing_ok=True)
        raise SinkError(
            f"cannot write '{folder / name}': {error.strerror}. Name another folder with --out."
        ) from error


def as_json(report: AuditReport) -> dict[str, Any]:
    """Return the values of each class, as `audit.json` has them.

    `places` counts the photographs whose thing is known: by a mask, by a box, or by an outline that was estimated in a
    box. `interval` is that of the background's share of the effect; it and each mean is null where it is unknown.
    """
    return {
        "model": report.model,
        "places": dict(report.places),
        "classes": [_class(each) for each in report.classes],
    }


def _class(found: ClassFinding) -> dict[str, Any]:
    return {
        "class": found.name,
        "count": found.count,
        "estimated": found.estimated,
        "accuracy": _rounded(found.accuracy),
        "verdict": found.verdict,
        "thing_need": _mean(found.thing_need),
        "background_need": _mean(found.background_need),
        "interval": None if found.share is None else [_rounded(found.share.low), _rounded(found.share.high)],
        "lift": _mean(found.lift),
        "clusters": [_cluster(each) for each in found.clusters],
    }


def _cluster(found: ClusterFinding) -> dict[str, Any]:
    return {
        "size": found.size,
        "accuracy": _rounded(found.accuracy),
        "photos": list(found.photos),
        "suspicious": found.suspicious,
    }


def _mean(mean: Mean | None) -> float | None:
    return None if mean is None else _rounded(mean.mean)


def _rounded(value: float) -> float:
    return round(value, 6)


def _table(report: AuditReport) -> str:
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(("file", *_COLUMNS))
    for each in report.photos:
        table.writerow((each.name, *_cells([getattr(each, name) for name in _COLUMNS])))
    return text.getvalue()


def _cells(values: Sequence[str | float | None]) -> list[str]:
    return ["" if each is None else each if isinstance(each, str) else f"{each:.6f}" for each in values]
