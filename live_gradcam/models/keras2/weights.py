"""Sets the weights of a rebuilt network from a file of Keras 2: by order in HDF5, by path in a zip."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import keras
import numpy as np

from live_gradcam.errors import ModelError
from live_gradcam.models.keras2.keras1 import flip_kernels, kernel_from, with_gates_joined
from live_gradcam.models.keras2.stored_layer import StoredLayer
from live_gradcam.models.type_names import Array, HDF5Group, Layer, Variable

Entry = tuple[str, Array]
"""Name of a stored weight, such as `conv1/bn/gamma:0`, and its value."""

_IGNORED = frozenset(
    "count StateVar seed_generator_state renorm_mean renorm_stddev renorm_mean_weight renorm_stddev_weight".split()
)
"""Weights that Keras 3 lacks, without influence on predictions."""

_NEVER_TRAINED = frozenset("count mean moving_mean moving_variance sn_u variance vector_u".split())
"""Weights that are statistics."""

_OTHER_NAMES: Mapping[str, frozenset[str]] = {
    "bias": frozenset({"b"}),
    "depthwise_kernel": frozenset({"kernel"}),
    "kernel": frozenset({"W", "depthwise_kernel"}),
    "moving_mean": frozenset({"running_mean"}),
    "moving_variance": frozenset({"running_std"}),
}
"""Name of a weight in Keras 3 → its other names in old files."""

_KNOWN = frozenset("beta bias gamma kernel moving_mean moving_variance recurrent_kernel".split())
"""Names of weights with the same meaning in all versions."""


def set_hdf5_weights(
    network: StoredLayer, group: HDF5Group, *, of_keras_1: bool = False, mirrored: bool = False
) -> None:
    """Set the weights from an HDF5 file of Keras 1 or 2, which has a list of weights for each layer.

    Args:
        network: the network.
        group: `model_weights`, or the file itself where it holds only weights.
        of_keras_1: whether Keras 1 wrote it, with other orders of the axes of kernels.
        mirrored: whether Keras computed with Theano, which flips kernels.

    Raises:
        ModelError: the weights do not fit the network.
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
        flip_kernels(network)
    _finish(network)


def set_zip_weights(network: StoredLayer, file: HDF5Group) -> None:
    """Set the weights from a `.keras` file, which has a group of numbered weights for each layer.

    Args:
        network: the network.
        file: `model.weights.h5` inside the `.keras` file.

    Raises:
        ModelError: the weights do not fit the network.
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
    """Set the weights of one layer, or of all layers of an inner network."""
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


def _variables(leaf: StoredLayer, learning: bool) -> list[Variable]:
    """Return the variables of a layer that Keras 2 listed as trainable (`learning`), or those it listed as not."""
    trained = [each for each in leaf.layer.weights if each.name not in _NEVER_TRAINED]
    others = [each for each in leaf.layer.weights if each.name in _NEVER_TRAINED]
    if leaf.trainable:
        return trained if learning else others
    return [] if learning else trained + others


def _in_order(wanted: Sequence[tuple[StoredLayer, Variable]], entries: Sequence[Entry]) -> list[Array] | None:
    """Return the values in the order of the file, if the shape and name of each fit; else None."""
    if len(wanted) != len(entries):
        return None
    for (_, variable), (name, value) in zip(wanted, entries, strict=True):
        if tuple(variable.shape) != value.shape or not _same(variable.name, _last(name)):
            return None
    return [value for _, value in entries]


def _same(name: str, stored: str) -> bool:
    """Whether a weight's name in the file may mean a variable; an unknown name may mean any."""
    stem = re.sub(r"_\d+$", "", stored)
    other = _OTHER_NAMES.get(name, frozenset())
    return name in (stored, stem) or bool({stem, stem.rpartition("_")[2]} & other) or stem not in _KNOWN


def _by_name(wanted: Sequence[tuple[StoredLayer, Variable]], entries: Sequence[Entry]) -> list[Array] | None:
    """Return the values by the names of layer and weight, if each occurs exactly once; else None."""
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
    """Return weights with those of CuDNNLSTM and CuDNNGRU in the layout of LSTM and GRU(reset_after=True)."""
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
    """Return a list that Keras stores in an attribute, or in several numbered ones where it is long."""
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
    """Yield every layer without parts, and the path of its group.

    Layers are numbered by class: `dense`, `dense_1`. In files of Keras 2.12 the numbers have gaps.
    """
    layers, dependencies = (
        f"{place}/{name}".lstrip("/") for name in ("layers", "_layer_checkpoint_dependencies")
    )
    container = dependencies if dependencies in groups and layers not in groups else layers
    present: dict[str, set[int]] = defaultdict(set)
    for path in groups:
        if path.startswith(f"{container}/"):
            stem, number = _numbered(path.removeprefix(f"{container}/").partition("/")[0])
            present[stem].add(number)
    counts: Counter[str] = Counter()
    for part in network.parts:
        stem = _snake(part.class_name)
        numbers = sorted(present[stem])
        number = numbers[counts[stem]] if counts[stem] < len(numbers) else counts[stem]
        counts[stem] += 1
        inner = _group(container, stem, number)
        if part.class_name == "TimeDistributed":
            (part,), inner = part.parts, f"{inner}/layer"
        if part.parts:
            yield from _places(part, inner, groups)
        else:
            yield part, inner


def _numbered(name: str) -> tuple[str, int]:
    found = re.fullmatch(r"(.+?)_(\d+)", name)
    return (name, 0) if found is None else (found[1], int(found[2]))


def _group(container: str, stem: str, number: int) -> str:
    return f"{container}/{stem}" + (f"_{number}" if number else "")


def _snake(name: str) -> str:
    """Return the name of a group for a class, as Keras 2 writes it: `conv2d`, `batch_normalization`, `re_lu`."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _set_one(
    leaf: StoredLayer, layer: Layer, place: str, groups: Mapping[str, Mapping[int, Array]], done: set[int]
) -> None:
    """Set the weights of a layer and of the layers in its attributes; `done` receives the `id` of each variable."""
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
            counts: Counter[str] = Counter()
            for each in inner:
                stem = _snake(type(each).__name__)
                _set_one(leaf, each, _group(f"{place}/{attribute}", stem, counts[stem]), groups, done)
                counts[stem] += 1


def _finish(network: StoredLayer) -> None:
    """Let layers compute what they derive from their weights, as `Normalization` does."""
    for layer in network.layer._flatten_layers():
        if hasattr(layer, "finalize_state") and layer.weights:
            layer.finalize_state()
