"""Where a layer's cells look is found for any network, and the heat lies there."""

from __future__ import annotations

import logging
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from geometries import computed_geometry, measured_geometry
from receptive_arithmetic import check_against_arithmetic, fields_of
from spotting import PREPARATIONS, Cut, spot, spot_network, stacked

import live_gradcam as lg
from live_gradcam.explain.engine import Engine
from live_gradcam.explain.map_geometry import COVERING
from live_gradcam.explanation import WHOLE, Explanation
from live_gradcam.heatmap import heat_place
from live_gradcam.models.zoo import CATALOGUE
from live_gradcam.question import Question

SIZE = (96, 160)
L = keras.layers


def off(explanation: Explanation, at: tuple[int, int]) -> float:
    """How many cells the heat's centre is away from a disc's, along the worse axis."""
    place = heat_place(explanation.heatmap, explanation.region, explanation.inset)
    assert place is not None
    left, top, right, bottom = explanation.inset
    rows, columns = explanation.heatmap.shape
    _, _, width, height = explanation.region
    cell = width / ((right - left) * columns), height / ((bottom - top) * rows)
    return float(max(abs(place.centre[n] - at[n] - 0.5) / cell[n] for n in (0, 1)))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.geometry if place % 2 else ())
        for place, name in enumerate(PREPARATIONS)
    ],
)
@pytest.mark.long
def test_the_heat_lies_on_the_spot_in_every_fit(name: str) -> None:
    small = name in ("patches", "valid convolutions and poolings")
    network = spot_network(PREPARATIONS[name], SIZE, cell=1 if small else 4)
    explainer = lg.Explainer(lg.load_model(network, preprocess="none"), target=0)
    for fit in ("stretch", "crop", "pad", "wide"):
        explainer.fit = fit
        for at in ((330, 190), (300, 220)):
            assert off(explainer.explain(spot((640, 360), at, 20)), at) <= 0.5, (fit, at)


def test_the_region_is_what_the_network_left_of_its_input() -> None:
    network = spot_network(L.Cropping2D(((24, 12), (40, 0))), SIZE)
    explainer = lg.Explainer(lg.load_model(network, preprocess="none"), target=0, fit="stretch")
    found = explainer.explain(spot((640, 384), (400, 200), 20))
    assert (found.region, found.inset) == ((160, 96, 480, 240), WHOLE)
    explainer.fit = "pad"  # to 160 × 96 pixels, whose scale is a quarter
    found = explainer.explain(spot((320, 384), (200, 200), 20))
    assert found.region == (0, 96, 320, 240)
    assert found.inset == pytest.approx((0.0, 0.0, 2 / 3, 1.0))


def test_the_pixels_own_methods_have_the_same_region_and_their_own_place() -> None:
    network = spot_network(L.Cropping2D(((24, 12), (40, 0))), SIZE)
    found = lg.Explainer(
        lg.load_model(network, preprocess="none"), method="saliency", target=0, fit="stretch"
    ).explain(spot((640, 384), (400, 200), 20))
    assert found.heatmap.shape == SIZE
    assert found.region == (160, 96, 480, 240)
    assert found.inset == pytest.approx((40 / 160, 24 / 96, 1.0, 84 / 96))
    assert off(found, (400, 200)) <= 4


def random_stack(seed: int) -> Any:
    """Convolutions, poolings, paddings and cuts in any order, with paths beside them."""
    random = np.random.default_rng(seed)
    keras.utils.set_random_seed(seed)
    x = image = keras.Input((int(random.integers(70, 110)), int(random.integers(70, 110)), 3))
    for _ in range(int(random.integers(3, 8))):
        padding = str(random.choice(["same", "valid"]))
        kernel, stride = int(random.choice([1, 3, 4, 5])), int(random.integers(1, 3))
        small = min(x.shape[1:3]) < 24
        match random.integers(0, 5):
            case 0:
                x = L.MaxPooling2D(2 if small else 3, strides=1 if small else 2, padding=padding)(x)
            case 1:
                x = L.ZeroPadding2D(((1, 4), (int(random.integers(0, 6)), 0)))(x)
            case 2:
                x = L.Cropping2D(((0, 3), (int(random.integers(0, 4)), 1)))(x)
            case 3:
                side = L.Conv2D(12, 1, padding="same")(x)
                x = L.Add()([side, L.Conv2D(12, kernel, padding="same", activation="relu")(side)])
            case _:
                x = L.Conv2D(12, kernel, strides=1 if small else stride, padding=padding, activation="gelu")(
                    x
                )
    x = L.Conv2D(12, 3, padding="same", activation="relu", name="last")(x)
    x = L.Dense(2, activation="softmax")(L.GlobalAveragePooling2D()(x))
    return keras.Model(image, x, name="stack")


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=[] if seed < 4 else pytest.mark.geometry) for seed in range(24)]
)
@pytest.mark.long
def test_a_stack_of_convolutions_and_poolings_lies_where_arithmetic_says(seed: int) -> None:
    network = random_stack(seed)
    model = lg.load_model(network, preprocess="unit")
    measured, computed = measured_geometry(model, "last"), computed_geometry(model, "last")
    check_against_arithmetic(network, measured, "last")
    assert computed is not None
    check_against_arithmetic(network, computed, "last")
    assert computed.extent == pytest.approx(measured.extent, abs=1e-3)
    assert computed.seen == pytest.approx(measured.seen, abs=0.03)  # a pixel or two at the edge count as seen


def test_all_layers_of_a_network_lie_alike() -> None:
    network = spot_network(stacked, SIZE)
    model = lg.load_model(network, preprocess="none")
    for layer in ("colour", "red"):
        geometry = measured_geometry(model, layer)
        assert geometry.extent == pytest.approx((8 / 160, 8 / 96, 152 / 160, 88 / 96), abs=1e-3)
        assert geometry.seen == WHOLE


def test_the_cut_is_found_through_squeeze_and_excitation_and_attention() -> None:
    def gated(x: Any) -> Any:
        x = L.Cropping2D(((32, 0), (0, 64)))(x)
        x = L.Conv2D(16, 4, strides=4, activation="swish")(x)
        gate = L.Dense(16, activation="sigmoid")(L.GlobalAveragePooling2D(keepdims=True)(x))
        x = L.DepthwiseConv2D(3, padding="same")(L.Multiply()([x, gate]))
        tokens = L.Reshape((16 * 24, 16))(x)
        tokens = L.Add()([tokens, L.MultiHeadAttention(2, 8)(tokens, tokens)])
        return L.Reshape((16, 24, 16))(L.LayerNormalization()(tokens))

    keras.utils.set_random_seed(4)
    image = keras.Input((*SIZE, 3))
    x = L.Conv2D(8, 1, name="last")(gated(image))
    network = keras.Model(image, L.Dense(2, activation="softmax")(L.GlobalAveragePooling2D()(x)))
    found = measured_geometry(lg.load_model(network, preprocess="unit"), "last")
    assert found.extent == found.seen == pytest.approx((0.0, 32 / 96, 96 / 160, 1.0))


def test_tokens_lie_where_their_patches_are() -> None:
    keras.utils.set_random_seed(4)
    image = keras.Input((96, 96, 3))
    x = L.Conv2D(16, 8, strides=8)(L.CenterCrop(64, 64)(image))
    x = L.Reshape((64, 16))(x)
    x = L.Add(name="tokens")([x, L.MultiHeadAttention(2, 8)(x, x)])
    network = keras.Model(image, L.Dense(2, activation="softmax")(L.GlobalAveragePooling1D()(x)))
    found = measured_geometry(lg.load_model(network, preprocess="unit"), "tokens")
    assert found.extent == found.seen == pytest.approx((1 / 6, 1 / 6, 5 / 6, 5 / 6))


def _through(*layers: Any, size: tuple[int | None, int | None] = (64, 64)) -> Any:
    x = image = keras.Input((*size, 3))
    for layer in layers:
        x = layer(x)
    x = L.Conv2D(4, 3, padding="same", name="last")(x)
    return keras.Model(image, L.Dense(2, activation="softmax")(L.GlobalAveragePooling2D()(x)))


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(
            lambda: _through(Cut(lambda x: tf.cast(tf.cast(x, tf.uint8), tf.float32))), id="no gradient"
        ),
        pytest.param(lambda: _through(L.Permute((2, 1, 3)), size=(64, 48)), id="transposed"),
        pytest.param(lambda: _through(L.Conv2D(4, (64, 1))), id="one row"),
        pytest.param(lambda: _through(L.Conv2D(4, 3, padding="same"), size=(None, None)), id="free size"),
        pytest.param(lambda: _through(Cut(lambda x: x * 0.0)), id="dead"),
        pytest.param(lambda: _through(Cut(lambda x: x * float("nan"))), id="NaN"),
        pytest.param(lambda: _through(L.GaussianNoise(0.1), L.RandomFlip()), id="augmented in training"),
    ],
)
@pytest.mark.long
def test_a_map_whose_place_cannot_be_found_covers_the_input(network: Any) -> None:
    model = lg.load_model(network(), preprocess="none")
    assert measured_geometry(model, "last").extent == WHOLE
    assert lg.Explainer(model, target=0).explain(spot((64, 64), (30, 30))).inset == WHOLE


def test_why_a_place_is_not_known_is_told_to_who_debugs(caplog: pytest.LogCaptureFixture) -> None:
    def fails(_: Any) -> Any:
        raise tf.errors.UnimplementedError(None, None, "no gradient here")

    @tf.custom_gradient  # type: ignore[untyped-decorator] # TensorFlow ships no types
    def stubborn(x: Any) -> Any:
        return tf.identity(x), fails

    model = lg.load_model(_through(L.Conv2D(4, 3), Cut(stubborn)), preprocess="none")
    with caplog.at_level(logging.DEBUG, "live_gradcam.explain.geometry_by_gradients"):
        assert measured_geometry(model, "last") == COVERING
    assert "the place of last is not known (no gradient here): its map covers the input" in caplog.text


@pytest.mark.long
def test_several_layers_are_fused_where_each_lies() -> None:
    network = spot_network(stacked, SIZE)
    model = lg.load_model(network, preprocess="none")
    image = spot((160, 96), (100, 40), 7)
    found = lg.Explainer(model, layer="colour,red", target=0).explain(image)
    shares = []
    rows, columns = np.arange(8.5, 88), np.arange(8.5, 152)
    for layer in ("colour", "red"):
        each = lg.Explainer(model, layer=layer, target=0).explain(image).heatmap
        high, wide = each.shape
        down = [np.interp(rows, 8 + (np.arange(high) + 0.5) * 80 / high, column) for column in each.T]
        across = [
            np.interp(columns, 8 + (np.arange(wide) + 0.5) * 144 / wide, row) for row in np.array(down).T
        ]
        shares.append(np.array(across))
    expected = np.mean(shares, axis=0)
    np.testing.assert_allclose(found.raw_heatmap, expected, atol=1e-3)
    assert off(found, (100, 40)) <= 0.5


def test_scorecam_masks_what_the_cells_look_at() -> None:
    network = spot_network(L.Cropping2D(((40, 0), (0, 60))), SIZE)
    image = spot((160, 96), (50, 70), 9)
    model = lg.load_model(network, preprocess="none")
    found = lg.Explainer(model, method="scorecam", target=0).explain(image)
    inner = keras.Model(network.input, [network.get_layer("red").output, network.get_layer("head").output])
    logits = keras.Model(network.input, network.layers[-2].output)
    pixels = image[None, ..., ::-1].astype(np.float32)
    features = np.asarray(inner(pixels)[0])[0]
    features = features[..., np.ptp(features, axis=(0, 1)) > 0]
    high, wide, channels = features.shape
    assert channels == 1
    rows, columns = np.arange(96) + 0.5, np.arange(160) + 0.5
    scores = []
    for channel in range(channels):
        down = np.array(
            [np.interp(rows, 40 + (np.arange(high) + 0.5) * 4, each) for each in features[..., channel].T]
        )
        mask = np.array([np.interp(columns, (np.arange(wide) + 0.5) * 4, each) for each in down.T])
        mask = (mask - mask.min()) / (mask.max() - mask.min())
        scores.append(float(np.asarray(logits(pixels * mask[None, ..., None].astype(np.float32)))[0, 0]))
    weights = np.exp(scores) / np.exp(scores).sum()
    expected = np.maximum((features * weights).sum(axis=-1), 0)
    np.testing.assert_allclose(found.raw_heatmap, expected, atol=1e-4 * expected.max())


@pytest.mark.parametrize("name", ["Cropping2D", "mirror", "valid convolutions"])
@pytest.mark.long
def test_augmented_copies_are_laid_back_about_the_middle_of_the_picture(name: str) -> None:
    network = spot_network(PREPARATIONS[name], SIZE)
    explainer = lg.Explainer(
        lg.load_model(network, preprocess="none"), target=0, smooth="augment", fit="stretch"
    )
    for at in ((330, 190), (300, 220)):
        assert off(explainer.explain(spot((640, 360), at, 20)), at) <= 0.5


def test_a_mirrored_map_and_its_channels_are_turned_back() -> None:
    network = spot_network(PREPARATIONS["mirror"], SIZE)
    answering = Engine([lg.load_model(network, preprocess="none")], fit="stretch")
    answer = answering.answer(spot((160, 96), (130, 22), 1), Question(targets=(0,), channels=2))
    for each in (answer.first.heatmap, answer.channels[0].activation):
        assert divmod(int(each.argmax()), each.shape[1]) == (5, 32)


@pytest.mark.geometry
@pytest.mark.long
def test_the_default_network_covers_its_input_and_is_not_measured_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = lg.load_model("efficientnet-lite0")
    assert model.covering
    for layer in ("stem", "head"):
        assert computed_geometry(model, layer) == COVERING
    monkeypatch.setattr("live_gradcam.explain.geometry_by_gradients.measured_geometry", None)
    assert lg.Explainer(model).explain(spot((64, 64), (30, 30))).inset == WHOLE


SMALLEST = (
    "mobilenet",
    "mobilenetv2",
    "mobilenetv3-small",
    "resnet50",
    "resnet50v2",
    "densenet121",
    "inception-v3",
    "inception-resnet-v2",
    "xception",
    "nasnet-mobile",
    "efficientnet-b0",
    "efficientnetv2-b0",
    "convnext-tiny",
    "vgg16",
)


def check_family(name: str) -> None:
    """Check the first, a middle and the last layer of one of `keras.applications` against arithmetic."""
    [entry] = [entry for entry in CATALOGUE if entry.name == name]
    keras.utils.set_random_seed(3)
    network = getattr(keras.applications, str(entry.builder))(
        weights=None, input_shape=(entry.size, entry.size, 3)
    )
    random = np.random.default_rng(3)
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            *others, variance = layer.get_weights()
            spread = [each + random.normal(size=each.shape) * 0.2 for each in others]
            layer.set_weights([*spread, random.uniform(0.5, 2.0, variance.shape)])
    model = lg.load_model(network, preprocess="unit")
    fields = fields_of(network, 0)
    several = [
        layer for layer, field in fields.items() if field.cells > 1 and layer != network.layers[0].name
    ]
    for layer in (several[2], several[len(several) // 2], several[-1]):
        measured, computed = measured_geometry(model, layer), computed_geometry(model, layer)
        assert computed is not None
        for geometry in filter(None, (measured, computed)):
            check_against_arithmetic(network, geometry, layer)
            if entry.covering and not isinstance(network.get_layer(layer), L.ZeroPadding2D):
                assert geometry == COVERING


@pytest.mark.geometry
def test_the_default_network_is_measured_to_cover_its_input() -> None:
    model = lg.load_model("efficientnet-lite0")
    for layer in ("stem", "head"):
        assert measured_geometry(model, layer) == COVERING


@pytest.mark.geometry
@pytest.mark.parametrize("name", SMALLEST)
def test_every_family_lies_where_arithmetic_says(name: str) -> None:
    check_family(name)
