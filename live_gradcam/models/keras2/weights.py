"""Gives a rebuilt network the weights that Keras 2 stored, in HDF5 by order or in a zip by place."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import keras
import numpy as np

from live_gradcam.errors import ModelError
from live_gradcam.models.keras2.keras1 import kernel_from, with_gates_joined
from live_gradcam.models.keras2.stored_layer import StoredLayer
from live_gradcam.models.untyped import Array, HDF5Group, Layer, Variable

Entry = tuple[str, Array]
"""Name of a stored weight, such as `conv1/bn/gamma:0`, and its value."""

_IGNORED = frozenset(
    {"count", "StateVar", "seed_generator_state", "renorm_mean", "renorm_stddev", "renorm_mean_weight"}
    | {"renorm_stddev_weight"}
)
"""Weights that play no part in predictions and that Keras 3 does not have."""

_NEVER_TRAINED = frozenset(
    {"count", "mean", "moving_mean", "moving_variance", "sn_u", "variance", "vector_u"}
)
"""Weights that are statistics."""

_OTHER_NAMES: Mapping[str, frozenset[str]] = {
    "bias": frozenset({"b"}),
    "depthwise_kernel": frozenset({"kernel"}),
    "kernel": frozenset({"W", "depthwise_kernel"}),
    "moving_mean": frozenset({"running_mean"}),
    "moving_variance": frozenset({"running_std"}),
}
"""Name of a weight in Keras 3 → its other names in old files."""

_KNOWN = frozenset({"beta", "bias", "gamma", "kernel", "moving_mean", "moving_variance", "recurrent_kernel"})
"""Names of weights that mean the same in all versions."""


def set_hdf5_weights(
    network: StoredLayer,
    group: HDF5Group,
    *,
    of_keras_1: bool = False,
    mirrored: bool = False,
) -> None:
    """Set weights from the group that Keras 2 wrote with `save` to HDF5: a list for each layer of the network.

    Args:
        network: what they belong to.
        group: `model_weights`, or the file itself where it holds weights only.
        of_keras_1: whether Keras 1 wrote it, which orders the axes of kernels in other ways.
        mirrored: whether Theano computed with it, which turns kernels by half a turn.

    Raises:
        ModelError: they do not fit the network.
    """
    stored = [(name, _entries(group, name)) for name in _attribute(group, "layer_names")]
    stored = [(name, entries) for name, entries in stored if entries]
    parts = [
        part for part in network.parts or (network,) if any(leaf.layer.weights for leaf in part.leaves())
    ]
    by_name = dict(stored)
    if set(by_name) != {part.name for part in parts} and len(stored) != len(parts):
        raise ModelError(
            f"the file's weights do not fit its network: {len(parts)} of its layers have weights, and the file has "
            f"those of {len(stored)}. Save the model again."
        )
    for place, part in enumerate(parts):
        entries = by_name[part.name] if part.name in by_name else stored[place][1]
        _assign(part, entries, of_keras_1=of_keras_1)
    if mirrored:
        _turn_kernels(network)
    _finish(network)


def set_zip_weights(network: StoredLayer, file: HDF5Group) -> None:
    """Set weights from `model.weights.h5` of a `.keras` file: a group of numbered weights for each layer.

    Args:
        network: what they belong to.
        file: that file.

    Raises:
        ModelError: they do not fit the network.
    """
    groups: dict[str, dict[int, Array]] = defaultdict(dict)

    def collect(path: str, item: HDF5Group) -> None:
        home, _, number = path.replace("\\", "/").rpartition("/")
        if hasattr(item, "shape") and number.isdecimal() and home.rpartition("/")[2] == "vars":
            groups[home.removesuffix("vars").rstrip("/")][int(number)] = np.asarray(item)
        elif not hasattr(item, "shape") and number == "vars":
            groups.setdefault(home, {})

    file.visititems(collect)
    for path in list(groups):
        for end in range(len(path)):
            if path[end] == "/":
                groups.setdefault(path[:end], {})
    done: set[int] = set()
    for leaf, place in _places(network, "", groups):
        _set_one(leaf, leaf.layer, place, groups, done)
        missing = [each.path for each in leaf.layer.weights if id(each) not in done]
        if missing:
            raise ModelError(f"the file holds no weights '{missing[0]}'. Save the model again.")
    _finish(network)


def _assign(part: StoredLayer, entries: Sequence[Entry], *, of_keras_1: bool = False) -> None:
    """Set the weights of one layer, or of all layers of one network."""
    wanted = [
        (leaf, variable)
        for learning in (True, False)
        for leaf in part.leaves()
        for variable in _variables(leaf, learning)
    ]
    names = {variable.name for _, variable in wanted}
    entries = [each for each in entries if _last(each[0]) not in _IGNORED - names]
    if of_keras_1:
        entries = with_gates_joined(entries)
        if len(entries) == len(wanted):
            entries = [
                (name, kernel_from(leaf, variable.name, value))
                for (leaf, variable), (name, value) in zip(wanted, entries, strict=True)
            ]
    entries = _without_cudnn(entries)
    matched = _by_name(wanted, entries) or _in_order(wanted, entries)
    if matched is None:
        have = ", ".join(f"{name} {value.shape}" for name, value in entries[:3])
        raise ModelError(
            f"the weights of '{part.name}' do not fit it: it has {len(wanted)}, and the file has {len(entries)}"
            f"{f' ({have}, …)' if have else ''}. Save the model again."
        )
    for (_, variable), value in zip(wanted, matched, strict=True):
        variable.assign(value)


def _turn_kernels(network: StoredLayer) -> None:
    """Turn the kernels of all convolutions by half a turn: Theano convolves where TensorFlow correlates."""
    for leaf in network.leaves():
        sides = getattr(leaf.layer, "rank", 2 if "ConvLSTM2D" in leaf.class_name else 0)
        for variable in leaf.layer.weights:
            if (
                variable.name in ("kernel", "depthwise_kernel", "recurrent_kernel")
                and len(variable.shape) == sides + 2
            ):
                variable.assign(np.flip(np.asarray(variable), axis=tuple(range(sides))))


def _variables(leaf: StoredLayer, learning: bool) -> list[Variable]:
    """Return the variables of a layer that Keras 2 listed among the trainable ones, or among the others."""
    trained = [each for each in leaf.layer.weights if each.name not in _NEVER_TRAINED]
    others = [each for each in leaf.layer.weights if each.name in _NEVER_TRAINED]
    if leaf.trainable:
        return trained if learning else others
    return [] if learning else trained + others


def _in_order(wanted: Sequence[tuple[StoredLayer, Variable]], entries: Sequence[Entry]) -> list[Array] | None:
    """Return the values where they fit one by one: in shape, and in name where the names are Keras 2's."""
    if len(wanted) != len(entries):
        return None
    for (_, variable), (name, value) in zip(wanted, entries, strict=True):
        if tuple(variable.shape) != value.shape or not _same(variable.name, _last(name)):
            return None
    return [value for _, value in entries]


def _same(name: str, stored: str) -> bool:
    """Whether a weight's name in the file may mean the variable of that name; a name of another kind may."""
    stem = re.sub(r"_\d+$", "", stored)
    other = _OTHER_NAMES.get(name, frozenset())
    return name in (stored, stem) or bool({stem, stem.rpartition("_")[2]} & other) or stem not in _KNOWN


def _by_name(wanted: Sequence[tuple[StoredLayer, Variable]], entries: Sequence[Entry]) -> list[Array] | None:
    """Return the values by the names of their layers, where each is found once."""
    if len(wanted) != len(entries):
        return None
    by_ending: dict[str, list[Array]] = defaultdict(list)
    for name, value in entries:
        parts = name.partition(":")[0].split("/")
        for start in range(len(parts)):
            by_ending["/".join(parts[start:])].append(value)
    values = []
    for leaf, variable in wanted:
        found = by_ending.get(f"{leaf.name}/{variable.name}", [])
        if len(found) != 1 or found[0].shape != tuple(variable.shape):
            return None
        values += found
    return values


def _without_cudnn(entries: Sequence[Entry]) -> list[Entry]:
    """Return weights with those of CuDNNLSTM and CuDNNGRU as LSTM and GRU(reset_after=True) have them."""
    entries = list(entries)
    for place in range(len(entries) - 2):
        (kernel_name, kernel), (name, recurrent), (bias_name, bias) = entries[place : place + 3]
        if [_last(kernel_name), _last(name), _last(bias_name)] != ["kernel", "recurrent_kernel", "bias"]:
            continue
        gates = recurrent.shape[1] // recurrent.shape[0] if recurrent.ndim == 2 else 0
        if gates not in (3, 4) or bias.shape != (2 * recurrent.shape[1],):
            continue
        kernel = np.hstack([each.T.reshape(each.shape, order="F") for each in np.hsplit(kernel, gates)])
        recurrent = np.hstack([each.T for each in np.hsplit(recurrent, gates)])
        bias = bias.reshape(2, -1) if gates == 3 else bias.reshape(2, -1).sum(axis=0)
        entries[place : place + 3] = [(kernel_name, kernel), (name, recurrent), (bias_name, bias)]
    return entries


def _last(name: str) -> str:
    return name.rpartition("/")[2].partition(":")[0]


def _attribute(group: HDF5Group, name: str) -> list[str]:
    """Return a list that Keras keeps in one attribute, or in several where it is long."""
    parts = [group.attrs[name]] if name in group.attrs else []
    while f"{name}{len(parts)}" in group.attrs and name not in group.attrs:
        parts.append(group.attrs[f"{name}{len(parts)}"])
    return [each.decode() if isinstance(each, bytes) else str(each) for part in parts for each in part]


def _entries(group: HDF5Group, layer: str) -> list[Entry]:
    inner = group[layer]
    return [(name, np.asarray(inner[name])) for name in _attribute(inner, "weight_names")]


def _places(
    network: StoredLayer, place: str, groups: Mapping[str, Mapping[int, Array]]
) -> Iterator[tuple[StoredLayer, str]]:
    """Give every layer without parts and the path of its group.

    A list of layers is numbered by class: `dense`, `dense_1`; the numbers have gaps in files of Keras 2.12.
    """
    container = next(
        (
            path
            for path in (f"{place}/layers".lstrip("/"), f"{place}/_layer_checkpoint_dependencies".lstrip("/"))
            if path in groups
        ),
        f"{place}/layers".lstrip("/"),
    )
    present: dict[str, list[int]] = defaultdict(list)
    for path in groups:
        if path.startswith(f"{container}/"):
            stem, number = _numbered(path.removeprefix(f"{container}/").partition("/")[0])
            if number not in present[stem]:
                present[stem].append(number)
    counts: dict[str, int] = defaultdict(int)
    for part in network.parts:
        stem = _snake(part.class_name)
        numbers = sorted(present[stem])
        number = numbers[counts[stem]] if counts[stem] < len(numbers) else counts[stem]
        counts[stem] += 1
        inner = f"{container}/{stem}" + (f"_{number}" if number else "")
        if part.class_name == "TimeDistributed":
            (part,), inner = part.parts, f"{inner}/layer"
        if part.parts:
            yield from _places(part, inner, groups)
        else:
            yield part, inner


def _numbered(name: str) -> tuple[str, int]:
    found = re.fullmatch(r"(.+?)_(\d+)", name)
    return (name, 0) if found is None else (found[1], int(found[2]))


def _snake(name: str) -> str:
    """Return a class name as Keras 2 names groups: `conv2d`, `batch_normalization`, `re_lu`."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _set_one(
    leaf: StoredLayer,
    layer: Layer,
    place: str,
    groups: Mapping[str, Mapping[int, Array]],
    done: set[int],
) -> None:
    """Set a layer's own weights, and those of the layers that it keeps as attributes; `done` gets their `id`."""
    own = layer._trainable_variables + layer._non_trainable_variables
    own = [each for each in own if any(each is kept for kept in layer.weights)]
    values = [value for _, value in sorted(groups.get(place, {}).items())]
    if len(values) < len(own) or any(
        tuple(variable.shape) != value.shape for variable, value in zip(own, values, strict=False)
    ):
        raise ModelError(
            f"the weights of layer '{leaf.name}' do not fit it: it has {len(own)}, and the file has {len(values)} "
            f"under '{place}'. Save the model again."
        )
    for variable, value in zip(own, values, strict=False):
        variable.assign(value)
        done.add(id(variable))
    for attribute, inner in sorted(vars(layer).items()):
        if not any(
            path.startswith(f"{place}/{attribute}/") or path == f"{place}/{attribute}" for path in groups
        ):
            continue
        if isinstance(inner, keras.layers.Layer):
            _set_one(leaf, inner, f"{place}/{attribute}", groups, done)
        elif isinstance(inner, (list, tuple)):
            counts: dict[str, int] = defaultdict(int)
            for each in inner:
                stem = _snake(type(each).__name__)
                number, counts[stem] = counts[stem], counts[stem] + 1
                _set_one(
                    leaf, each, f"{place}/{attribute}/{stem}" + (f"_{number}" if number else ""), groups, done
                )


def _finish(network: StoredLayer) -> None:
    """Let layers work out what they keep beside their weights (`Normalization`)."""
    for layer in network.layer._flatten_layers():
        if hasattr(layer, "finalize_state") and layer.weights:
            layer.finalize_state()
