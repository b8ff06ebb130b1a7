"""The mouse on the picture: a click probes a point, a drag marks an area."""

from __future__ import annotations

from collections.abc import Callable

from live_gradcam.explanation import Region
from live_gradcam.viewer_input import Pointer

SMALLEST_AREA = 16
"""Pixels of each side; a smaller rectangle is a click."""

_SIDE = 1 / 8
"""Part of the picture's width at each side in which a click turns slides."""

Point = tuple[int, int]
"""(x, y) in pixels of the frame, or of the canvas."""

PlaceInFrame = Callable[[Point, Point | None], Point | None]
"""Takes a point of the canvas and the point where a drag began; returns the point of the frame there (in a drag: the
nearest one), or None."""


class Mouse:
    """Follows the mouse: a click starts or stops a probe of the heat at a point; a drag marks an area."""

    def __init__(self) -> None:
        self.probe: Point | None = None
        """The point whose heat is shown as a number, in pixels of the frame; None: there is none."""
        self.rectangle: Region | None = None
        """(x, y, width, height) of the area during a drag; None: there is none."""
        self._pressed: Point | None = None
        self._clicked: Point | None = None

    def side(self, event: Pointer, width: int) -> int:
        """Return -1 for a click in the left eighth of a canvas of this width or left of it, 1 at the right, else 0."""
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
        """Handle an event, and return the area that it completes, if any.

        Args:
            event: the event.
            place_in_frame: maps points of the canvas to the frame.
        """
        here = event.x, event.y
        if event.kind == "down":
            self._pressed = here if place_in_frame(here, None) is not None else None
            return None
        if self._pressed is None or event.kind not in ("move", "up"):
            return None
        began, place = place_in_frame(self._pressed, self._pressed), place_in_frame(here, self._pressed)
        if began is None or place is None:  # the panes changed during the drag
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
        """Cancel the drag that has begun."""
        self._pressed = self.rectangle = None

    def forget(self) -> None:
        """Drop the drag and the probe."""
        self.probe = self.rectangle = self._pressed = None
