"""Small pictures for the report: a photograph with its heat, and the mean map of a cluster, as data URIs."""

from __future__ import annotations

import base64
import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from live_gradcam.config import DEFAULT_COLORMAP
from live_gradcam.errors import SourceError
from live_gradcam.explanation import WHOLE, HeatMap, Inset, Region
from live_gradcam.frame import Pixels
from live_gradcam.heatmap import enlarge
from live_gradcam.render.heat import colormap_code, colours_of
from live_gradcam.render.styles import paint_onto
from live_gradcam.sources.photo import read_picture

logger = logging.getLogger(__name__)

LONGEST_SIDE = 200
"""Of a small picture, in pixels."""

MOST_PICTURES = 600
"""Small pictures in one report: about six megabytes. Without a limit, 300 classes would fill hundreds."""

_EXAMPLE_SIDE = 136
"""Longer side of a picture of an example, in pixels."""

_EXAMPLE_QUALITY = 70
"""With it, the four pictures of an example take about 25 kB of the page."""

_QUALITY = 80
_KEPT = 64
"""Small photographs that are kept, because several parts of the report show the same."""

_ALPHA = 0.45


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture in a page."""

    uri: str
    """`data:image/jpeg;base64,…`."""

    width: int
    """In pixels."""

    height: int


class Thumbnails:
    """Makes small pictures of photographs, until there are `most`.

    Args:
        photos: name of a photograph → its file.
        most: pictures that are made at most.
    """

    def __init__(self, photos: Mapping[str, Path], most: int = MOST_PICTURES) -> None:
        self._photos = photos
        self._left = most
        self._kept: OrderedDict[str, tuple[Pixels, float] | None] = OrderedDict()

    @property
    def are_used_up(self) -> bool:
        """Whether no further picture is made."""
        return self._left <= 0

    def photo(
        self, name: str, heatmap: HeatMap | None, region: Region | None = None, inset: Inset = WHOLE
    ) -> Thumbnail | None:
        """Return a photograph with heat; None if its file is unknown or cannot be read, or if all pictures are used up.

        Args:
            name: of the photograph.
            heatmap: (h, w) float32 in [0, 1]; None for the photograph alone.
            region: (x, y, width, height) in pixels of the photograph that the heat lies over; None for all of it.
            inset: the part of the heat map that lies over the region, as fractions of the map.
        """
        if self.are_used_up or (found := self._small(name)) is None:
            return None
        self._left -= 1
        small, scale = found
        height, width = small.shape[:2]
        place = (0, 0, width, height) if region is None else _scaled(region, scale, (width, height))
        picture = np.empty_like(small)
        paint_onto(
            picture,
            small,
            heatmap,
            place,
            style="overlay",
            alpha=_ALPHA,
            colormap=colormap_code(DEFAULT_COLORMAP),
            inset=inset,
        )
        return _thumbnail(picture)

    def example(self, pixels: Pixels) -> Thumbnail | None:
        """Return a picture, (H, W, 3) uint8 BGR, at a small size; None if all pictures are used up."""
        if self.are_used_up:
            return None
        self._left -= 1
        return _thumbnail(_shrunk(pixels, _EXAMPLE_SIDE)[0], _EXAMPLE_QUALITY)

    def mean_map(self, heatmap: HeatMap) -> Thumbnail:
        """Return the colours of a map (h, w) float32 in [0, 1], without a limit: it is small."""
        height, width = heatmap.shape
        scale = LONGEST_SIDE * 0.8 / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        levels = np.rint(enlarge(heatmap, size) * 255).astype(np.uint8)
        colours = colours_of(colormap_code(DEFAULT_COLORMAP))
        return _thumbnail(np.asarray(cv2.applyColorMap(levels, colours), np.uint8))

    def _small(self, name: str) -> tuple[Pixels, float] | None:
        """Return a photograph at a small size, and by what it was scaled."""
        if name not in self._kept:
            self._kept[name] = self._read(name)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[name]

    def _read(self, name: str) -> tuple[Pixels, float] | None:
        path = self._photos.get(name)
        if path is None:
            return None
        try:
            pixels = read_picture(path)
        except SourceError as error:
            logger.info("%s", error)  # the audit read it before, and the report says that there is no picture
            return None
        return _shrunk(pixels, LONGEST_SIDE)


def _shrunk(pixels: Pixels, most: int) -> tuple[Pixels, float]:
    """Return a picture whose longer side is at most this, and by what it was scaled."""
    height, width = pixels.shape[:2]
    scale = min(1.0, most / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _scaled(region: Region, scale: float, size: tuple[int, int]) -> Region:
    """Return a region of a photograph in pixels of its small picture, within it and not empty."""
    left, top = (min(max(0, round(at * scale)), end - 1) for at, end in zip(region[:2], size, strict=True))
    right, bottom = (
        min(max(begin + 1, round((at + length) * scale)), end)
        for begin, at, length, end in zip((left, top), region[:2], region[2:], size, strict=True)
    )
    return left, top, right - left, bottom - top


def _thumbnail(picture: Pixels, quality: int = _QUALITY) -> Thumbnail:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    text = base64.b64encode(data.tobytes()).decode("ascii")
    return Thumbnail(f"data:image/jpeg;base64,{text}", picture.shape[1], picture.shape[0])
