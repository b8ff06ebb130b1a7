"""Explain a Keras network of your own, for a class that you choose, at a layer that you choose.

    python examples/own_network.py photo.jpg explained.png

Put your network in the place of this one. It is never changed: no layer is added, and its weights stay as they are.
"""

import sys

import cv2
import keras

import live_gradcam as lg

photo, out = sys.argv[1:3]
network = keras.Sequential(
    [
        keras.Input((96, 96, 3)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(16, 3, strides=2, activation="relu", name="edges"),
        keras.layers.Conv2D(32, 3, strides=2, activation="relu", name="parts"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(2, activation="softmax"),
    ]
)
model = lg.load_model(network, labels=["elephant", "giraffe"], preprocess="auto")
explainer = lg.Explainer(model, method="layercam", layer="parts", target="giraffe")
image = cv2.imread(photo)
explanation = explainer.explain(image)
print(f"{explanation.target.label} at {explanation.layer}: a map of {explanation.raw_heatmap.shape}")
cv2.imwrite(out, lg.draw(image, explanation))
