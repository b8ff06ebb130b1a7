"""Where the thing is in each photograph: a folder of masks, or boxes."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, UnidentifiedImageError

from live_gradcam.archive.kept_lines import file_key
from live_gradcam.archive.places_file import PlacesFile
from live_gradcam.audit.photo_folders import AuditPhoto
from live_gradcam.errors import SourceError
from live_gradcam.escaping import shown
from live_gradcam.file_names import expanded, nearest_paths
from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import Mask
from live_gradcam.metrics.photo_test import Place


class MasksOrBoxes:
    """Tells where the thing is in a photograph.

    Args:
        masks: a folder of PNG files: the mask of `cats/1.jpg` is `cats/1.png`.
        boxes: boxes, if there are no masks.

    Raises:
        SourceError: there is no such folder.
    """

    def __init__(self, masks: Path | None = None, boxes: PlacesFile | None = None) -> None:
        self._masks = None if masks is None else expanded(masks)
        self._boxes = boxes
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
        if self._masks is not None:
            return self._mask_of(photo).is_file()
        return self._boxes is not None and self._boxes.names(photo.path)

    def key_of(self, photo: AuditPhoto) -> str:
        """Return what identifies the photograph's file and its mask's."""
        mask = "" if self._masks is None else file_key(self._mask_of(photo))
        return f"{file_key(photo.path)} {mask}".strip()

    def of(self, photo: AuditPhoto, pixels: Pixels) -> Place:
        """Return where the thing is: a mask (H, W) bool, or boxes; None if nothing is known.

        Args:
            photo: the photograph.
            pixels: (H, W, 3) uint8 BGR: its picture.

        Raises:
            SourceError: the mask cannot be read, or has another size.
        """
        size = (pixels.shape[1], pixels.shape[0])
        if self._masks is None:
            return None if self._boxes is None else self._boxes.of(photo.path, size)
        file = self._mask_of(photo)
        if not file.is_file():
            return None
        mask = read_mask(file)
        if mask.shape != pixels.shape[:2]:
            raise SourceError(
                f"its mask {shown(file.name)} has {mask.shape[1]}×{mask.shape[0]} pixels, and the photograph "
                f"{size[0]}×{size[1]}. Give a mask of the same size."
            )
        return mask

    def _mask_of(self, photo: AuditPhoto) -> Path:
        assert self._masks is not None
        return self._masks / PurePosixPath(photo.name).with_suffix(".png")


def read_mask(file: Path) -> Mask:
    """Return the pixels of the thing, (H, W) bool: those of a PNG that are neither black nor transparent.

    Of a picture with a palette, those whose number is not 0 belong to the thing, as in Pascal VOC's masks.

    Raises:
        SourceError: it cannot be read.
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
        raise SourceError(f"its mask {shown(file.name)} cannot be read: {reason}. Give a PNG.") from error
    if levels.ndim == 2:
        return np.asarray(levels > 0, np.bool_)
    colours = levels[..., :-1] if alpha else levels
    seen = np.any(colours > 0, axis=-1)
    return np.asarray(seen & (levels[..., -1] > 0) if alpha else seen, np.bool_)


def digest(keys: list[str]) -> str:
    """Return a short hash of texts."""
    return hashlib.sha256("\n".join(keys).encode(errors="surrogateescape")).hexdigest()[:16]
