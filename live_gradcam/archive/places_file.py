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
from collections.abc import Iterable, Iterator, Sequence
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

_OWN_FILES = {
    "a table of `evaluate --json`": {"model", "rows", "differences"},
    "a file with tables of `evaluate --json`": {"evaluations"},
    "the result of an audit": {"model", "classes", "places"},
}
_OWN_TABLES = {
    "a table of `evaluate --csv`": {"model", "file", "metric", "value"},
    "a table of an audit": {"file", "truth", "predicted", "lift"},
}
"""What is taken for boxes, because the program wrote it: what it is, and the keys or columns that it has."""

_MOST_SHOWN = 60
"""Characters of a value in a message."""


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
        own = next((kind for kind, columns in _OWN_TABLES.items() if columns <= set(header)), "")
        if own:
            raise SourceError(f"{name} is {own}, and has no boxes. Give {_FORM}.")
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
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{name} is no JSON: {error}. Give {_FORM}.") from error
    if not isinstance(tree, dict):
        raise SourceError(f"{name} holds {_worded(tree)}, and no boxes by file name. Give {_FORM}.")
    own = next((kind for kind, keys in _OWN_FILES.items() if keys <= tree.keys()), "")
    if own:
        raise SourceError(f"{name} is {own}, and has no boxes. Give {_FORM}.")
    found: dict[str, Boxes] = {}
    pairs = _of_coco(tree, name) if {"images", "annotations"} <= tree.keys() else _by_name(tree, name)
    for number, (file, box) in enumerate(pairs, 1):
        _add(found, file, box, f"{name}, box {number}")
    return found


def _of_coco(tree: dict[str, Any], name: str) -> Iterator[tuple[str, list[Any]]]:
    try:
        files = {each["id"]: str(each["file_name"]) for each in tree["images"]}
    except (KeyError, TypeError) as error:
        raise SourceError(f"{name}: each of `images` needs `id` and `file_name`. Give {_FORM}.") from error
    annotations = tree["annotations"]
    for number, each in enumerate(annotations if isinstance(annotations, list) else [annotations], 1):
        try:
            yield files[each["image_id"]], list(each["bbox"])
        except (KeyError, TypeError) as error:
            raise SourceError(
                f"{name}, annotation {number}: it needs `image_id`, the id of one of `images`, and `bbox`, and is "
                f"{_worded(each)}. Give {_FORM}."
            ) from error


def _by_name(tree: dict[str, Any], name: str) -> Iterator[tuple[str, list[Any]]]:
    for file, boxes in tree.items():
        if not isinstance(boxes, list) or not all(isinstance(each, list) for each in boxes):
            raise SourceError(
                f"{name} has {_worded(boxes)} for '{shown(file)}', and no list of boxes. Give {_FORM}."
            )
        yield from ((file, each) for each in boxes)


def _worded(value: Any) -> str:  # noqa: ANN401 - of JSON
    """Return a value of a JSON file, shortened."""
    text = json.dumps(value, ensure_ascii=False)
    return shown(text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…")


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
