"""The pixel methods: sharp maps at the input's resolution, from gradients with respect to the pixels.

In all of them x is the network's preprocessed input, x_ijc its value at pixel (i, j) in colour channel c, and y is the
explained score. Each function takes a probe of one picture. It returns one value for each pixel, (H, W) float32, and a
bound of the rounding error of the sums in it, () float32, which is 0 where nothing is added. The values of the colours
become one: the largest magnitude, as in Simonyan et al., if the map shows the strength of an influence; the sum, if the
values add up to the score.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from live_gradcam.explain.methods.chunked_loops import noisy_copies, sums_in_chunks
from live_gradcam.explain.methods.gradients import gradcam
from live_gradcam.explain.methods.method import INTEGRATION_STEPS, SMOOTHGRAD_SAMPLES
from live_gradcam.explain.methods.probe import EPSILON, Probe, RelevanceProbe
from live_gradcam.models.type_names import Tensor

CONVOLUTION_GAMMA = 0.25
"""γ of AttnLRP for convolutions, one of the values of lxt's example: by how much the shares in a result that have its
sign count more."""

DENSE_GAMMA = 0.05
"""The same for dense layers, likewise. Of 0, 0.05, 0.25 and 1 it had the best deletion on the network of
scripts/small_transformer.py."""


def saliency(probe: Probe) -> tuple[Tensor, Tensor]:
    """Return the saliency map: how strongly each pixel changes the score.

    Simonyan et al., "Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency
    Maps", 2013, arXiv:1312.6034, section 3.1:

        M_ij = max_c |∂y/∂x_ijc|

    Args:
        probe: the picture, the target and the network.

    Returns:
        M, (H, W) float32, at least 0, and a bound of its rounding error.
    """
    return _largest(probe.pixel_gradients(probe.pixels)[0]), tf.zeros(())


def smoothgrad(probe: Probe) -> tuple[Tensor, Tensor]:
    """Return the SmoothGrad map: the saliency map of the mean gradient of noisy copies.

    Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017, arXiv:1706.03825, section 2.2:

        M̂_ijc = 1/n Σ_m ∂y(x_m)/∂x_ijc        M_ij = max_c |M̂_ijc|

    with x_1 … x_n copies of the input with Gaussian noise, and n = `SMOOTHGRAD_SAMPLES`. The noise is that of
    `noisy_copies`, and the same each time. The signed gradients are averaged; M is the magnitude of their mean.

    Args:
        probe: the picture, the target and the network.

    Returns:
        M, (H, W) float32, at least 0, and a bound of its rounding error.
    """

    def gradients(numbers: Tensor) -> tuple[Tensor, Tensor]:
        found = probe.pixel_gradients(noisy_copies(probe.pixels, numbers))
        return tf.reduce_sum(found, axis=0), tf.reduce_sum(tf.abs(found), axis=0)

    total, spread = sums_in_chunks(SMOOTHGRAD_SAMPLES, [probe.pixels[0]] * 2, gradients)
    return _largest(total / SMOOTHGRAD_SAMPLES), EPSILON * tf.reduce_max(spread)


def integrated_gradients(probe: Probe) -> tuple[Tensor, Tensor]:
    """Return the Integrated Gradients map: how much each pixel adds to the score, compared with a black picture.

    Sundararajan et al., "Axiomatic Attribution for Deep Networks", 2017, arXiv:1703.01365, equation 1:

        M_ij = Σ_c (x_ijc − x'_ijc) ∫₀¹ ∂y(x' + t (x − x'))/∂x_ijc dt

    with x' the baseline: a black picture, preprocessed as x is. The map is signed, and summed over the colours so
    that it is complete: its sum over the pixels is y(x) − y(x').

    The integral is computed by the Gauss–Legendre rule at `INTEGRATION_STEPS` points. For smooth networks the rule is
    exact to float32. The gradient jumps at a ReLU's kink; the error of that falls with the number of points.

    Args:
        probe: the picture, the target and the network.

    Returns:
        M, (H, W) float32, signed, and a bound of its rounding error.
    """
    nodes, node_weights = np.polynomial.legendre.leggauss(INTEGRATION_STEPS)  # on [−1, 1]
    places = tf.constant((nodes + 1) / 2, tf.float32)[:, None, None, None]
    weights = tf.constant(node_weights / 2, tf.float32)[:, None, None, None]
    black = probe.black
    way = probe.pixels - black

    def gradients(numbers: Tensor) -> tuple[Tensor, Tensor]:
        found = tf.gather(weights, numbers) * probe.pixel_gradients(black + tf.gather(places, numbers) * way)
        return tf.reduce_sum(found, axis=0), tf.reduce_sum(tf.abs(found), axis=0)

    integral, spread = sums_in_chunks(INTEGRATION_STEPS, [way[0]] * 2, gradients)
    error = INTEGRATION_STEPS * EPSILON * tf.reduce_max(tf.reduce_sum(tf.abs(way[0]) * spread, axis=-1))
    return tf.reduce_sum(way[0] * integral, axis=-1), error


def attnlrp(probe: RelevanceProbe) -> tuple[Tensor, Tensor]:
    """Return the AttnLRP map: the part of the score that each pixel is relevant for.

    Achtibat et al., "AttnLRP: Attention-Aware Layer-Wise Relevance Propagation for Transformers", 2024,
    arXiv:2402.05602. Only its abstract and introduction could be read; the rules are those of the authors' package
    lxt 2.1, and of zennit 0.5.1, which it uses for vision transformers. The score is handed back through the network as
    relevance R, from the result of each operation to its arguments:

        R_i = Σ_j (p_ij + γ p⁺_ij) / (b_j + γ b⁺_j + Σ_k (p_kj + γ p⁺_kj)) R_j
        R_ik = 1/2 Σ_j u_ik v_kj / z_ij R_ij
        R_x = x (R_s − s Σ R_s)
        R_x = R_f
        M_ij = Σ_c R_ijc

    The first holds for dense layers and convolutions, j their results b_j + Σ_i p_ij, with p_ij = x_i w_ij and p⁺ that
    part of p which has the sign of the result; γ is `DENSE_GAMMA` and `CONVOLUTION_GAMMA`. The second is for a product
    z = u v of two results of the network, as in attention, and likewise for v; the third for a softmax s of x; the
    fourth for a function f of each x, such as GELU, and for normalisations, whose deviation counts as a constant. M is
    the relevance of the pixels once they are shifted and scaled, in the network or before it.

    Args:
        probe: the picture, the target and the network.

    Returns:
        M, (H, W) float32, signed, and a bound of its rounding error.
    """
    found = probe.pixel_relevance(convolution=CONVOLUTION_GAMMA, dense=DENSE_GAMMA)
    return tf.reduce_sum(found, axis=-1), EPSILON * tf.reduce_max(tf.reduce_sum(tf.abs(found), axis=-1))


def guided_backprop(probe: Probe) -> tuple[Tensor, Tensor]:
    """Return the guided backpropagation map.

    Springenberg et al., "Striving for Simplicity: The All Convolutional Net", 2014, arXiv:1412.6806, section 3.4:
    the gradient of y, where each ReLU f passes back

        R_l = 1[f_l > 0] 1[R_(l+1) > 0] R_(l+1)

    with R_(l+1) the gradient from the layer above: only positive values, and only where the ReLU is active. A ReLU6 is
    inactive at 6, too. The paper shows the three colours of the result R; here M_ij = max_c |R_ijc|.

    Args:
        probe: the picture, the target and the network.

    Returns:
        M, (H, W) float32, at least 0, and a bound of its rounding error.
    """
    return _guided(probe), tf.zeros(())


def guided_gradcam(probe: Probe) -> tuple[Tensor, Tensor]:
    """Return the Guided Grad-CAM map: guided backpropagation times Grad-CAM.

    Selvaraju et al. 2016, arXiv:1610.02391, section 3.2:

        M_ij = max_c |R_ijc| · Up(L)_ij

    with R of guided backpropagation, L Grad-CAM's map after its ReLU, and Up bilinear upsampling to the pixels that
    the layer's cells see. As Up(L) is not negative, the colours may be joined before or after the product.

    Args:
        probe: the picture, the target and the network.

    Returns:
        M, (H, W) float32, at least 0, and a bound of its rounding error.
    """
    activations, gradients = probe.activations, probe.gradients
    coarse = tf.nn.relu(gradcam(activations, gradients))
    guided = _guided(probe)
    spread = tf.reduce_max(gradcam(tf.abs(activations), tf.abs(gradients)))
    share = probe.gradient_epsilon + EPSILON * int(activations.shape[-1])
    return guided * probe.over_pixels(coarse)[0], share * spread * tf.reduce_max(guided)


def _guided(probe: Probe) -> Tensor:
    """Return max_c |R_ijc| of guided backpropagation, (H, W) float32."""
    return _largest(probe.pixel_gradients(probe.pixels, guided=True)[0])


def _largest(gradient: Tensor) -> Tensor:
    """Return max_c |gradient|, (H, W), of (H, W, channels)."""
    return tf.reduce_max(tf.abs(gradient), axis=-1)
