"""The viewfinder: four corners that show which part of the frame the network sees."""

from __future__ import annotations

import cv2

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels

_LIGHT = (255, 255, 255)
_SHADE = (48, 48, 48)


def draw_viewfinder_onto(picture: Pixels, region: Region, covered: Region | None = None) -> None:
    """Draw corner brackets just inside a region, in place: white with a dark edge, so seen on any background.

    Args:
        picture: (H, W, 3) uint8 BGR, C-contiguous.
        region: (x, y, width, height) within the picture.
        covered: (x, y, width, height) of the label plate; a bracket that would cross it is left out.
    """
    x, y, width, height = region
    side = min(width, height)
    thick = max(1, round(side / 240))
    shade = max(1, round(thick / 2))
    arm = max(4, round(side / 14))
    inset = max(2, round(side / 45))
    if side < 4 * (arm + inset):
        return
    left, top = x + inset, y + inset
    right, bottom = x + width - 1 - inset, y + height - 1 - inset
    bars: list[tuple[int, int, int, int]] = []
    for corner_x, towards_x in ((left, 1), (right, -1)):
        for corner_y, towards_y in ((top, 1), (bottom, -1)):
            box = (
                min(corner_x, corner_x + towards_x * arm),
                min(corner_y, corner_y + towards_y * arm),
                arm,
                arm,
            )
            if covered is not None and _overlap(box, covered):
                continue
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


def _overlap(one: Region, other: Region) -> bool:
    return (
        one[0] < other[0] + other[2]
        and other[0] < one[0] + one[2]
        and one[1] < other[1] + other[3]
        and other[1] < one[1] + one[3]
    )
