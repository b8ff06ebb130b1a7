"""The proof: one moment three times, as it is, with only its hottest part, and without that part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from live_gradcam.explanation import NOT_SURE, Explanation, Region
from live_gradcam.faithfulness import Faithfulness
from live_gradcam.frame import Frame, Pixels
from live_gradcam.number_format import percent_text
from live_gradcam.question import Answer, Proof
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.badge import GREEN, UNACCOUNTED
from live_gradcam.render.canvas import part_of
from live_gradcam.render.caption import Caption, confidence_of
from live_gradcam.render.heat import colormap_code
from live_gradcam.render.lettering import (
    AMBER,
    BOLD,
    CAP,
    GREY,
    REGULAR,
    WHITE,
    fill_onto,
    fitted,
    plain,
    size_that_fits,
    text_width,
    write,
)
from live_gradcam.render.panes import Layout, Pane, footer_of, title_height
from live_gradcam.render.signs import draw_title_onto
from live_gradcam.render.styles import paint_onto
from live_gradcam.translations import Words

ACCOUNTED = "this heat accounts for the answer"

_FIGURE = 1 / 5
"""Room for a probability: a share of the canvas's shorter side."""

_BESIDE = 0.36
"""The same where probabilities stand beside the pictures: a share of the width."""

_HIGH = 0.8
"""The most room for a probability below a picture: a share of the width."""

_LINES, _LETTERS, _WIDE, _LINE, _SMALLEST = 3, 0.5, 0.37, 0.38, 9
"""Most lines below a probability; its font size in units of its room's height, and at most of the width; theirs in
units of it; the smallest."""

_OLD_SECONDS, _AGE_STEP = 1.0, 0.5
"""From this age on the picture says how old it is, in steps, because a figure that runs cannot be read."""


@dataclass(frozen=True, slots=True, eq=False)
class ProvedFrame:
    """A frame, its explanation, and the proof of that."""

    frame: Frame
    explanation: Explanation
    proof: Proof

    @property
    def faithfulness(self) -> Faithfulness:
        """The result of the test."""
        return self.proof.faithfulness


class ProofBoard:
    """Keeps the newest frame that was proved, and draws it.

    Args:
        words: translates texts.
    """

    def __init__(self, words: Words) -> None:
        self._words = words
        self.newest: ProvedFrame | None = None
        """The newest proved frame; None if there is none, or if the newest answer cannot be proved."""
        self.reason = ""
        """Why the newest answer cannot be proved; empty if it can."""
        self._drawn: tuple[object, Pixels] | None = None

    def add(self, frame: Frame, answer: Answer) -> None:
        """Take an answer; one to a question that asks for no proof changes nothing."""
        if answer.question.proof is None:
            return
        proof = answer.proof
        self.newest = None if proof is None else ProvedFrame(frame, answer.first, proof)
        self.reason = answer.unproved

    def forget(self) -> None:
        """Drop the proof: the scene is another."""
        self.newest, self.reason = None, ""

    def caption(self) -> Caption:
        """Return the footer's text: whether the heat accounts for the answer, or that there is no sure answer."""
        assert self.newest is not None
        if confidence_of(self.newest.explanation) < 1:
            return Caption(self._words(self.newest.explanation.headline or NOT_SURE), "", sure=False)
        holds = self.newest.faithfulness.holds
        verdict = self._words(ACCOUNTED if holds else UNACCOUNTED)
        return Caption(verdict, "", colour=GREEN if holds else AMBER)

    def draw_onto(self, picture: Pixels, layout: Layout, look: Appearance, time: float) -> None:
        """Draw the three panes with their titles and probabilities, in place.

        The same moment is drawn once, and copied for the frames that are shown until the next.

        Args:
            picture: (H, W, 3) uint8 BGR: the canvas; everything above the footer is painted over.
            layout: as `proof_layout` returns it.
            look: how heat is drawn.
            time: of the shown frame, in seconds.
        """
        newest = self.newest
        assert newest is not None
        age = time - newest.frame.time
        age = int(age / _AGE_STEP) * _AGE_STEP if age >= _OLD_SECONDS else 0.0
        end = picture.shape[0] if layout.footer is None else layout.footer.region[1]
        above = picture[:end]
        key = newest, look, age, layout, above.shape
        if self._drawn is None or self._drawn[0] != key:
            fill_onto(above)
            found, words = newest.faithfulness, self._words
            percent = percent_text(found.share)
            ago = f" · {words(f'{age:.1f} s ago')}" if age else ""
            control = found.elsewhere
            panes = (
                (words("as it is") + ago, found.probability, None),
                (
                    words(f"only the hottest {percent}"),
                    found.heat.alone,
                    None if control is None else control.alone,
                ),
                (
                    words(f"without the hottest {percent}"),
                    found.heat.without,
                    None if control is None else control.without,
                ),
            )
            pictures = _pictures(newest, layout.panes, look)
            for pane, image, (name, probability, other) in zip(layout.panes, pictures, panes, strict=True):
                part_of(above, pane.place)[:] = image
                if pane.title is not None:
                    draw_title_onto(part_of(above, pane.title), name)
                if pane.figure is not None:
                    lines = [plain(found.label)]
                    if other is not None:
                        lines.append(words(f"as much elsewhere: {percent_text(other)}"))
                    _draw_figure_onto(part_of(above, pane.figure), probability, lines)
            self._drawn = key, above.copy()
            return
        above[:] = self._drawn[1]


def proof_layout(
    canvas: tuple[int, int], part: Region, *, figures: int = 0, beside: Region | None = None
) -> Layout:
    """Return the layout of three pictures of a part of the frame: in a row, or below each other if they are larger so.

    Above each picture is its title; its probability stands below it, or beside it if the pictures lie below each other.

    Args:
        canvas: (width, height) of the canvas.
        part: (x, y, width, height) of the frame that the pictures show.
        figures: number of statistics in the footer.
        beside: (x, y, width, height) of the curves, at the right, or on an upright canvas below; None: there are none.
    """
    width, height = canvas
    footer = footer_of(canvas, labelled=True, figures=figures)
    high = height if footer is None else footer.region[1]
    if beside is not None:
        width, high = (beside[0], high) if width >= height else (width, beside[1])
    title, shorter = title_height(canvas), min(canvas)
    ways = _in_a_row((width, high), part, title, shorter), _in_a_column((width, high), part, title, shorter)
    return Layout(max(ways, key=lambda panes: panes[0].place[2]), None, footer, None)


def _in_a_row(room: tuple[int, int], part: Region, title: int, shorter: int) -> tuple[Pane, ...]:
    """Return three panes side by side in the upper left (width, height) of a canvas.

    Args:
        room: the room.
        part: (x, y, width, height) of the frame that the pictures show.
        title: the height of a title; 0: there are neither titles nor figures.
        shorter: the shorter side of the canvas.
    """
    width, high = room
    panes = []
    for number in range(3):
        begin, end = number * width // 3, (number + 1) * width // 3
        least = round(shorter * _FIGURE) if title else 0
        wide, tall = _size_in(part, (end - begin - max(2, width // 200), high - title - least))
        # What upright pictures leave free is given to their figures, as far as these can use it.
        figure = min(max(least, round(width / 3 * _HIGH)), high - title - tall) if title else 0
        left = begin + (end - begin - wide) // 2
        top = title + (high - title - figure - tall) // 2
        place = left, top, wide, tall
        panes.append(
            Pane(
                place,
                place,
                part,
                (left, top - title, wide, title) if title else None,
                (begin, top + tall, end - begin, figure) if figure else None,
            )
        )
    return tuple(panes)


def _in_a_column(room: tuple[int, int], part: Region, title: int, shorter: int) -> tuple[Pane, ...]:
    """Return three panes below each other; the arguments are those of `_in_a_row`."""
    width, high = room
    panes = []
    for number in range(3):
        begin, end = number * high // 3, (number + 1) * high // 3
        least = round(min(width, shorter) * _BESIDE) if title else 0
        wide, tall = _size_in(part, (width - least, end - begin - title))
        figure = min(max(least, tall), width - wide) if title else 0
        left = (width - figure - wide) // 2
        top = begin + title + (end - begin - title - tall) // 2
        place = left, top, wide, tall
        panes.append(
            Pane(
                place,
                place,
                part,
                (left, top - title, width - left, title) if title else None,
                (left + wide, top, figure, tall) if figure else None,
            )
        )
    return tuple(panes)


def _size_in(part: Region, room: tuple[int, int]) -> tuple[int, int]:
    """Return the (width, height) of a part of the frame, as large as it fits a room."""
    scale = min(room[0] / part[2], room[1] / part[3])
    return max(1, round(part[2] * scale)), max(1, round(part[3] * scale))


def _pictures(newest: ProvedFrame, panes: Sequence[Pane], look: Appearance) -> tuple[Pixels, Pixels, Pixels]:
    """Return the three pictures at the size of the panes, all of which have one size up to a pixel."""
    sizes = [(pane.place[2], pane.place[3]) for pane in panes]
    explanation, proof = newest.explanation, newest.proof
    images = [_resized(part_of(newest.frame.pixels, proof.part), size) for size in sizes]
    heated = np.empty_like(images[0])
    paint_onto(
        heated,
        images[0],
        explanation.heatmap,
        panes[0].within(explanation.region),
        style=look.style,
        alpha=look.alpha,
        colormap=colormap_code(look.colormap),
        inset=explanation.inset,
    )
    outlines = cv2.findContours(_mask(proof, sizes[0]), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
    cv2.drawContours(heated, outlines, -1, WHITE, max(1, min(sizes[0]) // 160), cv2.LINE_AA)
    changed = []
    for image, size, is_kept in zip(images[1:], sizes[1:], (True, False), strict=True):
        mask = _mask(proof, size)[..., None] > 0
        changed.append(np.where(mask == is_kept, image, _resized(proof.replacement, size)))
    return heated, changed[0], changed[1]


def _mask(proof: Proof, size: tuple[int, int]) -> Pixels:
    """Return the hottest part at a (width, height), (h, w) uint8: 255 inside, 0 elsewhere."""
    fine = cv2.resize(proof.mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.threshold(fine, 127, 255, cv2.THRESH_BINARY)[1], np.uint8)


def _resized(image: Pixels, size: tuple[int, int]) -> Pixels:
    shrinks = size[0] < image.shape[1]
    return np.asarray(
        cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), np.uint8
    )


def _draw_figure_onto(strip: Pixels, probability: float, lines: Sequence[str]) -> None:
    """Draw a probability, large, and lines below it, as many as fit, into the middle of a strip, in place."""
    height, width = strip.shape[:2]
    text, room = percent_text(probability), round(width * 0.94)
    size = size_that_fits(text, round(min(height * _LETTERS, width * _WIDE)), _SMALLEST, BOLD, room)
    small = max(_SMALLEST, round(size * _LINE))
    step = round(small * 1.35)
    room_for = min(_LINES, max(0, (height - round(size * CAP)) // step))
    # All panes keep room for as many lines, so that their numbers stand at one height.
    base = (height - round(size * CAP) - room_for * step) // 2 + round(size * CAP)
    write(strip, text, ((width - text_width(text, size, BOLD)) // 2, base), size, weight=BOLD)
    said = [fitted(line, small, _SMALLEST, REGULAR, room, max(1, room_for - 1)) for line in lines]
    rows = [(each, row) for each, rows in said for row in rows]
    for number, (each, row) in enumerate(rows[:room_for], 1):
        at = (width - text_width(row, each, REGULAR)) // 2, base + number * step
        write(strip, row, at, each, colour=GREY)
