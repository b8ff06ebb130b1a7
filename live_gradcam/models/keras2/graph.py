"""Rebuilds a network from a configuration of Keras 2: its layers, and how they call one another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import keras

from live_gradcam.errors import ModelError
from live_gradcam.models.inputs import is_shape
from live_gradcam.models.keras2.lambdas import lambda_faults
from live_gradcam.models.keras2.layers import is_taken, layer_from
from live_gradcam.models.keras2.operations import TFOpLambda
from live_gradcam.models.keras2.stored_layer import (
    Config,
    StoredLayer,
    class_of,
    config_of,
    damaged,
    decoded,
    is_network,
    is_trainable,
    layers_in,
    policy_of,
)
from live_gradcam.models.model import keep_name, safe_name
from live_gradcam.models.type_names import Json, Tensor, Tensors

_CONSTANT = "_CONSTANT_VALUE"
_DEEPEST = 50
"""Most levels of networks inside networks."""


def network_from(stored: Config, *, allow_unsafe: bool) -> StoredLayer:
    """Return the network of a configuration, without its weights.

    Args:
        stored: `class_name` and `config`, as Keras 2 wrote them.
        allow_unsafe: whether Python code in it may be loaded.

    Raises:
        ModelError: it is damaged, or has a layer or setting that Keras 3 lacks.
    """
    if not is_network(stored):
        raise ModelError(
            f"the file holds a network of the class '{class_of(stored)}', which is defined in the code that made the "
            "file. Write a function there that returns the network, and use --model module:function."
        )
    return _GraphReader(allow_unsafe=allow_unsafe).read(stored)


class _GraphReader:
    """Builds layers and networks."""

    def __init__(self, *, allow_unsafe: bool) -> None:
        self.allow_unsafe = allow_unsafe
        self._depth = 0

    def read(self, stored: Config) -> StoredLayer:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise damaged(f"networks lie {_DEEPEST} deep in one another")
        try:
            if not is_network(stored):
                made = layer_from(stored, self.read, allow_unsafe=self.allow_unsafe)
            elif "input_layers" in config_of(stored):
                made = self._functional(stored)
            else:
                made = self._sequential(stored)
        finally:
            self._depth -= 1
        keep_name(made.layer, made.name)
        return made

    def _sequential(self, stored: Config) -> StoredLayer:
        config = config_of(stored)
        listed = layers_in(config)
        name = str(config.get("name") or stored.get("name") or "sequential")
        start = None
        if listed and class_of(listed[0]) == "InputLayer":
            start, listed = self._input(listed[0]), listed[1:]
        parts = _distinct([self.read(layer) for layer in listed])
        if start is None and parts:
            start = self._implied_input(config, listed[0], parts[0])
        layers = [part.layer for part in parts]
        with lambda_faults(parts):
            network = keras.Sequential([*([] if start is None else [start]), *layers], name=safe_name(name))
        return StoredLayer(name, class_of(stored), network, is_trainable(config), tuple(parts))

    def _input(self, stored: Config) -> Tensor:
        """Return the tensor of a stored `InputLayer`."""
        config = config_of(stored)
        shape = decoded(config.get("batch_input_shape", config.get("batch_shape")))
        if not isinstance(shape, (list, tuple)):
            raise damaged("an input has no shape")
        name = str(config.get("name") or stored.get("name"))
        tensor = keras.Input(
            batch_shape=tuple(shape),
            dtype=policy_of(config.get("dtype")) or "float32",
            name=safe_name(name),
        )
        keep_name(tensor._keras_history.operation, name)
        return tensor

    @staticmethod
    def _implied_input(config: Config, stored: Config, first: StoredLayer) -> Tensor | None:
        """Return an input for a `Sequential` without one: with the shape of its first layer, or of its building."""
        own = config_of(stored)
        shape = decoded(own.get("batch_input_shape") or config.get("build_input_shape"))
        if shape is None and isinstance(stored.get("build_config"), Mapping):
            shape = decoded(stored["build_config"].get("input_shape"))
        dtype = policy_of(own.get("input_dtype") or own.get("dtype")) or "float32"
        if shape is None and getattr(first.layer, "inputs", None):
            shape, dtype = first.layer.inputs[0].shape, first.layer.inputs[0].dtype
        if not is_shape(shape):
            return None
        dtype = "float32" if dtype.startswith("mixed") else dtype
        return keras.Input(batch_shape=tuple(shape), dtype=dtype)

    def _functional(self, stored: Config) -> StoredLayer:
        config = config_of(stored)
        name = str(config.get("name") or stored.get("name") or "model")
        graph = _StoredGraph()
        parts: list[StoredLayer] = []
        for each in layers_in(config):
            label = str(each.get("name") or config_of(each).get("name"))
            if class_of(each) == "InputLayer":
                graph.add_input(label, self._input(each))
                continue
            part = self.read({**each, "name": label})
            parts.append(part)
            graph.add_layer(label, part, each.get("inbound_nodes") or [])
        _distinct(parts)
        graph.run()
        network = keras.Model(
            inputs=_one(graph.tensors(config.get("input_layers"))),
            outputs=_one(graph.tensors(config.get("output_layers"))),
            name=safe_name(name),
        )
        return StoredLayer(name, class_of(stored), network, is_trainable(config), tuple(parts))


class _StoredGraph:
    """The stored calls of a functional network's layers, which are made as soon as their inputs exist."""

    def __init__(self) -> None:
        self._layers: dict[str, StoredLayer] = {}
        self._waiting: dict[str, list[Json]] = {}
        self._outputs: dict[str, list[list[Tensor]]] = {}
        self._calls: dict[str, list[Json]] = {}

    def add_input(self, name: str, tensor: Tensor) -> None:
        self._outputs[name] = [[tensor]]
        self._calls[name] = [None]

    def add_layer(self, name: str, layer: StoredLayer, calls: Sequence[Json]) -> None:
        self._layers[name] = layer
        self._outputs[name] = []
        self._calls[name] = list(calls)
        self._waiting[name] = list(calls)

    def run(self) -> None:
        """Make all calls.

        Raises:
            ModelError: some calls wait for one another.
        """
        self._check()
        while any(self._waiting.values()):
            made = 0
            for name, calls in self._waiting.items():
                while calls and self._is_ready(calls[0]):
                    output = self._call(self._layers[name], calls.pop(0))
                    self._outputs[name].append(keras.tree.flatten(output))
                    made += 1
            if not made:
                stuck = next(name for name, calls in self._waiting.items() if calls)
                raise damaged(f"the inputs of layer '{stuck}' cannot be computed")

    def tensors(self, structure: Json) -> Json:
        """Return a structure with tensors in place of references."""
        if self._is_reference(structure):
            return self._tensor(structure)
        if isinstance(structure, Mapping):
            return {key: self.tensors(each) for key, each in structure.items()}
        if isinstance(structure, (list, tuple)):
            return [self.tensors(each) for each in structure]
        return structure

    def _check(self) -> None:
        """Find the number of each layer's first call in references.

        A network with an input of its own counts that as call 0, which is in no list of calls.
        """
        used: dict[str, set[int]] = {name: set() for name in self._calls}
        for calls in self._calls.values():
            for reference in self._references(calls):
                used[reference[0]].add(reference[1])
        self._first = {
            name: int(bool(indices) and 0 not in indices and bool(self._layers[name].parts))
            for name, indices in used.items()
            if name in self._layers
        }

    def _references(self, structure: Json) -> Iterator[Json]:
        if self._is_reference(structure):
            yield structure
            structure = structure[3] if len(structure) > 3 else ()
        elif isinstance(structure, (list, tuple)) and structure[:1] == [_CONSTANT] and len(structure) > 3:
            structure = structure[3]
        if isinstance(structure, Mapping):
            structure = list(structure.values())
        if isinstance(structure, (list, tuple)):
            for each in structure:
                yield from self._references(each)

    def _is_reference(self, value: Json) -> bool:
        return (
            isinstance(value, (list, tuple))
            and len(value) in (3, 4)
            and isinstance(value[0], str)
            and all(isinstance(each, int) and not isinstance(each, bool) for each in value[1:3])
            and value[0] in self._outputs
            and isinstance(value[3] if len(value) > 3 else {}, Mapping)
        )

    def _is_ready(self, call: Json) -> bool:
        return all(
            len(self._outputs[name]) > self._place(name, index) for name, index, *_ in self._references(call)
        )

    def _place(self, name: str, index: int) -> int:
        if name not in self._layers:
            return 0
        calls = len(self._calls[name])
        place = index - self._first.get(name, 0)
        # References from the outputs of the network were not counted when the first call's number was found.
        return index - 1 if self._layers[name].parts and place >= calls > index - 1 else place

    def _tensor(self, reference: Sequence[Json]) -> Tensor:
        name, index, place = reference[:3]
        try:
            return self._outputs[name][max(0, self._place(name, index))][place]
        except IndexError as error:
            raise damaged(f"layer '{name}' has no output {place} of a call {index}") from error

    def _call(self, layer: StoredLayer, call: Json) -> Tensor:
        """Make the call of one entry in `inbound_nodes`."""
        named: dict[str, Json] = {}

        def argument(entry: Json) -> Tensors:
            if isinstance(entry, (list, tuple)) and len(entry) > 2 and entry[0] == _CONSTANT:
                named.update(entry[3] if len(entry) > 3 and isinstance(entry[3], Mapping) else {})
                return decoded(entry[2])
            if self._is_reference(entry):
                named.update(entry[3] if len(entry) > 3 else {})
                return self._tensor(entry)
            if isinstance(entry, Mapping):
                return {key: argument(each) for key, each in entry.items()}
            if isinstance(entry, (list, tuple)):
                return [argument(each) for each in entry]
            raise damaged(
                f"layer '{layer.name}' is called with {str(entry)[:60]!r}, which is no layer of the network"
            )

        first = argument(call)
        keyword = {key: self.tensors(decoded(value)) for key, value in named.items()}
        if isinstance(layer.layer, TFOpLambda):
            return layer.layer.applied(first, keyword)
        first = _one(first)
        keyword = {key: value for key, value in keyword.items() if is_taken(layer.layer, key, value)}
        if isinstance(layer.layer, keras.layers.RNN | keras.layers.Bidirectional) and isinstance(first, list):
            first, *state = first
            keyword["initial_state"] = state
        with lambda_faults([layer]):
            return layer.layer(first, **keyword)


def _distinct(parts: list[StoredLayer]) -> list[StoredLayer]:
    """Give all layers of a network different names: without slashes, `a/b` and `a_b` would be equal."""
    names: set[str] = set()
    for part in sorted(parts, key=lambda each: "/" in each.name):
        while part.layer.name in names:
            part.layer.name += "_"
        names.add(part.layer.name)
        keep_name(part.layer, part.name)
    return parts


def _one(structure: Tensors) -> Tensors:
    """Return the only element of a list, or the structure."""
    return structure[0] if isinstance(structure, (list, tuple)) and len(structure) == 1 else structure
