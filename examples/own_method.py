"""Explain a photo with a method of your own: Grad-CAM whose weights count only the gradients that raise the score.

    python examples/own_method.py photo.jpg explained.png

As a plug-in, the same function makes `--method positive` work in every command: docs/plugins.md.
"""

import sys

import cv2
import tensorflow as tf

import live_gradcam as lg


def positive(activations: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
    """Return the maps ReLU(Σ_k α_k A^k) with α_k the mean of ReLU(∂y/∂A^k) over the places: (N, h, w) float32."""
    weights = tf.reduce_mean(tf.nn.relu(gradients), axis=(1, 2), keepdims=True)
    return tf.nn.relu(tf.reduce_sum(weights * activations, axis=-1))


if __name__ == "__main__":
    explainer = lg.Explainer(lg.load_model("efficientnet-lite0"), method=positive)
    image = cv2.imread(sys.argv[1])
    explanation = explainer.explain(image)
    print(f"{explanation.target.label}, explained by {explanation.method}")
    cv2.imwrite(sys.argv[2], lg.draw(image, explanation))
