from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from networks import flattened_network, nested_network

import live_gradcam as lg
from live_gradcam.errors import ModelError
from live_gradcam.models.network_copies import RANDOM_SHARES, randomised_copies


def test_more_and_more_layers_are_random_from_the_last_on_and_the_model_is_untouched() -> None:
    model = lg.load_model(nested_network(), preprocess="unit")
    before = [each.copy() for each in model.network.get_weights()]
    copies = randomised_copies(model)
    assert len(copies) == len(RANDOM_SHARES)
    changed = []
    for copy in copies:
        after = copy.network.get_weights()
        pairs = list(zip(before, after, strict=True))
        assert all(np.array_equal(np.sort(old.ravel()), np.sort(new.ravel())) for old, new in pairs)
        # A bias of zeros stays as it is, so kernels tell.
        changed.append([not np.array_equal(old, new) for old, new in pairs if old.ndim > 1])
    # early, features, head
    assert changed == [
        [False, False, True],
        [False, False, True],
        [False, True, True],
        [True, True, True],
    ]
    assert all(np.array_equal(old, new) for old, new in zip(before, model.network.get_weights(), strict=True))


def test_the_same_seed_gives_the_same_copies() -> None:
    model = lg.load_model(flattened_network(), preprocess="unit")
    first, second, other = (
        randomised_copies(model, seed=seed)[-1].network.get_weights() for seed in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_a_network_that_cannot_be_copied_is_told_of() -> None:
    import keras

    class Own(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.features = keras.layers.Conv2D(3, 3)
            self.head = keras.layers.Dense(2, activation="softmax")

        def call(self, image: Any, training: bool = False) -> Any:
            del training
            return self.head(keras.ops.mean(self.features(image), axis=(1, 2)))

    network = Own()
    network(np.zeros((1, 8, 8, 3), np.float32))
    model = lg.load_model(network, preprocess="unit")
    with pytest.raises(ModelError, match=r"cannot be copied, and the metric randomisation needs copies"):
        randomised_copies(model)
