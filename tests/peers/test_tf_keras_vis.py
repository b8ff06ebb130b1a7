"""Our maps beside tf-keras-vis's, on the same network: where they differ, and which is right.

`python3 scripts/peers.py test` runs these. Maps are taken at the layer's resolution, before the division by the
maximum and the resizing. The judge is the paper's equation in float64 (oracles.py), on the activations and
gradients that PyTorch's differentiation of a twin gives in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import oracles
import pytest
from networks import picture
from oracles import assert_same_map, relu
from peer_maps import Array, alone, as_pixels, assert_same_rectified, departure, original, our_map

from live_gradcam.explain.methods.chunked_loops import BACKWARD_CHUNK, NOISE_LEVEL, noisy_copies
from live_gradcam.explain.methods.method import SMOOTHGRAD_SAMPLES

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match"),  # it gives lists to Keras
]

HOW = "it is installed by `python3 scripts/peers.py test`"
SEEDS = (1, 2, 3)


def their_map(module: str, name: str, network: Any, image: Array, target: int, **options: Any) -> Array:
    """Return the peer's map, (h, w), not normalised, not resized."""
    found = pytest.importorskip(f"tf_keras_vis.{module}", reason=f"needs tf-keras-vis: {HOW}")
    visualization = getattr(found, name)(network)
    named = {"penultimate_layer": "features", "expand_cam": False, "normalize_cam": False, **options}
    return np.asarray(
        visualization(lambda output: output[:, target], as_pixels(image), **named)[0], np.float64
    )


def their_gradients(network: Any, image: Array, target: int, **options: Any) -> Array:
    """Return the peer's gradient of the input, (H, W, 3), signed."""
    found = pytest.importorskip("tf_keras_vis.saliency", reason=f"needs tf-keras-vis: {HOW}")
    modifier = options.pop("model_modifier", None)
    visualization = found.Saliency(network, model_modifier=modifier)
    named = {"keepdims": True, "normalize_map": False, "gradient_modifier": None, **options}
    return np.asarray(
        visualization(lambda output: output[:, target], as_pixels(image), **named)[0], np.float64
    )


def reference(network: Any, image: Array, target: int) -> tuple[Array, Array, float]:
    torch_twins = pytest.importorskip("torch_twins", reason=f"needs PyTorch: {HOW}")
    found: tuple[Array, Array, float] = torch_twins.derivatives(
        torch_twins.Twin(network), "features", as_pixels(image), target
    )
    return found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize(
    ("method", "module", "name"), [("gradcam", "gradcam", "Gradcam"), ("layercam", "layercam", "Layercam")]
)
def test_gradcam_and_layercam_agree(method: str, module: str, name: str, activation: str, seed: int) -> None:
    network = original(activation, seed=seed)
    image = picture(17, 17, seed)
    theirs = their_map(module, name, network, image, seed, activation_modifier=None)
    assert_same_rectified(our_map(network, method, image, seed), theirs)


@pytest.mark.parametrize("seed", SEEDS)
def test_gradcam_pp_departs_from_its_paper_by_dividing_the_alphas_by_their_sum(seed: int) -> None:
    """Equation 19 gives α, and equation 5 sums α ReLU(∂Y/∂A) as it is; they first divide α by its sum over the places.

    That gives every channel's gradients the same total say, however few and faint the places where it matters.
    """
    network = original(seed=seed)
    image = picture(17, 17, seed)
    activations, gradients, score = reference(network, image, 0)
    theirs = their_map("gradcam_plus_plus", "GradcamPlusPlus", network, image, 0)
    ours = our_map(network, "gradcam++", image, 0)
    assert_same_map(ours * np.exp(score), relu(oracles.gradcam_pp(activations, gradients, score)))
    assert departure(alone(theirs), alone(ours)) > 0.02
    with np.errstate(invalid="ignore"):
        alphas = gradients**2 / (2 * gradients**2 + activations.sum(axis=(0, 1)) * gradients**3)
    alphas = np.where(gradients == 0, 0, alphas)
    sums = alphas.sum(axis=(0, 1))
    weights = (alphas * np.exp(score) * relu(gradients)).sum(axis=(0, 1)) / np.where(sums == 0, 1, sums)
    assert_same_map(theirs, relu(oracles.weighted_sum(weights, activations)))


@pytest.mark.parametrize("seed", SEEDS)
def test_scorecam_departs_from_its_paper_in_the_weights(seed: int) -> None:
    """Algorithm 1 takes the score's increases through a softmax over the channels; they take each class probability.

    So does the code of the method's authors. Nothing has to be upsampled here, so the weights are all that differs.
    """
    network = original("tanh", stride=1, seed=seed)
    image = picture(17, 17, seed)
    torch_twins = pytest.importorskip("torch_twins", reason=f"needs PyTorch: {HOW}")
    twin = torch_twins.Twin(network)
    pixels = as_pixels(image).astype(np.float64)
    features, _, _ = torch_twins.derivatives(twin, "features", pixels, 0)
    ours = our_map(network, "scorecam", image, 0)
    expected = oracles.scorecam(
        pixels[0], features, lambda batch: torch_twins.scores(twin, batch, 0), np.zeros_like(pixels[0])
    )
    assert_same_map(ours, relu(expected))
    theirs = their_map("scorecam", "Scorecam", network, image, 0)
    assert departure(alone(theirs), alone(ours)) > 0.01
    lowest = features.min(axis=(0, 1))
    masks = ((features - lowest) / (features.max(axis=(0, 1)) - lowest)).transpose(2, 0, 1)[..., None]
    logits = np.stack([torch_twins.scores(twin, pixels * masks, target) for target in range(4)], axis=1)
    exponentials = np.exp(logits)
    probabilities = exponentials[:, 0] / exponentials.sum(axis=1)
    assert_same_map(theirs, relu(oracles.weighted_sum(probabilities, features)))


@pytest.mark.parametrize("seed", SEEDS)
def test_saliency_agrees(seed: int) -> None:
    network = original("tanh", seed=seed)
    image = picture(17, 17, seed)
    theirs = oracles.strongest_colour(their_gradients(network, image, seed))
    assert_same_map(our_map(network, "saliency", image, seed), theirs)


def test_smoothgrad_agrees_on_the_same_noise_and_departs_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """The paper averages signed gradients, so that what noise adds cancels; they average magnitudes by default."""
    network = original()
    image = picture(17, 17, 1)
    pixels = as_pixels(image)
    starts = range(0, SMOOTHGRAD_SAMPLES, BACKWARD_CHUNK)
    numbers = [np.arange(start, min(start + BACKWARD_CHUNK, SMOOTHGRAD_SAMPLES)) for start in starts]
    noise = np.concatenate([np.asarray(noisy_copies(pixels, each)) - pixels for each in numbers])[:, None]

    def same_noise(mean: float, deviation: Any, shape: Any) -> Array:
        assert mean == 0.0
        expected = NOISE_LEVEL * (pixels.max() - pixels.min())
        np.testing.assert_allclose(np.asarray(deviation), expected, rtol=1e-5)
        assert tuple(shape) == noise.shape
        return noise

    monkeypatch.setattr(np.random, "normal", same_noise)
    smoothed = {"smooth_samples": SMOOTHGRAD_SAMPLES, "smooth_noise": NOISE_LEVEL}
    ours = our_map(network, "smoothgrad", image, 0)
    assert_same_map(ours, oracles.strongest_colour(their_gradients(network, image, 0, **smoothed)))
    default = their_gradients(network, image, 0, gradient_modifier=abs, **smoothed).max(axis=-1)
    assert departure(alone(default), alone(ours)) > 0.03


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("late", ["relu", "relu6"])
def test_guided_backpropagation_agrees_on_relus_and_leaves_relu6_unguided_there(late: str, seed: int) -> None:
    network = original("relu", late, gain=3.0, seed=seed)
    image = picture(17, 17, seed)
    modifiers = pytest.importorskip("tf_keras_vis.utils.model_modifiers", reason=f"needs tf-keras-vis: {HOW}")
    theirs = oracles.strongest_colour(
        their_gradients(network, image, 0, model_modifier=modifiers.GuidedBackpropagation())
    )
    ours = our_map(network, "guided-backprop", image, 0)
    if late == "relu":
        assert_same_map(ours, theirs)
        return
    weights = tuple(np.asarray(w, np.float64) for layer in network.layers for w in layer.get_weights())
    judge = oracles.RectifiedNetwork(weights, target=0)
    expected = oracles.strongest_colour(judge.guided_gradient(as_pixels(image)[0].astype(np.float64)))
    assert_same_map(ours, expected)
    assert departure(theirs, expected) > 0.1
