"""Masks that cannot be used, in words: one line for each kind of fault, which counts them and names two of them.

A photograph with such a mask stays in the audit, as one without a mask does: its thing is unknown. One more line is
about masks that may be inverted, black on the thing: these are used, because no rule tells them for sure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import cv2
import numpy as np

from live_gradcam.audit.findings import MaskFaultKind, PhotoFinding
from live_gradcam.metrics.changed_pictures import Mask

_NAMED = 2
"""Photographs that a line names."""

_NAMED_CLASSES = 4

_AROUND = 0.75
"""Share of the photograph's outermost pixels from which a mask may be inverted."""

_ONE_HOLE = 0.9
"""Share of all pixels beside the thing that lie in the largest hole of a mask that may be inverted."""

_SAID: dict[MaskFaultKind, tuple[str, str, str]] = {
    "size": (
        "mask has another size than its photograph",
        "masks have another size than their photographs",
        "Give masks of the size of the upright photograph.",
    ),
    "unreadable": ("mask cannot be read", "masks cannot be read", "Give PNG files."),
    "whole": (
        "mask covers its whole photograph, which leaves no background",
        "masks cover their whole photographs, which leaves no background",
        "Give masks that are black beside the thing.",
    ),
}
"""Kind of fault → what is wrong with one mask and with several, and what to do."""


def fault_lines(faults: Sequence[tuple[str, tuple[MaskFaultKind, str]]]) -> list[str]:
    """Return one line for each kind of fault: how many masks have it, two of them, and what to do.

    Args:
        faults: the name of each photograph, and its mask's fault as `PhotoFinding.mask_fault` has it.
    """
    lines = []
    for kind, (one, several, remedy) in _SAID.items():
        own = sorted((name, detail) for name, (each, detail) in faults if each == kind)
        if own:
            named = ", ".join(f"{name} ({detail})" for name, detail in own[:_NAMED])
            what = one if len(own) == 1 else several
            such = ", such as " if len(own) > _NAMED else ": "
            lines.append(f"{len(own)} {what}{such}{named}. {remedy}")
    return lines


def may_be_inverted(mask: Mask) -> bool:
    """Return whether a mask covers the edges of its photograph and leaves out one part inside, as an inverted one does.

    It covers the four corners and three quarters of the outermost pixels, and nine tenths of what it leaves out are one
    hole that does not touch the edges. A thing that fills the frame leaves out parts at the edges, not inside.

    Args:
        mask: (H, W) bool: the pixels of the thing.
    """
    edge = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
    if not mask[[0, 0, -1, -1], [0, -1, 0, -1]].all() or edge.mean() < _AROUND or mask.all():
        return False
    height, width = mask.shape
    _, _, parts, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8))
    holes = parts[1:]
    x, y, wide, high, area = (int(each) for each in holes[np.argmax(holes[:, cv2.CC_STAT_AREA])])
    inside = x > 0 and y > 0 and x + wide < width and y + high < height
    return inside and area >= _ONE_HOLE * int(holes[:, cv2.CC_STAT_AREA].sum())


def mask_fault_lines(photos: Sequence[PhotoFinding]) -> list[str]:
    """Return what is wrong with the masks of an audit's photographs, or may be; nothing if all can be used."""
    faults = [(each.name, each.mask_fault) for each in photos if each.mask_fault is not None]
    lines = fault_lines(faults)
    if lines:
        lines[-1] += " Until then, these photographs count as ones whose thing is unknown."
    return [*lines, *_inverted_line([each for each in photos if each.mask_around])]


def _inverted_line(photos: Sequence[PhotoFinding]) -> list[str]:
    """Return a line about photographs whose masks may be inverted, with how many each class has; none without any."""
    if not photos:
        return []
    names = sorted(each.name for each in photos)
    classes = sorted(Counter(each.truth for each in photos).items())
    counts = ", ".join(f"{count} of {name}" for name, count in classes[:_NAMED_CLASSES])
    if len(classes) > _NAMED_CLASSES:
        counts += f" and more of {len(classes) - _NAMED_CLASSES} other classes"
    what, they = (
        ("mask covers the edges of its photograph and leaves out the middle", "is it")
        if len(names) == 1
        else ("masks cover the edges of their photographs and leave out the middle", "are they")
    )
    return [
        f"{len(names)} {what} ({counts}): {they} inverted? Look at "
        f"{' and '.join(names[:_NAMED])}. The thing is what is not black; if it is black, exchange black and white."
    ]


def fault_counts(photos: Sequence[PhotoFinding]) -> dict[str, int]:
    """Return how many masks have which kind of fault, and as `inverted`, how many may be inverted."""
    counts = Counter[str](each.mask_fault[0] for each in photos if each.mask_fault)
    counts.update("inverted" for each in photos if each.mask_around)
    return dict(sorted(counts.items()))
