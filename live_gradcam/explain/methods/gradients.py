"""The gradient methods: maps from a layer's activation and the score's gradient, of one forward and one backward pass.

In all of them A^k_ij is channel k of the layer's activation at place (i, j) of h × w, y is the explained score (S in
Grad-CAM++), and G^k_ij = ∂y/∂A^k_ij. Each function takes A and G, both (N, h, w, K) float32, and returns the map L,
(N, h, w) float32, before the final ReLU of some papers, which the caller applies.
"""

from __future__ import annotations

import tensorflow as tf

from live_gradcam.explain.methods.principal_component import as_map, as_points, centred, projection
from live_gradcam.models.type_names import Tensor


def gradcam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return the Grad-CAM map.

    Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", 2016,
    arXiv:1610.02391, equations 1 and 2:

        α_k = 1/Z Σ_ij G^k_ij        L = ReLU(Σ_k α_k A^k)

    with α_k the channel's weight and Z = h·w the number of places.

    Args:
        activations: A, (N, h, w, K) float32.
        gradients: G = ∂y/∂A, the same shape.

    Returns:
        Σ_k α_k A^k, (N, h, w) float32, signed.
    """
    weights = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)
    return tf.reduce_sum(weights * activations, axis=-1)


def gradcam_pp(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return the Grad-CAM++ map, up to a positive factor.

    Chattopadhay et al., "Grad-CAM++: Improved Visual Explanations for Deep Convolutional Networks", 2017,
    arXiv:1710.11063, for Y = exp(S), equations 5 and 19, where G = ∂S/∂A:

        α^k_ij = (G^k_ij)² / (2 (G^k_ij)² + Σ_ab A^k_ab (G^k_ij)³)
        w_k = Σ_ij α^k_ij ReLU(∂Y/∂A^k_ij) = exp(S) Σ_ij α^k_ij ReLU(G^k_ij)        L = ReLU(Σ_k w_k A^k)

    The factor exp(S) is left out: it is positive and the same for all places and channels, and it overflows for large
    scores. The third power is of the gradient at (i, j); the sum over (a, b) is of the activation alone.

    α is computed as 1 / (2 + G^k_ij Σ_ab A^k_ab), which is equal wherever G is not zero, and does not underflow. If G
    is zero, the equation is 0/0, and ReLU(G) makes the term zero. If the denominator is zero, which needs a channel
    whose activations sum to less than zero, α is taken as zero.

    The authors' code divides α by its sum over the places whose gradient is positive, too; the equations do not.

    Args:
        activations: A, (N, h, w, K) float32.
        gradients: G = ∂S/∂A, the same shape.

    Returns:
        Σ_k w_k A^k / exp(S), (N, h, w) float32, signed.
    """
    sums = tf.reduce_sum(activations, axis=(1, 2), keepdims=True)
    weighted = tf.math.divide_no_nan(tf.nn.relu(gradients), 2.0 + sums * gradients)
    weights = tf.reduce_sum(weighted, axis=(1, 2), keepdims=True)
    return tf.reduce_sum(weights * activations, axis=-1)


def hirescam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return the HiResCAM map.

    Draelos and Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural
    networks", 2020, arXiv:2011.08891, section 3:

        L = Σ_k G^k ⊙ A^k

    with ⊙ the product place by place. There is no mean over the places, so L shows the contribution of each place: if
    the network after the layer is linear, the sum of L over the places is y less the bias. The formula has no ReLU, nor
    has the function of the authors' code; the output that they publish is clipped at zero.

    Args:
        activations: A, (N, h, w, K) float32.
        gradients: G = ∂y/∂A, the same shape.

    Returns:
        L, (N, h, w) float32, signed.
    """
    return tf.reduce_sum(gradients * activations, axis=-1)


def elementwise(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return the element-wise Grad-CAM map.

    Pillai and Pirsiavash, "Explainable Models with Consistent Interpretations", AAAI 2021, section 3:

        L = Σ_k ReLU(G^k ⊙ A^k)

    with ⊙ the product place by place: HiResCAM without the evidence against the class. The ReLU before the sum is
    pytorch-grad-cam's. The authors' code has it after the sum, ReLU(Σ_k G^k ⊙ A^k), which is HiResCAM clipped at zero,
    and divides the result by its sum over the places.

    Args:
        activations: A, (N, h, w, K) float32.
        gradients: G = ∂y/∂A, the same shape.

    Returns:
        L, (N, h, w) float32, at least 0.
    """
    return tf.reduce_sum(tf.nn.relu(gradients * activations), axis=-1)


def xgradcam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return the XGrad-CAM map.

    Fu et al., "Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs", 2020,
    arXiv:2008.02312, equation 8:

        w_k = Σ_ij (A^k_ij / Σ_ab A^k_ab) G^k_ij        L = ReLU(Σ_k w_k A^k)

    The mean of the gradient is weighted by the activation. A channel whose activations sum to zero gets no weight.

    On conv → global average → dense, G^k is the same at all places, so w_k = G^k = α_k of Grad-CAM: the two maps
    differ by the constant 1, and from CAM both by h·w.

    Args:
        activations: A, (N, h, w, K) float32.
        gradients: G = ∂y/∂A, the same shape.

    Returns:
        Σ_k w_k A^k, (N, h, w) float32, signed.
    """
    sums = tf.reduce_sum(activations, axis=(1, 2), keepdims=True)
    products = tf.reduce_sum(activations * gradients, axis=(1, 2), keepdims=True)
    return tf.reduce_sum(tf.math.divide_no_nan(products, sums) * activations, axis=-1)


def layercam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return the LayerCAM map.

    Jiang et al., "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization", IEEE TIP 2021,
    equations 6 to 8:

        w^k_ij = ReLU(G^k_ij)        L = ReLU(Σ_k w^k ⊙ A^k)

    with ⊙ the product place by place.

    Args:
        activations: A, (N, h, w, K) float32.
        gradients: G = ∂y/∂A, the same shape.

    Returns:
        Σ_k w^k ⊙ A^k, (N, h, w) float32, signed where activations are.
    """
    return tf.reduce_sum(tf.nn.relu(gradients) * activations, axis=-1)


def eigengradcam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return the EigenGrad-CAM map: the first principal component of the gradient times the activation.

    Gildenblat, pytorch-grad-cam, 2021, github.com/jacobgil/pytorch-grad-cam, which is its only definition; it
    applies Eigen-CAM (Muhammad and Yeasin 2020, arXiv:2008.00299) to G ⊙ A:

        X_(ij),k = G^k_ij A^k_ij − 1/(h·w) Σ_ab G^k_ab A^k_ab        X = U Σ Vᵀ        L = X v₁

    with v₁ the first column of V. The sign, which that code leaves to chance, is fixed so that L agrees with the sum
    over the channels, which is HiResCAM's map: Σ_ij L_ij Σ_k X_(ij),k ≥ 0. So the negative of a score has the
    negative map.

    Args:
        activations: A, (N, h, w, K) float32; h, w and K are static.
        gradients: G = ∂y/∂A, the same shape.

    Returns:
        L, (N, h, w) float32, signed; its mean is 0.
    """
    product = gradients * activations
    return as_map(projection(centred(as_points(product))), product)


def finercam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return the FinerCAM map: Grad-CAM's, for a score that is a contrast.

    Zhang et al., "Finer-CAM: Spotting the Difference Reveals Finer Details for Visual Explanation", CVPR 2025,
    arXiv:2501.11309, section 3.2, with Grad-CAM's weights:

        y = 1/T Σ_t (y^c − γ y^(d_t)) = y^c − γ/T Σ_t y^(d_t)        L = ReLU(Σ_k (1/Z Σ_ij ∂y/∂A^k_ij) A^k)

    with y^c the target's score, d_1 … d_T the T classes most like it, γ the strength of the comparison and Z = h·w.
    The rivals count equally, and their differences are added before the ReLU. The caller builds y. The rivals are the
    classes whose scores lie nearest to the target's; for the most probable class these are the next ones in rank.
    The equal weights and γ = 0.6 are those of the first commit of the authors' code. Its present version weights each
    rival by its probability and takes γ = 1, and so does pytorch-grad-cam.

    Args:
        activations: A, (N, h, w, K) float32.
        gradients: G = ∂y/∂A of the contrast, the same shape.

    Returns:
        Σ_k α_k A^k, (N, h, w) float32, signed.
    """
    return gradcam(activations, gradients)


def shapley_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return the Shapley-CAM map: Grad-CAM's, with weights from the gradient and the curvature of the score.

    Cai, "CAMs as Shapley Value-based Explainers", 2025, arXiv:2501.06261. Only its abstract could be read; the formula
    is that of the author's code (`shapley_cam_mean` in his repository, `ShapleyCAM` in pytorch-grad-cam):

        D^k_ij = G^k_ij − ½ (H A)^k_ij        w_k = 1/Z Σ_ij D^k_ij        L = ReLU(Σ_k w_k A^k)

    with H = ∂²y/∂A∂A the Hessian of the score, H A its product with the activation, and Z = h·w. Each value of the
    activation is a player of a game for the score; D ⊙ A are the players' Shapley values if y is replaced by its
    Taylor series of second order about A, and they sum to the series' y(A) − y(0).

    If y is piecewise linear in A, as a logit is after ReLUs, pooling and dense layers, then H = 0 and the map is
    Grad-CAM's: such a score has no curvature at A, and a kink is none. The default network is one of these. Curvature
    comes from smooth activation functions (SiLU, GELU, tanh), from attention and normalisation, and from the softmax
    with `score="probability"`. The author's experiments take the sum of the logit and log p for y; y here is the score
    of the settings.

    The author's code has three variants: without the mean over the places (`shapley_cam_hires`), also with a ReLU
    before the sum over the channels (`shapley_cam`), and with XGrad-CAM's weighted mean (`shapley_cam_x`).

    Args:
        activations: A, (N, h, w, K) float32.
        gradients: D = G − ½ H A, the same shape.

    Returns:
        Σ_k w_k A^k, (N, h, w) float32, signed.
    """
    weights = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)
    return tf.reduce_sum(weights * activations, axis=-1)


def cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return the class activation map of a network that ends in global average pooling and one dense layer.

    Zhou et al., "Learning Deep Features for Discriminative Localization", 2016, arXiv:1512.04150, equation 2:

        L = Σ_k w_k A^k

    with w_k the dense layer's weight from channel k to the class. As y = Σ_k w_k · 1/(h·w) Σ_ij A^k_ij + b, it is
    w_k = Σ_ij G^k_ij: L is h·w times Grad-CAM's map. The caller checks that the network ends like that. The paper has
    no ReLU.

    Args:
        activations: A, (N, h, w, K) float32.
        gradients: G = ∂y/∂A, the same shape.

    Returns:
        L, (N, h, w) float32, signed.
    """
    weights = tf.reduce_sum(gradients, axis=(1, 2), keepdims=True)
    return tf.reduce_sum(weights * activations, axis=-1)
