"""A model as the explainer needs it: the network, how pixels enter it, and what its outputs are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from live_gradcam.errors import ModelError
from live_gradcam.models.labels import Labels
from live_gradcam.models.preprocessing import Preprocessing

Network = Any
"""A `keras.Model`; Keras ships no types."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A classifier, ready to be explained. `load_model` makes one."""

    network: Network
    """The `keras.Model`, exactly as it was given."""

    name: str
    """Its name in the zoo, the file's, or the `keras.Model`'s own."""

    preprocessing: Preprocessing
    """How pictures become its input."""

    labels: Labels
    """The names of its classes."""

    input_size: tuple[int, int]
    """(height, width) that a square picture is brought to."""

    layer: str | None = None
    """Path of the layer that is explained unless another is asked for; None: the last feature map."""

    resize: Callable[[int, int], Network] | None = None
    """Makes the same network, weights shared in value, for another (height, width); None where it can't."""

    def network_at(self, height: int, width: int) -> Network:
        """Return the network for an input of (height, width) pixels.

        Raises:
            ModelError: it takes only its own input size.
        """
        own = self.network.inputs[0].shape if getattr(self.network, "inputs", None) else (None, None, None, 3)
        if all(have in (None, want) for have, want in zip(own[1:3], (height, width), strict=True)):
            return self.network
        if self.resize is None:
            raise ModelError(
                f"{self.name} takes pictures of {own[2]}×{own[1]} pixels only, not {width}×{height}. "
                "Use --fit crop, stretch or pad, or a network that ends in global pooling."
            )
        return self.resize(height, width)
