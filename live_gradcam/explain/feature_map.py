"""A layer's activation as a feature map: as it is, or as tokens laid out on a grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import tensorflow as tf

from live_gradcam.errors import LayerError
from live_gradcam.explain.lost_places import MOST_EXTRA_TOKENS, has_no_places
from live_gradcam.models.type_names import Tensor


@dataclass(frozen=True, slots=True)
class Grid:
    """The grid of a transformer's tokens on the picture."""

    height: int
    width: int

    extra: int
    """Class and register tokens before the first token of a place."""

    def __str__(self) -> str:
        extra = f" after {self.extra} other token{'s' if self.extra > 1 else ''}" if self.extra else ""
        return f"{self.height}×{self.width} tokens{extra}"


@dataclass(frozen=True, slots=True, eq=False)
class Activation:
    """A layer's output, and how it lies on the picture."""

    tensor: Tensor
    """(N, h, w, K), or (N, T, K) if `grid` is given."""

    grid: Grid | None = None

    def as_map(self, tensor: Tensor) -> Tensor:
        """Return a tensor of the activation's shape (its gradient, say) as (N, h, w, K) float32."""
        if self.grid is not None:
            places = tensor[:, self.grid.extra :]
            tensor = tf.reshape(places, (-1, self.grid.height, self.grid.width, tensor.shape[-1]))
        return tf.cast(tensor, tf.float32)

    def from_map(self, features: Tensor) -> Tensor:
        """Return (M, h, w, K) float32 in the activation's own shape and dtype; extra tokens keep their values."""
        features = tf.cast(features, self.tensor.dtype)
        if self.grid is None:
            return features
        count = tf.shape(features)[0]
        tokens = tf.reshape(features, (count, self.grid.height * self.grid.width, features.shape[-1]))
        before = tf.repeat(self.tensor[:1, : self.grid.extra], count, axis=0)
        return tf.concat([before, tokens], axis=1)


def grids(tokens: int, input_size: tuple[int, int]) -> Iterator[Grid]:
    """Yield the grids of the picture's aspect that tokens can form, those with the fewest extra tokens first.

    Args:
        tokens: how many there are.
        input_size: (height, width) of the picture in pixels.
    """
    rows, columns = input_size
    for extra in range(min(MOST_EXTRA_TOKENS, tokens - 1) + 1):
        places = tokens - extra
        height = round((places * rows / columns) ** 0.5)
        if height < 2 or places % height:
            continue
        width = places // height
        # Patches are square, so the grid has the picture's aspect, up to one rounded row or column.
        if width >= 2 and abs(height * columns - width * rows) < max(rows, columns):
            yield Grid(height, width, extra)


def activation_of(
    tensor: Tensor, path: str, input_size: tuple[int, int], grid: tuple[int, int] | None
) -> Activation:
    """Return a layer's output as an activation that lies on the picture.

    Args:
        tensor: the layer's output.
        path: the layer's path, for messages.
        input_size: (height, width) of the network's input.
        grid: (height, width) in tokens, if the user gives it; None finds it.

    Raises:
        LayerError: it is neither (N, h, w, K) nor tokens on a grid.
    """
    shape = tensor.shape
    if shape.rank == 4:
        return Activation(tensor)
    if shape.rank != 3 or shape[1] is None:
        raise LayerError(f"layer '{path}' gives {shape}, neither a feature map nor a known number of tokens.")
    if grid is None:
        found = next(grids(shape[1], input_size), None)
        if found is not None and has_no_places(tensor):
            raise LayerError(
                f"layer '{path}' gives {shape[1]} steps of a sequence, such as rows or columns of a feature map, and "
                "no tokens on a grid. Name a layer before it, or give the grid: --grid HEIGHTxWIDTH."
            )
    else:
        extra = shape[1] - grid[0] * grid[1]
        found = Grid(*grid, extra) if extra >= 0 else None
    if found is None:
        asked = f" on the grid {grid[0]}×{grid[1]}" if grid else ""
        raise LayerError(
            f"layer '{path}' gives {shape[1]} tokens, which do not lie{asked} on a picture of "
            f"{input_size[1]}×{input_size[0]}. Give the grid: --grid HEIGHTxWIDTH."
        )
    return Activation(tensor, found)
