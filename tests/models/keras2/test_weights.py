"""Weights of Keras 2: other places, other orders, other separators; and what does not fit is refused."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras2_networks = pytest.importorskip("keras2_networks", reason="tf-keras writes the files of Keras 2")

import h5py  # noqa: E402
import tf_keras  # noqa: E402
from keras2_networks import (  # noqa: E402
    NETWORKS,
    SIZE,
    L,
    assert_same_predictions,
    pictures,
    randomised,
)

import live_gradcam as lg  # noqa: E402
from live_gradcam.models.keras_files import read_keras_file  # noqa: E402


def moved(path: Path, place: Callable[[str], str]) -> None:
    """Give every weight in a `.keras` file another path."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    changed = io.BytesIO()
    with h5py.File(io.BytesIO(members["model.weights.h5"])) as old, h5py.File(changed, "w") as new:

        def copy(name: str, item: Any) -> None:
            if hasattr(item, "shape"):
                new[place(name)] = item[()]
            else:
                new.require_group(place(name))

        old.visititems(copy)
    members["model.weights.h5"] = changed.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def every_second(name: str) -> str:
    """Number layers of one class as Keras 2.12 did: `conv2d`, `conv2d_2`, `conv2d_4`."""
    name = re.sub(r"(?<=\D)_(\d+)(?=/|$)", lambda found: f"_{2 * int(found[1])}", name)
    return name.replace("layers", "_layer_checkpoint_dependencies")


@pytest.mark.parametrize(
    "place", [every_second, lambda name: name.replace("/", "\\")], ids=["Keras 2.12", "Windows"]
)
def test_weights_in_a_zip_are_found_where_other_versions_put_them(
    tmp_path: Path, place: Callable[[str], str]
) -> None:
    old = randomised(NETWORKS["teachable"]())
    path = tmp_path / "network.keras"
    old.save(path)
    moved(path, place)
    assert_same_predictions(old, read_keras_file(path, container="zip", allow_unsafe=False), pictures(SIZE))


def test_weights_that_are_missing_in_a_zip_are_named(tmp_path: Path) -> None:
    path = tmp_path / "network.keras"
    randomised(NETWORKS["teachable"]()).save(path)
    moved(path, lambda name: name.replace("dense", "sparse"))
    with pytest.raises(
        lg.ModelError, match=r"the weights of layer 'dense\w*' do not fit it: it has 2, and the file"
    ):
        lg.load_model(path)


def test_weights_of_another_network_do_not_fit(tmp_path: Path) -> None:
    def network(units: int) -> Any:
        return tf_keras.Sequential([L.Conv2D(units, 3, input_shape=SIZE), L.Flatten(), L.Dense(2)])

    network(4).save(tmp_path / "4.h5")
    network(5).save(tmp_path / "5.h5")
    with h5py.File(tmp_path / "4.h5", "r+") as four, h5py.File(tmp_path / "5.h5") as five:
        four.attrs["model_config"] = five.attrs["model_config"]
    with pytest.raises(lg.ModelError, match=r"the weights of 'conv2d\w*' do not fit it") as caught:
        lg.load_model(tmp_path / "4.h5")
    assert "\n" not in str(caught.value)


def test_weights_in_another_order_are_found_by_their_names(tmp_path: Path) -> None:
    """Layers of one shape that were frozen after the network was saved once."""
    inner = tf_keras.Sequential(
        [L.Conv2D(3, 3, padding="same", name=f"conv{i}") for i in range(4)], name="inner"
    )
    old = randomised(tf_keras.Sequential([tf_keras.Input(SIZE), inner, L.Flatten(), L.Dense(2)]))
    path = tmp_path / "order.h5"
    old.save(path)
    with h5py.File(path, "r+") as file:
        group = file["model_weights"]["inner"]
        names = list(group.attrs["weight_names"])
        group.attrs["weight_names"] = names[4:] + names[:4]
    new = read_keras_file(path, container="hdf5", allow_unsafe=False)
    assert_same_predictions(old, new, pictures(SIZE) / 255)


def test_long_lists_of_names_lie_in_several_attributes(tmp_path: Path) -> None:
    """HDF5 keeps no attribute above 64 kB."""
    layers = [L.Dense(1, name="x" * 2000 + f"/{i}") for i in range(20)]
    old = randomised(tf_keras.Sequential([tf_keras.Input((1,)), tf_keras.Sequential(layers, name="inner")]))
    path = tmp_path / "long.h5"
    old.save(path)
    with h5py.File(path) as file:
        assert "weight_names1" in file["model_weights"]["inner"].attrs
    new = read_keras_file(path, container="hdf5", allow_unsafe=False)
    for before, after in zip(old.get_weights(), new.get_weights(), strict=True):
        np.testing.assert_array_equal(after, before)
