"""The side panel, which is drawn beside the panes of a picture: channels, or the legend of the concepts."""

from __future__ import annotations

import cv2

from live_gradcam.explanation import NOT_SURE
from live_gradcam.frame import Pixels
from live_gradcam.number_format import UNSURE, percent_text
from live_gradcam.prediction import Prediction
from live_gradcam.question import Answer, ConceptMaps
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.channels import ChannelBoard, draw_channels_onto
from live_gradcam.render.concepts import COLOURS
from live_gradcam.render.heat import colormap_code
from live_gradcam.render.lettering import (
    BOLD,
    CAP,
    GREY,
    REGULAR,
    fill_onto,
    fitted,
    plain,
    shortened,
    write,
)
from live_gradcam.translations import Words

_FINDING = "finding concepts …"
_SCANNED = "no concepts in a scan"

_SWATCH, _GAP = 0.9, 0.5
"""Width of a swatch and of the gaps, in units of the font size."""

_LARGEST_IN_ROW, _LARGEST_IN_WIDTH, _SMALLEST = 0.26, 1 / 7, 10
"""Font size of the names: its largest share of a row's height and of a column's width; and the least, in pixels."""

_MARGIN = 0.02
"""Height of the margin above the entries, as a share of the legend's shorter side."""

_SMALL = 0.66
"""Size of the line below a name, in units of the name's."""

_TWO_COLUMNS = 1.2
"""Width of a legend from which it has two columns, in units of its height."""


class SidePanel:
    """Draws the strongest channels, the legend of the concepts, or an empty background.

    Args:
        words: translates texts.
    """

    def __init__(self, words: Words) -> None:
        self._words = words
        self._board = ChannelBoard()
        self._concepts: ConceptMaps | None = None
        self._missing = ""

    def update(self, answer: Answer, concepts: ConceptMaps | None, time: float) -> None:
        """Take the newest answer, whether the panel is shown or not.

        Args:
            answer: the answer.
            concepts: the concepts on the picture; None: there are none.
            time: of the frame, in seconds.
        """
        self._board.update(answer.channels, time)
        self._concepts = concepts
        self._missing = _SCANNED if answer.first.things is not None else _FINDING

    def draw_onto(self, panel: Pixels, look: Appearance, answer: Answer | None) -> None:
        """Draw the panel of a view, in place.

        Args:
            panel: (H, W, 3) uint8 BGR; it is painted over.
            look: has the view and the colour map.
            answer: the answer whose heat is shown; None before the first.
        """
        if look.view == "concepts":
            draw_legend_onto(panel, self._concepts, self._words, self._missing)
        elif look.view == "channels" and answer is not None:
            draw_channels_onto(panel, self._board.shown, colormap_code(look.colormap), answer.first.layer)
        else:
            fill_onto(panel)


def draw_legend_onto(panel: Pixels, concepts: ConceptMaps | None, words: Words, missing: str = "") -> None:
    """Draw the legend of concepts, in place: each colour, and what the network makes of that concept alone.

    Args:
        panel: (H, W, 3) uint8 BGR; it is painted over.
        concepts: the concepts; None: there are none.
        words: translates texts.
        missing: the text where there are none.
    """
    fill_onto(panel)
    height, width = panel.shape[:2]
    if concepts is None:
        size = max(_SMALLEST, round(width * _LARGEST_IN_WIDTH / 2))
        text = shortened(words(missing), size, REGULAR, width - size)
        write(panel, text, (size // 2, height // 2), size, colour=GREY)
        return
    count = min(len(concepts.predictions), len(COLOURS))
    columns = 2 if width > _TWO_COLUMNS * height else 1
    rows = -(-count // columns)
    margin = round(_MARGIN * min(width, height))
    panel = panel[margin:]
    wide, high = width // columns, (height - margin) // rows
    size = round(min(_LARGEST_IN_ROW * high, _LARGEST_IN_WIDTH * wide))
    for number, prediction in enumerate(concepts.predictions[:count]):
        x, y = number // rows * wide, number % rows * high
        _draw_entry_onto(panel[y : y + high, x : x + wide], number, prediction, size, words)


def _draw_entry_onto(
    cell: Pixels, number: int, prediction: Prediction | None, size: int, words: Words
) -> None:
    """Draw one entry of the legend over a cell, in place: the swatch, and if there is room its texts."""
    height, width = cell.shape[:2]
    gap, swatch = round(_GAP * size), max(1, round(_SWATCH * size))
    colour_name, colour = COLOURS[number]
    cv2.rectangle(cell, (gap, 0, swatch, height - gap), colour, cv2.FILLED)
    if size < _SMALLEST:
        return
    left = 2 * gap + swatch
    room = width - left - gap
    name, figure = entry_of(number, prediction, words)
    least = max(_SMALLEST, round(0.6 * size))
    font, lines = fitted(name, size, least, BOLD, room, 2)
    small = max(_SMALLEST, round(_SMALL * size))
    below = " · ".join(filter(None, (words(colour_name), figure)))
    small, notes = fitted(below, small, max(_SMALLEST, round(0.7 * small)), REGULAR, room, 2)
    line, note_line = round(1.15 * font), round(1.2 * small)
    top = max(0, (height - gap - len(lines) * line - round(0.3 * small) - len(notes) * note_line) // 2)
    sure = prediction is None or (prediction.probability or 0.0) >= UNSURE
    for place, text in enumerate(lines):
        at = left, top + place * line + round(font * (CAP + 0.14))
        write(cell, text, at, font, weight=BOLD, **({} if sure else {"colour": GREY}))
    top += len(lines) * line + round(small * (CAP + 0.3))
    for place, text in enumerate(notes):
        write(cell, text, (left, top + place * note_line), small, colour=GREY)


def entry_of(number: int, prediction: Prediction | None, words: Words) -> tuple[str, str]:
    """Return the name of a concept and what stands below it.

    The name is the network's most probable class for the concept alone, `not sure` if its probability is too low to
    name it, or the concept's number if it is not known.
    """
    if prediction is None:
        return words(f"concept {number + 1}"), ""
    label, probability = plain(prediction.label), prediction.probability or 0.0
    if probability < UNSURE:
        return words(NOT_SURE), f"{label} {percent_text(probability)}"
    return label, percent_text(probability)
