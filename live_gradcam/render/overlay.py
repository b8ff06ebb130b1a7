"""The overlay: everything on a picture besides the explanation, such as notices, signs, the help and a search box."""

from __future__ import annotations

from dataclasses import dataclass

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.render.before_after import BEFORE, NOW
from live_gradcam.render.help_page import draw_help_onto
from live_gradcam.render.lettering import GREY
from live_gradcam.render.notice import draw_notice_onto, draw_statistics_onto
from live_gradcam.render.search_box import SearchBox, draw_prompt_onto
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

    prompt: SearchBox | None = None

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
    picture: Pixels, overlay: Overlay, time: float, *, statistics: bool, lowest: int | None = None
) -> tuple[Region, ...]:
    """Draw an overlay onto the canvas, in place, except the marks that are drawn into the panes.

    Args:
        picture: (H, W, 3) uint8 BGR.
        overlay: what to draw.
        time: of the frame, in seconds.
        statistics: whether to draw its statistics.
        lowest: the row above which they end, because of the scale bar; None if there is none.

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
    if overlay.prompt is not None:
        prompt = draw_prompt_onto(picture, overlay.prompt)
        return tuple(filter(None, (pause, chosen, notice, busy, prompt)))
    figures = toast = None
    if statistics and not small:
        plates = tuple(filter(None, (pause, chosen, notice, busy)))
        figures = draw_statistics_onto(picture, overlay.statistics, plates=plates, lowest=lowest)
    if overlay.toast:
        toast = draw_toast_onto(picture, overlay.toast, below=figures or busy or lowest_notice)
    return tuple(filter(None, (pause, chosen, notice, busy, figures, toast)))
