"""The picture of a view: the renderer's picture with the overlay that follows from the view's state."""

from __future__ import annotations

from dataclasses import dataclass, replace

from live_gradcam.explanation import Explanation
from live_gradcam.faithfulness import Faithfulness
from live_gradcam.fixed_choices import View
from live_gradcam.frame import Frame, Pixels
from live_gradcam.live.choice import Choice
from live_gradcam.live.mouse import Mouse
from live_gradcam.live.panels import Panels
from live_gradcam.live.status import Status
from live_gradcam.render.canvas import BEFORE, NOW
from live_gradcam.render.heat_tracking import TrackedHeat
from live_gradcam.render.overlay import Overlay
from live_gradcam.render.renderer import Renderer
from live_gradcam.rendered_picture import Rendered
from live_gradcam.translations import ENGLISH, Words

HINT = "h: keys"
SLIDES_HINT = "h: keys   ← →: next picture"
"""The window shows one of these at the beginning."""


def rendered(
    pixels: Pixels,
    frame: Frame,
    tracked: TrackedHeat | None,
    faithfulness: Faithfulness | None,
    latency_ms: float | None = None,
    *,
    untested: str = "",
) -> Rendered:
    """Return a picture for the sinks, with what it shows.

    Args:
        pixels: (H, W, 3) uint8 BGR.
        frame: the frame on it.
        tracked: the heat on it; None before the first explanation.
        faithfulness: the masking test on it; None if there is none.
        latency_ms: time from capture to picture; None for files.
        untested: why there is no test; empty if there is one.
    """
    if tracked is None:
        return Rendered(pixels, frame, latency_ms=latency_ms)
    explanation = replace(tracked.explanation, faithfulness=faithfulness)
    heatmap = tracked.heatmap if tracked.opacity > 0 else None
    return Rendered(pixels, frame, explanation, heatmap, latency_ms, untested)


@dataclass(frozen=True, slots=True)
class Made:
    """The method and the layer that a picture was made with."""

    method: str = ""
    """Empty if the titles of the panes name the methods, or if nothing is explained yet."""

    layer: str = ""
    """The last part of the layer's path."""

    chosen_layer: str | None = None
    """The layer that the viewer chose; None: the default layer."""


@dataclass(frozen=True, slots=True, eq=False)
class KeptPicture:
    """The earlier picture in a comparison of before and after."""

    picture: Pixels
    """(H, W, 3) uint8 BGR."""

    made: Made


def made_by(explanation: Explanation | None, view: View, chosen_layer: str | None) -> Made:
    """Return the method and the layer of the newest explanation on a picture."""
    if explanation is None:
        return Made()
    method = "" if view == "methods" else explanation.method
    return Made(method, explanation.layer.rpartition("/")[2], chosen_layer)


def names_of_halves(before: Made, now: Made, words: Words) -> tuple[str, str]:
    """Return the titles of the kept picture and of the current one: `before · gradcam`, `now · hirescam`.

    A title names the method or the layer if the two pictures differ in it. The layer is not named if it differs only
    because the other method has another default layer.
    """
    by_itself = before.method != now.method and before.chosen_layer == now.chosen_layer
    names = []
    for name, made, other in ((BEFORE, before, now), (NOW, now, before)):
        method = made.method if made.method != other.method else ""
        layer = made.layer if made.layer != other.layer and not by_itself else ""
        names.append(" · ".join(filter(None, (words(name), method, layer))))
    return names[0], names[1]


class ViewPicture:
    """Draws the picture of a view, and holds the one that was kept for a comparison.

    Args:
        renderer: draws frames, heat and labels.
        slides: whether the viewer turns from picture to picture.
        words: the viewer's language.
    """

    def __init__(self, renderer: Renderer, *, slides: bool, words: Words = ENGLISH) -> None:
        self._renderer = renderer
        self._slides = slides
        self._words = words
        self._kept: KeptPicture | None = None

    @property
    def keeps(self) -> bool:
        """Whether a picture is kept beside the present one."""
        return self._kept is not None

    def keep(
        self, frame: Frame, choice: Choice, view: View, explanation: Explanation | None, mouse: Mouse
    ) -> None:
        """Keep the present picture beside those that follow."""
        self._renderer.appearance = replace(choice.look, view=view)
        picture, _ = self._renderer.picture(frame, Overlay(area=choice.area, probe=mouse.probe))
        self._kept = KeptPicture(picture, made_by(explanation, view, choice.layer))

    def forget_kept(self) -> None:
        """Show the present picture alone again."""
        self._kept = None

    def draw(
        self,
        frame: Frame,
        choice: Choice,
        view: View,
        *,
        chosen: str,
        explanation: Explanation | None,
        frozen: bool,
        mouse: Mouse,
        panels: Panels,
        status: Status,
        toast: str | None,
    ) -> tuple[Pixels, TrackedHeat | None]:
        """Return the picture of a frame, new (H, W, 3) uint8 BGR, and the heat on it.

        Args:
            frame: the frame.
            choice: the viewer's choice.
            view: the view that is shown; the chosen one may still wait for its answer.
            chosen: what differs from the defaults, in words.
            explanation: the newest one; None before the first.
            frozen: whether the picture stands still.
            mouse: the rectangle and the probe.
            panels: help, menu and search.
            status: what the run reports.
            toast: a line that is shown for a moment, in English; None: there is none.
        """
        words, kept = self._words, self._kept
        made = made_by(explanation, view, choice.layer)
        self._renderer.appearance = replace(choice.look, view=view)
        return self._renderer.picture(
            frame,
            Overlay(
                chosen=chosen,
                notice=words(status.notice or "") or None,
                busy=words(status.busy or "") or None,
                toast=None if toast is None else words(toast),
                frozen=frozen,
                search_box=panels.drawn_prompt,
                rectangle=mouse.rectangle,
                area=choice.area,
                probe=mouse.probe,
                before=None if kept is None else kept.picture,
                halves=names_of_halves(made if kept is None else kept.made, made, words),
                help=panels.rows,
                help_page=panels.page,
                help_chosen=panels.chosen,
                help_footers=panels.footers,
                statistics=tuple(map(words.of_figure, status.statistics)),
            ),
        )

    def with_signs(self, picture: Pixels, *, seconds: float | None, hint: bool) -> Pixels:
        """Return a copy of the newest picture with the signs that only the window shows.

        Args:
            picture: (H, W, 3) uint8 BGR.
            seconds: how long the recording has run; None: nothing is recorded.
            hint: whether to show the hint that `h` shows the keys.
        """
        text = "" if not hint else SLIDES_HINT if self._slides else HINT
        return self._renderer.with_signs(picture, seconds=seconds, hint=self._words(text))
