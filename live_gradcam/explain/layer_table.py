"""The table of a network's layers: their kinds, shapes, and which of them can be explained."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from live_gradcam.explain.engine import Engine
from live_gradcam.explain.layer_calls import tracing_lock
from live_gradcam.explain.target_layer import candidates, leading_to
from live_gradcam.explain.tensorflow_graph import trace
from live_gradcam.explain.traced_network import traced_network
from live_gradcam.models.model import Model
from live_gradcam.models.type_names import Tensor, Tensors
from live_gradcam.question import Question


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer."""

    path: str
    """The layer's path, as `--layer` takes it."""

    kind: str
    """The layer's class."""

    shape: str
    """The shape of its output, without the batch: `7×7×1280`."""

    explainable: bool
    """Whether its output is a feature map or tokens on a grid, and the model's output is computed from it."""

    automatic: bool
    """Whether it is explained where no layer is named."""


def layer_table(model: Model) -> list[LayerRow]:
    """Return every layer that the model calls, in the order of the calls.

    Args:
        model: any classifier.

    Raises:
        ModelError, LayerError: the model cannot be run, or no layer can be explained.
    """
    height, width = model.input_size
    ((_, spec),) = Engine([model]).keys(Question(), (width, height))
    chosen = trace(model, spec, freeze=False).facts.layer
    traced = traced_network(model, spec)
    rows: list[LayerRow] = []

    def run(images: Tensor) -> Tensor:
        calls, output = traced.run(model.preprocessing(images))
        usable = {id(call) for call in leading_to(output, candidates(calls, model.input_size))}
        rows.extend(
            LayerRow(
                path=call.path,
                kind=call.kind,
                shape=_shape(call.output),
                explainable=id(call) in usable,
                automatic=call.path == chosen,
            )
            for call in calls
            if call.depth
        )
        return output

    with tracing_lock:
        signature = [tf.TensorSpec((1, *model.input_size, 3), tf.uint8)]
        tf.function(run, signature, autograph=False).get_concrete_function()
    return rows


def _shape(output: Tensors) -> str:
    shape = getattr(output, "shape", None)
    if shape is None or shape.rank is None:
        return type(output).__name__
    return "×".join("?" if length is None else str(length) for length in shape[1:]) or "one number"
