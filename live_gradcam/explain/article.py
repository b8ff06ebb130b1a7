"""The seed article's procedure, step by step: what the benchmark compares with.

It is how Grad-CAM in Keras is usually written: predict, then a second pass for the gradient, then a loop over the
channels. Nothing in the product uses it.
"""

from __future__ import annotations

from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from live_gradcam.explain.traced_network import constant_weights
from live_gradcam.frame import Pixels
from live_gradcam.models.model import Model


class ArticleGradCAM:
    """Grad-CAM of the most probable class in six steps: softmax score, mean over channels, jet, 0.6/0.4.

    Args:
        model: a classifier whose network is one functional graph.
        layer: name of the last convolution, such as `block5_conv3`.
    """

    def __init__(self, model: Model, layer: str) -> None:
        self._model = model
        network = model.network
        both = keras.Model(network.inputs, [network.get_layer(layer).output, network.output])

        def activations_and_weights(picture: Any, class_id: Any) -> tuple[Any, Any]:  # noqa: ANN401 - tensors
            with tf.GradientTape() as tape:
                activations, probabilities = both(picture)
                score = probabilities[:, class_id]
            gradient = tape.gradient(score, activations)
            return activations, tf.reduce_mean(gradient, axis=(0, 1, 2))

        self._activations_and_weights = tf.function(activations_and_weights)

    def heatmap(self, image: Pixels) -> npt.NDArray[np.float32]:
        """Return the map, (h, w) float32, divided by its maximum: steps 1 to 5."""
        height, width = self._model.input_size
        picture = np.asarray(self._model.preprocessing(cv2.resize(image, (width, height))[None]))
        class_id = int(np.argmax(self._model.network.predict(picture, verbose=0)[0]))
        activations, weights = self._activations_and_weights(tf.constant(picture), tf.constant(class_id))
        scaled = np.array(activations[0])
        for channel, weight in enumerate(np.array(weights)):
            scaled[:, :, channel] *= weight
        heatmap = np.maximum(scaled.mean(axis=-1), 0)
        return np.asarray(heatmap / heatmap.max(), np.float32)

    def picture(self, image: Pixels) -> Pixels:
        """Return the picture with the heat on it: steps 1 to 6."""
        height, width = image.shape[:2]
        heat = cv2.resize(self.heatmap(image), (width, height))
        coloured = cv2.applyColorMap(np.asarray(255 * heat).astype(np.uint8), cv2.COLORMAP_JET)
        return np.asarray(cv2.addWeighted(image, 0.6, coloured, 0.4, 0), np.uint8)


class BareForward:
    """The network alone, as a `tf.function` on pixels that are ready: what a plain prediction costs.

    Args:
        model: a classifier.
        image: (H, W, 3) uint8 BGR of the network's input size.
        frozen: whether its weights are constants of the graph.
    """

    def __init__(self, model: Model, image: Pixels, *, frozen: bool) -> None:
        network = model.network
        self._pixels = model.preprocessing(image[None])

        def forward(pixels: Any) -> Any:  # noqa: ANN401 - tensors
            with keras.StatelessScope(state_mapping=constant_weights(network) if frozen else []):
                return network(pixels, training=False)

        signature = [tf.TensorSpec((None, *image.shape), tf.float32)]
        self._function = tf.function(forward, signature, autograph=False).get_concrete_function()

    def __call__(self) -> Any:  # noqa: ANN401 - the network's output as an array
        """Run it once and wait for the result."""
        output = self._function(self._pixels)
        return (output[0] if isinstance(output, list | tuple) else output).numpy()
