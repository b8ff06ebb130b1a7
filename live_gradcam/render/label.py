"""The label: smoothly animated predictions, and the plates that they are drawn on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.number_format import UNSURE
from live_gradcam.prediction import Prediction, Value
from live_gradcam.question import Answer
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.canvas import part_of
from live_gradcam.render.caption import Caption, caption_of, translated
from live_gradcam.render.heat_tracking import TrackedHeat
from live_gradcam.render.label_plate import Corner, draw_plate_onto
from live_gradcam.render.pane_contents import PaneContent, hidden_share
from live_gradcam.render.panes import MOST_PANES
from live_gradcam.translations import Words

_SMALL_PLATE = 0.75
"""Size of a plate beside several panes, relative to a single picture's, so that it hides less."""


class Label:
    """Chart bars and caption of every model, and the place of the plate.

    Args:
        words: translates texts.
        single: whether each picture is independent, so that nothing is animated.
    """

    def __init__(self, words: Words, *, single: bool) -> None:
        self._words = words
        self._single = single
        self._bars: dict[int, Bars] = {}
        self._corner = Corner(at_once=single)
        self.plate: Region | None = None
        """(x, y, width, height) on the canvas of a single picture's plate; None until there is one."""

    @property
    def rows(self) -> tuple[Prediction, ...]:
        """The rows of the first model's chart, the first on top; empty if there is none."""
        return self._bars[0].shown if 0 in self._bars else ()

    def first(self, model: int) -> Prediction | None:
        """Return the class that a model's plate names; None if it is not sure."""
        bars = self._bars[model]
        return bars.shown[0] if bars.shown and bars.sure else None

    def clear(self) -> None:
        """Remove all predictions: the scene has changed."""
        self._bars.clear()

    def update(self, answer: Answer, time: float) -> None:
        """Advance to a frame with the newest answer, at a time in seconds."""
        for model in set(answer.models):
            explanation = answer.explanations[answer.models.index(model)]
            bars = self._bars.setdefault(model, Bars(0) if self._single else Bars())
            bars.update(explanation.top, time, believed=explanation.needed)

    def caption(self, heat: TrackedHeat, model: int) -> Caption:
        """Return the translated caption of an explanation."""
        bars = self._bars[model]
        caption = caption_of(heat.explanation, bars.shown, sure=bars.sure, weak=heat.weak)
        return translated(caption, self._words)

    def draw_onto(
        self,
        picture: Pixels,
        contents: Sequence[PaneContent],
        first: TrackedHeat,
        models: Sequence[int],
        appearance: Appearance,
        time: float,
        *,
        side: int,
        avoid: Region | None = None,
    ) -> list[PaneContent]:
        """Draw the plates, in place: one for each model, or one for all panes.

        Args:
            picture: (H, W, 3) uint8 BGR: the part of the canvas that plates may cover.
            contents: the panes and their content.
            first: the heat of the answer's first explanation.
            models: the index of the model of each content's explanation.
            appearance: how the picture is drawn.
            time: of the frame, in seconds.
            side: length in pixels that the letters are sized by.
            avoid: (x, y, width, height) of the scale bar at the right, which no plate may cover; None: there is none.

        Returns:
            The contents, with the plates that lie in them.
        """
        small = appearance.view in ("side", "methods", "targets", "models")
        side = round((_SMALL_PLATE if small else 1.0) * side)
        if appearance.view == "models":
            return [
                replace(
                    content,
                    plate=self._draw_one_onto(
                        picture, _beside(content.pane.cell, avoid), content.heat or first, model, side
                    ),
                )
                for content, model in zip(contents, models, strict=False)
            ]
        # With four panes the plate lies in the lower left one, and there is no room for a chart.
        lowest = 2 if len(contents) == MOST_PANES else 0
        left, top, _, height = contents[lowest].pane.cell
        end = (
            picture.shape[1] if appearance.view not in ("channels", "concepts") else contents[0].pane.cell[2]
        )
        # A long name may extend into the next pane.
        cell = _beside((left, top, end - left, height), avoid)
        # Concepts colour the whole picture, and have a legend of their own.
        charted = len(contents) < MOST_PANES and appearance.view != "concepts"
        model = models[0]
        if self._single:  # no previous picture tells the plate's size
            self.plate = self._draw_one_onto(
                np.empty_like(picture), cell, first, model, side, charted=charted
            )
        if self.plate is not None:
            x, y, wide, high = self.plate
            mirrored = 2 * cell[0] + cell[2] - x - wide, y, wide, high
            is_right = x > mirrored[0]
            corners = (mirrored, self.plate) if is_right else (self.plate, mirrored)
            self._corner.update(
                time, *(max(hidden_share(each, corner) for each in contents) for corner in corners)
            )
        # The scale bar is at the lower right; in the view `side` the right pane has the heat.
        right = self._corner.right and not appearance.scale_bar and appearance.view != "side"
        self.plate = self._draw_one_onto(picture, cell, first, model, side, charted=charted, right=right)
        return [replace(each, plate=self.plate) for each in contents]

    def _draw_one_onto(
        self,
        picture: Pixels,
        cell: Region,
        heat: TrackedHeat,
        model: int,
        side: int,
        *,
        charted: bool = True,
        right: bool = False,
    ) -> Region | None:
        """Draw the plate of an explanation into a cell of the canvas; return its place on the canvas."""
        explanation, bars = heat.explanation, self._bars[model]
        target = explanation.target
        marked = None if isinstance(target, Value) else target.class_id
        if explanation.automatic:
            # The row of the named class; no row if the network is not sure.
            named = self.first(model)
            marked = None if named is None else named.class_id
        plate = draw_plate_onto(
            part_of(picture, cell),
            self.caption(heat, model),
            bars.shown if charted else (),
            marked=marked,
            side=side,
            right=right,
        )
        return None if plate is None else (plate[0] + cell[0], plate[1] + cell[1], plate[2], plate[3])


def _beside(cell: Region, avoid: Region | None) -> Region:
    """Return the part of a cell that is left of a plate at its right."""
    left, top, width, height = cell
    return cell if avoid is None or avoid[0] <= left else (left, top, min(width, avoid[0] - left), height)


SHOWN = 5

DEFAULT_SECONDS = 0.15
"""Time constant of a bar: after it, 63% of a change is visible."""

_LEAD = 0.01
"""Probability by which a class must exceed the one above it to swap places, so that similar rows stay in place."""

_GONE = 0.002
_LONGEST_STEP = 2.0
"""Seconds; after a longer gap, bars jump to their values."""

_Class = tuple[int, str]


class Bars:
    """The top classes of a chart, animated by frame time.

    Args:
        seconds: time constant of a bar; 0 for no animation.
    """

    def __init__(self, seconds: float = DEFAULT_SECONDS) -> None:
        self._seconds = seconds
        self._goals: dict[_Class, float] = {}
        self._values: dict[_Class, float] = {}
        """In the order of the rows; includes classes that are not shown."""
        self._time: float | None = None
        self._sure = True
        self._fixed: tuple[Prediction, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether the first class's displayed probability is high enough to name it."""
        return self._sure

    @property
    def shown(self) -> tuple[Prediction, ...]:
        """The displayed top classes, at most five, the first on top."""
        if self._fixed:
            return self._fixed
        rows = list(self._values.items())[:SHOWN]
        return tuple(Prediction(class_id, label, value) for (class_id, label), value in rows)

    def update(self, top: Sequence[Prediction], time: float, *, believed: float = UNSURE) -> None:
        """Advance to a frame.

        The same time again, or an earlier one, moves the bars to their values at once, because the picture is frozen or
        starts anew.

        Args:
            top: the newest top classes, best first.
            time: of the frame, in seconds.
            believed: the probability from which the first class is named.
        """
        self._fixed = tuple(each for each in top if each.probability is None)[:SHOWN]
        self._goals = {
            (each.class_id, each.label): each.probability for each in top if each.probability is not None
        }
        step = None if self._time is None else time - self._time
        self._time = time
        if step is None or self._seconds == 0 or not 0 < step <= _LONGEST_STEP or not self._values:
            self._values = dict(sorted(self._goals.items(), key=lambda item: -item[1]))
        else:
            self._move(1.0 - math.exp(-step / self._seconds))
        self._sure = self._first >= believed

    @property
    def _first(self) -> float:
        return next(iter(self._values.values()), 1.0)

    def _move(self, share: float) -> None:
        """Move each bar this share of its way, and let longer bars pass those above them."""
        values = {
            each: value + (self._goals.get(each, 0.0) - value) * share for each, value in self._values.items()
        }
        values = {each: value for each, value in values.items() if value > _GONE or each in self._goals}
        values |= {each: goal * share for each, goal in self._goals.items() if each not in values}
        rows: list[_Class] = []
        for each, value in values.items():
            place = len(rows)
            while place > 0 and value > values[rows[place - 1]] + _LEAD:
                place -= 1
            rows.insert(place, each)
        self._values = {each: values[each] for each in rows}
