"""The masking tests on a picture: the badge beside the label plate, and the view of the proof."""

from __future__ import annotations

from dataclasses import replace

from live_gradcam.explanation import Explanation, Region
from live_gradcam.faithfulness import Faithfulness, FrameTest, HeatCurve
from live_gradcam.frame import Frame, Pixels
from live_gradcam.prediction import Prediction
from live_gradcam.question import Answer
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.badge import Badge, draw_badge_onto
from live_gradcam.render.caption import Caption
from live_gradcam.render.curve_panel import CurvePanel, draw_panel_onto, draw_reason_onto, overlaid, panel_on
from live_gradcam.render.lettering import fill_onto
from live_gradcam.render.overlay import Overlay
from live_gradcam.render.panes import Layout, footer_of
from live_gradcam.render.proof import ProofBoard, proof_layout
from live_gradcam.translations import Words

_WITH_BADGE = frozenset({"one", "side", "history"})
"""Views with one label plate, beside which there is room for the badge."""


class HeatTests:
    """Keeps the newest masking tests of a run, and draws those that belong on the picture.

    Args:
        words: translates texts.
        single: whether each picture is independent, so that a new result is shown at once.
    """

    def __init__(self, words: Words, *, single: bool) -> None:
        self._words = words
        self._badge = Badge(at_once=single)
        self._proof = ProofBoard(words)
        self._curves: tuple[HeatCurve, ...] = ()
        self._no_curves = ""
        self._panel: CurvePanel | None = None
        self.shown: Faithfulness | None = None
        """The test on the newest picture; None if there is none."""
        self.places: tuple[Region, ...] = ()
        """(x, y, width, height) on the canvas of what was drawn onto the newest picture: curves, reason and badge."""

    def add_answer(self, frame: Frame, answer: Answer) -> None:
        """Take an answer about a frame, perhaps with a proof."""
        self._proof.add(frame, answer)
        self._curves = answer.curves
        self._no_curves = answer.unproved if answer.question.curves else ""
        if answer.proof is not None:
            self._badge.add(FrameTest(frame.index, frame.time, answer.proof.faithfulness), frame.time)

    def add(self, test: FrameTest, now: float) -> None:
        """Take the test of an earlier frame; the newest one is of the time `now`, in seconds."""
        self._badge.add(test, now)

    def forget_badge(self) -> None:
        """Show no badge until the next test: another question is asked."""
        self._badge.forget()

    def cut(self) -> None:
        """Drop everything: the scene is another."""
        self._badge.forget()
        self._proof.forget()
        self._curves, self._no_curves = (), ""

    def begin(self, look: Appearance, overlay: Overlay) -> tuple[Appearance, Overlay]:
        """Begin a picture, and return how it is drawn: without a proof, as one picture that says why there is none."""
        self.shown, self.places = None, ()
        if look.view != "proof" or self._proof.newest is not None:
            return look, overlay
        said = overlay.notice or self._words(self._proof.reason) or None
        return replace(look, view="one"), replace(overlay, notice=said)

    def layout(self, look: Appearance, size: tuple[int, int], figures: int) -> Layout | None:
        """Return the layout of the proof; None in other views.

        Args:
            look: as `begin` returned it.
            size: (width, height) of the canvas.
            figures: number of statistics in the footer.
        """
        if look.view != "proof" or self._proof.newest is None:
            return None
        footer = footer_of(size, labelled=True, figures=figures)
        area = 0, 0, size[0], size[1] if footer is None else footer.region[1]
        self._panel = panel_on(area, self._curves, side=min(size), low=True)
        beside = None if self._panel is None else self._panel.place
        return proof_layout(size, self._proof.newest.proof.part, figures=figures, beside=beside)

    def draw_proof_onto(
        self, picture: Pixels, layout: Layout, look: Appearance, time: float, covered: bool
    ) -> Caption | None:
        """Draw the proof, in place.

        Args:
            picture: (H, W, 3) uint8 BGR: the canvas.
            layout: as `layout` returned it.
            look: as `begin` returned it.
            time: of the frame, in seconds.
            covered: whether the help is drawn instead of the footer.

        Returns:
            The text of the footer; None if there is no footer.
        """
        newest = self._proof.newest
        assert newest is not None
        self.shown = newest.faithfulness
        self._proof.draw_onto(picture, layout, look, time)
        if self._panel is not None:
            draw_panel_onto(picture, self._panel, self._curves, self._words)
        if layout.footer is None:
            return None
        if covered:
            fill_onto(picture[layout.footer.region[1] :])
        return self._proof.caption()

    def draw_marks_onto(
        self,
        picture: Pixels,
        look: Appearance,
        explanation: Explanation,
        named: Prediction | None,
        time: float,
        *,
        plate: Region | None,
        side: int,
        avoid: Region | None,
    ) -> None:
        """Draw the curves, and the badge beside the label plate if a test belongs to what that names, in place.

        Args:
            picture: (H, W, 3) uint8 BGR: the part of the canvas that plates may cover.
            look: as `begin` returned it.
            explanation: the newest one.
            named: the class that the plate names; None if it names none.
            time: of the frame, in seconds.
            plate: (x, y, width, height) of the label plate; None if there is none.
            side: length in pixels that the letters are sized by.
            avoid: (x, y, width, height) of the scale bar; None if there is none.
        """
        end = picture.shape[1] if avoid is None else avoid[0]
        panel = overlaid(picture, self._curves, side=min(picture.shape[:2]), end=end)
        if panel is not None:
            draw_panel_onto(picture, panel, self._curves, self._words)
            if plate is not None and panel.place[1] + panel.place[3] > plate[1]:
                avoid = panel.place  # by the badge, which lies beside the label plate
        reason = draw_reason_onto(picture, self._words(self._no_curves), side=min(picture.shape[:2]))
        self.places = tuple(
            each for each in (None if panel is None else panel.place, reason) if each is not None
        )
        found = self._badge.shown(explanation, named, time)
        if not look.badge or look.view not in _WITH_BADGE:
            return
        self.shown = found
        if found is not None and plate is not None:
            badge = draw_badge_onto(picture, found, plate, self._words, side=side, avoid=avoid)
            self.places = (*self.places, *filter(None, [badge]))
