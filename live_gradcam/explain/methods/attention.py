"""The attention method: a map of the tokens from the gradients of a transformer's attention."""

from __future__ import annotations

import tensorflow as tf

from live_gradcam.explain.methods.probe import AttentionProbe
from live_gradcam.models.type_names import Tensor

_ROUNDING = 2.0**-20
"""The rounding error of a sum in float32, as a share of it."""


def legrad(probe: AttentionProbe) -> tuple[Tensor, Tensor]:
    """Return the LeGrad map: how sensitive each block's contribution to the score is to its attention.

    Bousselham et al., "LeGrad: An Explainability Method for Vision Transformers via Feature Formation Sensitivity",
    2024, arXiv:2404.03214. Only its abstract could be read; the formula is that of the authors' code:

        E_j = 1/L Σ_l 1/(n·T) Σ_h Σ_i ReLU(∂s_l/∂P_l,hij)        L_j = (E_j − min E) / (max E − min E)

    with P_l the attention probabilities of block l of L blocks, of n heads h, T query tokens i and key tokens j, of
    which the tokens on the grid are kept; and s_l the score to explain, as the network's own head computes it from the
    tokens after block l, in place of those after the last block. s_l is differentiated with respect to the attention of
    the same block. The map is returned before the division.

    All blocks count. In the authors' code, s_l is the similarity of the mean token with a text, for a transformer that
    was trained with texts, and by default only the last two blocks count; if a last attention pools the tokens, s_l is
    differentiated with respect to that attention. Here such a pooling is part of the head.

    Args:
        probe: the picture, the target and the network.

    Returns:
        E − min E, (h, w) float32, at least 0, and a bound of its rounding error.
    """
    blocks = [tf.reduce_mean(tf.nn.relu(each), axis=(0, 1)) for each in probe.attention_gradients()]
    sensitivity = tf.add_n(blocks) / len(blocks)
    return sensitivity - tf.reduce_min(sensitivity), _ROUNDING * tf.reduce_max(sensitivity)
