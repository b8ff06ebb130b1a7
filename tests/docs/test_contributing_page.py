"""CONTRIBUTING.md's first contribution works word for word: its method explains, and equals its formula."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import oracles
import pytest
from networks import flattened_network, picture
from oracles import Array
from test_architecture import MOST_LINES

import live_gradcam as lg
from live_gradcam.explain.methods import gradients, method

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
FUNCTION, ENTRY, ORACLE = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def defined(code: str, home: Any) -> Callable[..., Any]:
    """Return the function that a piece of code defines, with the names of a module around it."""
    names = dict(vars(home))
    exec(code, names)
    name = re.match(r"def (\w+)\(", code)
    assert name is not None
    function: Callable[..., Any] = names[name[1]]
    return function


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> method.Method:
    """The guide's method, added to the package as the guide says."""
    function = defined(FUNCTION, gradients)
    monkeypatch.setattr(gradients, function.__name__, function, raising=False)
    entry: method.Method = eval(ENTRY, dict(vars(method)))
    assert entry.name not in method.METHODS, "the guide's method is in the package: it needs another example"
    monkeypatch.setitem(method._METHODS, entry.name, entry)
    return entry


def test_the_method_of_the_guide_explains_a_picture_and_equals_its_formula(added: method.Method) -> None:
    network, image = flattened_network(), picture(seed=5)
    explainer = lg.Explainer(lg.load_model(network, preprocess="unit"), added.name, fit="stretch")
    pixels = image[None, ..., ::-1].astype(np.float32) / 255
    layer = network.get_layer("features").output
    activations = np.asarray(keras.Model(network.input, layer)(pixels)[0], np.float64)
    kernel = np.asarray(network.layers[-1].get_weights()[0], np.float64)
    for target in range(3):
        # The score is linear in the layer, so the dense layer's weights are its gradient.
        slopes = kernel[:, target].reshape(activations.shape)
        signed: Array = -(activations * slopes.mean(axis=(0, 1))).sum(axis=-1)
        assert signed.min() < 0 < signed.max(), "without both signs a missing ReLU would not show"
        explainer.target = target
        found = explainer.explain(image).raw_heatmap
        np.testing.assert_allclose(found, np.maximum(signed, 0), atol=1e-5 * signed.max())
        np.testing.assert_allclose(defined(ORACLE, oracles)(activations, slopes), signed, atol=1e-12)


def test_the_entry_of_the_guide_says_where_the_function_is_and_where_it_comes_from(
    added: method.Method,
) -> None:
    assert added.function.__name__ == "counterfactual"
    assert f"--method {added.name}" in PAGE
    assert added.paper.partition("arXiv:")[2] in (added.function.__doc__ or "")


@pytest.mark.parametrize(("module", "code"), [(gradients, FUNCTION), (method, ENTRY)])
def test_the_modules_of_the_guide_have_room_for_its_code(module: Any, code: str) -> None:
    lines = Path(module.__file__).read_text("utf-8").count("\n") + code.count("\n") + 2
    assert lines <= MOST_LINES


def test_every_file_that_the_page_names_exists() -> None:
    files = set(
        re.findall(r"(?:`|\()([\w./-]+/[\w.-]+\.(?:py|md|toml)|[A-Z_]+\.md|pyproject\.toml)[`)#]", PAGE)
    )
    assert len(files) >= 10
    assert [file for file in files if not (ROOT / file).is_file()] == []
