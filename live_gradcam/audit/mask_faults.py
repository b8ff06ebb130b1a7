"""Masks that cannot be used, in words: one line for each kind of fault, which counts them and names two of them.

A photograph with such a mask stays in the audit, as one without a mask does: its thing is unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from live_gradcam.audit.findings import MaskFaultKind, PhotoFinding

_NAMED = 2
"""Photographs that a line names."""

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


def mask_fault_lines(photos: Sequence[PhotoFinding]) -> list[str]:
    """Return what is wrong with the masks of an audit's photographs; nothing if all can be used."""
    faults = [(each.name, each.mask_fault) for each in photos if each.mask_fault is not None]
    lines = fault_lines(faults)
    if lines:
        lines[-1] += " Until then, these photographs count as ones whose thing is unknown."
    return lines


def fault_counts(photos: Sequence[PhotoFinding]) -> dict[str, int]:
    """Return how many masks have which kind of fault."""
    return dict(sorted(Counter(each.mask_fault[0] for each in photos if each.mask_fault).items()))
