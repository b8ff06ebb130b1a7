"""The activation methods: maps from a layer's activation alone, of one forward pass, the same for every class.

In all of them A^k_ij is channel k of the layer's activation at place (i, j) of h × w. Each function takes A,
(N, h, w, K) float32, and returns the map L, (N, h, w) float32.
"""

from __future__ import annotations

import tensorflow as tf

from live_gradcam.errors import LayerError
from live_gradcam.explain.methods.principal_component import (
    as_map,
    as_points,
    centred,
    gram,
    largest_eigenpair,
    projection,
    signed,
)
from live_gradcam.models.type_names import Tensor

KPCACAM_OFFSET = 1.0
"""c₀ of the sigmoid kernel."""

KPCACAM_MOST_PLACES = 1024
"""Maximum number of places (h·w) in a kernel matrix. This many take a second; the time grows with the third power."""

FEM_SIGMAS = 2.0
"""κ of FEM: a channel counts at a place where it is this many standard deviations above its mean. The default of the
authors' code."""


def eigencam(activations: Tensor) -> Tensor:
    """Return the Eigen-CAM map.

    Muhammad and Yeasin, "Eigen-CAM: Class Activation Map using Principal Components", 2020, arXiv:2008.00299,
    equations 2 and 3:

        O = U Σ Vᵀ        L = O v₁

    with O the activation as a matrix, one row for each of the h·w places and one column for each of the K channels,
    and v₁ the first column of V, the direction in which the rows are largest. As in the paper, O is not centred.
    (pytorch-grad-cam centres it.) The sign, which the decomposition leaves open, is fixed so that L agrees with the
    sum of the channels: Σ_ij L_ij Σ_k A^k_ij ≥ 0. If no activation is negative, L is nowhere negative.

    Args:
        activations: A, (N, h, w, K) float32; h, w and K are static.

    Returns:
        L, (N, h, w) float32.
    """
    return as_map(projection(as_points(activations)), activations)


def kpcacam(activations: Tensor) -> Tensor:
    """Return the KPCA-CAM map: Eigen-CAM with kernel principal components.

    Karmani et al., "KPCA-CAM: Visual Explainability of Deep Computer Vision Models using Kernel PCA", 2024,
    arXiv:2410.00267, with the kernel of the authors' code (in pytorch-grad-cam), the sigmoid with γ = 1/K:

        κ_pq = tanh(γ x_p · x_q + c₀)        κ' = (1 − J) κ (1 − J)        κ' a = λ a, |a| = 1        L = √λ a

    with x_p the K activations at place p, less their mean over the places; J the matrix whose entries are all
    1/(h·w), so that κ' is centred in the kernel's space; λ the largest eigenvalue of κ' (the sigmoid kernel has
    negative ones, too) and a its eigenvector. The sign is fixed so that L agrees with the sum of the centred channels:
    Σ_p L_p Σ_k x_pk ≥ 0.

    Args:
        activations: A, (N, h, w, K) float32; h, w and K are static.

    Returns:
        L, (N, h, w) float32, signed; its mean is 0.

    Raises:
        LayerError: the layer has too many places for a kernel matrix.
    """
    height, width, channels = activations.shape[1:]
    if height * width > KPCACAM_MOST_PLACES:
        raise LayerError(
            f"kpcacam compares every place of the layer with every other, and {height}×{width} are too many "
            f"(at most {KPCACAM_MOST_PLACES} in all). Name a deeper layer, or take eigencam."
        )
    points = centred(as_points(activations))
    kernel = tf.tanh(gram(points) / channels + KPCACAM_OFFSET)
    rows = tf.reduce_mean(kernel, axis=1, keepdims=True)
    columns = tf.reduce_mean(kernel, axis=2, keepdims=True)
    eigenvalue, vector = largest_eigenpair(
        kernel - rows - columns + tf.reduce_mean(rows, axis=2, keepdims=True)
    )
    component = tf.cast(vector * tf.sqrt(tf.maximum(eigenvalue, 0.0))[:, None], tf.float32)
    return as_map(signed(component, points), activations)


def fem(activations: Tensor) -> Tensor:
    """Return the map of the feature explanation method.

    Fuad et al., "Features Understanding in 3D CNNs for Actions Recognition in Video", IPTA 2020, section III:

        B^k_ij = 1 where A^k_ij > μ_k + κ σ_k, else 0        L = Σ_k μ_k B^k

    with μ_k and σ_k the mean and the standard deviation of channel k over the places, and κ = `FEM_SIGMAS`. (In
    pytorch-grad-cam the weight is the mean of B^k, and it multiplies A^k.)

    Args:
        activations: A, (N, h, w, K) float32.

    Returns:
        L, (N, h, w) float32; negative only where means are.
    """
    means = tf.reduce_mean(activations, axis=(1, 2), keepdims=True)
    # From the deviations, not from the mean square, so that a constant channel never counts.
    deviations = activations - means
    sigmas = tf.sqrt(tf.reduce_mean(tf.square(deviations), axis=(1, 2), keepdims=True))
    strong = tf.cast(deviations > FEM_SIGMAS * sigmas, activations.dtype)
    return tf.reduce_sum(means * strong, axis=-1)
