"""A layer in a configuration of Keras 2, and the Keras 3 layer that was built from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from live_gradcam.errors import ModelError
from live_gradcam.models.type_names import Json, Layer

Config = Mapping[str, Json]
"""A JSON object in the configuration."""

NETWORKS = frozenset({"Functional", "Model", "Network", "Sequential"})
"""Classes of Keras 2 whose configuration lists layers."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredLayer:
    """A layer, or a network with its layers in the order in which Keras 2 stored their weights."""

    name: str
    """Its name in the file, which may have slashes."""

    class_name: str
    """Its class in Keras 2, without a package: `CuDNNLSTM`."""

    layer: Layer
    """The layer of Keras 3."""

    trainable: bool = True
    """Whether Keras 2 stored its weights among the trainable ones."""

    parts: tuple[StoredLayer, ...] = ()
    """The layers inside a network or a `TimeDistributed`; empty for all others."""

    def leaves(self) -> Iterator[StoredLayer]:
        """Yield the layers without parts, in order; a layer that is used several times comes once."""
        seen: set[int] = set()
        for leaf in self._leaves():
            if id(leaf.layer) not in seen:
                seen.add(id(leaf.layer))
                yield leaf

    def _leaves(self) -> Iterator[StoredLayer]:
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part._leaves()


def damaged(fault: str) -> ModelError:
    """Return the error for a configuration that no version of Keras writes."""
    return ModelError(f"the model's configuration is damaged: {fault}. Save the model again.")


def class_of(stored: Config) -> str:
    """Return the class of a stored object without its package: `GELU` for `Addons>GELU`.

    Raises:
        ModelError: the object has no class.
    """
    name = stored.get("class_name") if isinstance(stored, Mapping) else None
    if not isinstance(name, str):
        raise damaged("a layer has no class")
    return name.rpartition(">")[2]


def config_of(stored: Config) -> dict[str, Json]:
    """Return the settings of a stored object; an old `Sequential` stored only a list of layers.

    Raises:
        ModelError: the object has no settings.
    """
    config = stored.get("config") or {}
    if not isinstance(config, (Mapping, list)):
        raise damaged("a layer has no settings")
    return {"layers": config} if isinstance(config, list) else dict(config)


def is_network(stored: Config) -> bool:
    """Whether a stored object is a network: by its class, or because it lists layers as a network does."""
    name, config = class_of(stored), stored.get("config")
    return name in NETWORKS or (
        isinstance(config, Mapping) and "input_layers" in config and "layers" in config
    )


def layers_in(config: Config) -> list[dict[str, Json]]:
    """Return the layers that the settings of a network list.

    Raises:
        ModelError: they list none.
    """
    layers = config.get("layers")
    if not isinstance(layers, list) or not all(isinstance(each, Mapping) for each in layers):
        raise damaged("it lists no layers")
    return [dict(each) for each in layers]


def is_trainable(config: Config) -> bool:
    """Whether the settings of a layer let it be trained."""
    return config.get("trainable", True) is not False


def decoded(value: Json) -> Json:
    """Return a JSON value with the tuples, arrays and shapes that Keras 2 wrote as dicts."""
    if isinstance(value, list):
        return [decoded(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    inner = value.get("config")
    match value.get("class_name"):
        case "__tuple__":
            return tuple(decoded(each) for each in value.get("items", ()))
        case "TensorShape":
            return tuple(value.get("items") or ())
        case "__ellipsis__":
            return ...
        case "__tensor__" | "__numpy__" if isinstance(inner, Mapping):
            return np.asarray(inner.get("value"), inner.get("dtype"))
        case None if value.get("type") == "ndarray":
            return np.asarray(value.get("value"))
        case _:
            return {key: decoded(each) for key, each in value.items()}


def policy_of(stored: Json) -> str | None:
    """Return the dtype, or the name of the mixed-precision policy, of a stored `dtype`."""
    while isinstance(stored, Mapping):
        config = stored.get("config")
        stored = config.get("name") if isinstance(config, Mapping) else config
    if stored is None or str(stored).startswith(("_infer", "infer")):
        return None
    return str(stored)
