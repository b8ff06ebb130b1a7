"""The overlay: everything on a picture besides the explanation: notices, signs, the help and the search box."""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.render.canvas import BEFORE, NOW
from live_gradcam.render.help_page import draw_help_onto
from live_gradcam.render.indicators import draw_notice_onto, draw_statistics_onto
from live_gradcam.render.lettering import (
    BOLD,
    CAP,
    GREY,
    REGULAR,
    WHITE,
    Colour,
    fitted,
    plain,
    shade_onto,
    shortened,
    size_that_fits,
    text_width,
    write,
)
from live_gradcam.render.signs import draw_pause_onto, draw_toast_onto

_BOTH = 240
"""Shorter side in pixels from which a toast and the other notices are shown together."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Overlay:
    """The content of an overlay. Places are in pixels of the frame, in every view."""

    chosen: str = ""
    """The choices that differ from the defaults, as a small line at the top left:
    `hirescam · layer block3_conv3 · tabby`; empty for none."""

    notice: str | None = None
    """A line below it: `camera lost, reconnecting`."""

    busy: str | None = None
    """The activity to wait for, beside a spinner: `compiling hirescam …`."""

    toast: str | None = None
    """The latest change, in large letters: `layer block5_conv3  14×14×512`."""

    frozen: bool = False
    """Whether the picture is frozen."""

    search_box: SearchBox | None = None

    rectangle: Region | None = None
    """(x, y, width, height) of the rectangle that is being dragged on the frame."""

    area: Region | None = None
    """(x, y, width, height) of the part of the frame that is explained, to be outlined; None for the whole frame."""

    before: Pixels | None = None
    """(H, W, 3) uint8 BGR: a stored picture to show beside this one; None for none."""

    halves: tuple[str, str] = (BEFORE, NOW)
    """Titles of the two pictures."""

    probe: tuple[int, int] | None = None
    """(x, y) of the point whose heat is displayed."""

    help: tuple[tuple[str, str], ...] = ()
    """Rows of keys and their actions; if not empty, they cover the picture."""

    help_page: int = 0
    """Page of the help, from 0."""

    help_chosen: int | None = None
    """The marked row, as in a menu; None for none."""

    help_footers: tuple[str, str] = ("page {} of {}: h turns it", "page {} of {}: h hides it")
    """The line that turns the page, and that of the last page."""

    statistics: tuple[str, ...] = ()
    r"""Lines such as `shown\t30.0 fps`, drawn if the appearance asks for them."""


def draw_overlay_onto(
    picture: Pixels, overlay: Overlay, time: float, *, statistics: bool, scale: Region | None = None
) -> tuple[Region, ...]:
    """Draw an overlay onto the canvas, in place, except the marks that are drawn into the panes.

    Args:
        picture: (H, W, 3) uint8 BGR.
        overlay: what to draw.
        time: of the frame, in seconds.
        statistics: whether to draw its statistics.
        scale: (x, y, width, height) of the scale bar, which nothing may cover; None if there is none.

    Returns:
        (x, y, width, height) of everything that must not be covered.
    """
    if overlay.help:
        footer, last = overlay.help_footers
        draw_help_onto(
            picture,
            overlay.help,
            overlay.help_page,
            chosen=overlay.help_chosen,
            footer=footer,
            last_footer=last,
        )
        return ((0, 0, picture.shape[1], picture.shape[0]),)
    pause = draw_pause_onto(picture) if overlay.frozen else None
    # The smallest pictures have room for the toast or for the notices, not for both.
    small = min(picture.shape[:2]) < _BOTH and bool(overlay.toast)
    chosen = None if small else draw_notice_onto(picture, overlay.chosen, beside=pause, colour=GREY)
    notice = None if small else draw_notice_onto(picture, overlay.notice or "", above=chosen, beside=pause)
    lowest_notice = notice or chosen
    busy = draw_notice_onto(
        picture,
        overlay.busy or "",
        above=lowest_notice,
        beside=pause if lowest_notice is None else None,
        turning=time,
    )
    if overlay.search_box is not None:
        search = draw_search_box_onto(picture, overlay.search_box)
        return tuple(filter(None, (pause, chosen, notice, busy, search, scale)))
    figures = toast = None
    if statistics and not small:
        plates = tuple(filter(None, (pause, chosen, notice, busy)))
        lowest = None if scale is None else scale[1]
        figures = draw_statistics_onto(picture, overlay.statistics, plates=plates, lowest=lowest)
    if overlay.toast:
        above = figures or busy or lowest_notice
        toast = draw_toast_onto(picture, overlay.toast, below=above, avoid=scale)
    return tuple(filter(None, (pause, chosen, notice, busy, figures, toast, scale)))


MOST_COMPLETIONS = 6

_SHORTER_SIDE, _SMALLEST = 1 / 18, 11
_WIDTH, _WIDTH_IN_NARROW, _NARROW = 14, 18, 28
"""In units of the font size: the usual width of the box, its width on narrow pictures, and the width below which a
picture is narrow. The box is never wider than the picture."""

_SMALLEST_NAME, _MESSAGE_LINES = 9, 3

_TOP = 0.16
_ROW = 1.5
_CHOSEN: Colour = (172, 108, 44)
_HINT = "type the name of a class"
_NONE = "no such class"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchBox:
    """Content of the search box."""

    typed: str = ""

    mark: str = "/"
    """Stands before the typed text."""

    completions: tuple[str, ...] = ()
    """Matching names, the best first; six are shown."""

    chosen: int | None = None
    """Index of the selected completion."""

    hint: str = _HINT
    """Text shown while nothing is typed."""

    none: str = _NONE
    """Text shown if nothing matches."""


def draw_search_box_onto(picture: Pixels, box: SearchBox) -> Region | None:
    """Draw the search box into the upper middle of a picture, in place.

    Args:
        picture: (H, W, 3) uint8 BGR.
        box: the typed text and the matching names.

    Returns:
        (x, y, width, height) of its plate; None if the picture is too small for one.
    """
    height, width = picture.shape[:2]
    size = max(_SMALLEST, round(min(width, height) * _SHORTER_SIDE))
    padding, row = round(size * 0.5), round(size * _ROW)
    wide = min((_WIDTH if width >= _NARROW * size else _WIDTH_IN_NARROW) * size, width - 2 * padding)
    inner = wide - 2 * padding
    names = [plain(each) for each in box.completions[:MOST_COMPLETIONS]]
    row_size = size
    if not names:
        message = box.none if box.typed else box.hint
        row_size, lines = fitted(message, size, _SMALLEST_NAME, REGULAR, max(1, inner), _MESSAGE_LINES)
        names = list(lines)
    top = round(height * _TOP)
    rows = min(len(names), (height - top - 3 * padding) // row - 1)
    if rows < 1 or wide < 6 * size:
        return None
    left = (width - wide) // 2
    tall = (rows + 1) * row + round(2.5 * padding)
    shade_onto(picture, left, top, wide, tall, round(size * 0.4))
    shade_onto(picture, left, top, wide, tall, round(size * 0.4))  # twice, because there is much to read

    x, middle = left + padding, top + padding + row // 2
    base = middle + round(size * CAP) // 2
    typed = _end_of(f"{box.mark}{box.typed}", size, inner - size // 2)
    write(picture, typed, (x, base), size, weight=BOLD)
    caret = x + text_width(typed, size, BOLD) + max(1, size // 10)
    cv2.rectangle(
        picture, (caret, base - round(size * 0.9), max(1, size // 12), round(size * 1.1)), WHITE, cv2.FILLED
    )
    line = top + padding + row + padding // 4
    cv2.line(picture, (x, line), (left + wide - padding, line), GREY, max(1, size // 20))
    for number, name in enumerate(names[:rows]):
        y = line + padding // 4 + number * row
        if box.completions and number == box.chosen:
            cv2.rectangle(picture, (left + padding // 2, y, wide - padding, row), _CHOSEN, cv2.FILLED)
        colour = WHITE if box.completions else GREY
        small = size_that_fits(name, row_size, _SMALLEST_NAME, REGULAR, inner)
        at = (x, y + (row + round(small * CAP)) // 2)
        write(picture, shortened(name, small, REGULAR, inner), at, small, colour=colour)
    return left, top, wide, tall


def _end_of(text: str, size: int, room: int) -> str:
    """Return as much of a text's end as fits, because typing continues there."""
    if text_width(text, size, BOLD) <= room:
        return text
    while len(text) > 1 and text_width(f"…{text}", size, BOLD) > room:
        text = text[1:]
    return f"…{text}"
