"""The things that the windows of a scan recognise, and the windows whose heat shows each of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from live_gradcam.explanation import Explanation, FoundThing, Region
from live_gradcam.heatmap import HeatPlace, heat_place
from live_gradcam.prediction import Prediction

_FURTHER = 0.4
"""The probability from which a further thing counts, besides the first: six windows have six chances to be wrong.
In 180 frames of one to three photographs, 36% of the wrong further names were below it, and 4% of the right ones."""

_SAME_PLACE = 0.3
"""Hot places also meet if their boxes share this part of the smaller one."""

_AT_EDGE = 1 / 64
"""A hot place that ends this near to an edge of its window, as a share of its length, is cut there."""


def recognised(
    explanations: Sequence[Explanation], area: Region
) -> tuple[list[FoundThing], list[Explanation]]:
    """Return the recognised things, the most probable first, and the windows whose heat shows them.

    Windows that give one name to places that meet see the same thing; a window that sees several things of one name at
    once adds nothing. A window that gives another name to a place does not count if it is less sure of it. Each name is
    given once; at its further places there is heat only.
    """
    sights: list[_Sight] = []
    for each in sorted(explanations, key=certainty, reverse=True):
        best, needed = each.best, max(each.needed, _FURTHER) if sights else each.needed
        if best is None or certainty(each) < needed:
            break
        place = (
            heat_place(each.heatmap, each.region, each.inset) if each.has_evidence and is_own(each) else None
        )
        if place is None:
            continue
        met = [sight for sight in sights if any(_meet(place, other) for _, other in sight.views)]
        same = [sight for sight in met if sight.name.class_id == best.class_id]
        several = sum(sight.is_whole(area) for sight in same) > 1
        if (same or not met) and not several:
            views = [view for sight in same for view in sight.views] + [(each, place)]
            views.sort(key=lambda view: certainty(view[0]), reverse=True)
            sights = [sight for sight in sights if sight not in same] + [_Sight(views)]
    sights.sort(key=lambda sight: certainty(sight.views[0][0]), reverse=True)
    things: list[FoundThing] = []
    windows: list[Explanation] = []
    for sight in sights:
        seen, place = sight.shown(area)
        windows += seen
        if sight.name.class_id not in {thing.prediction.class_id for thing in things}:
            things.append(FoundThing(sight.name, place.centre, place.box))
    return things, windows


def is_own(explanation: Explanation) -> bool:
    """Return whether a window explains its own most probable class."""
    best, target = explanation.best, explanation.target
    own = best is not None and isinstance(target, Prediction) and target.class_id == best.class_id
    return explanation.automatic and own


def certainty(explanation: Explanation) -> float:
    """Return the highest probability in a window; minus infinity if its network gives NaN."""
    return -math.inf if explanation.best is None else explanation.best.probability or 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Sight:
    """A thing as one or several windows see it."""

    views: list[tuple[Explanation, HeatPlace]]
    """The windows, the surest first, and the hot place in each."""

    @property
    def name(self) -> Prediction:
        """Its class, with the probability in the surest window."""
        best = self.views[0][0].best
        assert best is not None
        return best

    def is_whole(self, area: Region) -> bool:
        """Return whether a window sees all of it."""
        return any(not _cut(place, window.region, area) for window, place in self.views)

    def shown(self, area: Region) -> tuple[list[Explanation], HeatPlace]:
        """Return the windows whose heat shows the thing, and its place.

        The surest window that sees it whole shows it best: at the edge of a window, heat spreads beyond a thing that is
        cut there. If all windows cut it, each shows a part.
        """
        for window, place in self.views:
            if not _cut(place, window.region, area):
                return [window], place
        boxes = np.array([place.box for _, place in self.views])
        left, top = boxes[:, :2].min(axis=0).tolist()
        right, bottom = (boxes[:, :2] + boxes[:, 2:]).max(axis=0).tolist()
        windows = [window for window, _ in self.views]
        return windows, HeatPlace(self.views[0][1].centre, (left, top, right - left, bottom - top))


def _cut(place: HeatPlace, window: Region, area: Region) -> bool:
    """Return whether a hot place reaches an edge of its window that is no edge of the scanned area."""
    for axis in (0, 1):
        begin, end = window[axis], window[axis] + window[axis + 2]
        near = _AT_EDGE * window[axis + 2]
        if begin > area[axis] and place.box[axis] - begin <= near:
            return True
        if end < area[axis] + area[axis + 2] and end - place.box[axis] - place.box[axis + 2] <= near:
            return True
    return False


def _meet(one: HeatPlace, other: HeatPlace) -> bool:
    """Return whether the centre of one place lies in the box of the other, or the boxes share enough."""

    def holds(box: Region, point: tuple[float, float]) -> bool:
        return box[0] <= point[0] < box[0] + box[2] and box[1] <= point[1] < box[1] + box[3]

    sides = [
        min(one.box[axis] + one.box[axis + 2], other.box[axis] + other.box[axis + 2])
        - max(one.box[axis], other.box[axis])
        for axis in (0, 1)
    ]
    shared = max(0, sides[0]) * max(0, sides[1])
    smaller = min(one.box[2] * one.box[3], other.box[2] * other.box[3])
    return holds(one.box, other.centre) or holds(other.box, one.centre) or shared >= _SAME_PLACE * smaller
