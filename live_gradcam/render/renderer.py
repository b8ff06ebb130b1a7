"""The renderer: turns every frame into a picture at once, with the heat of the newest answer moved along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from live_gradcam.config import Following
from live_gradcam.explanation import Lowered, Prediction, Region
from live_gradcam.frame import Frame, Pixels
from live_gradcam.question import Answer
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.canvas import (
    Scene,
    before_and_after,
    in_right_half,
    legible_canvas,
    mark_scenes_onto,
    paint_scenes_onto,
    part_of,
)
from live_gradcam.render.caption import (
    Caption,
    figure_of,
    name_of,
    without_heat,
)
from live_gradcam.render.channels import ChannelBoard, draw_channels_onto
from live_gradcam.render.footer import Said, draw_foot_onto, draw_foot_signs_onto, said_in_foot
from live_gradcam.render.heat import colormap_code
from live_gradcam.render.heat_smoothing import HeatSmoothing
from live_gradcam.render.heat_tracking import CarriedHeat, HeatTracker
from live_gradcam.render.history import Curve, History, ribbon_height
from live_gradcam.render.indicators import draw_scale_bar_onto, scale_column_width
from live_gradcam.render.label import Label
from live_gradcam.render.lettering import fill_onto
from live_gradcam.render.overlay import Overlay, draw_overlay_onto
from live_gradcam.render.panes import Arrangement, Footer, Pane, arrange, foot_of
from live_gradcam.render.signs import draw_hint_onto, draw_recording_onto
from live_gradcam.render.styles import kept_at
from live_gradcam.translations import ENGLISH, Words

_LOOKING, _PICTURE = "looking …", "picture"


class Renderer:
    """Renders the frames of one run, in order. The canvas has the same size in every view.

    All animation depends on `Frame.time`: the same frames, answers, appearances and overlays give the same pictures,
    bit for bit. Not thread-safe.

    Args:
        look: the initial appearance; `look` may be set at any time.
        motion: whether heat follows the picture between explanations.
        steady: how heat is smoothed.
        models: names of the models, for the view `models`.
        words: translates texts.
        legible: whether to enlarge the canvas of a small frame so that text on it can be read; otherwise the canvas has
            the frame's size.
    """

    def __init__(
        self,
        look: Appearance | None = None,
        *,
        motion: Following = "on",
        steady: HeatSmoothing | None = None,
        models: Sequence[str] = (),
        words: Words = ENGLISH,
        legible: bool = False,
    ) -> None:
        self.look = look or Appearance()
        self._models = tuple(models)
        self._words = words
        self._legible = legible
        self._carrier = HeatTracker(motion=motion, steady=steady)
        # Without smoothing the frames are independent pictures, so nothing is animated.
        self._label = Label(words, single=steady is not None and steady.smoothing == 0)
        self._history = History()
        self._curve = Curve()
        self._is_classifier = True
        self._board = ChannelBoard()
        self._arrangement: Arrangement | None = None
        self._foot: tuple[Footer, Said] | None = None
        self._size = (1, 1)
        self._is_halved = False
        self._plates: tuple[Region, ...] = ()

    @property
    def rows(self) -> tuple[Prediction, ...]:
        """The rows of the chart on the newest picture, the first on top; empty if there is none."""
        return self._label.rows

    def explained(self, frame: Frame, answer: Answer) -> None:
        """Add an answer about this frame or an earlier one."""
        self._carrier.explained(frame, answer)

    def cut(self) -> None:
        """Start a new scene: no heat is drawn until it has been explained."""
        self._carrier.cut()

    def canvas(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the (width, height) of the picture of a frame of (width, height)."""
        return legible_canvas(size) if self._legible else size

    def picture(self, frame: Frame, overlay: Overlay | None = None) -> tuple[Pixels, CarriedHeat | None]:
        """Return the picture of a frame, and the heat on it.

        Args:
            frame: newer than all frames before, or the last one again.
            overlay: what else to draw on it.

        Returns:
            New (H, W, 3) uint8 BGR, and the heat of the answer's first explanation; None until a frame was explained.
        """
        overlay = overlay or Overlay()
        carried = self._carrier.see(frame)
        is_stale = any(each.stale for each in carried)
        said = () if is_stale else carried
        self._follow(frame.time, said)
        if not said and not overlay.notice:
            overlay = replace(overlay, notice=self._words(_LOOKING))
        self._size = width, height = self.canvas(frame.size)
        self._is_halved = overlay.before is not None
        figures = overlay.statistics if self.look.statistics else ()
        arrangement = self._arranged(frame, carried, 0 if self._is_halved else len(figures))
        picture = np.empty((height, width, 3), np.uint8)
        caption, scale = self._draw_onto(picture, frame, carried, said, overlay)
        foot = arrangement.foot
        if overlay.before is not None:
            if foot is not None:
                draw_foot_onto(picture, foot, Said(caption=caption))
            caption, scale, foot = None, None, foot_of(self._size, figures=len(figures))
            rows = 0 if foot is None else foot.region[3]
            picture = before_and_after(overlay.before, picture, overlay.halves, foot=rows)
            overlay = replace(overlay, chosen="")  # it describes one half only
        self._foot = None
        if foot is not None and not overlay.help:
            self._foot = foot, said_in_foot(caption, overlay, frame.time, figures)
            draw_foot_onto(picture, *self._foot)
            picture_above = picture[: foot.region[1]]
            overlay = replace(overlay, chosen="", notice=None, busy=None, frozen=False, statistics=())
        else:
            picture_above = picture
        self._plates = draw_overlay_onto(
            picture_above,
            overlay,
            frame.time,
            statistics=self.look.statistics,
            lowest=None if scale is None else scale[1],
        )
        return picture, carried[0] if carried else None

    def _arranged(self, frame: Frame, carried: Sequence[CarriedHeat], figures: int) -> Arrangement:
        column = scale_column_width(self._size, self._words("heat")) if self.look.scale_bar else 0
        regions = [each.explanation.region for each in carried]
        self._arrangement = arrange(
            self.look.view,
            len(carried),
            frame.size,
            regions,
            canvas=self._size,
            figures=figures,
            column=column,
        )
        return self._arrangement

    def _draw_onto(
        self,
        picture: Pixels,
        frame: Frame,
        carried: Sequence[CarriedHeat],
        said: Sequence[CarriedHeat],
        overlay: Overlay,
    ) -> tuple[Caption | None, Region | None]:
        """Draw the panes and everything in them.

        Args:
            picture: (H, W, 3) uint8 BGR: the canvas; it is painted over, except for the footer.
            frame: the frame.
            carried: its heat.
            said: its heat, or nothing if the scene has changed since the explanation.
            overlay: has the marks.

        Returns:
            The caption if it belongs into the footer, and the place of the scale bar on a single picture.
        """
        arrangement, view = self._arrangement, self.look.view
        assert arrangement is not None
        scenes = self._scenes(arrangement.panes, carried)
        paint_scenes_onto(picture, frame.pixels, scenes, self.look)
        if arrangement.free is not None:
            self._fill(part_of(picture, arrangement.free))
        above = picture[: self._size[1] - ribbon_height(self._size)] if view == "history" else picture
        if arrangement.foot is not None:
            above = picture[: arrangement.foot.region[1]]
        caption = None
        if said and arrangement.foot is not None and view in ("methods", "targets"):
            caption = self._label.caption(said[0], self._model(0))
        elif said:
            models = [self._model(number if view == "models" else 0) for number in range(len(scenes))]
            side = min(above.shape[:2] if view == "history" else self._size)
            scenes = self._label.draw_onto(above, scenes, said[0], models, self.look, frame.time, side=side)
        mark_scenes_onto(
            picture,
            scenes,
            rectangle=overlay.rectangle,
            probe=overlay.probe,
            area=overlay.area,
            words=self._words,
        )
        if view == "history":
            (self._history if self._is_classifier else self._curve).draw_onto(picture, self._words("now"))
        scale = None
        if arrangement.column is not None:
            self._draw_scale_onto(part_of(picture, arrangement.column), side=min(self._size))
        elif self.look.scale_bar:
            scale = self._draw_scale_onto(above)
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
        if self._foot is not None:
            draw_foot_signs_onto(signed, *self._foot, seconds=seconds, hint=hint)
            return signed
        plate = self._label.plate
        plates = self._plates if plate is None else (*self._plates, plate)
        recording = None if seconds is None else draw_recording_onto(signed, seconds, plates=plates)
        if hint:
            draw_hint_onto(signed, hint, plates=plates if recording is None else (*plates, recording))
        return signed

    def place_in_frame(
        self, point: tuple[int, int], pressed: tuple[int, int] | None = None
    ) -> tuple[int, int] | None:
        """Return the frame point at a point of the newest picture; None if there is none.

        Args:
            point: (x, y) in pixels of the picture.
            pressed: where a drag began; the result is then the nearest point in that pane.
        """
        panes = () if self._arrangement is None else self._arrangement.panes
        if self._is_halved:
            foot = 0 if self._foot is None else self._foot[0].region[3]
            point = in_right_half(point, self._size, foot=foot)
            pressed = None if pressed is None else in_right_half(pressed, self._size, foot=foot)
        if pressed is not None:
            pane = next((each for each in panes if each.frame_point(*pressed) is not None), None)
            return None if pane is None else pane.nearest_point(*point)
        return next((found for pane in panes if (found := pane.frame_point(*point)) is not None), None)

    def _follow(self, time: float, carried: Sequence[CarriedHeat]) -> None:
        """Update label, history and channels with the newest answer, whether they are shown or not."""
        answer = self._carrier.answer
        if answer is None or not carried:
            self._label.clear()
            return
        self._label.see(answer, time)
        target = answer.first.target
        self._is_classifier = answer.first.task != "values"
        if self._is_classifier:
            self._history.see(time, self._label.first(answer.models[0]))
        else:
            self._curve.see(time, target.label, target.value)
        self._board.see(answer.channels, time)

    def _scenes(self, panes: Sequence[Pane], carried: Sequence[CarriedHeat]) -> list[Scene]:
        if not carried:
            return [Scene(pane, None) for pane in panes]
        if self.look.view == "side":
            method = carried[0].explanation.method
            return [Scene(panes[0], None, self._words(_PICTURE)), Scene(panes[1], carried[0], method)]
        return [
            Scene(pane, heat, *self._name(number, heat))
            for number, (pane, heat) in enumerate(zip(panes, carried, strict=False))
        ]

    def _name(self, number: int, heat: CarriedHeat) -> tuple[str, str]:
        """Return the title of a pane, and the text after it."""
        explanation, words = heat.explanation, self._words
        match self.look.view:
            case "methods" | "channels":
                return explanation.method, ""
            case "targets" if not heat.stale:
                tail = figure_of(explanation.target, explanation.values)
                if not explanation.has_evidence:
                    tail = f"{tail}: {words(without_heat(explanation))}"
                name = name_of(explanation.target)
                return words(name) if isinstance(explanation.target, Lowered) else name, tail
            case "models":
                model = self._model(number)
                known = model < len(self._models)
                return self._models[model] if known else words(f"model {model + 1}"), ""
            case _:
                return "", ""

    def _model(self, number: int) -> int:
        """Return the index of an explanation's model."""
        answer = self._carrier.answer
        return 0 if answer is None else answer.models[number]

    def _fill(self, panel: Pixels) -> None:
        """Draw the panel beside the panes: the channels, or an empty background."""
        answer = self._carrier.answer
        if self.look.view == "channels" and answer is not None:
            code = colormap_code(self.look.colormap)
            draw_channels_onto(panel, self._board.shown, code, answer.first.layer)
        else:
            fill_onto(panel)

    def _draw_scale_onto(self, picture: Pixels, *, side: int | None = None) -> Region | None:
        look = self.look
        return draw_scale_bar_onto(
            picture,
            colormap_code(look.colormap),
            style=look.style,
            kept=kept_at(look.alpha),
            title=self._words("heat"),
            side=side,
        )
