from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
from networks import flattened_network, pooled_network

from live_gradcam.errors import ModelError
from live_gradcam.explain.explainer import Explainer
from live_gradcam.models import zoo
from live_gradcam.models.loading import load_model
from live_gradcam.models.model import Model
from live_gradcam.models.pooled_features import features_network, pooled_part
from live_gradcam.taught_head import TaughtHead
from live_gradcam.teach import saved_model
from live_gradcam.teach.saved_model import labels_path, save_taught_model, taught_network

PLAIN = """
import sys
import keras, numpy as np
network = keras.saving.load_model(sys.argv[1])
pictures = np.load(sys.argv[2])
np.save(sys.argv[3], np.stack([network(each, training=False) for each in (pictures, pictures.astype("float32"))]))
assert not any(name.startswith("live_gradcam") for name in sys.modules)
"""


def head_for(model: Model, labels: tuple[str, ...] = ("mug", "pen", "nothing"), seed: int = 5) -> TaughtHead:
    random = np.random.default_rng(seed)
    features = features_network(model).output.shape[-1]
    kernel = random.normal(scale=features**-0.5, size=(features, len(labels))).astype(np.float32)
    return TaughtHead(labels, kernel, random.normal(size=len(labels)).astype(np.float32))


def pictures_for(model: Model, count: int = 3) -> npt.NDArray[np.uint8]:
    """Pictures (N, H, W, 3) uint8 RGB."""
    return np.random.default_rng(6).integers(0, 256, (count, *model.input_size, 3), np.uint8)


def wanted(model: Model, head: TaughtHead, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The probabilities by the parts: the model's own preprocessing, its features, the head."""
    features = features_network(model)(model.preprocessing(rgb[..., ::-1]), training=False)
    return head.probabilities(np.asarray(features, np.float32))


def own_network(preprocess: str) -> Model:
    return load_model(pooled_network(), preprocess=preprocess)


@pytest.mark.lessons
def test_the_default_network_loads_in_plain_keras_with_equal_probabilities(tmp_path: Path) -> None:
    model = load_model("efficientnet-lite0")
    head, rgb = head_for(model), pictures_for(model)
    path = tmp_path / "my things.keras"
    save_taught_model(model, head, path)

    np.save(tmp_path / "in.npy", rgb)
    arguments = [str(path), str(tmp_path / "in.npy"), str(tmp_path / "out.npy")]
    subprocess.run([sys.executable, "-c", PLAIN, *arguments], check=True, cwd=tmp_path, timeout=240)
    for found in np.load(tmp_path / "out.npy"):
        np.testing.assert_allclose(found, wanted(model, head, rgb), atol=1e-5)


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    [
        "mobilenetv2",
        *(
            pytest.param(each, marks=pytest.mark.geometry)
            for each in ("resnet50", "densenet121", "efficientnet-b0")
        ),
    ],
)
def test_networks_of_every_preprocessing_are_saved_and_recognised(tmp_path: Path, name: str) -> None:
    model = zoo.with_random_weights(name, 3)
    head, rgb = head_for(model), pictures_for(model)
    path = tmp_path / "taught.keras"
    save_taught_model(model, head, path)

    loaded = load_model(path)
    assert loaded.network.layers[-2].name == "base"
    assert loaded.preprocessing.name == "none"
    assert tuple(loaded.labels) == head.labels
    found = np.asarray(loaded.forward(loaded.network, loaded.preprocessing(rgb[..., ::-1])))
    np.testing.assert_allclose(found, wanted(model, head, rgb), atol=1e-5)


@pytest.mark.parametrize("preprocess", ["imagenet-caffe", "tf", "torch", "unit", "none", "efficientnet-lite"])
def test_every_preprocessing_is_inside_and_recognised(tmp_path: Path, preprocess: str) -> None:
    model = own_network(preprocess)
    head, rgb = head_for(model), pictures_for(model)
    path = tmp_path / "taught.keras"
    save_taught_model(model, head, path)

    plain = keras.saving.load_model(path)
    np.testing.assert_allclose(plain(rgb, training=False), wanted(model, head, rgb), atol=1e-5)
    loaded = load_model(path)
    found = np.asarray(loaded.forward(loaded.network, loaded.preprocessing(rgb[..., ::-1])))
    np.testing.assert_allclose(found, wanted(model, head, rgb), atol=1e-5)


@pytest.mark.lessons
def test_an_explanation_of_the_saved_model_is_the_class_activation_map_of_the_head(tmp_path: Path) -> None:
    model = load_model("efficientnet-lite0")
    head, rgb = head_for(model), pictures_for(model, 1)
    path = tmp_path / "taught.keras"
    save_taught_model(model, head, path)
    explanation = Explainer(load_model(path), "cam", target="pen").explain(rgb[0, ..., ::-1])

    maps = pooled_part(model).maps(model.preprocessing(rgb[..., ::-1]), training=False)
    expected = head.maps(np.asarray(maps))[0, ..., 1]
    np.testing.assert_allclose(explanation.raw_heatmap, expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(
        [each.probability or 0.0 for each in sorted(explanation.top, key=lambda each: each.class_id)],
        wanted(model, head, rgb)[0],
        atol=1e-5,
    )


def test_what_is_taught_on_a_saved_model_is_saved_again(tmp_path: Path) -> None:
    model = own_network("tf")
    save_taught_model(model, head_for(model), tmp_path / "first.keras")
    first = load_model(tmp_path / "first.keras")
    head, rgb = head_for(first, ("x", "y")), pictures_for(first)
    save_taught_model(first, head, tmp_path / "second.keras")
    second = load_model(tmp_path / "second.keras")
    found = np.asarray(second.forward(second.network, second.preprocessing(rgb[..., ::-1])))
    np.testing.assert_allclose(found, wanted(model, head, rgb), atol=1e-5)
    assert tuple(second.labels) == ("x", "y")


def test_names_are_read_back_as_they_were_typed_and_over_an_earlier_models(tmp_path: Path) -> None:
    model = own_network("tf")
    path = tmp_path / "taught.keras"
    (tmp_path / "taught.labels.txt").write_text("a\nb\nc\n")
    labels = ("0 mug", 'it\'s, "the" pen', "{nothing}")
    save_taught_model(model, head_for(model, labels), path)
    assert tuple(load_model(path).labels) == labels
    assert sorted(each.name for each in tmp_path.iterdir()) == ["taught.keras", "taught.labels.json"]
    assert json.loads(labels_path(path).read_text("utf-8")) == list(labels)


def test_the_users_network_stays_as_it_is(tmp_path: Path) -> None:
    network = pooled_network()
    model = load_model(network, preprocess="tf")
    weights = [each.copy() for each in network.get_weights()]
    config, calls = network.to_json(), [len(each._outbound_nodes) for each in network.layers]
    save_taught_model(model, head_for(model), tmp_path / "taught.keras")
    assert network.to_json() == config
    assert [len(each._outbound_nodes) for each in network.layers] == calls
    for before, after in zip(weights, network.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_full_disk_leaves_the_former_model_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = own_network("tf")
    path = tmp_path / "taught.keras"
    save_taught_model(model, head_for(model), path)
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for place, name in ((saved_model, "_reach_disk"), (Path, "write_bytes")):
        with monkeypatch.context() as patched:
            patched.setattr(place, name, full)
            with pytest.raises(
                ModelError, match=r"taught.keras cannot be written: No space left on device\. Free"
            ):
                save_taught_model(model, head_for(model, ("x", "y")), path)
        assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before


@pytest.mark.parametrize("last", ["unlink", "model", "names"])
def test_killed_between_two_steps_no_model_has_another_ones_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    model = own_network("tf")
    path = tmp_path / "taught.keras"
    save_taught_model(model, head_for(model, ("a", "b")), path)
    steps: list[str] = []

    class KilledError(BaseException):
        pass

    def step(name: Any, own: Any) -> Any:
        def stepped(self: Path, *rest: Any, **options: Any) -> Any:
            if last in steps:
                raise KilledError
            steps.append(name(self) if callable(name) else name)
            return own(self, *rest, **options)

        return stepped

    monkeypatch.setattr(Path, "unlink", step("unlink", Path.unlink))
    monkeypatch.setattr(
        Path, "replace", step(lambda self: "names" if self.suffix == ".json" else "model", Path.replace)
    )
    with pytest.raises(KilledError):
        save_taught_model(model, head_for(model, ("x", "y"), 8), path)
    monkeypatch.undo()
    loaded = load_model(path)
    rgb = pictures_for(model)
    found = np.asarray(loaded.forward(loaded.network, loaded.preprocessing(rgb[..., ::-1])))
    is_new = np.allclose(found, wanted(model, head_for(model, ("x", "y"), 8), rgb), atol=1e-5)
    assert tuple(loaded.labels) in (("x", "y") if is_new else ("a", "b"), ("class 0", "class 1"))


def test_another_ending_is_refused(tmp_path: Path) -> None:
    model = own_network("tf")
    with pytest.raises(ModelError, match=r"saved as NAME\.keras, not as my\.h5"):
        save_taught_model(model, head_for(model), tmp_path / "my.h5")


def test_a_head_of_another_network_is_refused() -> None:
    model = own_network("tf")
    head = TaughtHead(("a", "b"), np.zeros((7, 2), np.float32), np.zeros(2, np.float32))
    with pytest.raises(ModelError, match="taught on 7 features, and pooled has 6"):
        taught_network(model, head)


def test_a_network_whose_tail_is_no_pooling_is_refused() -> None:
    model = load_model(flattened_network(), preprocess="tf")
    with pytest.raises(ModelError, match="flattened cannot be taught: its classes do not come from"):
        taught_network(model, TaughtHead(("a",), np.zeros((7, 1), np.float32), np.zeros(1, np.float32)))


def test_a_preprocessing_of_the_users_own_is_refused() -> None:
    model = load_model(pooled_network(), preprocess=lambda rgb: rgb / 3.0)
    with pytest.raises(ModelError, match="which cannot be put into a model file"):
        taught_network(model, head_for(model))
