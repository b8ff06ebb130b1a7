"""The presenter: every frame becomes a picture at once, with the newest answer carried along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from live_gradcam.config import Following
from live_gradcam.explanation import Prediction, Region, Value
from live_gradcam.frame import Frame, Pixels
from live_gradcam.look import Look
from live_gradcam.number import LABEL_HOLDS, UNSURE
from live_gradcam.question import Answer
from live_gradcam.render.bars import Bars
from live_gradcam.render.before_after import before_and_after, in_right_half
from live_gradcam.render.canvas import Scene, hidden_share, mark_scenes_onto, paint_scenes_onto, part_of
from live_gradcam.render.caption import caption_of, named, translated, without_heat
from live_gradcam.render.carrier import CarriedHeat, HeatCarrier
from live_gradcam.render.channels import ChannelBoard, draw_channels_onto
from live_gradcam.render.colormaps import colormap_code
from live_gradcam.render.curve import Curve
from live_gradcam.render.lettering import fill_onto
from live_gradcam.render.overlay import Overlay, draw_overlay_onto
from live_gradcam.render.panes import MOST_PANES, Arrangement, Pane, arrange
from live_gradcam.render.plate import Corner, draw_plate_onto
from live_gradcam.render.ribbon import History, ribbon_height
from live_gradcam.render.scale_bar import draw_scale_bar_onto
from live_gradcam.render.signs import draw_header_onto, draw_hint_onto, draw_recording_onto
from live_gradcam.render.steady import Steady
from live_gradcam.render.styles import kept_at
from live_gradcam.words import ENGLISH, Words

_LOOKING = "looking …"

_SMALL_PLATE = 0.75
"""How large a plate is where there are several panes: it would hide the things in them."""


class Presenter:
    """Draws the frames of one run, in order. The canvas has the frame's size in every view.

    Everything that moves is moved by `Frame.time`: the same frames, answers, looks and overlays give the same
    pictures, bit for bit. It belongs to one thread.

    Args:
        look: how the picture looks; another may be set at any moment.
        motion: whether heat follows the picture between explanations.
        steady: how heat is made steady.
        models: names of the models, for the view of that name.
        words: the viewer's language.
    """

    def __init__(
        self,
        look: Look | None = None,
        *,
        motion: Following = "on",
        steady: Steady | None = None,
        models: Sequence[str] = (),
        words: Words = ENGLISH,
    ) -> None:
        self.look = look or Look()
        self._models = tuple(models)
        self._words = words
        self._carrier = HeatCarrier(motion=motion, steady=steady)
        # Where the frames are a row of single pictures, nothing goes over from one to the next.
        self._single = steady is not None and steady.smoothing == 0
        self._bars: dict[int, Bars] = {}
        self._history = History()
        self._curve = Curve()
        self._is_classifier = True
        self._board = ChannelBoard()
        self._arrangement: Arrangement | None = None
        self._top = self._header = 0
        self._size = (1, 1)
        self._is_halved = False
        self._plates: tuple[Region, ...] = ()
        self._corner = Corner(at_once=self._single)
        self._plate: Region | None = None

    @property
    def rows(self) -> tuple[Prediction, ...]:
        """The rows of the chart as they stand on the newest picture, the first on top; empty: there is none."""
        return self._bars[0].shown if 0 in self._bars else ()

    def explained(self, frame: Frame, answer: Answer) -> None:
        """Take in an answer about this frame or an earlier one."""
        self._carrier.explained(frame, answer)

    def cut(self) -> None:
        """Take in that the picture is another from now on: no heat is seen on it until it has been explained."""
        self._carrier.cut()

    def picture(self, frame: Frame, overlay: Overlay | None = None) -> tuple[Pixels, CarriedHeat | None]:
        """Return the picture of a frame, and the heat that is on it.

        Args:
            frame: newer than those before it, or the last once more.
            overlay: what else stands on it.

        Returns:
            New (H, W, 3) uint8 BGR, and the carried heat of the answer's first explanation; None as long as nothing
            was explained.
        """
        overlay = overlay or Overlay()
        carried = self._carrier.see(frame)
        is_stale = any(each.stale for each in carried)
        self._follow(frame.time, () if is_stale else carried)
        view = self.look.view
        arrangement = arrange(view, len(carried), frame.size, [each.explanation.region for each in carried])
        self._arrangement = arrangement
        picture = np.empty_like(frame.pixels)
        scenes = self._scenes(arrangement.panes, carried)
        said = () if is_stale else carried
        paint_scenes_onto(picture, frame.pixels, scenes, self.look)
        if arrangement.free is not None:
            self._fill(part_of(picture, arrangement.free))
        above = picture[: picture.shape[0] - ribbon_height(frame.size)] if view == "history" else picture
        if said:  # else it is about what was seen before
            scenes = self._label(above, scenes, said[0], arrangement.free, frame.time)
        header = arrangement.header
        taken = mark_scenes_onto(
            picture,
            scenes,
            rectangle=overlay.rectangle,
            probe=overlay.probe,
            area=overlay.area,
            words=self._words,
            header=header,
        )
        if view == "history":
            (self._history if self._is_classifier else self._curve).draw_onto(picture, self._words("now"))
        scale = None
        if self.look.scale_bar:
            scale = self._draw_scale_onto(
                part_of(above, scenes[-1].pane.cell) if view == "channels" else above
            )
        if not said and not overlay.notice:
            overlay = replace(overlay, notice=self._words(_LOOKING))
        pause = None
        if header:
            overlay, pause = _with_header(picture[:header], scenes, overlay)
        self._size, self._is_halved = frame.size, overlay.before is not None
        if overlay.before is not None:
            picture, taken = before_and_after(overlay.before, picture, self._words)
            header, pause = 0, None
            overlay = replace(overlay, chosen="")  # it is about one half
        below = picture if overlay.help else picture[max(taken, header) :]
        self._top, self._header = picture.shape[0] - below.shape[0], 0 if overlay.help else header
        lowest = None if scale is None or overlay.before is not None else scale[1] - self._top
        self._plates = draw_overlay_onto(
            below, overlay, frame.time, statistics=self.look.statistics, lowest=lowest
        )
        if self._header:
            self._plates = () if pause is None else (pause,)
        return picture, carried[0] if carried else None

    def with_signs(self, picture: Pixels, *, seconds: float | None = None, hint: str = "") -> Pixels:
        """Return a copy of the newest picture with signs for the window alone, where there is room for them.

        The picture itself has none, and nothing on it makes way for one: it is what is recorded.

        Args:
            picture: (H, W, 3) uint8 BGR: what `picture` returned last.
            seconds: since the recording began; None: nothing is recorded.
            hint: a quiet line, such as `h: keys`; empty: none.
        """
        signed = picture.copy()
        below = signed[self._top :]
        if self._header:
            if seconds is not None:
                draw_recording_onto(signed[: self._header], seconds, plates=self._plates, header=True)
            return signed
        plates = self._plates if self._plate is None else (*self._plates, _moved_up(self._plate, self._top))
        recording = None if seconds is None else draw_recording_onto(below, seconds, plates=plates)
        if hint:
            draw_hint_onto(below, hint, plates=plates if recording is None else (*plates, recording))
        return signed

    def place_in_frame(
        self, point: tuple[int, int], pressed: tuple[int, int] | None = None
    ) -> tuple[int, int] | None:
        """Return which point of the frame is at a point of the newest picture; None where there is none.

        Args:
            point: (x, y) in pixels of the picture.
            pressed: where a drag began; the point is then the nearest one in that pane.
        """
        panes = () if self._arrangement is None else self._arrangement.panes
        if self._is_halved:
            point = in_right_half(point, self._size)
            pressed = None if pressed is None else in_right_half(pressed, self._size)
        if pressed is not None:
            pane = next((each for each in panes if each.frame_point(*pressed) is not None), None)
            return None if pane is None else pane.nearest_point(*point)
        return next((found for pane in panes if (found := pane.frame_point(*point)) is not None), None)

    def _follow(self, time: float, carried: Sequence[CarriedHeat]) -> None:
        """Take note of what the networks say now, whatever is shown of it."""
        answer = self._carrier.answer
        if answer is None or not carried:
            self._bars.clear()
            return
        for model in set(answer.models):
            explanation = answer.explanations[answer.models.index(model)]
            bars = self._bars.setdefault(model, Bars(0) if self._single else Bars())
            believed = LABEL_HOLDS if explanation.task == "multi-label" else UNSURE
            bars.see(explanation.top, time, believed=believed)
        first, target = self._bars[answer.models[0]], answer.first.target
        self._is_classifier = answer.first.task != "values"
        if self._is_classifier:
            self._history.see(time, first.shown[0] if first.shown and first.sure else None)
        else:
            self._curve.see(time, target.label, target.value)
        self._board.see(answer.channels, time)

    def _scenes(self, panes: Sequence[Pane], carried: Sequence[CarriedHeat]) -> list[Scene]:
        if not carried:
            return [Scene(pane, None) for pane in panes]
        if self.look.view == "side":
            return [Scene(panes[0], None), Scene(panes[1], carried[0])]
        return [
            Scene(pane, heat, self._words(self._name(number, heat)))
            for number, (pane, heat) in enumerate(zip(panes, carried, strict=False))
        ]

    def _name(self, number: int, heat: CarriedHeat) -> str:
        """Return what tells a pane from the others."""
        explanation = heat.explanation
        if heat.stale and self.look.view == "targets":
            return ""
        match self.look.view:
            case "methods":
                return explanation.method
            case "targets":
                name = named(explanation.target, explanation.values)
                return name if explanation.has_evidence else f"{name}: {without_heat(explanation)}"
            case "models":
                model = self._model(number)
                return self._models[model] if model < len(self._models) else f"model {model + 1}"
            case _:
                return ""

    def _model(self, number: int) -> int:
        """Return which model an explanation is by."""
        answer = self._carrier.answer
        return 0 if answer is None else answer.models[number]

    def _label(
        self, picture: Pixels, scenes: list[Scene], first: CarriedHeat, free: Region | None, time: float
    ) -> list[Scene]:
        """Draw the label plates, and return the scenes with the places of those that lie in them."""
        match self.look.view:
            case "targets":
                return scenes  # their names say it
            case "models":
                return [
                    replace(
                        scene, plate=self._plate_onto(picture, scene.pane.cell, scene.heat or first, number)
                    )
                    for number, scene in enumerate(scenes)
                ]
            case "methods" if free is not None:
                self._plate_onto(picture, free, first)
                return scenes
        # Among four panes the plate lies in the lower left one, and there is no room for a chart.
        lowest = 2 if len(scenes) == MOST_PANES else 0
        left, top, _, height = scenes[lowest].pane.cell
        right = picture.shape[1] if self.look.view != "channels" else scenes[0].pane.cell[2]
        cell = (left, top, right - left, height)  # a long name may reach into the pane beside
        charted = len(scenes) < MOST_PANES
        if self._single:  # there was no picture before it that tells how large the plate is
            self._plate = self._plate_onto(np.empty_like(picture), cell, first, charted=charted)
        if self._plate is not None:
            x, y, wide, high = self._plate
            mirrored = 2 * cell[0] + cell[2] - x - wide, y, wide, high
            is_right = x > mirrored[0]
            corners = (mirrored, self._plate) if is_right else (self._plate, mirrored)
            self._corner.see(
                time, *(max(hidden_share(each, corner) for each in scenes) for corner in corners)
            )
        right = self._corner.right and not self.look.scale_bar  # which stands in the lower right
        self._plate = self._plate_onto(picture, cell, first, charted=charted, right=right)
        return [replace(each, plate=self._plate) for each in scenes]

    def _plate_onto(
        self,
        picture: Pixels,
        cell: Region,
        heat: CarriedHeat,
        number: int = 0,
        *,
        charted: bool = True,
        right: bool = False,
    ) -> Region | None:
        """Draw the label plate of an explanation into a part of the canvas; return its place on the canvas."""
        explanation, bars = heat.explanation, self._bars[self._model(number)]
        caption = caption_of(explanation, bars.shown, sure=bars.sure, weak=heat.weak)
        caption = translated(caption, self._words)
        target = explanation.target
        marked = None if isinstance(target, Value) else target.class_id
        if (
            explanation.automatic
        ):  # the row that the name stands for; where it is not sure, none in particular
            marked = bars.shown[0].class_id if bars.sure and bars.shown else None
        room = part_of(picture, cell)
        whole = self.look.view in ("one", "channels", "history")
        side = round((1.0 if whole else _SMALL_PLATE) * min(picture.shape[:2]))
        chart = bars.shown if charted else ()
        plate = draw_plate_onto(room, caption, chart, marked=marked, side=side, right=right)
        return None if plate is None else (plate[0] + cell[0], plate[1] + cell[1], plate[2], plate[3])

    def _fill(self, panel: Pixels) -> None:
        """Draw what stands beside the panes: the channels, or nothing yet."""
        answer = self._carrier.answer
        if self.look.view == "channels" and answer is not None:
            code = colormap_code(self.look.colormap)
            draw_channels_onto(panel, self._board.shown, code, answer.first.layer)
        else:
            fill_onto(panel)

    def _draw_scale_onto(self, picture: Pixels) -> Region | None:
        look = self.look
        return draw_scale_bar_onto(
            picture,
            colormap_code(look.colormap),
            style=look.style,
            kept=kept_at(look.alpha),
            title=self._words("heat"),
        )


def _moved_up(region: Region, rows: int) -> Region:
    return region[0], region[1] - rows, region[2], region[3]


def _with_header(header: Pixels, scenes: Sequence[Scene], overlay: Overlay) -> tuple[Overlay, Region | None]:
    """Draw the header above several panes.

    Returns:
        The overlay without what stands there, and the place of the sign that the picture stands still.
    """
    top = header.shape[0]
    names = [(scene.name, scene.pane.cell[0]) for scene in scenes if scene.pane.cell[1] == top]
    line = " · ".join(filter(None, (overlay.busy, overlay.notice, overlay.chosen)))
    pause = draw_header_onto(header, names, line, frozen=overlay.frozen)
    return replace(overlay, busy=None, notice=None, chosen="", frozen=False), pause
