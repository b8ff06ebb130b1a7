"""Files that declare far more than they hold are refused before anything of it is made or read."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from damaged_files import small_network

import live_gradcam as lg

h5py = pytest.importorskip("h5py", reason="Keras reads .h5 files with h5py")


def zip_bomb(path: Path) -> None:
    """A member of two gigabytes of zeros, in two megabytes."""
    small_network().save(path.with_name("whole.keras"))
    with (
        zipfile.ZipFile(path.with_name("whole.keras")) as old,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        new.writestr("config.json", old.read("config.json"))
        new.writestr("metadata.json", old.read("metadata.json"))
        with new.open("model.weights.h5", "w", force_zip64=True) as member:
            for _ in range(512):
                member.write(bytes(2**20))


def with_setting(name: str, key: str, value: Any, *, hdf5: bool = False) -> Callable[[Path], None]:
    """A whole network with one wrong number among its settings."""

    def change(settings: Any) -> Any:
        (layer,) = [each for each in settings["config"]["layers"] if each["config"]["name"] == name]
        layer["config"][key] = value
        return settings

    def write(path: Path) -> None:
        if hdf5:
            small_network().save(path.with_name("w.h5"))
            path.write_bytes(path.with_name("w.h5").read_bytes())
            with h5py.File(path, "r+") as file:
                file.attrs["model_config"] = json.dumps(change(json.loads(file.attrs["model_config"])))
            return
        small_network().save(path.with_name("whole.keras"))
        with zipfile.ZipFile(path.with_name("whole.keras")) as old, zipfile.ZipFile(path, "w") as new:
            for member in old.namelist():
                data = old.read(member)
                new.writestr(
                    member, json.dumps(change(json.loads(data))) if member == "config.json" else data
                )

    return write


def huge_dataset(path: Path) -> None:
    small_network().save(path.with_name("w.h5"))
    path.write_bytes(path.with_name("w.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        del file["model_weights/head/head/kernel"]
        file.create_dataset("model_weights/head/head/kernel", (10**6, 10**6), "f4", chunks=(1000, 1000))


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (zip_bomb, "its contents would take 53"),
        (huge_dataset, "its contents would take 4e+03 GB"),
        (with_setting("head", "units", 10**9), "the weights of its layer 'head' would take 32 GB"),
        (with_setting("head", "units", 10**9, hdf5=True), "the weights of its layer 'head' would take 32 GB"),
        (with_setting("conv", "kernel_size", [10**5, 10**5]), "the weights of its layer 'conv' would take"),
    ],
    ids=["zip bomb", "huge dataset", "wide layer", "wide layer in HDF5", "large kernel"],
)
@pytest.mark.parametrize("name", ["model.keras", pytest.param("model", marks=pytest.mark.fuzz)])
@pytest.mark.long
def test_a_file_that_would_exhaust_memory_is_refused(
    tmp_path: Path, write: Callable[[Path], None], said: str, name: str
) -> None:
    path = tmp_path / name
    write(path)
    with pytest.raises(lg.ModelError) as caught:
        lg.load_model(path)
    assert f"{path} is damaged or made to exhaust memory: {said}" in str(caught.value)
    assert "Download or save it again." in str(caught.value)


def test_an_input_larger_than_memory_is_refused() -> None:
    image = keras.Input((200_000, 200_000, 3))
    network = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
    with pytest.raises(
        lg.ModelError, match=r"takes pictures of 200000×200000 pixels, more than memory holds"
    ):
        lg.load_model(network)


def test_a_network_of_zeros_that_was_packed_again_is_read(tmp_path: Path) -> None:
    """Weights that compress well are no bomb where the whole is small."""
    network = small_network()
    network.set_weights([np.zeros_like(weight) for weight in network.get_weights()])
    network.save(tmp_path / "plain.keras")
    with (
        zipfile.ZipFile(tmp_path / "plain.keras") as old,
        zipfile.ZipFile(tmp_path / "packed.keras", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert lg.load_model(tmp_path / "packed.keras").input_size == (16, 16)
