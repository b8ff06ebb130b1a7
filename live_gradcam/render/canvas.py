"""The canvas: the frame and its heat, drawn into every pane; and two pictures side by side."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.question import ConceptMaps
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.concepts import paint_concepts_onto
from live_gradcam.render.heat import colormap_code
from live_gradcam.render.lettering import fill_onto
from live_gradcam.render.marks import (
    draw_outline_onto,
    draw_probe_onto,
    draw_rectangle_onto,
    draw_viewfinder_onto,
)
from live_gradcam.render.pane_contents import PaneContent
from live_gradcam.render.panes import Pane, title_height
from live_gradcam.render.signs import draw_title_onto
from live_gradcam.render.styles import paint_onto
from live_gradcam.render.thing_names import draw_names_onto
from live_gradcam.translations import ENGLISH, Words

_LEGIBLE, _ENLARGED = 240, 360
"""The shorter side of a canvas in a window, in pixels: the minimum, and the target where it would be smaller."""

_WINDOW = (1600, 900)
"""Size of the largest window that opens."""


def legible_canvas(size: tuple[int, int]) -> tuple[int, int]:
    """Return the canvas size for a frame of (width, height), such that text can be read in a window.

    Usually the frame's own size. A small frame is enlarged by a whole factor; a very long or very tall frame gets
    margins.
    """
    width, height = size
    shorter = min(size)
    fit = min(_WINDOW[0] / width, _WINDOW[1] / height)
    if shorter * min(1.0, fit) >= _LEGIBLE:
        return size
    wanted = -(-_ENLARGED // shorter)
    factor = min(wanted, int(fit))
    if shorter * factor >= _LEGIBLE:
        return width * factor, height * factor
    scale = min(wanted, fit)
    return max(round(width * scale), _ENLARGED), max(round(height * scale), _ENLARGED)


def part_of(picture: Pixels, region: Region) -> Pixels:
    """Return a view of a region of a picture, to draw into."""
    x, y, width, height = region
    return picture[y : y + height, x : x + width]


def paint_panes_onto(
    picture: Pixels,
    image: Pixels,
    contents: Sequence[PaneContent],
    appearance: Appearance,
    concepts: ConceptMaps | None = None,
) -> None:
    """Paint the frame and its heat into every pane.

    Args:
        picture: (H, W, 3) uint8 BGR: the canvas. Each pane's cell is painted over.
        image: (H, W, 3) uint8 BGR: the frame.
        contents: the panes and their content.
        appearance: how heat is drawn. In the view `concepts` they are painted, and no heat.
        concepts: they are painted in the view `concepts`; None: there are none.
    """
    shrunk: dict[tuple[Region, int, int], Pixels] = {}
    for content in contents:
        pane = content.pane
        width, height = pane.place[2:]
        below = shrunk.get((pane.window, width, height))
        if below is None:
            below = shrunk[pane.window, width, height] = _shrunk(part_of(image, pane.window), width, height)
        if pane.place != pane.cell:
            _paint_margins_onto(picture, pane)
        within = part_of(picture, pane.place)
        if appearance.view == "concepts":
            if concepts is None:
                within[:] = below
            else:
                paint_concepts_onto(within, below, concepts, pane.within(concepts.region), appearance.alpha)
            continue
        heat = content.heat
        paint_onto(
            within,
            below,
            None if heat is None else heat.heatmap,
            (0, 0, width, height) if heat is None else pane.within(heat.explanation.region),
            style=appearance.style,
            alpha=appearance.alpha,
            opacity=0.0 if heat is None else heat.opacity,
            colormap=colormap_code(appearance.colormap),
        )
    _draw_seams_onto(picture, contents)


def mark_panes_onto(
    picture: Pixels,
    contents: Sequence[PaneContent],
    *,
    rectangle: Region | None,
    probe: tuple[int, int] | None,
    area: Region | None = None,
    words: Words = ENGLISH,
) -> None:
    """Draw titles, names and mouse marks into every pane.

    Args:
        picture: (H, W, 3) uint8 BGR: the canvas.
        contents: the panes and their content.
        rectangle: (x, y, width, height) of the frame: the rectangle being dragged.
        probe: (x, y) of the frame: the point whose heat is displayed.
        area: (x, y, width, height) of the frame: the part that is explained; None for the whole frame.
        words: translates texts.
    """
    for content in contents:
        pane = content.pane
        within = part_of(picture, pane.place)
        if rectangle is not None:
            draw_rectangle_onto(within, pane.within(rectangle))
        elif area is not None:
            draw_outline_onto(within, pane.within(area))
        if content.heat is not None and content.heat.names:
            names = [(name.prediction, pane.within(name.region)) for name in content.heat.names]
            draw_names_onto(within, names, None if content.plate is None else _moved(content.plate, pane))
        if probe is not None and pane.sees(*probe):
            x, y = pane.point(*probe)
            at = round(x) - pane.place[0], round(y) - pane.place[1]
            draw_probe_onto(
                within, at, None if content.heat is None else content.heat.heat_at(*probe), words("not seen")
            )
        if pane.title is not None:
            draw_title_onto(part_of(picture, pane.title), content.name, content.tail)


def draw_viewfinders_onto(
    picture: Pixels, contents: Sequence[PaneContent], plates: Sequence[Region]
) -> tuple[Region, ...]:
    """Draw a viewfinder into every pane of which the network sees a part only.

    Args:
        picture: (H, W, 3) uint8 BGR: the canvas.
        contents: the panes and their content.
        plates: (x, y, width, height) on the canvas of plates that no bracket may cross, beside the label plates.

    Returns:
        (x, y, width, height) on the canvas of each bracket.
    """
    found: list[Region] = []
    for content in contents:
        pane = content.pane
        region = None if content.heat is None else pane.within(content.heat.explanation.region)
        if region is not None and region != (0, 0, *pane.place[2:]):
            covered = [_moved(plate, pane) for plate in (content.plate, *plates) if plate is not None]
            boxes = draw_viewfinder_onto(part_of(picture, pane.place), region, covered)
            found += [(x + pane.place[0], y + pane.place[1], wide, tall) for x, y, wide, tall in boxes]
    return tuple(found)


def _shrunk(image: Pixels, width: int, height: int) -> Pixels:
    """Return an image at a pane's size. Averaging all pixels is used for halving only; else it costs ten times more."""
    if image.shape[:2] == (height, width):
        return image
    half = image.shape[:2] == (2 * height, 2 * width)
    interpolation = (
        cv2.INTER_AREA if half else cv2.INTER_CUBIC if width > image.shape[1] else cv2.INTER_LINEAR
    )
    return np.asarray(cv2.resize(image, (width, height), interpolation=interpolation), np.uint8)


def _paint_margins_onto(picture: Pixels, pane: Pane) -> None:
    """Fill the margins between a pane's picture and its cell."""
    cell = part_of(picture, pane.cell)
    left, top = pane.place[0] - pane.cell[0], pane.place[1] - pane.cell[1]
    for margin in (
        cell[:top],
        cell[top + pane.place[3] :],
        cell[top : top + pane.place[3], :left],
        cell[top : top + pane.place[3], left + pane.place[2] :],
    ):
        if margin.size:
            fill_onto(margin)


def _draw_seams_onto(picture: Pixels, contents: Sequence[PaneContent]) -> None:
    """Separate the panes by dark lines."""
    thick = max(1, round(min(picture.shape[:2]) / 240))
    for content in contents:
        x, y, _, height = content.pane.cell
        if x > 0:
            fill_onto(picture[y : y + height, x - thick : x + thick])
        if y > 0 and content.pane.title is None:
            fill_onto(picture[y - thick : y + thick])


def _moved(plate: Region, pane: Pane) -> Region:
    """Return a plate's place on the canvas in pixels of a pane's picture."""
    return plate[0] - pane.place[0], plate[1] - pane.place[1], plate[2], plate[3]


BEFORE, NOW = "before", "now"


def before_and_after(
    before: Pixels, now: Pixels, names: tuple[str, str] = (BEFORE, NOW), *, footer: int = 0
) -> Pixels:
    """Return a canvas with two pictures side by side, or one above the other if they are upright.

    Args:
        before: (H, W, 3) uint8 BGR of any size: the stored picture.
        now: (H, W, 3) uint8 BGR: the current picture, which has the size of the canvas.
        names: their titles.
        footer: rows at the bottom that stay free.

    Returns:
        New (H, W, 3) uint8 BGR of the size of `now`.
    """
    canvas = np.empty_like(now)
    fill_onto(canvas)
    height, width = now.shape[:2]
    for half, picture, name in zip(_halves((width, height), footer), (before, now), names, strict=True):
        title, cell = half
        x, y, wide, high = _place((picture.shape[1], picture.shape[0]), cell)
        canvas[y : y + high, x : x + wide] = cv2.resize(picture, (wide, high), interpolation=cv2.INTER_AREA)
        if title[3]:
            draw_title_onto(canvas[title[1] : title[1] + title[3], title[0] : title[0] + title[2]], name)
    return canvas


def in_right_half(point: tuple[int, int], size: tuple[int, int], *, footer: int = 0) -> tuple[int, int]:
    """Return the point of the current picture at a point of the canvas; it may lie outside the picture.

    Args:
        point: (x, y) in pixels of the canvas.
        size: (width, height) of both.
        footer: rows at the bottom that stay free.
    """
    left, top, wide, high = _place(size, _halves(size, footer)[1][1])
    return int((point[0] - left) * size[0] // wide), int((point[1] - top) * size[1] // high)


def place_in_panes(
    panes: Sequence[Pane],
    point: tuple[int, int],
    pressed: tuple[int, int] | None,
    size: tuple[int, int],
    *,
    halved_above: int | None = None,
) -> tuple[int, int] | None:
    """Return the frame point at a point of a canvas with panes; None if there is none.

    Args:
        panes: the panes of the current picture.
        point: (x, y) in pixels of the canvas.
        pressed: where a drag began; the result is then the nearest point in that pane. None: there is no drag.
        size: (width, height) of the canvas.
        halved_above: if the current picture is the right half of a comparison: how many rows stay free below it.
    """
    if halved_above is not None:
        point = in_right_half(point, size, footer=halved_above)
        pressed = None if pressed is None else in_right_half(pressed, size, footer=halved_above)
    if pressed is not None:
        pane = next((each for each in panes if each.frame_point(*pressed) is not None), None)
        return None if pane is None else pane.nearest_point(*point)
    return next((found for pane in panes if (found := pane.frame_point(*point)) is not None), None)


def _halves(size: tuple[int, int], footer: int) -> tuple[tuple[Region, Region], tuple[Region, Region]]:
    """Divide the canvas in two along its longer side; return the title strip and the cell below it of each half."""
    width, height = size[0], size[1] - footer
    if size[0] >= size[1]:
        cells = (0, 0, width // 2, height), (width // 2, 0, width - width // 2, height)
    else:
        cells = (0, 0, width, height // 2), (0, height // 2, width, height - height // 2)
    title = title_height(size)
    first, second = (((x, y, wide, title), (x, y + title, wide, high - title)) for x, y, wide, high in cells)
    return first, second


def _place(size: tuple[int, int], cell: Region) -> Region:
    """Return where a picture of (width, height) is placed in a cell, as large as it fits and centred."""
    x, y, width, height = cell
    scale = min(width / size[0], height / size[1])
    wide, high = max(1, int(size[0] * scale)), max(1, int(size[1] * scale))
    return x + (width - wide) // 2, y + (height - high) // 2, wide, high
