"""Our maps beside pytorch-grad-cam's, on networks with the same weights: where they differ, and which is right.

`python3 scripts/peers.py test` runs these. Both maps are taken at the layer's resolution, before the ReLU, the
division by the maximum and the resizing. The judge is the paper's equation in float64 (oracles.py), on the
activations and gradients that PyTorch's own differentiation gives in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import oracles
import pytest
from networks import picture
from oracles import assert_same_map, relu
from peer_maps import alone, as_pixels, assert_same_rectified, departure, original, our_map, same_direction

pytestmark = pytest.mark.peers

HOW = "it is installed by `python3 scripts/peers.py test`"
SEEDS = (1, 2, 3)


@pytest.fixture
def torch_twins() -> Any:
    return pytest.importorskip("torch_twins", reason=f"needs PyTorch: {HOW}")


@pytest.fixture
def peer(torch_twins: Any) -> Any:
    del torch_twins  # without PyTorch its import would fail less clearly
    return pytest.importorskip("pytorch_grad_cam", reason=f"needs grad-cam: {HOW}")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("activations", [("relu", "relu"), ("tanh", "tanh"), ("relu6", "softplus")])
def test_the_twin_says_the_same(torch_twins: Any, activations: tuple[str, str], seed: int) -> None:
    network = original(*activations, seed=seed)
    pixels = as_pixels(picture(17, 17, seed))
    logits = torch_twins.Twin(network)(torch_twins.as_input(pixels)).detach().numpy()
    np.testing.assert_allclose(logits, np.asarray(network(pixels)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize(
    ("method", "theirs", "rectified"),
    [
        ("gradcam", "GradCAM", True),
        ("hirescam", "HiResCAM", False),
        ("elementwise", "GradCAMElementWise", False),
        ("xgradcam", "XGradCAM", True),
        ("layercam", "LayerCAM", True),
    ],
)
def test_one_pass_methods_agree(
    torch_twins: Any, peer: Any, method: str, theirs: str, rectified: bool, activation: str, seed: int
) -> None:
    network = original(activation, seed=seed)
    twin = torch_twins.Twin(network)
    image = picture(17, 17, seed)
    with getattr(peer, theirs)(twin, [twin.activations["features"]]) as cam:
        expected = torch_twins.raw_map(cam, as_pixels(image), seed)
    same = assert_same_rectified if rectified else assert_same_map
    same(our_map(network, method, image, seed), expected)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("activations", [("relu", "relu"), ("softplus", "tanh")])
def test_shapley_cam_agrees(torch_twins: Any, peer: Any, activations: tuple[str, str], seed: int) -> None:
    network = original(*activations, seed=seed)
    twin = torch_twins.Twin(network)
    image = picture(17, 17, seed)
    with peer.ShapleyCAM(twin, [twin.activations["features"]]) as cam:
        expected = torch_twins.raw_map(cam, as_pixels(image), seed)
    assert_same_rectified(our_map(network, "shapley-cam", image, seed), expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_eigengradcam_agrees_but_for_the_sign_that_is_left_to_chance_there(
    torch_twins: Any, peer: Any, seed: int
) -> None:
    network = original(seed=seed)
    twin = torch_twins.Twin(network)
    image = picture(17, 17, seed)
    with peer.EigenGradCAM(twin, [twin.activations["features"]]) as cam:
        theirs = torch_twins.raw_map(cam, as_pixels(image), 0)
    ours = our_map(network, "eigengradcam", image, 0)
    assert_same_map(same_direction(theirs, ours), ours)
    activations, gradients, _ = torch_twins.derivatives(twin, "features", as_pixels(image), 0)
    assert (ours * oracles.hirescam(activations, gradients)).sum() > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_kpcacam_agrees_but_for_the_sign(torch_twins: Any, peer: Any, seed: int) -> None:
    network = original(seed=seed)
    twin = torch_twins.Twin(network)
    image = picture(17, 17, seed)
    with peer.KPCA_CAM(twin, [twin.activations["features"]]) as cam:
        theirs = torch_twins.raw_map(cam, as_pixels(image), 0)
    ours = our_map(network, "kpcacam", image, 0)
    assert_same_map(same_direction(theirs, ours), ours)


def test_the_signs_of_their_eigen_methods_are_chance(torch_twins: Any, peer: Any) -> None:
    signs = set()
    for seed in range(8):
        network = original(seed=seed)
        twin = torch_twins.Twin(network)
        image = picture(17, 17, seed)
        with peer.EigenGradCAM(twin, [twin.activations["features"]]) as cam:
            theirs = torch_twins.raw_map(cam, as_pixels(image), 0)
        signs.add(np.sign((theirs * our_map(network, "eigengradcam", image, 0)).sum()))
    assert signs == {-1.0, 1.0}


@pytest.mark.parametrize("seed", SEEDS)
def test_gradcam_pp_agrees_where_gradients_are_large(torch_twins: Any, peer: Any, seed: int) -> None:
    network = original(gain=3.0, seed=seed)
    twin = torch_twins.Twin(network)
    image = picture(17, 17, seed)
    with peer.GradCAMPlusPlus(twin, [twin.activations["features"]]) as cam:
        theirs = torch_twins.raw_map(cam, as_pixels(image), 0)
    assert_same_map(our_map(network, "gradcam++", image, 0), relu(theirs))


@pytest.mark.parametrize("seed", SEEDS)
def test_gradcam_pp_departs_from_equation_19_where_gradients_are_small(
    torch_twins: Any, peer: Any, seed: int
) -> None:
    """They add 1e-6 to the denominator 2 G² + ΣA G³, beside which the squares of small gradients are nothing.

    In a network that ends in an average over 49 places gradients are that small: 1e-3 and less.
    """
    network = original(gain=1e-3, seed=seed)
    twin = torch_twins.Twin(network)
    image = picture(17, 17, seed)
    with peer.GradCAMPlusPlus(twin, [twin.activations["features"]]) as cam:
        theirs = relu(torch_twins.raw_map(cam, as_pixels(image), 0))
    activations, gradients, score = torch_twins.derivatives(twin, "features", as_pixels(image), 0)
    equation = relu(oracles.gradcam_pp(activations, gradients, score))
    ours = our_map(network, "gradcam++", image, 0)
    assert_same_map(ours * np.exp(score), equation)
    assert departure(theirs, ours) > 0.5
    assert departure(alone(theirs), alone(equation)) > 0.02, "not even the picture shown is the same"


@pytest.mark.parametrize("seed", SEEDS)
def test_eigencam_departs_from_its_paper_by_centring(torch_twins: Any, peer: Any, seed: int) -> None:
    """Equations 2 and 3 decompose the activation itself; they decompose it less its mean over the places."""
    network = original(seed=seed)
    twin = torch_twins.Twin(network)
    image = picture(17, 17, seed)
    with peer.EigenCAM(twin, [twin.activations["features"]]) as cam:
        theirs = torch_twins.raw_map(cam, as_pixels(image), 0)
    ours = our_map(network, "eigencam", image, 0)
    activations, _, _ = torch_twins.derivatives(twin, "features", as_pixels(image), 0)
    assert_same_map(ours, oracles.eigencam(activations))
    assert departure(same_direction(theirs, ours), ours) > 0.1
    points = activations.reshape(-1, 6)
    centred = oracles.principal(points - points.mean(axis=0)).reshape(8, 8)
    assert_same_map(same_direction(theirs, centred), centred)


@pytest.mark.parametrize("seed", SEEDS)
def test_fem_departs_from_its_paper_in_what_it_weighs(torch_twins: Any, peer: Any, seed: int) -> None:
    """The paper adds up binary maps B^k, weighted by the channel's mean; they weigh A^k by the mean of B^k."""
    network = original(seed=seed)
    twin = torch_twins.Twin(network)
    image = picture(17, 17, seed)
    with peer.FEM(twin, [twin.activations["features"]]) as cam:
        theirs = torch_twins.raw_map(cam, as_pixels(image), 0)
    ours = our_map(network, "fem", image, 0)
    activations, _, _ = torch_twins.derivatives(twin, "features", as_pixels(image), 0)
    assert_same_map(ours, oracles.fem(activations))
    assert departure(alone(theirs), alone(ours)) > 0.1
    limits = activations.mean(axis=(0, 1)) + 2 * activations.std(axis=(0, 1))
    assert_same_map(theirs, ((activations > limits).mean(axis=(0, 1)) * activations).sum(axis=-1))


@pytest.mark.parametrize("seed", SEEDS)
def test_finercam_agrees_with_one_rival(torch_twins: Any, peer: Any, seed: int) -> None:
    network = original(seed=seed)
    twin = torch_twins.Twin(network)
    image = picture(17, 17, seed)
    with peer.FinerCAM(twin, [twin.activations["features"]]) as cam:
        theirs = torch_twins.raw_map(cam, as_pixels(image), None, alpha=0.6, comparison_categories=[1])
    ours = our_map(network, "finercam", image, None, rivals=1, strength=0.6)
    assert_same_map(ours, relu(theirs))


@pytest.mark.parametrize("seed", SEEDS)
def test_finercam_departs_from_its_paper_with_several_rivals(torch_twins: Any, peer: Any, seed: int) -> None:
    """The paper takes the mean over the rivals; they weigh each by its probability, and differentiate that too."""
    network = original(seed=seed)
    twin = torch_twins.Twin(network)
    image = picture(17, 17, seed)
    with peer.FinerCAM(twin, [twin.activations["features"]]) as cam:
        theirs = torch_twins.raw_map(cam, as_pixels(image), None, alpha=0.6)
    ours = our_map(network, "finercam", image, None, rivals=3, strength=0.6)
    row = np.full(4, -0.6 / 3)
    row[np.asarray(network(as_pixels(image)))[0].argmax()] = 1.0
    activations, gradients, _ = torch_twins.derivatives(twin, "features", as_pixels(image), row)
    equation = relu(oracles.gradcam(activations, gradients))
    assert_same_map(ours, equation)
    assert departure(alone(theirs), alone(equation)) > 0.01


@pytest.mark.parametrize("seed", SEEDS)
def test_guided_backpropagation_agrees_on_relus(torch_twins: Any, peer: Any, seed: int) -> None:
    network = original(seed=seed)
    image = picture(17, 17, seed)
    ours = our_map(network, "guided-backprop", image, 0)
    theirs = peer.GuidedBackpropReLUModel(torch_twins.Twin(network))(
        torch_twins.as_input(as_pixels(image)), target_category=0
    )
    assert_same_map(ours, np.abs(theirs).max(axis=-1))


@pytest.mark.parametrize("seed", SEEDS)
def test_guided_backpropagation_leaves_relu6_unguided_there(torch_twins: Any, peer: Any, seed: int) -> None:
    network = original("relu", "relu6", seed=seed)
    image = picture(17, 17, seed)
    weights = tuple(np.asarray(w, np.float64) for layer in network.layers for w in layer.get_weights())
    judge = oracles.RectifiedNetwork(weights, target=0)
    expected = oracles.strongest_colour(judge.guided_gradient(as_pixels(image)[0].astype(np.float64)))
    ours = our_map(network, "guided-backprop", image, 0)
    assert_same_map(ours, expected)
    theirs = peer.GuidedBackpropReLUModel(torch_twins.Twin(network))(
        torch_twins.as_input(as_pixels(image)), target_category=0
    )
    assert departure(np.abs(theirs).max(axis=-1), expected) > 0.1
