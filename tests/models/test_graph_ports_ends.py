"""Frozen graphs as training programs leave them: fed shares of dropout, data sets, flat pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

import live_gradcam as lg

v1 = tf.compat.v1

RANDOM = np.random.default_rng(3)
KERNEL = RANDOM.normal(0, 0.4, (3, 3, 1, 4)).astype(np.float32)
DENSE = RANDOM.normal(0, 1, (4, 3)).astype(np.float32)
PIXELS = RANDOM.uniform(0, 1, (2, 28, 28, 1)).astype(np.float32)

Tensor = Any


def scores(image: Tensor, drop: Callable[[Tensor], Tensor] = lambda x: x) -> Tensor:
    x = tf.nn.relu(tf.nn.conv2d(image, KERNEL, 2, "SAME"))
    return tf.nn.softmax(drop(tf.reduce_mean(x, (1, 2))) @ DENSE, name="scores")


def expected() -> npt.NDArray[np.float32]:
    return np.asarray(scores(tf.constant(PIXELS)))


def written(path: Path, build: Callable[[], object]) -> Path:
    with tf.Graph().as_default() as graph:
        build()
    part = v1.graph_util.extract_sub_graph(graph.as_graph_def(), ["scores"])
    path.write_bytes(part.SerializeToString())
    return path


def older_dropout(x: Tensor, kept: Tensor) -> Tensor:
    """Dropout as TensorFlow wrote it before 1.13."""
    return tf.divide(x, kept) * tf.floor(kept + tf.random.uniform(tf.shape(x)))


@pytest.mark.parametrize(
    "drop",
    [
        older_dropout,
        lambda x, kept: v1.nn.dropout(x, keep_prob=kept),
        lambda x, dropped: v1.nn.dropout(x, rate=dropped),
    ],
    ids=["before 1.13", "kept", "dropped"],
)
def test_the_share_of_dropout_is_found_whatever_it_is_called(
    tmp_path: Path, drop: Callable[[Tensor, Tensor], Tensor]
) -> None:
    def build() -> None:
        image = v1.placeholder(tf.float32, (None, 28, 28, 1))
        share = v1.placeholder(tf.float32)
        scores(image, lambda x: drop(x, share))

    model = lg.load_model(written(tmp_path / "graph.pb", build), preprocess="none")
    assert model.input_size == (28, 28)
    np.testing.assert_allclose(model.network(PIXELS), expected(), atol=1e-6)


@pytest.mark.parametrize("shape", [(None, 784), (None, 28, 28), None], ids=str)
def test_pictures_enter_behind_what_makes_them_of_flat_numbers(tmp_path: Path, shape: Any) -> None:
    def build() -> None:
        flat = v1.placeholder(tf.float32, shape, name="x")
        scores(tf.expand_dims(flat, -1) if len(shape or ()) == 3 else tf.reshape(flat, (-1, 28, 28, 1)))

    model = lg.load_model(written(tmp_path / "graph.pb", build), preprocess="none")
    assert model.input_size == (28, 28)
    np.testing.assert_allclose(model.network(PIXELS), expected(), atol=1e-6)
    explanation = lg.Explainer(model).explain(np.zeros((40, 40, 3), np.uint8))
    assert len(explanation.top) == 3


@pytest.mark.parametrize("place", [0, 1])
def test_pictures_enter_where_a_data_set_was_read(tmp_path: Path, place: int) -> None:
    def build() -> None:
        parts = [PIXELS.reshape(2, 784), np.zeros(2, np.int32)]
        data = tf.data.Dataset.from_tensor_slices(tuple(parts if place == 0 else parts[::-1])).batch(2)
        pictures = v1.data.make_initializable_iterator(data).get_next()[place]
        scores(tf.reshape(pictures, (-1, 28, 28, 1)))

    model = lg.load_model(written(tmp_path / "graph.pb", build), preprocess="none")
    np.testing.assert_allclose(model.network(PIXELS), expected(), atol=1e-6)


def test_a_graph_that_multiplies_flat_numbers_is_told_to_take_them(tmp_path: Path) -> None:
    def build() -> None:
        flat = v1.placeholder(tf.float32, name="netin")
        tf.nn.softmax(tf.raw_ops.MatMul(a=flat, b=np.ones((10, 3), np.float32)), name="scores")

    with pytest.raises(lg.ModelError, match=r"graph\.pb takes 'netin' \(N, 10\); pictures .* are needed"):
        lg.load_model(written(tmp_path / "graph.pb", build))


def test_a_graph_for_tensorrt_is_told_to_be_one(tmp_path: Path) -> None:
    graph = v1.GraphDef()
    image = graph.node.add(name="image", op="Placeholder")
    image.attr["dtype"].type = tf.float32.as_datatype_enum
    graph.node.add(name="engine", op="TRTEngineOp", input=["image"])
    (tmp_path / "trt.pb").write_bytes(graph.SerializeToString())
    with pytest.raises(lg.ModelError, match=r"converted for TensorRT \('TRTEngineOp'\).* Use the graph"):
        lg.load_model(tmp_path / "trt.pb")


@pytest.mark.parametrize("length", [60, 91, 123], ids=["<", "[", "{"])
def test_a_graph_that_begins_like_text_is_a_graph(tmp_path: Path, length: int) -> None:
    """A graph begins with a line break and the length of its first node, which may be that of `<`, `[` or `{`."""
    with tf.Graph().as_default() as graph:
        scores(v1.placeholder(tf.float32, (None, 28, 28, 1)))
    definition = v1.GraphDef()
    first = definition.node.add(name="biases", op="Const")
    first.attr["dtype"].type = tf.float32.as_datatype_enum
    first.attr["value"].tensor.CopyFrom(tf.make_tensor_proto([0.5]))
    first.name += "_" * (length - first.ByteSize())
    definition.MergeFrom(graph.as_graph_def())
    path = tmp_path / "graph.pb"
    path.write_bytes(definition.SerializeToString())
    assert path.read_bytes()[1] == length
    np.testing.assert_allclose(lg.load_model(path, preprocess="none").network(PIXELS), expected(), atol=1e-6)
