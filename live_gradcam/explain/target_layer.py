"""The target layer: chooses the explained activation among the recorded layer calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from live_gradcam.errors import LayerError, LiveGradcamError
from live_gradcam.explain.array_types import Operation
from live_gradcam.explain.feature_map import grids
from live_gradcam.explain.layer_calls import LayerCall
from live_gradcam.explain.layer_rows import last_few, whole_path
from live_gradcam.explain.lost_places import has_no_places
from live_gradcam.explain.methods.method import METHODS, method_named
from live_gradcam.models.type_names import Tensor

# These layers change the size or order of a feature map and make no new one. The layer before them is explained.
_NOT_FEATURES = frozenset(
    {
        "AveragePooling2D",
        "Cropping2D",
        "Dropout",
        "Identity",
        "InputLayer",
        "MaxPooling2D",
        "Normalization",
        "Permute",
        "Rescaling",
        "Reshape",
        "Resizing",
        "SlicingOpLambda",
        "SpatialDropout2D",
        "UpSampling2D",
        "ZeroPadding2D",
    }
    # The same, as operations of an imported graph.
    | {"AvgPool", "Cast", "MaxPool", "MaxPoolV2", "MirrorPad", "Pad", "PadV2", "ResizeArea", "ResizeBicubic"}
    | {"ResizeBilinear", "ResizeNearestNeighbor", "SpaceToBatchND", "StridedSlice", "Transpose"}
)


def is_feature_map(call: LayerCall) -> bool:
    """Return whether a call's output is a feature map: (N, h, w, K) floats with more than one place."""
    output = call.output
    shape = getattr(output, "shape", None)
    if shape is None or getattr(shape, "rank", None) != 4 or not output.dtype.is_floating:
        return False
    height, width = shape[1:3]
    return ((height is None or height > 1) or (width is None or width > 1)) and not _has_heads(call)


def _has_heads(call: LayerCall) -> bool:
    """Whether a call makes the queries, keys or values of tokens: (N, T, heads, K) of (N, T, K)."""
    if call.kind != "EinsumDense":
        return False
    before, _, after = str(call.layer.equation).partition("->")
    return len(after) > len(before.partition(",")[0])


def _is_cut_into_heads(call: LayerCall) -> bool:
    """Whether a call makes the queries, keys and values of tokens in one: (N, T, 3 K) that is only cut into parts."""
    tensor = call.output
    users = _users(tensor)
    while len(users) == 1 and users[0].type == "BiasAdd":
        tensor = users[0].outputs[0]
        users = _users(tensor)
    return bool(users) and all(
        user.type in ("Split", "SplitV")
        or (
            user.type == "Reshape"
            and user.outputs[0].shape.rank > tensor.shape.rank
            and user.outputs[0].shape[1] == tensor.shape[1]
        )
        for user in users
    )


def _users(tensor: Tensor) -> list[Operation]:
    """Return the operations that take a tensor's numbers."""
    return [user for user in tensor.consumers() if user.type != "Shape"]


def could_be_tokens(call: LayerCall, input_size: tuple[int, int]) -> bool:
    """Return whether a call's output (N, T, K) has as many steps as tokens on a grid over the picture.

    One number a step is a weight or score of the token, such as those by which tokens are pooled, and no feature.
    """
    output = call.output
    shape = getattr(output, "shape", None)
    if shape is None or getattr(shape, "rank", None) != 3 or not output.dtype.is_floating:
        return False
    if shape[2] == 1:
        return False
    return shape[1] is not None and next(grids(shape[1], input_size), None) is not None


def candidates(calls: Sequence[LayerCall], input_size: tuple[int, int]) -> list[LayerCall]:
    """Return the calls whose activation can be explained, in the order in which they ended.

    If a model or block returns the output tensor of a layer inside it, only the inner call counts. A layer that is
    called more than once has several activations and is left out.
    """
    times = Counter(call.path for call in calls)
    seen: set[int] = set()
    found = []
    for call in calls:
        if call.depth == 0 or id(call.output) in seen or times[call.path] > 1:
            continue
        if is_feature_map(call) or could_be_tokens(call, input_size):
            seen.add(id(call.output))
            found.append(call)
    return [call for call in found if call.output.shape.rank != 3 or not has_no_places(call.output)]


def leading_to(output: Tensor, calls: Sequence[LayerCall]) -> list[LayerCall]:
    """Return the calls whose tensor the output is computed from, in the same graph.

    Args:
        output: the model's output.
        calls: recorded calls, each with a tensor as its output.
    """
    names: set[str] = set()
    waiting = [output.op]
    while waiting:
        operation = waiting.pop()
        if operation.name not in names:
            names.add(operation.name)
            waiting += [tensor.op for tensor in operation.inputs]
    return [call for call in calls if call.output.graph is output.graph and call.output.op.name in names]


def automatic(
    calls: Sequence[LayerCall], output: Tensor, scores: Tensor | None, input_size: tuple[int, int], model: str
) -> list[LayerCall]:
    """Return the calls that can be explained if no layer is named, the best first.

    The best is the last call that made a new feature map. Pooling, padding, dropout and the like are skipped (VGG16's
    layer is `block5_conv3`, not `block5_pool`), and so is the output itself (the class maps of a segmentation network).
    Feature maps come before tokens, unless the tokens come after the last feature map. Layers that the output does not
    depend on, such as those of another output's branch, are left out.

    Args:
        calls: the recorded layer calls.
        output: the model's output.
        scores: the scores that are differentiated; None for a score function of the user's.
        input_size: (height, width) of the network's input.
        model: the model's name, for the message.

    Raises:
        LayerError: the network has no feature map.
    """
    answers = {id(output), id(scores)}
    classes = scores.shape[-1] if scores is not None and scores.shape.rank == 4 else None
    usable = [
        call
        for call in leading_to(output, candidates(calls, input_size))
        if call.kind not in _NOT_FEATURES
        and id(call.output) not in answers
        and not (call.output.shape.rank == 3 and _is_cut_into_heads(call))
        and not (classes is not None and call.output.shape[-1] == classes)
    ]
    ordered = usable[::-1]
    found = [call for call in ordered if call.output.shape.rank == 4]
    tokens = [call for call in ordered if call.output.shape.rank == 3]
    # The patch embedding of a vision transformer is a convolution: its first layer and only feature map. The tokens
    # that come after it are explained.
    if tokens and (not found or calls.index(tokens[0]) > calls.index(found[0])):
        return tokens + found
    if not found:
        *others, last = (name for name in METHODS if not method_named(name).needs_layer)
        raise LayerError(
            f"{model} has no layer whose activation is a feature map (height, width, channels) or tokens on a "
            f"grid. Methods that map the pixels need none: --method {', '.join(others)} or {last}."
        )
    return found


def layer_at(calls: Sequence[LayerCall], path: str, input_size: tuple[int, int], model: str) -> LayerCall:
    """Return the call of the layer that has a path, or whose path ends in it.

    Args:
        calls: the recorded layer calls.
        path: such as `block5_conv3` or `base/conv5_block3_out`.
        input_size: (height, width) of the network's input.
        model: the model's name, for the message.

    Raises:
        LayerError: there is no such layer, there are several, or it is called more than once.
    """
    usable = [call.path for call in candidates(calls, input_size)]
    called = whole_path(path, [call.path for call in calls if call.depth], usable, model)
    matches = [call for call in calls if call.path == called and call.depth]
    if len(matches) > 1:
        raise LayerError(
            f"{model} calls layer '{path}' {len(matches)} times, so it has no one activation. "
            f"Name another. {last_few(usable)}"
        )
    return matches[0]


def check_reachable(call: LayerCall, output: Tensor, model: str) -> None:
    """Make sure that a layer's activation is part of the traced graph.

    Raises:
        LayerError: its output is no tensor, or a tensor inside a function that was compiled on its own.
    """
    if not hasattr(call.output, "graph"):
        raise LayerError(
            f"layer '{call.path}' of {model} gives {type(call.output).__name__}, not one tensor."
        )
    if call.output.graph is not output.graph:
        raise LayerError(
            f"layer '{call.path}' of {model} runs inside a compiled function, where its activation cannot be "
            "reached. Name a layer outside of it, or remove the @tf.function."
        )


def not_between(path: str, model: str) -> LiveGradcamError:
    """Return the error for a layer that the score does not depend on."""
    return LayerError(f"layer '{path}' of {model} does not lie between the picture and the score.")
