"""The output of a traced network: values, probabilities, and the scores that are differentiated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from live_gradcam.errors import ModelError
from live_gradcam.explain.final_activation import OutputFunction, ending_of_numbers, find_ending
from live_gradcam.fixed_choices import Score, Task
from live_gradcam.models.inputs import shape_text
from live_gradcam.models.model import Model
from live_gradcam.models.task import decided
from live_gradcam.models.type_names import Tensor

_SMALLEST = 1e-30


@dataclass(frozen=True, slots=True, eq=False)
class NetworkOutput:
    """A network's output, and how weights of its scores become one score y = Σ_c row_c · y^c."""

    task: Task
    """What the outputs are: classes, labels or values."""

    units: int
    """How many numbers the last axis of the output has."""

    values: Tensor
    """(N, C) float32: the network's own numbers; for an output with places, the mean over all places."""

    probabilities: Tensor | None
    """(N, C) float32, likewise; None if the task is `values`."""

    scores: Tensor
    """The scores to differentiate: (N, C), (N, 1) for one unit, or (N, h, w, C) for an output with places."""

    threshold: float = 0.0
    """A score above it means "yes", if each output is decided by itself."""

    ending: OutputFunction | None = None
    """The function at the end of the network; None in tests."""

    ranks: Tensor | None = None
    """(N, C) float32: what the classes are ranked by: their logits, which differ even where probabilities of a softmax
    are all 0; for an output with places, the probabilities. None if the task is `values`."""

    class_scores: Tensor | None = None
    """(N, C) float32: the score y^c of each class; for an output with places, the mean over all places. None if the
    task is `values`."""

    @property
    def classes(self) -> int:
        """How many outputs there are to explain: classes, labels or values."""
        return int(self.values.shape[-1])

    def first(self, count: Tensor) -> NetworkOutput:
        """Return the output of the first pictures only."""
        probabilities = None if self.probabilities is None else self.probabilities[:count]
        values = probabilities if self.values is self.probabilities else self.values[:count]
        ranks, class_scores = (
            None if each is None else each[:count] for each in (self.ranks, self.class_scores)
        )
        return replace(
            self,
            values=values,
            probabilities=probabilities,
            scores=self.scores[:count],
            ranks=ranks,
            class_scores=class_scores,
        )

    @property
    def _two_sided(self) -> bool:
        """Whether one unit decides between two classes."""
        return self.task == "classes" and self.scores.shape[-1] == 1

    def places_of(self, ids: Tensor) -> Tensor | None:
        """Return the places that the network assigns to the classes `ids` (N,): (N, h, w, 1) bool.

        None if the output has no places, or if all places count because its numbers are values.
        """
        if self.scores.shape.rank != 4 or self.task == "values":
            return None
        if self._two_sided:
            return (self.scores > self.threshold) == (ids == 1)[:, None, None, None]
        if self.task == "multi-label":
            chosen = tf.one_hot(ids, self.scores.shape[-1], on_value=True, off_value=False)[:, None, None, :]
            return tf.reduce_any(chosen & (self.scores > self.threshold), axis=-1, keepdims=True)
        return (tf.argmax(self.scores, axis=-1, output_type=tf.int32) == ids[:, None, None])[..., None]

    def seed(self, row: Tensor, places: Tensor | None) -> Tensor:
        """Return ∂y/∂scores for weights `row` (N, C), which backpropagation starts from.

        For an output with places, the score of a class is the sum over `places` (`places_of`), and the score of a value
        is its mean over all places.
        """
        row = tf.cast(row, self.scores.dtype)
        # The logit of "not" is minus the logit.
        sided = row[:, 1:2] - row[:, 0:1] if self._two_sided else row
        if self.scores.shape.rank != 4:
            return sided
        if places is None:
            number = tf.cast(tf.reduce_prod(tf.shape(self.scores)[1:3]), row.dtype)
            return tf.ones_like(self.scores) * (sided / number)[:, None, None, :]
        return tf.cast(places, row.dtype) * sided[:, None, None, :]

    def value(self, row: Tensor, places: Tensor | None) -> Tensor:
        """Return y, (N,) float32; the arguments are those of `seed`."""
        weighted = tf.cast(self.scores * self.seed(row, places), tf.float32)
        return tf.reduce_sum(tf.reshape(weighted, (tf.shape(weighted)[0], -1)), axis=1)


def taken(values: Tensor, ids: Tensor) -> Tensor:
    """Return the values, (N, C, …), at ids of any shape (N, …).

    It is `tf.gather(values, ids, batch_dims=1)` along one flat axis, because OpenVINO 2026.4 crashes or errs at a
    gather with `batch_dims` along a short axis.
    """
    length = int(values.shape[1])
    first = tf.range(tf.shape(values)[0]) * length
    flat = tf.reshape(values, (-1, *values.shape[2:]))
    return tf.gather(flat, ids + tf.reshape(first, (-1, *[1] * (ids.shape.rank - 1))))


def head_of(
    output: Tensor,
    score: Score,
    model: Model,
    *,
    like: NetworkOutput | None = None,
    sample: Callable[[], np.ndarray[Any, Any] | None] | None = None,
) -> NetworkOutput:
    """Return the output of a traced network, with its scores.

    The score of a class is its logit, the input of the softmax, log-softmax or sigmoid at the network's end, or with
    `probability` the result of that function. If no such function is found and the outputs are probabilities, the score
    is log p, which differs from the logit by the normaliser, and a warning says so. The score of a value is the value
    itself.

    Args:
        output: the model's result: (N, C), (N, 1, 1, C), or (N, h, w, C) of a segmentation network.
        score: whether the logit or the probability is differentiated.
        model: the model.
        like: the output of the same network in another trace, whose task and function this one takes over.
        sample: returns the outputs for some pictures, for networks whose last operations cannot be inspected.

    Raises:
        ModelError: the output has another form.
    """
    output = _flat(output, model)
    units = int(output.shape[-1])
    found = find_ending(output)
    if like is not None and like.ending is not None:
        task = like.task
        found = replace(found, kind=like.ending.kind)
    else:
        if found.kind is None:
            seen = None if sample is None else sample()
            found = OutputFunction("linear" if seen is None else ending_of_numbers(seen))
        decision = decided(found.kind or "other", units, model.evidence)
        task = decision.task
        if decision.is_guess:
            model.warn_once(decision.warning(model.name, units))
    if task == "values":
        own = _averaged(output)
        return NetworkOutput(task, units, own, None, output, ending=found)
    probabilities, logits = _parts(output, found, task, model, wants_logits=score == "logit")
    threshold = 0.0 if score == "logit" else 0.5
    own = _averaged(output)
    likely = own if probabilities is output else _averaged(probabilities)
    ranks = _averaged(logits)
    if units == 1 and task == "classes":
        own = tf.concat([1.0 - own if probabilities is output else -own, own], axis=-1)
        likely = own if probabilities is output else tf.concat([1.0 - likely, likely], axis=-1)
        ranks = tf.concat([-ranks, ranks], axis=-1)
    scores, class_scores = (logits, ranks) if score == "logit" else (probabilities, likely)
    if output.shape.rank == 4:
        ranks = likely  # the class of most places need not have the largest mean logit
    return NetworkOutput(task, units, own, likely, scores, threshold, found, ranks, class_scores)


def _flat(output: Tensor, model: Model) -> Tensor:
    """Return an output as (N, C) or (N, h, w, C).

    Raises:
        ModelError: it is no tensor, or has another form.
    """
    shape = getattr(output, "shape", None)
    rank = getattr(shape, "rank", None)
    if not tf.is_tensor(output) or shape is None or rank is None or shape[-1] is None:
        raise ModelError(_no_head(output, model))
    if rank == 4 and tuple(shape[1:3]) == (1, 1):
        return tf.reshape(output, (-1, shape[-1]))
    if rank in (2, 4):
        return output
    if rank > 2 and model.evidence.chosen == "values" and None not in tuple(shape[1:]):
        return tf.reshape(output, (-1, int(np.prod(tuple(shape[1:])))))
    raise ModelError(_no_head(output, model))


def _no_head(output: Tensor, model: Model) -> str:
    shape = getattr(output, "shape", None)
    given = type(output).__name__ if shape is None or shape.rank is None else shape_text(shape)
    return (
        f"{model.name} gives {given}, not one score for each class: explain a function of its output instead "
        "(--target MODULE:FUNCTION), or, if these are plain numbers, say --task values."
    )


def _averaged(tensor: Tensor) -> Tensor:
    """Return a tensor as (N, C) float32: the mean over its places, if it has any."""
    tensor = tf.cast(tensor, tf.float32)
    return tf.reduce_mean(tensor, axis=(1, 2)) if tensor.shape.rank == 4 else tensor


def _parts(
    output: Tensor, found: OutputFunction, task: Task, model: Model, *, wants_logits: bool
) -> tuple[Tensor, Tensor]:
    """Return probabilities and logits, both in the output's shape."""
    alone = task == "multi-label" or output.shape[-1] == 1
    if found.kind == "log-softmax":
        logits = output if found.logits is None else tf.reshape(found.logits, tf.shape(output))
        return tf.exp(tf.cast(output, tf.float32)), logits
    unbounded = found.kind == "other" and (model.evidence.from_logits or model.evidence.chosen == task)
    if found.kind == "linear" or (unbounded and not alone):
        return (tf.sigmoid(output) if alone else tf.nn.softmax(tf.cast(output, tf.float32))), output
    probabilities = output
    if found.kind == "other":
        probabilities = tf.clip_by_value(output, tf.cast(0.0, output.dtype), tf.cast(1.0, output.dtype))
    if found.logits is not None:
        return probabilities, tf.reshape(found.logits, tf.shape(output))
    share = tf.cast(probabilities, tf.float32)
    logarithm = tf.math.log(tf.maximum(share, _SMALLEST))
    if alone:  # the logit is exactly log p − log (1 − p)
        return probabilities, logarithm - tf.math.log(tf.maximum(1.0 - share, _SMALLEST))
    if wants_logits:
        model.warn_once(
            f"{model.name}: no softmax was found at its end, so the score is log p, not the logit (the normaliser "
            "varies too)"
        )
    return probabilities, logarithm
