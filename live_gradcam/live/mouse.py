"""The pointing: what the mouse does on the picture, a click or a rectangle."""

from __future__ import annotations

from collections.abc import Callable

from live_gradcam.explanation import Region
from live_gradcam.viewer_input import Pointer

SMALLEST_AREA = 16
"""Pixels on each side; a rectangle smaller than that is a click."""

_SIDE = 1 / 8
"""Of the picture's width: where a click is at its side."""

Point = tuple[int, int]
"""(x, y) in pixels of the frame, or of the canvas."""

PlaceInFrame = Callable[[Point, Point | None], Point | None]
"""Takes a point of the canvas, and the one where a drag began; gives the point of the frame that is there, in a drag
the nearest one; None: there is none."""


class Mouse:
    """Follows the mouse: a click probes the heat at a point, or no longer, at the same one; dragging marks an area."""

    def __init__(self) -> None:
        self.probe: Point | None = None
        """Where the heat is told, in pixels of the frame; None: nowhere."""
        self.rectangle: Region | None = None
        """(x, y, width, height) of the area while it is dragged; None: there is none."""
        self._pressed: Point | None = None
        self._clicked: Point | None = None

    def side(self, event: Pointer, width: int) -> int:
        """Return -1 for a click at the left of a canvas of that width or beside it, 1 for one at its right, else 0."""
        if event.kind == "down":
            self._clicked = event.x, event.y
        if event.kind != "up" or self._clicked is None:
            return 0
        moved = max(abs(event.x - self._clicked[0]), abs(event.y - self._clicked[1]))
        self._clicked = None
        if moved >= SMALLEST_AREA:
            return 0
        return (event.x >= width * (1 - _SIDE)) - (event.x < width * _SIDE)

    def take(self, event: Pointer, place_in_frame: PlaceInFrame) -> Region | None:
        """Take in what the mouse did, and return the area that it has marked, if it has.

        Args:
            event: what it did.
            place_in_frame: what tells the point of the frame.
        """
        here = event.x, event.y
        if event.kind == "down":
            self._pressed = here if place_in_frame(here, None) is not None else None
            return None
        if self._pressed is None or event.kind not in ("move", "up"):
            return None
        began, place = place_in_frame(self._pressed, self._pressed), place_in_frame(here, self._pressed)
        if began is None or place is None:  # the picture is arranged in another way since
            self.let_go()
            return None
        (x0, y0), (x1, y1) = began, place
        area = (min(x0, x1), min(y0, y1), abs(x1 - x0) + 1, abs(y1 - y0) + 1)
        large = min(area[2:]) >= SMALLEST_AREA
        if event.kind == "move":
            self.rectangle = area if large else None
            return None
        self.let_go()
        self.probe = None if large or self.probe == place else place
        return area if large else None

    def let_go(self) -> None:
        """Take in that what was begun with the mouse is not to be gone on with."""
        self._pressed = self.rectangle = None

    def forget(self) -> None:
        """Let go of everything: what was pointed at is no longer there."""
        self.probe = self.rectangle = self._pressed = None
