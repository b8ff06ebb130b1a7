"""The network that our maps are compared on with those of peers, and how far apart two maps are."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from oracles import relu

import live_gradcam as lg

Array = npt.NDArray[Any]


def original(
    features: str = "relu", late: str = "relu", *, stride: int = 2, gain: float = 1.0, seed: int = 1
) -> Any:
    """Return the small Keras network that is compared on: convolution, convolution, flatten, dense to 4 logits.

    Args:
        features: activation of the first convolution, the layer `features`: (8, 8, 6) of pictures of 17×17.
        late: activation of the second.
        stride: of the first; at 1 it pads, and `features` has the picture's size.
        gain: what the dense layer's weights, and so all gradients, are multiplied by.
        seed: for the weights.
    """
    keras.utils.set_random_seed(seed)
    image = keras.Input((17, 17, 3))
    padding = "same" if stride == 1 else "valid"
    x = keras.layers.Conv2D(6, 3, strides=stride, padding=padding, activation=features, name="features")(
        image
    )
    x = keras.layers.Conv2D(5, 3, activation=late, name="late")(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(4, kernel_initializer=keras.initializers.RandomNormal(stddev=0.3), name="head")(x)
    network = keras.Model(image, x, name="original")
    random = np.random.default_rng(seed)
    for name in ("features", "late"):
        kernel, bias = network.get_layer(name).get_weights()
        network.get_layer(name).set_weights([kernel, random.normal(0, 0.1, bias.shape)])
    kernel, bias = network.get_layer("head").get_weights()
    network.get_layer("head").set_weights([kernel * gain, bias])
    return network


def as_pixels(image: Array) -> Array:
    """What the network gets of a picture under `preprocess="unit"`: (1, H, W, 3) RGB in [0, 1]."""
    return np.asarray(image[None, ..., ::-1] / 255.0, np.float32)


def our_map(network: Any, method: str, image: Array, target: int | None, **options: Any) -> Array:
    model = lg.load_model(network, preprocess="unit")
    explainer = lg.Explainer(model, method, "features", target, "stretch", **options)
    return np.asarray(explainer.explain(image).raw_heatmap, np.float64)


def same_direction(map_: Array, other: Array) -> Array:
    """Return a map whose sign is open, or its negative: whichever goes with the other."""
    return map_ if (map_ * other).sum() >= 0 else -map_


def departure(found: Array, expected: Array) -> float:
    """Return the largest difference between two maps as a fraction of the second's peak."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def assert_same_rectified(ours: Array, theirs: Array) -> None:
    """Fail where ours is not their signed map cut at zero, to 1e-4 of the peak of the signed map."""
    np.testing.assert_allclose(ours, relu(theirs), rtol=0, atol=1e-4 * np.abs(theirs).max())
    assert theirs.any(), "their map is empty: nothing would be compared"


def alone(map_: Array) -> Array:
    """Return a map as it is shown: cut at zero, divided by its maximum."""
    return np.asarray(relu(map_) / relu(map_).max())
