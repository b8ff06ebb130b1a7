"""The score that is differentiated: the class's logit, found without touching the model, or its probability."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from live_gradcam.config import Score

logger = logging.getLogger(__name__)

Tensor = Any

# Between a Softmax and the model's output these only rename, retype or reshape.
_TRANSPARENT = frozenset(
    {"Identity", "IdentityN", "Cast", "Reshape", "StopGradient", "Squeeze", "EnsureShape"}
)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What a traced model says of each class."""

    probabilities: Tensor
    """(N, C) float32."""

    differentiated: Tensor
    """(N, C): the tensor whose column for the class is differentiated."""


def scores_of(output: Tensor, score: Score, model: str) -> Scores:
    """Return the probabilities and the score for a classifier's traced output.

    The logit is the input of the traced Softmax. Where none is found and the outputs can be probabilities, it is
    log p, which differs from the logit by the normaliser: a warning says so.

    Args:
        output: (N, C), what the model returned.
        score: which of the two is differentiated.
        model: its name, for the warning.
    """
    output = tf.reshape(output, (tf.shape(output)[0], output.shape[-1])) if output.shape.rank > 2 else output
    softmax = _producer(output, "Softmax")
    if softmax is None and _produced_by_linear(output):
        probabilities = tf.nn.softmax(tf.cast(output, tf.float32))
        return Scores(probabilities, output if score == "logit" else probabilities)
    probabilities = tf.cast(output, tf.float32)
    if score == "probability":
        return Scores(probabilities, output)
    activation = softmax or _producer(output, "Sigmoid")
    if activation is not None:
        return Scores(probabilities, tf.reshape(activation.inputs[0], tf.shape(output)))
    logger.warning(
        "%s: no softmax was found at its end, so the score is log p, not the logit (the normaliser varies too)",
        model,
    )
    return Scores(probabilities, tf.math.log(tf.maximum(probabilities, 1e-37)))


def _producer(tensor: Tensor, kind: str) -> Any:  # noqa: ANN401 - a tf.Operation or None
    """Return the operation of that kind that made the tensor, looking through transparent ones."""
    operation = tensor.op
    while operation.type in _TRANSPARENT:
        operation = operation.inputs[0].op
    return operation if operation.type == kind else None


def _produced_by_linear(tensor: Tensor) -> bool:
    """Whether the tensor is a plain dense or convolution output: logits, with no activation after them."""
    return any(
        _producer(tensor, kind) is not None for kind in ("BiasAdd", "MatMul", "AddV2", "Add", "Conv2D", "Mul")
    )
