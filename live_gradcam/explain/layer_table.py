"""Finds the layers of a network: their kinds, shapes, and which of them can be explained."""

from __future__ import annotations

import tensorflow as tf

from live_gradcam.explain.engine import Engine
from live_gradcam.explain.layer_calls import tracing_lock
from live_gradcam.explain.layer_rows import LayerMemory, LayerRow
from live_gradcam.explain.target_layer import candidates, leading_to
from live_gradcam.explain.tensorflow_graph import trace
from live_gradcam.explain.traced_network import traced_network
from live_gradcam.models.model import Model
from live_gradcam.models.type_names import Tensor, Tensors
from live_gradcam.question import Question


def layer_table(model: Model) -> list[LayerRow]:
    """Return every layer that the model calls, in the order of the calls, and remember them if the model has a key.

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
    LayerMemory().keep(model.key, rows)
    return rows


def _shape(output: Tensors) -> str:
    shape = getattr(output, "shape", None)
    if shape is None or shape.rank is None:
        return type(output).__name__
    return "×".join("?" if length is None else str(length) for length in shape[1:]) or "one number"
