"""The part of a network up to its last feature map, which is pooled: what a new head is put on."""

from __future__ import annotations

import keras

from live_gradcam.errors import ModelError
from live_gradcam.models.type_names import Network


def features_network(network: Network, name: str) -> Network:
    """Return the network up to the input of its last global average pooling, (N, h, w, F).

    The layers are shared with the network, which stays as it is.

    Args:
        network: functional or `Sequential`, built.
        name: the model's name, for messages.

    Raises:
        ModelError: it has no global average pooling at its end, or is subclassed.
    """
    pooled = [each for each in network.layers if isinstance(each, keras.layers.GlobalAveragePooling2D)]
    if not pooled or not getattr(network, "inputs", None):
        raise ModelError(
            f"{name} cannot be taught: its end is no global average pooling and a dense layer. "
            "Take the default network, or MobileNetV2, ResNet50, DenseNet121 or EfficientNetB0."
        )
    return keras.Model(network.inputs, pooled[-1].input, name=f"{network.name}_features")
