"""The original article's Grad-CAM, step by step, as a baseline for the benchmark.

Grad-CAM in Keras is usually written this way: predict, run a second pass for the gradient, then loop over the channels.
Only the benchmark uses it.
"""

from __future__ import annotations

import cv2
import keras
import numpy as np
import tensorflow as tf

from live_gradcam.explain.array_types import Numbers
from live_gradcam.explain.traced_network import constant_weights
from live_gradcam.explanation import HeatMap
from live_gradcam.frame import Pixels
from live_gradcam.models.model import Model
from live_gradcam.models.type_names import Tensor, Tensors


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

        def activations_and_weights(picture: Tensor, class_id: Tensor) -> tuple[Tensor, Tensor]:
            with tf.GradientTape() as tape:
                activations, probabilities = both(picture)
                score = probabilities[:, class_id]
            gradient = tape.gradient(score, activations)
            return activations, tf.reduce_mean(gradient, axis=(0, 1, 2))

        self._activations_and_weights = tf.function(activations_and_weights)

    def heatmap(self, image: Pixels) -> HeatMap:
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
    """The network alone as a `tf.function` on preprocessed pixels: the cost of a plain prediction.

    Args:
        model: a classifier.
        image: (H, W, 3) uint8 BGR of the network's input size.
        frozen: whether its weights are constants of the graph.
    """

    def __init__(self, model: Model, image: Pixels, *, frozen: bool) -> None:
        network = model.network
        self._pixels = model.preprocessing(image[None])

        def forward(pixels: Tensor) -> Tensors:
            with keras.StatelessScope(state_mapping=constant_weights(network) if frozen else []):
                return network(pixels, training=False)

        signature = [tf.TensorSpec((None, *image.shape), tf.float32)]
        self._function = tf.function(forward, signature, autograph=False).get_concrete_function()

    def __call__(self) -> Numbers:
        """Run it once and wait for the result."""
        output = self._function(self._pixels)
        return np.asarray((output[0] if isinstance(output, list | tuple) else output).numpy(), np.float32)
