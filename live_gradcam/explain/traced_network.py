"""The network of one graph while it is traced, at one size of its input."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from live_gradcam.errors import TargetError
from live_gradcam.explain.graph_spec import GraphSpec
from live_gradcam.explain.layer_calls import LayerCall, observed_calls
from live_gradcam.explain.network_output import NetworkOutput, head_of
from live_gradcam.models.inputs import shape_text
from live_gradcam.models.labels import Labels
from live_gradcam.models.model import Model
from live_gradcam.models.pooled_features import pooled_part
from live_gradcam.models.task import Evidence
from live_gradcam.models.type_names import Network, Tensor, Variable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class TracedNetwork:
    """A network for the input size of one graph."""

    model: Model
    network: Network
    """The model's network for that input size."""

    spec: GraphSpec

    frozen: bool = False
    """Whether the network's weights become constants of the graph, if that is worth the memory."""

    head_weights: tuple[Tensor, ...] | None = None
    """Kernel (N, F, K) and bias (N, K) of the pictures' heads, while a graph with slots is traced."""

    @property
    def features(self) -> int:
        """F, the length of a head's kernel; 0 where the network has its own head."""
        return int(self.network.output_shape[-1]) if self.spec.slots else 0

    def run(
        self, pixels: Tensor, *, path: str | None = None, replacement: Tensor = None
    ) -> tuple[Sequence[LayerCall], Tensor]:
        """Run the network on preprocessed pictures while tracing, and return its layer calls and its output.

        Args:
            pixels: its input, (N, H, W, channels).
            path: a layer whose output is replaced.
            replacement: the replacement.
        """
        calls, output = self.run_network(pixels, path=path, replacement=replacement)
        return calls, self.classified(output)

    def run_network(
        self, pixels: Tensor, *, path: str | None = None, replacement: Tensor = None
    ) -> tuple[Sequence[LayerCall], Tensor]:
        """Do the same as `run`; with slots the output is the last feature map, (N, h, w, F)."""
        weights = constant_weights(self.network) if self.frozen else []
        with observed_calls(path=path, replacement=replacement) as calls:
            output = self.model.forward(self.network, pixels, weights=weights)
        return calls, output

    def classified(self, output: Tensor) -> Tensor:
        """Return the probabilities (N, K) that the heads give to feature maps (N, h, w, F); without slots the argument.

        There may be several copies of each picture, in the order of `tf.tile`.
        """
        if self.head_weights is None:
            return output
        kernel, bias = self.head_weights
        features = tf.reduce_mean(tf.cast(output, tf.float32), axis=(1, 2))
        if kernel.shape[0] != 1 or features.shape[0] != 1:
            copies = tf.shape(features)[0] // tf.shape(kernel)[0]
            kernel, bias = tf.tile(kernel, (copies, 1, 1)), tf.tile(bias, (copies, 1))
        logits = tf.matmul(features[:, None, :], kernel)[:, 0] + bias
        return tf.nn.softmax(logits)

    def head(self, output: Tensor, *, like: NetworkOutput | None = None) -> NetworkOutput | None:
        """Return the output with its scores; None if a score function of the user's is explained.

        Args:
            output: the network's result in a trace.
            like: the output of the same network in another trace.
        """
        if self.spec.function is not None:
            return None
        return head_of(output, self.spec.score, self.model, like=like, sample=self._sample)

    def _sample(self) -> np.ndarray[Any, Any] | None:
        """Return the outputs for noise, black and white; None if the network cannot be run outside the trace."""
        if self.head_weights is not None:
            return None
        height, width = self.spec.input_size
        noise = np.random.default_rng(0).integers(0, 256, (3, height, width, 3), np.uint8)
        noise[1:] = np.array([0, 255], np.uint8)[:, None, None, None]
        try:
            with tf.init_scope():
                output = self.model.forward(self.network, self.model.preprocessing(tf.constant(noise)))
        except Exception:  # such as a function that keeps tensors of a trace
            logger.debug("%s cannot be sampled", self.model.name, exc_info=True)
            return None
        return np.asarray(tf.cast(output, tf.float32))

    def own_score(self, output: Tensor) -> Tensor:
        """Return the user's score of the output, (N,) float32.

        Raises:
            TargetError: the function does not return one number for each picture.
        """
        function = self.spec.function
        assert function is not None
        score = tf.convert_to_tensor(function(output))
        count = tf.nest.flatten(output)[0].shape[0]
        fits = score.shape.rank is None or (
            score.shape.rank > 0
            and score.shape[0] in (count, None)
            and all(length in (1, None) for length in score.shape[1:])
        )
        if not fits:
            got = shape_text(score.shape) if score.shape.rank else "a single number"
            raise TargetError(
                f"the target '{getattr(function, '__name__', function)}' must return one number for each of N "
                f"pictures, (N,), and returns {got}. Choose one number of each picture, as in "
                "`lambda output: output[:, 3]`."
            )
        return tf.cast(tf.reshape(score, (-1,)), tf.float32)


def traced_network(model: Model, spec: GraphSpec, *, frozen: bool = False) -> TracedNetwork:
    """Return a model's network for one graph.

    Args:
        model: the model to explain.
        spec: the graph's specification.
        frozen: as in `TracedNetwork`. A graph of many passes is never frozen: each pass would have its own constants.

    Raises:
        ModelError: the network does not take pictures of that size, or has slots but no pooling at its end.
    """
    network = model.network_at(*spec.input_size)
    if spec.slots:
        network = pooled_part(replace(model, network=network)).maps
        # What is known of the model's own outputs says nothing about a head's.
        model = replace(model, labels=Labels(()), output=None, evidence=Evidence())
    return TracedNetwork(model, network, spec, frozen and spec.one_pass)


FREEZE_LIMIT = 100 * 2**20
"""Bytes of weights up to which a graph is frozen to constants. TensorFlow folds constants into its computations, and
small networks get a sixth faster. VGG16's convolutions gained 2%, for 1.2 GB."""


def constant_weights(network: Network) -> list[tuple[Variable, Tensor]]:
    """Return a network's variables, each with its present value as a constant of the graph that is being traced.

    The list is empty if that is not worth the memory. Variables that are not Keras's stay variables.

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
