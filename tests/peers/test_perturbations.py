"""Our Score-CAM and Ablation-CAM beside pytorch-grad-cam's, on networks with the same weights.

As in peers/test_pytorch_grad_cam.py: maps at the layer's resolution, the papers' algorithms in float64 for a judge.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import oracles
import pytest
from networks import picture
from oracles import assert_same_map, relu
from peer_maps import Array, alone, as_pixels, assert_same_rectified, departure, original, our_map

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


def their_map(torch_twins: Any, method: Any, twin: Any, image: Array, target: int) -> Array:
    with method(twin, [twin.activations["features"]]) as cam:
        return np.asarray(torch_twins.raw_map(cam, as_pixels(image), target), np.float64)


def scorecam_of_the_paper(torch_twins: Any, twin: Any, image: Array, target: int) -> Array:
    pixels = as_pixels(image).astype(np.float64)
    features, _, _ = torch_twins.derivatives(twin, "features", pixels, target)
    return oracles.scorecam(
        pixels[0], features, lambda batch: torch_twins.scores(twin, batch, target), np.zeros_like(pixels[0])
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_scorecam_agrees_where_nothing_has_to_be_upsampled(torch_twins: Any, peer: Any, seed: int) -> None:
    network = original("tanh", stride=1, seed=seed)
    twin = torch_twins.Twin(network)
    image = picture(17, 17, seed)
    ours = our_map(network, "scorecam", image, seed)
    assert_same_map(ours, relu(scorecam_of_the_paper(torch_twins, twin, image, seed)))
    theirs = their_map(torch_twins, peer.ScoreCAM, torch_twins.Twin(network), image, seed)
    assert_same_map(ours, relu(theirs))


@pytest.mark.parametrize("seed", SEEDS)
def test_scorecam_departs_in_how_masks_are_upsampled(torch_twins: Any, peer: Any, seed: int) -> None:
    """They lay the middles of the outermost cells on the outermost pixels; the next test shows what is wrong there."""
    network = original("tanh", seed=seed)
    twin = torch_twins.Twin(network)
    image = picture(17, 17, seed)
    ours = our_map(network, "scorecam", image, 0)
    theirs = relu(their_map(torch_twins, peer.ScoreCAM, torch_twins.Twin(network), image, 0))
    assert_same_map(ours, relu(scorecam_of_the_paper(torch_twins, twin, image, 0)))
    assert departure(theirs, ours) > 1e-3


def test_a_mask_lies_over_the_pixels_that_its_cells_were_made_of_here_and_not_there(torch_twins: Any) -> None:
    """Halve a ramp by means of two, and upsample: it must come back as it was, but for the border."""
    torch = pytest.importorskip("torch", reason=f"needs PyTorch: {HOW}")
    ramp = np.tile(np.arange(16.0), (16, 1))
    coarse = ramp.reshape(8, 2, 8, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(oracles.upsampled(coarse, 16, 16)[:, 1:-1], ramp[:, 1:-1], atol=1e-12)
    tensor = torch_twins.as_input(coarse[None, ..., None])
    # What pytorch-grad-cam calls; then what the method's authors call, github.com/haofanwang/Score-CAM.
    theirs = torch.nn.UpsamplingBilinear2d(size=(16, 16))(tensor)[0, 0].numpy()
    authors = torch.nn.functional.interpolate(tensor, size=(16, 16), mode="bilinear", align_corners=False)
    assert np.abs(theirs - ramp)[:, 1:-1].max() > 0.4, "half a pixel off"
    np.testing.assert_allclose(authors[0, 0].numpy(), oracles.upsampled(coarse, 16, 16), atol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_scorecam_departs_for_channels_that_are_the_same_everywhere(
    torch_twins: Any, peer: Any, value: float
) -> None:
    """Such a channel has no mask. The authors' code leaves it out, as ours does; there it gets a black picture's share.

    A channel that is zero everywhere then only makes the whole map fainter; another adds a constant to it.
    """
    network = original("tanh", stride=1)
    kernel, bias = network.get_layer("features").get_weights()
    kernel[..., 2], bias[2] = 0.0, np.arctanh(value)
    network.get_layer("features").set_weights([kernel, bias])
    image = picture(17, 17, 4)
    ours = our_map(network, "scorecam", image, 0)
    signed = their_map(torch_twins, peer.ScoreCAM, torch_twins.Twin(network), image, 0)
    theirs = relu(signed)
    twin = torch_twins.Twin(network)
    pixels = as_pixels(image).astype(np.float64)
    features, _, _ = torch_twins.derivatives(twin, "features", pixels, 0)
    left = oracles.scorecam(
        pixels[0],
        np.delete(features, 2, axis=-1),
        lambda batch: torch_twins.scores(twin, batch, 0),
        np.zeros_like(pixels[0]),
    )
    assert_same_map(ours, relu(left))
    assert departure(theirs, ours) > 0.01
    if value == 0.0:
        np.testing.assert_allclose(alone(theirs), alone(ours), atol=1e-4)
    else:
        assert departure(alone(theirs), alone(ours)) > 0.01


def test_ablationcam_agrees_on_relus_where_the_score_is_positive(torch_twins: Any, peer: Any) -> None:
    signs = set()
    for seed in (1, 2):
        network = original(seed=seed)
        twin = torch_twins.Twin(network)
        image = picture(17, 17, seed)
        scores = np.asarray(network(as_pixels(image)))[0]
        for target, score in enumerate(scores):
            ours = our_map(network, "ablationcam", image, target)
            theirs = their_map(torch_twins, peer.AblationCAM, twin, image, target)
            # The paper takes the score for positive. Where it is not, dividing by it shows what speaks against the
            # class: they do that, and we divide by its magnitude.
            assert_same_rectified(ours, theirs if score > 0 else -theirs)
            signs.add(bool(score > 0))
    assert signs == {True, False}


@pytest.mark.parametrize("seed", SEEDS)
def test_ablationcam_departs_from_its_paper_where_activations_are_not_rectified(
    torch_twins: Any, peer: Any, seed: int
) -> None:
    """The paper sets a channel to zero; they set it ten million below the least activation, where that is not zero."""
    network = original("softplus", seed=seed)
    twin = torch_twins.Twin(network)
    image = picture(17, 17, seed)
    target = int(np.asarray(network(as_pixels(image)))[0].argmax())
    theirs = their_map(torch_twins, peer.AblationCAM, torch_twins.Twin(network), image, target)
    pixels = as_pixels(image).astype(np.float64)
    features, _, score = torch_twins.derivatives(twin, "features", pixels, target)
    assert score > 0
    expected = oracles.ablationcam(
        features, lambda batch: torch_twins.scores_from(twin, "features", pixels, batch, target)
    )
    assert_same_map(our_map(network, "ablationcam", image, target), relu(expected))
    assert departure(theirs, expected) > 1e3
