"""Our metrics beside those of torch-cam, pytorch-grad-cam and Xplique, on the same maps and with the same weights.

`python3 scripts/peers.py test` runs these. Each peer gets the map that we measure; pictures and maps are chosen so that
nothing has to be rounded to whole levels. Where a peer departs from the paper, the test says how.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pytest
from networks import picture
from peer_maps import Array, as_pixels, original

from live_gradcam.frame import Pixels
from live_gradcam.metrics.adcc import complexity
from live_gradcam.metrics.changed_pictures import Scores
from live_gradcam.metrics.confidence import confidence
from live_gradcam.metrics.curves import deletion, insertion
from live_gradcam.metrics.imputation import linear_imputation, noisy_imputation, road
from live_gradcam.metrics.robustness import nearby_pictures

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the peers know older versions of NumPy
]

HOW = "it is installed by `python3 scripts/peers.py test`"
SEEDS = (1, 2, 3)
STEPS = 17
"""Divides the 289 pixels of the pictures."""


@pytest.fixture
def torch_twins() -> Any:
    return pytest.importorskip("torch_twins", reason=f"needs PyTorch: {HOW}")


def softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def score_by(network: Any, class_id: int) -> Any:
    def score(pictures: Sequence[Pixels]) -> Scores:
        pixels = np.concatenate([as_pixels(each) for each in pictures])
        return np.asarray(softmax(np.asarray(network(pixels), np.float64))[:, class_id])

    return score


def distinct_heat(seed: int) -> Array:
    """A map without two equal values: peers order equal ones differently."""
    ranks = np.random.default_rng(seed).permutation(289).reshape(17, 17)
    return np.asarray((ranks + 1) / 289, np.float32)


@pytest.mark.parametrize("seed", SEEDS)
def test_xplique_has_the_same_areas(seed: int) -> None:
    xplique = pytest.importorskip("xplique.metrics", reason=f"needs Xplique: {HOW}")
    network = original(seed=seed)
    image, heat = picture(17, 17, seed), distinct_heat(seed)
    target = np.eye(4, dtype=np.float32)[[seed]]
    theirs = {
        name: metric(network, as_pixels(image), target, steps=STEPS, activation="softmax").evaluate(
            heat[None]
        )
        for name, metric in (("deletion", xplique.Deletion), ("insertion", xplique.Insertion))
    }
    score = score_by(network, seed)
    ours = deletion(image, heat, score, steps=STEPS, baseline="black")
    assert ours == pytest.approx(theirs["deletion"], abs=1e-4)
    ours = insertion(image, heat, score, steps=STEPS, baseline="black")
    assert ours == pytest.approx(theirs["insertion"], abs=1e-4)


def test_xplique_departs_where_steps_do_not_divide_the_pixels() -> None:
    """It weights all steps alike, though the pixels of a step are cut to whole numbers."""
    xplique = pytest.importorskip("xplique.metrics", reason=f"needs Xplique: {HOW}")
    network = original(seed=1)
    image, heat = picture(17, 17, 1), distinct_heat(1)
    metric = xplique.Deletion(network, as_pixels(image), np.eye(4)[[1]], steps=100, activation="softmax")
    scores = metric.detailed_evaluate(heat[None])
    counts = np.array(list(scores), np.float64)
    values = np.array(list(scores.values()), np.float64)
    exact = float(np.sum(np.diff(counts) * (values[1:] + values[:-1]) / 2) / 289)
    assert len(np.unique(np.diff(counts))) > 1
    assert abs(metric.evaluate(heat[None]) - exact) > 1e-6


class GivenMap:
    """Stands in for torch-cam's extractor, and gives the map that is measured."""

    def __init__(self, model: Any, heat: Any) -> None:
        self.model = model
        self._heat = heat

    def __call__(self, *_: Any) -> Any:
        return [self._heat]

    def fuse_cams(self, cams: Any) -> Any:
        return cams[0]

    @contextmanager
    def _hooks_off(self) -> Iterator[None]:
        yield


@pytest.mark.parametrize("seed", SEEDS)
def test_torch_cam_has_the_same_areas_also_with_many_equal_values(torch_twins: Any, seed: int) -> None:
    """Where the steps do not divide the pixels, its last step is shorter; ours differ by a pixel at most."""
    torchcam = pytest.importorskip("torchcam.metrics", reason=f"needs torch-cam: {HOW}")
    torch = pytest.importorskip("torch", reason=f"needs PyTorch: {HOW}")
    network = original(seed=seed)
    image, heat = picture(17, 17, seed), np.maximum(distinct_heat(seed) - 0.6, 0)
    extractor = GivenMap(torch_twins.Twin(network), torch.from_numpy(heat)[None])
    softmaxed = partial(torch.softmax, dim=-1)
    metric = torchcam.DeletionInsertionMetric(extractor, softmaxed, steps=STEPS)
    metric.update(torch_twins.as_input(as_pixels(image)), seed)
    theirs = sorted(metric.summary().items())
    score = score_by(network, seed)
    ours = [way(image, heat, score, steps=STEPS, baseline="black") for way in (deletion, insertion)]
    assert [name.partition("_")[0] for name, _ in theirs] == ["deletion", "insertion"]
    assert ours == pytest.approx([value for _, value in theirs], abs=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_torch_cam_has_the_same_drop_and_increase(torch_twins: Any, seed: int) -> None:
    torchcam = pytest.importorskip("torchcam.metrics", reason=f"needs torch-cam: {HOW}")
    torch = pytest.importorskip("torch", reason=f"needs PyTorch: {HOW}")
    network = original(seed=seed)
    image = (picture(17, 17, seed) // 2 * 2).astype(np.uint8)  # half of it is whole
    heat = np.random.default_rng(seed).choice(np.array([0, 0.5, 1], np.float32), (17, 17))
    for class_id in range(4):
        extractor = GivenMap(torch_twins.Twin(network), torch.from_numpy(heat)[None])
        metric = torchcam.ClassificationMetric(extractor, partial(torch.softmax, dim=-1))
        metric.update(torch_twins.as_input(as_pixels(image)), class_id)
        found = metric.summary()
        ours = confidence(image, heat, score_by(network, class_id))
        assert ours.drop == pytest.approx(found["avg_drop"], abs=1e-4)
        assert ours.increase == found["conf_increase"]


@pytest.mark.parametrize("seed", SEEDS)
def test_xplique_has_the_same_drop_increase_and_gain(seed: int) -> None:
    xplique = pytest.importorskip("xplique.metrics", reason=f"needs Xplique: {HOW}")
    network = original(seed=seed)
    image = (picture(17, 17, seed) // 2 * 2).astype(np.uint8)
    heat = np.random.default_rng(seed).choice(np.array([0, 0.5, 1], np.float32), (17, 17))
    for class_id in range(4):
        target = np.eye(4, dtype=np.float32)[[class_id]]
        drop, increase, gain = (
            metric(network, as_pixels(image), target, activation="softmax").evaluate(heat[None])
            for metric in (
                xplique.AverageDropMetric,
                xplique.AverageIncreaseMetric,
                xplique.AverageGainMetric,
            )
        )
        ours = confidence(image, heat, score_by(network, class_id))
        assert ours.drop == pytest.approx(drop, abs=1e-4)
        assert ours.increase == pytest.approx(increase)
        assert ours.gain == pytest.approx(gain, abs=1e-4)


@pytest.fixture
def their_road(torch_twins: Any) -> Any:
    del torch_twins
    return pytest.importorskip("pytorch_grad_cam.metrics.road", reason=f"needs grad-cam: {HOW}")


@pytest.mark.parametrize("seed", SEEDS)
def test_pytorch_grad_cam_imputes_the_same_and_has_the_same_road(
    torch_twins: Any, their_road: Any, seed: int
) -> None:
    torch = pytest.importorskip("torch", reason=f"needs PyTorch: {HOW}")
    network = original(seed=seed)
    image, heat = picture(17, 17, seed), distinct_heat(seed)
    imputer = their_road.NoisyLinearImputer(noise=0)
    missing = heat > 0.4
    known = torch.from_numpy((~missing).astype(np.float32))
    theirs = imputer(torch.from_numpy(np.moveaxis(image.astype(np.float32), 2, 0)), known).numpy()
    np.testing.assert_allclose(np.moveaxis(theirs, 0, 2), linear_imputation(image, missing), atol=0.01)

    class InLevels(their_road.NoisyLinearImputer):  # type: ignore[misc]  # PyTorch's types are not there
        def __call__(self, tensor: Any, mask: Any) -> Any:
            return torch.floor(255 * super().__call__(tensor, mask) + 0.5 + 1e-3) / 255

    twin = torch_twins.Twin(network)
    probabilities = torch.nn.Sequential(twin, torch.nn.Softmax(dim=1))
    scores = {}
    for order, perturbation in (("most", "RemoveMostRelevantFirst"), ("least", "RemoveLeastRelevantFirst")):
        module = pytest.importorskip("pytorch_grad_cam.metrics.perturbation_confidence")
        found = [
            module.PerturbationConfidenceMetric(getattr(module, perturbation)(percentile, InLevels(noise=0)))(
                torch_twins.as_input(as_pixels(image)),
                heat[None],
                [lambda output: output[seed]],
                probabilities,
                return_diff=False,
            )[0]
            for percentile in (80, 60)
        ]
        scores[order] = float(np.mean(found))
    ours = road(image, heat, score_by(network, seed), shares=(0.2, 0.4), noise=0)
    assert ours.most == pytest.approx(scores["most"], abs=1e-4)
    assert ours.least == pytest.approx(scores["least"], abs=1e-4)
    assert ours.combined == pytest.approx((scores["least"] - scores["most"]) / 2, abs=1e-4)


def test_pytorch_grad_cam_removes_all_cold_pixels_at_once_where_many_have_no_heat(their_road: Any) -> None:
    """After a ReLU many values are 0: its threshold for a tenth of the pixels takes all of them."""
    torch = pytest.importorskip("torch", reason=f"needs PyTorch: {HOW}")
    module = pytest.importorskip("pytorch_grad_cam.metrics.perturbation_confidence")
    heat = np.zeros((10, 10), np.float32)
    heat[:3] = np.random.default_rng(1).random((3, 10)) + 0.1
    known = module.RemoveLeastRelevantFirst(90, lambda _, mask: mask)(
        torch.zeros((3, 10, 10)), torch.from_numpy(heat)
    )
    assert int((known == 0).sum()) == 70
    image = picture(10, 10)
    missing = np.zeros(100, np.bool_)
    missing[np.argsort(heat.ravel(), kind="stable")[:10]] = True
    changed = noisy_imputation(image, missing.reshape(10, 10), noise=0) != image
    assert changed.any(axis=2).sum() <= 10
    del their_road


def test_xplique_has_no_complexity_of_adcc() -> None:
    """Its `Complexity` is the entropy of a map's shares; ADCC's is the mean of a map with the peak 1."""
    xplique = pytest.importorskip("xplique.metrics", reason=f"needs Xplique: {HOW}")
    heat = distinct_heat(1)
    shares = heat.astype(np.float64).ravel() / heat.sum()
    entropy = -float(np.sum(shares * np.log(shares)))
    assert float(xplique.Complexity()(heat[None])) == pytest.approx(entropy, rel=1e-3)
    assert complexity(heat) == pytest.approx(float(heat.mean()))


def test_xplique_s_stability_is_a_mean_over_brighter_pictures_only() -> None:
    """Average sensitivity (2005.00631) with noise in [0, radius]; ours is the maximum, on both sides of the picture."""
    xplique = pytest.importorskip("xplique.metrics", reason=f"needs Xplique: {HOW}")
    network, pixels, target = (
        original(seed=1),
        as_pixels(picture(17, 17, 1)),
        np.eye(4, dtype=np.float32)[[1]],
    )
    metric = xplique.AverageStability(network, pixels, target, radius=0.3, nb_samples=4)
    noise = np.asarray(metric.noisy_masks)
    assert noise.min() >= 0
    assert 0.29 < noise.max() <= 0.3
    levels = np.stack(nearby_pictures(picture(17, 17, 1), radius=9, samples=4)).astype(int) - picture(
        17, 17, 1
    )
    assert (levels.min(), levels.max()) == (-9, 9)
