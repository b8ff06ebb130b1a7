"""Explainers and networks with known answers, for the tests of the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from networks import flattened_network

import live_gradcam as lg
from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import ScoreOf, Scores


def random_explainer(seed: int = 2, method: str = "gradcam") -> lg.Explainer:
    """An explainer of a small network with random weights, for pictures of 16×16 pixels and 3 classes."""
    return lg.Explainer(lg.load_model(flattened_network(seed=seed), preprocess="unit"), method=method)


def scores_of(explainer: lg.Explainer, class_id: int) -> ScoreOf:
    """Return the score function of one class."""

    def score(pictures: Sequence[Pixels]) -> Scores:
        found = explainer.explain_batch(pictures, targets=[class_id] * len(pictures))
        return np.array([each.top_probability(class_id) for each in map(Probabilities, found)])

    return score


class Probabilities:
    """The probabilities of an explanation by class."""

    def __init__(self, explanation: lg.Explanation) -> None:
        self._by_class = {each.class_id: each.probability for each in explanation.top}

    def top_probability(self, class_id: int) -> float:
        found = self._by_class[class_id]
        assert found is not None
        return found


def window_network(size: int, row: int, column: int, side: int) -> Any:
    """A network that sees only a window of the picture: class 0 if it is bright, class 1 if it is dark.

    The feature map has the picture's resolution; the dense layer's weights are 0 outside the window.
    """
    image = keras.Input((size, size, 3))
    x = keras.layers.Conv2D(1, 1, use_bias=False, activation="relu", name="brightness")(image)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(2, activation="softmax", name="head")(x)
    network = keras.Model(image, x, name="window")
    network.get_layer("brightness").set_weights([np.full((1, 1, 3, 1), 1 / 3, np.float32)])
    weights = np.zeros((size, size, 2), np.float32)
    weights[row : row + side, column : column + side, 0] = 12 / side**2
    network.get_layer("head").set_weights([weights.reshape(-1, 2), np.array([-3.0, 0.0], np.float32)])
    return network
