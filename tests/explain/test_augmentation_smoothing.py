"""Augmentation smoothing is the mean of the maps of flipped and enlarged copies, each laid back in its place."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from networks import flattened_network, picture

import live_gradcam as lg
from live_gradcam.explain.augmentation_smoothing import COPIES, ZOOMS, copies_of, merged, sampling_matrix


@pytest.mark.parametrize(("size", "step"), [(7, 1 / 1.2), (8, 1.2), (5, 1.0), (14, 0.5)])
def test_sampling_rows_sum_to_one_or_lie_outside(size: int, step: float) -> None:
    matrix = sampling_matrix(size, step)
    assert set(np.round(matrix.sum(axis=1), 5)) <= {0.0, 1.0}
    np.testing.assert_allclose(matrix, matrix[::-1, ::-1], atol=1e-6)


def test_sampling_a_ramp_gives_the_ramp_at_the_samples() -> None:
    ramp = np.arange(9, dtype=np.float64)
    np.testing.assert_allclose(sampling_matrix(9, 0.5) @ ramp, 4 + (ramp - 4) * 0.5, atol=1e-6)


def test_the_maps_of_the_copies_lie_where_the_picture_had_them() -> None:
    rows, columns = np.mgrid[0:48, 0:48]
    blob = np.exp(-((rows - 14) ** 2 + (columns - 30) ** 2) / 60).astype(np.float32)
    copies = copies_of(tf.constant(blob[None, :, :, None]))
    assert copies.shape == (COPIES, 48, 48, 1)
    back = np.asarray(merged(copies[..., 0])[0])
    assert int(back.argmax()) == 14 * 48 + 30
    np.testing.assert_allclose(back, blob, atol=0.03)


def test_smoothing_equals_the_mean_of_the_copies_maps() -> None:
    image = picture(16, 16, seed=5)
    network = flattened_network()
    smooth = lg.Explainer(lg.load_model(network, preprocess="none"), target=1, smooth="augment").explain(
        image
    )

    weights = network.layers[-1].get_weights()[0][:, 1].reshape(8, 8, 5).mean(axis=(0, 1))
    total, cover = np.zeros((8, 8)), np.zeros((8, 8))
    for flip in (False, True):
        for zoom in ZOOMS:
            rgb = image[..., ::-1].astype(np.float64)
            enlarge = sampling_matrix(16, 1 / zoom)
            copy = np.einsum("ih,hwk,jw->ijk", enlarge, rgb, enlarge)
            copy = copy[:, ::-1] if flip else copy
            features = np.asarray(network.get_layer("features")(copy[None].astype(np.float32))[0], np.float64)
            each = np.maximum((features * weights).sum(axis=-1), 0)
            each = each[:, ::-1] if flip else each
            back = sampling_matrix(8, zoom)
            total += back @ each @ back.T
            cover += np.outer(back.sum(axis=1), back.sum(axis=1))
    expected = total / cover
    assert expected.max() > 0
    np.testing.assert_allclose(smooth.raw_heatmap, expected, atol=1e-4 * expected.max())


def test_smoothing_a_method_of_many_passes_is_refused() -> None:
    model = lg.load_model(flattened_network(), preprocess="unit")
    with pytest.raises(lg.LiveGradcamError, match="scorecam does not go with augmentation smoothing"):
        lg.Explainer(model, method="scorecam", smooth="augment")
