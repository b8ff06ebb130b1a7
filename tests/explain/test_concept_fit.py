"""Concepts of pictures whose activations can be written down."""

from __future__ import annotations

from collections.abc import Sequence

import networks
import numpy as np
import pytest
from networks import picture

import live_gradcam as lg
from live_gradcam.errors import SettingsError
from live_gradcam.explain.array_types import Numbers
from live_gradcam.explain.concept_fit import ConceptFit, fitted, maps_of, places_of, unexplained
from live_gradcam.explain.factorization import likeness
from live_gradcam.prediction import Prediction
from live_gradcam.question import LayerActivation

PARTS = np.eye(3, 8, dtype=np.float32) + np.float32(0.1) * np.eye(3, 8, 4, dtype=np.float32)
"""Three concepts of eight channels, which share none."""


def quarters(strengths: Sequence[float] = (4.0, 3.0, 2.0), side: int = 4) -> LayerActivation:
    """Three quarters of a picture have one concept each; the fourth has nothing."""
    values = np.zeros((side, side, 8), np.float32)
    half = side // 2
    for (row, column), part, strength in zip(((0, 0), (0, half), (half, 0)), PARTS, strengths, strict=True):
        values[row : row + half, column : column + half] = strength * part
    return LayerActivation("features", values, (10, 20, 40, 40), (0.0, 0.0, 1.0, 1.0))


def strongest(means: Numbers) -> Prediction:
    """A head whose class is the strongest channel, and whose value is its mean."""
    return Prediction(int(means.argmax()), f"channel {means.argmax()}", 1.0, value=float(means.max()))


def fit_of(*activations: LayerActivation, before: ConceptFit | None = None, count: int = 3) -> ConceptFit:
    return fitted(np.concatenate([places_of(each) for each in activations]), count, strongest, before)


def test_each_concept_covers_its_own_part_at_full_strength() -> None:
    fit = fit_of(quarters())
    maps = maps_of(quarters(), fit).strengths
    expected = np.zeros((3, 4, 4))
    expected[0, :2, :2] = expected[1, :2, 2:] = expected[2, 2:, :2] = 1
    np.testing.assert_allclose(maps, expected, atol=1e-3)
    assert fit.unexplained < 1e-6
    np.testing.assert_allclose(np.diag(likeness(fit.factors, PARTS)), 1, atol=1e-5)


def test_the_strength_is_a_share_of_the_maximum_in_the_fitted_frames() -> None:
    fit = fit_of(quarters())
    weaker = maps_of(quarters((1.0, 3.0, 2.0)), fit).strengths
    assert weaker[0, 0, 0] == pytest.approx(0.25, abs=1e-3)
    stronger = maps_of(quarters((9.0, 3.0, 2.0)), fit).strengths
    assert stronger.max() == 1


def test_the_maps_lie_where_the_activation_lies() -> None:
    maps = maps_of(quarters(), fit_of(quarters()))
    assert (maps.region, maps.inset) == ((10, 20, 40, 40), (0.0, 0.0, 1.0, 1.0))


def test_the_head_is_given_the_concept_alone_at_its_peak() -> None:
    fit = fit_of(quarters())
    assert [each and each.class_id for each in fit.predictions] == [0, 1, 2]
    values = np.array([each.value for each in fit.predictions if each is not None], np.float64)
    np.testing.assert_allclose(values, [4, 3, 2], rtol=1e-3)


def test_without_a_head_or_without_a_use_a_concept_has_no_name() -> None:
    rows = places_of(quarters())
    assert fitted(rows, 3).predictions == (None, None, None)
    assert [each is None for each in fitted(rows, 4, strongest).predictions] == [False, False, False, True]


def test_negative_activations_count_as_zero() -> None:
    activation = quarters()
    activation.values[2:, 2:] = -5
    np.testing.assert_array_equal(places_of(activation), places_of(quarters()))


def test_a_concept_keeps_its_place_when_another_one_is_the_largest() -> None:
    before = fit_of(quarters((4.0, 3.0, 2.0)))
    after = fit_of(quarters((2.0, 3.0, 9.0)), before=before)
    np.testing.assert_allclose(np.diag(likeness(after.factors, before.factors)), 1, atol=1e-3)
    anew = fit_of(quarters((2.0, 3.0, 9.0)))
    assert likeness(anew.factors, PARTS).argmax(axis=1).tolist() == [2, 1, 0]


def test_a_new_concept_takes_the_place_of_the_one_that_left() -> None:
    before = fit_of(quarters())
    activation = quarters()
    activation.values[:2, 2:] = 0
    activation.values[2:, 2:, 7] = 5
    after = fit_of(activation, before=before)
    assert after.unexplained < 1e-4
    np.testing.assert_allclose(np.diag(likeness(after.factors, before.factors))[[0, 2]], 1, atol=1e-3)
    assert after.factors[1].argmax() == 7


def test_after_a_black_picture_the_concepts_come_back() -> None:
    black = LayerActivation("features", np.zeros((4, 4, 8), np.float32), (0, 0, 4, 4), (0.0, 0.0, 1.0, 1.0))
    before = fit_of(black)
    assert not maps_of(black, before).strengths.any()
    assert before.predictions == (None, None, None)
    assert before.unexplained == unexplained(places_of(black), before) == 0.0
    assert fit_of(quarters(), before=before).unexplained < 1e-6


def test_what_is_unexplained_is_the_share_of_the_squares() -> None:
    fit = fit_of(quarters())
    activation = quarters()
    known = float((activation.values**2).sum())
    activation.values[2:, 2:, 7] = 5
    assert unexplained(places_of(activation), fit) == pytest.approx(100 / (known + 100), abs=1e-4)


def test_concepts_of_pictures_reconstruct_the_activations() -> None:
    explainer = lg.Explainer(lg.load_model(networks.stage_network(), preprocess="unit"))
    images = [picture(32, 32, seed) for seed in range(3)]
    found = lg.concepts(explainer, images, count=5)
    activations = explainer.activations(images)
    rows = np.concatenate([places_of(each) for each in activations])
    shares = np.concatenate([each.strengths.reshape(5, -1).T for each in found.maps])
    peaks = np.linalg.lstsq(
        np.einsum("nk,kc->nck", shares, found.factors).reshape(-1, 5), rows.ravel(), rcond=None
    )[0]
    rest = rows - (shares * peaks) @ found.factors
    assert found.unexplained == pytest.approx((rest**2).sum() / (rows**2).sum(), rel=1e-4)
    assert 0 < found.unexplained < 1
    assert found.layer == "third"
    assert [each.strengths.shape for each in found.maps] == [(5, 4, 4)] * 3
    assert all(each is not None and each.probability is not None for each in found.predictions)


@pytest.mark.parametrize("count", [0, 7])
def test_a_count_that_is_not_valid_is_refused(count: int) -> None:
    explainer = lg.Explainer(lg.load_model(networks.stage_network(), preprocess="unit"))
    with pytest.raises(SettingsError, match=f"{count} concepts cannot be found: it must be between 1 and 6"):
        lg.concepts(explainer, [picture(32, 32)], count=count)


def test_no_picture_is_refused() -> None:
    explainer = lg.Explainer(lg.load_model(networks.stage_network(), preprocess="unit"))
    with pytest.raises(SettingsError, match="there is no picture"):
        lg.concepts(explainer, [])
