"""Computes raw maps from activations and gradients, and fuses the maps of several layers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import tensorflow as tf

from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.feature_map import Activation
from live_gradcam.explain.map_geometry import Geometry, laying_matrix
from live_gradcam.explain.methods.method import Method
from live_gradcam.explain.methods.probe import EPSILON
from live_gradcam.explain.pooled_head import pooled_tail
from live_gradcam.explanation import WHOLE, Inset
from live_gradcam.models.type_names import Tensor

_EPSILONS = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
"""The same by dtype; maps are computed in float32, so float64 gains nothing."""

_STEPS = {"float16": 2.0**-24}
"""The distance of neighbouring numbers near 0, by dtype; that of the other types is far below any gradient."""


def epsilon_of(*tensors: Tensor) -> float:
    """Return the rounding error of the coarsest of some tensors' dtypes, as a share of a number."""
    return max(_EPSILONS.get(each.dtype.name, EPSILON) for each in tensors)


def step_of(*tensors: Tensor) -> float:
    """Return the rounding error near 0 of the coarsest of some tensors' dtypes."""
    return max(_STEPS.get(each.dtype.name, 0.0) for each in tensors)


def raw_map(
    method: Method, activation: Activation, features: Tensor, slope: Tensor, scores: Tensor
) -> tuple[Tensor, Tensor]:
    """Return a one-pass method's maps, (N, h, w) float32, and whether each has evidence, (N,) bool.

    Args:
        method: of the gradient or activation family.
        activation: the target layer's activation.
        features: A, the activation as a map, (N, h, w, K) float32.
        slope: ∂y/∂A, likewise; None for methods that look at activations only.
        scores: the differentiated scores, for methods that need a certain kind of network; None for a score function
            of the user's.
    """
    if method.needs_pooling:
        _check_pooled(activation, scores)
    given = (features, slope) if method.looks_at_gradient else (features,)
    signed = method.function(*given)
    # The same sum without cancellation bounds the map's rounding error. A principal component is a sum over K of unit
    # weights, so the length of the features bounds it.
    origins = [activation.tensor] if scores is None else [activation.tensor, scores]
    step = step_of(*origins) if method.looks_at_gradient else 0.0
    if method.bounded_by_length:
        product = features * slope if method.looks_at_gradient else features
        magnitude = tf.reduce_max(tf.norm(product, axis=-1), axis=(1, 2))
        least = step * tf.reduce_max(tf.norm(features, axis=-1), axis=(1, 2))
    else:
        bare = [tf.abs(each) for each in given]
        sums = method.function(*bare)
        # A function of somebody else may subtract, and then the sums are negative.
        magnitude = tf.reduce_max(sums if method.own is None else tf.abs(sums), axis=(1, 2))
        least = (
            tf.reduce_max(method.function(bare[0], tf.fill(tf.shape(slope), step)), axis=(1, 2))
            if step
            else 0.0
        )
    noise = (epsilon_of(*origins) + EPSILON * int(features.shape[-1])) * magnitude + least
    raw = tf.nn.relu(signed) if method.rectified else signed
    return raw, evident(signed, raw, noise)


def evident(signed: Tensor, raw: Tensor, noise: Tensor) -> Tensor:
    """Return whether maps have evidence, (N,) bool: whether they are finite, and their peak exceeds rounding errors.

    Args:
        signed: (N, h, w) float32 before ReLU, which keeps NaN on some devices and turns it to 0 on others.
        raw: (N, h, w) float32 after ReLU, if the method has one.
        noise: (N,) float32: bounds of the maps' rounding errors.
    """
    finite = tf.reduce_all(tf.math.is_finite(signed), axis=(1, 2))
    return finite & (tf.reduce_max(tf.abs(raw), axis=(1, 2)) > noise)


def fused(
    maps: Sequence[tuple[Tensor, Tensor]],
    fusion: str,
    *,
    laid_out: tuple[Sequence[Geometry], Geometry, tuple[int, int]] | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the fused map of several layers.

    Each map is clipped at zero, divided by its maximum, and resized to the size of the finest map. The mean and the
    maximum have evidence if any map has; the product, if all maps have, and there is a place where none is zero.

    Args:
        maps: raw maps (N, h, w) and evidence (N,) of each layer.
        fusion: `mean`, `max` or `product`.
        laid_out: the geometry of each map, and geometry and (rows, columns) of the fused map; None: all maps cover
            the input.
    """
    if len(maps) == 1:
        return maps[0]
    geometries = [None] * len(maps) if laid_out is None else laid_out[0]
    height = max(raw.shape[1] for raw, _ in maps)
    width = max(raw.shape[2] for raw, _ in maps)
    shares = []
    for (raw, evidence), geometry in zip(maps, geometries, strict=True):
        positive = tf.where(evidence[:, None, None], tf.nn.relu(raw), 0.0)
        share = tf.math.divide_no_nan(positive, tf.reduce_max(positive, axis=(1, 2), keepdims=True))
        if geometry is None or laid_out is None:
            shares.append(tf.image.resize(share[..., None], (height, width))[..., 0])
        else:
            _, common, size = laid_out
            shares.append(laid(share, geometry.extent, size, common.extent, fading=True))
    evidences = tf.stack([evidence for _, evidence in maps])
    if fusion == "product":
        product = reduce(tf.multiply, shares)
        return product, tf.reduce_all(evidences, axis=0) & (tf.reduce_max(product, axis=(1, 2)) > 0)
    stacked = tf.stack(shares)
    raw = tf.reduce_max(stacked, axis=0) if fusion == "max" else tf.reduce_mean(stacked, axis=0)
    return raw, tf.reduce_any(evidences, axis=0)


def laid(
    maps: Tensor,
    extent: Inset,
    size: tuple[int, int],
    span: Inset = WHOLE,
    *,
    fading: bool = False,
) -> Tensor:
    """Return maps (N, h, w) interpolated linearly over a part of the network's input: (N, rows, columns) float32.

    Args:
        maps: with static h and w.
        extent: where the maps lie on the input.
        size: (rows, columns) of the result.
        span: the part of the input that the result covers.
        fading: whether the maps fall to zero within half a cell beyond their border; else their last cells continue.
    """
    rows, columns = (
        tf.constant(
            laying_matrix(
                int(maps.shape[axis]),
                _side(extent, axis),
                size[axis - 1],
                _side(span, axis),
                fading=fading,
            )
        )
        for axis in (1, 2)
    )
    return tf.einsum("yi,nij,xj->nyx", rows, maps, columns)


def _side(box: Inset, axis: int) -> tuple[float, float]:
    """Return the begin and end of a box along the rows (axis 1) or the columns (axis 2) of maps."""
    left, top, right, bottom = box
    return (top, bottom) if axis == 1 else (left, right)


def _check_pooled(activation: Activation, scores: Tensor) -> None:
    """Check that the scores are a dense layer on the mean of the activation, which CAM is defined for.

    Raises:
        LiveGradcamError: they are not.
    """
    if pooled_tail(scores, activation.tensor) is None:
        raise LiveGradcamError(
            "cam needs a network that ends in global average pooling and one dense layer, and the layer before "
            "the pooling. Take gradcam, which gives the same map there and works elsewhere too."
        )
