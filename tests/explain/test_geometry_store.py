"""What was measured is kept on disk, and found again for the same network only."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from spotting import Cut, spot

import live_gradcam as lg
from live_gradcam.explain import geometry_store
from live_gradcam.explain.geometry_store import GeometryStore, key_of
from live_gradcam.explain.layer_calls import tracing_lock
from live_gradcam.explain.map_geometry import Geometry

L = keras.layers
GEOMETRY = Geometry((-0.125, 0.25, 1.5, 0.75), (0.0, 0.25, 1.0, 0.75))
KEY = "ab" * 32


def network(prepare: Callable[[Any], Any], *, size: int = 48, seed: int = 1) -> Any:
    """A network whose maps have to be measured."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((size, size, 3))
    x = L.Conv2D(4, 3, padding="same", name="last")(Cut(prepare)(image))
    return keras.Model(image, L.Dense(2, activation="softmax")(L.GlobalAveragePooling2D()(x)))


def mirrored(x: Any) -> Any:
    return tf.reverse(x[:, 12:], [2])


def key(made: Any) -> str:
    """The key of a network's layer `last`, traced anew."""
    inner = keras.Model(made.input, made.get_layer("last").output)
    found: list[Any] = []

    def look(pixels: Any) -> Any:
        found.append(inner(pixels, training=False))
        return found[-1]

    with tracing_lock:
        graph = tf.function(look, autograph=False).get_concrete_function(
            tf.TensorSpec((None, *made.input_shape[1:]), tf.float32)
        )
    assert graph.outputs
    return key_of(made, found[-1])


def test_what_is_kept_is_found_by_another_program(tmp_path: Path) -> None:
    assert GeometryStore(tmp_path).find(KEY) is None
    GeometryStore(tmp_path / "new").keep(KEY, GEOMETRY)
    assert GeometryStore(tmp_path / "new").find(KEY) == GEOMETRY
    assert [path.name for path in (tmp_path / "new").iterdir()] == [f"{KEY}.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b"null",
        b"[1, 2]",
        b'{"extent": [0, 0, 1, 1]}',
        b'{"extent": [0, 0, 1], "seen": [0, 0, 1, 1]}',
        b'{"extent": [0, 0, NaN, 1], "seen": [0, 0, 1, 1]}',
        b'{"extent": [0, 0, 1e9, 1], "seen": [0, 0, 1, 1]}',
        b'{"extent": [0.5, 0, 0.5, 1], "seen": [0, 0, 1, 1]}',
        b'{"extent": [0, 0, "x", 1], "seen": [0, 0, 1, 1]}',
        b'{"extent": 3, "seen": [0, 0, 1, 1]}',
    ],
)
def test_a_damaged_file_is_ignored_and_written_again(tmp_path: Path, content: bytes) -> None:
    store = GeometryStore(tmp_path)
    (tmp_path / f"{KEY}.json").write_bytes(content)
    assert store.find(KEY) is None
    store.keep(KEY, GEOMETRY)
    assert store.find(KEY) == GEOMETRY


def test_where_nothing_can_be_written_nothing_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    store = GeometryStore(tmp_path / "file")
    store.keep(KEY, GEOMETRY)
    assert store.find(KEY) is None
    assert caplog.messages == []


def test_the_oldest_files_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry_store, "MOST_KEPT", 3)
    store = GeometryStore(tmp_path)
    for number in range(5):
        store.keep(str(number), GEOMETRY)
        os.utime(tmp_path / f"{number}.json", (number, number))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2.json", "3.json", "4.json"]


def test_the_same_network_has_the_same_key_and_any_other_another() -> None:
    one = key(network(mirrored))
    assert key(network(mirrored)) == one
    tilted = network(mirrored)
    tilted.get_layer("last").bias.assign([0, 0, 1e-3, 0])
    in_function = tf.function(mirrored)
    others = [
        key(tilted),
        key(network(mirrored, size=64)),
        key(network(mirrored, seed=2)),
        key(network(lambda x: tf.reverse(x[:, 13:], [2]))),
        key(network(lambda x: tf.reverse(x[:, 12:], [1]))),
        key(network(in_function)),
        key(network(tf.function(lambda x: tf.reverse(x[:, 13:], [2])))),
    ]
    assert len({one, *others}) == 8
    assert key(network(tf.function(mirrored))) == key(network(tf.function(mirrored))) == others[5]


def test_a_network_is_measured_once_and_not_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(geometry_store, "user_cache_path", lambda *_, **__: tmp_path)
    image = spot((48, 48), (30, 30))
    first = lg.Explainer(lg.load_model(network(mirrored), preprocess="none"), target=0).explain(image)
    (kept,) = (tmp_path / "geometry").iterdir()
    assert json.loads(kept.read_bytes())["seen"] == pytest.approx([0, 0.25, 1, 1])
    monkeypatch.setattr("live_gradcam.explain.geometry_by_gradients.measured_geometry", None)
    second = lg.Explainer(lg.load_model(network(mirrored), preprocess="none"), target=0).explain(image)
    assert second.region == first.region
    assert second.inset == first.inset
    np.testing.assert_array_equal(second.heatmap, first.heatmap)


def test_what_could_not_be_measured_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry_store, "user_cache_path", lambda *_, **__: tmp_path)
    monkeypatch.setattr("live_gradcam.explain.geometry_by_gradients.measured_geometry", lambda *_: None)
    model = lg.load_model(network(mirrored), preprocess="none")
    assert lg.Explainer(model, target=0).explain(spot((48, 48), (30, 30))).inset == (0.0, 0.0, 1.0, 1.0)
    assert list(tmp_path.iterdir()) == []
