"""Files that say where the thing is in each photograph: boxes as CSV, or as JSON like COCO's.

Folders of such files, with one file for each photograph, are read in `places_folder`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from live_gradcam.archive.file_entries import FileEntries, plain_name
from live_gradcam.archive.places_folder import FOLDER_FORM, Boxes, boxes_in
from live_gradcam.errors import SourceError
from live_gradcam.escaping import shown
from live_gradcam.file_names import expanded, nearest_paths
from live_gradcam.number_format import counted

_LOG = logging.getLogger(__name__)

_COLUMNS = ("file", "x", "y", "width", "height")
_FORM = (
    "CSV with the columns file, x, y, width, height (pixels of the photograph), or JSON: COCO's, or "
    "{FILE: [[x, y, width, height], …]}, or a folder of "
    f"{FOLDER_FORM}"
)


class PlacesFile:
    """The boxes of many photographs, by file name.

    Args:
        boxes: file name, with or without folders → boxes.
        by_stem: whether the names have no ending.
        as_shares: whether the boxes are shares of the photograph's width and height, in place of pixels.
    """

    def __init__(self, boxes: dict[str, Boxes], *, by_stem: bool = False, as_shares: bool = False) -> None:
        self._boxes = boxes
        self._entries = FileEntries(boxes, by_stem=by_stem)
        self._as_shares = as_shares

    @property
    def key(self) -> str:
        """A hash of all boxes."""
        return hashlib.sha256(json.dumps(self._boxes, sort_keys=True).encode()).hexdigest()

    def names(self, photo: Path) -> bool:
        """Return whether there are boxes for a photograph."""
        return self._entries.of(photo) is not None

    def warn_of_shared(self, photos: Iterable[Path]) -> None:
        """Warn once if boxes of one name are used for several photographs, which lie in different folders."""
        if (shared := self._entries.shared(photos)) is not None:
            name, several = shared
            _LOG.warning(
                "the boxes of %s are used for %s, such as %s and %s. If these differ, write the folder before the name",
                shown(name),
                counted(len(several), "photograph"),
                *(shown("/".join(each.parts[-2:])) for each in several[:2]),
            )

    def of(self, photo: Path, size: tuple[int, int]) -> Boxes | None:
        """Return the boxes of a photograph in its pixels; None if the file has none for it.

        Names with folders are compared from the end, so that `cats/1.jpg` is found in every folder that has it.

        Args:
            photo: its path.
            size: its (width, height) in pixels.
        """
        found = self._entries.of(photo)
        if found is None or not self._as_shares:
            return found
        width, height = size
        return [(x * width, y * height, wide * width, high * height) for x, y, wide, high in found]


def read_places(path: str | Path) -> PlacesFile:
    """Read a file of boxes, or a folder of such files.

    Args:
        path: a `.csv` or `.json` file, or a folder as `places_folder.boxes_in` takes it.

    Raises:
        SourceError: the file cannot be read, or has another form; the message names the line or the entry.
    """
    file = expanded(path)
    if file.is_dir():
        boxes, as_shares = boxes_in(file)
        return PlacesFile(boxes, by_stem=True, as_shares=as_shares)
    name = shown(file.name)
    try:
        text = file.read_text("utf-8-sig")
    except FileNotFoundError:
        near = nearest_paths(path)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"Give {_FORM}."
        raise SourceError(f"there is no file '{shown(path)}' of boxes. {hint}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SourceError(f"the boxes in {name} cannot be read: {reason}. Give {_FORM}.") from error
    places = _from_json(text, name) if file.suffix.lower() == ".json" else _from_csv(text, name)
    if not places:
        raise SourceError(f"{name} has no boxes. Give {_FORM}.")
    return PlacesFile(places)


def _from_csv(text: str, name: str) -> dict[str, Boxes]:
    rows = csv.reader(io.StringIO(text, newline=""))
    header = [each.strip().casefold() for each in next(rows, [])]
    missing = [each for each in _COLUMNS if each not in header]
    if missing:
        raise SourceError(f"{name} has no column '{missing[0]}' in its first line. Give {_FORM}.")
    places = [header.index(each) for each in _COLUMNS]
    found: dict[str, Boxes] = {}
    for row in rows:
        if not row:
            continue
        cells = [row[place] if place < len(row) else "" for place in places]
        _add(found, cells[0].strip(), cells[1:], f"{name}, line {rows.line_num}")
    return found


def _from_json(text: str, name: str) -> dict[str, Boxes]:
    try:
        tree = json.loads(text)
    except ValueError as error:
        raise SourceError(f"{name} is no JSON: {error}. Give {_FORM}.") from error
    found: dict[str, Boxes] = {}
    try:
        if isinstance(tree, dict) and "annotations" in tree and "images" in tree:
            files = {each["id"]: str(each["file_name"]) for each in tree["images"]}
            pairs: Iterable[tuple[str, Sequence[Any]]] = (
                (files[each["image_id"]], each["bbox"]) for each in tree["annotations"]
            )
        else:
            pairs = ((file, box) for file, boxes in tree.items() for box in boxes)
        for number, (file, box) in enumerate(pairs, 1):
            _add(found, file, list(box), f"{name}, box {number}")
    except (AttributeError, KeyError, TypeError) as error:
        raise SourceError(
            f"{name} has another form ({type(error).__name__}: {error}). Give {_FORM}."
        ) from error
    return found


def _add(found: dict[str, Boxes], file: str, cells: Sequence[Any], where: str) -> None:
    try:
        x, y, width, height = (float(each) for each in cells)
        good = all(map(math.isfinite, (x, y, width, height))) and width > 0 and height > 0
    except (TypeError, ValueError):
        good = False
    if not good or not file:
        raise SourceError(
            f"{where}: '{shown(', '.join(map(str, (file, *cells))))}' is no box. It needs the photograph's file name, "
            "and x, y, width and height in pixels; width and height are more than 0."
        )
    found.setdefault(plain_name(file), []).append((x, y, width, height))
