"""Traces a network once into a graph that takes pictures and returns predictions and maps from one pass."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from live_gradcam.config import Score
from live_gradcam.errors import LayerError, LiveGradcamError, ModelError
from live_gradcam.explain.layers import last_feature_map, layer_at
from live_gradcam.explain.methods.method import Method
from live_gradcam.explain.observation import Call, observed_calls, tracing_lock
from live_gradcam.explain.scores import scores_of
from live_gradcam.models.model import Model, Network

logger = logging.getLogger(__name__)

Tensor = Any

TOP = 5
"""How many classes a result names."""

TOP_CLASS = -1
"""The class id that stands for the most probable class."""

_ROUNDING = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-20, "float64": 2.0**-20}
"""How large the rounding error of a map can be beside the sum of |weight · activation|, by the activation's
dtype: a few units in the last place of the sum, which is always float32, or one of the activation."""

FREEZE_LIMIT = 100 * 2**20
"""Bytes of weights up to which the graph is frozen to constants: small networks gain 6 to 8%; large ones would
take half a minute and many times their size in memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A compiled explanation for one input shape."""

    function: Any
    """(images (N, H, W, 3) uint8, class ids (N,) int32) to the six tensors of `_outputs`."""

    layer: str
    """Path of the layer that is explained."""

    frozen: bool
    """Whether the weights are constants of the graph."""

    nodes: int
    """How many operations the traced graph has."""


def trace(
    model: Model,
    network: Network,
    method: Method,
    *,
    layer: str | None,
    score: Score,
    input_size: tuple[int, int],
) -> Trace:
    """Trace and compile.

    Args:
        model: what is explained.
        network: its `keras.Model` for this input size.
        method: how.
        layer: path of the target layer, or None for the last feature map.
        score: what is differentiated.
        input_size: (height, width) in pixels.

    Raises:
        LayerError: the layer is not there, or does not lie between the picture and the score.
        ModelError: the network cannot be traced.
    """
    chosen: list[str] = []

    def explain(images: Tensor, class_ids: Tensor) -> tuple[Tensor, ...]:
        with observed_calls() as calls:
            output = network(model.preprocessing(images), training=False)
        call = last_feature_map(calls, model.name) if layer is None else layer_at(calls, layer, model.name)
        chosen.append(call.path)
        return _outputs(model, method, score, call, output, class_ids)

    signature = (
        tf.TensorSpec((None, *input_size, 3), tf.uint8, name="images"),
        tf.TensorSpec((None,), tf.int32, name="class_ids"),
    )
    with tracing_lock:
        try:
            concrete = tf.function(explain, signature, autograph=False).get_concrete_function()
        except LiveGradcamError:
            raise
        except Exception as error:
            raise ModelError(
                f"{model.name} cannot be traced for pictures of {input_size[1]}×{input_size[0]}: "
                f"{str(error).strip().splitlines()[0]}"
            ) from error
    function, frozen = _frozen(concrete)
    return Trace(function, chosen[-1], frozen, len(concrete.graph.get_operations()))


def _outputs(
    model: Model, method: Method, score: Score, call: Call, output: Tensor, class_ids: Tensor
) -> tuple[Tensor, ...]:
    """Build the rest of the graph: from what the model returned to what an explanation holds.

    Returns:
        top probabilities (N, k), top ids (N, k), target ids (N,), target probabilities (N,), raw maps (N, h, w),
        and whether each has evidence (N,) bool.
    """
    if not tf.is_tensor(output):
        raise ModelError(f"{model.name} has {len(output)} outputs; a classifier with one is needed.")
    activation = call.output
    if activation.graph is not output.graph:
        raise LayerError(
            f"layer '{call.path}' of {model.name} runs inside a compiled function, where its activation cannot "
            "be reached. Name a layer outside of it, or remove the @tf.function."
        )
    scores = scores_of(output, score, model.name)
    classes = scores.probabilities.shape[-1]
    top_probabilities, top_ids = tf.math.top_k(scores.probabilities, k=min(TOP, classes))
    target_ids = tf.where(class_ids < 0, top_ids[:, 0], class_ids)
    target_probabilities = tf.gather(scores.probabilities, target_ids, batch_dims=1)
    chosen = tf.one_hot(target_ids, classes, dtype=scores.differentiated.dtype)
    (gradient,) = tf.gradients(scores.differentiated, activation, grad_ys=chosen)
    if gradient is None:
        raise LayerError(
            f"layer '{call.path}' of {model.name} does not lie between the picture and the class scores."
        )
    precision = activation.dtype
    activation, gradient = tf.cast(activation, tf.float32), tf.cast(gradient, tf.float32)
    signed = method.function(activation, gradient)
    raw = tf.nn.relu(signed) if method.rectified else signed
    # ReLU turns NaN to 0 or keeps it, as the device likes, so what is not finite is looked for before it.
    finite = tf.reduce_all(tf.math.is_finite(signed), axis=(1, 2))
    # The same sum without cancellation: rounding errors are in proportion to it, not to the map.
    magnitude = tf.reduce_max(method.function(tf.abs(activation), tf.abs(gradient)), axis=(1, 2))
    evidence = finite & (tf.reduce_max(tf.abs(raw), axis=(1, 2)) > _ROUNDING[precision.name] * magnitude)
    return top_probabilities, top_ids, target_ids, target_probabilities, raw, evidence


def _frozen(concrete: Any) -> tuple[Any, bool]:  # noqa: ANN401 - a tf.ConcreteFunction
    """Return the function with its weights as constants where that pays, and whether it was done."""
    weights = sum(variable.shape.num_elements() * variable.dtype.size for variable in concrete.variables)
    if weights > FREEZE_LIMIT:
        return concrete, False
    try:
        return freeze(concrete), True
    except Exception as error:
        logger.info("the graph runs unfrozen: %s", error)
        return concrete, False


def freeze(concrete: Any) -> Any:  # noqa: ANN401 - a tf.ConcreteFunction
    """Return the same function with its variables replaced by constants of their present values."""
    constant = convert_variables_to_constants_v2(concrete)
    # What the conversion returns has lost its signature: each direct call would first fail to match it, and word
    # an error with every argument printed, before it ran. 2 ms; a plain function around it has none of that.
    arguments, _ = concrete.structured_input_signature
    return tf.function(
        lambda *tensors: constant(*tensors), arguments, autograph=False
    ).get_concrete_function()
