"""The needs, against hand-made networks whose answers can be written down, and against plain NumPy."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
import pytest
from metric_networks import window_network
from networks import flattened_network, picture, pooled_network

import live_gradcam as lg
from live_gradcam.audit.findings import PhotoFinding
from live_gradcam.audit.needs import (
    Donor,
    chosen_donors,
    in_place,
    on_background,
    seed_of,
    without_thing,
)
from live_gradcam.audit.photo_folders import AuditPhoto
from live_gradcam.audit.photo_values import PhotoAudit
from live_gradcam.errors import SettingsError
from live_gradcam.fixed_choices import Fit
from live_gradcam.frame import Pixels

SIDE = 48
SLOPE, OFFSET = 1 / 16, -8.0

PHOTO = AuditPhoto(path=None, name="first/1.png", truth="first")  # type: ignore[arg-type]  # it is not read


def square(row: int, column: int, side: int, size: int = SIDE) -> npt.NDArray[np.bool_]:
    mask = np.zeros((size, size), np.bool_)
    mask[row : row + side, column : column + side] = True
    return mask


def grown(mask: npt.NDArray[np.bool_], pixels: int) -> npt.NDArray[np.bool_]:
    """The mask with all pixels up to a distance along both axes; with fewer pixels where it is negative."""
    side = np.ones((2 * abs(pixels) + 1,) * 2, np.uint8)
    change = cv2.dilate if pixels > 0 else cv2.erode
    return np.asarray(change(mask.astype(np.uint8), side), np.bool_)


def scene(mask: npt.NDArray[np.bool_], thing: int, background: int) -> Pixels:
    """A thing and a background, each of one shade of green."""
    pixels = np.zeros((*mask.shape, 3), np.uint8)
    pixels[..., 1] = np.where(mask, thing, background)
    return pixels


def green_network(seen: npt.NDArray[Any]) -> Any:
    """p of class 0 is sigmoid(g / 16 − 8), where g is the mean green of some pixels, from 0 to 255.

    With 64 or 512 pixels, all sums are exact in float32.
    """
    image = keras.Input((*seen.shape, 3))
    x = keras.layers.Conv2D(1, 1, use_bias=False, name="green")(image)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(2, activation="softmax", name="head")(x)
    network = keras.Model(image, x, name="green_network")
    network.get_layer("green").set_weights([np.array([0, 1, 0], np.float32).reshape(1, 1, 3, 1)])
    weights = np.stack([SLOPE * seen / seen.sum(), np.zeros(seen.shape)], axis=-1)
    network.get_layer("head").set_weights(
        [weights.reshape(-1, 2).astype(np.float32), np.array([OFFSET, 0], np.float32)]
    )
    return network


def p_of(level: float) -> float:
    return 1 / (1 + math.exp(-(SLOPE * level + OFFSET)))


def found_by(
    network: Any, pixels: Pixels, mask: npt.NDArray[np.bool_], donors: list[tuple[Pixels, Any]]
) -> PhotoFinding:
    model = lg.load_model(network, labels=["first", "second"], preprocess="none")
    audit = PhotoAudit(lg.Explainer(model, method="hirescam", layer="green"))
    audit.pool = [
        audit.donor(replace(PHOTO, name=f"{number}.png"), other, other_mask, 1, "second")
        for number, (other, other_mask) in enumerate(donors)
    ]
    ((found, _),) = audit.findings([audit.prepared(PHOTO, pixels, mask, 0, "first")])
    return found


MASK, OTHER_MASK = square(14, 12, 20), square(5, 6, 20)
INSIDE = square(20, 18, 8)
"""Pixels of the thing beyond the reach of its soft edge."""

OUTSIDE = ~grown(MASK | OTHER_MASK, 6)
OUTSIDE &= np.cumsum(OUTSIDE).reshape(OUTSIDE.shape) <= 512
"""Pixels of the background, likewise."""

OWN, OTHER = scene(MASK, 200, 50), scene(OTHER_MASK, 90, 120)


def test_a_network_that_sees_only_the_thing_needs_the_thing() -> None:
    found = found_by(green_network(INSIDE), OWN, MASK, [(OTHER, OTHER_MASK)])
    assert found.truth_probability == pytest.approx(p_of(200), abs=1e-6)
    assert found.background_need == pytest.approx(0, abs=1e-6)
    assert found.neutral_need == pytest.approx(0, abs=1e-6)
    assert found.thing_need == pytest.approx(p_of(200) - p_of(50), abs=1e-6)
    assert found.exchange_need == pytest.approx(p_of(200) - p_of(90), abs=1e-6)
    assert found.inside == pytest.approx(1, abs=1e-6)
    assert found.lift == pytest.approx(SIDE**2 / 20**2, abs=1e-5)
    assert found.pointing == 1


def test_a_network_that_sees_only_the_background_needs_the_background() -> None:
    found = found_by(green_network(OUTSIDE), OWN, MASK, [(OTHER, OTHER_MASK)])
    assert found.truth_probability == pytest.approx(p_of(50), abs=1e-6)
    assert found.background_need == pytest.approx(p_of(50) - p_of(120), abs=1e-6)
    assert found.thing_need == pytest.approx(0, abs=1e-6)
    assert found.exchange_need == pytest.approx(0, abs=1e-6)
    noise = np.random.default_rng(seed_of(PHOTO.name)).integers(0, 256, OWN.shape, np.uint8)
    levels = (127.0, float(noise[..., 1][OUTSIDE].mean()), 50.0)
    assert found.neutral_need == pytest.approx(p_of(50) - np.mean([p_of(each) for each in levels]), abs=1e-6)
    assert found.inside == 0
    assert found.pointing == 0


def test_the_mean_is_taken_over_several_backgrounds() -> None:
    levels = (10, 90, 120, 230)
    donors = [(scene(OTHER_MASK, 90, level), OTHER_MASK) for level in levels]
    found = found_by(green_network(OUTSIDE), OWN, MASK, donors)
    for each in found.on_backgrounds:
        assert each.class_name == "second"
        assert each.probability == pytest.approx(
            p_of(levels[int(each.lender.removesuffix(".png"))]), abs=1e-6
        )
    assert {each.lender for each in found.on_backgrounds} == {f"{number}.png" for number in range(4)}
    assert [each[:2] for each in found.with_things] == [each[:2] for each in found.on_backgrounds]
    assert [each.probability for each in found.with_things] == pytest.approx([p_of(50)] * 4, abs=1e-6)
    wanted = p_of(50) - np.mean([p_of(level) for level in levels])
    assert found.background_need == pytest.approx(wanted, abs=1e-6)


def test_a_mixed_network_needs_both_by_its_weights() -> None:
    seen = 0.75 * INSIDE / INSIDE.sum() + 0.25 * OUTSIDE / OUTSIDE.sum()
    found = found_by(green_network(seen), OWN, MASK, [(OTHER, OTHER_MASK)])

    def p(thing: int, background: int) -> float:
        return p_of(0.75 * thing + 0.25 * background)

    assert found.background_need == pytest.approx(p(200, 50) - p(200, 120), abs=1e-6)
    assert found.exchange_need == pytest.approx(p(200, 50) - p(90, 50), abs=1e-6)
    assert found.thing_need == pytest.approx(p(200, 50) - p(50, 50), abs=1e-6)


def test_a_rival_has_a_heat_map_of_its_own_where_the_network_is_wrong() -> None:
    dark = scene(MASK, 30, 50)
    found = found_by(green_network(INSIDE), dark, MASK, [(OTHER, OTHER_MASK)])
    assert (found.predicted, found.right) == ("second", False)
    assert found.probability == pytest.approx(1 - p_of(30), abs=1e-6)
    assert found.rival_heatmap is not None
    right = found_by(green_network(INSIDE), OWN, MASK, [(OTHER, OTHER_MASK)])
    assert right.rival_heatmap is None


def test_without_a_place_or_donors_there_are_no_needs() -> None:
    explainer = lg.Explainer(
        lg.load_model(green_network(MASK), labels=["first", "second"], preprocess="unit")
    )
    audit = PhotoAudit(explainer)
    ((unknown, _),) = audit.findings([audit.prepared(PHOTO, OWN, None, 0, "first")])
    assert unknown.thing_need is unknown.background_need is unknown.inside is None
    ((alone, _),) = audit.findings([audit.prepared(PHOTO, OWN, MASK, 0, "first")])
    assert alone.background_need is alone.exchange_need is None
    assert alone.thing_need is not None


def test_values_are_no_probabilities() -> None:
    network = flattened_network(activation=None)
    explainer = lg.Explainer(lg.load_model(network, preprocess="unit", task="values"))
    audit = PhotoAudit(explainer)
    with pytest.raises(SettingsError, match="gives values and no probabilities: only classifiers"):
        audit.findings([audit.prepared(PHOTO, picture(), None, 0, "first")])


def test_one_sigmoid_unit_has_the_probabilities_of_two_classes() -> None:
    network = green_network(INSIDE)
    unit = keras.layers.Dense(1, activation="sigmoid", name="unit")
    single = keras.Model(network.input, unit(network.layers[-2].output))
    kernel, bias = network.get_layer("head").get_weights()
    unit.set_weights([kernel[:, :1], bias[:1]])
    model = lg.load_model(single, labels=["dark", "bright"], preprocess="none")
    audit = PhotoAudit(lg.Explainer(model, method="hirescam", layer="green"))
    audit.pool = [audit.donor(PHOTO, OTHER, OTHER_MASK, 0, "other")]
    ((found, _),) = audit.findings([audit.prepared(PHOTO, OWN, MASK, 1, "bright")])
    assert (found.predicted, found.right) == ("bright", True)
    assert found.truth_probability == pytest.approx(p_of(200), abs=1e-6)
    assert found.exchange_need == pytest.approx(p_of(200) - p_of(90), abs=1e-6)


def test_labels_that_are_each_true_or_false_have_their_own_probabilities() -> None:
    network = green_network(INSIDE)
    units = keras.layers.Dense(2, activation="sigmoid", name="units")
    several = keras.Model(network.input, units(network.layers[-2].output))
    units.set_weights(network.get_layer("head").get_weights())
    model = lg.load_model(several, labels=["bright", "other"], preprocess="none", task="multi-label")
    audit = PhotoAudit(lg.Explainer(model, method="hirescam", layer="green"))
    audit.pool = [audit.donor(PHOTO, OTHER, OTHER_MASK, 1, "other")]
    ((found, _),) = audit.findings([audit.prepared(PHOTO, OWN, MASK, 0, "bright")])
    assert found.truth_probability == pytest.approx(p_of(200), abs=1e-6)
    assert found.thing_need == pytest.approx(p_of(200) - p_of(50), abs=1e-6)


def test_a_scan_is_refused() -> None:
    explainer = lg.Explainer(lg.load_model(flattened_network(), preprocess="unit"), fit="scan")
    with pytest.raises(SettingsError, match="fit is 'scan'"):
        PhotoAudit(explainer)


# The same in plain NumPy: sums over neighbours, a dense solver, and the network's own `predict`.


def opacity_of(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    weights = np.exp(-(np.arange(-4, 5) ** 2) / 2)
    weights /= weights.sum()
    wide = np.pad(mask.astype(np.float64), 4, mode="edge")
    rows = sum(weight * wide[:, at : at + mask.shape[1]] for at, weight in enumerate(weights))
    return np.asarray(sum(weight * rows[at : at + mask.shape[0]] for at, weight in enumerate(weights)))


def within(mask: npt.NDArray[np.bool_], pixels: int) -> npt.NDArray[np.bool_]:
    wide, side = np.pad(mask, pixels), 2 * pixels + 1
    rows, columns = mask.shape
    parts = [wide[y : y + rows, x : x + columns] for y in range(side) for x in range(side)]
    return np.asarray(np.any(parts, axis=0), np.bool_)


def filled_in(pixels: Pixels, mask: npt.NDArray[np.bool_]) -> Pixels:
    rows, columns = mask.shape
    missing = within(mask, 2)
    number = {place: at for at, place in enumerate(zip(*np.nonzero(missing), strict=True))}
    system, right = np.zeros((len(number), len(number))), np.zeros((len(number), 3))
    for (row, column), at in number.items():
        for y in (-1, 0, 1):
            for x in (-1, 0, 1):
                place = (row + y, column + x)
                if (y, x) == (0, 0) or not (0 <= place[0] < rows and 0 <= place[1] < columns):
                    continue
                weight = 1 / 12 if y and x else 1 / 6
                system[at, at] += weight
                if place in number:
                    system[at, number[place]] -= weight
                else:
                    right[at] += weight * pixels[place]
    result = pixels.astype(np.float64)
    result[missing] = np.linalg.solve(system, right)
    weights = np.exp(-(np.arange(-6, 7) ** 2) / (2 * 1.5**2))
    wide = np.pad(result, ((6, 6), (6, 6), (0, 0)), mode="reflect")
    mean = np.zeros_like(result)
    for y, down in enumerate(weights / weights.sum()):
        for x, across in enumerate(weights / weights.sum()):
            mean += down * across * wide[y : y + rows, x : x + columns]
    detail = (result - mean)[within(missing, 4) & ~missing]
    result[missing] += detail[np.random.default_rng(0).integers(0, len(detail), missing.sum())]
    return np.clip(np.rint(result), 0, 255).astype(np.uint8)


def mixed(thing: Pixels, background: Pixels, opacity: npt.NDArray[np.float64]) -> Pixels:
    share = opacity[..., None]
    return np.rint(thing * share + background * (1 - share)).astype(np.uint8)


def test_the_needs_are_those_of_plain_numpy() -> None:
    network = flattened_network()
    own, other = picture(seed=3), picture(seed=4)
    mask, other_mask = square(4, 3, 6, 16), square(7, 8, 6, 16)
    explainer = lg.Explainer(lg.load_model(network, labels=["first", "second", "third"], preprocess="unit"))
    audit = PhotoAudit(explainer)
    audit.pool = [audit.donor(PHOTO, other, other_mask, 1, "second")]
    ((found, _),) = audit.findings([audit.prepared(PHOTO, own, mask, 0, "first")])

    def p(pixels: Pixels) -> float:
        rgb = pixels[None, ..., ::-1].astype(np.float32) / 255
        return float(np.asarray(network(rgb))[0, 0])

    removed, lent = filled_in(own, mask), filled_in(other, other_mask)
    moved, moved_opacity = np.zeros_like(own), np.zeros((16, 16))
    moved[:-3, :-5] = other[3:, 5:]  # from (7, 8) to (4, 3)
    moved_opacity[:-3, :-5] = opacity_of(other_mask)[3:, 5:]
    noise = np.random.default_rng(seed_of(PHOTO.name)).integers(0, 256, own.shape, np.uint8)
    blurred = cv2.GaussianBlur(removed, (0, 0), 1.0, borderType=cv2.BORDER_REPLICATE)
    neutral = [np.full_like(own, 127), noise, np.asarray(blurred, np.uint8)]
    opacity = opacity_of(mask)
    assert found.truth_probability == pytest.approx(p(own), abs=1e-6)
    assert found.background_need == pytest.approx(p(own) - p(mixed(own, lent, opacity)), abs=1e-6)
    assert found.thing_need == pytest.approx(p(own) - p(removed), abs=1e-6)
    assert found.exchange_need == pytest.approx(p(own) - p(mixed(moved, removed, moved_opacity)), abs=1e-6)
    wanted = p(own) - np.mean([p(mixed(own, each, opacity)) for each in neutral])
    assert found.neutral_need == pytest.approx(wanted, abs=1e-6)


def test_the_heat_inside_is_that_of_plain_numpy() -> None:
    network = window_network(16, 5, 4, 6)
    model = lg.load_model(network, labels=["first", "second"], preprocess="unit")
    explainer = lg.Explainer(model, method="hirescam", layer="brightness")
    audit = PhotoAudit(explainer)
    own, mask = picture(seed=5), square(3, 3, 6, 16)
    ((found, _),) = audit.findings([audit.prepared(PHOTO, own, mask, 0, "first")])
    seen = own.astype(np.float64).mean(axis=-1)
    heat = np.where(square(5, 4, 6, 16), seen, 0)
    inside = heat[mask].sum() / heat.sum()
    assert found.inside == pytest.approx(inside, abs=1e-6)
    assert found.lift == pytest.approx(inside / mask.mean(), abs=1e-5)
    assert found.pointing == float(mask.ravel()[heat.argmax()])


def test_the_thing_lies_where_the_network_sees_it() -> None:
    """A mask over a wide photograph is cut and scaled as the photograph is."""
    wide_mask = np.zeros((SIDE, 2 * SIDE), np.bool_)
    wide_mask[14:34, 36:56] = True  # 12 to 32 of the central square
    pixels = scene(wide_mask, 200, 50)
    seen = green_network(INSIDE)
    by_mask = found_by(seen, pixels, wide_mask, [(OTHER, OTHER_MASK)])
    assert (by_mask.region, by_mask.inset) == ((24, 0, SIDE, SIDE), (0, 0, 1, 1))
    assert by_mask.truth_probability == pytest.approx(p_of(200), abs=1e-6)
    assert by_mask.thing_need == pytest.approx(p_of(200) - p_of(50), abs=1e-6)
    by_box = found_by(seen, pixels, [(36.0, 14.0, 20.0, 20.0)], [(OTHER, OTHER_MASK)])  # type: ignore[arg-type]
    assert (by_box.thing_need, by_box.background_need) == (by_mask.thing_need, by_mask.background_need)
    outside = found_by(seen, pixels, [(0.0, 0.0, 10.0, 10.0)], [])  # type: ignore[arg-type]
    assert outside.thing_need is None


@pytest.mark.parametrize("fit", ["crop", "stretch", "pad", "wide"])
def test_photographs_of_any_shape_lend_to_one_another(fit: Fit) -> None:
    model = lg.load_model(pooled_network(size=None), labels=list("abcd"), preprocess="unit")
    audit = PhotoAudit(lg.Explainer(model, fit=fit))
    tall, long = picture(96, 64, seed=1), picture(64, 128, seed=2)
    audit.pool = [audit.donor(PHOTO, long, [(40.0, 20.0, 20.0, 20.0)], 1, "second")]
    prepared = audit.prepared(PHOTO, tall, [(20.0, 40.0, 16.0, 16.0)], 0, "a")
    assert prepared.changed is not None
    assert {each.shape for each in prepared.changed.pictures} == {prepared.picture.shape}
    ((found, _),) = audit.findings([prepared])
    rgb = audit._explainer.explain_batch([tall], targets=[0])[0]
    assert found.truth_probability == pytest.approx(rgb.target.probability, abs=1e-6)  # type: ignore[union-attr]
    assert None not in (found.background_need, found.exchange_need, found.thing_need, found.inside)
    x, y, width, height = found.region or (0, 0, 0, 0)
    assert (x + width <= 64, y + height <= 96) == (True, True)


def test_a_thing_of_another_size_gets_the_area_of_the_own_one() -> None:
    small = square(20, 30, 10)
    placed = in_place(scene(MASK, 50, 50), MASK, scene(small, 250, 250), small)
    bright = placed[..., 1] > 150
    assert np.count_nonzero(bright) == pytest.approx(MASK.sum(), rel=0.1)
    rows, columns = np.nonzero(bright)
    assert (rows.mean(), columns.mean()) == pytest.approx((23.5, 21.5), abs=0.6)


def test_nothing_of_the_thing_is_left_when_it_is_removed() -> None:
    soft = np.asarray(cv2.GaussianBlur(OWN, (0, 0), 0.8), np.uint8)
    removed = without_thing(soft, MASK)
    assert np.abs(removed[..., 1].astype(int) - 50).max() <= 2
    assert (scene(MASK, 200, 50) == OWN).all()


def test_the_place_of_a_removed_thing_is_as_rough_as_its_surroundings() -> None:
    """Gaussian noise of 12 levels: its detail has 12 √(1 − 2 g + Σ g²), with the Gaussian mean's weights g."""
    random = np.random.default_rng(0)
    rough = np.clip(np.rint(120 + random.normal(0, 12, (128, 128, 3))), 0, 255).astype(np.uint8)
    mask = square(34, 34, 60, 128)
    removed = without_thing(rough, mask)[mask].astype(float)
    line = np.exp(-(np.arange(-6, 7) ** 2) / (2 * 1.5**2))
    weights = np.outer(line, line) / line.sum() ** 2
    wanted = 12 * np.sqrt(1 - 2 * weights[6, 6] + (weights**2).sum())
    assert removed.std() == pytest.approx(wanted, rel=0.05)
    assert removed.mean() == pytest.approx(120, abs=1)


def test_a_thing_keeps_its_pixels_on_another_background() -> None:
    placed = on_background(OWN, MASK, OTHER)
    assert (placed[grown(MASK, -4)] == OWN[grown(MASK, -4)]).all()
    far = ~grown(MASK, 4)
    assert (placed[far] == OTHER[far]).all()


def test_donors_are_of_other_classes_and_depend_on_the_seed_only() -> None:
    pool = [Donor(number % 3, OTHER, OTHER, None) for number in range(12)]
    chosen = chosen_donors(pool, 1, 5, seed=7)
    assert len({id(each) for each in chosen}) == 5
    assert all(each.class_id != 1 for each in chosen)
    assert chosen == chosen_donors(pool, 1, 5, seed=7)
    assert len(chosen_donors(pool, 1, 50, seed=7)) == 8
    assert {tuple(map(id, chosen_donors(pool, 1, 5, seed=seed))) for seed in range(9)} != {
        tuple(map(id, chosen))
    }
