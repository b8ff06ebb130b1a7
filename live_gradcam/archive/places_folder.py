"""Folders that say where the thing is, with one file for each photograph: Pascal VOC's XML, or YOLO's text.

- Pascal VOC (Everingham et al. 2010): `annotation/object/bndbox` holds `xmin`, `ymin`, `xmax`, `ymax`: the first and
  the last pixel of the thing, counted from 1.
- YOLO: a line for each thing: `class x y width height`, where (x, y) is the centre; all four are shares of the
  photograph's width or height. A sixth number, the confidence of a detector, may follow.

The file of `cats/1.jpg` is `cats/1.xml` or `cats/1.txt`, or `1.xml` where that name is clear.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from live_gradcam.errors import SourceError
from live_gradcam.escaping import shown

Boxes = list[tuple[float, float, float, float]]
"""(x, y, width, height) each, in pixels of the photograph; (x, y) is the corner at the top left."""

FOLDER_FORM = "Pascal VOC's .xml or YOLO's .txt files, named like the photographs"

MARKED = "boxes.json"
"""The file of the boxes that a person drew, in the folder of an audit."""

_SIDES = ("xmin", "ymin", "xmax", "ymax")
_NO_THINGS = ("classes.txt", "obj.txt", "labels.txt")
"""Text files that lie beside YOLO's and hold no boxes."""


def boxes_in(folder: Path) -> tuple[dict[str, Boxes], bool]:
    """Read the boxes of a folder and its subfolders.

    Args:
        folder: of .xml or .txt files; not of both.

    Returns:
        Path below the folder, without ending → boxes; and whether the boxes are shares of the photograph.

    Raises:
        SourceError: there are no boxes, or a file has another form; the message names file and line.
    """
    name = shown(folder.name)
    files = {
        ending: sorted(each for each in folder.rglob(f"*{ending}") if each.name not in _NO_THINGS)
        for ending in (".xml", ".txt")
    }
    if files[".xml"] and files[".txt"]:
        raise SourceError(f"the folder '{name}' has .xml and .txt files. Give a folder of one kind of boxes.")
    as_shares = bool(files[".txt"])
    found: dict[str, Boxes] = {}
    for file in files[".txt"] or files[".xml"]:
        text = _text(file)
        boxes = list(_yolo(text, shown(file.name)) if as_shares else _voc(text, shown(file.name)))
        if boxes:
            found[file.relative_to(folder).with_suffix("").as_posix()] = boxes
    if not found:
        raise SourceError(f"the folder '{name}' has no boxes. {_remedy(folder)}")
    return found, as_shares


def _remedy(folder: Path) -> str:
    """Return what to give in place of a folder without boxes."""
    if (folder / MARKED).is_file():
        return f"The boxes that were drawn in an audit are in '{shown(folder / MARKED)}'."
    masks = "Masks go with `live-gradcam audit --masks`, or in Python with boxes=. "
    return f"{masks if any(folder.rglob('*.png')) else ''}Give {FOLDER_FORM}."


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SourceError(f"the boxes in {shown(file.name)} cannot be read: {reason}.") from error


def _voc(text: str, name: str) -> Iterator[tuple[float, float, float, float]]:
    """Yield the boxes of a file of Pascal VOC.

    A document type is refused, because its entities can make a file of a kilobyte into gigabytes.
    """
    if "<!DOCTYPE" in text.upper() or "<!ENTITY" in text.upper():
        raise SourceError(f"{name} declares a document type, and no file of boxes needs one. Remove it.")
    try:
        tree = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise SourceError(f"{name} is no XML: {error}. Give {FOLDER_FORM}.") from error
    for number, box in enumerate(tree.iterfind(".//object/bndbox"), 1):
        cells = [box.findtext(side, "").strip() for side in _SIDES]
        try:
            left, top, right, bottom = (float(each) for each in cells)
            good = all(map(math.isfinite, (left, top, right, bottom))) and right >= left and bottom >= top
        except ValueError:
            good = False
        if not good:
            raise SourceError(
                f"{name}, object {number}: '{shown(', '.join(cells))}' is no box. It needs xmin, ymin, xmax and ymax, "
                "in pixels; the second pair is not smaller than the first."
            )
        yield left - 1, top - 1, right - left + 1, bottom - top + 1


def _yolo(text: str, name: str) -> Iterator[tuple[float, float, float, float]]:
    for number, line in enumerate(text.splitlines(), 1):
        cells = line.split()
        if not cells:
            continue
        try:
            _, x, y, width, height, *_ = (float(each) for each in cells)
            good = len(cells) <= 6 and all(0 <= each <= 1 for each in (x, y, width, height))
        except ValueError:
            good = False
        if not good or not (width > 0 and height > 0):
            raise SourceError(
                f"{name}, line {number}: '{shown(line.strip())}' is no box. It needs `class x y width height`: shares "
                "of the photograph, from 0 to 1; width and height are more than 0."
            )
        yield x - width / 2, y - height / 2, width, height
