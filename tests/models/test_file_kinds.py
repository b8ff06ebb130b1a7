"""Model files are recognised by what they hold, whatever their name."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from networks import pooled_network

import live_gradcam as lg
from live_gradcam.models.file_kinds import kind_of
from live_gradcam.models.protobuf_messages import top_level_fields

h5py = pytest.importorskip("h5py", reason="Keras reads .h5 files with h5py")

PIXELS = np.random.default_rng(0).random((1, 16, 16, 3)).astype(np.float32)


@pytest.mark.parametrize("written", ["hdf5", "zip"])
@pytest.mark.parametrize(
    "name", ["m.keras", "m.h5", "m.hdf5", "m.model", "m.bin", "m", "m.KERAS", "my.model.v2"]
)
@pytest.mark.long
def test_a_file_of_keras_is_read_under_any_name(tmp_path: Path, written: str, name: str) -> None:
    network = pooled_network()
    original = tmp_path / {"hdf5": "original.h5", "zip": "original.keras"}[written]
    network.save(original)
    path = tmp_path / name
    path.write_bytes(original.read_bytes())
    found = lg.load_model(str(path), preprocess="unit")
    assert found.name == name
    np.testing.assert_array_equal(found.network(PIXELS), network(PIXELS))


def test_hdf5_behind_a_block_of_the_users_own_is_read(tmp_path: Path) -> None:
    network = pooled_network()
    network.save(tmp_path / "plain.h5")
    with (
        h5py.File(tmp_path / "plain.h5", "r") as old,
        h5py.File(tmp_path / "b.h5", "w", userblock_size=1024) as new,
    ):
        new.attrs.update(old.attrs)
        for key in old:
            old.copy(key, new)
    assert kind_of(tmp_path / "b.h5").kind == "hdf5"
    found = lg.load_model(tmp_path / "b.h5", preprocess="unit")
    np.testing.assert_array_equal(found.network(PIXELS), network(PIXELS))


@pytest.mark.parametrize("name", ["saved_model.pb", "fingerprint.pb", "keras_metadata.pb"])
def test_a_file_of_a_saved_model_means_its_folder(tmp_path: Path, name: str) -> None:
    tf.saved_model.save(tf.Module(), str(tmp_path))
    (tmp_path / "keras_metadata.pb").write_bytes(b"\x0a\x04root")
    assert kind_of(tmp_path / name).kind == "saved model"
    assert kind_of(tmp_path / name).path == tmp_path


def test_an_unpacked_keras_file_is_read(tmp_path: Path) -> None:
    network = pooled_network()
    network.save(tmp_path / "packed.keras")
    with zipfile.ZipFile(tmp_path / "packed.keras") as archive:
        archive.extractall(tmp_path / "unpacked")
    found = lg.load_model(tmp_path / "unpacked", preprocess="unit")
    np.testing.assert_array_equal(found.network(PIXELS), network(PIXELS))


def test_a_folder_means_the_one_model_in_it(tmp_path: Path) -> None:
    network = pooled_network()
    folder = tmp_path / "export"
    folder.mkdir()
    network.save(folder / "keras_model.h5")
    (folder / "labels.txt").write_text("0 a\n1 b\n2 c\n3 d\n")
    (folder / "model.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(100))
    network.save_weights(folder / "best.weights.h5")
    assert lg.load_model(folder, preprocess="unit").name == "keras_model.h5"
    network.save(folder / "other.keras")
    with pytest.raises(
        lg.ModelError, match=r"holds 2 models: keras_model\.h5, other\.keras\. Name one of them\."
    ):
        lg.load_model(folder)
    (tmp_path / "none").mkdir()
    with pytest.raises(
        lg.ModelError, match=r"none holds no model\. A SavedModel folder holds saved_model\.pb"
    ):
        lg.load_model(tmp_path / "none")


def test_a_name_of_the_zoo_comes_before_a_file_and_a_path_before_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pooled_network().save("p.keras")
    Path("p.keras").rename("efficientnet-lite0")
    Path("mine").write_bytes(Path("efficientnet-lite0").read_bytes())
    assert len(lg.load_model("efficientnet-lite0").labels) == 1000
    assert len(lg.load_model("./efficientnet-lite0", preprocess="unit").labels) == 4
    assert len(lg.load_model("mine", preprocess="unit").labels) == 4
    with pytest.raises(lg.ModelError, match=r"there is no model file mime\. Check the path"):
        lg.load_model("./mime")
    with pytest.raises(lg.ModelError, match="unknown model 'mime'"):
        lg.load_model("mime")


def onnx() -> bytes:
    graph = b"\x0a\x02\x0a\x00"
    return b"\x08\x08\x12\x07pytorch" + b"\x3a" + bytes([len(graph)]) + graph + b"\x42\x04\x0a\x00\x10\x0d"


def coreml() -> bytes:
    return b"\x08\x05\x12\x02\x0a\x00" + b"\xa2\x1f\x02\x0a\x00"  # field 500: a neural network


def caffe() -> bytes:
    return b"\x0a\x03net" + b"\xa2\x06\x02\x0a\x00"  # field 100: a layer


def torch_zip(*, script: bool) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("model/data.pkl", b"\x80\x02}.")
            archive.writestr("model/version", "3\n")
            if script:
                archive.writestr("model/code/__torch__.py", "")

    return write


def zip_of(*names: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, b"x")

    return write


def torn(suffix: str, share: float) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        whole = path.with_name(f"whole{suffix}")
        pooled_network().save(whole)
        data = whole.read_bytes()
        whole.unlink()
        path.write_bytes(data[: int(len(data) * share)])

    return write


def weights(path: Path) -> None:
    pooled_network().save_weights(path.with_name("w.weights.h5"))
    path.with_name("w.weights.h5").rename(path)


def old_weights(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"conv"]
        file.create_group("conv").create_dataset("kernel", data=np.zeros(4))


def other_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros(4)


def checkpoint(path: Path) -> None:
    tf.train.Checkpoint(v=tf.Variable(1.0)).write(str(path.with_name("ckpt")))
    path.with_name("ckpt.index").rename(path)
    path.with_name("ckpt.data-00000-of-00001").unlink()


def saved_model_elsewhere(path: Path) -> None:
    module = tf.Module()
    module.v = tf.Variable(1.0)
    tf.saved_model.save(module, str(path.with_name("saved")))
    path.write_bytes((path.with_name("saved") / "saved_model.pb").read_bytes())


def keras_metadata(path: Path) -> None:
    keras2_object = b"\x1a\x04root" + b"\x22\x11_tf_keras_network" + b"\x2a\x02{}"
    path.write_bytes(b"\x0a" + bytes([len(keras2_object)]) + keras2_object)


def fingerprint(path: Path) -> None:
    pooled_network().export(path.with_name("saved"), format="tf_saved_model", verbose=False)
    path.write_bytes((path.with_name("saved") / "fingerprint.pb").read_bytes())


def architecture(path: Path) -> None:
    path.write_text(pooled_network().to_json())


def picture(path: Path) -> None:
    path.write_bytes(cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes())


def array_archive(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=np.zeros(3))


def text(words: str | bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(words.encode() if isinstance(words, str) else words)

    return write


LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
HEADER = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()

CASES: list[tuple[Callable[[Path], None], str]] = [
    (text(""), "is empty. Download or save it again."),
    (text(LFS), "is a Git LFS pointer, not the model. Fetch the model: git lfs pull"),
    (text("<!DOCTYPE html>\n<html><head>"), "is a web page, not a model. Open the address in a browser"),
    (text("\ufeff  <HTML lang=en>"), "is a web page, not a model"),
    (
        text("<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"),
        "is XML, often an error message of a server",
    ),
    (text("<?xml version='1.0'?>\n<net name='m' version='11'>"), "is an OpenVINO model"),
    (torn(".keras", 0.9), "is incomplete: its last part is missing. Download it again."),
    (torn(".h5", 0.5), "is incomplete: it has "),
    (weights, "holds weights only, not the network. Save all of it with model.save('NAME.keras')"),
    (old_weights, "holds weights only, not the network"),
    (other_hdf5, "is an HDF5 file, but holds no Keras model"),
    (checkpoint, "is a TensorFlow checkpoint: weights only"),
    (text('model_checkpoint_path: "model.ckpt-1000"\n'), "is a TensorFlow checkpoint: weights only"),
    (
        keras_metadata,
        "holds Keras's notes on a SavedModel, not the network. Give the folder that holds saved_model.pb",
    ),
    (
        fingerprint,
        "holds the fingerprint of a SavedModel, not the network. Give the folder that holds saved_model.pb",
    ),
    (saved_model_elsewhere, "is the graph of a SavedModel under another name. Name it saved_model.pb"),
    (text(b"\x1c\0\0\0TFL3" + bytes(64)), "is a TensorFlow Lite model, which has no gradients to explain"),
    (text(onnx()), "is an ONNX model. Use the Keras file or SavedModel that it was made from, or convert it"),
    (text(coreml()), "is a Core ML model"),
    (text(caffe()), "is a Caffe model"),
    (text('name: "net"\nlayer {\n  name: "data"\n}\n'), "is a Caffe model"),
    (torch_zip(script=False), "is a PyTorch checkpoint. Build the network in Keras"),
    (torch_zip(script=True), "is a TorchScript model. Export the PyTorch network to ONNX"),
    (text(pickle.dumps(0x1950A86A20F9469CFC6C, 2) + b"\x80\x02M\xe9\x03."), "is a PyTorch checkpoint"),
    (text(struct.pack("<Q", len(HEADER)) + HEADER + bytes(4)), "holds weights only (safetensors)"),
    (
        text('{"format": "layers-model", "modelTopology": {}, "weightsManifest": []}'),
        "is a TensorFlow.js model",
    ),
    (text(pickle.dumps({"a": 1}, 4)), "is a Python pickle (joblib), which is not read: it can run any code"),
    (architecture, "holds the network without its weights. Save all of it"),
    (text("backend: tensorflow\nclass_name: Model\nconfig:\n"), "holds the network without its weights"),
    (text('{"labels": ["a", "b"]}'), "is JSON, but no model"),
    (picture, "is a picture, not a model: --source FILE explains pictures"),
    (zip_of("keras_model.h5", "labels.txt"), "is an archive of keras_model.h5, labels.txt. Unpack it"),
    (zip_of("m/config.json", "m/model.weights.h5"), "is an archive. Unpack it"),
    (text(b"\x1f\x8b\x08" + bytes(20)), "is an archive. Unpack it"),
    (array_archive, "holds NumPy arrays, not a network"),
    (text(b"GGUF" + bytes(20)), "is a GGUF file, a language model"),
    (text(bytes(range(200, 256))), "is no model of a known kind: it begins with "),
    (text("hello there"), "is no model of a known kind: it begins with 'hello there'"),
]


@pytest.mark.parametrize(("write", "said"), CASES, ids=[said[:40] for _, said in CASES])
@pytest.mark.parametrize("name", ["model.h5", "model.keras", "model"])
def test_what_is_not_loaded_is_named_with_the_next_step(
    tmp_path: Path, write: Callable[[Path], None], said: str, name: str
) -> None:
    path = tmp_path / name
    write(path)
    with pytest.raises(lg.ModelError) as caught:
        lg.load_model(path)
    message = str(caught.value)
    assert f"{path} {said}" in message
    assert "\n" not in message
    assert len(message) <= 380


@pytest.mark.parametrize(
    ("part", "is_what"),
    [
        ("variables/variables", "the weights"),
        ("variables/variables.index", "the weights"),
        ("variables/variables.data-00000-of-00001", "the weights"),
        ("variables", "the weights"),
    ],
)
def test_a_part_of_a_saved_model_is_named_with_the_folder_to_give(
    tmp_path: Path, part: str, is_what: str
) -> None:
    pooled_network().export(tmp_path / "saved", format="tf_saved_model", verbose=False)
    with pytest.raises(lg.ModelError) as caught:
        lg.load_model(tmp_path / "saved" / part)
    assert (
        f" holds {is_what} of a SavedModel, not all of it. Give its folder: --model {tmp_path / 'saved'}"
        in str(caught.value)
    )


@pytest.mark.parametrize(
    "name", ["model.ckpt", "model.ckpt.index", "model.ckpt.data-00000-of-00001", "checkpoint", "./model.ckpt"]
)
def test_every_name_of_a_checkpoint_means_weights_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    tf.train.Checkpoint(v=tf.Variable(1.0)).write("model.ckpt")
    Path("checkpoint").write_text('model_checkpoint_path: "model.ckpt"\n')
    with pytest.raises(
        lg.ModelError, match="is a TensorFlow checkpoint: weights only, not the network"
    ) as caught:
        lg.load_model(name)
    assert "Give the folder that holds saved_model.pb" in str(caught.value)


def test_a_saved_model_pb_alone_asks_for_the_folder_with_its_variables(tmp_path: Path) -> None:
    pooled_network().export(tmp_path / "whole", format="tf_saved_model", verbose=False)
    alone = tmp_path / "alone" / "saved_model.pb"
    alone.parent.mkdir()
    alone.write_bytes((tmp_path / "whole" / "saved_model.pb").read_bytes())
    with pytest.raises(lg.ModelError, match="variables"):
        lg.load_model(alone)


def test_the_fields_of_a_protocol_buffer_are_read_without_its_values(tmp_path: Path) -> None:
    definition = tf.compat.v1.GraphDef()
    definition.node.add(name="a", op="NoOp")
    definition.versions.producer = 3
    path = tmp_path / "graph"
    path.write_bytes(definition.SerializeToString())
    assert top_level_fields(path) == {1: 2, 4: 2}
    path.write_bytes(definition.SerializeToString()[:-1])
    assert top_level_fields(path) is None


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "locked.h5"
    path.write_bytes(b"x")

    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(
        lg.ModelError, match=r"cannot read the model .*locked\.h5: Permission denied\. Check its name"
    ):
        lg.load_model(path)


def test_a_name_too_long_for_a_file_is_an_unknown_model() -> None:
    with pytest.raises(lg.ModelError, match="unknown model") as caught:
        lg.load_model("x" * 5000)
    assert len(str(caught.value)) <= 380
    with pytest.raises(lg.ModelError, match="there is no model file"):
        lg.load_model("x" * 5000 + ".h5")
    assert keras.backend.backend() == "tensorflow"
