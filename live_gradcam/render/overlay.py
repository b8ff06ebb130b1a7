"""The overlay: what stands on a picture besides the explanation, for as long as it is said."""

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
"""Shorter side in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Overlay:
    """What stands on a picture. Places are in pixels of the frame, whatever the view."""

    chosen: str = ""
    """What is chosen and not the default, in a small line at the top left as long as it is so:
    `hirescam · layer block3_conv3 · tabby`; empty: nothing is."""

    notice: str | None = None
    """A quiet line below it: `camera lost, reconnecting`."""

    busy: str | None = None
    """What is being waited for, beside a spinner: `compiling hirescam …`."""

    toast: str | None = None
    """What was just changed, large: `layer block5_conv3  14×14×512`."""

    frozen: bool = False
    """Whether the picture stands still."""

    prompt: SearchBox | None = None

    rectangle: Region | None = None
    """(x, y, width, height) of the part of the frame that is being marked out."""

    area: Region | None = None
    """(x, y, width, height) of the part of the frame that is looked at, to be outlined; None: all of it is."""

    before: Pixels | None = None
    """(H, W, 3) uint8 BGR: a former picture, to stand beside this one; None: this one stands alone."""

    halves: tuple[str, str] = (BEFORE, NOW)
    """What stands above the two."""

    probe: tuple[int, int] | None = None
    """(x, y) of the place whose heat is told."""

    help: tuple[tuple[str, str], ...] = ()
    """Rows of keys and what they do; any at all cover the picture."""

    help_page: int = 0
    """Which page of them, from 0."""

    help_chosen: int | None = None
    """Which row is marked, as in a menu; None: none is."""

    help_footers: tuple[str, str] = ("page {} of {}: h turns it", "page {} of {}: h hides it")
    """The line that turns the page, and that of the last page."""

    statistics: tuple[str, ...] = ()
    r"""Lines such as `shown\t30.0 fps`, shown where the look asks for them."""


def draw_overlay_onto(
    picture: Pixels, overlay: Overlay, time: float, *, statistics: bool, lowest: int | None = None
) -> tuple[Region, ...]:
    """Draw all of an overlay that has its place on the canvas, in place; the marks have theirs on the panes.

    Args:
        picture: (H, W, 3) uint8 BGR.
        overlay: what to draw.
        time: of the frame, in seconds.
        statistics: whether its statistics are wanted.
        lowest: the row above which they end: that of the scale; None: there is none.

    Returns:
        (x, y, width, height) of all that must not be covered.
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
    # On the smallest pictures there is room for what was changed, or for what else there is to say.
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
