"""Files of Keras are told apart by their content, and Keras 3's own HDF5 files are read whole."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import live_gradcam as lg
from live_gradcam.models.keras_files import read_keras_file


def network_with_operations() -> Any:
    """Return a network of Keras 3 with operations that share their names with layers, outside and inside of another."""
    image = keras.Input((8, 8, 3))
    x = ops.subtract(image / 127.5, 1.0)
    inner_input = keras.Input((8, 8, 3))
    y = layers.Conv2D(3, 3, padding="same")(inner_input)
    inner = keras.Model(inner_input, layers.Add()([y, inner_input]) + ops.mean(y, axis=(1, 2), keepdims=True))
    x = inner(x)
    return keras.Model(image, layers.Dense(2)(ops.max(x[:, 1:], axis=[1, 2])))


def test_several_axes_in_an_hdf5_file_of_keras_3_are_kept(tmp_path: Path) -> None:
    """Its own reader drops them without a word."""
    network = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.LayerNormalization(axis=(1, 2, 3)), layers.Flatten()]
    )
    network.layers[0].set_weights([np.random.default_rng(0).random((8, 8, 3))] * 2)
    network.save(tmp_path / "axes.h5")
    new = read_keras_file(tmp_path / "axes.h5", container="hdf5", allow_unsafe=False)
    np.testing.assert_allclose(new(pixels()), network(pixels()), rtol=1e-5)


def pixels() -> Any:
    return np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3)).astype(np.float32)


def test_operations_in_an_hdf5_file_of_keras_3_are_read(tmp_path: Path) -> None:
    network = network_with_operations()
    path = tmp_path / "operations.h5"
    network.save(path)
    with pytest.raises((ValueError, TypeError)):
        keras.saving.load_model(path)
    before = path.read_bytes()
    new = read_keras_file(path, container="hdf5", allow_unsafe=False)
    np.testing.assert_allclose(new(pixels()), network(pixels()), rtol=1e-5)
    assert path.read_bytes() == before
    assert lg.load_model(path).preprocessing.name == "none"


@pytest.mark.parametrize(("written", "named"), [(".keras", ".h5"), (".h5", ".keras"), (".h5", ".model")])
def test_the_name_of_a_file_plays_no_part(tmp_path: Path, written: str, named: str) -> None:
    network = (
        network_with_operations()
        if written == ".keras"
        else keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()])
    )
    network.save(tmp_path / f"one{written}")
    path = Path(shutil.copy(tmp_path / f"one{written}", tmp_path / f"two{named}"))
    new = read_keras_file(path, container="zip" if written == ".keras" else "hdf5", allow_unsafe=False)
    np.testing.assert_allclose(new(pixels()), network(pixels()), rtol=1e-6)


@pytest.mark.long
@pytest.mark.parametrize(("written", "named"), [(".keras", ".h5"), (".h5", ".keras")])
def test_the_name_of_a_file_of_keras_2_plays_no_part(tmp_path: Path, written: str, named: str) -> None:
    networks = pytest.importorskip("keras2_networks", reason="tf-keras writes the files of Keras 2")
    old = networks.randomised(networks.NETWORKS["teachable"]())
    old.save(tmp_path / f"one{written}")
    path = Path(shutil.copy(tmp_path / f"one{written}", tmp_path / f"two{named}"))
    new = lg.load_model(path, preprocess="none").network
    networks.assert_same_predictions(old, new, networks.pictures(networks.SIZE))
