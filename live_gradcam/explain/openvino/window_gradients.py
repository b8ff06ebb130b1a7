"""Gradients of convolutions and poolings, which OpenVINO's frontend lacks or gets wrong for groups of channels.

The rules and their arguments are explained in `gradient_rules`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from live_gradcam.errors import ModelError
from live_gradcam.explain.openvino.nodes import Node, Ops, Rule, Value, whole_numbers


def _depthwise_convolution(ops: Ops, node: Node) -> Value:
    """DepthwiseConv2dNativeBackpropInput(input_sizes, filter (kh, kw, C, M), dy)."""
    filters = node.get_input(1)
    height, width, channels, times = filters.get_partial_shape().to_shape()
    by_channel = ops.transpose(filters, np.array([2, 3, 0, 1]))  # (C, M, kh, kw)
    filters = ops.reshape(by_channel, np.array([channels, times, 1, height, width]), special_zero=False)
    window = _Window(node, (height, width), node.get_attribute("dilations", [1, 1, 1, 1]))
    return window.spread(ops, filters, node.get_input(2))


def _convolution(ops: Ops, node: Node) -> Value:
    """Conv2DBackpropInput(input_sizes, filter (kh, kw, C / G, M), dy) for G groups of channels.

    OpenVINO has a rule of its own, which ignores groups.
    """
    filters = node.get_input(1)
    height, width, each, times = filters.get_partial_shape().to_shape()
    groups = whole_numbers(node.get_input(0))[3] // each
    by_channel = ops.transpose(filters, np.array([3, 2, 0, 1]))
    shape = np.array([groups, times // groups, each, height, width])
    window = _Window(node, (height, width), node.get_attribute("dilations", [1, 1, 1, 1]))
    return window.spread(ops, ops.reshape(by_channel, shape, special_zero=False), node.get_input(2))


def _average_pooling(ops: Ops, node: Node) -> Value:
    """AvgPoolGrad(input_sizes, dy): each dy, in equal parts, to the inputs of its window that lie on the picture."""
    dy = node.get_input(1)
    height, width = node.get_attribute("ksize")[1:3]
    window = _Window(node, (height, width))
    number = dy.get_element_type().to_dtype()
    share = ops.divide(dy, ops.constant(window.counts()[None, :, :, None].astype(number)))
    channels = whole_numbers(node.get_input(0))[3]
    ones = ops.constant(np.ones((channels, 1, 1, height, width), number))
    return window.spread(ops, ones, share.output(0))


def _largest_pooling(ops: Ops, node: Node) -> Value:
    """MaxPoolGrad(x, y, dy): each dy to the first of the largest inputs of its window."""
    x, dy = node.get_input(0), node.get_input(2)
    shape = x.get_partial_shape().to_shape()
    size = tuple(node.get_attribute("ksize")[1:3])
    window = _Window(node, size, input_size=tuple(shape[1:3]))
    to_front, to_back = np.array([0, 3, 1, 2]), np.array([0, 2, 3, 1])
    pooled = ops.max_pool(
        ops.transpose(x, to_front), list(window.strides), [1, 1], window.begin, window.end, list(size), axis=2
    )
    batch, height, width, channels = shape
    flat = np.array([batch, channels, -1])
    places = ops.reshape(pooled.output(1), flat, special_zero=False)
    values = ops.reshape(ops.transpose(dy, to_front), flat, special_zero=False)
    zeros = ops.constant(np.zeros((batch, channels, height * width), dy.get_element_type().to_dtype()))
    added = ops.scatter_elements_update(zeros, places, values, 2, reduction="sum", use_init_val=True)
    whole = ops.reshape(added, np.array([batch, channels, height, width]), special_zero=False)
    return ops.transpose(whole, to_back)


class _Window:
    """The windows of a convolution or pooling of (N, H, W, C) tensors with fixed shapes.

    Args:
        node: the node of the gradient, whose first input is the shape of the operation's input.
        size: (height, width) of a window.
        dilations: of the window, for each axis.
        input_size: (height, width) of the operation's input; None: the node's first input has it.
    """

    def __init__(
        self,
        node: Node,
        size: tuple[int, int],
        dilations: Sequence[int] = (1, 1, 1, 1),
        *,
        input_size: tuple[int, int] | None = None,
    ) -> None:
        if node.get_attribute("data_format", "NHWC") != "NHWC":
            raise ModelError("gradients of operations with channels first have no rule.")
        self.strides = tuple(int(each) for each in node.get_attribute("strides")[1:3])
        self._dilations = tuple(int(each) for each in dilations[1:3])
        self._reach = tuple((k - 1) * d + 1 for k, d in zip(size, self._dilations, strict=True))
        same = node.get_attribute("padding") == "SAME"
        if node.get_attribute("padding") == "EXPLICIT":
            raise ModelError("gradients of operations with explicit padding have no rule.")
        if input_size is None:
            input_size = whole_numbers(node.get_input(0))[1], whole_numbers(node.get_input(0))[2]
        self._input = input_size
        along = list(zip(input_size, self.strides, self._reach, strict=True))
        self._output = [-(-given // s) if same else (given - reach) // s + 1 for given, s, reach in along]
        padding = [
            max((out - 1) * s + reach - given, 0) if same else 0
            for out, (given, s, reach) in zip(self._output, along, strict=True)
        ]
        self.begin = [each // 2 for each in padding]
        """Padding before the input, (height, width), as TensorFlow pads."""
        self.end = [each - each // 2 for each in padding]
        """Padding after it."""

    def counts(self) -> npt.NDArray[np.int64]:
        """Return for each window how many of its places lie on the input, (h, w)."""
        sides = []
        for number, given in enumerate(self._input):
            first = np.arange(self._output[number]) * self.strides[number] - self.begin[number]
            sides.append(np.minimum(first + self._reach[number], given) - np.maximum(first, 0))
        return np.outer(*sides)

    def spread(self, ops: Ops, filters: Value, dy: Value) -> Value:
        """Return the gradient of the input.

        Args:
            ops: OpenVINO's operations.
            filters: (G, M, C, kh, kw) for G groups, each from C channels to M.
            dy: (N, h, w, G·M).

        Returns:
            (N, H, W, G·C).
        """
        missing = [
            given - ((out - 1) * s + reach - begin - end)
            for given, out, s, reach, begin, end in zip(
                self._input, self._output, self.strides, self._reach, self.begin, self.end, strict=True
            )
        ]
        groups, *whole = filters.get_output_partial_shape(0).to_shape()
        alone = groups == 1
        gradient = (ops.convolution_backprop_data if alone else ops.group_convolution_backprop_data)(
            ops.transpose(dy, np.array([0, 3, 1, 2])),
            ops.reshape(filters, np.array(list(whole)), special_zero=False) if alone else filters,
            strides=list(self.strides),
            pads_begin=self.begin,
            pads_end=self.end,
            dilations=list(self._dilations),
            output_padding=missing,
        )
        return ops.transpose(gradient, np.array([0, 2, 3, 1]))


WINDOW_RULES: dict[str, Rule] = {
    "DepthwiseConv2dNativeBackpropInput": _depthwise_convolution,
    "Conv2DBackpropInput": _convolution,
    "AvgPoolGrad": _average_pooling,
    "MaxPoolGrad": _largest_pooling,
}
