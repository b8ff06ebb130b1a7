"""A network in PyTorch with the structure and the weights of one in Keras: what pytorch-grad-cam explains.

PyTorch is not among the project's requirements: scripts/peers.py installs it, in an environment of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch  # type: ignore[import-not-found] # not there where mypy runs

Array = npt.NDArray[Any]

_ACTIVATIONS = {
    "linear": torch.nn.Identity,
    "relu": lambda: torch.nn.ReLU(inplace=True),
    "relu6": lambda: torch.nn.ReLU6(inplace=True),
    "softmax": torch.nn.Identity,  # the peer explains logits, as we do
    "softplus": torch.nn.Softplus,
    "tanh": torch.nn.Tanh,
}


class SamePadding(torch.nn.Module):  # type: ignore[misc] # PyTorch's types are not there
    """Pads as TensorFlow's `same` does, which under a stride puts the odd row below and the odd column to the right."""

    def __init__(self, kernel: tuple[int, int], stride: tuple[int, int]) -> None:
        super().__init__()
        self.kernel = kernel
        self.stride = stride

    def forward(self, x: Any) -> Any:
        sides: list[int] = []
        for size, kernel, stride in zip(x.shape[2:], self.kernel, self.stride, strict=True):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            sides = [total // 2, total - total // 2, *sides]  # PyTorch wants the last axis first
        return torch.nn.functional.pad(x, sides)


class Flatten(torch.nn.Module):  # type: ignore[misc] # PyTorch's types are not there
    """Flattens in the order of Keras, channels last."""

    def forward(self, x: Any) -> Any:
        return x.permute(0, 2, 3, 1).flatten(1)


class Sum(torch.nn.Module):  # type: ignore[misc] # PyTorch's types are not there
    """Adds two tensors."""

    def forward(self, x: Any, y: Any) -> Any:
        return x + y


class Twin(torch.nn.Module):  # type: ignore[misc] # PyTorch's types are not there
    """What a Functional network computes, up to the softmax, with a copy of its weights; NCHW."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleDict()
        self.activations = torch.nn.ModuleDict()
        """The activation of each layer by name: what is explained, for in Keras it is part of the layer."""
        self._inputs: dict[str, list[str]] = {}
        for layer in network.layers[1:]:
            given = layer.input if isinstance(layer.input, list) else [layer.input]
            self._inputs[layer.name] = [tensor._keras_history.operation.name for tensor in given]
            self.layers[layer.name] = _module(layer)
            activation = getattr(layer, "activation", None)
            self.activations[layer.name] = _ACTIVATIONS[activation.__name__ if activation else "linear"]()
        self._first = network.layers[0].name
        self._last_uses = {each: name for name, inputs in self._inputs.items() for each in inputs}
        self.eval()

    def forward(self, x: Any) -> Any:
        """Return logits, (N, C), for pictures (N, 3, H, W)."""
        found = {self._first: x}
        for name, inputs in self._inputs.items():
            x = self.layers[name](*(found[each] for each in inputs))
            found[name] = x = self.activations[name](x)
            for each in inputs:
                if self._last_uses[each] == name:
                    del found[each]  # as local variables would be: memory counts where speed is measured
        return x


def _module(layer: Any) -> Any:
    """Return the PyTorch module of a Keras layer, without its activation."""
    kind = type(layer).__name__
    if kind in ("Conv2D", "DepthwiseConv2D"):
        kernel, bias = layer.get_weights()
        depthwise = kind == "DepthwiseConv2D"
        rows, columns, before, _ = kernel.shape
        filters = before if depthwise else kernel.shape[3]
        symmetric = layer.padding == "same" and layer.strides == (1, 1)
        module = torch.nn.Conv2d(
            before,
            filters,
            (rows, columns),
            layer.strides,
            padding=(rows // 2, columns // 2) if symmetric else 0,
            groups=before if depthwise else 1,
        )
        _set(module, kernel.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1)), bias)
        if layer.padding == "same" and not symmetric:
            return torch.nn.Sequential(SamePadding((rows, columns), layer.strides), module)
        return module
    if kind == "Dense":
        kernel, bias = layer.get_weights()
        module = torch.nn.Linear(*kernel.shape)
        _set(module, kernel.T, bias)
        return module
    if kind == "GlobalAveragePooling2D":
        return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    return {"Flatten": Flatten, "Add": Sum}[kind]()


def _set(module: Any, weight: Array, bias: Array) -> None:
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
        module.bias.copy_(torch.from_numpy(bias))


def as_input(pixels: Array) -> Any:
    """Return pictures (N, H, W, 3) as PyTorch takes them, (N, 3, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))


def derivatives(twin: Twin, layer: str, pixels: Array, target: int | Array) -> tuple[Array, Array, float]:
    """Return A, ∂y/∂A and y in float64 for one picture.

    Args:
        twin: changed to float64.
        layer: whose activation A is.
        pixels: (1, H, W, 3).
        target: a class, or a row of class weights: y = Σ_c row_c · y^c.

    Returns:
        A and ∂y/∂A, (h, w, K), and y.
    """
    twin.double()
    kept = []
    hook = twin.activations[layer].register_forward_hook(lambda _, __, output: kept.append(output))
    try:
        logits = twin(as_input(pixels.astype(np.float64)))[0]
    finally:
        hook.remove()
    row = np.eye(len(logits))[target] if isinstance(target, int) else target
    score = (logits * torch.from_numpy(row)).sum()
    (gradient,) = torch.autograd.grad(score, kept[0])
    activation, slope = (np.asarray(t.detach()[0].permute(1, 2, 0)) for t in (kept[0], gradient))
    return activation, slope, float(score.detach())


def scores(twin: Twin, pixels: Array, target: int) -> Array:
    """Return y^c in float64, (N,), for pictures (N, H, W, 3)."""
    twin.double()
    with torch.no_grad():
        return np.asarray(twin(as_input(pixels.astype(np.float64)))[:, target])


def scores_from(twin: Twin, layer: str, pixels: Array, features: Array, target: int) -> Array:
    """Return y^c in float64, (N,), with the layer's activation for `pixels` replaced by `features` (N, h, w, K)."""
    twin.double()
    replacement = as_input(features.astype(np.float64))
    hook = twin.activations[layer].register_forward_hook(lambda *_: replacement)
    try:
        return scores(twin, np.repeat(pixels, len(features), axis=0), target)
    finally:
        hook.remove()


def raw_map(cam: Any, pixels: Array, target: int | None, **options: Any) -> Array:
    """Return a pytorch-grad-cam map, (h, w), before its ReLU, its division by the maximum, and its resizing.

    Args:
        cam: an object of that library's classes.
        pixels: (1, H, W, 3).
        target: a class; None for the most probable.
        options: what the object takes when it is called.
    """
    from pytorch_grad_cam.utils.model_targets import (  # type: ignore[import-not-found] # not there where mypy runs
        ClassifierOutputTarget,
    )

    inner = getattr(cam, "base_cam", cam)  # FinerCAM wraps another
    kept: list[Array] = []
    original = inner.get_cam_image

    def keep(*arguments: Any, **named: Any) -> Any:
        kept.append(original(*arguments, **named))
        return kept[-1]

    inner.get_cam_image = keep
    try:
        cam(
            as_input(pixels.astype(np.float32)),
            None if target is None else [ClassifierOutputTarget(target)],
            **options,
        )
    finally:
        inner.get_cam_image = original
    (found,) = kept
    return np.asarray(found[0])
