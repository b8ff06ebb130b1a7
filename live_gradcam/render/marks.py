"""Marks on the picture: a dragged rectangle, an outline, a probe that shows the heat of a point, and a viewfinder."""

from __future__ import annotations

from collections.abc import Sequence

import cv2

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.render.lettering import BOLD, CAP, WHITE, Colour, shade_onto, text_width, write

_EDGE: Colour = (32, 32, 32)
_SHORTER_SIDE, _SMALLEST = 1 / 18, 11


def draw_rectangle_onto(picture: Pixels, region: Region) -> None:
    """Draw a rectangle that is being dragged, in place: white with a dark edge, the rest of the picture dimmed.

    Args:
        picture: (H, W, 3) uint8 BGR.
        region: (x, y, width, height) within it.
    """
    x, y, width, height = region
    if width < 1 or height < 1:
        return
    for rows, columns in (
        (slice(0, y), slice(None)),
        (slice(y + height, None), slice(None)),
        (slice(y, y + height), slice(0, x)),
        (slice(y, y + height), slice(x + width, None)),
    ):
        around = picture[rows, columns]
        if around.size:
            cv2.convertScaleAbs(around, dst=around, alpha=0.55)
    draw_outline_onto(picture, region)


def draw_outline_onto(picture: Pixels, region: Region) -> None:
    """Draw the outline of a part of the picture, in place: white with a dark edge.

    Args:
        picture: (H, W, 3) uint8 BGR.
        region: (x, y, width, height) within it.
    """
    x, y, width, height = region
    if width < 1 or height < 1:
        return
    thick = max(1, round(min(picture.shape[:2]) / 240))
    corners = (x, y), (x + width - 1, y + height - 1)
    cv2.rectangle(picture, *corners, _EDGE, 3 * thick)
    cv2.rectangle(picture, *corners, WHITE, thick)


def draw_probe_onto(
    picture: Pixels, at: tuple[int, int], value: float | None, unseen: str = "not seen"
) -> None:
    """Draw a ring around a point, and its heat beside it, in place.

    Args:
        picture: (H, W, 3) uint8 BGR.
        at: (x, y) within it.
        value: heat in [0, 1]; None if the network did not see this point, or nothing was explained.
        unseen: the text for None.
    """
    height, width = picture.shape[:2]
    size = max(_SMALLEST, round(min(width, height) * _SHORTER_SIDE))
    radius, thick = max(3, round(size * 0.45)), max(1, round(size / 12))
    for colour, line in ((_EDGE, 3 * thick), (WHITE, thick)):
        cv2.circle(picture, at, radius, colour, line, cv2.LINE_AA)
    text = unseen if value is None else f"{value:.2f}"
    padding = round(size * 0.35)
    wide, tall = text_width(text, size, BOLD) + 2 * padding, round(size * CAP) + 2 * padding
    gap = radius + 2 * thick + padding
    left = at[0] + gap if at[0] + gap + wide <= width else at[0] - gap - wide
    top = min(max(at[1] - tall // 2, 0), height - tall)
    if left < 0 or top < 0:
        return
    shade_onto(picture, left, top, wide, tall, round(size * 0.3))
    write(picture, text, (left + padding, top + padding + round(size * CAP)), size, weight=BOLD)


_LIGHT = (255, 255, 255)
_SHADE = (48, 48, 48)


def draw_viewfinder_onto(
    picture: Pixels, region: Region, covered: Sequence[Region] = ()
) -> tuple[Region, ...]:
    """Draw corner brackets just inside a region, in place: white with a dark edge, visible on any background.

    Args:
        picture: (H, W, 3) uint8 BGR, C-contiguous.
        region: (x, y, width, height) within the picture.
        covered: (x, y, width, height) of plates; brackets that would cross one are not drawn.

    Returns:
        (x, y, width, height) of each bracket that was drawn.
    """
    x, y, width, height = region
    side = min(width, height)
    thick = max(1, round(side / 240))
    shade = max(1, round(thick / 2))
    arm = max(4, round(side / 14))
    inset = max(2, round(side / 45))
    if side < 4 * (arm + inset):
        return ()
    left, top = x + inset, y + inset
    right, bottom = x + width - 1 - inset, y + height - 1 - inset
    bars: list[tuple[int, int, int, int]] = []
    boxes: list[Region] = []
    for corner_x, towards_x in ((left, 1), (right, -1)):
        for corner_y, towards_y in ((top, 1), (bottom, -1)):
            box = (
                min(corner_x, corner_x + towards_x * arm),
                min(corner_y, corner_y + towards_y * arm),
                arm,
                arm,
            )
            if any(overlap(box, plate) for plate in covered):
                continue
            boxes.append(box)
            far_x, far_y = corner_x + towards_x * (arm - 1), corner_y + towards_y * (arm - 1)
            near_x, near_y = corner_x + towards_x * (thick - 1), corner_y + towards_y * (thick - 1)
            bars.append(
                (min(corner_x, far_x), min(corner_y, near_y), max(corner_x, far_x), max(corner_y, near_y))
            )
            bars.append(
                (min(corner_x, near_x), min(corner_y, far_y), max(corner_x, near_x), max(corner_y, far_y))
            )
    for grow, colour in ((shade, _SHADE), (0, _LIGHT)):
        for x0, y0, x1, y1 in bars:
            cv2.rectangle(picture, (x0 - grow, y0 - grow), (x1 + grow, y1 + grow), colour, cv2.FILLED)
    return tuple(boxes)


def overlap(one: Region, other: Region, gap: int = 0) -> bool:
    """Return whether two regions overlap, or lie closer than a gap."""
    return (
        one[0] < other[0] + other[2] + gap
        and other[0] < one[0] + one[2] + gap
        and one[1] < other[1] + other[3] + gap
        and other[1] < one[1] + one[3] + gap
    )
