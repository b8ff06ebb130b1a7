"""A loaded model: the network with its preprocessing, inputs, labels and the output that is explained."""

from __future__ import annotations

import hashlib
import logging
import math
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf

from live_gradcam.errors import ModelError
from live_gradcam.models.inputs import PICTURE_ONLY, InputFeed, shape_text
from live_gradcam.models.labels import Labels
from live_gradcam.models.model_key import ModelKey
from live_gradcam.models.preprocessing import Pixels, Preprocessing
from live_gradcam.models.task import Evidence
from live_gradcam.models.type_names import Layer, Network, Tensor, Tensors, Variable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A network with all that the explainer needs to know about it; `load_model` returns one."""

    network: Network
    """The `keras.Model`, unchanged."""

    name: str
    """Its name in the zoo, the name of its file, or the `keras.Model`'s own."""

    preprocessing: Preprocessing
    """Converts pictures to the input of the network."""

    labels: Labels
    """The names of its classes, labels or values; empty where only a trace can tell which of these they are."""

    input_size: tuple[int, int]
    """(height, width) in pixels to which a square picture is resized."""

    layer: str | None = None
    """Path of the layer that is explained by default; None: the last feature map."""

    resize: Callable[[int, int], Network] | None = None
    """Returns a copy of the network, with equal weights, for another (height, width); None where that is impossible."""

    feed: InputFeed = PICTURE_ONLY
    """The arguments of a call: which input takes the pixels, and the values of all others."""

    output: str | int | None = None
    """Name or index of the output that is explained; None where there is only one."""

    covering: bool = False
    """Whether its feature maps are known to cover the whole input to within half a cell, so that they need not be
    located."""

    evidence: Evidence = field(default_factory=Evidence)
    """The evidence of the task besides the network's operations."""

    key: ModelKey | None = None
    """Identifies the model from one start to the next (`model_key.key_of`); None where nothing does."""

    _logged: set[str] = field(default_factory=set)
    """The warnings that were already logged, so that each is logged once."""

    @property
    def dtype(self) -> str:
        """The number format that the network computes in: `float32`, `float16`, `bfloat16`."""
        return str(self.network.compute_dtype)

    def weights_sha256(self) -> str:
        """Return the hexadecimal SHA-256 of the network's weights."""
        return weights_sha256(self.network)

    @property
    def warnings(self) -> set[str]:
        """The warnings that were logged about it."""
        return self._logged

    def loaded(self) -> Model:
        """Return this model: it is loaded (`remembered_model.KnownModel`)."""
        return self

    def warn_once(self, line: str) -> None:
        """Log a warning about this model, unless it was logged before."""
        if line not in self._logged:
            self._logged.add(line)
            logger.warning("%s", line)

    def forward(
        self, network: Network, pixels: Pixels, *, weights: Sequence[tuple[Variable, Tensor]] = ()
    ) -> Tensor:
        """Run the network on a batch in inference mode, and return the output that is explained.

        The call changes no variable of the network. A plain call would: random layers count their calls, and layers
        with an activity regulariser keep the loss, which during tracing is a tensor of that graph.

        Args:
            network: `self.network`, or a network that `network_at` returned.
            pixels: preprocessed pictures.
            weights: variables of the network, each with a value that replaces its own during this call.

        Returns:
            (N, …, units) of the network's dtype; an output (N,) becomes (N, 1).

        Raises:
            ModelError: the network has several outputs and none was chosen, or it lacks the chosen one.
        """
        with _untouched(network, weights):
            outputs = network(*self.feed.fill(pixels), training=False)
        names = getattr(network, "output_names", ())
        output = chosen_output(outputs, self.output, names=names, model=self.name)
        return tf.reshape(output, (-1, 1)) if len(output.shape) == 1 else output

    def network_at(self, height: int, width: int) -> Network:
        """Return the network for an input of (height, width) pixels.

        Raises:
            ModelError: the network takes only its own input size.
        """
        # A subclassed network has no fixed size: its build shape is only that of its first call.
        own = self.feed.picture.shape if getattr(self.network, "inputs", None) else (None,) * 4
        if all(have in (None, want) for have, want in zip(own[1:3], (height, width), strict=True)):
            return self.network
        if self.resize is None:
            raise ModelError(takes_only(self.name, own, height, width))
        return self.resize(height, width)


def _untouched(
    network: Network, weights: Sequence[tuple[Variable, Tensor]]
) -> AbstractContextManager[object]:
    """Return a scope in which assignments to a network's variables have no effect outside.

    Args:
        network: the network.
        weights: variables that have another value inside the scope.
    """
    # Inside the scope no variable can be created, so a network that is not built yet needs a plain call.
    built = all(layer.built for layer in network._flatten_layers())
    return keras.StatelessScope(state_mapping=weights) if built else nullcontext()


def takes_only(name: str, shape: Sequence[int | None], height: int, width: int) -> str:
    """Return the message for a network that takes pictures of one size only.

    Args:
        name: the model's name.
        shape: (N, H, W, channels) of its picture input.
        height: requested height in pixels.
        width: requested width in pixels.
    """
    return (
        f"{name} takes pictures of {shape[2]}×{shape[1]} pixels only, not {width}×{height}. "
        "Use --fit crop, stretch or pad, or a network that ends in global pooling."
    )


def weights_sha256(network: Network) -> str:
    """Return the hexadecimal SHA-256 of a network's weights: the shape, dtype and values of each, in order.

    It takes about a second for VGG16's 550 MB.
    """
    digest = hashlib.sha256()
    for weight in network.weights:
        values = np.ascontiguousarray(weight.value)  # .numpy() would copy it first
        digest.update(f"{values.dtype.str}{values.shape}".encode())
        digest.update(values.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


_ATTRIBUTE = "_live_gradcam_name"


def safe_name(name: str) -> str:
    """Return a layer's name as Keras 3 accepts it: each slash becomes `_`."""
    return name.replace("/", "_")


def layer_name(layer: Layer) -> str:
    """Return a layer's name as the user knows it: the name in the file, where `keep_name` stored one."""
    return str(getattr(layer, _ATTRIBUTE, layer.name))


def keep_name(layer: Layer, name: str) -> None:
    """Store the user's name of a layer on it, where it differs from the layer's own."""
    if name != layer.name:
        setattr(layer, _ATTRIBUTE, name)


def chosen_output(outputs: Tensors, wanted: str | int | None, *, names: Sequence[str], model: str) -> Tensor:
    """Return the output that is explained.

    Args:
        outputs: the outputs of the network, with or without values.
        wanted: name or index; None where there is only one.
        names: the network's names for its outputs, in order; empty where only the keys of a dict name them.
        model: name of the model, for messages.

    Raises:
        ModelError: there are several outputs and none was chosen, or the chosen one does not exist.
    """
    leaves = [
        ("/".join(map(str, path)) if any(isinstance(key, str) for key in path) else "", tensor)
        for path, tensor in keras.tree.flatten_with_path(outputs)
        if hasattr(tensor, "shape")
    ]
    if len(names) == len(leaves):
        leaves = [(keyed or name, tensor) for (keyed, tensor), name in zip(leaves, names, strict=True)]
    if not leaves:
        raise ModelError(f"{model} returns no tensor.")
    if wanted is None:
        if len(leaves) == 1:
            return leaves[0][1]
        raise ModelError(
            f"{model} has {len(leaves)} outputs: {_listed(leaves)}. Choose one: --output NAME or its number."
        )
    named = [tensor for name, tensor in leaves if name and name == str(wanted)]
    if len(named) == 1:
        return named[0]
    if named:
        raise ModelError(
            f"{model} has {len(named)} outputs called '{wanted}': {_listed(leaves)}. Choose by number."
        )
    if str(wanted).isdigit() and int(wanted) < len(leaves):
        return leaves[int(wanted)][1]
    raise ModelError(f"{model} has no output '{wanted}'. It has: {_listed(leaves)}.")


def output_of(network: Network, output: str | int | None, name: str) -> Tensor:
    """Return the symbolic output that is explained; None for a subclassed network, which has none before a trace.

    Args:
        network: the network.
        output: name or index; None where there is only one.
        name: name of the model, for messages.

    Raises:
        ModelError: as in `chosen_output`.
    """
    outputs = getattr(network, "outputs", None)
    if not outputs:
        return None
    structure = outputs[0] if isinstance(network, keras.Sequential) else network.output
    names = getattr(network, "output_names", ())
    return chosen_output(structure, output, names=names, model=name)


def units_of(output: Tensor) -> int | None:
    """Return the length of an output's last axis, 1 for a vector (N,); None where it is unknown."""
    if output is None:
        return None
    if len(output.shape) == 1:
        return 1
    units = output.shape[-1]
    return None if units is None else int(units)


def numbers_of(output: Tensor) -> int | None:
    """Return how many values an output has for each picture; of a map (N, h, w, C), C values."""
    units = units_of(output)
    if units is None or len(output.shape) in (1, 2, 4):
        return units
    return None if None in tuple(output.shape[1:]) else math.prod(output.shape[1:])


def classes_of(output: Tensor) -> int | None:
    """Return the number of classes of an output: one unit decides between two classes."""
    units = units_of(output)
    return 2 if units == 1 else units


def _listed(leaves: Sequence[tuple[str, Tensor]]) -> str:
    twice = {name for name, count in Counter(name for name, _ in leaves).items() if count > 1}
    return ", ".join(
        f"{index}" + (f" '{name}'" if name and name not in twice else "") + f" {shape_text(tensor.shape)}"
        for index, (name, tensor) in enumerate(leaves)
    )
