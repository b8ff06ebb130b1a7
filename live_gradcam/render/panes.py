"""The panes: which part of the frame is drawn where on the canvas, and what room is left for words.

Several panes have a strip above each for its name, a strip below all of them (the foot) for what is said, and a column
at the right for the scale of colours. So no letter lies on a pane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from live_gradcam.explanation import Region
from live_gradcam.render.appearance import View

MOST_PANES = 4

_STRIP, _SMALLEST, _LEAST = 1 / 24, 10, 100
"""Font size of the strips as a part of the canvas's shorter side, the smallest one in pixels, and the shorter side from
which on there are strips."""

_TITLE, _FOOT = 1.7, 1.9
"""Height of a title and of a row of the foot, in units of that font size."""

_TWO_ROWS, _WIDE = 240, 30
"""The shorter side from which on the foot may have two rows for what is said, and the width, in units of the font size,
from which on one row holds it."""

_FIGURE = 10.5
"""The width of one figure, in units of the font size."""

_MOST_FOOT = 1 / 3
"""Of the canvas's height that the foot has at most: figures beyond that are left out."""

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

    title: Region | None = None
    """(x, y, width, height) on the canvas: the strip above the cell, for the pane's name; None: there is none."""

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
class Footer:
    """The strip below several panes, and how it is divided."""

    region: Region
    """(x, y, width, height) on the canvas."""

    size: int
    """Font size in pixels."""

    rows: int
    """Rows for what is said: one, or one for the label and one for what goes on."""

    figures: int
    """How many figures stand in further rows."""

    columns: int
    """How many of them beside each other."""

    @property
    def row(self) -> int:
        """The height of a row in pixels."""
        return round(self.size * _FOOT)


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The panes of a canvas, and what room is left beside them."""

    panes: tuple[Pane, ...]

    free: Region | None = None
    """(x, y, width, height): the panel of the channels, or the empty fourth cell; None where there is none."""

    foot: Footer | None = None
    """Below several panes; None where there is one pane, or the canvas is too small."""

    column: Region | None = None
    """(x, y, width, height): at the right, for the scale of colours; None where it is not wanted there."""


def strip_size(canvas: tuple[int, int]) -> int:
    """Return the font size of names and of the foot on a canvas of (width, height), in pixels; 0: there are none."""
    return max(_SMALLEST, round(min(canvas) * _STRIP)) if min(canvas) >= _LEAST else 0


def title_height(canvas: tuple[int, int]) -> int:
    """Return the height of the strip for a name on a canvas of (width, height), in pixels."""
    return round(strip_size(canvas) * _TITLE)


def foot_of(canvas: tuple[int, int], *, labelled: bool = False, figures: int = 0) -> Footer | None:
    """Return the foot of a canvas of (width, height); None where the canvas is too small.

    Args:
        canvas: its size.
        labelled: whether the label stands in it.
        figures: how many figures do.
    """
    width, height = canvas
    size = strip_size(canvas)
    if not size:
        return None
    rows = 2 if labelled and min(canvas) >= _TWO_ROWS and width < _WIDE * size else 1
    columns = max(1, min(figures, int(width / (_FIGURE * size))))
    row = round(size * _FOOT)
    figures = min(figures, columns * max(0, round(height * _MOST_FOOT) // row - rows))
    tall = row * (rows + -(-figures // columns))
    return Footer((0, height - tall, width, tall), size, rows, figures, columns)


def arrange(
    view: View,
    count: int,
    size: tuple[int, int],
    regions: Sequence[Region],
    *,
    canvas: tuple[int, int] | None = None,
    figures: int = 0,
    column: int = 0,
) -> Arrangement:
    """Return where everything goes.

    Each pane shows as much of the frame as has its cell's aspect, and at least what the network saw.

    Args:
        view: what is wanted.
        count: how many heat maps there are.
        size: (width, height) of the frame.
        regions: (x, y, width, height) of the frame: what the network saw, for each heat map.
        canvas: (width, height) of the canvas; None: the frame's.
        figures: how many figures stand below several panes.
        column: how wide the column of the scale is, in pixels; 0: it is not wanted.
    """
    canvas = canvas or size
    width, height = canvas
    whole = (0, 0, *size)
    seen = _around(regions) if regions else whole
    wanted = 2 if view == "side" else max(1, min(count, 2 if view == "models" else MOST_PANES))
    if view in ("one", "history") or (wanted == 1 and view != "channels"):
        return Arrangement((_whole(canvas, size),))
    foot = foot_of(canvas, labelled=view in ("methods", "targets"), figures=figures)
    if foot is None:
        column = 0
    inner = width - column, height if foot is None else foot.region[1]
    beside = (inner[0], 0, column, inner[1]) if column else None
    title = title_height(canvas)
    if view == "channels":
        cell, panel = _panelled(inner)
        return Arrangement((_pane(cell, size, seen, title),), panel, foot, beside)
    cells = _cells(wanted, inner)
    free = cells[-1] if len(cells) > wanted else None
    return Arrangement(tuple(_pane(cell, size, seen, title) for cell in cells[:wanted]), free, foot, beside)


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


def _whole(canvas: tuple[int, int], size: tuple[int, int]) -> Pane:
    """Return the pane that shows all of a frame on all of a canvas."""
    if canvas == size:
        return Pane((0, 0, *size), (0, 0, *size), (0, 0, *size))
    cell = (0, 0, *canvas)
    return Pane(cell, _centred(size, cell), (0, 0, *size))


def _pane(cell: Region, size: tuple[int, int], seen: Region, title: int) -> Pane:
    """Return a cell's pane: the largest part of the frame with its aspect, extended to hold what was seen."""
    left, top, wide, high = cell
    name = (left, top, wide, title) if title else None
    top, high = top + title, high - title
    width, height = size
    x, y, seen_width, seen_height = seen
    part_width = max(min(width, round(height * wide / high)), seen_width)
    part_height = max(min(height, round(width * high / wide)), seen_height)
    part_x = min(max(x + (seen_width - part_width) // 2, 0), width - part_width)
    part_y = min(max(y + (seen_height - part_height) // 2, 0), height - part_height)
    place = _centred((part_width, part_height), (left, top, wide, high))
    return Pane((left, top, wide, high), place, (part_x, part_y, part_width, part_height), name)


def _centred(size: tuple[int, int], cell: Region) -> Region:
    """Return where something of (width, height) stands in a cell, as large as it fits and in the middle."""
    left, top, wide, high = cell
    scale = min(wide / size[0], high / size[1])
    width, height = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    return left + (wide - width) // 2, top + (high - height) // 2, width, height


def _around(regions: Sequence[Region]) -> Region:
    """Return the smallest region that holds all."""
    left, top = min(region[0] for region in regions), min(region[1] for region in regions)
    right = max(region[0] + region[2] for region in regions)
    bottom = max(region[1] + region[3] for region in regions)
    return left, top, right - left, bottom - top
