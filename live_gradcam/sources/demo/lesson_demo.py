"""The lesson's demo source: a pretend camera that sees one of two things in front of one of two backgrounds."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from live_gradcam.closeable import Closeable
from live_gradcam.concurrency.latest_item import LatestReader
from live_gradcam.errors import SettingsError, SourceError
from live_gradcam.frame import Frame, Pixels
from live_gradcam.sources.demo.clock_face import Patch
from live_gradcam.sources.demo.demo import SMALLEST_SIDE
from live_gradcam.sources.demo.drawn_lesson import draw_bookshelf, draw_brick_wall, draw_mug
from live_gradcam.sources.demo.lesson_scene import (
    CUPS,
    THING_AREA,
    LessonScene,
    ThingPosition,
    cut_out,
    photograph,
)
from live_gradcam.timing import Clock, MonotonicClock

logger = logging.getLogger(__name__)

SCENE_SECONDS = 5.0
"""How long each scene is seen, where several take turns."""

_PACE = (0.8, 1.1)
"""Speed of the thing along x and y, in radians per second of a sine."""

_LOWEST = 0.62
"""Where the thing's centre turns back, as a share of the square's height: below lie the names on the picture."""

_SWAY = 0.006
"""Amplitude of the camera's own motion, as a share of the frame's shorter side."""

Scene = tuple[int, int]
"""The number of a thing and of a background, 0 or 1 each."""


@dataclass(frozen=True, slots=True, eq=False)
class LessonProps:
    """The two things and the two backgrounds of a lesson."""

    things: tuple[Patch, Patch]
    """As `cut_out` returns them."""

    backgrounds: tuple[Pixels, Pixels]
    """(H, W, 3) uint8 BGR each."""

    thing_names: tuple[str, str]
    """Their names in a sentence: `the red cup`."""

    background_names: tuple[str, str]


def photographed_props() -> LessonProps:
    """Return things and backgrounds from the photographs of scikit-image and scikit-learn.

    Raises:
        SourceError: a photograph is missing.
    """
    return LessonProps(
        (cut_out(CUPS[0]), cut_out(CUPS[1])),
        (photograph("china.jpg"), photograph("rocket.jpg")),
        ("the red cup", "the green cup"),
        ("the temple", "the rocket"),
    )


def drawn_props() -> LessonProps:
    """Return things and backgrounds that are drawn."""
    size = (1280, 720)
    return LessonProps(
        (draw_mug((196, 96, 40), (226, 232, 238)), draw_mug((50, 186, 236), (226, 232, 238))),
        (draw_brick_wall(size), draw_bookshelf(size)),
        ("the blue mug", "the yellow mug"),
        ("the wall", "the bookshelf"),
    )


def find_props() -> LessonProps:
    """Return the photographed things and backgrounds, or the drawn ones where a photograph is missing."""
    try:
        return photographed_props()
    except SourceError as error:
        logger.info("the lesson's things are drawn: %s", error)
        return drawn_props()


class LessonDemo(Closeable):
    """A live source in which one of two alike things moves in front of one of two rich backgrounds.

    The thing covers 4% of the central square of the frame, which the network sees, and stays inside it. Frame n is
    captured n / fps seconds after the first; a slow reader gets the newest frame.

    Args:
        size: (width, height) of the frames in pixels.
        fps: frames per second.
        props: things and backgrounds.
        clock: the clock that schedules and stamps the frames.

    Raises:
        SettingsError: the size or the rate is invalid.
    """

    name = "lesson"
    live = True
    notice: str | None = None
    reconnects = 0

    def __init__(
        self,
        *,
        size: tuple[int, int] = (1280, 720),
        fps: float = 30.0,
        props: LessonProps | None = None,
        clock: Clock | None = None,
    ) -> None:
        if min(size) < SMALLEST_SIDE:
            raise SettingsError(
                f"the lesson's size is {size[0]}×{size[1]}: each side needs at least {SMALLEST_SIDE} pixels."
            )
        if not (fps > 0 and math.isfinite(fps)):
            raise SettingsError(f"the lesson's fps is {fps}: it must be a number above 0.")
        self.size = size
        self.fps: float | None = fps
        self._rate = fps
        self.props = props or find_props()
        self._clock = clock or MonotonicClock()
        side = min(size)
        area = THING_AREA * side * side / (size[0] * size[1])
        self._looks = {
            (thing, background): LessonScene(
                self.props.things[thing], self.props.backgrounds[background], size, area=area
            )
            for thing in (0, 1)
            for background in (0, 1)
        }
        across, down = self._looks[0, 0].margins()
        top, bottom = 0.5 - side / (2 * size[1]) + down, 0.5 + (_LOWEST - 0.5) * side / size[1]
        self._height = (top + bottom) / 2
        self._reach = (side / (2 * size[0]) - across, (bottom - top) / 2)
        """How far the thing moves from the middle of its path: shares of width and height."""
        self._scenes: tuple[Scene, ...] = ((0, 0),)
        self._since = 0
        """The frame from which they are seen."""
        self._next = 0
        self._closed = threading.Event()
        self._started = self._clock.now()
        self._newest = LatestReader(self._capture, name="lesson camera", stop=self._closed)

    @property
    def frames_captured(self) -> int:
        """Number of frames captured so far."""
        return self._newest.count

    def describe(self) -> str:
        """Return one line: the mode, and what is seen."""
        (a, b), (g, h) = self.props.thing_names, self.props.background_names
        return f"lesson: {self.size[0]}×{self.size[1]} at {self._rate:g} fps, {a} and {b} in front of {g} and {h}"

    def show(self, scenes: Sequence[Scene]) -> None:
        """Show scenes from now on, in turns of `SCENE_SECONDS`; may be called from any thread."""
        chosen = tuple(scenes)
        if chosen != self._scenes:
            self._since, self._scenes = self._next, chosen

    def scene_at(self, index: int) -> Scene:
        """Return the scene of frame `index`, as long as the same scenes are shown."""
        scenes = self._scenes
        turn = int(max(0, index - self._since) / (self._rate * SCENE_SECONDS))
        return scenes[turn % len(scenes)]

    def look_at(self, index: int, scene: Scene) -> tuple[Pixels, npt.NDArray[np.float32]]:
        """Return frame `index` of a scene, and where the thing is.

        Returns:
            (height, width, 3) uint8 BGR, and the thing's opacity (height, width) float32 in [0, 1].
        """
        seconds = index / self._rate
        position = ThingPosition(
            0.5 + self._reach[0] * math.sin(_PACE[0] * seconds + 0.4),
            self._height + self._reach[1] * math.sin(_PACE[1] * seconds + 1.1),
            0.3 * math.sin(0.7 * seconds),
        )
        sway = _SWAY * min(self.size)
        shift = (sway * math.sin(1.3 * seconds), sway * math.sin(1.7 * seconds + 0.6))
        return self._looks[scene].look(position, shift)

    @property
    def ended(self) -> bool:
        """Whether no frame will come any more."""
        return self._newest.ended

    def newest(self, timeout: float) -> Frame | None:
        """Return the newest frame that was not given yet, or None if there is none within `timeout` s."""
        return self._newest.take(timeout)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the newest frame each time."""
        yield from self._newest

    def close(self) -> None:
        """Stop the camera. May be called twice, and from another thread."""
        self._closed.set()
        self._newest.close()

    def _capture(self) -> Frame | None:
        """Wait until the next frame is due and capture it; frames that are overdue are skipped."""
        if self._clock.wait_until(self._started + self._next / self._rate, self._closed):
            return None
        index = max(self._next, math.floor((self._clock.now() - self._started) * self._rate))
        self._next = index + 1
        return Frame(
            self.look_at(index, self.scene_at(index))[0], index, self._started + index / self._rate, None
        )
