"""The demo is a show worth looking at: what lies in its viewfinder is recognised, and the heat lies on it."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pytest
from nonobjects import nonobjects

import live_gradcam as lg
from live_gradcam.render.heat_smoothing import Heat, HeatSmoothing
from live_gradcam.sources.demo.demo import DemoSource, GroundTruth
from live_gradcam.sources.demo.desk import find_photographs

EVERY = 10
"""Of this many frames one is looked at."""


@dataclass(frozen=True, slots=True)
class Tally:
    looked_at: int
    alone: int
    """Frames with exactly one thing wholly in the viewfinder."""

    largest: float
    """Of its boxes, as a part of the frame's area."""

    recognised: int
    heat_within: int
    """Of the recognised, those with the heat's peak in the box."""


@pytest.fixture(scope="module")
def explainer() -> lg.Explainer:
    return lg.Explainer(lg.load_model("efficientnet-lite0"))


def thing_in_viewfinder(truths: tuple[GroundTruth, ...], size: tuple[int, int]) -> GroundTruth | None:
    """Return the thing that stands wholly in the central square, if it is just one."""
    width, height = size
    side = min(size)
    viewfinder = ((width - side) // 2, (height - side) // 2, side, side)
    whole = [truth for truth in truths if truth.is_within(viewfinder)]
    return whole[0] if len(whole) == 1 else None


def peak_of(explanation: lg.Explanation) -> tuple[float, float]:
    """Return the point of the frame in the centre of the hottest cell."""
    x, y, width, height = explanation.region
    rows, columns = explanation.heatmap.shape
    row, column = np.unravel_index(int(np.argmax(explanation.heatmap)), (rows, columns))
    return x + (float(column) + 0.5) * width / columns, y + (float(row) + 0.5) * height / rows


def tally(explainer: lg.Explainer, moment: dt.datetime, *, photographs: bool) -> Tally:
    looked_at = alone = recognised = heat_within = 0
    largest = 0.0
    with DemoSource(live=False, wall_time=lambda: moment, photographs=photographs) as source:
        for index in range(0, source.length, EVERY):
            looked_at += 1
            thing = thing_in_viewfinder(source.truth(index), source.size)
            if thing is None:
                continue
            alone += 1
            largest = max(largest, thing.box[2] * thing.box[3] / (source.size[0] * source.size[1]))
            explanation = explainer.explain(source.frame_at(index).pixels)
            if explanation.top[0].label in thing.labels:
                recognised += 1
                heat_within += thing.contains(*peak_of(explanation))
    return Tally(looked_at, alone, largest, recognised, heat_within)


@pytest.mark.parametrize(
    ("photographs", "moment"),
    [
        # The photographs are the same at any time of day: the hands are looked at where there are clocks only.
        pytest.param(True, dt.datetime(2024, 1, 1, 10, 9, 36), id="with photographs-10:09:36"),
        *(
            pytest.param(
                False,
                dt.datetime(2024, 1, 1, *time),
                id="clocks only-{:02}:{:02}:{:02}".format(*time),
                marks=pytest.mark.screens,
            )
            for time in ((10, 9, 36), (0, 0, 0), (15, 44, 20), (6, 30, 0))
        ),
    ],
)
@pytest.mark.long
def test_the_network_recognises_what_the_demo_shows(
    explainer: lg.Explainer, photographs: bool, moment: dt.datetime
) -> None:
    if photographs and find_photographs() is None:
        pytest.skip("scikit-image is not installed (extra: demo)")
    result = tally(explainer, moment, photographs=photographs)
    assert result.alone >= 0.80 * result.looked_at
    assert result.largest <= 0.35
    assert result.recognised >= 0.90 * result.alone
    assert result.heat_within >= 0.95 * result.recognised


@pytest.mark.screens
@pytest.mark.long
def test_the_heat_of_forty_pictures_of_nothing_is_faint_and_that_of_the_demos_things_is_full(
    explainer: lg.Explainer,
) -> None:
    smoothing = HeatSmoothing(seconds=0)
    faint = {
        name: smoothing.heat(explainer.explain(picture), 0.0).opacity
        for name, picture in nonobjects().items()
    }
    assert len(faint) >= 40
    assert {name: opacity for name, opacity in faint.items() if opacity > 0.2} == {}
    recognised = 0
    for size in ((1280, 720), (640, 360)):
        heat: Heat | None = None
        with DemoSource(
            live=False, size=size, wall_time=lambda: dt.datetime(2024, 1, 1, 10, 9, 36)
        ) as source:
            for index in range(0, source.length, EVERY):
                explanation = explainer.explain(source.frame_at(index).pixels)
                heat = smoothing.heat(explanation, index / 30, heat)
                thing = thing_in_viewfinder(source.truth(index), source.size)
                if thing is not None and explanation.top[0].label in thing.labels:
                    recognised += 1
                    assert heat.opacity == 1
    assert recognised > 70
