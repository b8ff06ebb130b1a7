"""Augmentation smoothing: the mean of the maps of flipped and enlarged copies, each laid back on the picture."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from live_gradcam.explanation import WHOLE, Inset
from live_gradcam.models.type_names import Tensor

ZOOMS = (1.0, 1.1, 1.2)
"""How much the copies are enlarged about the middle. Each copy is also flipped."""

COPIES = 2 * len(ZOOMS)
"""How many copies of a picture are explained. The first is the picture itself."""


def copies_of(pixels: Tensor) -> Tensor:
    """Return the copies (COPIES·N, H, W, 3) of pictures (N, H, W, 3): each zoom, then each zoom flipped."""
    zoomed = [_resampled(pixels, 1.0 / zoom)[0] for zoom in ZOOMS]
    return tf.concat(zoomed + [tf.reverse(each, axis=[2]) for each in zoomed], axis=0)


def merged(maps: Tensor, extent: Inset = WHOLE) -> Tensor:
    """Return the mean (N, h, w) of the maps (COPIES·N, h, w) of `copies_of`, laid back on the picture.

    At the borders, which the enlarged copies do not show, the mean is over the other copies.

    Args:
        maps: the maps of the copies.
        extent: how the maps lie on the network's input.
    """
    parts = tf.split(maps[..., None], COPIES, axis=0)
    if extent == WHOLE:
        parts = parts[: len(ZOOMS)] + [tf.reverse(each, axis=[2]) for each in parts[len(ZOOMS) :]]
        laid = [_resampled(part, zoom) for part, zoom in zip(parts, 2 * ZOOMS, strict=True)]
    else:
        # A flip is an enlargement by a negative number, about the middle of the picture, not of the map.
        laid = [
            _sampled(
                part,
                sampling_matrix(maps.shape[1], zoom, _middle(maps.shape[1], extent[1], extent[3])),
                sampling_matrix(maps.shape[2], sign * zoom, _middle(maps.shape[2], extent[0], extent[2])),
            )
            for part, (sign, zoom) in zip(parts, product((1, -1), ZOOMS), strict=True)
        ]
    total, cover = (
        tf.add_n([tf.broadcast_to(each, tf.shape(parts[0])) for each in side])
        for side in zip(*laid, strict=True)
    )
    return (total / cover)[..., 0]


def _resampled(images: Tensor, step: float) -> tuple[Tensor, Tensor]:
    """Return images (N, h, w, K) sampled about the middle at distances `step`, and the weight that each place got."""
    if step == 1.0:
        return images, tf.ones_like(images[:1, :, :, :1])
    return _sampled(images, *(sampling_matrix(images.shape[axis], step) for axis in (1, 2)))


def _middle(size: int, begin: float, end: float) -> float:
    """Return the position of the picture's middle on an axis of a map, in cells from its begin."""
    return (0.5 - begin) / (end - begin) * size


def _sampled(
    images: Tensor, row_matrix: npt.NDArray[np.float32], column_matrix: npt.NDArray[np.float32]
) -> tuple[Tensor, Tensor]:
    rows, columns = (tf.constant(each, images.dtype) for each in (row_matrix, column_matrix))
    sampled = tf.einsum("ih,nhwk,jw->nijk", rows, images, columns)
    reached = tf.reduce_sum(rows, axis=1)[:, None] * tf.reduce_sum(columns, axis=1)[None, :]
    return sampled, reached[None, :, :, None]


def sampling_matrix(size: int, step: float, middle: float | None = None) -> npt.NDArray[np.float32]:
    """Return the matrix (size, size) that samples a line about its middle, linearly.

    Args:
        size: number of cells.
        step: distance of the samples in cells; below 1 enlarges, above 1 shrinks, below 0 also flips.
        middle: the centre of the sampling, in cells from the line's begin; None: the line's middle.

    Returns:
        Row i holds the weights of sample i; they sum to 1, or to 0 where the sample lies outside.
    """
    middle = size / 2 if middle is None else middle
    places = (np.arange(size) + 0.5 - middle) * step + middle - 0.5
    matrix = np.zeros((size, size), np.float32)
    for row, place in enumerate(places):
        if not -0.5 <= place <= size - 0.5:
            continue
        below = int(np.floor(np.clip(place, 0, size - 1)))
        above = min(below + 1, size - 1)
        share = float(np.clip(place, 0, size - 1)) - below
        matrix[row, below] += 1 - share
        matrix[row, above] += share
    return matrix
