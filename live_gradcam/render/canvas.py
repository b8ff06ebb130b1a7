"""The canvas: the frame and its heat, drawn into every pane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.heatmap import share_within
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.heat import colormap_code
from live_gradcam.render.heat_tracking import CarriedHeat
from live_gradcam.render.lettering import fill_onto
from live_gradcam.render.marks import (
    draw_outline_onto,
    draw_probe_onto,
    draw_rectangle_onto,
    draw_viewfinder_onto,
)
from live_gradcam.render.panes import Pane
from live_gradcam.render.signs import draw_title_onto
from live_gradcam.render.styles import paint_onto
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


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """The content of a pane."""

    pane: Pane

    heat: CarriedHeat | None
    """The heat to draw; None for the picture alone."""

    name: str = ""
    """Title that distinguishes the pane from others; empty for none."""

    tail: str = ""
    """Text after the name that is never shortened: `62%`."""

    plate: Region | None = None
    """(x, y, width, height) on the canvas of the label plate inside the pane; None if there is none."""


def part_of(picture: Pixels, region: Region) -> Pixels:
    """Return a view of a region of a picture, to draw into."""
    x, y, width, height = region
    return picture[y : y + height, x : x + width]


def paint_scenes_onto(picture: Pixels, image: Pixels, scenes: Sequence[Scene], look: Appearance) -> None:
    """Paint the frame and its heat into every pane.

    Args:
        picture: (H, W, 3) uint8 BGR: the canvas. Each pane's cell is painted over.
        image: (H, W, 3) uint8 BGR: the frame.
        scenes: the panes and their content.
        look: how heat is drawn.
    """
    shrunk: dict[tuple[Region, int, int], Pixels] = {}
    for scene in scenes:
        pane = scene.pane
        width, height = pane.place[2:]
        below = shrunk.get((pane.window, width, height))
        if below is None:
            below = shrunk[pane.window, width, height] = _shrunk(part_of(image, pane.window), width, height)
        if pane.place != pane.cell:
            _paint_margins_onto(picture, pane)
        heat = scene.heat
        paint_onto(
            part_of(picture, pane.place),
            below,
            None if heat is None else heat.heatmap,
            (0, 0, width, height) if heat is None else pane.within(heat.explanation.region),
            style=look.style,
            alpha=look.alpha,
            opacity=0.0 if heat is None else heat.opacity,
            colormap=colormap_code(look.colormap),
        )
    _draw_seams_onto(picture, scenes)


def mark_scenes_onto(
    picture: Pixels,
    scenes: Sequence[Scene],
    *,
    rectangle: Region | None,
    probe: tuple[int, int] | None,
    area: Region | None = None,
    words: Words = ENGLISH,
) -> None:
    """Draw viewfinders, titles and mouse marks into every pane.

    Args:
        picture: (H, W, 3) uint8 BGR: the canvas.
        scenes: the panes and their content.
        rectangle: (x, y, width, height) of the frame: the rectangle being dragged.
        probe: (x, y) of the frame: the point whose heat is displayed.
        area: (x, y, width, height) of the frame: the part that is explained; None for the whole frame.
        words: translates texts.
    """
    for scene in scenes:
        pane = scene.pane
        within = part_of(picture, pane.place)
        if rectangle is not None:
            draw_rectangle_onto(within, pane.within(rectangle))
        elif area is not None:
            draw_outline_onto(within, pane.within(area))
        if rectangle is None and scene.heat is not None:
            region = pane.within(scene.heat.explanation.region)
            if region != (0, 0, *pane.place[2:]):
                draw_viewfinder_onto(within, region, _moved(scene.plate, pane))
        if probe is not None and pane.sees(*probe):
            x, y = pane.point(*probe)
            at = round(x) - pane.place[0], round(y) - pane.place[1]
            draw_probe_onto(
                within, at, None if scene.heat is None else scene.heat.heat_at(*probe), words("not seen")
            )
        if pane.title is not None:
            draw_title_onto(part_of(picture, pane.title), scene.name, scene.tail)


def hidden_share(scene: Scene, plate: Region) -> float:
    """Return the share of a pane's hot heat that a plate on the canvas hides, in [0, 1]."""
    if scene.heat is None or scene.heat.opacity <= 0:
        return 0.0
    x, y, width, height = scene.pane.within(scene.heat.explanation.region)
    if not (width and height):
        return 0.0
    on_canvas = x + scene.pane.place[0], y + scene.pane.place[1], width, height
    return share_within(scene.heat.heatmap, on_canvas, plate)


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


def _draw_seams_onto(picture: Pixels, scenes: Sequence[Scene]) -> None:
    """Separate the panes by dark lines."""
    thick = max(1, round(min(picture.shape[:2]) / 240))
    for scene in scenes:
        x, y, _, height = scene.pane.cell
        if x > 0:
            fill_onto(picture[y : y + height, x - thick : x + thick])
        if y > 0 and scene.pane.title is None:
            fill_onto(picture[y - thick : y + thick])


def _moved(plate: Region | None, pane: Pane) -> Region | None:
    """Return a plate's place on the canvas in pixels of a pane's picture."""
    if plate is None:
        return None
    return plate[0] - pane.place[0], plate[1] - pane.place[1], plate[2], plate[3]
