"""Every kind of network that Keras can run is explained, and the map is the formula's.

The oracle runs the network eagerly with a zero added to the layer's output, and takes the gradient with respect to
that zero from a tape: nothing of the package's own tracing has a part in it.
"""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable
from typing import Any

import keras
import networks
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from networks import picture

import live_gradcam as lg
from live_gradcam.explain.layer_table import layer_table
from live_gradcam.fixed_choices import Fusion
from live_gradcam.prediction import Value

Array = npt.NDArray[Any]


def eager_derivatives(
    network: Any, layer: Any, inputs: Any, score: Callable[[Any], Any]
) -> tuple[Array, Array]:
    """Return a layer's activation and the gradient of a score with respect to it, float64."""
    original = layer.call
    seen: list[Any] = []
    delta: Any = 0.0

    def call(*args: Any, **kwargs: Any) -> Any:
        output = original(*args, **kwargs)
        seen.append(output)
        return output + tf.cast(delta, output.dtype)

    try:
        layer.call = call
        network(inputs, training=False)
        delta = tf.zeros(seen[-1].shape)
        with tf.GradientTape() as tape:
            tape.watch(delta)
            y = score(network(inputs, training=False))
        gradient = tape.gradient(y, delta)
    finally:
        layer.call = original
    return np.asarray(seen[-1][0], np.float64), np.asarray(gradient[0], np.float64)


def gradcam(activation: Array, gradient: Array) -> Array:
    return np.asarray(np.maximum((activation * gradient.mean(axis=(0, 1))).sum(axis=-1), 0))


def hirescam(activation: Array, gradient: Array) -> Array:
    """Signed, so that a map without a positive place can be compared too."""
    return np.asarray((activation * gradient).sum(axis=-1))


def rgb(image: Array) -> Array:
    return image[None, ..., ::-1].astype(np.float32) / 255


def assert_same(found: Array, expected: Array, tolerance: float = 1e-4) -> None:
    peak = np.abs(expected).max()
    assert peak > 0, "the expected map is empty: nothing would be compared"
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=tolerance * peak)


def find(network: Any, path: str) -> Any:
    for name in path.split("/"):
        network = getattr(network, name) if name in vars(network) else network.get_layer(name)
    return network


@pytest.mark.parametrize(
    ("build", "layer", "automatic"),
    [
        (networks.pooled_network, "features", True),
        (networks.flattened_network, "features", True),
        (lambda activation: networks.sequential_network(True, activation=activation), "features", True),
        (networks.subclassed_network, "features", True),
        (lambda activation: networks.subclassed_network(activation=activation, size=None), "features", True),
        (lambda activation: networks.nested_network(1, activation=activation), "base/features", True),
        (lambda activation: networks.nested_network(1, activation=activation), "base/early", False),
        (lambda activation: networks.nested_network(2, activation=activation), "level1/base/features", True),
        (networks.residual_network, "late", True),
        (networks.residual_network, "target", False),
        (networks.residual_network, "early", False),
    ],
)
@pytest.mark.long
def test_the_map_of_every_kind_of_network_is_the_formulas(
    build: Callable[..., Any], layer: str, automatic: bool
) -> None:
    network, logits = build(activation="softmax"), build(activation=None)
    model = lg.load_model(network, preprocess="unit")
    image = picture(*model.input_size, seed=9)
    explainer = lg.Explainer(model, target=0, layer=None if automatic else layer)
    explanations = [explainer.explain(image)]
    explainer.target = 2
    explanations.append(explainer.explain(image))
    logits(rgb(image))  # a network that was never called has its weights only then
    logits.set_weights(network.get_weights())
    for target, explanation in zip((0, 2), explanations, strict=True):

        def score(output: Any, target: int = target) -> Any:
            return output[0, target]

        assert explanation.layer == layer
        assert_same(
            explanation.raw_heatmap,
            gradcam(*eager_derivatives(logits, find(logits, layer), rgb(image), score)),
        )


def test_a_sequential_that_was_never_given_an_input_is_explained() -> None:
    network = networks.sequential_network(False)
    model = lg.load_model(network, preprocess="unit")
    image = picture(*model.input_size, seed=9)
    explanation = lg.Explainer(model, target=1).explain(image)
    logits = networks.sequential_network(True, activation=None)
    logits = keras.Sequential([keras.Input((*model.input_size, 3)), *logits.layers])
    logits.set_weights(network.get_weights())
    derivatives = eager_derivatives(logits, logits.layers[0], rgb(image), lambda output: output[0, 1])
    assert_same(explanation.raw_heatmap, gradcam(*derivatives))


def test_a_subclassed_networks_classes_are_numbered_once_they_are_known() -> None:
    explainer = lg.Explainer(lg.load_model(networks.subclassed_network(size=None), preprocess="unit"))
    explanation = explainer.explain(picture(seed=9))
    assert {each.label for each in explanation.top} == {"class 0", "class 1", "class 2", "class 3"}
    explainer.target = "class 2"
    assert explainer.explain(picture(seed=9)).target.label == "class 2"
    with pytest.raises(lg.TargetError, match="classes are 0 to 3"):
        explainer.target = 4


@pytest.mark.parametrize(("output", "classes"), [("animal", 4), ("place", 3), (1, 3)])
@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.long
def test_one_of_several_outputs_is_explained(output: str | int, classes: int, keyed: bool) -> None:
    if keyed and isinstance(output, int):
        output = "place"
    network = networks.two_headed_network(keyed=keyed)
    image = picture(seed=9)
    model = lg.load_model(network, preprocess="unit", output=output)
    explanation = lg.Explainer(model, "hirescam", target=2).explain(image)
    head = network.get_layer("place" if classes == 3 else "animal")
    kernel = np.asarray(head.get_weights()[0], np.float64)[:, 2]
    features = np.asarray(network.get_layer("features")(rgb(image))[0], np.float64)
    assert len(explanation.top) == min(5, classes)
    assert_same(explanation.raw_heatmap, features @ kernel / 64)


@pytest.mark.long
@pytest.mark.parametrize(
    ("output", "layer", "between"),
    [("classes", "trunk", ["early", "trunk"]), ("places", "branch", ["early", "trunk", "branch"])],
)
def test_the_layer_of_an_output_does_not_lie_on_the_branch_of_another(
    output: str, layer: str, between: list[str]
) -> None:
    picture_in = keras.Input((16, 16, 3))
    early = keras.layers.Conv2D(4, 3, activation="relu", name="early")(picture_in)
    trunk = keras.layers.Conv2D(5, 3, activation="relu", name="trunk")(early)
    branch = keras.layers.Conv2D(6, 3, activation="relu", name="branch")(trunk)
    pooled = [keras.layers.GlobalAveragePooling2D()(each) for each in (trunk, branch)]
    classes = keras.layers.Dense(4, "softmax", name="classes")(pooled[0])
    places = keras.layers.Dense(3, "softmax", name="places")(pooled[1])
    network = keras.Model(picture_in, [classes, places])
    model = lg.load_model(network, preprocess="unit", output=output)
    assert lg.Explainer(model).explain(picture(seed=9)).layer == layer
    rows = layer_table(model)
    assert [row.path for row in rows if row.explainable] == between
    assert [row.path for row in rows if row.automatic] == [layer]


def test_the_other_inputs_get_the_values_that_the_user_names() -> None:
    network = networks.two_input_network()
    image, facts = picture(seed=9), np.array([0.5, -1.0, 2.0], np.float32)
    model = lg.load_model(network, preprocess="unit", inputs={"facts": facts})
    explanation = lg.Explainer(model, target=1).explain(image)
    gate = np.asarray(network.get_layer("gate")(facts[None])[0], np.float64)
    kernel = np.asarray(network.get_layer("head").get_weights()[0], np.float64)[:, 1]
    features = np.asarray(network.get_layer("features")(rgb(image))[0], np.float64)
    assert_same(explanation.raw_heatmap, np.maximum(features @ (gate * kernel), 0) / 64)


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_both_classes_of_one_unit_can_be_explained(activation: str | None) -> None:
    network = networks.sigmoid_network(activation=activation)
    image = picture(seed=9)
    explainer = lg.Explainer(lg.load_model(network, labels=["no cat", "cat"], preprocess="unit"))
    features = np.asarray(network.get_layer("features")(rgb(image))[0], np.float64)
    kernel, bias = (np.asarray(w, np.float64) for w in network.get_layer("head").get_weights())
    signed = (features @ kernel[:, 0]) / 64
    p = 1 / (1 + np.exp(-(features.mean(axis=(0, 1)) @ kernel + bias)[0]))
    for label, sign, probability in (("cat", 1, p), ("no cat", -1, 1 - p)):
        explainer.target = label
        explanation = explainer.explain(image)
        assert_same(explanation.raw_heatmap, np.maximum(sign * signed, 0))
        assert isinstance(explanation.target, lg.Prediction)
        assert explanation.target.probability == pytest.approx(probability, abs=1e-5)


def test_a_linear_head_is_a_head_of_logits() -> None:
    image = picture(seed=9)
    linear = lg.Explainer(
        lg.load_model(networks.pooled_network(activation=None), preprocess="unit"), target=1
    )
    softmax = lg.Explainer(lg.load_model(networks.pooled_network(), preprocess="unit"), target=1)
    one, other = linear.explain(image), softmax.explain(image)
    np.testing.assert_allclose(one.raw_heatmap, other.raw_heatmap, atol=1e-6)
    np.testing.assert_allclose(
        [p.probability or 0.0 for p in one.top], [p.probability or 0.0 for p in other.top], rtol=1e-5
    )


@pytest.mark.long
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_gives_nearly_the_same_map(policy: str) -> None:
    full = networks.residual_network()
    keras.config.set_dtype_policy(policy)
    try:
        half = networks.residual_network()
    finally:
        keras.config.set_dtype_policy("float32")
    half.set_weights(full.get_weights())
    image = picture(seed=9)
    maps = [
        lg.Explainer(lg.load_model(network, preprocess="unit"), target=1).explain(image)
        for network in (full, half)
    ]
    assert maps[1].has_evidence
    assert maps[1].raw_heatmap.dtype == np.float32
    assert np.corrcoef(maps[0].raw_heatmap.ravel(), maps[1].raw_heatmap.ravel())[0, 1] >= 0.99


def test_a_network_of_dynamic_size_is_explained_wide() -> None:
    network = networks.pooled_network(size=None)
    image = picture(32, 64, seed=9)
    model = lg.load_model(network, preprocess="unit")
    explanation = lg.Explainer(model, target=0, fit="wide").explain(image)
    height, width = explanation.raw_heatmap.shape
    assert width == 2 * height
    assert explanation.region == (0, 0, 64, 32)


@pytest.mark.parametrize(
    ("class_token", "registers", "grid", "blocks", "layer"),
    [
        (True, 0, (4, 4), 1, "block0_norm1"),  # the last whose places matter when the class token is read
        *(
            pytest.param(*each, marks=pytest.mark.geometry)
            for each in (
                (True, 3, (4, 4), 2, "block1_norm1"),
                (False, 0, (4, 4), 1, "norm"),
                (False, 2, (3, 5), 1, "norm"),
            )
        ),
    ],
)
@pytest.mark.long
def test_tokens_lie_on_their_grid(
    class_token: bool, registers: int, grid: tuple[int, int], blocks: int, layer: str
) -> None:
    network = networks.token_network(class_token, registers, grid=grid, blocks=blocks)
    logits = networks.token_network(class_token, registers, grid=grid, blocks=blocks, activation=None)
    logits.set_weights(network.get_weights())
    image = picture(4 * grid[0], 4 * grid[1], seed=9)
    explanation = lg.Explainer(lg.load_model(network, preprocess="unit"), "hirescam", target=1).explain(image)
    tokens, slopes = eager_derivatives(
        logits, logits.get_layer(layer), rgb(image), lambda output: output[0, 1]
    )
    extra = int(class_token) + registers
    laid = [each[extra:].reshape(*grid, -1) for each in (tokens, slopes)]
    assert explanation.layer == layer
    assert_same(explanation.raw_heatmap, hirescam(laid[0], laid[1]))


@pytest.mark.geometry
@pytest.mark.long
def test_a_grid_that_cannot_be_found_can_be_given() -> None:
    network = networks.token_network(True, 0, grid=(2, 5))
    folded = keras.Sequential([keras.Input((40, 4, 3)), keras.layers.Reshape((8, 20, 3)), network])
    model = lg.load_model(folded, preprocess="unit")
    with pytest.raises(
        lg.LayerError, match=r"11 tokens, which do not lie on a picture of 4×40\. Give the grid"
    ):
        lg.Explainer(model, layer="vit/block0_norm1")
    given = lg.Explainer(model, layer="vit/block0_norm1", grid=(2, 5))
    assert given.explain(picture(40, 4)).raw_heatmap.shape == (2, 5)
    with pytest.raises(lg.LayerError, match=r"do not lie on the grid 5×5"):
        lg.Explainer(model, layer="vit/block0_norm1", grid=(5, 5))
    found = lg.Explainer(lg.load_model(network, preprocess="unit"))
    assert found.explain(picture(8, 20)).raw_heatmap.shape == (2, 5)


@pytest.fixture(scope="module")
def swin_like() -> tuple[Any, Any]:
    """The network, and the same without its softmax."""
    network, logits = networks.swin_like_network(), networks.swin_like_network(activation=None)
    logits.set_weights(network.get_weights())
    return network, logits


@pytest.mark.geometry
@pytest.mark.parametrize(
    ("layer", "grid"),
    [
        ("stage1_add2", 4),
        ("stage0_add2", 8),
        ("merging", 4),
    ],
)
@pytest.mark.long
def test_every_stage_of_a_swin_like_network_lies_on_its_own_grid(
    swin_like: tuple[Any, Any], layer: str, grid: int
) -> None:
    network, logits = swin_like
    image = picture(seed=9)
    explanation = lg.Explainer(lg.load_model(network, preprocess="unit"), target=2, layer=layer).explain(
        image
    )
    tokens, slopes = eager_derivatives(
        logits, logits.get_layer(layer), rgb(image), lambda output: output[0, 2]
    )
    laid = [each.reshape(grid, grid, -1) for each in (tokens, slopes)]
    assert_same(explanation.raw_heatmap, gradcam(laid[0], laid[1]))


def test_a_segmentation_head_is_explained_over_the_class_mask() -> None:
    network = networks.segmentation_network()
    logits = networks.segmentation_network(activation=None)
    logits.set_weights(network.get_weights())
    image = picture(seed=9)
    explainer = lg.Explainer(lg.load_model(network, preprocess="unit"))
    for target in (0, 1):
        explainer.target = target
        explanation = explainer.explain(image)
        mask = np.asarray(network(rgb(image)))[0].argmax(axis=-1) == target
        assert mask.any()

        def over_mask(output: Any, target: int = target, mask: Array = mask) -> Any:
            return tf.reduce_sum(output[0, ..., target] * mask.astype(np.float32))

        derivatives = eager_derivatives(logits, logits.get_layer("features"), rgb(image), over_mask)
        assert explanation.layer == "features"
        assert_same(explanation.raw_heatmap, gradcam(*derivatives))
        assert sum(each.probability or 0.0 for each in explanation.top) == pytest.approx(1, abs=1e-4)


def test_a_layer_that_is_called_twice_has_no_one_activation() -> None:
    model = lg.load_model(networks.shared_layer_network(), preprocess="unit")
    with pytest.raises(lg.LayerError, match="calls layer 'shared' 2 times, so it has no one activation"):
        lg.Explainer(model, layer="shared")
    assert lg.Explainer(model).explain(picture()).layer == "late"


def test_a_layer_inside_a_compiled_call_cannot_be_reached_and_the_cause_is_named() -> None:
    model = lg.load_model(networks.compiled_call_network(), preprocess="unit")
    with pytest.raises(lg.LayerError, match=r"runs inside a compiled function|no layer whose activation"):
        lg.Explainer(model)
    with pytest.raises(lg.LayerError, match=r"compiled|unknown layer"):
        lg.Explainer(model, layer="features")


@pytest.mark.long
def test_several_layers_are_fused_after_each_was_normalised() -> None:
    network, logits = networks.residual_network(), networks.residual_network(activation=None)
    logits.set_weights(network.get_weights())
    image = picture(seed=9)
    model = lg.load_model(network, preprocess="unit")
    shares = []
    for layer in ("target", "late"):
        derivatives = eager_derivatives(
            logits, logits.get_layer(layer), rgb(image), lambda output: output[0, 1]
        )
        each = gradcam(*derivatives)
        shares.append(each / each.max())
    fusions: tuple[tuple[Fusion, Array], ...] = (
        ("mean", np.mean(shares, axis=0)),
        ("max", np.max(shares, axis=0)),
        ("product", np.prod(shares, axis=0)),
    )
    for fusion, expected in fusions:
        explainer = lg.Explainer(model, target=1, layer="target, late", fusion=fusion)
        explanation = explainer.explain(image)
        assert explanation.layer == "target,late"
        assert_same(explanation.raw_heatmap, expected)


def word(output: Any) -> Any:
    """The logit of the first word that the captioner says."""
    return tf.reduce_max(output[:, 0], axis=-1)


def test_a_captioners_word_is_explained_by_the_thing_it_names() -> None:
    network = networks.captioner_network()
    model = lg.load_model(network, preprocess="unit")
    explainer = lg.Explainer(model, target=word, layer="encoder", method="hirescam")
    for colour, x in itertools.product(("red", "blue"), (6, 18)):
        image = networks.thing_picture(colour, x)
        said = np.asarray(network(rgb(image)))[0].argmax(axis=-1)
        assert [networks.CAPTION_WORDS[each] for each in said] == [colour, "left" if x < 12 else "right"]
        explanation = explainer.explain(image)
        assert isinstance(explanation.target, Value)
        row, column = divmod(int(explanation.heatmap.argmax()), explanation.heatmap.shape[1])
        assert abs(2 * row + 1 - 12) <= 3, (colour, x)
        assert abs(2 * column + 1 - x) <= 3, (colour, x)
    with pytest.raises(lg.ModelError, match="explain a function of its output instead"):
        lg.Explainer(model)


def test_the_layer_table_lists_every_layer_and_marks_the_automatic_one() -> None:
    rows = layer_table(lg.load_model(networks.nested_network(2), preprocess="unit"))
    assert [row.path for row in rows if row.automatic] == ["level1/base/features"]
    by_path = {row.path: row for row in rows}
    assert by_path["level1/base/features"].shape == "8×8×6"
    assert by_path["level1/base/early"].kind == "Conv2D"
    assert by_path["level1/base/early"].explainable
    assert not by_path["pool"].explainable


def test_a_failed_trace_leaves_no_trace() -> None:
    network = networks.residual_network()
    weights = [np.array(each) for each in network.get_weights()]
    config, call = network.get_config(), keras.layers.Layer.__call__
    model = lg.load_model(network, preprocess="unit")

    def broken(_: Any) -> Any:
        raise ValueError("half-way")

    with pytest.raises(lg.ModelError, match="half-way"):
        lg.Explainer(model, target=broken)
    assert keras.layers.Layer.__call__ is call
    assert network.get_config() == config
    for before, after in zip(weights, network.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def growth(times: int, before: int = 5) -> int:
    """Return by how many objects the process grows while explainers are made and dropped."""
    model = lg.load_model(networks.pooled_network(), preprocess="unit")

    def make(count: int) -> int:
        for _ in range(count):
            lg.Explainer(model).explain(picture())
        gc.collect()
        return len(gc.get_objects())

    make(before)
    return make(times) - make(before)


@pytest.mark.soak
def test_explainers_can_be_made_and_dropped_without_growth() -> None:
    assert abs(growth(7, before=2)) < 250


@pytest.mark.soak
def test_200_explainers_can_be_made_and_dropped_without_growth() -> None:
    assert abs(growth(200)) < 400


class Scaled(keras.layers.Layer):  # type: ignore[misc] # Keras ships no types
    """A layer with a variable of TensorFlow's own beside one of Keras's."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.own = tf.Variable([1.0, -2.0, 0.5])

    def build(self, shape: Any) -> None:
        self.gain = self.add_weight(shape=(shape[-1],), initializer="ones", name="gain")

    def call(self, inputs: Any) -> Any:
        return inputs * self.own * self.gain


def test_a_network_with_variables_of_tensorflows_own_is_explained_too() -> None:
    keras.utils.set_random_seed(3)
    image = keras.Input((12, 12, 3))
    x = keras.layers.Conv2D(5, 3, activation="relu", name="features")(Scaled()(image))
    scores = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x))
    logits = keras.Model(image, scores)
    network = keras.Model(image, keras.layers.Softmax()(scores))
    shown = picture(12, 12, seed=4)
    explainer = lg.Explainer(lg.load_model(network, preprocess="unit"), "hirescam", target=1)
    assert not explainer.frozen
    activation, gradient = eager_derivatives(
        logits, logits.get_layer("features"), rgb(shown), lambda output: output[0, 1]
    )
    assert_same(explainer.explain(shown).raw_heatmap, hirescam(activation, gradient))


# Networks without a feature map


def flat_network(shape: tuple[int, ...], *hidden: Any) -> Any:
    """A network of dense layers alone, as beginners' tutorials have it: 3 classes."""
    keras.utils.set_random_seed(5)
    image = keras.Input(shape)
    x = keras.layers.Flatten()(image)
    for each in hidden:
        x = each(x)
    return keras.Model(image, keras.layers.Dense(3, activation="softmax")(x), name="flat")


@pytest.mark.parametrize("shape", [(20, 24, 3), (20, 24)])
@pytest.mark.parametrize("method", ["saliency", "smoothgrad", "integrated-gradients"])
def test_a_network_of_dense_layers_is_explained_at_its_pixels(method: str, shape: tuple[int, ...]) -> None:
    network = flat_network(shape)
    shown = picture(20, 24, seed=2)
    weights = network.layers[-1].kernel.numpy()[:, 1].reshape(20, 24, -1)
    model = lg.load_model(network, preprocess="unit")
    pixels = model.preprocessing(tf.constant(shown[None])).numpy()[0]
    # The score is linear in the pixels, so the gradient is the weight, whatever the picture.
    expected = (
        (pixels * weights).sum(axis=-1) if method == "integrated-gradients" else abs(weights).max(axis=-1)
    )
    found = lg.Explainer(model, method, target=1).explain(shown)
    assert_same(found.raw_heatmap, expected)
    assert (found.layer, found.has_evidence) == ("input", True)
    assert found.region == (0, 0, 24, 20)


def test_a_network_over_rows_is_explained_at_its_pixels_by_its_own_gradient() -> None:
    keras.utils.set_random_seed(6)
    image = keras.Input((20, 20))
    network = keras.Model(image, keras.layers.Dense(3)(keras.layers.LSTM(8)(image)))
    shown = np.repeat(picture(20, 20, seed=3)[..., :1], 3, axis=2)
    with tf.GradientTape() as tape:
        rows = tf.constant(shown[None, ..., 0] / np.float32(255))
        tape.watch(rows)
        score = network(rows)[0, 2]
    expected = np.abs(tape.gradient(score, rows).numpy()[0])
    model = lg.load_model(network, preprocess="unit", task="classes")
    assert_same(lg.Explainer(model, "saliency", target=2).explain(shown).raw_heatmap, expected)


@pytest.mark.parametrize("method", ["gradcam", "scorecam", "guided-gradcam"])
def test_methods_that_map_a_layer_name_those_that_need_none(method: str) -> None:
    model = lg.load_model(flat_network((20, 24), keras.layers.Dense(8, activation="relu")), preprocess="unit")
    with pytest.raises(
        lg.LayerError,
        match=r"^flat has no layer whose activation is a feature map \(height, width, channels\) or tokens on a grid\. "
        r"Methods that map the pixels need none: --method saliency, smoothgrad, integrated-gradients, "
        r"attnlrp or guided-backprop\.$",
    ):
        lg.Explainer(model, method)
    for other in ("guided-backprop", "attnlrp"):
        assert lg.Explainer(model, other).explain(picture(20, 24)).has_evidence


def test_a_layer_that_is_called_input_lies_where_it_would_lie_under_another_name() -> None:
    insets = []
    for name in ("input", "features"):
        image = keras.Input((32, 32, 3))
        x = keras.layers.Conv2D(4, 9, activation="relu", name=name)(image)  # without padding: the inner part
        scores = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x))
        model = lg.load_model(keras.Model(image, scores), preprocess="unit", task="classes")
        insets.append(lg.Explainer(model).explain(picture(32, 32)).inset)
    assert insets[0] == insets[1] != (0, 0, 1, 1)
