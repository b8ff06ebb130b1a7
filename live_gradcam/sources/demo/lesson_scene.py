"""The lesson's scenes: a small thing that moves in front of a rich background, with its place in every frame.

Things and backgrounds are cut out of the photographs of scikit-image and scikit-learn, where these are installed.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.errors import SourceError
from live_gradcam.frame import Pixels
from live_gradcam.sources.demo.clock_face import Patch
from live_gradcam.sources.photo import read_picture

THING_AREA = 0.04
"""Share of the frame that a thing covers."""

_MARGIN = 0.6
"""Distance of a thing's centre from the frame's edge, at least, in units of the thing's side."""

_FEATHER = 0.02
"""Width of a thing's soft edge, as a share of its side."""


@dataclass(frozen=True, slots=True)
class Cutout:
    """An ellipse of a photograph, which serves as a thing."""

    name: str
    photograph: str
    """File name, as in `PHOTOGRAPHS`."""

    ellipse: tuple[int, int, int, int]
    """(x, y, width, height) in pixels of the photograph: the box around it."""

    hue: int = 0
    """Degrees by which its colours are turned, so that one photograph gives several things that are alike."""


COINS = tuple(
    Cutout(f"coin {number + 1}", "coins.png", box)
    for number, box in enumerate(
        (
            (19, 36, 42, 40),
            (81, 37, 39, 38),
            (133, 31, 46, 45),
            (192, 37, 42, 40),
            (253, 31, 43, 44),
            (303, 14, 60, 58),
            (21, 103, 40, 40),
            (79, 102, 44, 42),
            (135, 106, 36, 38),
            (184, 99, 44, 42),
            (244, 92, 52, 50),
            (318, 104, 38, 40),
        )
    )
)
CUPS = tuple(
    Cutout(f"{colour} cup", "coffee.png", (165, 10, 245, 245), hue)
    for colour, hue in (("red", 0), ("green", 120), ("blue", 220))
)
FLOWERS = tuple(
    Cutout(f"{colour} dahlia", "flower.jpg", (168, 84, 280, 265), hue)
    for colour, hue in (("orange", 0), ("green", 110), ("violet", 250))
)
BALLS = tuple(
    Cutout(f"{colour} ball", "retina.jpg", (40, 40, 1331, 1331), hue)
    for colour, hue in (("red", 0), ("green", 110), ("violet", 270))
)
FAMILIES = (COINS, CUPS, FLOWERS, BALLS)
"""Things; those of one family are alike."""

BACKGROUNDS = (
    "astronaut.png",
    "brick.png",
    "china.jpg",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "motorcycle_left.png",
    "rocket.jpg",
)
"""Photographs that are rich enough for a network to learn them."""


def photograph(name: str) -> Pixels:
    """Return a photograph of scikit-image or scikit-learn, (H, W, 3) uint8 BGR.

    Raises:
        SourceError: neither package has it, or it cannot be read.
    """
    for package, folder in (("skimage", "data"), ("sklearn", "datasets/images")):
        spec = importlib.util.find_spec(package)
        for place in (spec.submodule_search_locations if spec is not None else None) or ():
            path = Path(place) / folder / name
            if path.is_file():
                return read_picture(path)
    raise SourceError(
        f"the lesson's photograph {name} is not installed. Type: pip install 'live-gradcam[demo,teach]'"
    )


@cache
def cut_out(cutout: Cutout) -> Patch:
    """Return a thing, (H, W, 4) float32: BGR from 0 to 255, premultiplied with the opacity, and the opacity.

    Raises:
        SourceError: as `photograph`.
    """
    x, y, width, height = cutout.ellipse
    picture = photograph(cutout.photograph)[y : y + height, x : x + width]
    if cutout.hue:
        hsv = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(np.int32) + cutout.hue // 2) % 180
        picture = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR), np.uint8)
    across = (np.arange(width) + 0.5) / width * 2 - 1
    down = (np.arange(height) + 0.5) / height * 2 - 1
    distance = np.hypot(across[None, :], down[:, None])
    opacity = np.clip((1 - distance) / (2 * _FEATHER), 0, 1)
    return np.concatenate([picture * opacity[..., None], opacity[..., None]], axis=2).astype(np.float32)


@dataclass(frozen=True, slots=True)
class ThingPosition:
    """Where a thing is in the frame."""

    x: float
    """Centre, from 0 at the left edge to 1 at the right."""

    y: float
    angle: float = 0.0
    """Clockwise rotation in radians."""


class LessonScene:
    """A thing in front of a background.

    Args:
        thing: the thing, or its picture as `cut_out` returns it.
        background: (H, W, 3) uint8 BGR; scaled to fill the frame, the middle of it is seen.
        size: (width, height) of the frames in pixels.
        area: share of the frame that the thing covers, while it is wholly inside.
    """

    def __init__(
        self, thing: Cutout | Patch, background: Pixels, size: tuple[int, int], *, area: float = THING_AREA
    ) -> None:
        self.size = size
        self._background = _filling(background, size)
        self._patch = cut_out(thing) if isinstance(thing, Cutout) else thing
        rows, columns = self._patch.shape[:2]
        self._scale = math.sqrt(area * size[0] * size[1] / (math.pi / 4 * rows * columns))
        self._side = self._scale * max(rows, columns)

    def margins(self) -> tuple[float, float]:
        """Return how far from the frame's edges the thing stays: shares of width and height, each below 0.5."""
        width, height = self.size
        return min(0.49, _MARGIN * self._side / width), min(0.49, _MARGIN * self._side / height)

    def look(
        self, position: ThingPosition, shift: tuple[float, float] = (0.0, 0.0)
    ) -> tuple[Pixels, npt.NDArray[np.float32]]:
        """Return a frame, and where the thing is.

        Args:
            position: of the thing.
            shift: (x, y) in pixels by which the camera has moved: background and thing shift against it.

        Returns:
            (height, width, 3) uint8 BGR, and the thing's opacity (height, width) float32 in [0, 1].
        """
        width, height = self.size
        rows, columns = self._patch.shape[:2]
        cosine, sine = self._scale * math.cos(position.angle), self._scale * math.sin(position.angle)
        middle_x, middle_y = position.x * width - shift[0], position.y * height - shift[1]
        to_frame = np.array(
            [
                [cosine, -sine, middle_x - cosine * columns / 2 + sine * rows / 2],
                [sine, cosine, middle_y - sine * columns / 2 - cosine * rows / 2],
            ]
        )
        mixed = self._background.copy()
        if shift != (0.0, 0.0):
            move = np.array([[1.0, 0.0, -shift[0]], [0.0, 1.0, -shift[1]]])
            cv2.warpAffine(self._background, move, self.size, dst=mixed, borderMode=cv2.BORDER_REFLECT_101)
        covered = np.zeros((height, width), np.float32)
        # Only the box around the thing is mixed, because a whole frame in float32 takes too long for a live camera.
        reach = self._scale * math.hypot(rows, columns) / 2 + 2
        left, top = max(0, math.floor(middle_x - reach)), max(0, math.floor(middle_y - reach))
        right, bottom = min(width, math.ceil(middle_x + reach)), min(height, math.ceil(middle_y + reach))
        if left >= right or top >= bottom:
            return mixed, covered
        to_frame[:, 2] -= left, top
        layer = cv2.warpAffine(self._patch, to_frame, (right - left, bottom - top), flags=cv2.INTER_AREA)
        part, opacity = mixed[top:bottom, left:right], layer[..., 3]
        part[:] = np.clip(np.rint(part * (1 - opacity[..., None]) + layer[..., :3]), 0, 255)
        covered[top:bottom, left:right] = opacity
        return mixed, covered

    def burst(
        self, frames: int, *, seed: int, sway: float = 0.0
    ) -> Iterator[tuple[Pixels, npt.NDArray[np.float32]]]:
        """Yield the frames of a burst, in which the thing moves over the frame, and where the thing is.

        Args:
            frames: how many.
            seed: of the thing's path, of the camera's sway and of its noise; equal seeds give equal frames.
            sway: amplitude of the camera's own motion, in pixels.

        Yields:
            (height, width, 3) uint8 BGR, and the thing's opacity (height, width) float32 in [0, 1].
        """
        random = np.random.default_rng(seed)
        phases = random.uniform(0, 2 * math.pi, 6)
        turns = random.uniform(0.7, 1.6, 2)
        across, down = self.margins()
        for number in range(frames):
            part = 2 * math.pi * number / max(1, frames)
            position = ThingPosition(
                0.5 + (0.5 - across) * math.sin(turns[0] * part + phases[0]),
                0.5 + (0.5 - down) * math.sin(turns[1] * part + phases[1]),
                0.3 * math.sin(part + phases[2]),
            )
            shift = (sway * math.sin(1.3 * part + phases[3]), sway * math.sin(1.7 * part + phases[4]))
            pixels, opacity = self.look(position, shift)
            noise = random.normal(0, 2.0, pixels.shape)
            yield np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8), opacity


def _filling(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """Return the middle of a picture, scaled to fill (width, height)."""
    width, height = size
    rows, columns = picture.shape[:2]
    scale = max(width / columns, height / rows)
    seen_rows, seen_columns = min(rows, round(height / scale)), min(columns, round(width / scale))
    top, left = (rows - seen_rows) // 2, (columns - seen_columns) // 2
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    part = picture[top : top + seen_rows, left : left + seen_columns]
    return np.asarray(cv2.resize(part, size, interpolation=how), np.uint8)
