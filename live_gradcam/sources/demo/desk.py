"""The demo's desk: the things on it, their places, and its view from above."""

from __future__ import annotations

import datetime as dt
import importlib.util
import logging
import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.errors import SourceError
from live_gradcam.frame import Pixels
from live_gradcam.sources.demo.camera_path import REFERENCE_LINES, CameraPosition, Stop
from live_gradcam.sources.demo.clock_face import ClockStyle, Patch, draw_face, draw_hands_onto
from live_gradcam.sources.demo.desk_surface import draw_pencil, grow_wood
from live_gradcam.sources.photo import read_picture

logger = logging.getLogger(__name__)

WIDTH, HEIGHT = 2400, 1760
"""Size of the desk in its own units: pixels of a 720-line frame at zoom 1."""

Outline = npt.NDArray[np.float64]
"""(N, 2) float64: points around a thing, in units of the desk."""


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """A thing on the desk that the camera stops at."""

    labels: tuple[str, ...]
    """Names that the default network may give it."""

    outline: Outline
    stop: Stop
    """The camera's position for it."""


@dataclass(frozen=True, slots=True)
class _Print:
    """A printed photograph."""

    file: str
    crop: tuple[int, int, int, int]
    """(x, y, width, height): the printed part of the file."""

    labels: tuple[str, ...]
    width: float
    """Width without the border, in units of the desk."""

    zoom: float


@dataclass(frozen=True, slots=True)
class _Place:
    """A place with a print, or with a clock if there is no print or its file is missing."""

    x: float
    y: float
    tilt: float
    """Clockwise rotation in radians."""

    clock: ClockStyle
    photograph: _Print | None = None

    @property
    def point(self) -> npt.NDArray[np.float64]:
        """(2,) float64: x and y."""
        return np.array([self.x, self.y])


CLOCK_LABELS = ("analog clock", "wall clock")
CLOCK_RADIUS = 180.0
CLOCK_ZOOM = 1.0
BORDER = 20.0
"""White margin of a print, in units of the desk."""

PAPER = (244, 248, 250)
"""BGR of a print's margin."""

WHITE_CLOCK = ClockStyle((240, 246, 248), (34, 30, 28), (52, 46, 44), (40, 44, 200), "arabic")
CREAM_CLOCK = ClockStyle((206, 228, 238), (30, 38, 52), (66, 124, 164), (40, 50, 150), "roman")
BLACK_CLOCK = ClockStyle((40, 36, 34), (236, 240, 242), (150, 148, 146), (40, 110, 240), "arabic")
PLAIN_CLOCK = ClockStyle((244, 246, 246), (30, 30, 30), (140, 138, 136), (40, 44, 200), "none")

PLACES = (
    _Place(760, 560, 0.0, WHITE_CLOCK),
    _Place(
        1590,
        540,
        math.radians(3.0),
        CREAM_CLOCK,
        _Print("chelsea.png", (0, 0, 451, 300), ("Egyptian cat", "tabby", "tiger cat"), 540, 1.0),
    ),
    _Place(
        1620,
        1200,
        math.radians(-4.0),
        BLACK_CLOCK,
        _Print("coffee.png", (90, 0, 450, 380), ("espresso",), 500, 1.0),
    ),
    _Place(790, 1190, math.radians(-2.0), PLAIN_CLOCK),
)

PENCIL = (1195.0, 900.0, math.radians(-81.0))
"""x, y and rotation: between the columns of things, outside the viewfinder while the camera stays at a stop."""


def find_photographs() -> Path | None:
    """Return the folder of scikit-image's photographs, without importing it; None if it is not installed."""
    package = importlib.util.find_spec("skimage")
    if package is None or not package.submodule_search_locations:
        return None
    return Path(package.submodule_search_locations[0]) / "data"


class Desk:
    """A desk with things on it, painted once and viewed many times.

    Args:
        photographs: folder of the photographs; if it is None, or a file is missing, a clock is shown instead.
        density: pixels per unit of the desk: 1 for frames of 720 lines.
    """

    def __init__(self, *, photographs: Path | None, density: float = 1.0) -> None:
        self._density = density
        self._painted = grow_wood(WIDTH, HEIGHT)
        if density != 1.0:
            interpolation = cv2.INTER_AREA if density < 1 else cv2.INTER_CUBIC
            self._painted = np.asarray(
                cv2.resize(self._painted, None, fx=density, fy=density, interpolation=interpolation), np.uint8
            )
        x, y, tilt = PENCIL
        self._paste(draw_pencil(430 * density, 25 * density), x, y, tilt, lift=5.0)
        self._clocks: list[_Place] = []
        self.things = tuple(self._lay(place, photographs) for place in PLACES)
        """The things, in the order of the tour."""
        # OpenCV turns four channels in 2 ms a frame of 1280x720, and three in 5.5; the fourth is not used.
        self._painted = np.asarray(cv2.cvtColor(self._painted, cv2.COLOR_BGR2BGRA), np.uint8)

    def look(self, view: CameraPosition, size: tuple[int, int], time: dt.datetime) -> Pixels:
        """Return the camera's picture.

        Args:
            view: the camera's position.
            size: (width, height) of the frame in pixels.
            time: the time on the clocks.

        Returns:
            (height, width, 3) uint8 BGR, a new array.
        """
        to_frame = view.affine(size)
        from_painted = to_frame.copy()
        from_painted[:, :2] /= self._density
        seen = cv2.warpAffine(
            self._painted, from_painted, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        pixels = np.asarray(cv2.cvtColor(seen, cv2.COLOR_BGRA2BGR), np.uint8)
        scale = view.zoom * min(size) / REFERENCE_LINES
        for place in self._clocks:
            x, y = to_frame @ (place.x, place.y, 1.0)
            radius = CLOCK_RADIUS * scale
            draw_hands_onto(pixels, (x, y), radius, place.tilt + view.angle, time, place.clock)
        return pixels

    def _lay(self, place: _Place, photographs: Path | None) -> Thing:
        if photographs is not None and place.photograph is not None:
            try:
                picture = read_picture(photographs / place.photograph.file)
            except SourceError as error:
                logger.info("a clock lies on the demo's desk instead: %s", error)
            else:
                return self._lay_print(place, place.photograph, picture)
        return self._lay_clock(place)

    def _lay_clock(self, place: _Place) -> Thing:
        patch = draw_face(CLOCK_RADIUS * self._density, place.clock)
        self._paste(patch, place.x, place.y, place.tilt, lift=16.0)
        self._clocks.append(place)
        angles = np.linspace(0, 2 * math.pi, 64, endpoint=False)
        circle = CLOCK_RADIUS * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        return Thing(CLOCK_LABELS, circle + place.point, Stop(place.x, place.y, CLOCK_ZOOM))

    def _lay_print(self, place: _Place, photograph: _Print, picture: Pixels) -> Thing:
        left, top, wide, high = photograph.crop
        picture = picture[top : top + high, left : left + wide]
        high, wide = picture.shape[:2]
        scale = photograph.width / wide
        border = round(BORDER / scale)
        height, width = high + 2 * border, wide + 2 * border
        # One transparent pixel around it makes its edge smooth.
        patch = np.zeros((height + 2, width + 2, 4), np.float32)
        patch[1:-1, 1:-1] = (*PAPER, 1.0)
        patch[border + 1 : -border - 1, border + 1 : -border - 1, :3] = picture
        self._paste(patch, place.x, place.y, place.tilt, scale=scale * self._density, lift=7.0)
        half = np.array([width, height]) * scale / 2
        corners = half * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
        cosine, sine = math.cos(place.tilt), math.sin(place.tilt)
        turned = corners @ np.array([[cosine, sine], [-sine, cosine]])
        return Thing(photograph.labels, turned + place.point, Stop(place.x, place.y, photograph.zoom))

    def _paste(
        self, patch: Patch, x: float, y: float, tilt: float, *, scale: float = 1.0, lift: float
    ) -> None:
        """Paint a patch and its shadow onto the desk.

        Args:
            patch: the patch.
            x: its centre, in units of the desk.
            y: its centre, in units of the desk.
            tilt: clockwise rotation in radians.
            scale: pixels of the painted desk per pixel of the patch.
            lift: distance of the shadow, in units of the desk.
        """
        reach = math.hypot(*patch.shape[:2]) / 2 * scale + 4 * lift * self._density
        x, y = x * self._density, y * self._density
        left, top = max(0, math.floor(x - reach)), max(0, math.floor(y - reach))
        part = self._painted[top : math.ceil(y + reach), left : math.ceil(x + reach)]
        size = (part.shape[1], part.shape[0])

        middle = (patch.shape[1] / 2 - 0.5, patch.shape[0] / 2 - 0.5)
        cosine, sine = scale * math.cos(tilt), scale * math.sin(tilt)
        turn = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0]])
        turn[:, 2] = np.array([x - left, y - top]) - turn[:, :2] @ middle
        laid = np.asarray(cv2.warpAffine(patch, turn, size, flags=cv2.INTER_LINEAR))
        opacity = laid[..., 3]

        # Two shadows: a wide one from the lamp, and a narrow one at the edge. They are soft, so a quarter of the
        # resolution is enough.
        small = cv2.resize(opacity, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        quarter = lift * self._density / 4
        fallen = cv2.warpAffine(small, np.array([[1, 0, 0.7 * quarter], [0, 1, quarter]]), small.shape[::-1])
        soft = cv2.GaussianBlur(fallen, (0, 0), quarter)
        contact = cv2.GaussianBlur(small, (0, 0), max(0.5, 0.3 * quarter))
        light = cv2.resize((1 - 0.45 * soft) * (1 - 0.3 * contact), size)
        under = part * light[..., None]
        part[:] = np.clip(under * (1 - opacity[..., None]) + laid[..., :3], 0, 255)
