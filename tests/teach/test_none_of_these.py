from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
from lessons import extractor_for, taught

from live_gradcam.errors import ModelError
from live_gradcam.explain.input_fitting import fitting_for
from live_gradcam.models.loading import load_model
from live_gradcam.sources.demo.camera_path import DWELL, TRAVEL, CameraPath, CameraPosition
from live_gradcam.sources.demo.desk import Desk, find_photographs
from live_gradcam.teach.examples import Burst, Examples, burst_of
from live_gradcam.teach.feature_extractor import pooled
from live_gradcam.teach.none_of_these import REACH, none_of_these

SIZE = (1280, 720)
FITTING = fitting_for("crop", SIZE, (224, 224))
NAMES = ("clock", "cat", "cup")


def burst(features: npt.ArrayLike) -> Burst:
    found = np.asarray(features, np.float32)
    return Burst(
        features=found,
        parts=np.zeros((5, found.shape[-1]), np.float32),
        reached=0.5,
        frames=len(found),
        found_by="middle",
        samples=np.zeros((1, 4, 4, 3), np.uint8),
        covered=np.ones((1, 1, 1), np.bool_),
        shown_at=0.0,
    )


def at(degrees: float, length: float = 1.0) -> list[float]:
    return [length * np.cos(np.radians(degrees)), length * np.sin(np.radians(degrees))]


def test_a_picture_may_be_three_times_as_far_as_the_altered_copies() -> None:
    # One example at 0 degrees, whose copies lie at 10; one at 90, whose copies lie at 91.
    shown = Examples().with_burst("wide", burst([[at(0), at(10), at(10), at(10)]]))
    shown = shown.with_burst("narrow", burst([[at(90), at(91), at(91), at(91)]]))
    rule = none_of_these(shown)
    expected = [1 - REACH * (1 - np.cos(np.radians(each))) for each in (10, 1)]
    np.testing.assert_allclose(rule.thresholds, expected, atol=1e-6)
    # 3 (1 − cos 10°) is 1 − cos 17.4°, and 3 (1 − cos 1°) is 1 − cos 1.73°.
    angles = {0: False, 17: False, 18: True, 60: True, 88: True, 88.5: False, 91.5: False, 92: True}
    found = rule.refuses(np.array([at(angle, 7.0) for angle in angles], np.float32))
    assert found.tolist() == list(angles.values())


def test_nearness_is_the_cosine_with_the_nearest_example_of_each_class() -> None:
    shown = (
        Examples().with_burst("a", burst([[at(0)] * 4, [at(30)] * 4])).with_burst("b", burst([[at(90)] * 4]))
    )
    found = none_of_these(shown).nearness(np.array([at(40, 3.0)], np.float32))
    np.testing.assert_allclose(found, [[np.cos(np.radians(10)), np.cos(np.radians(50))]], atol=1e-6)


def test_features_that_are_all_zero_belong_to_nothing() -> None:
    shown = Examples().with_burst("a", burst([[at(0), at(5), at(5), at(5)]]))
    assert none_of_these(shown).refuses(np.zeros((1, 2), np.float32)).tolist() == [True]


def test_without_examples_there_is_no_rule() -> None:
    with pytest.raises(ModelError, match="there are no examples"):
        none_of_these(Examples())


def _pass(desk: Desk, stop: int, count: int, random: np.random.Generator | None) -> Any:
    """Pictures of a stay at a stop; on a later pass with another zoom, place, angle and time of day."""
    path = CameraPath([thing.stop for thing in desk.things])
    zoom, x, y, angle, hours = 1.0, 0.0, 0.0, 0.0, 0
    if random is not None:
        zoom, angle = random.uniform(0.8, 1.25), random.uniform(-0.1, 0.1)
        (x, y), hours = random.uniform(-70, 70, 2), int(random.integers(24))
    found = []
    for number in range(count):
        view = path.view_at(stop * (DWELL + TRAVEL) + DWELL * number / count)
        view = dataclasses.replace(
            view, x=view.x + x, y=view.y + y, zoom=view.zoom * zoom, angle=view.angle + angle
        )
        found.append(FITTING.apply(desk.look(view, SIZE, dt.datetime(2026, 1, 1, hours, 8 + hours))))
    return np.stack(found)


@pytest.mark.lessons
@pytest.mark.long
def test_later_passes_of_the_demos_things_are_known_and_all_else_is_refused() -> None:
    extractor = extractor_for(load_model("efficientnet-lite0"))
    desk = Desk(photographs=find_photographs())
    shown = Examples()
    for stop, name in enumerate(NAMES):
        shown = shown.with_burst(name, burst_of(extractor, _pass(desk, stop, 12, None), 0.0))
    random = np.random.default_rng(0)
    later = {
        name: np.concatenate([pooled(extractor.maps(_pass(desk, stop, 4, random))) for _ in range(5)])
        for stop, name in enumerate(NAMES)
    }
    head, rule = taught(shown), none_of_these(shown)
    for number, name in enumerate(NAMES):
        assert (head.logits(later[name]).argmax(axis=1) == number).mean() >= 0.95, name
    assert np.mean([rule.refuses(each).mean() for each in later.values()]) <= 0.03

    for name in NAMES:  # each of the demo's things, where only the others were taught
        assert none_of_these(shown.without_class(name)).refuses(later[name]).all(), name
    empty = [CameraPosition(x, y, 1.0, 0.0) for x, y in ((300, 300), (350, 1500), (2150, 300), (2150, 1600))]
    others = [FITTING.apply(desk.look(view, SIZE, dt.datetime(2026, 1, 1))) for view in empty]
    others += [np.zeros((224, 224, 3), np.uint8)]
    for picture in (skimage.data.astronaut(), skimage.data.rocket(), skimage.data.brick()):
        picture = np.stack([picture] * 3, axis=-1) if picture.ndim == 2 else picture[..., ::-1]
        size = (picture.shape[1], picture.shape[0])
        others.append(fitting_for("crop", size, (224, 224)).apply(np.ascontiguousarray(picture)))
    assert rule.refuses(pooled(extractor.maps(np.stack(others)))).all()
