"""Grad-CAM: channels weighted by the mean of their gradient."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any


def gradcam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return the Grad-CAM map before its ReLU.

    Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", 2016,
    equations 1 and 2:

        α_k = 1/Z Σ_ij ∂y/∂A^k_ij        L = ReLU(Σ_k α_k A^k)

    with A^k the k-th channel of the layer's activation, y the score of the class, Z = h·w the number of places,
    and α_k the channel's weight.

    Args:
        activations: A, (N, h, w, K) float32.
        gradients: ∂y/∂A, the same shape.

    Returns:
        Σ_k α_k A^k, (N, h, w) float32, signed: the caller applies the ReLU.
    """
    weights = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)
    return tf.reduce_sum(weights * activations, axis=-1)
