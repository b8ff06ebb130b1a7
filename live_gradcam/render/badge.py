"""The badge: what the hottest part alone keeps of the probability and what its loss costs, beside the label plate."""

from __future__ import annotations

from itertools import pairwise

import cv2

from live_gradcam.explanation import Explanation, Region
from live_gradcam.faithfulness import Faithfulness, FrameTest
from live_gradcam.frame import Pixels
from live_gradcam.number_format import percent_text
from live_gradcam.prediction import Prediction, Value
from live_gradcam.render.lettering import (
    AMBER,
    CAP,
    GREY,
    REGULAR,
    WHITE,
    Colour,
    shade_onto,
    size_that_fits,
    text_width,
    wrapped,
    write,
)
from live_gradcam.translations import Words

UNACCOUNTED = "this heat does not account for the answer"

_HOLD_SECONDS = 12.0
"""How long a result is shown at least, if none follows; longer where a test takes longer."""

_CALM_SECONDS = 1.0
"""How long a result of a class stays before the next one of the same class replaces it."""

GREEN: Colour = (96, 208, 96)

# All lengths are in units of the font size, which is a share of the canvas's shorter side.
_SHORTER_SIDE, _SMALLEST, _LEAST = 1 / 24, 11, 180
_PADDING, _LINE, _MARK, _GAP, _RADIUS = 0.55, 1.35, 0.8, 0.45, 0.5

_SHRINKS, _LINES = 0.75, 3
"""By how much the letters may shrink to fit beside the plate, and the most lines of the words below the figures."""


class Badge:
    """Keeps the newest masking test, and tells while it belongs on the picture.

    Args:
        at_once: whether each picture is independent, so that a new result is shown at once.
    """

    def __init__(self, *, at_once: bool = False) -> None:
        self._calm = 0.0 if at_once else _CALM_SECONDS
        self._shown: Faithfulness | None = None
        self._since = 0.0
        self._until = 0.0
        self._next: tuple[Faithfulness, float] | None = None

    def add(self, test: FrameTest, now: float) -> None:
        """Take a result.

        Args:
            test: the result.
            now: time of the newest frame, in seconds.
        """
        until = now + max(_HOLD_SECONDS, 2 * (now - test.time))
        self._next = test.faithfulness, until

    def forget(self) -> None:
        """Drop the result: the question or the scene is another."""
        self._shown = self._next = None

    def shown(self, explanation: Explanation, named: Prediction | None, time: float) -> Faithfulness | None:
        """Advance to a frame, and return the result that belongs to its explanation; None if there is none.

        Args:
            explanation: the newest one.
            named: the class that the label plate names; None if it names none.
            time: of the frame, in seconds.
        """
        if self._shown is not None and not (
            self._since <= time < self._until and _is_about(self._shown, explanation)
        ):
            self._shown = None
        is_first = (
            self._shown is None or self._shown.margin is None
        )  # without controls there is no verdict yet
        if self._next is not None and (is_first or time - self._since >= self._calm):
            found, until = self._next
            self._next = None
            if time < until and _is_about(found, explanation):
                self._shown, self._since, self._until = found, time, until
        if self._shown is None or named is None or named.class_id != self._shown.class_id:
            return None
        return self._shown


def _is_about(found: Faithfulness, explanation: Explanation) -> bool:
    """Return whether a result is about the class, the method and the layer of an explanation."""
    target = explanation.target
    class_id = -1 if isinstance(target, Value) else target.class_id
    tested = found.class_id, found.method, found.layer
    return tested == (class_id, explanation.method, explanation.layer)


def figures_of(found: Faithfulness, words: Words, *, room: int) -> str:
    """Return the probabilities as the badge writes them: `whole 98% · alone 83% · without 12%`.

    All are of the tested moment: the plate's own probability is that of a later one, and cannot be compared with them.
    Where even the smallest letters leave no room for three, the first is left out.
    """
    changed = f"alone {percent_text(found.heat.alone)} · without {percent_text(found.heat.without)}"
    whole = words(f"whole {percent_text(found.probability)} · {changed}")
    return whole if text_width(whole, _SMALLEST, REGULAR) <= room else words(changed)


def draw_badge_onto(
    picture: Pixels,
    found: Faithfulness,
    plate: Region,
    words: Words,
    *,
    side: int,
    avoid: Region | None = None,
) -> Region | None:
    """Draw the badge beside the label plate, or above it if there is no room, in place.

    Args:
        picture: (H, W, 3) uint8 BGR.
        found: the result.
        plate: (x, y, width, height) of the label plate.
        words: translates texts.
        side: length in pixels that the letters are sized by.
        avoid: (x, y, width, height) of the scale bar, which must not be covered; None: there is none.

    Returns:
        (x, y, width, height) of its plate; None if there is no room.
    """
    width = picture.shape[1]
    if side < _LEAST:
        return None
    full = max(_SMALLEST, round(side * _SHORTER_SIDE))
    padding, gap, indent = round(full * _PADDING), round(full * _GAP), round(full * (_MARK + 0.4))
    margin = min(plate[0], width - plate[0] - plate[2])
    is_right = plate[0] > width - plate[0] - plate[2]  # the label plate is in the right corner
    end = width - margin if avoid is None else avoid[0] - gap
    room = plate[0] - gap - margin if is_right else end - plate[0] - plate[2] - gap
    inner = room - 2 * padding - indent
    figures = figures_of(found, words, room=end - margin - 2 * padding - indent)
    least = max(_SMALLEST, round(full * _SHRINKS))
    is_beside = inner > 0 and text_width(figures, least, REGULAR) <= inner
    if not is_beside:
        inner = end - margin - 2 * padding - indent
    size = size_that_fits(figures, full, _SMALLEST, REGULAR, inner)
    lines = (
        [figures]
        if found.holds or found.holds is None
        else [figures, *wrapped(words(UNACCOUNTED), size, REGULAR, inner, _LINES)]
    )
    wide = max(text_width(line, size, REGULAR) for line in lines)
    if wide > inner:
        return None
    # In steps, because a plate that follows each digit would tremble.
    wide = min(inner, -(-wide // size) * size) + 2 * padding + indent
    step = round(size * _LINE)
    tall = round(size * CAP) + (len(lines) - 1) * step + 2 * padding
    if is_beside:
        left = plate[0] - gap - wide if is_right else plate[0] + plate[2] + gap
        top = plate[1] + plate[3] - tall
    else:
        left = max(margin, plate[0] + plate[2] - wide) if is_right else plate[0]
        top = plate[1] - gap - tall
    if top < 0 or left + wide > width:
        return None
    shade_onto(picture, left, top, wide, tall, round(size * _RADIUS))
    base = top + padding + round(size * CAP)
    mark = round(size * _MARK)
    _draw_mark_onto(picture, left + padding, base - round(size * CAP / 2), mark, found)
    for number, line in enumerate(lines):
        colour = WHITE if number == 0 else AMBER
        write(picture, line, (left + padding + indent, base + number * step), size, colour=colour)
    return left, top, wide, tall


def _draw_mark_onto(picture: Pixels, x: int, middle: int, side: int, found: Faithfulness) -> None:
    """Draw a green tick, an amber ring, or a grey one if there is no verdict yet, `side` pixels wide."""
    thick = max(2, round(side * 0.18))
    if not found.holds:
        centre, colour = (x + side // 2, middle), GREY if found.holds is None else AMBER
        cv2.circle(picture, centre, round(side * 0.38), colour, thick, cv2.LINE_AA)
        return
    at = [(x, middle), (x + round(side * 0.36), middle + round(side * 0.36)), (x + side, middle - side // 2)]
    for begin, end in pairwise(at):
        cv2.line(picture, begin, end, GREEN, thick, cv2.LINE_AA)
