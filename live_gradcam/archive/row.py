"""The row: what is on one annotated frame, for people and programs that read tables."""

from __future__ import annotations

from typing import Any

from live_gradcam.explanation import Explanation
from live_gradcam.frame import Frame
from live_gradcam.heatmap import heat_place


def row_of(name: str, frame: Frame, explanation: Explanation) -> dict[str, Any]:
    """Return the row of one frame.

    Args:
        name: the file's.
        frame: which frame of the file it is, and when.
        explanation: what the network said of it.

    Returns:
        `file`; `frame` (counted from 0, in the input); `seconds` into the file; `top` (five pairs of label and
        probability) and `values` (triples of name, number and unit, of a network that is no classifier, where `top` is
        empty; a number is None where it is NaN); `target`; `method`; `has_evidence`; `heat_centre` (x, y) and
        `heat_box` (x, y, width, height) of the heat that is at least half of its maximum, in pixels of the frame, None
        where there is no heat.
    """
    place = heat_place(explanation.heatmap, explanation.region, explanation.inset)
    return {
        "file": name,
        "frame": frame.index,
        "seconds": round(frame.time, 6),
        **explanation.said,
        "target": explanation.target.label,
        "method": explanation.method,
        "has_evidence": explanation.has_evidence,
        "heat_centre": None if place is None else [round(place.centre[0], 1), round(place.centre[1], 1)],
        "heat_box": None if place is None else list(place.box),
    }
