"""`module:name` on the command line: a user's own network or preprocessing, or one line that says what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from networks import picture, pooled_network

import live_gradcam as lg
from live_gradcam.models.user_code import callable_named, is_reference

CODE = """
import keras
import numpy as np
import tensorflow as tf

def build():
    import my_parts
    return my_parts.network()

def build_for(classes):
    return None

def build_none():
    return {"a": 1}

def build_badly():
    raise RuntimeError("no weights here\\nsecond line")

network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()])
number = 3

def halves(rgb):
    return rgb / 510.0

def loses_axis(rgb):
    return tf.reduce_mean(rgb, axis=-1)

def in_numpy(rgb):
    return np.asarray(rgb) / 255

class Kitchen:
    @staticmethod
    def sink():
        return network
"""

PARTS = """
import keras

def network():
    image = keras.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 3)(image))
    return keras.Model(image, keras.layers.Dense(3)(x), name="homemade")
"""


@pytest.fixture(autouse=True)
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with a user's code in it, which is the current one."""
    for name, text in (
        ("my_code", CODE),
        ("my_parts", PARTS),
        ("my_broken", "1/0"),
        ("my_needy", "import surely_not_there"),
    ):
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    before, path = set(sys.modules), list(sys.path)
    yield
    assert sys.path == path
    for name in set(sys.modules) - before:
        if name.startswith("my_"):
            del sys.modules[name]


def test_a_function_in_the_current_folder_makes_the_network() -> None:
    model = lg.load_model("my_code:build", preprocess="unit")
    assert (model.name, model.network.name, len(model.labels)) == ("my_code:build", "homemade", 3)


@pytest.mark.parametrize("reference", ["my_code:network", "my_code:Kitchen.sink"])
def test_a_network_itself_or_a_dotted_name_does_too(reference: str) -> None:
    assert lg.load_model(reference, preprocess="unit").input_size == (8, 8)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (
            "my_cods:build",
            r"there is no module my_cods for 'my_cods:build'\. It was looked for in .* and where",
        ),
        ("my_code.py:build", r"Leave out \.py: my_code:build"),
        ("my_code:bild", r"my_code: unknown name 'bild'\. Did you mean build"),
        ("my_code:number", r"my_code:number is int, not a function\."),
        ("my_code:build_none", r"my_code:build_none\(\) returned dict, not a keras\.Model\."),
        ("my_code:build_badly", r"my_code:build_badly\(\) failed: RuntimeError: no weights here$"),
        ("my_code:build_for", r"missing 1 required positional argument: 'classes'"),
        ("my_broken:build", r"cannot import my_broken: ZeroDivisionError: division by zero"),
        ("my_needy:build", r"cannot import my_needy: No module named 'surely_not_there'\. Install it"),
        ("my-code:build", r"'my-code:build' does not have the form module:name"),
        ("my_code:build()", r"does not have the form module:name"),
    ],
)
def test_what_is_wrong_with_a_reference_is_one_line(reference: str, message: str) -> None:
    with pytest.raises(lg.ModelError, match=message) as caught:
        lg.load_model(reference, preprocess="unit")
    assert "\n" not in str(caught.value)


def test_paths_and_addresses_are_no_references() -> None:
    assert not is_reference(r"C:\models\mine")
    assert not is_reference("d:/models/mine")
    assert not is_reference("https://example.org/model")
    assert not is_reference("vgg16")
    with pytest.raises(lg.ModelError, match=r"there is no model file .*C:\\models\\mine\.keras"):
        lg.load_model(r"C:\models\mine.keras")
    with pytest.raises(lg.ModelError, match=r"unknown model 'C:\\models\\mine'"):
        lg.load_model(r"C:\models\mine")


def test_a_users_function_scales_the_pixels() -> None:
    bgr = picture()[None]
    model = lg.load_model(pooled_network(), preprocess="my_code:halves")
    expected = bgr[..., ::-1].astype(np.float32) / 510
    np.testing.assert_allclose(np.asarray(model.preprocessing(bgr)), expected, rtol=1e-6)
    assert model.preprocessing.name == "my_code:halves"
    same = lg.load_model(pooled_network(), preprocess=callable_named("my_code:halves"))
    np.testing.assert_allclose(np.asarray(same.preprocessing(bgr)), expected, rtol=1e-6)
    keras_own = lg.load_model(pooled_network(), preprocess="keras.applications.mobilenet_v2:preprocess_input")
    np.testing.assert_allclose(np.asarray(keras_own.preprocessing(bgr)), expected * 4 - 1, atol=1e-5)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (
            "my_code:loses_axis",
            r"must turn \(N, height, width, 3\) into the input of pooled, \(N, height, width, 3\); "
            r"it gave \(None, 16, 16\)",
        ),
        (
            "my_code:in_numpy",
            r"failed\. It must be made of TensorFlow's or keras\.ops' operations, not of NumPy",
        ),
        ("my_code:halfs", r"unknown name 'halfs'\. Did you mean halves"),
        ("halves", r"unknown preprocessing 'halves'\. Valid: auto, .*"),
    ],
)
def test_a_preprocessing_that_gives_no_input_is_told(reference: str, message: str) -> None:
    with pytest.raises(lg.ModelError, match=message) as caught:
        lg.load_model(pooled_network(), preprocess=reference)
    assert "\n" not in str(caught.value)
