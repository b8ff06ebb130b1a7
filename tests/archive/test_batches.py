from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest
from fakes import ShadeExplainer

from live_gradcam.archive import batches
from live_gradcam.archive.batches import LARGEST, explain_all, fastest_batch_size
from live_gradcam.explanation import Explanation
from live_gradcam.frame import Pixels


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the explainers of these tests say how late it is, and not a machine that does other things beside."""
    TimedExplainer.seconds = 0.0
    told = SimpleNamespace(perf_counter=lambda: TimedExplainer.seconds, process_time=lambda: 0.0)
    monkeypatch.setattr(batches, "time", told)


class TimedExplainer(ShadeExplainer):
    """Takes a given time for a call, by the number of pictures in it."""

    seconds = 0.0

    def __init__(self, *, call_ms: float, picture_ms: float) -> None:
        super().__init__()
        self._call_ms = call_ms
        self._picture_ms = picture_ms

    def explain_batch(self, images: Sequence[Pixels]) -> list[Explanation]:
        TimedExplainer.seconds += (self._call_ms + self._picture_ms * len(images)) / 1000
        return super().explain_batch(images)


def pictures(*sizes: tuple[int, int]) -> list[Pixels]:
    return [
        np.full((height, width, 3), 8 + 8 * number, np.uint8) for number, (width, height) in enumerate(sizes)
    ]


def test_a_call_that_costs_a_lot_by_itself_makes_large_batches() -> None:
    assert fastest_batch_size(TimedExplainer(call_ms=20, picture_ms=0.1), (64, 48), 100_000) == LARGEST


def test_pictures_that_gain_nothing_in_a_batch_are_explained_one_by_one() -> None:
    explainer = TimedExplainer(call_ms=0, picture_ms=40)
    assert fastest_batch_size(explainer, (64, 48), 100_000) == 1
    assert set(explainer.batches) == {1, 2, 4}


@pytest.mark.parametrize("frames", [0, 1, 120])
def test_few_frames_are_not_worth_measuring(frames: int) -> None:
    explainer = ShadeExplainer()
    assert fastest_batch_size(explainer, (64, 48), frames) == 1
    assert explainer.batches == []


def test_no_batch_is_tried_that_the_frames_fill_only_a_few_times() -> None:
    explainer = TimedExplainer(call_ms=5, picture_ms=0.1)
    assert fastest_batch_size(explainer, (64, 48), 300) == 4
    assert max(explainer.batches) == 4


def test_a_slow_network_is_measured_by_two_calls() -> None:
    explainer = TimedExplainer(call_ms=0, picture_ms=510)
    assert fastest_batch_size(explainer, (64, 48), 100_000) == 1
    assert explainer.batches == [1, 1]


def test_pictures_of_all_sizes_are_explained_in_one_call() -> None:
    explainer = ShadeExplainer()
    explained = explain_all(explainer, pictures((64, 48), (48, 64), (64, 48)))
    assert [each.top[0].label for each in explained] == ["frame 0", "frame 1", "frame 2"]
    assert explainer.batches == [3]


def test_under_wide_each_shape_has_a_call_of_its_own() -> None:
    explainer = ShadeExplainer(fit="wide")
    explained = explain_all(explainer, pictures((64, 48), (64, 48), (48, 64), (64, 48)))
    assert [each.top[0].label for each in explained] == [f"frame {number}" for number in range(4)]
    assert explainer.batches == [2, 1, 1]
