"""Where the thing is in each photograph: a folder of masks, or boxes, some with outlines that were estimated."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from PIL import Image, UnidentifiedImageError

from live_gradcam.archive.kept_lines import file_key
from live_gradcam.archive.places_file import PlacesFile
from live_gradcam.audit.findings import AuditReport, MaskFaultKind
from live_gradcam.audit.marks import mask_file
from live_gradcam.audit.photo_folders import AuditPhoto
from live_gradcam.errors import SourceError
from live_gradcam.escaping import shown
from live_gradcam.file_names import expanded, nearest_paths
from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import Mask
from live_gradcam.metrics.photo_test import Place
from live_gradcam.number_format import counted

Kind = Literal["mask", "box", "estimated"]
"""How it is known where a thing is: by a mask, by boxes, or by an outline that GrabCut estimated in a box."""

_MOST_COVERED = 0.99
"""The largest share of a photograph that a mask may cover. One that covers more is often a photograph, or black and
white are exchanged; the thing would take its background along, and the verdict would always be *thing*."""


class MaskError(SourceError):
    """A mask says nothing about the thing of its photograph.

    Args:
        kind: of the fault.
        detail: what the mask is like, in a few words.
        message: the whole of it, as a sentence.
    """

    def __init__(self, kind: MaskFaultKind, detail: str, message: str) -> None:
        super().__init__(message)
        self.fault: tuple[MaskFaultKind, str] = (kind, detail)


class MasksOrBoxes:
    """Tells where the thing is in a photograph.

    Args:
        masks: a folder of PNG files: the mask of `cats/1.jpg` is `cats/1.png`.
        boxes: boxes, if there are no masks.
        estimates: a folder of outlines that were estimated in these boxes, as `marks.Marks` writes them; where there
            is one, it counts in place of the box.

    Raises:
        SourceError: there is no such folder.
    """

    def __init__(
        self, masks: Path | None = None, boxes: PlacesFile | None = None, estimates: Path | None = None
    ) -> None:
        self._masks = None if masks is None else expanded(masks)
        self._boxes = boxes
        self._estimates = estimates
        if self._masks is not None and not self._masks.is_dir():
            near = nearest_paths(self._masks, among=Path.is_dir)
            hint = f"Did you mean {' or '.join(near)}?" if near else "Give a folder of PNG files."
            raise SourceError(f"there is no folder '{shown(self._masks)}' of masks. {hint}")

    @property
    def key(self) -> str | None:
        """Identifies the boxes; None where there are masks, each of which has a key of its own, or nothing."""
        return None if self._boxes is None else self._boxes.key

    def names(self, photo: AuditPhoto) -> bool:
        """Return whether something is known about a photograph."""
        return self.kind_of(photo) is not None

    def kind_of(self, photo: AuditPhoto) -> Kind | None:
        """Return how it is known where a photograph's thing is; None if nothing is known."""
        if self._masks is not None:
            return "mask" if self._mask_of(photo).is_file() else None
        if self._boxes is None or not self._boxes.names(photo.path):
            return None
        return "box" if self._estimate_of(photo) is None else "estimated"

    def nothing_for(self, photo: AuditPhoto) -> str:
        """Return what was looked for and what is there instead, where no photograph has a mask or a box.

        Args:
            photo: one of the photographs.
        """
        if self._masks is None:
            named = f"no photograph has a box, for example {photo.name}."
            return f"{named} Give the names of the photographs to their boxes."
        wanted = self._mask_of(photo)
        looked = f"no photograph has a mask: looked for {shown(wanted)}, and"
        return f"{looked} {_instead(self._masks, wanted.relative_to(self._masks))}"

    def key_of(self, photo: AuditPhoto) -> str:
        """Return what identifies the photograph's file and its mask's."""
        mask = self._estimate_of(photo) if self._masks is None else self._mask_of(photo)
        return f"{file_key(photo.path)} {'' if mask is None else file_key(mask)}".strip()

    def of(self, photo: AuditPhoto, pixels: Pixels) -> Place:
        """Return where the thing is: a mask (H, W) bool, or boxes; None if nothing is known.

        Args:
            photo: the photograph.
            pixels: (H, W, 3) uint8 BGR: its picture.

        Raises:
            MaskError: the mask cannot be read, has another size, or covers the photograph.
        """
        size = (pixels.shape[1], pixels.shape[0])
        if self._masks is None:
            boxes = None if self._boxes is None else self._boxes.of(photo.path, size)
            estimate = self._estimate_of(photo)
            return boxes if boxes is None or estimate is None else _mask_of_size(estimate, size)
        file = self._mask_of(photo)
        return _mask_of_size(file, size) if file.is_file() else None

    def _mask_of(self, photo: AuditPhoto) -> Path:
        assert self._masks is not None
        return self._masks / PurePosixPath(photo.name).with_suffix(".png")

    def _estimate_of(self, photo: AuditPhoto) -> Path | None:
        if self._estimates is None:
            return None
        file = mask_file(self._estimates, photo)
        return file if file.is_file() else None


def _instead(folder: Path, wanted: Path) -> str:
    """Return what is in a folder of masks in the place of a mask, and what to do, as the end of a sentence.

    Args:
        folder: of the masks.
        wanted: the mask that is not there, below the folder.
    """
    files = sorted(each.relative_to(folder) for each in folder.rglob("*") if each.is_file())
    if not files:
        return "the folder has no files. Give a folder of PNG files."
    masks = [each for each in files if each.suffix == ".png"]
    if not masks:
        kinds = Counter(each.suffix or "no ending" for each in files)
        kind, count = min(kinds.items(), key=lambda each: (-each[1], each[0]))
        there = (
            f"there {'is' if count == 1 else 'are'} {counted(count, 'file')} with {shown(kind)} and no .png"
        )
        return f"{there}: masks must be PNG files that end in .png."
    for each in masks:
        if each.name != wanted.name:
            continue
        there = f"there is {shown(folder / each)}"
        if wanted.parts[-len(each.parts) :] == each.parts:
            return f"{there}: masks must lie in the folders of their photographs."
        if each.parts[-len(wanted.parts) :] == wanted.parts:
            return f"{there}: give --masks {shown(folder.joinpath(*each.parts[: -len(wanted.parts)]))}."
    there = f"there {'is' if len(masks) == 1 else 'are'} {counted(len(masks), 'PNG file')}"
    such = shown(masks[0].as_posix())
    return f"{there}, such as {such}: masks must have the names and the folders of their photographs."


def _mask_of_size(file: Path, size: tuple[int, int]) -> Mask:
    """Return the mask of a photograph of (width, height) pixels.

    Raises:
        MaskError: it cannot be read, has another size, or covers the photograph, which leaves no background.
    """
    mask = read_mask(file)
    if mask.shape != size[::-1]:
        own, wanted = f"{mask.shape[1]}×{mask.shape[0]}", f"{size[0]}×{size[1]}"
        raise MaskError(
            "size",
            f"{own} pixels, the photograph {wanted}",
            f"its mask {shown(file.name)} has {own} pixels, and the photograph {wanted}. Give a mask of the same size.",
        )
    if mask.mean() > _MOST_COVERED:
        raise MaskError(
            "whole",
            f"{100 * mask.mean():.0f}% of it",
            f"its mask {shown(file.name)} covers {100 * mask.mean():.0f}% of the photograph, which leaves no "
            "background: the thing is what is not black. Give a mask that is black beside the thing.",
        )
    return mask


def read_mask(file: Path) -> Mask:
    """Return the pixels of the thing, (H, W) bool: those of a PNG that are neither black nor transparent.

    Of a picture with a palette, those whose number is not 0 belong to the thing, as in Pascal VOC's masks.

    Raises:
        MaskError: it cannot be read.
    """
    try:
        with Image.open(io.BytesIO(file.read_bytes())) as image:
            image.load()
            if image.mode == "P":
                return np.asarray(image) > 0
            levels = np.asarray(image)
            alpha = image.mode in ("LA", "PA", "RGBA")
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or "it is no picture"
        message = f"its mask {shown(file.name)} cannot be read: {reason}. Give a PNG."
        raise MaskError("unreadable", reason, message) from error
    if levels.ndim == 2:
        return np.asarray(levels > 0, np.bool_)
    colours = levels[..., :-1] if alpha else levels
    seen = np.any(colours > 0, axis=-1)
    return np.asarray(seen & (levels[..., -1] > 0) if alpha else seen, np.bool_)


def with_places(report: AuditReport, kinds: Mapping[str, Kind | None]) -> AuditReport:
    """Return a report that tells how it is known where the things are.

    Args:
        report: the findings.
        kinds: name of a photograph → how its place is known; None if it is not.
    """
    estimated = Counter(each.truth for each in report.photos if kinds.get(each.name) == "estimated")
    return replace(
        report,
        places=dict(sorted(Counter(each for each in kinds.values() if each is not None).items())),
        classes=tuple(replace(each, estimated=estimated[each.name]) for each in report.classes),
    )


def digest(keys: list[str]) -> str:
    """Return a short hash of texts."""
    return hashlib.sha256("\n".join(keys).encode(errors="surrogateescape")).hexdigest()[:16]
