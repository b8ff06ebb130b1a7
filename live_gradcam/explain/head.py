"""The end of a traced network: what it says of each class, and what is differentiated to explain one."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from live_gradcam.config import Score
from live_gradcam.errors import ModelError

logger = logging.getLogger(__name__)

Tensor = Any

# Between a Softmax and the model's output these only rename, retype or reshape.
_TRANSPARENT = frozenset(
    {"Identity", "IdentityN", "Cast", "Reshape", "StopGradient", "Squeeze", "EnsureShape"}
)
_LINEAR = (
    "BiasAdd",
    "MatMul",
    "AddV2",
    "Add",
    "Conv2D",
    "Mul",
    "Einsum",
    "BatchMatMulV2",
    "FusedBatchNormV3",
)


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """What a classifier says, and how a row of class weights becomes a score y = Σ_c row_c · y^c."""

    probabilities: Tensor
    """(N, C) float32; of a segmentation network, the mean over all places."""

    scores: Tensor
    """What is differentiated: (N, C), (N, 1) for one sigmoid unit, or (N, h, w, C) for a segmentation network."""

    @property
    def classes(self) -> int:
        """How many there are."""
        return int(self.probabilities.shape[-1])

    def seed(self, row: Tensor, ids: Tensor) -> Tensor:
        """Return ∂y/∂scores for class weights `row` (N, C): what the gradient starts from.

        For a segmentation network the score of a class is summed over the places that the network gives to the
        class `ids` (N,).
        """
        row = tf.cast(row, self.scores.dtype)
        if self.scores.shape.rank == 4:
            given = tf.argmax(self.scores, axis=-1, output_type=tf.int32) == ids[:, None, None]
            return tf.cast(given, row.dtype)[..., None] * row[:, None, None, :]
        if self.scores.shape[-1] == 1:
            return row[:, 1:2] - row[:, 0:1]  # the logit of "not" is minus the logit
        return row

    def value(self, row: Tensor, ids: Tensor) -> Tensor:
        """Return y, (N,) float32."""
        weighted = tf.cast(self.scores * self.seed(row, ids), tf.float32)
        return tf.reduce_sum(tf.reshape(weighted, (tf.shape(weighted)[0], -1)), axis=1)


def head_of(output: Tensor, score: Score, model: str) -> Head:
    """Return the head of a traced classifier.

    The logit is the input of the traced Softmax or Sigmoid. Where neither is found and the outputs can be
    probabilities, it is log p, which differs from the logit by the normaliser: a warning says so.

    Args:
        output: what the model returned: (N, C), (N, 1, 1, C), or (N, h, w, C) of a segmentation network.
        score: which of logit and probability is differentiated.
        model: its name, for messages.

    Raises:
        ModelError: the output is no classifier's.
    """
    if not tf.is_tensor(output) or output.shape.rank not in (2, 4) or output.shape[-1] is None:
        shape = getattr(output, "shape", type(output).__name__)
        raise ModelError(
            f"{model} gives {shape}, not one score for each class: explain a function of its output instead "
            "(--target MODULE:FUNCTION)."
        )
    if output.shape.rank == 4 and tuple(output.shape[1:3]) == (1, 1):
        output = tf.reshape(output, (-1, output.shape[-1]))
    logits, probabilities = _parts(output, model, wants_logits=score == "logit")
    if output.shape[-1] == 1:
        p = tf.cast(probabilities, tf.float32)
        both = tf.concat([1.0 - p, p], axis=-1)
        summed = tf.reduce_mean(both, axis=(1, 2)) if both.shape.rank == 4 else both
        return Head(summed, logits if score == "logit" else probabilities)
    averaged = tf.cast(probabilities, tf.float32)
    if averaged.shape.rank == 4:
        averaged = tf.reduce_mean(averaged, axis=(1, 2))
    return Head(averaged, logits if score == "logit" else probabilities)


def _parts(output: Tensor, model: str, *, wants_logits: bool) -> tuple[Tensor, Tensor]:
    """Return logits and probabilities, both of the output's shape."""
    softmax, sigmoid = _producer(output, "Softmax"), _producer(output, "Sigmoid")
    activation = softmax if softmax is not None else sigmoid
    if activation is not None:
        return tf.reshape(activation.inputs[0], tf.shape(output)), output
    if any(_producer(output, kind) is not None for kind in _LINEAR):
        single = output.shape[-1] == 1
        return output, tf.sigmoid(output) if single else tf.nn.softmax(tf.cast(output, tf.float32))
    if wants_logits:
        logger.warning(
            "%s: no softmax was found at its end, so the score is log p, not the logit (the normaliser varies too)",
            model,
        )
    return tf.math.log(tf.maximum(output, tf.constant(1e-30, output.dtype))), output


def _producer(tensor: Tensor, kind: str) -> Any:  # noqa: ANN401 - a tf.Operation or None
    """Return the operation of that kind that made the tensor, looking through transparent ones."""
    operation = tensor.op
    while operation.type in _TRANSPARENT and operation.inputs:
        operation = operation.inputs[0].op
    return operation if operation.type == kind else None
