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
class FooterContent:
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


def footer_content(
    caption: Caption | None, overlay: Overlay, time: float, figures: tuple[str, ...]
) -> FooterContent:
    """Return a footer's content from a label, an overlay, a frame's time and statistics."""
    return FooterContent(
        caption=caption,
        line=" · ".join(filter(None, (overlay.busy, overlay.notice, overlay.chosen))),
        turning=time if overlay.busy else None,
        frozen=overlay.frozen,
        figures=figures,
    )


def draw_footer_onto(picture: Pixels, footer: Footer, content: FooterContent) -> None:
    """Draw the footer of a canvas, in place.

    Args:
        picture: (H, W, 3) uint8 BGR: the canvas. The footer's region is painted over.
        footer: its region and font size.
        content: its content.
    """
    x, y, width, height = footer.region
    strip = picture[y : y + height, x : x + width]
    fill_onto(strip)
    size, margin = footer.size, round(footer.size * _MARGIN)
    right = width - margin - _signs_width(size)
    goes_on = bool(content.line)
    begin = margin
    if content.caption is not None and not (goes_on and footer.rows == 1 and right < 2 * _signs_width(size)):
        room = (right if footer.rows == 1 else width - margin) - margin
        if goes_on and footer.rows == 1:
            room = round(room * _LABEL_SHARE)
        used = _draw_caption_onto(strip[: footer.row], content.caption, size, room, margin)
        begin = margin if footer.rows > 1 else used + round(size * _GAP)
    row = _row(strip, footer, footer.rows - 1)
    if goes_on:
        _draw_line_onto(row, content, size, begin, right)
    if content.frozen:
        dot = round(size * _DOT)
        draw_bars_onto(row, width - margin - dot, (footer.row - dot) // 2, dot)
    _draw_figures_onto(strip, footer, content.figures[: footer.figures], margin)


def draw_footer_signs_onto(
    picture: Pixels, footer: Footer, content: FooterContent, *, seconds: float | None, hint: str
) -> None:
    """Draw into a footer what only the window shows, in place; the footer keeps room for it.

    Args:
        picture: (H, W, 3) uint8 BGR: the canvas with its footer.
        footer: its region and font size.
        content: its content.
        seconds: time since the recording began; None if nothing is recorded.
        hint: a hint, drawn only if there is room.
    """
    x, y, width, height = footer.region
    row = _row(picture[y : y + height, x : x + width], footer, footer.rows - 1)
    size, margin, dot = footer.size, round(footer.size * _MARGIN), round(footer.size * _DOT)
    base = (footer.row + round(size * CAP)) // 2
    right = width - margin - (dot + round(size * _GAP) if content.frozen else 0)
    if seconds is not None:
        text = clock(seconds)
        left = right - text_width(text, size, REGULAR)
        write(row, text, (left, base), size)
        left -= dot + round(size * 0.4)
        draw_dot_onto(row, left, (footer.row - dot) // 2, dot)
        right = left - round(size * _GAP)
    if not hint or content.line or (content.caption is not None and footer.rows == 1):
        return
    for text in (hint, hint.split(HINT_GAP)[0]):
        left = right - text_width(text, size, REGULAR)
        if left >= margin:
            write(row, text, (left, base), size, colour=GREY)
            return


def _signs_width(size: int) -> int:
    """Return the width that is kept free for the frozen and the recording sign."""
    return text_width(_LONGEST_CLOCK, size, REGULAR) + round(size * (2 * _DOT + 3 * _GAP))


def _row(strip: Pixels, footer: Footer, number: int) -> Pixels:
    return strip[number * footer.row : (number + 1) * footer.row]


def _draw_caption_onto(row: Pixels, caption: Caption, full: int, room: int, left: int) -> int:
    """Draw the label, its number and, if there is room, its note.

    Returns:
        The x coordinate where it ends.
    """
    weight, colour = (BOLD, WHITE) if caption.sure else (REGULAR, GREY)
    colour = caption.colour or colour
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


def _draw_line_onto(row: Pixels, content: FooterContent, size: int, begin: int, end: int) -> None:
    """Draw the activity line at the right of a row."""
    indent = 0 if content.turning is None else round(size * 1.3)
    room = end - begin - indent
    if room < 4 * size:
        return
    line = plain(content.line)
    small = size_that_fits(line, size, _SMALLEST, REGULAR, room)
    text = shortened(line, small, REGULAR, room)
    alone = begin < size  # nothing else is in the row, so the line begins at the left
    left = begin + indent if alone else end - text_width(text, small, REGULAR)
    middle = row.shape[0] // 2
    write(row, text, (left, middle + round(small * CAP) // 2), small, colour=GREY)
    if content.turning is not None:
        draw_spinner_onto(row, (left - indent + round(size * 0.5), middle), size, content.turning)


def _draw_figures_onto(strip: Pixels, footer: Footer, figures: Sequence[str], margin: int) -> None:
    """Draw statistics in columns, in the rows below."""
    if not figures:
        return
    wide = (strip.shape[1] - 2 * margin) // footer.columns
    for number, figure in enumerate(figures):
        name, _, value = figure.partition("\t")
        row = _row(strip, footer, footer.rows + number // footer.columns)
        left = margin + number % footer.columns * wide
        full = max(_SMALLEST, round(footer.size * _FIGURES))
        size = size_that_fits(f"{name}  {value}", full, _SMALLEST, REGULAR, wide - margin)
        base = (footer.row + round(size * CAP)) // 2
        write(row, name, (left, base), size, colour=GREY)
        write(row, value, (left + text_width(f"{name}  ", size, REGULAR), base), size)
