"""The label plate: what the network says, set so that the back of the room can read it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from live_gradcam.explanation import Contrast, Explanation, Prediction, Region, Target, Value
from live_gradcam.frame import Pixels

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
GREY: Colour = (205, 205, 205)
AMBER: Colour = (90, 200, 255)
_OPACITY = 0.72

FACE = cv2.FontFace("sans")
_BOLD, REGULAR = 600, 400
_ELLIPSIS = "…"

# All lengths below are in units of the headline's font size, which is itself a part of the frame's shorter side.
_SHORTER_SIDE = 1 / 14
_SMALLEST, _SMALLEST_NOTE = 12, 10
_MARGIN, _PADDING = 0.45, 0.42
_NOTE, _LINE, _CAP = 0.56, 0.86, 0.72
_RADIUS = 0.32


@dataclass(frozen=True, slots=True)
class Caption:
    """What a plate says: a headline, and a smaller line below it."""

    label: str
    """The class's name; it is shortened where the picture is too narrow."""

    percent: str
    """Its probability: `62%`; never shortened."""

    note: str = ""
    """The line below; empty: none."""

    note_colour: Colour = GREY
    """BGR."""

    note_matters: bool = False
    """Whether the note is shown on the smallest pictures too."""


def percent(probability: float) -> str:
    """Return a probability as it is read out: `62%`; what rounds to nothing is `<1%`."""
    rounded = f"{probability:.0%}"
    return "<1%" if rounded == "0%" else rounded


def caption_of(explanation: Explanation) -> Caption:
    """Word the plate of an explanation.

    The most probable class is the headline. Below it stand the next two, or what the heat is for where that is
    not the most probable class, or that there is no evidence to show.
    """
    target = explanation.target
    first = explanation.top[0] if explanation.top else None
    if first is None:
        number = f"{target.value:.2f}" if isinstance(target, Value) else percent(target.probability)
        note = "" if explanation.has_evidence else "no evidence"
        return Caption(_plain(target.label), number, note, note_matters=True)
    label, number = _plain(first.label), percent(first.probability)
    other = not isinstance(target, Prediction) or target.class_id != first.class_id
    if not explanation.has_evidence:
        note = f"no evidence for {_named(target)}" if other else "no evidence"
        return Caption(label, number, note, GREY, note_matters=True)
    if other:
        return Caption(label, number, f"heat for {_named(target)}", AMBER, note_matters=True)
    runners_up = "   ".join(_named(prediction) for prediction in explanation.top[1:3])
    return Caption(label, number, runners_up)


def draw_plate_onto(picture: Pixels, caption: Caption) -> Region | None:
    """Draw the plate into the bottom left of a picture, in place; it never reaches beyond the picture.

    Where a picture is too small for a legible plate there is none.

    Args:
        picture: (H, W, 3) uint8 BGR, C-contiguous.
        caption: what to say.

    Returns:
        (x, y, width, height) of the plate; None where there is none.
    """
    height, width = picture.shape[:2]
    full = max(_SMALLEST, round(min(width, height) * _SHORTER_SIDE))
    margin, padding = round(full * _MARGIN), round(full * _PADDING)
    room = width - 2 * (margin + padding)
    if room < 4 * full or height < 5 * full:
        return None

    size = _size_that_fits(f"{caption.label} {caption.percent}", full, _SMALLEST, _BOLD, room)
    tail = f" {caption.percent}"
    label = shortened(caption.label, size, _BOLD, room - text_width(tail, size, REGULAR))
    label_width = text_width(label, size, _BOLD)
    wide = label_width + text_width(tail, size, REGULAR)

    note_size = max(_SMALLEST_NOTE, round(full * _NOTE))
    note = caption.note if caption.note_matters or round(full * _NOTE) >= _SMALLEST_NOTE else ""
    if note:
        note = shortened(note, note_size, REGULAR, room)
        wide = max(wide, text_width(note, note_size, REGULAR))
    # A width that changed with each digit would make the plate tremble: it grows in steps.
    wide = min(room, -(-wide // full) * full)
    tall = round(size * _CAP) + (round(note_size * _LINE + full * 0.34) if note else 0)

    left, bottom = margin, height - margin
    top = bottom - tall - 2 * padding
    shade_onto(picture, left, top, wide + 2 * padding, bottom - top, round(full * _RADIUS))
    base = top + padding + round(size * _CAP)
    cv2.putText(picture, label, (left + padding, base), WHITE, FACE, size, _BOLD)
    cv2.putText(picture, tail, (left + padding + label_width, base), WHITE, FACE, size, REGULAR)
    if note:
        cv2.putText(
            picture, note, (left + padding, bottom - padding), caption.note_colour, FACE, note_size, REGULAR
        )
    return left, top, wide + 2 * padding, bottom - top


def _plain(label: str) -> str:
    """Return a label on one line: a user's labels file may hold tabs or line breaks."""
    return " ".join(label.split())


def _named(target: Target) -> str:
    if isinstance(target, Prediction):
        return f"{_plain(target.label)} {percent(target.probability)}"
    return (
        _plain(target.label) if isinstance(target, Contrast) else f"{_plain(target.label)} {target.value:.2f}"
    )


def text_width(text: str, size: int, weight: int) -> int:
    """Return how far the pen moves for a text, in pixels; spaces at its ends count."""
    x, _, width, _ = cv2.getTextSize((0, 0), f"{text}|", (0, 0), FACE, size, weight)
    bar_x, _, bar_width, _ = cv2.getTextSize((0, 0), "|", (0, 0), FACE, size, weight)
    return int(x + width - bar_x - bar_width)


def _size_that_fits(text: str, size: int, smallest: int, weight: int, room: int) -> int:
    """Return the font size at which a text fits: `size`, or as little smaller as needs be, down to 60% of it."""
    needed = text_width(text, size, weight)
    if needed <= room:
        return size
    return max(smallest, round(size * 0.6), size * room // needed)


def shortened(text: str, size: int, weight: int, room: int) -> str:
    """Return the text, cut and ended by an ellipsis where it is wider than the room."""
    if text_width(text, size, weight) <= room:
        return text

    def cut(length: int) -> str:
        return text[:length].rstrip() + _ELLIPSIS

    longest = bisect_right(
        range(1, len(text)), room, key=lambda length: text_width(cut(length), size, weight)
    )
    return cut(longest)


def shade_onto(picture: Pixels, left: int, top: int, width: int, height: int, radius: int) -> None:
    """Darken a rectangle with round corners, in place; it lies within the picture."""
    under = picture[top : top + height, left : left + width]
    cv2.multiply(under, _light_kept(width, height, radius), dst=under, scale=1 / 255)


@lru_cache(maxsize=8)
def _light_kept(width: int, height: int, radius: int) -> Pixels:
    """Return how much light a plate lets through, (height, width, 3) uint8; its corners are smooth."""
    fine = 4
    corner = np.zeros((radius * fine, radius * fine), np.uint8)
    cv2.circle(corner, (radius * fine - 1, radius * fine - 1), radius * fine, 255, cv2.FILLED)
    corner = np.asarray(cv2.resize(corner, (radius, radius), interpolation=cv2.INTER_AREA), np.uint8)
    cover = np.full((height, width), 255, np.uint8)
    cover[:radius, :radius] = corner
    cover[:radius, -radius:] = corner[:, ::-1]
    cover[-radius:, :radius] = corner[::-1]
    cover[-radius:, -radius:] = corner[::-1, ::-1]
    kept = np.rint(255 - _OPACITY * cover.astype(np.float32)).astype(np.uint8)
    return np.repeat(kept[:, :, None], 3, axis=2)
