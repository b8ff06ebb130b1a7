"""The score of a target for each picture of a batch, inside a traced graph."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from live_gradcam.explain.head_slots import UNUSED_SLOT
from live_gradcam.explain.network_output import NetworkOutput, taken
from live_gradcam.explain.targets import MOST_RANKS, NO_RIVAL, REVERSED, STRONGEST_RIVALS
from live_gradcam.models.type_names import Tensor

_LOWEST = float(np.finfo(np.float32).min)


@dataclass(frozen=True, slots=True, eq=False)
class TargetScores:
    """The score y of one goal for a batch of pictures, as weights of the network's scores."""

    ids: Tensor
    """(N,) int32: the explained class."""

    row: Tensor
    """(N, C) float32: y = Σ_c row_c · y^c."""

    rival_ids: Tensor
    """(N, R) int32: the classes that it is contrasted with; −1 for none."""

    strength: Tensor
    """(N,) float32: how much of the mean of their scores is subtracted."""

    def repeated(self, times: Tensor | int) -> TargetScores:
        """Return the scores for `times` copies of each picture, in the order of `tf.tile`."""
        return replace(self, ids=tf.tile(self.ids, [times]), row=tf.tile(self.row, [times, 1]))

    def summands(self) -> tuple[Tensor, Tensor]:
        """Return the classes and weights that are not zero in `row`, (N, 1 + R) each; not for values or copies."""
        there = tf.cast(self.rival_ids >= 0, tf.float32)
        number = tf.maximum(tf.reduce_sum(there, axis=1, keepdims=True), 1.0)
        ids = tf.concat([self.ids[:, None], tf.maximum(self.rival_ids, 0)], axis=1)
        own = tf.ones_like(self.strength)[:, None]
        return ids, tf.concat([own, -self.strength[:, None] * there / number], axis=1)


def order_of(head: NetworkOutput) -> Tensor | None:
    """Return the most probable classes, best first, (N, up to `MOST_RANKS`) int32; None for values.

    A class of NaN comes last.
    """
    if head.ranks is None:
        return None
    return tf.math.top_k(_finite(head.ranks), k=min(MOST_RANKS, head.classes)).indices


def _finite(figures: Tensor) -> Tensor:
    return tf.where(tf.math.is_finite(figures), figures, _LOWEST)


def goal_of(
    head: NetworkOutput,
    aim: Tensor,
    strength: Tensor,
    rivals: int,
    order: Tensor | None,
    *,
    has_slots: bool = False,
) -> TargetScores:
    """Return the scores of one goal, where each picture has its own aim.

    FinerCAM's rivals are the classes whose scores lie nearest to the target's (Zhang et al. 2025, arXiv:2501.11309).
    The mean of their scores, times the strength, is subtracted. Values have no rivals, so FinerCAM of a value is
    Grad-CAM.

    Args:
        head: the network's output.
        aim: (N, 2) int32: class and rival, as in `targets.Aim`.
        strength: (N,) float32.
        rivals: how many of the strongest rivals count.
        order: the result of `order_of`, which all goals share.
        has_slots: whether some of the classes may be unused slots.
    """
    if order is None:
        return _goal_of_value(head, aim, strength)
    scores = _finite(head.class_scores)
    classes = head.classes
    ids, named = tf.unstack(_resolved(aim, order), axis=1)
    chosen = tf.one_hot(ids, classes)
    count = min(rivals, classes - 1)
    own = tf.reduce_sum(scores * chosen, axis=1, keepdims=True)
    others = tf.math.top_k(tf.where(chosen > 0, _LOWEST, -tf.abs(scores - own)), k=max(count, 1)).indices
    if has_slots:
        others = tf.where(taken(scores, others) > UNUSED_SLOT / 2, others, -1)
    rival = aim[:, 1:]
    none = tf.fill(tf.shape(others), -1)
    one = tf.concat([named[:, None], none[:, 1:]], axis=1)
    strongest = (rival == STRONGEST_RIVALS) | (rival == REVERSED)
    rival_ids = tf.where(strongest, others, tf.where(rival == NO_RIVAL, none, one))
    return _goal(ids, chosen, rival_ids, strength)


def _goal_of_value(head: NetworkOutput, aim: Tensor, strength: Tensor) -> TargetScores:
    """Return the scores of a value: the value, its negative, or its difference from another value."""
    order = tf.tile(tf.range(min(MOST_RANKS, head.classes))[None], (tf.shape(aim)[0], 1))
    ids, named = tf.unstack(_resolved(aim, order), axis=1)
    chosen = tf.one_hot(ids, head.classes)
    rival = aim[:, 1:]
    alone = (rival == NO_RIVAL) | (rival == STRONGEST_RIVALS) | (rival == REVERSED)
    rival_ids = tf.where(alone, -1, named[:, None])
    return _goal(ids, tf.where(rival == REVERSED, -chosen, chosen), rival_ids, strength)


def _goal(ids: Tensor, chosen: Tensor, rival_ids: Tensor, strength: Tensor) -> TargetScores:
    """Return the scores with weights `chosen` (N, C), less the mean of the rivals (N, R) times the strength (N,)."""
    present = tf.one_hot(rival_ids, chosen.shape[-1])  # −1 gives zeros
    number = tf.maximum(tf.reduce_sum(present, axis=(1, 2)), 1.0)
    row = chosen - strength[:, None] * tf.reduce_sum(present, axis=1) / number[:, None]
    return TargetScores(ids, row, rival_ids, strength)


def _resolved(class_ids: Tensor, order: Tensor) -> Tensor:
    """Return (N, k) class ids for (N, k) ids, or ranks counted down from −1."""
    ranks = tf.clip_by_value(-1 - class_ids, 0, tf.shape(order)[1] - 1)
    return tf.where(class_ids < 0, taken(order, ranks), tf.maximum(class_ids, 0))
