"""Each of OpenVINO's operations, written as ONNX and run by ONNX Runtime, against OpenVINO's own result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from live_gradcam.explain.export.any_batch import pictures_of
from live_gradcam.explain.export.file_writing import FileRequest, write_onnx
from live_gradcam.explain.export.onnx_graph import UnknownOperationError
from live_gradcam.explain.export.onnx_operations import _RULES
from live_gradcam.explain.openvino.library import compiled, openvino

SHAPE = (2, 4, 7, 9)
RANDOM = np.random.default_rng(0)
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0], np.float32)

Build = Callable[[Any, Any], Any]
"""Makes a node, or several, from `openvino.opset14` and the picture, `SHAPE` float32."""


def kernel(*shape: int) -> Any:
    return RANDOM.normal(size=shape).astype(np.float32)


def whole(*numbers: int) -> Any:
    return np.array(numbers, np.int32)


def sliced(ops: Any, x: Any, begin: Any, end: Any, steps: Any, **masks: list[int]) -> Any:
    """Slice; the masks are `whole_begin`, `whole_end`, `new`, `shrunk` and `ellipsis`."""
    names = ("whole_begin", "whole_end", "new", "shrunk", "ellipsis")
    none = [0] * len(begin)
    return ops.strided_slice(x, begin, end, steps, *(masks.get(name, none) for name in names))


POINTWISE: dict[str, Build] = {
    "Abs": lambda o, x: o.absolute(x),
    "Add": lambda o, x: o.add(x, kernel(4, 1, 1)),
    "Ceiling": lambda o, x: o.ceiling(x),
    "Clamp": lambda o, x: o.clamp(x, -0.5, 0.75),
    "Convert": lambda o, x: o.convert(x, "i32"),
    "ConvertLike": lambda o, x: o.convert_like(x, whole(1)),
    "Cos": lambda o, x: o.cos(x),
    "Divide": lambda o, x: o.divide(x, kernel(9)),
    "Elu": lambda o, x: o.elu(x, 0.7),
    "Equal": lambda o, x: o.equal(o.floor(x), o.constant(np.float32(1))),
    "Erf": lambda o, x: o.erf(x),
    "Exp": lambda o, x: o.exp(x),
    "Floor": lambda o, x: o.floor(x),
    "FloorMod": lambda o, x: o.floor_mod(x, o.constant(np.float32(-0.7))),
    "FloorMod of whole numbers": lambda o, x: o.floor_mod(
        o.convert(o.multiply(x, np.float32(9)), "i32"), whole(4)
    ),
    "Gelu": lambda o, x: o.gelu(x, "erf"),
    "Gelu with tanh": lambda o, x: o.gelu(x, "tanh"),
    "Greater": lambda o, x: o.greater(x, o.constant(np.float32(0.2))),
    "GreaterEqual": lambda o, x: o.greater_equal(o.floor(x), o.constant(np.float32(1))),
    "HSwish": lambda o, x: o.hswish(x),
    "HardSigmoid": lambda o, x: o.hard_sigmoid(x, np.float32(0.3), np.float32(0.4)),
    "IsFinite": lambda o, x: o.is_finite(o.multiply(o.reduce_max(x, np.array([0, 1, 2, 3]), False), SPECIAL)),
    "IsNaN": lambda o, x: o.is_nan(o.multiply(o.reduce_max(x, np.array([0, 1, 2, 3]), False), SPECIAL)),
    "Less": lambda o, x: o.less(x, o.constant(np.float32(0.2))),
    "LessEqual": lambda o, x: o.less_equal(o.floor(x), o.constant(np.float32(1))),
    "Log": lambda o, x: o.log(o.add(o.absolute(x), np.float32(0.1))),
    "LogSoftmax": lambda o, x: o.log_softmax(x, 1),
    "LogicalAnd": lambda o, x: o.logical_and(o.greater(x, np.float32(0)), o.less(x, np.float32(1))),
    "LogicalNot": lambda o, x: o.logical_not(o.greater(x, np.float32(0))),
    "LogicalOr": lambda o, x: o.logical_or(o.greater(x, np.float32(1)), o.less(x, np.float32(0))),
    "LogicalXor": lambda o, x: o.logical_xor(o.greater(x, np.float32(0)), o.less(x, np.float32(1))),
    "Maximum": lambda o, x: o.maximum(x, kernel(7, 1)),
    "Minimum": lambda o, x: o.minimum(x, kernel(7, 1)),
    "Mish": lambda o, x: o.mish(x),
    "Multiply": lambda o, x: o.multiply(x, kernel(4, 1, 1)),
    "Negative": lambda o, x: o.negative(x),
    "NotEqual": lambda o, x: o.not_equal(o.floor(x), o.constant(np.float32(1))),
    "PRelu": lambda o, x: o.prelu(x, o.constant(kernel(4))),
    "PRelu with a factor for each place": lambda o, x: o.prelu(x, o.constant(kernel(4, 7, 9))),
    "Power": lambda o, x: o.power(o.absolute(x), o.constant(np.float32(1.7))),
    "Relu": lambda o, x: o.relu(x),
    "Select": lambda o, x: o.select(o.greater(x, np.float32(0)), x, kernel(9)),
    "Select of truths": lambda o, x: o.select(
        o.greater(x, np.float32(0)), o.less(x, np.float32(1)), o.less(x, np.float32(-1))
    ),
    "Selu": lambda o, x: o.selu(x, np.float32(1.6), np.float32(1.05)),
    "Sigmoid": lambda o, x: o.sigmoid(x),
    "Sign": lambda o, x: o.sign(x),
    "Sin": lambda o, x: o.sin(x),
    "SoftPlus": lambda o, x: o.softplus(x),
    "SoftSign": lambda o, x: o.softsign(x),
    "Softmax": lambda o, x: o.softmax(x, 2),
    "Sqrt": lambda o, x: o.sqrt(o.absolute(x)),
    "SquaredDifference": lambda o, x: o.squared_difference(x, kernel(9)),
    "Subtract": lambda o, x: o.subtract(x, kernel(9)),
    "Swish": lambda o, x: o.swish(x),
    "Swish with a factor": lambda o, x: o.swish(x, np.float32(1.5)),
    "Tan": lambda o, x: o.tan(o.multiply(x, np.float32(0.3))),
    "Tanh": lambda o, x: o.tanh(x),
}

REDUCTIONS: dict[str, Build] = {
    "ReduceL1": lambda o, x: o.reduce_l1(x, np.array([1]), True),
    "ReduceL2": lambda o, x: o.reduce_l2(x, np.array([-1, 1]), False),
    "ReduceLogicalAnd": lambda o, x: o.reduce_logical_and(o.greater(x, np.float32(-1)), np.array([3]), False),
    "ReduceLogicalOr": lambda o, x: o.reduce_logical_or(o.greater(x, np.float32(1)), np.array([3]), True),
    "ReduceMax": lambda o, x: o.reduce_max(x, np.array([2, 3]), True),
    "ReduceMean": lambda o, x: o.reduce_mean(x, np.array([2, 3]), False),
    "ReduceMin": lambda o, x: o.reduce_min(x, np.array([1]), False),
    "ReduceProd": lambda o, x: o.reduce_prod(x, np.array([3]), False),
    "ReduceSum": lambda o, x: o.reduce_sum(x, np.array([0, 3]), True),
}

ARRAYS: dict[str, Build] = {
    "BatchNormInference": lambda o, x: o.batch_norm_inference(
        x, kernel(4), kernel(4), kernel(4), np.abs(kernel(4)) + 1, 1e-3
    ),
    "Broadcast": lambda o, x: o.broadcast(o.reduce_max(x, np.array([1]), True), np.array(SHAPE)),
    "Concat": lambda o, x: o.concat([x, o.tanh(x)], 2),
    "Einsum": lambda o, x: o.einsum([x, o.constant(kernel(9, 5))], "abcd,de->abce"),
    "Gather": lambda o, x: o.gather(x, whole(3, 0, 1), np.array(1)),
    "Gather of one": lambda o, x: o.gather(x, np.array(2, np.int32), np.array(2)),
    "MatMul": lambda o, x: o.matmul(x, kernel(9, 5), False, False),
    "MatMul of transposed matrices": lambda o, x: o.matmul(x, kernel(5, 7), True, True),
    "MatMul with a vector": lambda o, x: o.matmul(x, kernel(9), False, True),
    "OneHot": lambda o, x: o.one_hot(
        o.convert(o.reduce_max(x, np.array([2, 3]), False), "i32"), 4, 1.0, 0.0, 1
    ),
    "OneHot of an index below 0": lambda o, x: o.one_hot(
        o.subtract(o.convert(o.reduce_max(x, np.array([2, 3]), False), "i32"), whole(2)), 4, 2.0, 0.5, -1
    ),
    "OneHot of truths": lambda o, x: o.one_hot(
        o.convert(o.reduce_max(x, np.array([2, 3]), False), "i32"), 4, np.array(True), np.array(False), -1
    ),
    "Range": lambda o, x: o.range(
        np.array(3),
        o.squeeze(o.gather(o.shape_of(x), np.array([3]), np.array(0)), np.array([0])),
        np.array(2),
        "i32",
    ),
    "Reshape": lambda o, x: o.reshape(x, np.array([2, -1, 9]), False),
    "Reshape that keeps a length": lambda o, x: o.reshape(x, np.array([0, -1]), True),
    "ScatterElementsUpdate": lambda o, x: o.scatter_elements_update(
        np.zeros((2, 4, 7, 9), np.float32),
        np.tile(whole(5, 5, 1, 0, 8, 8, 8, 2, 3), (2, 4, 7, 1)),
        x,
        np.array(3),
        reduction="sum",
        use_init_val=True,
    ),
    "ScatterUpdate": lambda o, x: o.scatter_update(
        np.zeros(9, np.float32),
        whole(4, 0, 8),
        o.gather(o.reduce_max(x, np.array([0, 1, 2]), False), whole(0, 1, 2), np.array(0)),
        np.array(0),
    ),
    "ShapeOf": lambda o, x: o.shape_of(x),
    "ShapeOf in int32": lambda o, x: o.shape_of(x, "i32"),
    "Slice": lambda o, x: o.slice(x, whole(1, -2), whole(4, -9), whole(2, -1), whole(1, 2)),
    "Slice of the first axes": lambda o, x: o.slice(x, whole(0, 1), whole(1, 3), whole(1, 1)),
    "Split": lambda o, x: o.split(x, np.array(1), 2),
    "Squeeze": lambda o, x: o.squeeze(o.reduce_max(x, np.array([1, 3]), True), np.array([1, 3])),
    "StridedSlice": lambda o, x: sliced(o, x, whole(0, 1, 0), whole(2, 3, -1), whole(1, 1, 2)),
    "StridedSlice of whole axes": lambda o, x: sliced(
        o, x, whole(1, 1, 2), whole(1, 2, 5), whole(1, 1, 1), whole_begin=[1, 0, 1], whole_end=[1, 1, 0]
    ),
    "StridedSlice backwards": lambda o, x: sliced(
        o, x, whole(0, 0, 5), whole(0, 0, 1), whole(1, -1, -2), whole_begin=[1, 1, 0], whole_end=[1, 1, 0]
    ),
    "StridedSlice of one place": lambda o, x: sliced(
        o,
        x,
        whole(0, -1, 2),
        whole(0, 0, 3),
        whole(1, 1, 1),
        whole_begin=[1, 0, 0],
        whole_end=[1, 0, 0],
        shrunk=[0, 1, 1],
    ),
    "StridedSlice with new axes": lambda o, x: sliced(
        o,
        x,
        whole(0, 0, 1),
        whole(0, 0, 3),
        whole(1, 1, 1),
        whole_begin=[1, 0, 0],
        whole_end=[1, 0, 0],
        new=[0, 1, 0],
    ),
    "StridedSlice with an ellipsis": lambda o, x: sliced(
        o, x, whole(1, 0, 2), whole(2, 0, 8), whole(1, 1, 3), ellipsis=[0, 1, 0]
    ),
    "StridedSlice with an ellipsis and a new axis": lambda o, x: sliced(
        o, x, whole(0, 0), whole(0, 0), whole(1, 1), ellipsis=[1, 0], new=[0, 1]
    ),
    "StridedSlice up to a computed end": lambda o, x: sliced(o, x, whole(0), pictures_of(x), whole(1)),
    "Tile": lambda o, x: o.tile(x, np.array([1, 2, 1, 3])),
    "TopK": lambda o, x: o.topk(x, np.array(3), 3, "max", "value", "i32"),
    "TopK of the smallest": lambda o, x: o.topk(x, np.array(2), 1, "min", "value", "i64"),
    "Transpose": lambda o, x: o.transpose(x, np.array([0, 2, 3, 1])),
    "Unsqueeze": lambda o, x: o.unsqueeze(x, np.array([1, 3])),
    "VariadicSplit": lambda o, x: o.variadic_split(x, np.array(2), np.array([2, 4, 1])),
}


def resized(o: Any, x: Any, mode: str, where: str, **more: Any) -> Any:
    sizes, axes = np.array([11, 20]), np.array([2, 3])
    return o.interpolate(x, sizes, mode, "sizes", coordinate_transformation_mode=where, axes=axes, **more)


WINDOWS: dict[str, Build] = {
    "AvgPool": lambda o, x: o.avg_pool(x, [2, 2], [0, 0], [1, 1], [3, 3], True, "floor", "explicit"),
    "AvgPool that counts the border": lambda o, x: o.avg_pool(x, [2, 2], [1, 1], [1, 1], [3, 2], False),
    "AvgPool same": lambda o, x: o.avg_pool(x, [2, 2], [0, 0], [0, 0], [3, 3], True, "floor", "same_upper"),
    "Convolution": lambda o, x: o.convolution(x, kernel(5, 4, 3, 2), [2, 1], [1, 0], [2, 1], [1, 2]),
    "Convolution same": lambda o, x: o.convolution(
        x, kernel(5, 4, 3, 2), [2, 2], [0, 0], [0, 0], [1, 1], auto_pad="same_upper"
    ),
    "Convolution same, lower": lambda o, x: o.convolution(
        x, kernel(5, 4, 2, 2), [1, 1], [0, 0], [0, 0], [1, 1], auto_pad="same_lower"
    ),
    "ConvolutionBackpropData": lambda o, x: o.convolution_backprop_data(
        x,
        kernel(4, 3, 3, 3),
        [2, 2],
        pads_begin=[1, 0],
        pads_end=[0, 1],
        dilations=[1, 1],
        output_padding=[1, 0],
    ),
    "GroupConvolution": lambda o, x: o.group_convolution(
        x, kernel(2, 3, 2, 3, 3), [1, 1], [1, 1], [1, 1], [1, 1]
    ),
    "GroupConvolution with computed filters": lambda o, x: o.group_convolution(
        x,
        o.add(kernel(4, 1, 1, 3, 3), o.reduce_max(x, np.array([0, 1, 2, 3]), False)),
        [1, 1],
        [1, 1],
        [1, 1],
        [1, 1],
    ),
    "GroupConvolutionBackpropData": lambda o, x: o.group_convolution_backprop_data(
        x,
        kernel(2, 2, 3, 3, 3),
        [2, 2],
        pads_begin=[1, 1],
        pads_end=[1, 1],
        dilations=[1, 1],
        output_padding=[1, 1],
    ),
    "Interpolate": lambda o, x: resized(o, x, "linear_onnx", "half_pixel"),
    "Interpolate between corners": lambda o, x: resized(o, x, "linear_onnx", "align_corners"),
    "Interpolate to the nearest": lambda o, x: resized(o, x, "nearest", "asymmetric", nearest_mode="floor"),
    "Interpolate with the channels last": lambda o, x: o.transpose(
        o.interpolate(
            o.transpose(x, np.array([0, 2, 3, 1])),
            np.array([5, 23]),
            "linear_onnx",
            "sizes",
            axes=np.array([1, 2]),
        ),
        np.array([0, 3, 1, 2]),
    ),
    "Interpolate to the same size": lambda o, x: o.interpolate(
        x, np.array(SHAPE[2:]), "linear_onnx", "sizes", axes=np.array([2, 3])
    ),
    "MaxPool": lambda o, x: o.max_pool(x, [2, 2], [1, 1], [0, 0], [1, 1], [3, 3], axis=2),
    "MaxPool, rounded up": lambda o, x: o.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2], "ceil", axis=2),
    "Pad": lambda o, x: o.pad(x, np.array([0, 0, 1, 2]), np.array([0, 1, 0, 3]), "constant", np.float32(7)),
    "Pad with the edge": lambda o, x: o.pad(x, np.array([0, 0, 1, 2]), np.array([0, 1, 0, 3]), "edge"),
    "Pad with the mirror": lambda o, x: o.pad(x, np.array([0, 0, 1, 2]), np.array([0, 1, 0, 3]), "reflect"),
}

CASES = {**POINTWISE, **REDUCTIONS, **ARRAYS, **WINDOWS}


def network_of(build: Build, *, any_batch: bool = False) -> Any:
    openvino()
    from openvino import opset14 as ops

    picture = ops.parameter([-1 if any_batch else SHAPE[0], *SHAPE[1:]], np.float32)
    picture.set_friendly_name("image")
    made = build(ops, picture)
    results = []
    for number, output in enumerate(made.outputs()):
        kept = ops.logical_not(ops.logical_not(output)) if output.get_element_type() == "boolean" else output
        results.append(ops.result(kept))
        results[-1].set_friendly_name(f"result {number}")
    return openvino().Model(results, [picture], "case")


def written(network: Any, path: Path) -> onnxruntime.InferenceSession:
    write_onnx(network, path, FileRequest("", [], {}, {}, {}, [], False))
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("any_batch", [False, True], ids=["two pictures", "any number"])
@pytest.mark.parametrize("case", CASES)
def test_onnx_runtime_finds_what_openvino_finds(case: str, any_batch: bool, tmp_path: Path) -> None:
    network = network_of(CASES[case], any_batch=any_batch)
    picture = RANDOM.normal(size=SHAPE).astype(np.float32)
    ready = compiled(network, "f32")
    wanted = [np.array(ready([picture])[number]) for number in range(len(network.outputs))]
    found = written(network, tmp_path / "case.onnx").run(None, {"image": picture})
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        if theirs.dtype.kind == "f":
            np.testing.assert_allclose(ours, theirs, atol=1e-5 * max(1.0, np.abs(theirs).max()))
        else:
            np.testing.assert_array_equal(ours, theirs)


def test_a_slice_of_one_place_with_new_axes_equals_numpys(tmp_path: Path) -> None:
    network = network_of(  # OpenVINO 2026.4 itself errs at it
        lambda o, x: sliced(
            o,
            x,
            whole(0, 0, 1, 0),
            whole(0, 0, 2, 0),
            whole(1, 1, 1, 1),
            whole_begin=[1, 0, 0, 0],
            whole_end=[1, 0, 0, 0],
            new=[0, 1, 0, 1],
            shrunk=[0, 0, 1, 0],
        )
    )
    picture = RANDOM.normal(size=SHAPE).astype(np.float32)
    (found,) = written(network, tmp_path / "case.onnx").run(None, {"image": picture})
    np.testing.assert_array_equal(found, picture[:, None, 1, None])


def test_every_rule_is_compared() -> None:
    assert {case.replace(",", " ").split()[0] for case in CASES} == set(_RULES)


REFUSED: dict[str, tuple[Build, str]] = {
    "an unknown operation": (lambda o, x: o.cum_sum(x, np.array(1)), "operation CumSum"),
    "batch_dims": (
        lambda o, x: o.gather(x, np.zeros((2, 1), np.int32), np.array(1), 1),
        "Gather with batch_dims",
    ),
    "whole numbers divided": (
        lambda o, x: o.divide(o.convert(x, "i32"), whole(2)),
        "division of whole numbers",
    ),
    "symmetric borders": (
        lambda o, x: o.pad(x, [0, 0, 1, 1], [0, 0, 1, 1], "symmetric"),
        "symmetric borders",
    ),
    "a matrix scattered": (
        lambda o, x: o.scatter_update(x, whole(1), o.gather(x, whole(0), np.array(2)), np.array(2)),
        "ScatterUpdate of more than one axis",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_operation_without_a_rule_is_named(case: str, tmp_path: Path) -> None:
    build, said = REFUSED[case]
    with pytest.raises(UnknownOperationError, match=said):
        written(network_of(build), tmp_path / "case.onnx")
    assert not list(tmp_path.iterdir())
