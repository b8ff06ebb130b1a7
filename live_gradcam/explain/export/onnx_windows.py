"""OpenVINO's convolutions, poolings, borders and resizing in terms of ONNX's (`onnx_operations`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from live_gradcam.explain.export.onnx_graph import OnnxGraph, Rule, UnknownOperationError, number_of
from live_gradcam.explain.openvino.nodes import Node, whole_numbers


def _window(node: Node) -> dict[str, list[int]]:
    """Return strides, dilations and borders; OpenVINO has worked out the borders of `SAME`."""
    settings = node.get_attributes()
    found = {"strides": settings["strides"], "pads": [*settings["pads_begin"], *settings["pads_end"]]}
    if "dilations" in settings:
        found["dilations"] = settings["dilations"]
    return {name: [int(each) for each in values] for name, values in found.items()}


def _filters(graph: OnnxGraph, node: Node, *, grouped: bool) -> tuple[str, dict[str, Any]]:
    """Return the name of a convolution's filters in ONNX's order, and the setting of groups.

    OpenVINO has an axis for groups: (G, out, in, …) of a convolution, (G, in, out, …) of a transposed one. ONNX joins
    it with the next axis.
    """
    value = node.input_value(1)
    if not grouped:
        return graph.name(value), {}
    groups, first, *rest = value.get_partial_shape().to_shape()
    shape = [groups * first, *rest]
    if value.get_node().get_type_name() == "Constant":
        name = graph.constant(np.array(value.get_node().get_data()).reshape(shape))
    else:
        name = graph.add("Reshape", graph.name(value), graph.whole(shape))
    return name, {"group": int(groups)}


def _convolution(*, grouped: bool) -> Rule:
    def rule(graph: OnnxGraph, node: Node) -> str:
        filters, groups = _filters(graph, node, grouped=grouped)
        return graph.add("Conv", graph.input(node, 0), filters, **_window(node), **groups)

    return rule


def _transposed_convolution(*, grouped: bool) -> Rule:
    def rule(graph: OnnxGraph, node: Node) -> str:
        filters, groups = _filters(graph, node, grouped=grouped)
        more = [int(each) for each in node.get_attributes()["output_padding"]]
        if node.get_input_size() > 2:
            raise UnknownOperationError(
                "ONNX is not written for transposed convolutions whose result's size is an input."
            )
        return graph.add(
            "ConvTranspose", graph.input(node, 0), filters, **_window(node), **groups, output_padding=more
        )

    return rule


def _pooling(node: Node) -> dict[str, Any]:
    settings = node.get_attributes()
    if settings["rounding_type"] not in ("floor", "ceil"):
        raise UnknownOperationError(f"ONNX is not written for poolings with {settings['rounding_type']}.")
    size = [int(each) for each in settings["kernel"]]
    return {**_window(node), "kernel_shape": size, "ceil_mode": int(settings["rounding_type"] == "ceil")}


def _largest(graph: OnnxGraph, node: Node) -> list[str]:
    """MaxPool(x): the largest values, and their places, counted from the first of the axes from `axis` on.

    ONNX counts the places in the whole tensor.
    """
    settings = _pooling(node)
    if node.get_output_size() < 2 or not node.output(1).get_target_inputs():
        return [graph.add("MaxPool", graph.input(node, 0), **settings)]
    values, places = graph.add_several("MaxPool", [graph.input(node, 0)], 2, **settings)
    axis = node.get_attributes()["axis"]
    lengths = [each.get_length() for each in list(node.input_value(0).get_partial_shape())[axis:]]
    own = graph.add("Mod", places, graph.whole([int(np.prod(lengths))]))
    return [values, graph.cast(own, number_of(node.output(1)))]


def _average(graph: OnnxGraph, node: Node) -> str:
    counts = int(not node.get_attributes()["exclude-pad"])
    return graph.add("AveragePool", graph.input(node, 0), **_pooling(node), count_include_pad=counts)


def _pad(graph: OnnxGraph, node: Node) -> str:
    mode = {"constant": "constant", "edge": "edge", "reflect": "reflect"}.get(
        node.get_attributes()["pad_mode"]
    )
    if mode is None:
        raise UnknownOperationError("ONNX is not written for symmetric borders.")
    widths = [*whole_numbers(node.input_value(1)), *whole_numbers(node.input_value(2))]
    fill = [graph.input(node, 3)] if node.get_input_size() > 3 and mode == "constant" else []
    return graph.add("Pad", graph.input(node, 0), graph.whole(widths), *fill, mode=mode)


def _resize(graph: OnnxGraph, node: Node) -> str:
    """Interpolate(x, sizes or scales[, axes]), of fixed lengths; the number of pictures stays."""
    settings = node.get_attributes()
    mode = {"nearest": "nearest", "linear": "linear", "linear_onnx": "linear", "cubic": "cubic"}.get(
        settings["mode"]
    )
    where = settings["coordinate_transformation_mode"]
    nearest = settings["nearest_mode"]
    if where == "tf_half_pixel_for_nn":  # ⌊(i + ½) · scale⌋ of the nearest place
        raise UnknownOperationError("ONNX is not written for TensorFlow's half pixels of the nearest place.")
    borders = any(settings["pads_begin"]) or any(settings["pads_end"]) or settings["antialias"]
    if mode is None or borders or nearest == "simple":
        raise UnknownOperationError(
            f"ONNX is not written for the resizing '{settings['mode']}' with these settings."
        )
    before, after = (list(each.get_partial_shape()) for each in (node.input_value(0), node.output(0)))
    # Not the sizes of some axes: ONNX Runtime 1.32 errs where it moves a transposition past them.
    scales = [
        np.float32(1) if one == two else _scale(one.get_length(), two.get_length())
        for one, two in zip(before, after, strict=True)
    ]
    if before == after:
        return graph.input(node, 0)
    return graph.add(
        "Resize",
        graph.input(node, 0),
        "",
        graph.constant(np.array(scales, np.float32)),
        mode=mode,
        coordinate_transformation_mode=where,
        nearest_mode=nearest,
        cubic_coeff_a=settings["cube_coeff"],
    )


def _scale(before: int, after: int) -> np.float32:
    """Return the float32 scale for which ⌊before · scale⌋ is `after`, whether computed in float32 or in float64."""
    scale = np.float32(after / before)
    return scale if before * float(scale) >= after else np.nextafter(scale, np.float32(np.inf))


WINDOW_RULES: dict[str, Rule] = {
    "AvgPool": _average,
    "Convolution": _convolution(grouped=False),
    "ConvolutionBackpropData": _transposed_convolution(grouped=False),
    "GroupConvolution": _convolution(grouped=True),
    "GroupConvolutionBackpropData": _transposed_convolution(grouped=True),
    "Interpolate": _resize,
    "MaxPool": _largest,
    "Pad": _pad,
}
