"""The network that is traced, at one size of its input."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from live_gradcam.explain.graph_spec import GraphSpec
from live_gradcam.explain.layer_calls import LayerCall, observed_calls
from live_gradcam.explain.network_output import NetworkOutput, head_of
from live_gradcam.models.model import Model
from live_gradcam.models.untyped import Network

logger = logging.getLogger(__name__)

Tensor = Any


@dataclass(frozen=True, slots=True, eq=False)
class TracedNetwork:
    """What a plan is carried out on."""

    model: Model
    network: Network
    """The model's network for the plan's input size."""

    plan: GraphSpec

    frozen: bool = False
    """Whether the network's weights become constants of the graph, where that pays."""

    def run(
        self, pixels: Tensor, *, path: str | None = None, replacement: Tensor = None
    ) -> tuple[Sequence[LayerCall], Tensor]:
        """Run the network on preprocessed pictures while tracing, and return its calls and its output.

        Args:
            pixels: its input, (N, H, W, channels).
            path: a layer whose output is replaced.
            replacement: what it seems to give.
        """
        weights = constant_weights(self.network) if self.frozen else []
        with observed_calls(path=path, replacement=replacement) as calls:
            output = self.model.forward(self.network, pixels, weights=weights)
        return calls, output

    def head(self, output: Tensor, *, like: NetworkOutput | None = None) -> NetworkOutput | None:
        """Return what the output says; None where the user's own function is explained.

        Args:
            output: what the network returned in a trace.
            like: the head of the same network in another trace.
        """
        if self.plan.function is not None:
            return None
        return head_of(output, self.plan.score, self.model, like=like, sample=self._sample)

    def _sample(self) -> np.ndarray[Any, Any] | None:
        """Return the outputs for some pictures: noise, black and white; None where it cannot be run by itself."""
        height, width = self.plan.input_size
        noise = np.random.default_rng(0).integers(0, 256, (3, height, width, 3), np.uint8)
        noise[1:] = np.array([0, 255], np.uint8)[:, None, None, None]
        try:
            with tf.init_scope():
                output = self.model.forward(self.network, self.model.preprocessing(tf.constant(noise)))
        except Exception:  # such as a function that keeps what it was traced with
            logger.debug("%s cannot be sampled", self.model.name, exc_info=True)
            return None
        return np.asarray(tf.cast(output, tf.float32))

    def own_score(self, output: Tensor) -> Tensor:
        """Return what the user's own function says of the output, (N,) float32."""
        assert self.plan.function is not None
        return tf.cast(tf.reshape(self.plan.function(output), (-1,)), tf.float32)


def subject_of(model: Model, plan: GraphSpec, *, frozen: bool = False) -> TracedNetwork:
    """Return what a plan is carried out on.

    Args:
        model: what is explained.
        plan: what is to be done.
        frozen: as in `TracedNetwork`; a plan of many passes never is, for each of them would have constants of its own.

    Raises:
        ModelError: the network does not take pictures of the plan's size.
    """
    return TracedNetwork(model, model.network_at(*plan.input_size), plan, frozen and plan.one_pass)


Variable = Any

FREEZE_LIMIT = 100 * 2**20
"""Bytes of weights up to which a graph is frozen to constants: TensorFlow folds them into what it computes, and small
networks gain a sixth. On VGG16's convolutions it gained 2%, for 1.2 GB."""


def constant_weights(network: Network) -> list[tuple[Variable, Tensor]]:
    """Return a network's variables, each with its present value as a constant of the graph that is being traced.

    There are none where that does not pay. A variable that is not one of Keras's stays one.

    Args:
        network: built.
    """
    variables = [each for each in network.variables if isinstance(each, keras.Variable)]
    size = sum(math.prod(each.shape) * tf.as_dtype(each.dtype).size for each in variables)
    if size > FREEZE_LIMIT:
        return []
    with tf.init_scope():
        values = [each.value.numpy() for each in variables]
    return [(each, tf.constant(value)) for each, value in zip(variables, values, strict=True)]
