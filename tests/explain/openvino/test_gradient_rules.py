"""Each rule for a gradient that OpenVINO lacks, against TensorFlow's own gradient of the same operation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from live_gradcam.explain.openvino.freezing import leading_to
from live_gradcam.explain.openvino.gradient_rules import add_rules
from live_gradcam.explain.openvino.library import compiled, core

Function = Callable[[Any], Any]

SHAPE = (1, 7, 9, 4)
RANDOM = np.random.default_rng(0)

POINTWISE: dict[str, Function] = {
    "ReluGrad": tf.nn.relu,
    "Relu6Grad": tf.nn.relu6,
    "LeakyReluGrad": lambda x: tf.nn.leaky_relu(x, 0.3),
    "EluGrad": tf.nn.elu,
    "SeluGrad": tf.nn.selu,
    "SoftplusGrad": tf.nn.softplus,
    "SoftsignGrad": tf.nn.softsign,
    "SigmoidGrad": tf.sigmoid,
    "TanhGrad": tf.tanh,
    "SqrtGrad": lambda x: tf.sqrt(x * x + 1.0),
    "RsqrtGrad": lambda x: tf.math.rsqrt(x * x + 1.0),
    "ReciprocalGrad": lambda x: tf.math.reciprocal(x * x + 1.0),
    "ReverseV2": lambda x: tf.reverse(x, [-1, 1]),
    "StridedSliceGrad": lambda x: x[:, 1:-1, ::2],
    "StridedSliceGrad of one row": lambda x: x[:, 2, ..., 1:, tf.newaxis],
    "ResizeBilinearGrad": lambda x: tf.image.resize(x, (14, 20)),
    "ResizeBilinearGrad to a part": lambda x: tf.image.resize(x, (5, 4)),
    "ResizeBilinearGrad of Keras 2": lambda x: tf.compat.v1.image.resize_bilinear(
        x, (14, 20), align_corners=True
    ),
    "ResizeBilinearGrad of TensorFlow 1": lambda x: tf.compat.v1.image.resize_bilinear(x, (14, 20)),
    "ResizeNearestNeighborGrad": lambda x: tf.image.resize(x, (14, 20), "nearest"),
    "ResizeNearestNeighborGrad of TensorFlow 1": lambda x: tf.compat.v1.image.resize_nearest_neighbor(
        x, (14, 20)
    ),
    "Tile of a mean": lambda x: tf.reduce_mean(x, axis=(1, 2), keepdims=True),
    "Tile of a mean between convolutions": lambda x: tf.nn.conv2d(
        tf.reduce_mean(tf.nn.conv2d(x, kernel(3, 3, 4, 6), 1, "SAME"), (1, 2), keepdims=True),
        kernel(1, 1, 6, 5),
        1,
        "VALID",
    ),
    "Tile of longer axes": lambda x: tf.square(tf.tile(x, [1, 2, 1, 3])),
    "ConcatOffset": lambda x: tf.concat([x, x * x, tf.tanh(x)], axis=-1),
}


@pytest.fixture(scope="module", autouse=True)
def rules() -> None:
    add_rules()


def kernel(*shape: int) -> Any:
    return tf.constant(RANDOM.normal(size=shape), tf.float32)


def check(function: Function, folder: Path, *, pictures: Any = None) -> set[str]:
    """Compare the gradients of a weighted sum of a function's result; return the operations of the graph."""

    def gradient(x: Any) -> Any:
        result = function(x * x + x)  # so that the gradient of a linear operation depends on the picture, too
        weights = tf.constant(np.random.default_rng(1).normal(size=result.shape), tf.float32)
        return tf.identity(tf.gradients(tf.reduce_sum(result * weights), x)[0])

    pictures = RANDOM.normal(size=SHAPE).astype(np.float32) if pictures is None else pictures
    concrete = tf.function(gradient, [tf.TensorSpec(SHAPE)], autograph=False).get_concrete_function()
    wanted = np.asarray(tf.nest.flatten(concrete(tf.constant(pictures)))[0])
    frozen = convert_variables_to_constants_v2(concrete)
    definition = leading_to({frozen.outputs[0].op.name}, frozen.graph.as_graph_def())
    (folder / "graph.pb").write_bytes(definition.SerializeToString())
    request = compiled(core().read_model(str(folder / "graph.pb")), "f32").create_infer_request()
    (found,) = request.infer({0: pictures}).values()
    assert np.abs(wanted).max() > 0.01
    np.testing.assert_allclose(found, wanted, atol=2e-6 * np.abs(wanted).max(), rtol=2e-6)
    return {node.op for node in definition.node}


@pytest.mark.parametrize("operation", POINTWISE)
def test_the_gradient_of_an_activation_function_is_tensorflows(operation: str, tmp_path: Path) -> None:
    used = check(POINTWISE[operation], tmp_path)
    assert operation.split()[0] in used or operation in ("SoftplusGrad", "ConcatOffset")


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 2)])
@pytest.mark.parametrize(
    ("operation", "make"),
    [
        ("MaxPoolGrad", lambda k, s, p: lambda x: tf.nn.max_pool2d(x, k, s, p)),
        ("AvgPoolGrad", lambda k, s, p: lambda x: tf.nn.avg_pool2d(x, k, s, p)),
        (
            "DepthwiseConv2dNativeBackpropInput",
            lambda k, s, p: lambda x: tf.nn.depthwise_conv2d(x, kernel(k, k, 4, 3), [1, s, s, 1], p),
        ),
        ("Conv2DBackpropInput", lambda k, s, p: lambda x: tf.nn.conv2d(x, kernel(k, k, 4, 6), s, p)),
        ("Conv2DBackpropInput", lambda k, s, p: lambda x: tf.nn.conv2d(x, kernel(k, k, 2, 6), s, p)),
    ],
    ids=["largest", "average", "depthwise", "convolution", "groups"],
)
def test_the_gradient_of_a_window_is_tensorflows(
    operation: str,
    make: Callable[[int, int, str], Function],
    size: int,
    stride: int,
    padding: str,
    tmp_path: Path,
) -> None:
    # Many equal values and many zeros: of several largest values the first gets the gradient.
    pictures = np.maximum(np.round(RANDOM.normal(size=SHAPE) * 2), 0).astype(np.float32)
    assert operation in check(make(size, stride, padding), tmp_path, pictures=pictures)


def test_a_dilated_convolution_has_tensorflows_gradient(tmp_path: Path) -> None:
    check(lambda x: tf.nn.conv2d(x, kernel(3, 3, 4, 6), 1, "SAME", dilations=[2, 2]), tmp_path)
