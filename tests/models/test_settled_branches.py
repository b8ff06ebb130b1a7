"""Branches of a graph whose condition no picture changes are replaced by the side that is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf

from live_gradcam.models.inlining import inlined


def branches(condition: Callable[[Any], Any]) -> tuple[set[str], set[str]]:
    """Return the sides of a branch that became part of its graph, and the branches that are left."""

    def graph(picture: Any) -> Any:
        return tf.cond(condition(picture), lambda: tf.sin(picture), lambda: tf.cos(picture))

    signature = [tf.TensorSpec((None, 4), tf.float32)]
    definition = inlined(tf.function(graph, signature, autograph=False).get_concrete_function())
    kinds = {node.op for node in definition.node}
    return kinds & {"Sin", "Cos"}, kinds & {"If", "StatelessIf"}


def unknown(picture: Any) -> Any:
    return tf.reduce_sum(picture) > 1


@pytest.mark.parametrize(
    ("condition", "taken"),
    [
        (lambda _: tf.constant(True), "Sin"),
        (lambda _: tf.constant(False), "Cos"),
        (lambda picture: tf.reduce_all([False, unknown(picture)]), "Cos"),
        (lambda picture: tf.reduce_any([True, unknown(picture)]), "Sin"),
        (lambda picture: tf.logical_not(tf.reduce_all([False, unknown(picture)])), "Sin"),
        (lambda picture: tf.logical_and(unknown(picture), tf.constant(False)), "Cos"),
        (lambda picture: tf.logical_or(unknown(picture), tf.constant(True)), "Sin"),
    ],
)
def test_a_known_condition_leaves_one_side(condition: Callable[[Any], Any], taken: str) -> None:
    assert branches(condition) == ({taken}, set())


@pytest.mark.parametrize(
    "condition",
    [
        unknown,
        lambda picture: tf.reduce_all([True, unknown(picture)]),
        lambda picture: tf.reduce_any([False, unknown(picture)]),
        lambda picture: tf.logical_and(unknown(picture), tf.constant(True)),
    ],
)
def test_a_condition_of_the_picture_keeps_both(condition: Callable[[Any], Any]) -> None:
    _, kept = branches(condition)
    assert len(kept) == 1
