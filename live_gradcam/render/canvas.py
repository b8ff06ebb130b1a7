"""The canvas: the frame and its heat in every pane, each painted at its own size."""

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
"""Shorter side in pixels that a canvas has in a window at least, and the one that is aimed at where it had less."""

_WINDOW = (1600, 900)
"""The largest window that opens."""


def legible_canvas(size: tuple[int, int]) -> tuple[int, int]:
    """Return the size of a canvas whose words can be read in a window, for a frame of (width, height).

    It is the frame's own size, as a rule. A small frame is enlarged by a whole factor; one that is much longer than
    wide, or wider than long, stands between margins.
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
    """What is shown in a pane."""

    pane: Pane

    heat: CarriedHeat | None
    """None: the picture alone."""

    name: str = ""
    """What tells the pane from the others; empty: nothing does."""

    tail: str = ""
    """What follows the name and is never cut: `62%`."""

    plate: Region | None = None
    """(x, y, width, height) on the canvas of the label plate in it; None where there is none."""


def part_of(picture: Pixels, region: Region) -> Pixels:
    """Return a region of a picture, to be drawn onto."""
    x, y, width, height = region
    return picture[y : y + height, x : x + width]


def paint_scenes_onto(picture: Pixels, image: Pixels, scenes: Sequence[Scene], look: Appearance) -> None:
    """Paint the frame and its heat into every pane.

    Args:
        picture: (H, W, 3) uint8 BGR: of each pane's cell, all that it holds is painted over.
        image: (H, W, 3) uint8 BGR: the frame.
        scenes: what goes where.
        look: how heat is shown.
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
    """Draw viewfinders, names, and what the viewer marks with the mouse, into every pane.

    Args:
        picture: (H, W, 3) uint8 BGR.
        scenes: what is where.
        rectangle: (x, y, width, height) of the frame: what is being dragged.
        probe: (x, y) of the frame: the place whose heat is told.
        area: (x, y, width, height) of the frame: what is looked at; None: all of it.
        words: the viewer's language.
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
    """Return which share of what is hot in a pane a plate on the canvas hides, in [0, 1]."""
    if scene.heat is None or scene.heat.opacity <= 0:
        return 0.0
    x, y, width, height = scene.pane.within(scene.heat.explanation.region)
    if not (width and height):
        return 0.0
    on_canvas = x + scene.pane.place[0], y + scene.pane.place[1], width, height
    return share_within(scene.heat.heatmap, on_canvas, plate)


def _shrunk(image: Pixels, width: int, height: int) -> Pixels:
    """Return an image at a pane's size; an average of all pixels costs ten times as much where it is no half."""
    if image.shape[:2] == (height, width):
        return image
    half = image.shape[:2] == (2 * height, 2 * width)
    interpolation = (
        cv2.INTER_AREA if half else cv2.INTER_CUBIC if width > image.shape[1] else cv2.INTER_LINEAR
    )
    return np.asarray(cv2.resize(image, (width, height), interpolation=interpolation), np.uint8)


def _paint_margins_onto(picture: Pixels, pane: Pane) -> None:
    """Paint what a pane's picture leaves of its cell."""
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
    """Part the panes by dark lines."""
    thick = max(1, round(min(picture.shape[:2]) / 240))
    for scene in scenes:
        x, y, _, height = scene.pane.cell
        if x > 0:
            fill_onto(picture[y : y + height, x - thick : x + thick])
        if y > 0 and scene.pane.title is None:
            fill_onto(picture[y - thick : y + thick])


def _moved(plate: Region | None, pane: Pane) -> Region | None:
    """Return a plate on the canvas in pixels of a pane's picture."""
    if plate is None:
        return None
    return plate[0] - pane.place[0], plate[1] - pane.place[1], plate[2], plate[3]
