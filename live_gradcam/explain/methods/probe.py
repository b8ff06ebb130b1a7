"""The protocol through which methods of many passes use the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from live_gradcam.models.type_names import Tensor

EPSILON = 2.0**-23
"""The rounding error of a float32 as a share of it. A sum of n numbers errs by n times as much, at most."""


class Probe(Protocol):
    """Runs the network for one picture and one target. All calls become part of one compiled graph.

    The target is the same in every call: the class or contrast that was chosen from the unchanged picture.
    """

    @property
    def pixels(self) -> Tensor:
        """The network's input for the picture, preprocessed, (1, H, W, 3) float32."""

    @property
    def black(self) -> Tensor:
        """The network's input for a black picture, preprocessed likewise, (1, H, W, 3) float32."""

    @property
    def activations(self) -> Tensor:
        """The target layer's activation, (1, h, w, K) float32."""

    @property
    def gradients(self) -> Tensor:
        """∂y/∂A at the picture, (1, h, w, K) float32."""

    @property
    def score_error(self) -> Tensor:
        """A bound of the rounding error of y at the picture, () float32: a unit in the last place of its summands."""

    @property
    def gradient_epsilon(self) -> float:
        """The rounding error of ∂y/∂A as a share of it, by the dtypes of the layer and of the scores."""

    @property
    def gradient_step(self) -> float:
        """The rounding error of ∂y/∂A near 0; 0 except for float16."""

    def over_pixels(self, maps: Tensor) -> Tensor:
        """Return maps of the layer, (M, h, w) float32, enlarged linearly to the pixels they show: (M, H, W)."""

    def scores(self, pixels: Tensor) -> Tensor:
        """Return the target's score y for other inputs: (M, H, W, 3) float32 to (M,) float32."""

    def scores_from(self, activations: Tensor) -> Tensor:
        """Return the score with the target layer's output replaced: (M, h, w, K) float32 to (M,) float32."""

    def derivatives(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return activations and gradients at other inputs, both (M, h, w, K) float32, for (M, H, W, 3)."""

    def pixel_gradients(self, pixels: Tensor, *, guided: bool = False) -> Tensor:
        """Return ∂y/∂x at other inputs, (M, H, W, 3) float32.

        `guided`: every ReLU and ReLU6 passes back only what is positive (guided backpropagation).
        """


class RelevanceProbe(Protocol):
    """Hands a score back through the network, for one picture and one target."""

    def pixel_relevance(self, *, convolution: float, dense: float) -> Tensor:
        """Return the relevance of each value of the picture for y by the rules of AttnLRP, (H, W, 3) float32.

        `convolution`, `dense`: γ of these layers.
        """


class AttentionProbe(Protocol):
    """Differentiates the attention of a transformer, for one picture and one target."""

    def attention_gradients(self) -> Sequence[Tensor]:
        """Return ∂s_l/∂P_l of each block l of a transformer: (heads, T, h, w) float32.

        P_l is the attention of T query tokens to the key tokens on the grid, and s_l the score that the network's head
        gives the tokens after block l.
        """
