"""The default network, with its real weights, beside a PyTorch twin: what it says, and our maps beside the peer's."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import oracles
import pytest
from oracles import assert_same_map, relu
from peer_maps import Array, alone, assert_same_rectified, departure

import live_gradcam as lg

pytestmark = pytest.mark.peers

HOW = "it is installed by `python3 scripts/peers.py test`"
ESPRESSO = 967


@pytest.fixture(scope="module")
def torch_twins() -> Any:
    pytest.importorskip("pytorch_grad_cam", reason=f"needs grad-cam and PyTorch: {HOW}")
    return pytest.importorskip("torch_twins", reason=f"needs PyTorch: {HOW}")


@pytest.fixture(scope="module")
def model() -> Any:
    return lg.load_model("efficientnet-lite0")


@pytest.fixture(scope="module")
def coffee() -> Array:
    """A cup of espresso, 224×224 BGR: the size at which nothing is cut or resized."""
    data = pytest.importorskip(
        "skimage.data", reason="scikit-image has the photograph: install live-gradcam[demo]"
    )
    return np.asarray(cv2.resize(data.coffee()[:, 100:500, ::-1], (224, 224), interpolation=cv2.INTER_AREA))


def as_pixels(image: Array) -> Array:
    return np.asarray((image[None, ..., ::-1].astype(np.float32) - 127) / 128)


def their_map(torch_twins: Any, method: str, network: Any, image: Array) -> Array:
    peer = pytest.importorskip("pytorch_grad_cam")
    twin = torch_twins.Twin(network)
    with getattr(peer, method)(twin, [twin.activations["head"]]) as cam:
        return np.asarray(torch_twins.raw_map(cam, as_pixels(image), ESPRESSO), np.float64)


def test_the_twin_says_the_same(torch_twins: Any, model: Any, coffee: Array) -> None:
    twin = torch_twins.Twin(model.network)
    logits = twin(torch_twins.as_input(as_pixels(coffee)))[0].detach().numpy().astype(np.float64)
    ours = np.log(np.asarray(model.network(as_pixels(coffee)), np.float64))[0]  # logits less log Σ exp
    assert ours.argmax() == logits.argmax() == ESPRESSO
    np.testing.assert_allclose(logits - np.log(np.exp(logits).sum()), ours, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("method", "theirs"), [("gradcam", "GradCAM"), ("layercam", "LayerCAM"), ("xgradcam", "XGradCAM")]
)
def test_one_pass_methods_agree(
    torch_twins: Any, model: Any, coffee: Array, method: str, theirs: str
) -> None:
    explanation = lg.Explainer(model, method, target=ESPRESSO, fit="stretch").explain(coffee)
    assert explanation.layer == "head"
    found = their_map(torch_twins, theirs, model.network, coffee)
    assert_same_rectified(explanation.raw_heatmap, found)


def test_their_gradcam_pp_is_not_equation_19_on_a_real_network(
    torch_twins: Any, model: Any, coffee: Array
) -> None:
    explanation = lg.Explainer(model, "gradcam++", target=ESPRESSO, fit="stretch").explain(coffee)
    theirs = relu(their_map(torch_twins, "GradCAMPlusPlus", model.network, coffee))
    twin = torch_twins.Twin(model.network)
    activations, gradients, score = torch_twins.derivatives(twin, "head", as_pixels(coffee), ESPRESSO)
    with np.errstate(invalid="ignore"):
        equation = relu(oracles.gradcam_pp(activations, gradients, score))
    assert_same_map(explanation.raw_heatmap * np.exp(score), equation)
    assert departure(theirs, np.asarray(explanation.raw_heatmap, np.float64)) > 0.1
    assert departure(alone(theirs), alone(equation)) > 0.005, "the picture that is shown differs, too"
