"""Networks with channels first: turned into the same network with channels last, or refused with the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from networks import picture

import live_gradcam as lg

layers = keras.layers


def network(order: str, flatten: str | None) -> Any:
    """The same network in either order; `flatten`: in which order its Flatten layer reads."""
    first = order == "channels_first"
    keras.utils.set_random_seed(5)
    image = keras.Input((3, 16, 12) if first else (16, 12, 3))
    axis = 1 if first else -1
    x = layers.Rescaling(1 / 127.5, -1.0)(image)
    x = stem = layers.Conv2D(4, 3, padding="same", data_format=order, name="stem")(x)
    x = layers.BatchNormalization(axis=axis, name="bn")(x)
    x = layers.Activation("swish", name="act")(x)
    x = layers.Concatenate(axis=axis, name="join")([x, stem])
    inner = keras.Sequential(
        [
            keras.Input((8, 16, 12) if first else (16, 12, 8)),
            layers.ZeroPadding2D((1, 2), data_format=order),
            layers.DepthwiseConv2D(3, data_format=order),
            layers.MaxPooling2D(2, data_format=order),
        ],
        name="inner",
    )
    x = inner(x)
    if flatten is None:
        x = layers.GlobalAveragePooling2D(data_format=order)(x)
    elif first:
        x = layers.Flatten(data_format=flatten, name="flat")(x)
    elif flatten == "channels_last":  # the order in which a tensor with channels first lies in memory
        x = layers.Flatten()(layers.Permute((3, 1, 2))(x))
    else:
        x = layers.Flatten()(x)
    return keras.Model(image, layers.Dense(3, activation="softmax", name="head")(x))


@pytest.mark.parametrize(
    "flatten", [pytest.param(None, marks=pytest.mark.geometry), "channels_first", "channels_last"]
)
@pytest.mark.long
def test_a_network_with_channels_first_equals_the_one_with_channels_last(
    tmp_path: Path, flatten: str | None
) -> None:
    first, last = network("channels_first", flatten), network("channels_last", flatten)
    generator = np.random.default_rng(0)
    weights = [generator.uniform(0.2, 1.0, weight.shape) for weight in first.weights]
    first.set_weights(weights)
    last.set_weights(weights)
    first.save(tmp_path / "first.keras")
    found = lg.load_model(tmp_path / "first.keras")
    frame = picture(40, 40)
    mine, theirs = (lg.Explainer(each, target=1).explain(frame) for each in (found, lg.load_model(last)))
    assert found.input_size == (16, 12)
    for top, other in zip(mine.top, theirs.top, strict=True):
        assert top.class_id == other.class_id
        assert top.probability == pytest.approx(other.probability, abs=1e-6)
    assert theirs.has_evidence
    np.testing.assert_allclose(mine.raw_heatmap, theirs.raw_heatmap, atol=1e-5 * theirs.raw_heatmap.max())
    assert first.input_shape == (None, 3, 16, 12), "the user's own network was changed"


def test_a_layer_that_does_not_tell_its_axes_is_named() -> None:
    image = keras.Input((3, 16, 16))
    x = layers.Conv2D(4, 3, data_format="channels_first")(image)
    x = layers.Reshape((4 * 14 * 14,), name="by_hand")(x)
    model = keras.Model(image, layers.Dense(3)(x))
    message = (
        r"takes pictures with channels first, \(N, 3, 16, 16\), and cannot be converted: "
        r"its layer 'by_hand' \(Resh"
    )
    with pytest.raises(lg.ModelError, match=message) as caught:
        lg.load_model(model)
    assert "Build it with data_format='channels_last', load the same weights and save that." in str(
        caught.value
    )
