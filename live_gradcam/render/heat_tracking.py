"""Heat tracking: the newest answer's heat, moved along with the picture until the next answer comes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from live_gradcam.errors import RenderError
from live_gradcam.explanation import Explanation, HeatMap
from live_gradcam.fixed_choices import Following
from live_gradcam.frame import Frame
from live_gradcam.question import Answer, ConceptMaps
from live_gradcam.render.heat_displacement import HeatDisplacements
from live_gradcam.render.heat_smoothing import WEAK, Heat, HeatSmoothing
from live_gradcam.render.heat_warnings import HeatWarnings
from live_gradcam.render.motion import Motion, sampled
from live_gradcam.render.thing_names import ThingName, followed, moved, names_of


@dataclass(frozen=True, slots=True, eq=False)
class TrackedHeat:
    """Heat to draw on the current frame."""

    explanation: Explanation
    """The newest explanation, usually of an earlier frame."""

    index: int
    """Index of the explained frame."""

    captured_at: float
    """`Frame.captured_at` of the explained frame."""

    heatmap: HeatMap
    """(h, w) float32 in [0, 1]: the heat moved to the current frame, over `explanation.region`."""

    opacity: float
    """In [0, 1], a factor of the appearance's alpha. Below 1 if the network is not sure or the evidence fades; 0 if the
    scene has changed since."""

    stale: bool = False
    """Whether the scene has changed since, so that the explanation is about another scene."""

    weak: bool = False
    """Whether the heat is weak compared with recently recognised things."""

    names: tuple[ThingName, ...] = ()
    """The names of the recognised things, moved to the current frame; only if the frame was scanned."""

    def heat_at(self, x: int, y: int) -> float | None:
        """Return the heat at a point of the frame, in [0, 1]; None outside the region that the network saw."""
        left, top, width, height = self.explanation.region
        if not (left <= x < left + width and top <= y < top + height):
            return None
        rows, columns = self.heatmap.shape
        place = [(x + 0.5 - left) * columns / width - 0.5, (y + 0.5 - top) * rows / height - 0.5]
        return self.opacity * float(sampled(self.heatmap, np.array([[place]], np.float32))[0, 0])


class HeatTracker:
    """Moves one or several heat maps along with the picture, and smooths them.

    It is not thread-safe. Call `track` for every shown frame, in order, and `add_answer` whenever an answer arrives,
    before the next `track`:

        tracker.add_answer(frame_that_was_explained, answer)
        tracked = tracker.track(frame)

    An answer may be about a frame that was seen before, that is seen next, or that is never seen. Answers that are
    older than the newest one, or from before a cut, are ignored. The motion is computed once for all heat maps.

    Args:
        motion: `on`, or `off` to keep the heat in place until the next answer.
        smoothing: how heat is smoothed.

    Raises:
        RenderError: `motion` is invalid.
    """

    def __init__(self, *, motion: Following = "on", smoothing: HeatSmoothing | None = None) -> None:
        if motion not in get_args(Following):
            raise RenderError(f"motion is '{motion}'. Valid: {', '.join(get_args(Following))}.")
        self._motion = Motion() if motion == "on" else None
        self._smoothing = smoothing or HeatSmoothing()
        self._waiting: tuple[Frame, Answer] | None = None
        self._newest: _NewestAnswer | None = None
        self._cut = False
        self.warnings = HeatWarnings()
        self.concepts: ConceptMaps | None = None
        """The concepts of the answer, moved to the newest frame; None if there are none."""

    @property
    def answer(self) -> Answer | None:
        """The answer whose heat is tracked."""
        return None if self._newest is None else self._newest.answer

    def cut(self) -> None:
        """Start a new scene: no heat is drawn until it has been explained."""
        self._cut = self._newest is not None
        self._waiting = None
        self.warnings.cut()
        if self._motion is not None:
            self._motion = Motion()

    def add_answer(self, frame: Frame, answer: Answer) -> None:
        """Add an answer.

        Args:
            frame: the explained frame.
            answer: the answer about it.
        """
        motion, newest = self._motion, self._newest
        if motion is None:
            self._take(frame, answer, kept=not self._cut)
        elif motion.newest is None or frame.index > motion.newest:
            self._waiting = (frame, answer)
        elif motion.reaches(frame.index):
            displacement = motion.refer_to(frame.index, frame.pixels)
            if newest is None or displacement is None or newest.size != frame.size or self._cut:
                self._take(frame, answer, kept=False)
            else:
                self._take(frame, answer, HeatDisplacements(displacement, newest.size))

    def track(self, frame: Frame) -> tuple[TrackedHeat, ...]:
        """Advance to the next shown frame.

        Args:
            frame: newer than all frames before; an older one begins a new scene.

        Returns:
            Its heat, for each explanation of the answer; empty until a frame of its size was explained.
        """
        motion = self._motion
        if motion is not None:
            if self._waiting is not None and self._waiting[0].index <= frame.index:
                waiting, answer = self._waiting
                self._waiting = None
                motion.add_frame(waiting.index, waiting.pixels)
                self.add_answer(waiting, answer)
            motion.add_frame(frame.index, frame.pixels)
        newest = self._newest
        self.concepts = None
        if newest is None or newest.size != frame.size:
            return ()
        moving = motion is not None and newest.index != frame.index and not self._cut
        displacement = motion.displacement() if motion is not None and moving else None
        displaced = None if displacement is None else HeatDisplacements(displacement, newest.size)
        if not (self._cut or (moving and displaced is None)):
            self.concepts = _moved_concepts(newest.answer.concepts, displaced)
        tracked = []
        for each in newest.heats:
            heatmap, opacity, names = each.heat.heatmap, each.heat.opacity, each.names
            if displaced is not None:
                heatmap, names = (
                    displaced.moved(heatmap, each.explanation.region),
                    moved(names, displaced.shift),
                )
            stale = displaced is None and (moving or self._cut)
            tracked.append(
                TrackedHeat(
                    each.explanation,
                    newest.index,
                    newest.captured_at,
                    heatmap,
                    0.0 if stale else opacity,
                    stale,
                    each.heat.strength < WEAK,
                    tuple(name for name in names if name.visible and not stale),
                )
            )
        return tuple(tracked)

    def _take(
        self, frame: Frame, answer: Answer, displaced: HeatDisplacements | None = None, *, kept: bool = True
    ) -> None:
        """Smooth an answer with the previous heat and names, which `displaced` moves to this frame, if they count."""
        heats = []
        for place, (model, explanation) in enumerate(zip(answer.models, answer.explanations, strict=True)):
            before = self._before(place, model, explanation)
            things, at = explanation.things or (), frame.time
            if before is None:
                heats.append(
                    _MapState(explanation, model, self._smoothing.heat(explanation, at), names_of(things))
                )
                continue
            heatmap: HeatMap | None = None
            confidence: HeatMap | float = float(kept)
            if displaced is not None:
                region = before.explanation.region
                heatmap, confidence = displaced.with_confidence(before.heat.heatmap, region)
            if heatmap is not None and place == 0:
                self.warnings.compare(explanation, before.explanation, heatmap, confidence, at)
            heat = self._smoothing.heat(explanation, at, before.heat, moved=heatmap, confidence=confidence)
            names = names_of(things)
            if kept and self._smoothing.seconds > 0:
                earlier = before.names if displaced is None else moved(before.names, displaced.shift)
                names = followed(earlier, things, at - before.heat.at)
            heats.append(_MapState(explanation, model, heat, names))
        self._newest = _NewestAnswer(answer, tuple(heats), frame.index, frame.captured_at, frame.size)
        self._cut = False

    def _before(self, place: int, model: int, explanation: Explanation) -> _MapState | None:
        """Return the previous heat of the same target, else the heat in the same place; None if there is none."""
        if self._newest is None:
            return None
        heats = [each for each in self._newest.heats if each.model == model]
        for each in heats:
            same_method = each.explanation.method == explanation.method
            if same_method and each.explanation.target.label == explanation.target.label:
                return each
        return next((each for each in self._newest.heats[place : place + 1] if each.model == model), None)


def _moved_concepts(concepts: ConceptMaps | None, displaced: HeatDisplacements | None) -> ConceptMaps | None:
    """Return concepts moved along with the picture."""
    if concepts is None or displaced is None:
        return concepts
    moved_maps = [displaced.moved(each, concepts.region) for each in concepts.strengths]
    return replace(concepts, strengths=np.stack(moved_maps))


@dataclass(frozen=True, slots=True, eq=False)
class _MapState:
    """One explanation, its model's index, its heat, and the names of its things."""

    explanation: Explanation
    model: int
    heat: Heat
    names: tuple[ThingName, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _NewestAnswer:
    """The newest answer and its heat, with the frame's data except its pixels."""

    answer: Answer
    heats: tuple[_MapState, ...]
    index: int
    captured_at: float
    size: tuple[int, int]
