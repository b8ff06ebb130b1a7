"""A model as the explainer needs it: the network, how pixels enter it, and what its outputs are called."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from live_gradcam.errors import ModelError
from live_gradcam.models.inputs import PICTURE_ONLY, InputFeed
from live_gradcam.models.labels import Labels
from live_gradcam.models.outputs import chosen_output
from live_gradcam.models.preprocessing import Preprocessing
from live_gradcam.models.task import Evidence

logger = logging.getLogger(__name__)

Network = Any
"""A `keras.Model`; Keras ships no types."""

Tensor = Any


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
        self, network: Network, pixels: Tensor, *, weights: Sequence[tuple[Any, Tensor]] = ()
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


def _untouched(network: Network, weights: Sequence[tuple[Any, Tensor]]) -> AbstractContextManager[object]:
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


def weights_sha256(network: Any) -> str:  # noqa: ANN401 - a keras.Model, which ships no types
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
