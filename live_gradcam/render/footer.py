"""The footer: a strip below several panes with the label, the current activity and the statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from live_gradcam.frame import Pixels
from live_gradcam.render.caption import Caption
from live_gradcam.render.indicators import draw_spinner_onto
from live_gradcam.render.label_plate import note_that_fits
from live_gradcam.render.lettering import (
    BOLD,
    CAP,
    GREY,
    REGULAR,
    WHITE,
    fill_onto,
    plain,
    shortened,
    size_that_fits,
    text_width,
    write,
)
from live_gradcam.render.overlay import Overlay
from live_gradcam.render.panes import Footer
from live_gradcam.render.signs import HINT_GAP, clock, draw_bars_onto, draw_dot_onto

_SMALLEST = 9
_MARGIN, _GAP, _DOT, _FIGURES = 0.5, 0.8, 0.8, 0.8
"""In units of the font size."""

_LABEL_SHARE = 0.6
"""Share of the width that the label may take if the activity stands beside it."""

_LONGEST_CLOCK = "0:00:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Content of a footer."""

    caption: Caption | None = None
    """The label; None if it is drawn elsewhere or there is none yet."""

    line: str = ""
    """The current activity, such as what is being compiled."""

    turning: float | None = None
    """The frame's time in seconds, to draw a spinner before the line; None for no spinner."""

    frozen: bool = False
    """Whether the picture is frozen."""

    figures: tuple[str, ...] = ()
    r"""Statistics such as `shown\t30.0 fps`."""


def said_in_foot(caption: Caption | None, overlay: Overlay, time: float, figures: tuple[str, ...]) -> Said:
    """Return a footer's content from a label, an overlay, a frame's time and statistics."""
    return Said(
        caption=caption,
        line=" · ".join(filter(None, (overlay.busy, overlay.notice, overlay.chosen))),
        turning=time if overlay.busy else None,
        frozen=overlay.frozen,
        figures=figures,
    )


def draw_foot_onto(picture: Pixels, foot: Footer, said: Said) -> None:
    """Draw the footer of a canvas, in place.

    Args:
        picture: (H, W, 3) uint8 BGR: the canvas. The footer's region is painted over.
        foot: its region and font size.
        said: its content.
    """
    x, y, width, height = foot.region
    strip = picture[y : y + height, x : x + width]
    fill_onto(strip)
    size, margin = foot.size, round(foot.size * _MARGIN)
    right = width - margin - _signs_width(size)
    goes_on = bool(said.line)
    begin = margin
    if said.caption is not None and not (goes_on and foot.rows == 1 and right < 2 * _signs_width(size)):
        room = (right if foot.rows == 1 else width - margin) - margin
        if goes_on and foot.rows == 1:
            room = round(room * _LABEL_SHARE)
        used = _draw_caption_onto(strip[: foot.row], said.caption, size, room, margin)
        begin = margin if foot.rows > 1 else used + round(size * _GAP)
    row = _row(strip, foot, foot.rows - 1)
    if goes_on:
        _draw_line_onto(row, said, size, begin, right)
    if said.frozen:
        dot = round(size * _DOT)
        draw_bars_onto(row, width - margin - dot, (foot.row - dot) // 2, dot)
    _draw_figures_onto(strip, foot, said.figures[: foot.figures], margin)


def draw_foot_signs_onto(
    picture: Pixels, foot: Footer, said: Said, *, seconds: float | None, hint: str
) -> None:
    """Draw into a footer what only the window shows, in place; the footer keeps room for it.

    Args:
        picture: (H, W, 3) uint8 BGR: the canvas with its footer.
        foot: its region and font size.
        said: its content.
        seconds: time since the recording began; None if nothing is recorded.
        hint: a hint, drawn only if there is room.
    """
    x, y, width, height = foot.region
    row = _row(picture[y : y + height, x : x + width], foot, foot.rows - 1)
    size, margin, dot = foot.size, round(foot.size * _MARGIN), round(foot.size * _DOT)
    base = (foot.row + round(size * CAP)) // 2
    right = width - margin - (dot + round(size * _GAP) if said.frozen else 0)
    if seconds is not None:
        text = clock(seconds)
        left = right - text_width(text, size, REGULAR)
        write(row, text, (left, base), size)
        left -= dot + round(size * 0.4)
        draw_dot_onto(row, left, (foot.row - dot) // 2, dot)
        right = left - round(size * _GAP)
    if not hint or said.line or (said.caption is not None and foot.rows == 1):
        return
    for text in (hint, hint.split(HINT_GAP)[0]):
        left = right - text_width(text, size, REGULAR)
        if left >= margin:
            write(row, text, (left, base), size, colour=GREY)
            return


def _signs_width(size: int) -> int:
    """Return the width that is kept free for the frozen and the recording sign."""
    return text_width(_LONGEST_CLOCK, size, REGULAR) + round(size * (2 * _DOT + 3 * _GAP))


def _row(strip: Pixels, foot: Footer, number: int) -> Pixels:
    return strip[number * foot.row : (number + 1) * foot.row]


def _draw_caption_onto(row: Pixels, caption: Caption, full: int, room: int, left: int) -> int:
    """Draw the label, its number and, if there is room, its note.

    Returns:
        The x coordinate where it ends.
    """
    weight, colour = (BOLD, WHITE) if caption.sure else (REGULAR, GREY)
    tail = f" {caption.percent}" if caption.percent else ""
    size = size_that_fits(f"{caption.label}{tail}", full, _SMALLEST, weight, room)
    base = (row.shape[0] + round(size * CAP)) // 2
    label = shortened(caption.label, size, weight, max(0, room - text_width(tail, size, REGULAR)))
    write(row, label, (left, base), size, weight=weight, colour=colour)
    x = left + text_width(label, size, weight)
    write(row, tail, (x, base), size)
    x += text_width(tail, size, REGULAR)
    small, gap = max(_SMALLEST, round(size * 0.8)), round(size * _GAP)
    rest = room - (x - left) - gap
    if caption.note and rest > 4 * small:
        note = note_that_fits(caption, small, rest)
        write(row, note, (x + gap, base), small, colour=caption.note_colour)
        x += gap + text_width(note, small, REGULAR)
    return x


def _draw_line_onto(row: Pixels, said: Said, size: int, begin: int, end: int) -> None:
    """Draw the activity line at the right of a row."""
    indent = 0 if said.turning is None else round(size * 1.3)
    room = end - begin - indent
    if room < 4 * size:
        return
    line = plain(said.line)
    small = size_that_fits(line, size, _SMALLEST, REGULAR, room)
    text = shortened(line, small, REGULAR, room)
    alone = begin < size  # nothing else is in the row, so the line begins at the left
    left = begin + indent if alone else end - text_width(text, small, REGULAR)
    middle = row.shape[0] // 2
    write(row, text, (left, middle + round(small * CAP) // 2), small, colour=GREY)
    if said.turning is not None:
        draw_spinner_onto(row, (left - indent + round(size * 0.5), middle), size, said.turning)


def _draw_figures_onto(strip: Pixels, foot: Footer, figures: Sequence[str], margin: int) -> None:
    """Draw statistics in columns, in the rows below."""
    if not figures:
        return
    wide = (strip.shape[1] - 2 * margin) // foot.columns
    for number, figure in enumerate(figures):
        name, _, value = figure.partition("\t")
        row = _row(strip, foot, foot.rows + number // foot.columns)
        left = margin + number % foot.columns * wide
        full = max(_SMALLEST, round(foot.size * _FIGURES))
        size = size_that_fits(f"{name}  {value}", full, _SMALLEST, REGULAR, wide - margin)
        base = (foot.row + round(size * CAP)) // 2
        write(row, name, (left, base), size, colour=GREY)
        write(row, value, (left + text_width(f"{name}  ", size, REGULAR), base), size)
