"""What an audit measures beside the needs: what the network used, and how much it misses the hot part."""

from __future__ import annotations

import cv2
import keras
import numpy as np
import pytest
from networks import picture, pooled_network

import live_gradcam as lg
from live_gradcam.audit import photo_values
from live_gradcam.audit.photo_folders import AuditPhoto
from live_gradcam.audit.photo_values import PhotoAudit
from live_gradcam.metrics.changed_pictures import BLUR_SHARE, heat_over

PHOTO = AuditPhoto(path=None, name="b/1.png", truth="b")  # type: ignore[arg-type]  # it is not read
CLASS = 3


def audit_of(network: keras.Model) -> PhotoAudit:
    return PhotoAudit(lg.Explainer(lg.load_model(network, labels=list("abcd"), preprocess="unit")))


def test_what_was_used_sums_to_the_logit_without_its_bias() -> None:
    network = pooled_network()
    audit = audit_of(network)
    own = picture(16, 16)
    ((_, used),) = audit.findings([audit.prepared(PHOTO, own, None, CLASS, "b")])
    features = keras.Model(network.input, network.layers[-2].output)
    means = np.asarray(features(own[None, ..., ::-1].astype(np.float32) / 255))[0]
    assert used == pytest.approx(means * network.layers[-1].kernel.numpy()[:, CLASS], abs=1e-6)


def test_the_drop_is_that_of_the_probability_with_the_hot_half_blurred() -> None:
    network = pooled_network()
    kernel, bias = network.layers[-1].get_weights()
    network.layers[-1].set_weights([60 * kernel, bias])  # so that the blur counts
    own = picture(16, 16)
    audit = audit_of(network)
    ((found, _),) = audit.findings([audit.prepared(PHOTO, own, None, CLASS, "b")])
    (explanation,) = audit._explainer.explain_batch([own], targets=[CLASS])
    assert explanation.has_evidence
    heat = heat_over(explanation, (0, 0, 16, 16), (16, 16))
    blurred = cv2.GaussianBlur(own, (0, 0), BLUR_SHARE * 16, borderType=cv2.BORDER_REPLICATE)
    changed = np.where((heat >= 0.5 * heat.max())[..., None], blurred, own)

    def probability(pixels: np.ndarray) -> float:
        return float(network(pixels[None, ..., ::-1].astype(np.float32) / 255)[0, CLASS])

    drop = probability(own) - probability(changed)
    assert drop > 0.01
    assert found.blur_drop == pytest.approx(drop, abs=1e-4)


def test_without_heat_nothing_is_blurred() -> None:
    network = pooled_network()
    network.layers[-1].set_weights([np.zeros((6, 4), np.float32), np.zeros(4, np.float32)])
    audit = audit_of(network)
    ((found, _),) = audit.findings([audit.prepared(PHOTO, picture(16, 16), None, CLASS, "b")])
    assert found.blur_drop is None


def test_a_fine_map_is_kept_at_56_cells_and_a_coarse_one_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    fine = np.random.default_rng(0).random((112, 224)).astype(np.float32)
    kept = photo_values._kept(fine)
    np.testing.assert_allclose(kept, fine.reshape(28, 4, 56, 4).mean(axis=(1, 3)), atol=1e-6)
    coarse = fine[:7, :7]
    assert photo_values._kept(coarse) is coarse
    monkeypatch.setattr(photo_values, "_CELLS", 2)
    audit = audit_of(pooled_network())
    ((found, _),) = audit.findings([audit.prepared(PHOTO, picture(16, 16), None, CLASS, "b")])
    assert found.heatmap.shape == (2, 2)
