"""Lambda layers of Keras 2: refused until they are allowed, and their faults told in one line with the way out."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

keras2_networks = pytest.importorskip("keras2_networks", reason="tf-keras writes the files of Keras 2")

import h5py  # noqa: E402
import tensorflow as tf  # noqa: E402
import tf_keras  # noqa: E402
from keras2_networks import SIZE, L, assert_same_predictions, pictures, randomised  # noqa: E402

import live_gradcam as lg  # noqa: E402


def with_lambda(function: Any, **settings: Any) -> Any:
    image = tf_keras.Input(SIZE)
    x = L.Conv2D(3, 3)(L.Lambda(function, name="mine", **settings)(image))
    return randomised(tf_keras.Model(image, L.Dense(2)(L.GlobalAveragePooling2D()(x))))


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_code_is_refused_until_it_is_allowed(tmp_path: Path, suffix: str) -> None:
    old = with_lambda(lambda x, scale: tf.image.resize(x / scale, (12, 12)), arguments={"scale": 255.0})
    path = tmp_path / f"lambda{suffix}"
    old.save(path)
    message = r"holds Python code \(the Lambda layer 'mine'\).* use --allow-unsafe \(allow_unsafe=True\)"
    with pytest.raises(lg.ModelError, match=message):
        lg.load_model(path)
    # Neither an output_shape nor the name `tf` is in the file.
    new = lg.load_model(path, allow_unsafe=True, preprocess="none").network
    assert new.get_layer("mine").output.shape == (None, 12, 12, 3)
    assert_same_predictions(old, new, pictures(SIZE))


def test_a_function_named_in_the_file_is_found(tmp_path: Path) -> None:
    old = with_lambda(lambda x: tf.nn.relu6(x))
    path = tmp_path / "named.h5"
    old.save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][1]["config"] |= {"function": "relu6", "function_type": "function"}
        file.attrs["model_config"] = json.dumps(config)
    assert_same_predictions(old, lg.load_model(path, allow_unsafe=True).network, pictures(SIZE) / 100)


@pytest.mark.parametrize(
    "code",
    [
        b"\xe3\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00S\x00\x00\x00s\x0c",
        b"\xe9\x01\x00\x00\x00",  # a number
        b"nonsense of a length that nobody takes for a name",
    ],
    ids=["Python 3.6", "number", "nonsense"],
)
def test_code_of_another_python_says_so(tmp_path: Path, code: bytes) -> None:
    path = tmp_path / "old.h5"
    with_lambda(lambda x: x / 255.0).save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][1]["config"]["function"] = [
            base64.b64encode(code).decode() + "\n",
            None,
            None,
        ]
        file.attrs["model_config"] = json.dumps(config)
    message = (
        r"Lambda layer 'mine' holds bytecode of .*, which this Python cannot run.* --model module:function"
    )
    with pytest.raises(lg.ModelError, match=message) as caught:
        lg.load_model(path, allow_unsafe=True)
    assert "\n" not in str(caught.value)
    assert "marshal" not in str(caught.value)


def test_code_that_fails_says_why(tmp_path: Path) -> None:
    path = tmp_path / "fails.h5"
    with_lambda(lambda x: x / 255.0).save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        dumped = tf_keras.src.utils.generic_utils.func_dump(lambda x: squirrel(x))  # type: ignore[name-defined]  # noqa: F821
        config["config"]["layers"][1]["config"]["function"] = list(dumped)
        file.attrs["model_config"] = json.dumps(config)
    message = r"code of the Lambda layer 'mine' fails \(NameError: name 'squirrel' is not defined\).*module:function"
    with pytest.raises(lg.ModelError, match=message) as caught:
        lg.load_model(path, allow_unsafe=True)
    assert "\n" not in str(caught.value)
