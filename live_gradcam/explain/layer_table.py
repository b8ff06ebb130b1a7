"""What layers a network has, and which of them can be explained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from live_gradcam.explain.graph_spec import GraphSpec
from live_gradcam.explain.layer_calls import tracing_lock
from live_gradcam.explain.layers import candidates
from live_gradcam.explain.methods.method import method_named
from live_gradcam.explain.tensorflow_graph import trace
from live_gradcam.explain.traced_network import subject_of
from live_gradcam.models.model import Model


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer."""

    path: str
    """As `--layer` takes it."""

    kind: str
    """Its class."""

    shape: str
    """Of what it gives, without the batch: `7×7×1280`."""

    explainable: bool
    """Whether its activation lies on the picture."""

    automatic: bool
    """Whether it is the one that is explained when none is named."""


def layer_table(model: Model) -> list[LayerRow]:
    """Return every layer that is called when the model runs, in that order.

    Args:
        model: any classifier.

    Raises:
        ModelError, LayerError: it cannot be run, or has nothing to explain.
    """
    spec = GraphSpec(
        methods=(method_named("gradcam"),),
        layers=None if model.layer is None else (model.layer,),
        input_size=model.input_size,
    )
    chosen = trace(model, spec, freeze=False).facts.layer
    subject = subject_of(model, spec)
    rows: list[LayerRow] = []

    def run(images: Any) -> Any:  # noqa: ANN401 - tensors
        calls, output = subject.run(model.preprocessing(images))
        usable = {id(call) for call in candidates(calls, model.input_size)}
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


def _shape(output: Any) -> str:  # noqa: ANN401 - a tensor or a structure of tensors
    shape = getattr(output, "shape", None)
    if shape is None or shape.rank is None:
        return type(output).__name__
    return "×".join("?" if length is None else str(length) for length in shape[1:]) or "one number"
