"""The perturbation methods: maps of a layer from many passes with changed inputs or activations.

In all of them A^k_ij is channel k of the layer's activation at place (i, j) of h × w, and y is the explained score.
Each function takes a probe of one picture. It returns the map L, (h, w) float32, before the final ReLU of the papers
that have one, which the caller applies, and a bound of its rounding error, () float32.
"""

from __future__ import annotations

import tensorflow as tf

from live_gradcam.explain.methods.chunked_loops import noisy_copies, scores_in_chunks, sums_in_chunks
from live_gradcam.explain.methods.method import SMOOTHGRADCAM_SAMPLES
from live_gradcam.explain.methods.probe import EPSILON, Probe
from live_gradcam.models.type_names import Tensor


def scorecam(probe: Probe) -> tuple[Tensor, Tensor]:
    """Return the Score-CAM map.

    Wang et al., "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks", 2019,
    arXiv:1910.01279, equations 7 to 9 and algorithm 1 (the title is that of version 2; version 1 is called "Score-CAM:
    Improved Visual Explanations Via Score-Weighted Class Activation Mapping"):

        H^k = s(Up(A^k))        S_k = y(x ⊙ H^k) − y(x_b)        α_k = exp(S_k) / Σ_l exp(S_l)
        L = ReLU(Σ_k α_k A^k)

    with x the network's input, Up bilinear upsampling to the pixels that the cells of A see,
    s(M) = (M − min M) / (max M − min M), ⊙ the product pixel by pixel, and x_b a baseline. As α is a softmax over the
    channels, y(x_b) cancels and is not computed. A channel that is the same everywhere has no s(M) and is left out, as
    in the authors' code. (tf-keras-vis and the authors' code take the class's probability for the weight and have no
    softmax over the channels.)

    All K channels are tried, `FORWARD_CHUNK` at a time.

    Args:
        probe: the picture, the target and the network.

    Returns:
        Σ_k α_k A^k, (h, w) float32, signed where activations are; and a bound of its rounding error. If each S_k errs
        by δ at most, α_k errs by the factor exp(2δ).
    """
    features = probe.activations[0]
    pixels = probe.pixels
    varied = tf.reduce_max(features, axis=(0, 1)) > tf.reduce_min(features, axis=(0, 1))
    features = tf.gather(features, tf.where(varied)[:, 0], axis=-1)

    def score(channels: Tensor) -> Tensor:
        chosen = tf.transpose(tf.gather(features, channels, axis=-1), (2, 0, 1))
        masks = probe.over_pixels(chosen)[..., None]
        lowest = tf.reduce_min(masks, axis=(1, 2), keepdims=True)
        highest = tf.reduce_max(masks, axis=(1, 2), keepdims=True)
        return probe.scores(pixels * tf.math.divide_no_nan(masks - lowest, highest - lowest))

    weights = tf.nn.softmax(scores_in_chunks(tf.shape(features)[-1], score))
    return _weighted(weights, tf.math.expm1(2.0 * probe.score_error) * weights, features)


def _weighted(weights: Tensor, errors: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
    """Return Σ_k w_k A^k, (h, w) float32, and a bound of its rounding error, () float32.

    Args:
        weights: w, (K,) float32.
        errors: bounds of the weights' errors, (K,) float32.
        features: A, (h, w, K) float32.
    """
    count = tf.cast(tf.shape(features)[-1], tf.float32)
    spread = (errors + EPSILON * count * tf.abs(weights)) * tf.abs(features)
    error = tf.reduce_max(tf.reduce_sum(spread, axis=-1))
    return tf.reduce_sum(weights * features, axis=-1), error


def ablationcam(probe: Probe) -> tuple[Tensor, Tensor]:
    """Return the Ablation-CAM map.

    Desai and Ramaswamy, "Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free
    Localization", WACV 2020, equations 5 and 6:

        w_k = (y − y_k) / |y|        L = ReLU(Σ_k w_k A^k)

    with y_k the score when channel k of the activation is set to zero. The paper divides by y, and assumes that it is
    positive. If y is negative, as a logit or a contrast may be, this would turn the map into its opposite. So the
    divisor here is |y|: a channel whose removal lowers the score counts for the class, whatever the sign of the score.

    All K channels are tried, `FORWARD_CHUNK` at a time, from the layer on, except channels that are already zero, which
    do not contribute to the map.

    Args:
        probe: the picture, the target and the network.

    Returns:
        Σ_k w_k A^k, (h, w) float32, signed, zeros where y is 0; and a bound of its rounding error.
    """
    activations = probe.activations
    present = tf.where(tf.reduce_any(activations[0] != 0, axis=(0, 1)))[:, 0]

    def score(numbers: Tensor) -> Tensor:
        kept = 1.0 - tf.one_hot(tf.gather(present, numbers), activations.shape[-1])
        return probe.scores_from(activations * kept[:, None, None, :])

    unchanged = probe.scores_from(activations)[0]
    drops = unchanged - scores_in_chunks(tf.shape(present)[0], score)
    weights = tf.math.divide_no_nan(drops, tf.abs(unchanged))
    error = tf.math.divide_no_nan(2.0 * probe.score_error, tf.abs(unchanged))
    return _weighted(weights, error * tf.ones_like(weights), tf.gather(activations[0], present, axis=-1))


def smoothgradcam_pp(probe: Probe) -> tuple[Tensor, Tensor]:
    """Return the Smooth Grad-CAM++ map.

    Omeiza et al., "Smooth Grad-CAM++: An Enhanced Inference Level Visualization Technique for Deep Convolutional
    Neural Network Models", 2019, arXiv:1908.01224, section 3:

        D_p = 1/n Σ_m (∂y(x_m)/∂A^k_ij)^p        α^k_ij = D_2 / (2 D_2 + Σ_ab A^k_ab D_3)
        w_k = Σ_ij α^k_ij ReLU(D_1)        L = ReLU(Σ_k w_k A^k)

    with x_1 … x_n copies of the input with Gaussian noise, and D_1, D_2 and D_3 the means of the first, second and
    third derivatives, which as in Grad-CAM++ are powers of the first. A is the activation for the input without
    noise, and α is 0 where its denominator is. Three notes on the paper: its numerator of α is printed with D_1,
    which would not be Grad-CAM++ when there is no noise; with Y = exp(y) each copy would count exp(y(x_m)) times,
    so that one copy would dominate the mean, so y itself is differentiated; n is left open. (torch-cam takes ReLU of
    the last copy's gradient only, and sums A times D_3 place by place.)

    n is `SMOOTHGRADCAM_SAMPLES`; the noise is that of `noisy_copies`, and the same each time.

    Args:
        probe: the picture, the target and the network.

    Returns:
        Σ_k w_k A^k, (h, w) float32, signed where activations are; and a bound of its rounding error.
    """
    features = probe.activations[0]

    def powers(numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        _, gradients = probe.derivatives(noisy_copies(probe.pixels, numbers))
        squares = tf.square(gradients)
        return tuple(tf.reduce_sum(each, axis=0) for each in (gradients, squares, squares * gradients))

    sums = sums_in_chunks(SMOOTHGRADCAM_SAMPLES, (features, features, features), powers)
    first, second, third = (each / SMOOTHGRADCAM_SAMPLES for each in sums)
    denominator = 2.0 * second + tf.reduce_sum(features, axis=(0, 1), keepdims=True) * third
    alphas = tf.math.divide_no_nan(second, denominator)
    weights = tf.reduce_sum(alphas * tf.nn.relu(first), axis=(0, 1))
    spread = tf.abs(alphas) * (probe.gradient_epsilon * tf.abs(first) + probe.gradient_step)
    return _weighted(weights, tf.reduce_sum(spread, axis=(0, 1)), features)


def reciprocam(probe: Probe) -> tuple[Tensor, Tensor]:
    """Return the Recipro-CAM map: the score that each place of the layer gives when it alone is left.

    Byun and Lee, "Recipro-CAM: Fast gradient-free visual explanations for convolutional neural networks", 2022,
    arXiv:2209.14074, and "ViT-ReciproCAM: Gradient and Attention-Free Visual Explanations for Vision Transformer",
    2023, arXiv:2310.02588. Only their abstracts could be read; the formula is that of the authors' code:

        S_ij = y(A ⊙ M^ij)        L = (S − min S) / (max S − min S)

    with M^ij the mask that is 1 for all channels at place (i, j) and 0 at all other places, and y the probability of
    the class, whatever the setting `score` says. (For values and functions of your own, y is their score.) If A is
    the tokens of a transformer, their class and register tokens stay as they are. The map is returned before the
    division.

    Variants: the authors' code can also spread the values of a place over its 3 × 3 neighbours by a Gaussian, which is
    off by default; the one for transformers in OpenVINO's toolkit weights the neighbours' own values with that
    Gaussian, and takes the logit for y. After average pooling and one dense layer, the map of the logit would be
    Grad-CAM's, shifted to begin at zero.

    All h·w places are tried, `FORWARD_CHUNK` at a time, from the layer on.

    Args:
        probe: the picture, the target and the network.

    Returns:
        S − min S, (h, w) float32, at least 0, and a bound of its rounding error.
    """
    activations = probe.activations
    height, width = activations.shape[1:3]

    def score(numbers: Tensor) -> Tensor:
        masks = tf.reshape(tf.one_hot(numbers, height * width), (-1, height, width, 1))
        return probe.scores_from(activations * masks)

    scores = tf.reshape(scores_in_chunks(height * width, score), (height, width))
    error = tf.maximum(probe.score_error, EPSILON * tf.reduce_max(tf.abs(scores)))
    return scores - tf.reduce_min(scores), 2.0 * error
