"""The fit `scan`: windows that cover a frame at two scales, and their explanations laid together into one.

The network sees each window as if it were a picture of its own, so a thing is found anywhere in the frame, and a small
thing is seen at the size that the network was trained with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.input_fitting import size_of
from live_gradcam.explain.map_geometry import laying_matrix
from live_gradcam.explain.question_parts import inside
from live_gradcam.explain.recognised_things import certainty, is_own, recognised
from live_gradcam.explanation import WHOLE, Explanation, HeatMap, Region
from live_gradcam.frame import Pixels
from live_gradcam.models.remembered_model import KnownModel
from live_gradcam.prediction import Target, Value
from live_gradcam.question import Answer, Question

AT_ONCE = 6
"""How many windows go through the network in one run: a frame of 16:9 has six."""

_APART = 0.8
"""Neighbouring large windows are at most this share of their length apart. More of them, and more small ones, name no
more things: docs/performance.md, "The whole frame"."""

_SMALL, _SMALL_APART = 5 / 9, 0.75
"""Size of the small windows as a share of the large ones', and how far apart they are at most."""

_MOST_WINDOWS = 64
"""A frame that needs more is refused: it is many times as long as it is wide."""

_FADES = 0.15
"""Over which part of its length a window's heat falls to zero at an edge."""

_POINTS_PER_CELL, _MOST_POINTS = 3, 256
"""Points of the common map for each cell of the finest map, and the most along its longer side."""


def scanned(
    images: Sequence[Pixels],
    questions: Sequence[Question],
    models: Sequence[KnownModel],
    ask: Callable[[Sequence[Pixels], Sequence[Question]], list[Answer]],
) -> list[Answer]:
    """Answer questions about pictures by asking about all windows of each picture.

    Args:
        images: pictures, (H, W, 3) uint8 BGR each.
        questions: one for each picture, about the same models.
        models: the models that questions are about.
        ask: answers questions about windows, which are areas of the pictures: at most `AT_ONCE` of one model.

    Raises:
        LiveGradcamError: a picture is too long for its width, or the network gives values.
    """
    areas = [inside(question.area, size_of(image)) for image, question in zip(images, questions, strict=True)]
    found: dict[tuple[int, int], list[Answer]] = {}
    for model in dict.fromkeys(questions[0].models):
        windows = [
            (picture, window)
            for picture, area in enumerate(areas)
            for window in windows_over(area, models[model].input_size)
        ]
        for first in range(0, len(windows), AT_ONCE):
            batch = windows[first : first + AT_ONCE]
            about = [_about(questions[picture], model, window) for picture, window in batch]
            for (picture, _), answer in zip(
                batch, ask([images[each] for each, _ in batch], about), strict=True
            ):
                found.setdefault((picture, model), []).append(answer)
                if answer.first.values:
                    raise LiveGradcamError(
                        f"fit 'scan' looks for classes, and {models[model].name} gives values. Use fit 'crop', or "
                        "'wide' for the whole frame."
                    )
    return [
        _together(question, area, [found[picture, model] for model in question.models])
        for picture, (question, area) in enumerate(zip(questions, areas, strict=True))
    ]


def _about(question: Question, model: int, window: Region) -> Question:
    """Return the question about a window for one model; layer and channels belong to the first model."""
    own = replace(question, models=(model,), area=window)
    return own if model == question.models[0] else replace(own, layer=None, channels=0)


def _together(question: Question, area: Region, found: Sequence[Sequence[Answer]]) -> Answer:
    """Return the answer about a whole picture from each model's answers about its windows."""
    explanations, channels = [], []
    for answers in found:
        for same in zip(*(answer.explanations for answer in answers), strict=True):
            explanation, deciding = laid_together(same, area)
            explanations.append(explanation)
            channels.append(answers[deciding].channels)
    return Answer(question, tuple(explanations), channels[0])


@lru_cache(maxsize=64)
def windows_over(area: Region, input_size: tuple[int, int]) -> tuple[Region, ...]:
    """Return the windows of a scan: large ones that cover the area, and a row of small ones along its middle.

    Args:
        area: (x, y, width, height) of the part of the frame to scan, in pixels.
        input_size: (height, width) of the network's input; the windows have its aspect.

    Returns:
        (x, y, width, height) of each window, in pixels of the frame.

    Raises:
        LiveGradcamError: the area is too long for its width.
    """
    _, _, width, height = area
    rows, columns = input_size
    scale = min(width / columns, height / rows)
    windows = []
    for share, apart in ((1.0, _APART), (_SMALL, _SMALL_APART)):
        size = tuple(max(1, round(share * scale * side)) for side in (columns, rows))
        windows += _row_of(area, (min(size[0], width), min(size[1], height)), apart)
    if len(windows) > _MOST_WINDOWS:
        raise LiveGradcamError(
            f"fit 'scan' covers a frame with at most {_MOST_WINDOWS} windows of the network's aspect, and "
            f"{width}×{height} pixels need {len(windows)}. Use fit 'crop' or 'pad', or cut out the part that matters."
        )
    return tuple(windows)


def laid_together(explanations: Sequence[Explanation], area: Region) -> tuple[Explanation, int]:
    """Return one explanation of an area from the explanations of its windows.

    If each window explains its own most probable class, the window with the highest probability decides the prediction,
    and the heat is that of all recognised things (`recognised`), or of the deciding window if there are none. If all
    explain one target, the window where that is most probable decides, and the heat is that of all windows. At each
    point the raw map has the largest value of these windows, so all heat is on one scale. The values of a window fall
    to zero towards an edge that is no edge of the area, because what lies there is cut.

    Args:
        explanations: of the same method and target, one for each window.
        area: (x, y, width, height) of the scanned part of the frame, in pixels.

    Returns:
        The explanation, and the number of the window that decided the prediction.
    """
    figure = _figure if len({_class_of(each.target) for each in explanations}) == 1 else certainty
    deciding = max(range(len(explanations)), key=lambda number: figure(explanations[number]))
    best = explanations[deciding]
    things = None
    if is_own(best):
        found, parts = recognised(explanations, area)
        things, parts = tuple(found), parts or [best]
    else:
        parts = [each for each in explanations if _class_of(each.target) == _class_of(best.target)]
    raw = np.zeros(_points(explanations, area), np.float32)
    for each in parts:
        if each.has_evidence:
            np.maximum(raw, _laid(each, area, raw.shape), out=raw)
    peak = raw.max()
    merged = replace(
        best,
        heatmap=raw / peak if peak > 0 else np.zeros_like(raw),
        raw_heatmap=raw,
        has_evidence=bool(peak > 0),
        region=area,
        inset=WHOLE,
        is_finite=any(each.is_finite for each in explanations),
        things=things,
    )
    return merged, deciding


def _row_of(area: Region, size: tuple[int, int], apart: float) -> list[Region]:
    """Return windows of a size along the longer way through the middle of an area."""
    x, y, width, height = area
    across = width * size[1] >= height * size[0]
    room, side = (width - size[0], size[0]) if across else (height - size[1], size[1])
    count = 1 + math.ceil(room / (apart * side) - 1e-9)
    middle = (height - size[1]) // 2 if across else (width - size[0]) // 2
    places = [round(room * number / max(1, count - 1)) for number in range(count)]
    return [(x + place, y + middle, *size) if across else (x + middle, y + place, *size) for place in places]


def _figure(explanation: Explanation) -> float:
    """Return the probability of a window's target, or the value of a score function."""
    target = explanation.target
    number = target.value if isinstance(target, Value) else target.probability
    return -math.inf if number is None else float(number)


def _class_of(target: Target) -> int | str:
    """Return what targets of the same meaning have in common: the class, or the name of a score function."""
    return target.label if isinstance(target, Value) else target.class_id


def _points(explanations: Sequence[Explanation], area: Region) -> tuple[int, int]:
    """Return the (rows, columns) of the common map: somewhat finer than the finest of the maps."""
    _, _, width, height = area
    cells = [
        (extent[1] - extent[0]) / number
        for each in explanations
        for extent, number in zip(_extent(each), reversed(each.raw_heatmap.shape), strict=True)
    ]
    pitch = max(min(cells) / _POINTS_PER_CELL, max(width, height) / _MOST_POINTS)
    return max(1, round(height / pitch)), max(1, round(width / pitch))


def _extent(explanation: Explanation) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return where a whole map begins and ends, across and down, in pixels of the frame."""
    ends = []
    for axis in (0, 1):
        begin, length = explanation.region[axis], explanation.region[axis + 2]
        first, last = explanation.inset[axis], explanation.inset[axis + 2]
        pixels = length / (last - first)
        ends.append((begin - first * pixels, begin + (1 - first) * pixels))
    return ends[0], ends[1]


def _laid(explanation: Explanation, area: Region, points: tuple[int, int]) -> HeatMap:
    """Return the raw map of a window, interpolated linearly over the common map, and faded at the window's edges."""
    raw, region = explanation.raw_heatmap, explanation.region
    across, down = _extent(explanation)
    columns, rows = (
        _matrix(
            raw.shape[1 - axis],
            extent,
            points[1 - axis],
            (area[axis], area[axis] + area[axis + 2]),
            (region[axis], region[axis] + region[axis + 2]),
        )
        for axis, extent in enumerate((across, down))
    )
    return np.asarray(rows @ raw @ columns.T, np.float32)


@lru_cache(maxsize=256)
def _matrix(
    cells: int,
    extent: tuple[float, float],
    points: int,
    span: tuple[int, int],
    window: tuple[int, int],
) -> npt.NDArray[np.float32]:
    """Return the matrix (points, cells) that lays one axis of a map over the area's `span`, faded within the window."""
    matrix = laying_matrix(cells, extent, points, span, fading=True)
    places = span[0] + (np.arange(points) + 0.5) / points * (span[1] - span[0])
    ramp = _FADES * (window[1] - window[0])
    weight = np.ones(points)
    if window[0] > span[0]:
        weight *= np.clip((places - window[0]) / ramp, 0.0, 1.0)
    if window[1] < span[1]:
        weight *= np.clip((window[1] - places) / ramp, 0.0, 1.0)
    return np.asarray(matrix * weight[:, None], np.float32)
