"""Layers for TensorFlow functions in a graph of Keras 2: `x / 127.5`, `tf.nn.relu(x)`, `x[:, 1:]`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from live_gradcam.errors import ModelError
from live_gradcam.models.keras2.former_layers import activation_from
from live_gradcam.models.keras2.stored_layer import decoded, policy_of
from live_gradcam.models.model import safe_name
from live_gradcam.models.type_names import Json, Layer, LayerClass, Tensor, Tensors

Arguments = Any
"""Arguments of a function: tensors, numbers, texts and slices, in lists and mappings."""

_registered = keras.saving.register_keras_serializable(package="live_gradcam")


# Only functions of tensors may be called by name: a file must not reach tf.io, tf.py_function and the like.
_MODULES = frozenset({"__operators__", "bitwise", "image", "linalg", "math", "nn", "signal"})
_FUNCTIONS = frozenset(
    (
        "abs acos acosh add add_n argmax argmin argsort asin asinh atan atan2 atanh batch_to_space bitcast "
        "boolean_mask broadcast_static_shape broadcast_to cast ceil clip_by_norm clip_by_value complex concat "
        "cos cosh cumsum divide dynamic_partition einsum ensure_shape equal exp expand_dims eye fill div "
        "div_no_nan floor floor_div floordiv floormod gather gather_nd greater greater_equal identity less "
        "less_equal linspace logical_and logical_not logical_or matmul maximum meshgrid minimum mod multiply "
        "negative norm not_equal one_hot ones ones_like pad pow range rank realdiv reduce_all reduce_any "
        "reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod reduce_sum repeat reshape reverse "
        "roll round saturate_cast scalar_mul shape sigmoid sign sin sinh size slice sort space_to_batch split "
        "sqrt square squeeze stack stop_gradient strided_slice subtract tan tanh tensordot tile to_float "
        "transpose truediv truncatediv truncatemod unique unstack where zeros zeros_like"
    ).split()
)
_OF_KERAS: Mapping[str, Callable[..., Tensor]] = {
    "abs": tf.abs,
    "batch_flatten": lambda x: tf.reshape(x, (-1, np.prod(x.shape[1:]))),
    "cast": tf.cast,
    "clip": lambda x, min_value, max_value: tf.clip_by_value(x, min_value, max_value),
    "concatenate": lambda tensors, axis=-1: tf.concat(tensors, axis),
    "dot": tf.matmul,
    "exp": tf.exp,
    "expand_dims": lambda x, axis=-1: tf.expand_dims(x, axis),
    "flatten": lambda x: tf.reshape(x, (-1,)),
    "l2_normalize": lambda x, axis=None: tf.math.l2_normalize(x, axis),
    "log": tf.math.log,
    "max": lambda x, axis=None, keepdims=False: tf.reduce_max(x, axis, keepdims),
    "mean": lambda x, axis=None, keepdims=False: tf.reduce_mean(x, axis, keepdims),
    "min": lambda x, axis=None, keepdims=False: tf.reduce_min(x, axis, keepdims),
    "permute_dimensions": lambda x, pattern: tf.transpose(x, pattern),
    "pow": lambda x, a: tf.pow(x, a),
    "reshape": lambda x, shape: tf.reshape(x, shape),
    "reverse": lambda x, axes: tf.reverse(x, [axes] if isinstance(axes, int) else axes),
    "sqrt": lambda x: tf.sqrt(tf.maximum(x, 0.0)),
    "square": tf.square,
    "squeeze": lambda x, axis: tf.squeeze(x, [axis]),
    "stack": lambda x, axis=0: tf.stack(x, axis),
    "sum": lambda x, axis=None, keepdims=False: tf.reduce_sum(x, axis, keepdims),
    "transpose": tf.transpose,
}
"""Functions of `tf.keras.backend`."""

_RAW_OPERATIONS = frozenset(
    (
        "Abs Add AddN AddV2 All Any ArgMax ArgMin AvgPool BatchMatMul BatchMatMulV2 BiasAdd BroadcastTo Cast "
        "Ceil ClipByValue ConcatV2 Conv2D Cos DepthToSpace DepthwiseConv2dNative Div DivNoNan Elu Equal Erf "
        "Exp ExpandDims Fill Floor FloorDiv FloorMod FusedBatchNorm FusedBatchNormV3 GatherNd GatherV2 "
        "Greater GreaterEqual Identity L2Loss LRN LeakyRelu Less LessEqual Log Log1p LogSoftmax LogicalAnd "
        "LogicalNot LogicalOr MatMul Max MaxPool Maximum Mean Min Minimum MirrorPad Mul Neg NotEqual OneHot "
        "OnesLike Pack Pad PadV2 Pow Prod RealDiv Reciprocal Relu Relu6 Reshape ResizeArea ResizeBicubic "
        "ResizeBilinear ResizeNearestNeighbor ReverseV2 Round Rsqrt Select SelectV2 Selu Shape Sigmoid Sign "
        "Sin Slice Softmax Softplus Softsign SpaceToDepth Split SplitV Sqrt Square SquaredDifference Squeeze "
        "StopGradient StridedSlice Sub Sum Tanh Tile TopKV2 Transpose Unpack ZerosLike"
    ).split()
)
"""Operations that a `TensorFlowOpLayer` may run."""


@dataclass(frozen=True, slots=True)
class _ArgumentPlace:
    """Placeholder for a tensor among the arguments of a function."""

    index: int


@_registered
class TFOpLambda(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Calls a TensorFlow function, as the layer of this name in Keras 2."""

    def __init__(self, function: str, arguments: Arguments = None, **settings: object) -> None:
        super().__init__(name=settings.get("name"), dtype=settings.get("dtype"), autocast=False)
        self.symbol = function
        self._arguments = arguments
        self._function = _function_named(function, str(settings.get("name", function)))
        self._convert_input_args = False  # the function converts its arguments itself
        self.built = True

    def applied(self, first: Arguments, named: Mapping[str, Arguments]) -> Tensor:
        """Call the function on symbolic tensors, and store its other arguments in the layer.

        Args:
            first: its first argument: a tensor, a constant, or several of them.
            named: the other arguments, which may contain tensors.
        """
        tensors: list[Tensor] = []
        arguments = _without_tensors((first, {k: v for k, v in named.items() if k != "name"}), tensors)
        self._arguments = arguments
        return self(tensors)

    def call(self, inputs: Tensors) -> Tensor:
        """Return the result of the function."""
        tensors = keras.tree.flatten(inputs)
        first, named = _with_tensors(self._arguments, tensors)
        return self._function(_converted(first, tensors), **named)

    def get_config(self) -> dict[str, object]:
        """Return its settings."""
        return dict(super().get_config()) | {"function": self.symbol, "arguments": self._arguments}


@_registered
class SlicingOpLambda(TFOpLambda):
    """Slices a tensor: `x[:, 1:]`."""

    def applied(self, first: Arguments, named: Mapping[str, Arguments]) -> Tensor:
        """Call the function on symbolic tensors; slices are stored as dicts."""
        return super().applied(first, {key: _slices(value) for key, value in named.items()})


@_registered
class TensorFlowOpLayer(keras.layers.Layer):  # type: ignore[misc]
    """Runs an operation of a TensorFlow graph, as the layer of this name in tf.keras 1.13 to 2.3."""

    def __init__(
        self, node_def: Json, constants: Mapping[str, Json] | None = None, **settings: object
    ) -> None:
        super().__init__(name=settings.get("name"), dtype=settings.get("dtype"), autocast=False)
        self.node_def = node_def
        self.constants = dict(constants or {})
        self._operation, self._names, self._attributes = _raw_operation(node_def, self.name)
        self._convert_input_args = False
        self.built = True

    def call(self, inputs: Tensors) -> Tensor:
        """Return the result of the operation."""
        values = list(keras.tree.flatten(inputs))
        for index in sorted(self.constants, key=int):
            values.insert(int(index), self.constants[index])
        arguments: dict[str, Tensors] = {}
        for name, is_list in self._names:
            after = len(self._names) - len(arguments) - 1
            count = len(values) - after if is_list else 1
            arguments[name] = values[:count] if is_list else values[0]
            values = values[count:]
        return self._operation(**arguments, **self._attributes)

    def get_config(self) -> dict[str, object]:
        """Return its settings."""
        return dict(super().get_config()) | {"node_def": self.node_def, "constants": self.constants}


OPERATION_LAYERS: Mapping[str, LayerClass] = {
    each.__name__: each for each in (SlicingOpLambda, TFOpLambda, TensorFlowOpLayer)
}
"""Class in Keras 2 → class."""


def operation_from(class_name: str, config: Mapping[str, Json]) -> Layer:
    """Return the layer for a stored operation.

    Args:
        class_name: one of `OPERATION_LAYERS`.
        config: the stored settings.

    Raises:
        ModelError: it is no function that may be called from a file.
    """
    settings = {"name": safe_name(str(config["name"])), "dtype": policy_of(config.get("dtype"))}
    if class_name == "TensorFlowOpLayer":
        return TensorFlowOpLayer(config.get("node_def"), decoded(config.get("constants")), **settings)
    return OPERATION_LAYERS[class_name](str(config.get("function")), **settings)


def _without_tensors(value: Arguments, tensors: list[Tensor]) -> Arguments:
    """Return arguments with a placeholder for each symbolic tensor, which is appended to `tensors`."""
    if isinstance(value, keras.KerasTensor):
        tensors.append(value)
        return _ArgumentPlace(len(tensors) - 1)
    if isinstance(value, (list, tuple)):
        return tuple(_without_tensors(each, tensors) for each in value)
    if isinstance(value, Mapping):
        return {key: _without_tensors(each, tensors) for key, each in value.items()}
    return value


def _with_tensors(value: Arguments, tensors: Sequence[Tensor]) -> Arguments:
    """Return arguments with tensors in place of the placeholders."""
    if isinstance(value, _ArgumentPlace):
        return tensors[value.index]
    if isinstance(value, (list, tuple)):
        return [_with_tensors(each, tensors) for each in value]
    if isinstance(value, Mapping):
        return {key: _with_tensors(each, tensors) for key, each in value.items()}
    return value


def _converted(first: Arguments, tensors: Sequence[Tensor]) -> Arguments:
    """Return a first argument that is a number or array as a tensor of the dtype of the others.

    Operators such as `1 - x` take the dtype of their first argument.
    """
    if isinstance(first, bool) or not isinstance(first, (int, float, np.ndarray)):
        return first
    whole = not isinstance(first, float) and np.issubdtype(np.asarray(first).dtype, np.integer)
    fitting = [each.dtype for each in tensors if whole or each.dtype.is_floating]
    return tf.convert_to_tensor(first, fitting[0] if fitting else None)


def _function_named(symbol: str, layer: str) -> Callable[..., Tensor]:
    path = re.sub(r"^(tf\.)?(compat\.v[12]\.)?", "", symbol).split(".")
    if path[:2] == ["keras", "backend"] and len(path) == 3 and path[2] in _OF_KERAS:
        return _OF_KERAS[path[2]]
    if path[:2] == ["keras", "activations"] and len(path) == 3:
        return keras.activations.get(activation_from(path[2], _no_layer, layer=layer))  # type: ignore[no-any-return]
    is_public = not any(part.startswith("_") and part != "__operators__" for part in path)
    if is_public and (path[0] in _MODULES or (len(path) == 1 and path[0] in _FUNCTIONS)):
        # In TensorFlow 1, some functions have another order of arguments.
        for root in (tf.compat.v1, tf) if "compat.v1." in symbol else (tf, tf.compat.v1):
            found: Any = root
            for part in path:
                found = getattr(found, part, None)
            if callable(found) and not isinstance(found, type):
                return found  # type: ignore[no-any-return]
    raise ModelError(
        f"layer '{layer}' calls the function 'tf.{symbol}', which is not run from model files here. Write a function "
        "that returns the network, and use --model module:function."
    )


def _no_layer(stored: Json) -> Layer:
    raise ModelError(f"{stored!r} is no activation function.")


def _slices(value: Json) -> Arguments:
    value = decoded(value)
    if isinstance(value, Mapping):
        return slice(*map(value.get, ("start", "stop", "step")))
    return [_slices(each) for each in value] if isinstance(value, (list, tuple)) else value


def _raw_operation(
    node_def: Json, layer: str
) -> tuple[Callable[..., Tensor], list[tuple[str, bool]], dict[str, object]]:
    """Return a graph's operation as a function, its arguments (name, whether it is a list), and its attributes."""
    from google.protobuf import json_format
    from tensorflow.python.framework import op_def_registry

    node = tf.compat.v1.NodeDef()
    try:
        if isinstance(node_def, Mapping):
            json_format.ParseDict(dict(node_def), node)
        else:
            node.ParseFromString(str(node_def).encode())
    except Exception as error:
        raise ModelError(f"the operation in layer '{layer}' cannot be read: {error}") from error
    definition = op_def_registry.get(node.op)
    if node.op not in _RAW_OPERATIONS or definition is None:
        raise ModelError(
            f"layer '{layer}' is the operation '{node.op}' of TensorFlow, which is not run from model files here. "
            "Write a function that returns the network, and use --model module:function."
        )
    inferred = {
        attribute
        for argument in definition.input_arg
        for attribute in (argument.type_attr, argument.number_attr, argument.type_list_attr)
    }
    attributes = {
        each.name: _attribute(node.attr[each.name])
        for each in definition.attr
        if each.name not in inferred and each.name in node.attr
    }
    names = [(each.name, bool(each.number_attr or each.type_list_attr)) for each in definition.input_arg]
    return getattr(tf.raw_ops, node.op), names, attributes


def _attribute(value: tf.compat.v1.AttrValue) -> object:
    kind = value.WhichOneof("value")
    if kind == "list":
        lists = (value.list.i, value.list.f, value.list.b, value.list.s, value.list.type)
        return next((list(each) for each in lists if each), [])
    if kind == "type":
        return tf.as_dtype(value.type)
    return getattr(value, kind)
