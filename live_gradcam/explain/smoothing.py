"""Augmentation smoothing: the mean of the maps of flipped and enlarged copies, each laid back on the picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Tensor = Any

ZOOMS = (1.0, 1.1, 1.2)
"""By how much the copies are enlarged about the middle; each is flipped, too."""

COPIES = 2 * len(ZOOMS)
"""How many copies of a picture are looked at, the picture itself the first of them."""


def copies_of(pixels: Tensor) -> Tensor:
    """Return (COPIES·N, H, W, 3) for pictures (N, H, W, 3): each zoom, and each zoom flipped."""
    zoomed = [_resampled(pixels, 1.0 / zoom)[0] for zoom in ZOOMS]
    return tf.concat(zoomed + [tf.reverse(each, axis=[2]) for each in zoomed], axis=0)


def merged(maps: Tensor) -> Tensor:
    """Return the mean (N, h, w) of the maps (COPIES·N, h, w) of `copies_of`, laid back on the picture.

    Where an enlarged copy did not reach, the others count alone.
    """
    parts = tf.split(maps[..., None], COPIES, axis=0)
    parts = parts[: len(ZOOMS)] + [tf.reverse(each, axis=[2]) for each in parts[len(ZOOMS) :]]
    laid = [_resampled(part, zoom) for part, zoom in zip(parts, 2 * ZOOMS, strict=True)]
    total, cover = (
        tf.add_n([tf.broadcast_to(each, tf.shape(parts[0])) for each in side])
        for side in zip(*laid, strict=True)
    )
    return (total / cover)[..., 0]


def _resampled(images: Tensor, step: float) -> tuple[Tensor, Tensor]:
    """Return images (N, h, w, K) sampled about the middle at distances `step`, and how much each place got."""
    if step == 1.0:
        return images, tf.ones_like(images[:1, :, :, :1])
    rows = tf.constant(sampling_matrix(images.shape[1], step), images.dtype)
    columns = tf.constant(sampling_matrix(images.shape[2], step), images.dtype)
    sampled = tf.einsum("ih,nhwk,jw->nijk", rows, images, columns)
    reached = tf.reduce_sum(rows, axis=1)[:, None] * tf.reduce_sum(columns, axis=1)[None, :]
    return sampled, reached[None, :, :, None]


def sampling_matrix(size: int, step: float) -> npt.NDArray[np.float32]:
    """Return the matrix (size, size) that samples a line about its middle, linearly.

    Args:
        size: number of cells.
        step: distance of the samples in cells; below 1 enlarges, above 1 shrinks.

    Returns:
        Row i holds the weights of sample i; they sum to 1, or to 0 where the sample lies outside.
    """
    places = (np.arange(size) + 0.5 - size / 2) * step + size / 2 - 0.5
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
