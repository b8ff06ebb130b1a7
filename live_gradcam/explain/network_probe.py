"""Runs the network on other inputs while a graph is traced, for methods of many passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.array_types import Operation
from live_gradcam.explain.attention_blocks import attention_gradients
from live_gradcam.explain.feature_map import Activation, activation_of
from live_gradcam.explain.methods.probe import EPSILON
from live_gradcam.explain.network_output import NetworkOutput
from live_gradcam.explain.raw_maps import epsilon_of, laid, step_of
from live_gradcam.explain.relevance import relevance
from live_gradcam.explain.target_layer import layer_at
from live_gradcam.explain.target_scores import TargetScores
from live_gradcam.explain.traced_network import TracedNetwork
from live_gradcam.explanation import WHOLE, Inset
from live_gradcam.models.type_names import Tensor

_GUIDED = "LiveGradcamGuided"


@tf.RegisterGradient(f"{_GUIDED}Relu")  # type: ignore[untyped-decorator] # TensorFlow ships no types
def _guided_relu(operation: Operation, gradient: Tensor) -> Tensor:
    """Pass back positive gradients where the input is positive (Springenberg et al. 2014, arXiv:1412.6806)."""
    passes = (gradient > 0) & (operation.outputs[0] > 0)
    return tf.where(passes, gradient, tf.zeros_like(gradient))


@tf.RegisterGradient(f"{_GUIDED}Relu6")  # type: ignore[untyped-decorator] # likewise
def _guided_relu6(operation: Operation, gradient: Tensor) -> Tensor:
    """Do the same where the input is also below 6."""
    output = operation.outputs[0]
    passes = (gradient > 0) & (output > 0) & (output < 6)
    return tf.where(passes, gradient, tf.zeros_like(gradient))


class NetworkProbe:
    """A probe of one picture and one target (`methods.probe.Probe`, `RelevanceProbe` and `AttentionProbe`).

    Args:
        traced: the network.
        goal: the target; None for a score function of the user's.
        pixels: the network's input for the picture.
        path: of the target layer.
        activation: that layer's output.
        gradient: ∂y/∂A as a map.
        head: the network's output for the picture; None for a score function of the user's.
        score: the differentiated scores of the picture.
        extent: where the layer's map lies on the input.
    """

    def __init__(
        self,
        traced: TracedNetwork,
        goal: TargetScores | None,
        pixels: Tensor,
        path: str,
        activation: Activation,
        gradient: Tensor,
        head: NetworkOutput | None,
        score: Tensor,
        extent: Inset = WHOLE,
    ) -> None:
        self._traced = traced
        self._score = score
        self._head = head
        self._goal = goal
        self._path = path
        self._activation = activation
        self._extent = extent
        make = traced.spec.pace
        self._pace = None if make is None else make()
        self.pixels = pixels
        self.activations = activation.as_map(activation.tensor)
        self.gradients = gradient

    @property
    def black(self) -> Tensor:
        """The network's input for a black picture, (1, H, W, channels) float32."""
        height, width = self._traced.spec.input_size
        return self._traced.model.preprocessing(tf.zeros((1, height, width, 3), tf.uint8))

    @property
    def score_error(self) -> Tensor:
        """A bound of the rounding error of y at the picture, () float32."""
        head, goal = self._head, self._goal
        if head is None or goal is None:
            return EPSILON * tf.abs(self._score[0])
        seed = head.seed(goal.row[:1], head.places_of(goal.ids[:1]))
        summands = tf.cast(tf.abs(head.scores[:1] * seed), tf.float32)
        return epsilon_of(head.scores) * tf.reduce_sum(summands)

    @property
    def gradient_epsilon(self) -> float:
        """The rounding error of ∂y/∂A as a share of it."""
        return epsilon_of(*self._origins)

    @property
    def gradient_step(self) -> float:
        """The rounding error of ∂y/∂A near 0."""
        return step_of(*self._origins)

    @property
    def _origins(self) -> list[Tensor]:
        """The tensors between which y is differentiated."""
        return [self._activation.tensor, *([] if self._head is None else [self._head.scores])]

    def over_pixels(self, maps: Tensor) -> Tensor:
        """Return maps (M, h, w) of the layer as masks (M, H, W) of the input."""
        if self._extent == WHOLE:
            return tf.image.resize(maps[..., None], tf.shape(self.pixels)[1:3])[..., 0]
        maps = tf.ensure_shape(maps, (None, *self.activations.shape[1:3]))
        return laid(maps, self._extent, self._traced.spec.input_size)

    def scores(self, pixels: Tensor) -> Tensor:
        """Return y for other inputs: (M, H, W, 3) to (M,) float32."""

        def score(some: Tensor) -> list[Tensor]:
            return [self._value(self._traced.run(some)[1], tf.shape(some)[0])]

        return self._paced(score, pixels, [tf.zeros((0,))])[0]

    def scores_from(self, activations: Tensor) -> Tensor:
        """Return y with the layer's output replaced: (M, h, w, K) to (M,) float32."""

        def score(some: Tensor) -> list[Tensor]:
            count = tf.shape(some)[0]
            replacement = self._activation.from_map(some)
            replacement.set_shape([None, *self._activation.tensor.shape[1:]])
            _, output = self._traced.run(
                tf.repeat(self.pixels, count, axis=0), path=self._path, replacement=replacement
            )
            return [self._value(output, count)]

        return self._paced(score, activations, [tf.zeros((0,))])[0]

    def derivatives(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return A and ∂y/∂A at other inputs, (M, h, w, K) float32 each."""
        spec = self._traced.spec

        def derive(some: Tensor) -> list[Tensor]:
            calls, output = self._traced.run(some)
            tensor = layer_at(calls, self._path, spec.input_size, self._traced.model.name).output
            activation = activation_of(tensor, self._path, spec.input_size, spec.grid)
            (gradient,) = tf.gradients(self._value(output, tf.shape(some)[0]), tensor)
            return [activation.as_map(tensor), activation.as_map(gradient)]

        empty = self.activations[:0]
        found, gradients = self._paced(derive, pixels, [empty, empty])
        return found, gradients

    def pixel_gradients(self, pixels: Tensor, *, guided: bool = False) -> Tensor:
        """Return ∂y/∂x at other inputs, (M, H, W, 3) float32, through guided ReLUs if `guided`.

        Raises:
            LiveGradcamError: the network has no ReLU to guide.
        """
        return self._paced(lambda some: [self._pixel_gradients(some, guided)], pixels, [self.pixels[:0]])[0]

    def pixel_relevance(self, *, convolution: float, dense: float) -> Tensor:
        """Return the relevance of the picture's pixels for y by the rules of AttnLRP, (H, W, 3) float32.

        Raises:
            LiveGradcamError: the network has an operation that hides others.
        """

        def relevant(pixels: Tensor) -> list[Tensor]:
            pixels = tf.identity(pixels)
            score = self._value(self._traced.run(pixels)[1], 1)
            name = self._traced.model.name
            return [relevance(score, pixels, name, convolution=convolution, dense=dense)]

        return self._paced(relevant, self.pixels, [self.pixels[:0]])[0][0]

    def attention_gradients(self) -> Sequence[Tensor]:
        """Return ∂s_l/∂P_l of each block l of a transformer, (heads, T, h, w) float32.

        Raises:
            LiveGradcamError: the network is no transformer.
        """
        return attention_gradients(self._traced, self.pixels, self._activation, self._value)

    def _pixel_gradients(self, pixels: Tensor, guided: bool) -> Tensor:
        # A tensor of its own, so that nothing before it is differentiated.
        pixels = tf.identity(pixels)
        if not guided:
            output = self._traced.run(pixels)[1]
        else:
            graph = tf.compat.v1.get_default_graph()
            before = len(graph.get_operations())
            overrides = {"Relu": f"{_GUIDED}Relu", "Relu6": f"{_GUIDED}Relu6"}
            with graph.gradient_override_map(overrides):
                output = self._traced.run(pixels)[1]
            rectifiers = [each for each in graph.get_operations()[before:] if each.type in overrides]
            overridden = [
                each for each in rectifiers if each.get_attr("_gradient_op_type").startswith(_GUIDED.encode())
            ]
            if not rectifiers or len(overridden) != len(rectifiers):
                raise LiveGradcamError(
                    f"{self._traced.model.name} has {len(rectifiers)} ReLUs of which {len(overridden)} can be guided: "
                    "guided backpropagation needs a network of ReLUs. Take another method, such as smoothgrad."
                )
        (gradient,) = tf.gradients(self._value(output, tf.shape(pixels)[0]), pixels)
        return tf.cast(gradient, tf.float32)

    def _paced(
        self, run: Callable[[Tensor], Sequence[Tensor]], inputs: Tensor, empty: Sequence[Tensor]
    ) -> Sequence[Tensor]:
        """Run a function on inputs (M, …), as many at a time as the pace allows, and return its joined results.

        Args:
            run: a function from inputs (m, …) to tensors (m, …).
            inputs: all inputs.
            empty: the function's results for no inputs.
        """
        pace = self._pace
        if pace is None:
            return run(inputs)
        count = tf.shape(inputs)[0]

        def paced(done: np.int32) -> np.int32:  # its argument makes it wait for the inputs that are running
            del done
            return np.int32(pace())

        def step(start: Tensor, *found: Tensor) -> tuple[Tensor, ...]:
            size = tf.ensure_shape(tf.numpy_function(paced, [tf.shape(found[0])[0]], tf.int32), ())
            end = tf.minimum(start + size, count)
            parts = run(inputs[start:end])
            return (end, *(tf.concat([all_, part], axis=0) for all_, part in zip(found, parts, strict=True)))

        shapes = [tf.TensorShape([None, *each.shape[1:]]) for each in empty]
        _, *found = tf.while_loop(
            lambda start, *found: start < count,  # noqa: ARG005 - called with all
            step,
            (tf.constant(0), *empty),
            shape_invariants=(tf.TensorShape(()), *shapes),
            parallel_iterations=1,
        )
        return tuple(found)

    def _value(self, output: Tensor, count: Tensor) -> Tensor:
        head, goal = self._traced.head(output, like=self._head), self._goal
        if head is None:
            return self._traced.own_score(output)
        assert goal is not None
        goal = goal.repeated(count)
        return head.value(goal.row, self._places(goal.ids, count))

    def _places(self, ids: Tensor, count: Tensor) -> Tensor:
        """Return the places that the network assigns to the class in the unchanged picture, for `count` pictures.

        They are fixed, so that all inputs have one score function. None for an output without places.
        """
        assert self._head is not None
        places = self._head.places_of(ids[:1])
        return None if places is None else tf.repeat(places, count, axis=0)
