"""The panes: which part of the frame is drawn where on the canvas, and the room for text.

With several panes there is a title strip above each, a footer below all of them, and a column at the right for the
scale bar, so that no text covers a pane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from live_gradcam.explanation import Region
from live_gradcam.fixed_choices import View

MOST_PANES = 4

_STRIP, _SMALLEST, _LEAST = 1 / 24, 10, 100
"""Font size of strips as a share of the canvas's shorter side; their smallest font size; and the shorter side in pixels
from which there are strips."""

_TITLE, _FOOTER_ROW = 1.7, 1.9
"""Height of a title and of a footer row, in units of that font size."""

_TWO_ROWS, _WIDE = 240, 30
"""The shorter side from which the footer may have two rows for the label and the activity, and the width, in units of
the font size, from which one row is enough."""

_FIGURE = 10.5
"""Width of one statistic, in units of the font size."""

_MOST_FOOTER = 1 / 3
"""Largest share of the canvas's height for the footer; statistics beyond it are left out."""

_LEAST_ROOM, _LONGEST_ROOM, _OTHER_SHAPE, _ROOMY = 240, 3, 1.1, 1280 * 720
"""Shorter side of a window and its largest ratio of sides for which the canvas takes its shape; from which ratio of
ratios on the shapes differ; and how many pixels such a canvas may have in any case."""

_PANEL_SHARE = 0.36
"""Smallest share of the canvas's longer side for the panel of the channels or concepts."""


@dataclass(frozen=True, slots=True)
class Pane:
    """A part of the frame, and its place on the canvas."""

    cell: Region
    """(x, y, width, height) on the canvas: the whole room of the pane."""

    place: Region
    """(x, y, width, height) on the canvas: the picture within the cell."""

    window: Region
    """(x, y, width, height): the part of the frame that is drawn there."""

    title: Region | None = None
    """(x, y, width, height) on the canvas: the strip above the cell for the title; None for none."""

    figure: Region | None = None
    """(x, y, width, height) on the canvas: the room for a large number; None for none."""

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Return the canvas point of a frame point."""
        across, down = self._scale
        return self.place[0] + (x - self.window[0]) * across, self.place[1] + (y - self.window[1]) * down

    def frame_point(self, x: float, y: float) -> tuple[int, int] | None:
        """Return the frame point at a canvas point; None outside the picture."""
        left, top, width, height = self.place
        if not (left <= x < left + width and top <= y < top + height):
            return None
        across, down = self._scale
        return int(self.window[0] + (x - left) / across), int(self.window[1] + (y - top) / down)

    def nearest_point(self, x: float, y: float) -> tuple[int, int]:
        """Return the frame point at the picture's point that is nearest to a canvas point."""
        left, top, width, height = self.place
        x, y = min(max(x, left), left + width - 1), min(max(y, top), top + height - 1)
        across, down = self._scale
        return int(self.window[0] + (x - left) / across), int(self.window[1] + (y - top) / down)

    def sees(self, x: int, y: int) -> bool:
        """Return whether a frame point is in the picture."""
        left, top, width, height = self.window
        return left <= x < left + width and top <= y < top + height

    def within(self, region: Region) -> Region:
        """Return a region of the frame in pixels of the pane's picture, clipped to it."""
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
    """The strip below several panes, and its division."""

    region: Region
    """(x, y, width, height) on the canvas."""

    size: int
    """Font size in pixels."""

    rows: int
    """Rows for label and activity: one for both, or one for each."""

    figures: int
    """Number of statistics in further rows."""

    columns: int
    """Number of statistics per row."""

    @property
    def row(self) -> int:
        """Height of a row in pixels."""
        return round(self.size * _FOOTER_ROW)


@dataclass(frozen=True, slots=True)
class Layout:
    """The panes of a canvas, and the room beside them."""

    panes: tuple[Pane, ...]

    free: Region | None = None
    """(x, y, width, height): the panel of the channels or concepts, or the empty fourth cell; None if there is none."""

    footer: Footer | None = None
    """The footer below several panes; None for a single pane, or if the canvas is too small."""

    column: Region | None = None
    """(x, y, width, height): the column at the right for the scale bar; None if there is none."""


def roomy_canvas(canvas: tuple[int, int], room: tuple[int, int] | None) -> tuple[int, int]:
    """Return a canvas of the shape of a window, with at most the pixels of the usual canvas, or of `_ROOMY`.

    Three pictures of one shape make no picture of that shape: an upright one leaves most of a wide window empty, if the
    canvas is upright, too.

    Args:
        canvas: (width, height) of the usual canvas, which has the shape of the frame.
        room: (width, height) of the window in pixels; None: it has the shape of the canvas.

    Returns:
        (width, height); the usual canvas if the shape is nearly the same, or if the window is too narrow for text.
    """
    if room is None or min(room) < _LEAST_ROOM or max(room) > _LONGEST_ROOM * min(room):
        return canvas
    stretch = room[0] * canvas[1] / (room[1] * canvas[0])
    if max(stretch, 1 / stretch) < _OTHER_SHAPE:
        return canvas
    scale = min(1.0, (max(canvas[0] * canvas[1], _ROOMY) / (room[0] * room[1])) ** 0.5)
    return round(room[0] * scale), round(room[1] * scale)


def strip_size(canvas: tuple[int, int]) -> int:
    """Return the font size of titles and footer on a canvas of (width, height), in pixels; 0 if there are none."""
    return max(_SMALLEST, round(min(canvas) * _STRIP)) if min(canvas) >= _LEAST else 0


def title_height(canvas: tuple[int, int]) -> int:
    """Return the height of a title strip on a canvas of (width, height), in pixels."""
    return round(strip_size(canvas) * _TITLE)


def footer_of(canvas: tuple[int, int], *, labelled: bool = False, figures: int = 0) -> Footer | None:
    """Return the footer of a canvas of (width, height); None if the canvas is too small.

    Args:
        canvas: its size.
        labelled: whether the footer has the label.
        figures: number of statistics in it.
    """
    width, height = canvas
    size = strip_size(canvas)
    if not size:
        return None
    rows = 2 if labelled and min(canvas) >= _TWO_ROWS and width < _WIDE * size else 1
    columns = max(1, min(figures, int(width / (_FIGURE * size))))
    row = round(size * _FOOTER_ROW)
    figures = min(figures, columns * max(0, round(height * _MOST_FOOTER) // row - rows))
    tall = row * (rows + -(-figures // columns))
    return Footer((0, height - tall, width, tall), size, rows, figures, columns)


def layout_of(
    view: View,
    count: int,
    size: tuple[int, int],
    regions: Sequence[Region],
    *,
    canvas: tuple[int, int] | None = None,
    figures: int = 0,
    column: int = 0,
) -> Layout:
    """Return the layout of a canvas.

    Each pane shows the largest part of the frame with its cell's aspect, and at least what the network saw.

    Args:
        view: the layout that is wanted.
        count: number of heat maps.
        size: (width, height) of the frame.
        regions: (x, y, width, height) of the frame: what the network saw, for each heat map.
        canvas: (width, height) of the canvas; None for the frame's.
        figures: number of statistics below several panes.
        column: width of the scale bar's column in pixels; 0 for none.
    """
    canvas = canvas or size
    width, height = canvas
    whole = (0, 0, *size)
    seen = _around(regions) if regions else whole
    wanted = 2 if view == "side" else max(1, min(count, 2 if view == "models" else MOST_PANES))
    if view in ("one", "history", "proof") or (wanted == 1 and view not in ("channels", "concepts")):
        return Layout((_whole(canvas, size),))
    footer = footer_of(canvas, labelled=view in ("methods", "targets"), figures=figures)
    if footer is None:
        column = 0
    inner = width - column, height if footer is None else footer.region[1]
    beside = (inner[0], 0, column, inner[1]) if column else None
    title = title_height(canvas)
    if view in ("channels", "concepts"):
        cell, panel = _panelled(inner)
        return Layout((_pane(cell, size, seen, title),), panel, footer, beside)
    cells = _cells(wanted, inner)
    free = cells[-1] if len(cells) > wanted else None
    return Layout(tuple(_pane(cell, size, seen, title) for cell in cells[:wanted]), free, footer, beside)


def _cells(count: int, size: tuple[int, int]) -> list[Region]:
    """Divide the canvas into one cell, two along its longer side, or four."""
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
    """Return the cell of a picture, square if there is room beside the panel, and the panel."""
    width, height = size
    if width >= height:
        panel = max(round(width * _PANEL_SHARE), width - height)
        return (0, 0, width - panel, height), (width - panel, 0, panel, height)
    panel = max(round(height * _PANEL_SHARE), height - width)
    return (0, 0, width, height - panel), (0, height - panel, width, panel)


def _whole(canvas: tuple[int, int], size: tuple[int, int]) -> Pane:
    """Return the pane that shows the whole frame on the whole canvas."""
    if canvas == size:
        return Pane((0, 0, *size), (0, 0, *size), (0, 0, *size))
    cell = (0, 0, *canvas)
    return Pane(cell, _centred(size, cell), (0, 0, *size))


def _pane(cell: Region, size: tuple[int, int], seen: Region, title: int) -> Pane:
    """Return a cell's pane: the largest part of the frame with its aspect, extended to include what was seen."""
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
    """Return where something of (width, height) is placed in a cell, as large as it fits and centred."""
    left, top, wide, high = cell
    scale = min(wide / size[0], high / size[1])
    width, height = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    return left + (wide - width) // 2, top + (high - height) // 2, width, height


def _around(regions: Sequence[Region]) -> Region:
    """Return the smallest region that contains all."""
    left, top = min(region[0] for region in regions), min(region[1] for region in regions)
    right = max(region[0] + region[2] for region in regions)
    bottom = max(region[1] + region[3] for region in regions)
    return left, top, right - left, bottom - top
