"""A model as the explainer needs it: the network, how pixels enter it, and what its outputs are called."""

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
from live_gradcam.models.preprocessing import Preprocessing
from live_gradcam.models.task import Evidence
from live_gradcam.models.untyped import Layer, Network, Tensor, Tensors, Variable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A network, ready to be explained. `load_model` makes one."""

    network: Network
    """The `keras.Model`, exactly as it was given."""

    name: str
    """Its name in the zoo, the file's, or the `keras.Model`'s own."""

    preprocessing: Preprocessing
    """How pictures become its input."""

    labels: Labels
    """The names of its classes, labels or values; none where they are known only when the network is traced."""

    input_size: tuple[int, int]
    """(height, width) that a square picture is brought to."""

    layer: str | None = None
    """Path of the layer that is explained unless another is asked for; None: the last feature map."""

    resize: Callable[[int, int], Network] | None = None
    """Makes the same network, weights shared in value, for another (height, width); None where it can't."""

    feed: InputFeed = PICTURE_ONLY
    """How it is called: where the pixels go, and what else it is given."""

    output: str | int | None = None
    """Name or index of the output that is explained; None where there is but one."""

    covering: bool = False
    """Whether it is known that its feature maps cover its input to half a cell, and need not be located."""

    evidence: Evidence = field(default_factory=Evidence)
    """What tells whether its outputs are classes, labels or values."""

    _told: set[str] = field(default_factory=set)
    """The lines that the log has already."""

    def tell_once(self, line: str) -> None:
        """Log a warning about this model, once however often it is traced and run."""
        if line not in self._told:
            self._told.add(line)
            logger.warning("%s", line)

    def forward(
        self, network: Network, pixels: Tensor, *, weights: Sequence[tuple[Variable, Tensor]] = ()
    ) -> Tensor:
        """Run the network on a batch, in inference mode, and return the output that is explained.

        Nothing is left behind in it, not even what Keras leaves: random layers count their calls, and layers with
        an activity regulariser keep the loss, which in a trace is a tensor of that graph.

        Args:
            network: `network`, or what `network_at` returned.
            pixels: its input (N, H, W, channels), preprocessed.
            weights: variables of the network, each with the value that it is to seem to have.

        Returns:
            (N, …, units) of the network's dtype; where the output is (N,), one unit.

        Raises:
            ModelError: it has several outputs and none was chosen, or the chosen one is not there.
        """
        with _untouched(network, weights):
            outputs = network(*self.feed.fill(pixels), training=False)
        names = getattr(network, "output_names", ())
        output = chosen_output(outputs, self.output, names=names, model=self.name)
        return tf.reshape(output, (-1, 1)) if len(output.shape) == 1 else output

    def network_at(self, height: int, width: int) -> Network:
        """Return the network for an input of (height, width) pixels.

        Raises:
            ModelError: it takes only its own input size.
        """
        # Only a graph has a size of its own: what a subclassed network was built for is no more than its first call.
        own = self.feed.picture.shape if getattr(self.network, "inputs", None) else (None,) * 4
        if all(have in (None, want) for have, want in zip(own[1:3], (height, width), strict=True)):
            return self.network
        if self.resize is None:
            raise ModelError(takes_only(self.name, own, height, width))
        return self.resize(height, width)


def _untouched(
    network: Network, weights: Sequence[tuple[Variable, Tensor]]
) -> AbstractContextManager[object]:
    """Return a scope in which what a network's layers assign to their variables does not reach them.

    Args:
        network: whose layers they are.
        weights: variables that have another value in there.
    """
    # Weights that do not exist yet have to: they could not be made in there.
    built = all(layer.built for layer in network._flatten_layers())
    return keras.StatelessScope(state_mapping=weights) if built else nullcontext()


def takes_only(name: str, shape: Sequence[int | None], height: int, width: int) -> str:
    """Word the message for a network that is made for one size of picture.

    Args:
        name: the model's.
        shape: (N, H, W, channels) of its picture input.
        height: what was asked for, in pixels.
        width: the same.
    """
    return (
        f"{name} takes pictures of {shape[2]}×{shape[1]} pixels only, not {width}×{height}. "
        "Use --fit crop, stretch or pad, or a network that ends in global pooling."
    )


def weights_sha256(network: Network) -> str:
    """Return the SHA-256 of a network's weights, in hexadecimal: the shape, type and values of each, in order.

    About a second for VGG16's 550 MB.

    Args:
        network: a `keras.Model`.
    """
    digest = hashlib.sha256()
    for weight in network.weights:
        values = np.ascontiguousarray(weight.value)  # .numpy() would copy it first
        digest.update(f"{values.dtype.str}{values.shape}".encode())
        digest.update(values.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


_ATTRIBUTE = "_live_gradcam_name"


def safe_name(name: str) -> str:
    """Return a name that Keras 3 takes: with `_` for each slash, as in `keras.applications` (`conv1_bn`)."""
    return name.replace("/", "_")


def layer_name(layer: Layer) -> str:
    """Return the name that the user knows: that of the file where Keras 3 forbids it, else Keras's."""
    return str(getattr(layer, _ATTRIBUTE, layer.name))


def keep_name(layer: Layer, name: str) -> None:
    """Remember the user's name for a layer, if it is another than Keras's."""
    if name != layer.name:
        setattr(layer, _ATTRIBUTE, name)


def chosen_output(outputs: Tensors, wanted: str | int | None, *, names: Sequence[str], model: str) -> Tensor:
    """Return the output that is explained.

    Args:
        outputs: what the network returned, or its symbolic outputs: a tensor, or a list or dict of them.
        wanted: name or index; None where there is but one.
        names: what the network calls its outputs, in order; empty where they have no names but a dict's keys.
        model: its name, for the messages.

    Raises:
        ModelError: there are several and none was chosen, or the chosen one is not there.
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
    """Return the symbolic output that is explained; None for a subclassed network: only a trace can tell.

    Args:
        network: the network.
        output: name or index; None where there is but one.
        name: the network's name, for the messages.

    Raises:
        ModelError: as of `chosen_output`.
    """
    outputs = getattr(network, "outputs", None)
    if not outputs:
        return None
    structure = outputs[0] if isinstance(network, keras.Sequential) else network.output
    names = getattr(network, "output_names", ())
    return chosen_output(structure, output, names=names, model=name)


def units_of(output: Tensor) -> int | None:
    """Return how many numbers an output has for each thing it decides: the length of its last axis, if known.

    A vector (N,) is one number for each picture. None stands for an output that is not known yet.
    """
    if output is None:
        return None
    if len(output.shape) == 1:
        return 1
    units = output.shape[-1]
    return None if units is None else int(units)


def numbers_of(output: Tensor) -> int | None:
    """Return how many values an output is: all its numbers, but one for each place of a map (N, h, w, C)."""
    units = units_of(output)
    if units is None or len(output.shape) in (1, 2, 4):
        return units
    return None if None in tuple(output.shape[1:]) else math.prod(output.shape[1:])


def classes_of(output: Tensor) -> int | None:
    """Return between how many classes an output decides: one unit decides between two."""
    units = units_of(output)
    return 2 if units == 1 else units


def _listed(leaves: Sequence[tuple[str, Tensor]]) -> str:
    twice = {name for name, count in Counter(name for name, _ in leaves).items() if count > 1}
    return ", ".join(
        f"{index}" + (f" '{name}'" if name and name not in twice else "") + f" {shape_text(tensor.shape)}"
        for index, (name, tensor) in enumerate(leaves)
    )
