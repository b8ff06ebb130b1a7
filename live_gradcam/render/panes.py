"""The panes: which part of the frame is drawn where. The canvas has the frame's size in every view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from live_gradcam.explanation import Region
from live_gradcam.look import View

MOST_PANES = 4

_HEADER, _LEAST_HEADED = 1 / 12, 240
"""Height of the header as a part of the canvas's shorter side, and the shorter side from which on there is one."""

_PANEL_SHARE = 0.36
"""Of the canvas's longer side, at least, that the panel of the channels has."""


@dataclass(frozen=True, slots=True)
class Pane:
    """A part of the frame, and its place on the canvas."""

    cell: Region
    """(x, y, width, height) on the canvas: all the room that the pane has."""

    place: Region
    """(x, y, width, height) on the canvas: where the picture is, within the cell."""

    window: Region
    """(x, y, width, height) of the frame that is drawn there."""

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point of the frame is on the canvas."""
        across, down = self._scale
        return self.place[0] + (x - self.window[0]) * across, self.place[1] + (y - self.window[1]) * down

    def frame_point(self, x: float, y: float) -> tuple[int, int] | None:
        """Return which point of the frame is at a point of the canvas; None where that is not in the picture."""
        left, top, width, height = self.place
        if not (left <= x < left + width and top <= y < top + height):
            return None
        across, down = self._scale
        return int(self.window[0] + (x - left) / across), int(self.window[1] + (y - top) / down)

    def nearest_point(self, x: float, y: float) -> tuple[int, int]:
        """Return which point of the frame is nearest to a point of the canvas, of those in the picture."""
        left, top, width, height = self.place
        x, y = min(max(x, left), left + width - 1), min(max(y, top), top + height - 1)
        across, down = self._scale
        return int(self.window[0] + (x - left) / across), int(self.window[1] + (y - top) / down)

    def sees(self, x: int, y: int) -> bool:
        """Return whether a point of the frame is in the picture."""
        left, top, width, height = self.window
        return left <= x < left + width and top <= y < top + height

    def within(self, region: Region) -> Region:
        """Return a region of the frame in pixels of the pane's picture, cut where it reaches beyond."""
        x, y, width, height = region
        left, top = (round(each) for each in self.point(x, y))
        right, bottom = (round(each) for each in self.point(x + width, y + height))
        left, right = (min(max(each - self.place[0], 0), self.place[2]) for each in (left, right))
        top, bottom = (min(max(each - self.place[1], 0), self.place[3]) for each in (top, bottom))
        return left, top, right - left, bottom - top

    @property
    def _scale(self) -> tuple[float, float]:
        return self.place[2] / self.window[2], self.place[3] / self.window[3]


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The panes of a canvas, and what room is left beside them."""

    panes: tuple[Pane, ...]

    free: Region | None = None
    """(x, y, width, height): the panel of the channels, or the empty fourth cell; None where there is none."""

    header: int = 0
    """Rows at the top of the canvas that are kept for names and signs, so that they lie on no pane."""


def arrange(view: View, count: int, size: tuple[int, int], regions: Sequence[Region]) -> Arrangement:
    """Return where everything goes.

    Each pane shows as much of the frame as has its cell's aspect, and at least what the network saw.

    Args:
        view: what is wanted.
        count: how many heat maps there are.
        size: (width, height) of the frame and the canvas.
        regions: (x, y, width, height) of the frame: what the network saw, for each heat map.
    """
    width, height = size
    whole = (0, 0, width, height)
    seen = _around(regions) if regions else whole
    header = round(min(size) * _HEADER) if min(size) >= _LEAST_HEADED else 0
    if view == "channels":
        cell, panel = (_lowered(each, header) for each in _panelled((width, height - header)))
        return Arrangement((_pane(cell, size, seen),), panel, header)
    if view in ("one", "history"):
        return Arrangement((Pane(whole, whole, whole),))
    wanted = 2 if view == "side" else max(1, min(count, 2 if view == "models" else MOST_PANES))
    header = header if wanted > 1 else 0
    cells = [_lowered(each, header) for each in _cells(wanted, (width, height - header))]
    free = cells[-1] if len(cells) > wanted else None
    return Arrangement(tuple(_pane(cell, size, seen) for cell in cells[:wanted]), free, header)


def _lowered(cell: Region, rows: int) -> Region:
    return cell[0], cell[1] + rows, cell[2], cell[3]


def _cells(count: int, size: tuple[int, int]) -> list[Region]:
    """Divide the canvas: in one, in two along its longer side, or in four."""
    width, height = size
    if count <= 1:
        return [(0, 0, width, height)]
    left, top = width // 2, height // 2
    if count == 2:
        if width >= height:
            return [(0, 0, left, height), (left, 0, width - left, height)]
        return [(0, 0, width, top), (0, top, width, height - top)]
    return [
        (x, y, w, h) for y, h in ((0, top), (top, height - top)) for x, w in ((0, left), (left, width - left))
    ]


def _panelled(size: tuple[int, int]) -> tuple[Region, Region]:
    """Return the cell of a square picture, as far as there is room for it beside the panel, and the panel."""
    width, height = size
    if width >= height:
        panel = max(round(width * _PANEL_SHARE), width - height)
        return (0, 0, width - panel, height), (width - panel, 0, panel, height)
    panel = max(round(height * _PANEL_SHARE), height - width)
    return (0, 0, width, height - panel), (0, height - panel, width, panel)


def _pane(cell: Region, size: tuple[int, int], seen: Region) -> Pane:
    """Return a cell's pane: the largest part of the frame with its aspect, extended to hold what was seen."""
    left, top, wide, high = cell
    width, height = size
    x, y, seen_width, seen_height = seen
    part_width = max(min(width, round(height * wide / high)), seen_width)
    part_height = max(min(height, round(width * high / wide)), seen_height)
    part_x = min(max(x + (seen_width - part_width) // 2, 0), width - part_width)
    part_y = min(max(y + (seen_height - part_height) // 2, 0), height - part_height)
    scale = min(wide / part_width, high / part_height)
    place_width, place_height = max(1, round(part_width * scale)), max(1, round(part_height * scale))
    place = (left + (wide - place_width) // 2, top + (high - place_height) // 2, place_width, place_height)
    return Pane(cell, place, (part_x, part_y, part_width, part_height))


def _around(regions: Sequence[Region]) -> Region:
    """Return the smallest region that holds all."""
    left, top = min(region[0] for region in regions), min(region[1] for region in regions)
    right = max(region[0] + region[2] for region in regions)
    bottom = max(region[1] + region[3] for region in regions)
    return left, top, right - left, bottom - top
