from pathlib import Path
from typing import Any

import keras
import pytest
from networks import headed_network, two_headed_network

import live_gradcam as lg
from live_gradcam.models.task_evidence import Loss, loss_of_file, loss_of_network

losses = keras.losses

LOSSES = [
    ("mse", Loss("values")),
    ("huber", Loss("values")),
    (losses.MeanAbsoluteError(), Loss("values")),
    (losses.CategoricalCrossentropy(), Loss("classes")),
    (losses.SparseCategoricalCrossentropy(from_logits=True), Loss("classes", from_logits=True)),
    (losses.BinaryCrossentropy(from_logits=True), Loss("multi-label", from_logits=True)),
    (losses.binary_crossentropy, Loss("multi-label")),
    (losses.KLDivergence(), Loss("classes")),
    (losses.Dice(), None),
]


@pytest.mark.parametrize(("loss", "found"), LOSSES)
def test_the_loss_that_a_network_was_compiled_with_is_evidence(loss: Any, found: Loss | None) -> None:
    network = headed_network(3)
    network.compile(loss=loss)
    assert loss_of_network(network, 0, "dense") == found


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_file_holds_the_loss_whatever_it_is_called(tmp_path: Path, ending: str) -> None:
    network = headed_network(3)
    network.compile(loss=losses.SparseCategoricalCrossentropy(from_logits=True))
    path = tmp_path / f"model{ending}"
    network.save(path)
    other = path.rename(tmp_path / "model.bin")
    assert loss_of_file(other, 0, "dense") == Loss("classes", from_logits=True)


def test_a_saved_model_of_keras_2_holds_the_loss_beside_its_graph(tmp_path: Path) -> None:
    tf_keras = pytest.importorskip("tf_keras", reason="tf-keras writes the SavedModels of Keras 2")
    network = tf_keras.Sequential([tf_keras.layers.Dense(3, input_shape=(2,))])
    network.compile(loss=tf_keras.losses.BinaryCrossentropy(from_logits=True))
    network.save(tmp_path / "saved", save_format="tf")
    assert loss_of_file(tmp_path / "saved", 0, "dense") == Loss("multi-label", from_logits=True)
    (tmp_path / "saved" / "keras_metadata.pb").write_bytes(b'"training_config": {"loss"')
    assert loss_of_file(tmp_path / "saved", 0, "dense") is None


def test_of_several_outputs_each_has_its_own(tmp_path: Path) -> None:
    network = two_headed_network(keyed=True)
    network.compile(loss={"animal": "categorical_crossentropy", "place": "mse"})
    path = tmp_path / "two.keras"
    network.save(path)
    assert loss_of_file(path, 0, "animal") == Loss("classes")
    assert loss_of_file(path, 1, "place") == Loss("values")
    network = two_headed_network()
    network.compile(loss=["mse", "categorical_crossentropy"])
    assert [loss_of_network(network, place, "") for place in (0, 1)] == [Loss("values"), Loss("classes")]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"\x89HDF\r\n\x1a\n torn", b"<html>"])
def test_a_file_without_a_loss_has_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(content)
    assert loss_of_file(path, 0, "") is None


def test_a_regression_file_of_several_linear_units_is_values_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    network = headed_network(4)
    network.compile(loss="mae")
    network.save(tmp_path / "box.keras")
    explainer = lg.Explainer(lg.load_model(tmp_path / "box.keras", ["x", "y", "width", "height"], "unit"))
    assert explainer.task == "values"
    assert explainer.labels.names == ("x", "y", "width", "height")
    assert not caplog.records
