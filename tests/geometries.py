"""How a layer's map lies on the input, as the program measures it and as it computes it, each by itself."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from live_gradcam.explain.geometry_by_arithmetic import geometry_by_arithmetic
from live_gradcam.explain.geometry_by_gradients import located
from live_gradcam.explain.graph_spec import GraphSpec
from live_gradcam.explain.layer_calls import tracing_lock
from live_gradcam.explain.map_geometry import Geometry
from live_gradcam.explain.methods.method import method_named
from live_gradcam.explain.target_layer import layer_at
from live_gradcam.explain.traced_network import TracedNetwork, traced_network
from live_gradcam.models.model import Model


def measured_geometry(model: Model, layer: str) -> Geometry:
    """As gradients through the network tell."""
    return located(_traced(model, layer), layer)


def computed_geometry(model: Model, layer: str) -> Geometry | None:
    """As the operations of the traced network tell; None where they do not."""
    traced = _traced(model, layer)
    found: list[Geometry | None] = []

    def look(images: Any) -> Any:
        pixels = model.preprocessing(images)
        calls, output = traced.run(pixels)
        tensor = layer_at(calls, layer, model.input_size, model.name).output
        found.append(geometry_by_arithmetic(pixels, tensor))
        return output

    signature = [tf.TensorSpec((None, *model.input_size, 3), tf.uint8)]
    with tracing_lock:
        tf.function(look, signature, autograph=False).get_concrete_function()
    return found[-1]


def _traced(model: Model, layer: str) -> TracedNetwork:
    plan = GraphSpec(methods=(method_named("gradcam"),), layers=(layer,), input_size=model.input_size)
    return traced_network(model, plan)
