"""Marks: a person says where the thing is, photograph by photograph; each mark is on disk before the next is made.

`boxes.json` has the form that `--boxes` reads: name of a photograph → its boxes. A photograph without boxes there was
looked at, and nothing is said about its thing. Outlines that a person accepted lie in `masks/`: they are estimates, and
count as such. Their names keep the photograph's ending (`cats/1.jpg.png`), so that `--masks`, whose masks somebody has
drawn, does not take them for its own.
"""

from __future__ import annotations

import json
import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from live_gradcam.archive.places_folder import MARKED
from live_gradcam.audit.needs import seed_of
from live_gradcam.audit.outlines import Box, outline_in, write_mask
from live_gradcam.audit.photo_folders import AuditPhoto, read_whole
from live_gradcam.cache_files import write_whole
from live_gradcam.errors import LiveGradcamError, SinkError, SourceError
from live_gradcam.escaping import shown
from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import Mask

MASKS = "masks"
"""The folder of the accepted outlines there."""

State = Literal["", "box", "outline", "none"]
"""What is said about a photograph: nothing yet; a box; a box with an outline; or that nothing is said of its thing."""

_KEPT = 4
"""Photographs that are kept in memory: a person goes back by one or two."""


class Marks:
    """The marks of photographs. All methods may be called from any thread.

    Args:
        photos: the photographs.
        folder: of the results; marks of an earlier run are read from it.

    Raises:
        SourceError: the boxes there are no boxes.
    """

    def __init__(self, photos: Sequence[AuditPhoto], folder: Path) -> None:
        self.photos = in_turn(photos)
        self.boxes = folder / MARKED
        self.masks = folder / MASKS
        self._marks = _read(self.boxes)
        self._lock = threading.Lock()
        self._pictures: OrderedDict[int, Pixels] = OrderedDict()
        self._outline: tuple[int, Box, Mask] | None = (
            None  # the newest: what a person accepts is what they saw
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """The class of each photograph, in their order."""
        return tuple(each.truth for each in self.photos)

    @property
    def has_boxes(self) -> bool:
        """Whether any photograph has a box."""
        return any(self._marks.values())

    def state(self, number: int) -> State:
        """Return what is said about a photograph."""
        name = _key(self.photos[number])
        boxes = self._marks.get(name)
        if boxes is None:
            return ""
        if not boxes:
            return "none"
        return "outline" if mask_file(self.masks, self.photos[number]).is_file() else "box"

    def picture(self, number: int) -> Pixels:
        """Return a photograph, (H, W, 3) uint8 BGR, upright.

        Raises:
            SourceError: it cannot be read, or not all of it: the audit would leave it out.
        """
        with self._lock:
            if number in self._pictures:
                return self._pictures[number]
            pixels = self._pictures[number] = read_whole(self.photos[number])
            if len(self._pictures) > _KEPT:
                self._pictures.popitem(last=False)
            return pixels

    def box(self, number: int) -> Box | None:
        """Return the box of a photograph as shares of its width and height; the first, if there are several.

        Raises:
            SourceError: the photograph cannot be read.
        """
        boxes = self._marks.get(_key(self.photos[number]))
        if not boxes:
            return None
        height, width = self.picture(number).shape[:2]
        x, y, across, down = boxes[0]
        left, top, right, bottom = (
            min(max(at / side, 0.0), 1.0)
            for at, side in zip((x, y, x + across, y + down), (width, height) * 2, strict=True)
        )
        return left, top, right - left, bottom - top

    def outline(self, number: int, box: Box) -> Mask:
        """Return the outline in a box, which is an estimate: see `outline_in`.

        Args:
            number: of the photograph.
            box: in shares of its width and height.

        Raises:
            LiveGradcamError: no outline is found, or the photograph cannot be read.
        """
        pixels = self.picture(number)
        place = in_pixels(box, (pixels.shape[1], pixels.shape[0]))
        if self._outline is None or self._outline[:2] != (number, place):
            self._outline = (number, place, outline_in(pixels, place))
        return self._outline[2]

    def save(self, number: int, box: Box | None, *, outlined: bool = False) -> None:
        """Write down what a person says about a photograph.

        Args:
            number: of the photograph.
            box: in shares of its width and height, within it; None: nothing is said about its thing.
            outlined: whether the outline in the box was accepted.

        Raises:
            LiveGradcamError: the photograph cannot be read, no outline is found, or a file cannot be written.
        """
        photo = self.photos[number]
        boxes: list[Box] = []
        outline = None
        if box is not None:
            pixels = self.picture(number)
            boxes = [in_pixels(box, (pixels.shape[1], pixels.shape[0]))]
            outline = self.outline(number, box) if outlined else None
        self._write(photo, boxes, outline)

    def forget(self, number: int) -> None:
        """Take back what was said about a photograph.

        Raises:
            SinkError: a file cannot be written.
        """
        self._write(self.photos[number], None, None)

    def _write(self, photo: AuditPhoto, boxes: list[Box] | None, outline: Mask | None) -> None:
        with self._lock:
            file = mask_file(self.masks, photo)
            marks = {**self._marks, _key(photo): boxes}
            kept = {each: some for each, some in marks.items() if some is not None}
            try:
                # In this order: whenever the program ends, an outline on disk is that of the box beside it.
                if kept != self._marks or outline is None:
                    file.unlink(missing_ok=True)
                if kept != self._marks:
                    text = json.dumps(kept, indent=0)
                    write_whole(self.boxes, lambda out: out.write(text.encode()))
                if outline is not None:
                    write_mask(file, outline)
            except OSError as error:
                raise SinkError(
                    f"cannot write '{shown(self.boxes.parent)}': {error.strerror or error}. Name another folder with "
                    "--out."
                ) from error
            self._marks = kept


def mask_file(folder: Path, photo: AuditPhoto) -> Path:
    """Return the file of an accepted outline: that of `cats/1.jpg` is `cats/1.jpg.png`."""
    path = PurePosixPath(_key(photo))
    return folder / path.with_name(f"{path.name}.png")


def _key(photo: AuditPhoto) -> str:
    """Return the name of a photograph's file below the common folder, as it is; its `name` is made printable."""
    return PurePosixPath(*photo.path.parts[-len(PurePosixPath(photo.name).parts) :]).as_posix()


def in_turn(photos: Sequence[AuditPhoto]) -> tuple[AuditPhoto, ...]:
    """Return photographs in the order in which they are shown: the classes take turns.

    Within a class the order depends on the names alone, and not on their alphabet: neighbours of a series look alike.
    """
    by_class: dict[str, list[AuditPhoto]] = {}
    for each in sorted(photos, key=lambda each: (seed_of(each.name), each.name)):
        by_class.setdefault(each.truth, []).append(each)
    order = sorted(by_class)
    longest = max(map(len, by_class.values()), default=0)
    return tuple(by_class[name][at] for at in range(longest) for name in order if at < len(by_class[name]))


def in_pixels(box: Box, size: tuple[int, int]) -> Box:
    """Return a box in whole pixels, at least one each way.

    Args:
        box: (x, y, width, height) in shares of the picture.
        size: (width, height) of the picture in pixels.

    Raises:
        LiveGradcamError: the box does not lie within the picture.
    """
    x, y, across, down = box
    # A browser's sums of shares may pass 1 by a rounding error.
    inside = x >= 0 and y >= 0 and across > 0 and down > 0 and x + across <= 1 + 1e-6 and y + down <= 1 + 1e-6
    if not all(map(math.isfinite, box)) or not inside:
        raise LiveGradcamError(
            f"the box {box} is not within the picture: give shares of its width and height."
        )
    width, height = size
    left, top = min(round(x * width), width - 1), min(round(y * height), height - 1)
    right = min(max(left + 1, round((x + across) * width)), width)
    bottom = min(max(top + 1, round((y + down) * height)), height)
    return float(left), float(top), float(right - left), float(bottom - top)


def _read(file: Path) -> dict[str, list[Box]]:
    """Return the marks of an earlier run; none if there was none.

    Raises:
        SourceError: the file holds something else.
    """
    try:
        tree = json.loads(file.read_bytes())
        return {str(name): [_box(each) for each in boxes] for name, boxes in tree.items()}
    except (FileNotFoundError, NotADirectoryError):
        return {}  # if nothing can be written there either, the first box tells
    except (OSError, ValueError, TypeError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or "it is no JSON of file names and boxes"
        raise SourceError(
            f"the boxes in '{shown(file)}' cannot be read: {reason}. Mend the file, or move it away to begin again."
        ) from error


def _box(numbers: Any) -> Box:  # noqa: ANN401 - JSON
    x, y, width, height = (float(each) for each in numbers)
    if not all(map(math.isfinite, (x, y, width, height))) or width <= 0 or height <= 0:
        raise ValueError
    return x, y, width, height
