"""The files of an audit: tables and lines with the values of each photograph, `audit.json` with those of each class."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from live_gradcam.archive.record import RECORDS
from live_gradcam.audit.findings import (
    AuditReport,
    ClassComparison,
    ClassFinding,
    ClusterFinding,
    ModelComparison,
    PairedChange,
    PhotoFinding,
)
from live_gradcam.audit.mask_faults import fault_counts
from live_gradcam.audit.needs import LentPart
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


_COMPARED = ("share", "background_need", "exchange_need", "thing_need", "neutral_need", "accuracy")
OTHER_FILES = ("photos.compare.csv", "photos.compare.jsonl")
"""The values of the other model of a comparison."""


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Make the folder of the files before the block, so that one that cannot be written is told of early.

    After the block, folders that were made for it and are empty are removed: the block has failed.

    Raises:
        SinkError: it cannot be made.
    """
    missing = [each for each in (folder / RECORDS, folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(
            f"cannot write to the folder '{folder}': {error.strerror}. Name another with --out."
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):  # the first that is not empty, and so all around it
            for each in missing:
                if each.exists():
                    each.rmdir()


def write_audit(report: AuditReport, folder: Path) -> list[str]:
    """Write `photos.csv`, `photos.jsonl` and `audit.json`, each only when it is complete.

    Of a comparison there are also `photos.compare.csv` and `photos.compare.jsonl`. Without one, earlier files of these
    names are removed, because they would be taken for a part of this audit.

    Args:
        report: the findings.
        folder: of the files; it exists.

    Returns:
        The names of the files of an earlier comparison that were removed.

    Raises:
        SinkError: they cannot be written.
    """
    contents = {
        **_photo_files(("photos.csv", "photos.jsonl"), report),
        "audit.json": (json_text(_whole(report), indent=2) + "\n").encode(),
    }
    if report.comparison is not None:
        contents |= _photo_files(OTHER_FILES, report.comparison.report)
    parts = {name: folder / f"{name}.part" for name in contents}
    name = ""
    removed = [each for each in OTHER_FILES if each not in contents and (folder / each).is_file()]
    try:
        for name, content in contents.items():
            parts[name].write_bytes(content)
        for name, part in parts.items():
            part.replace(folder / name)
        for name in removed:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        for part in parts.values():
            with suppress(OSError):
                part.unlink(missing_ok=True)
        raise SinkError(
            f"cannot write '{folder / name}': {error.strerror}. Name another folder with --out."
        ) from error
    return removed


def as_json(report: AuditReport) -> dict[str, Any]:
    """Return the values of each class, as `audit.json` has them.

    `places` counts the photographs whose thing is known: by a mask, by a box, or by an outline that was estimated in a
    box; `mask_faults` counts the masks that cannot be used, by kind; `failures` has a line for each photograph that was
    left out. `known` is how many photographs and films the
    needs of a class are means of, and `lenders` among how many of other classes their backgrounds were drawn.
    `interval` is that of the background's share of the effect; it and each mean is null where it is unknown. Of a
    comparison there is also `compare`: the other model's values in the same form, and `differences`, model − compare,
    with their paired intervals.
    """
    found: dict[str, Any] = {
        "model": report.model,
        "places": dict(report.places),
        "mask_faults": fault_counts(report.photos),
        "interrupted": report.interrupted,
        "failures": list(report.failures),
        "classes": [_class(each) for each in report.classes],
    }
    if report.comparison is not None:
        found["compare"] = _comparison(report.comparison)
    return found


def _whole(report: AuditReport) -> dict[str, Any]:
    """Return the content of `audit.json`: `as_json`, and what is dull about the photographs."""
    return {
        **as_json(report),
        "causes": [
            {"name": each.name, "accuracy": _rounded(each.accuracy), "baseline": _rounded(each.baseline)}
            for each in report.causes
        ],
        "copies": [{"first": each.first, "second": each.second} for each in report.duplicates],
    }


def _comparison(found: ModelComparison) -> dict[str, Any]:
    return {**as_json(found.report), "differences": [_difference(each) for each in found.classes]}


def _difference(found: ClassComparison) -> dict[str, Any]:
    return {
        "class": found.name,
        "compare_class": found.other_name,
        "count": found.count,
        "sentence": found.sentence,
        **{name: _change(getattr(found, name)) for name in _COMPARED},
    }


def _change(change: PairedChange | None) -> dict[str, Any] | None:
    if change is None:
        return None
    mean = change.difference
    return {
        "model": _rounded(change.first),
        "compare": _rounded(change.other),
        "difference": _rounded(mean.mean),
        "interval": [_rounded(mean.low), _rounded(mean.high)],
    }


def _class(found: ClassFinding) -> dict[str, Any]:
    return {
        "class": found.name,
        "count": found.count,
        "known": 0 if found.background_need is None else found.background_need.count,
        "lenders": found.lenders,
        "by_background": {name: _mean(each) for name, each in found.by_background.items()},
        "estimated": found.estimated,
        "accuracy": _rounded(found.accuracy),
        "verdict": found.verdict,
        "share": _mean(found.share),
        "background_need": _mean(found.background_need),
        "exchange_need": _mean(found.exchange_need),
        "thing_need": _mean(found.thing_need),
        "neutral_need": _mean(found.neutral_need),
        "interval": None if found.share is None else [_rounded(found.share.low), _rounded(found.share.high)],
        "inside": _mean(found.inside),
        "lift": _mean(found.lift),
        "pointing": _mean(found.pointing),
        "clusters": [_cluster(each) for each in found.clusters],
    }


def _cluster(found: ClusterFinding) -> dict[str, Any]:
    return {
        "size": found.size,
        "accuracy": _rounded(found.accuracy),
        "rest_accuracy": None if found.rest_accuracy is None else _rounded(found.rest_accuracy),
        "better": found.better,
        "photos": list(found.photos),
        "suspicious": found.suspicious,
    }


def _mean(mean: Mean | None) -> float | None:
    return None if mean is None else _rounded(mean.mean)


def _rounded(value: float) -> float:
    return round(value, 6)


def _photo_files(names: tuple[str, str], report: AuditReport) -> dict[str, bytes]:
    """Return the table and the lines of a report's photographs, by the names of their files."""
    lines = "".join(f"{json_text(_photo(each))}\n" for each in report.photos)
    return {names[0]: _table(report).encode(errors="surrogateescape"), names[1]: lines.encode()}


def _photo(found: PhotoFinding) -> dict[str, Any]:
    """Return all that is known of a photograph except its heat maps; null is what is unknown."""
    values = {name: getattr(found, name) for name in (*_COLUMNS, "blur_drop")}
    return {
        "file": found.name,
        **{name: _rounded(each) if isinstance(each, float) else each for name, each in values.items()},
        "film": found.film,
        "region": found.region,
        "lenders": found.lenders,
        "unseen": found.unseen,
        "mask_fault": found.mask_fault,
        "mask_around": found.mask_around,
        **{name: _lent(getattr(found, name)) for name in ("on_backgrounds", "with_things")},
    }


def _lent(parts: Sequence[LentPart]) -> list[tuple[str, str, float]]:
    return [(each.class_name, each.lender, _rounded(each.probability)) for each in parts]


def _table(report: AuditReport) -> str:
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(("file", *_COLUMNS))
    for each in report.photos:
        table.writerow((each.name, *_cells([getattr(each, name) for name in _COLUMNS])))
    return text.getvalue()


def _cells(values: Sequence[str | float | None]) -> list[str]:
    return ["" if each is None else each if isinstance(each, str) else f"{each:.6f}" for each in values]
