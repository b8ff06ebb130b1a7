"""The pointing: what the mouse does on the picture, a click or a rectangle."""

from __future__ import annotations

from live_gradcam.event import Pointer
from live_gradcam.explanation import Region

SMALLEST_AREA = 16
"""Pixels on each side; a rectangle smaller than that is a click."""

Point = tuple[int, int]
"""(x, y) in pixels of the frame."""


class Pointing:
    """Follows the mouse: a click probes the heat at a point, or no longer, at the same one; dragging marks an area."""

    def __init__(self) -> None:
        self.probe: Point | None = None
        """Where the heat is told; None: nowhere."""
        self.rectangle: Region | None = None
        """(x, y, width, height) of the area while it is dragged; None: there is none."""
        self._pressed: Point | None = None

    def take(self, event: Pointer, place: Point | None) -> Region | None:
        """Take in what the mouse did, and return the area that it has marked, if it has.

        Args:
            event: what it did.
            place: where on the frame; None: beside it.
        """
        if event.kind == "down":
            self._pressed = place
            return None
        if self._pressed is None:
            return None
        (x0, y0), (x1, y1) = self._pressed, place or self._pressed
        area = (min(x0, x1), min(y0, y1), abs(x1 - x0) + 1, abs(y1 - y0) + 1)
        large = min(area[2:]) >= SMALLEST_AREA
        if event.kind == "move":
            self.rectangle = area if large else None
            return None
        self._pressed = self.rectangle = None
        self.probe = None if large or self.probe == place else place
        return area if large else None

    def forget(self) -> None:
        """Let go of everything: what was pointed at is no longer there."""
        self.probe = self.rectangle = self._pressed = None
