"""The target layer: which activation is explained, chosen among the calls that were observed."""

from __future__ import annotations

from collections.abc import Sequence

from live_gradcam.errors import LayerError, unknown_name
from live_gradcam.explain.observation import Call

# What they give is a feature map's size or order changed, not a new one: the one before is explained.
_NOT_FEATURES = (
    "AveragePooling2D",
    "Dropout",
    "Identity",
    "InputLayer",
    "MaxPooling2D",
    "Normalization",
    "Permute",
    "Rescaling",
    "Reshape",
    "Resizing",
    "SpatialDropout2D",
    "UpSampling2D",
    "ZeroPadding2D",
    "Cropping2D",
)


def is_feature_map(call: Call) -> bool:
    """Whether a call gave a spatial feature map: (N, h, w, K) floats with more than one place."""
    output = call.output
    shape = getattr(output, "shape", None)
    if shape is None or shape.rank != 4 or not output.dtype.is_floating:
        return False
    height, width = shape[1:3]
    return (height is None or height > 1) or (width is None or width > 1)


def candidates(calls: Sequence[Call]) -> list[Call]:
    """Return the calls whose activation can be explained, in the order they ended.

    Where a model or block returns the very tensor that a layer inside of it gave, the inner one stands for both.
    """
    seen: set[int] = set()
    found = []
    for call in calls:
        if call.depth > 0 and is_feature_map(call) and id(call.output) not in seen:
            seen.add(id(call.output))
            found.append(call)
    return found


def last_feature_map(calls: Sequence[Call], model: str) -> Call:
    """Return the call that is explained when no layer is named: the last that gave a new feature map.

    Pooling, padding, dropout and the like are passed over: VGG16's is `block5_conv3`, not `block5_pool`.

    Raises:
        LayerError: the network has no feature map.
    """
    for call in reversed(candidates(calls)):
        if type(call.layer).__name__ not in _NOT_FEATURES:
            return call
    raise LayerError(
        f"{model} has no layer whose activation is a feature map (height, width, channels): "
        "there is nothing to lay over the picture."
    )


def layer_at(calls: Sequence[Call], path: str, model: str) -> Call:
    """Return the one call of the layer with that path, or whose path ends in it.

    Args:
        calls: what was observed.
        path: such as `block5_conv3` or `base/conv5_block3_out`.
        model: its name, for the message.

    Raises:
        LayerError: there is no such layer, several, or its activation is no feature map.
    """
    matches = [call for call in calls if call.path == path]
    if not matches:
        matches = [call for call in calls if call.depth and call.path.endswith(f"/{path}")]
    if not matches:
        paths = [call.path for call in candidates(calls)]
        raise LayerError(f"{model}: " + unknown_name("layer", path, paths, _last_few(paths)))
    if len({call.path for call in matches}) > 1:
        raise LayerError(
            f"{model} has several layers called '{path}': {', '.join(call.path for call in matches)}. "
            "Give the whole path."
        )
    if len(matches) > 1:
        raise LayerError(
            f"{model} calls layer '{path}' {len(matches)} times, so it has no one activation. "
            f"Name a layer after it: {_last_few([call.path for call in candidates(calls)])}"
        )
    call = matches[0]
    if not is_feature_map(call):
        shape = getattr(call.output, "shape", type(call.output).__name__)
        raise LayerError(
            f"layer '{path}' of {model} gives {shape}, not a feature map (batch, height, width, channels). "
            f"{_last_few([c.path for c in candidates(calls)])}"
        )
    return call


def _last_few(paths: Sequence[str]) -> str:
    return f"The last feature maps: {', '.join(paths[-3:])}." if paths else "It has no feature map at all."
