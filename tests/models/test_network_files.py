"""Files of networks: read as Keras's safe mode reads them, and refused in one line with the way out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from networks import pooled_network

import live_gradcam as lg

layers = keras.layers


def with_lambda() -> Any:
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(2, 3)(layers.Lambda(lambda t: t / 255.0)(image))
    return keras.Model(image, layers.GlobalAveragePooling2D()(x))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_code_in_a_file_is_refused_until_it_is_allowed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"code{suffix}"
    network = with_lambda()
    network.save(path)
    with pytest.raises(
        lg.ModelError, match=r"holds Python code .* use --allow-unsafe \(allow_unsafe=True\)"
    ) as e:
        lg.load_model(path)
    assert "\n" not in str(e.value)
    model = lg.load_model(path, allow_unsafe=True)
    x = np.random.default_rng(0).random((1, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(model.network(x)), np.asarray(network(x)), rtol=1e-6)
    assert model.preprocessing.name == "none"  # the Lambda divides by 255


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_custom_objects_that_are_missing_point_to_a_function(tmp_path: Path, suffix: str) -> None:
    class HomeMade(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
        def call(self, x: Any) -> Any:
            return x * 2

    image = keras.Input((8, 8, 3))
    path = tmp_path / f"custom{suffix}"
    keras.Model(image, layers.GlobalAveragePooling2D()(HomeMade()(image))).save(path)
    message = r"uses 'HomeMade', which is not part of Keras.* use --model module:function"
    with pytest.raises(lg.ModelError, match=message) as caught:
        lg.load_model(path)
    assert "\n" not in str(caught.value)


def test_weights_alone_are_told_from_a_network(tmp_path: Path) -> None:
    path = tmp_path / "mine.weights.h5"
    pooled_network().save_weights(path)
    with pytest.raises(lg.ModelError, match=r"holds weights only, not the network\. Save all of it"):
        lg.load_model(path)


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".hdf5"])
def test_what_only_has_the_name_of_a_model_is_one_line(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_text("not a model\nat all")
    message = f"{path} is no model of a known kind: it begins with 'not a model"
    with pytest.raises(lg.ModelError, match=re.escape(message)) as caught:
        lg.load_model(path)
    assert "\n" not in str(caught.value)
