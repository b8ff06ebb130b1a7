"""The renderer: turns every frame into a picture at once, with the heat of the newest answer moved along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from live_gradcam.explanation import Region
from live_gradcam.fixed_choices import Following
from live_gradcam.frame import Frame, Pixels
from live_gradcam.prediction import Prediction
from live_gradcam.question import Answer
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.canvas import (
    before_and_after,
    draw_viewfinders_onto,
    legible_canvas,
    mark_panes_onto,
    paint_panes_onto,
    part_of,
    place_in_panes,
)
from live_gradcam.render.caption import Caption
from live_gradcam.render.footer import FooterContent, draw_footer_onto, draw_footer_signs_onto, footer_content
from live_gradcam.render.heat import colormap_code
from live_gradcam.render.heat_smoothing import HeatSmoothing
from live_gradcam.render.heat_tests import HeatTests
from live_gradcam.render.heat_tracking import HeatTracker, TrackedHeat
from live_gradcam.render.history import LastMinute, ribbon_height, ribbon_places
from live_gradcam.render.indicators import draw_scale_bar_onto, scale_column_width
from live_gradcam.render.label import Label
from live_gradcam.render.lettering import fill_onto
from live_gradcam.render.overlay import Overlay, draw_overlay_onto
from live_gradcam.render.pane_contents import PaneContent, contents_of, model_of
from live_gradcam.render.panes import Footer, Layout, footer_of, layout_of, roomy_canvas
from live_gradcam.render.side_panel import SidePanel
from live_gradcam.render.signs import draw_hint_onto, draw_recording_onto
from live_gradcam.render.styles import kept_at
from live_gradcam.translations import ENGLISH, Words


class Renderer:
    """Renders the frames of one run, in order. The canvas has the same size in every view, but `room` may change it.

    All animation depends on `Frame.time`: the same frames, answers, appearances and overlays give the same pictures,
    bit for bit. Not thread-safe.

    Args:
        appearance: the initial appearance; `appearance` may be set at any time.
        motion: whether heat follows the picture between explanations.
        smoothing: how heat is smoothed.
        models: names of the models, for the view `models`.
        words: translates texts.
        legible: whether text must be readable on the canvas of a small frame; else the canvas has the frame's size.
    """

    def __init__(
        self,
        appearance: Appearance | None = None,
        *,
        motion: Following = "on",
        smoothing: HeatSmoothing | None = None,
        models: Sequence[str] = (),
        words: Words = ENGLISH,
        legible: bool = False,
    ) -> None:
        self.appearance = appearance or Appearance()
        self._models = tuple(models)
        self._words = words
        self._legible = legible
        self._tracker = HeatTracker(motion=motion, smoothing=smoothing)
        # Without smoothing frames are independent, so nothing is animated.
        single = smoothing is not None and smoothing.seconds == 0
        self._label = Label(words, single=single)
        self.tests = HeatTests(words, single=single)
        """The masking tests on the pictures."""
        self.room: tuple[int, int] | None = None
        """(width, height) in pixels of a window that is not shaped like the frame: several panes fill it."""
        self._look = self.appearance
        self._last_minute = LastMinute()
        self._side_panel = SidePanel(words)
        self._layout: Layout | None = None
        self._footer: tuple[Footer, FooterContent] | None = None
        self._size = (1, 1)
        self._is_halved = False
        self._plates: tuple[Region, ...] = ()
        self._finders: Sequence[PaneContent] = ()
        self._brackets: tuple[Region, ...] = ()

    @property
    def rows(self) -> tuple[Prediction, ...]:
        """The rows of the chart on the newest picture, the first on top; empty if there is none."""
        return self._label.rows

    def add_answer(self, frame: Frame, answer: Answer) -> None:
        """Add an answer about this frame or an earlier one."""
        self._tracker.add_answer(frame, answer)
        self.tests.add_answer(frame, answer)

    def cut(self) -> None:
        """Start a new scene: no heat is drawn until it has been explained."""
        self._tracker.cut()
        self.tests.cut()

    def canvas(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the (width, height) of the picture of a frame of (width, height)."""
        room = None if self._look.view in ("one", "history") else self.room
        return roomy_canvas(legible_canvas(size), room) if self._legible else size

    def picture(self, frame: Frame, overlay: Overlay | None = None) -> tuple[Pixels, TrackedHeat | None]:
        """Return the picture of a frame, and the heat on it.

        Args:
            frame: newer than all frames before, or the last one again.
            overlay: what else to draw on it.

        Returns:
            New (H, W, 3) uint8 BGR, and the heat of the answer's first explanation; None until a frame was explained.
        """
        overlay = overlay or Overlay()
        tracked = self._tracker.track(frame)
        current = () if any(each.stale for each in tracked) else tracked
        self._follow(frame.time, current)
        self._look, overlay = self.tests.begin(self.appearance, overlay)
        if not current and not overlay.notice:
            overlay = replace(overlay, notice=self._words("looking …"))
        if current and self._tracker.answer is not None:
            warning = self._words(self._tracker.warnings.line(self._tracker.answer, frame.time))
            overlay = replace(overlay, chosen=" · ".join(filter(None, (overlay.chosen, warning))))
        self._size = width, height = self.canvas(frame.size)
        self._is_halved = overlay.before is not None
        figures = overlay.statistics if self.appearance.statistics else ()
        self._layout = layout = self._laid_out(frame, tracked, 0 if self._is_halved else len(figures))
        picture = np.empty((height, width, 3), np.uint8)
        caption, scale = self._draw_onto(picture, layout, frame, tracked, current, overlay)
        footer = layout.footer
        if overlay.before is not None:
            draw_viewfinders_onto(picture, self._finders, ribbon_places(self._size, self._look.view))
            self._finders = ()
            if footer is not None:
                draw_footer_onto(picture, footer, FooterContent(caption=caption))
            caption, scale, footer = None, None, footer_of(self._size, figures=len(figures))
            rows = 0 if footer is None else footer.region[3]
            picture = before_and_after(overlay.before, picture, overlay.halves, footer=rows)
            overlay = replace(overlay, chosen="")  # it describes one half only
        self._footer, above = None, picture
        if footer is not None and not overlay.help:
            self._footer = footer, footer_content(caption, overlay, frame.time, figures)
            draw_footer_onto(picture, *self._footer)
            above = picture[: footer.region[1]]
            overlay = replace(overlay, chosen="", notice=None, busy=None, frozen=False, statistics=())
        shown = self.appearance.statistics
        plates = draw_overlay_onto(above, overlay, frame.time, statistics=shown, scale=scale)
        self._plates = (*plates, *self.tests.places)
        covered = (*self._plates, *ribbon_places(self._size, self._look.view))
        self._brackets = draw_viewfinders_onto(picture, self._finders, covered)
        return picture, tracked[0] if tracked else None

    def _laid_out(self, frame: Frame, tracked: Sequence[TrackedHeat], figures: int) -> Layout:
        """Return the layout of a frame's picture, with so many statistics in the footer."""
        look = self._look
        proof = self.tests.layout(look, self._size, figures)
        return proof or layout_of(
            look.view,
            len(tracked),
            frame.size,
            [each.explanation.region for each in tracked],
            canvas=self._size,
            figures=figures,
            column=scale_column_width(self._size, self._words("heat"))
            if look.scale_bar and look.view != "concepts"
            else 0,
        )

    def _draw_onto(
        self,
        picture: Pixels,
        layout: Layout,
        frame: Frame,
        tracked: Sequence[TrackedHeat],
        current: Sequence[TrackedHeat],
        overlay: Overlay,
    ) -> tuple[Caption | None, Region | None]:
        """Draw the panes and everything in them.

        Args:
            picture: (H, W, 3) uint8 BGR: the canvas; it is painted over, except for the footer.
            layout: the panes and the room beside them.
            frame: the frame.
            tracked: its heat.
            current: its heat, or nothing if the scene has changed since the explanation.
            overlay: has the marks.

        Returns:
            The caption if it belongs in the footer, and the place of the scale bar on a single picture.
        """
        view, answer, self._finders = self._look.view, self._tracker.answer, ()
        if view == "proof":
            caption = self.tests.draw_proof_onto(picture, layout, self._look, frame.time, bool(overlay.help))
            return caption, None
        contents = contents_of(
            view, layout.panes, tracked, answer=answer, names=self._models, words=self._words
        )
        concepts = self._tracker.concepts if view == "concepts" else None
        paint_panes_onto(picture, frame.pixels, contents, self._look, concepts)
        if layout.free is not None:
            self._side_panel.draw_onto(part_of(picture, layout.free), self._look, answer)
        above = picture[: self._size[1] - ribbon_height(self._size)] if view == "history" else picture
        if layout.footer is not None:
            above = picture[: layout.footer.region[1]]
            if overlay.help:  # which is drawn instead of the footer
                fill_onto(picture[layout.footer.region[1] :])
        caption = scale = None
        if layout.column is not None:
            self._draw_scale_onto(part_of(picture, layout.column), side=min(self._size))
        elif self.appearance.scale_bar and view != "concepts":
            scale = self._draw_scale_onto(above)
        if current and layout.footer is not None and view in ("methods", "targets"):
            caption = self._label.caption(current[0], model_of(answer, 0))
        elif current:
            models = [model_of(answer, number if view == "models" else 0) for number in range(len(contents))]
            side = min(above.shape[:2] if view == "history" else self._size)
            contents = self._label.draw_onto(
                above, contents, current[0], models, self._look, frame.time, side=side, avoid=scale
            )
        marks = {"rectangle": overlay.rectangle, "area": overlay.area}
        probe = None if view == "concepts" else overlay.probe
        mark_panes_onto(picture, contents, **marks, probe=probe, words=self._words)
        self._finders = contents if overlay.rectangle is None else ()
        if view == "history":
            self._last_minute.draw_onto(picture, self._words("now"))
        if current:
            self.tests.draw_marks_onto(
                above,
                self._look,
                current[0].explanation,
                self._label.first(model_of(answer, 0)),
                frame.time,
                plate=self._label.plate,
                side=min(self._size),
                avoid=scale,
            )
        return caption, scale

    def with_signs(self, picture: Pixels, *, seconds: float | None = None, hint: str = "") -> Pixels:
        """Return a copy of the newest picture with signs for the window only, where there is room.

        The picture itself, which is recorded, has no such signs.

        Args:
            picture: (H, W, 3) uint8 BGR: the last result of `picture`.
            seconds: time since the recording began; None if nothing is recorded.
            hint: a hint, such as `h: keys`; empty for none.
        """
        signed = picture.copy()
        if self._footer is not None:
            draw_footer_signs_onto(signed, *self._footer, seconds=seconds, hint=hint)
            return signed
        plates = (*self._plates, *filter(None, [self._label.plate]))
        if seconds is not None:
            recording = draw_recording_onto(signed, seconds, plates=plates, marks=self._brackets)
            plates = (*plates, *filter(None, [recording]))
        if hint:
            draw_hint_onto(signed, hint, plates=plates, marks=self._brackets)
        return signed

    def place_in_frame(
        self, point: tuple[int, int], pressed: tuple[int, int] | None = None
    ) -> tuple[int, int] | None:
        """Return the frame point at a point of the newest picture; None if there is none.

        Args:
            point: (x, y) in pixels of the picture.
            pressed: where a drag began; the result is then the nearest point in that pane.
        """
        panes = () if self._layout is None else self._layout.panes
        footer = (0 if self._footer is None else self._footer[0].region[3]) if self._is_halved else None
        return place_in_panes(panes, point, pressed, self._size, halved_above=footer)

    def _follow(self, time: float, tracked: Sequence[TrackedHeat]) -> None:
        """Update label, history and side panel with the newest answer, whether they are shown or not."""
        answer = self._tracker.answer
        if answer is None or not tracked:
            self._label.clear()
            return
        self._label.update(answer, time)
        self._last_minute.add(time, answer.first, self._label.first(answer.models[0]))
        self._side_panel.update(answer, self._tracker.concepts, time)

    def _draw_scale_onto(self, picture: Pixels, *, side: int | None = None) -> Region | None:
        return draw_scale_bar_onto(
            picture,
            colormap_code(self.appearance.colormap),
            style=self.appearance.style,
            kept=kept_at(self.appearance.alpha),
            title=self._words("heat"),
            side=side,
        )
