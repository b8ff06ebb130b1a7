"""The row: what is on one annotated frame, for people and programs that read tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from live_gradcam.explanation import Explanation, Region
from live_gradcam.frame import Frame
from live_gradcam.render.heat import over_region

_SIDE = 128
"""Points along the longer side of the region at which the heat is looked at; finer than any layer."""

_HOT = 0.5
"""Share of full heat from which on a place counts."""


def row_of(name: str, frame: Frame, explanation: Explanation) -> dict[str, Any]:
    """Return the row of one frame.

    Args:
        name: the file's.
        frame: which frame of the file it is, and when.
        explanation: what the network said of it.

    Returns:
        `file`; `frame` (counted from 0, in the input); `seconds` into the file; `top` (five pairs of label and
        probability); `target`; `method`; `has_evidence`; `heat_centre` (x, y) and `heat_box` (x, y, width, height)
        of the heat that is at least half of its maximum, in pixels of the frame, None where there is no heat.
    """
    place = heat_place(explanation)
    return {
        "file": name,
        "frame": frame.index,
        "seconds": round(frame.time, 6),
        "top": [[each.label, round(each.probability, 4)] for each in explanation.top],
        "target": explanation.target.label,
        "method": explanation.method,
        "has_evidence": explanation.has_evidence,
        "heat_centre": None if place is None else place[0],
        "heat_box": None if place is None else place[1],
    }


def heat_place(explanation: Explanation) -> tuple[tuple[float, float], Region] | None:
    """Return where the heat is that is at least half of its maximum.

    Returns:
        (x, y) of the centre of its mass and the smallest (x, y, width, height) around it, in pixels of the frame;
        None where there is no heat.
    """
    x, y, width, height = explanation.region
    scale = min(1.0, _SIDE / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    heat = over_region(explanation.heatmap, size, explanation.inset)
    heat = np.where(heat >= _HOT * heat.max(), heat, np.float32(0))
    columns, rows = heat.sum(axis=0), heat.sum(axis=1)
    mass = float(columns.sum())
    if not explanation.has_evidence or mass <= 0:
        return None
    across, down = width / size[0], height / size[1]
    left, right = _ends(columns, across)
    top, bottom = _ends(rows, down)
    centre = (
        round(x + across * _mean_place(columns, mass), 1),
        round(y + down * _mean_place(rows, mass), 1),
    )
    return centre, (x + left, y + top, right - left, bottom - top)


def _ends(mass: np.ndarray, pixels: float) -> tuple[int, int]:
    """Return where a row of points begins and ends to have mass, each point that many pixels wide."""
    hot = np.flatnonzero(mass)
    begin = int(hot[0] * pixels)
    return begin, max(begin + 1, round((hot[-1] + 1) * pixels))


def _mean_place(mass: np.ndarray, total: float) -> float:
    return float(mass @ (np.arange(len(mass)) + 0.5)) / total
