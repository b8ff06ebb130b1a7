"""Finds out which preprocessing a network expects."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import keras
import numpy as np

from live_gradcam.models import zoo
from live_gradcam.models.graph_network import GraphNetwork
from live_gradcam.models.preprocessing import Preprocessing, preprocessing_named
from live_gradcam.models.type_names import Array, KerasTensor, Layer, Network, Operation, Shape, Tensor

logger = logging.getLogger(__name__)

_SCALING = ("Normalization", "Rescaling")

_FIRST_LAYERS: tuple[tuple[str, str], ...] = (
    ("imagenet-caffe", "block1_conv1 block1_conv2 block1_pool block2_conv2"),  # VGG
    ("imagenet-caffe", "conv1_pad conv1_conv conv2_block1_3_bn"),  # ResNet
    ("tf", "conv1_pad conv1_conv conv2_block1_preact_bn"),  # ResNetV2
    ("tf", "conv1 conv1_bn conv_dw_1 conv_pw_1"),  # MobileNet
    ("tf", "Conv1 bn_Conv1 expanded_conv_depthwise"),  # MobileNetV2
    ("tf", "conv conv_bn expanded_conv_depthwise"),  # MobileNetV3 without its own scaling
    ("torch", "conv1_conv conv2_block1_0_bn conv2_block1_concat"),  # DenseNet
    ("tf", "mixed0 mixed1"),  # Inception V3
    ("tf", "mixed_5b"),  # Inception-ResNet V2
    ("tf", "block1_conv1_bn block2_sepconv1"),  # Xception
    ("tf", "stem_conv1 stem_bn1"),  # NASNet
    ("tf", "stem_conv stem_bn block1a_project_conv"),  # EfficientNetV2 without its own scaling
    *(("tf", f"MobilenetV{version}") for version in (1, 2, 3)),  # the names of TF-Slim from here on
    *(("tf", f"InceptionV{version}") for version in (1, 2, 3, 4)),
    ("tf", "InceptionResnetV2"),
    *(("tf", f"resnet_v2_{depth}") for depth in (50, 101, 152)),
)
"""Preprocessing, and names of the first layers of one family of networks. A network that a user builds on
`base.output` keeps these names, and nothing else tells what the base was."""


def preprocessing_of(
    network: Network, picture: KerasTensor, name: str, *, is_own_head: bool = True
) -> Preprocessing:
    """Return the preprocessing of a network, and warn where it is a guess.

    The first of these that applies decides: the network's own scaling before its first weights (a `Rescaling` layer,
    or `preprocess_input` called on its input, at any depth); the preprocessing that the `keras.applications` network
    inside it was trained with; [0, 1]. The last is a guess. So is the one before for a head of the user's own, because
    many are trained on [0, 1].

    Args:
        network: a `keras.Model`.
        picture: its symbolic input that takes the picture; None where it has none.
        name: name of the model, for the warning.
        is_own_head: whether it has other classes than ImageNet's, so that the user trained at least its last layer.
    """
    if picture is not None and not picture.dtype.startswith(("float", "bfloat")):
        return preprocessing_named("none")
    found = scaling_inside(network, picture)
    if found is None:
        found = application_scaling(network)
        if found is not None and is_own_head:
            logger.warning(
                "%s: pixels are scaled as the keras.applications network in it was trained ('%s'), a guess. If it was "
                "trained on 0 to 1, add --preprocess unit; on 0 to 255, --preprocess none.",
                name,
                found,
            )
        elif found is not None:
            logger.info("%s: scaling pixels as '%s', as the keras.applications network in it", name, found)
    if found is None:
        logger.warning(
            "%s: pixels are scaled to 0 to 1, a guess. If it was trained on 0 to 255, add --preprocess none; on -1 to "
            "1, --preprocess tf.",
            name,
        )
        found = "unit"
    return preprocessing_named(found)


def application_scaling(network: Network) -> str | None:
    """Return the preprocessing of the `keras.applications` network that this one is or contains; None if none."""
    layers = list(network._flatten_layers())
    names = {layer.name for layer in layers}
    if isinstance(network, GraphNetwork):
        names |= network.graph.scopes
    found = {scaling for scaling, marks in _FIRST_LAYERS if names.issuperset(marks.split())}
    for layer in layers:
        entry = zoo.entry_of(layer.name) if isinstance(layer, keras.Model) else None
        if entry is not None and entry.preprocessing != "none":
            found.add(entry.preprocessing)
        elif entry is not None:  # this network usually scales pixels itself, but was built without that
            found.add("torch" if str(entry.builder).startswith("ConvNeXt") else "tf")
    return found.pop() if len(found) == 1 else None


def scaling_inside(network: Layer, picture: KerasTensor = None) -> str | None:
    """Return `none` for a network that scales [0, 255] before its first weights, `unit` for one that scales [0, 1].

    None where it does not scale the pixels.
    """
    if isinstance(network, GraphNetwork):
        return _range_of(network.front, tuple(picture.shape[1:]))
    graph = getattr(network, "_functional", None) or network  # a Sequential keeps its graph there
    if not hasattr(graph, "_nodes_by_depth"):
        return next(filter(None, map(_range_of, _scaling_layers(network))), None)
    picture = graph.inputs[0] if picture is None else picture
    entrance, learner = _first_weights(graph, picture)
    if entrance is None:
        return None
    if entrance is not picture:
        found = _range_of(keras.Model(picture, entrance), picture.shape[1:])
        if found is not None:
            return found
    return scaling_inside(learner)


def _first_weights(graph: KerasTensor, picture: KerasTensor) -> tuple[KerasTensor, Operation]:
    """Return the input of the first layer with trained weights that the picture reaches, and that layer.

    Keras has no public way to follow a graph, and the `input` of a layer fails where the layer is called several times.
    """
    reached = {id(picture)}
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            given = [tensor for tensor in node.input_tensors if id(tensor) in reached]
            if given and _learns(node.operation):
                return given[0], node.operation
            if given:
                reached.update(map(id, node.output_tensors))
    return None, None


def _learns(operation: Operation) -> bool:
    if not isinstance(operation, keras.layers.Layer):
        return False
    known = {id(weight) for layer in _scaling_layers(operation) for weight in layer.weights}
    return any(id(weight) not in known for weight in operation.weights)


def _scaling_layers(layer: Layer) -> list[Layer]:
    """Return the `Rescaling` and `Normalization` layers in a layer or network, including itself."""
    if not isinstance(layer, keras.layers.Layer):
        return []
    return [each for each in layer._flatten_layers() if type(each).__name__ in _SCALING]


def _range_of(function: Callable[[Array], Tensor], shape: Shape = (1, 1, 3)) -> str | None:
    """Return the range of pixels that a scaling is made for, from its results for black and white.

    A scaling with a small slope or a large offset is made for [0, 255] (x/127.5 − 1, x − 123); any other for [0, 1]
    (2x − 1, (x − 0.45) / 0.22).

    Args:
        function: the scaling.
        shape: (H, W, channels) of its input.

    Returns:
        `none` for [0, 255], `unit` for [0, 1]; None where it does not scale, or cannot run alone.
    """
    lengths = [length or 32 for length in shape]
    try:
        with keras.StatelessScope():  # random layers count their calls; this call must not count
            # The median, because padding stays black.
            black, white = (
                float(np.median(np.asarray(function(np.full((1, *lengths), value, np.float32)), np.float64)))
                for value in (0.0, 255.0)
            )
    except Exception as error:
        logger.debug("the operations before the first weights cannot run alone: %s", error)
        return None
    slope = (white - black) / 255.0
    if not math.isfinite(slope) or abs(slope) < 1e-9 or (abs(slope - 1) < 1e-3 and abs(black) < 1e-3):
        return None
    return "none" if abs(slope) < 0.5 or abs(black / slope) > 2 else "unit"
