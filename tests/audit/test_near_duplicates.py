"""Copies of photographs are found, and photographs of the same kind are not taken for copies."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from limits import within

from live_gradcam.audit.findings import DuplicateFinding
from live_gradcam.audit.near_duplicates import (
    Fingerprint,
    duplicates_between_classes,
    duplicates_of_training,
    fingerprint_of,
)
from live_gradcam.frame import Pixels
from live_gradcam.sources.demo.lesson_scene import BACKGROUNDS, photograph

PHOTOGRAPHS = (
    *(each for each in BACKGROUNDS if each != "brick.png"),  # a part of a wall is a part of any wall
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "flower.jpg",
    "camera.png",
    "moon.png",
)


@pytest.fixture(scope="module")
def photographs() -> dict[str, Pixels]:
    return {name: photograph(name) for name in PHOTOGRAPHS}


def resaved(picture: Pixels) -> Pixels:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 40])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def resized(picture: Pixels) -> Pixels:
    return np.asarray(cv2.resize(picture, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA), np.uint8)


def cropped(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    return picture[round(0.03 * height) : round(0.96 * height), round(0.05 * width) : round(0.97 * width)]


def brightened(picture: Pixels) -> Pixels:
    return np.asarray(cv2.convertScaleAbs(picture, alpha=0.9, beta=20), np.uint8)


def without_colour(picture: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)


def in_warm_light(picture: Pixels) -> Pixels:
    return np.asarray(np.clip(picture * np.array([0.93, 1.0, 1.05]), 0, 255), np.uint8)


CHANGES: tuple[Callable[[Pixels], Pixels], ...] = (
    resaved,
    resized,
    cropped,
    brightened,
    in_warm_light,
)


@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_found(photographs: dict[str, Pixels], change: Callable[[Pixels], Pixels]) -> None:
    tested = {f"new {name}": fingerprint_of(change(each)) for name, each in photographs.items()}
    training = {name: fingerprint_of(each) for name, each in photographs.items()}
    found = duplicates_of_training(tested, training)
    assert {each.first: each.second for each in found} == {f"new {name}": name for name in photographs}
    assert all("nearly the same picture" in each.sentence for each in found)


def test_other_photographs_are_no_copies(photographs: dict[str, Pixels]) -> None:
    fingerprints = {name: fingerprint_of(each) for name, each in photographs.items()}
    assert duplicates_between_classes(fingerprints, {name: name for name in fingerprints}) == ()


def test_other_parts_of_one_photograph_are_no_copies(photographs: dict[str, Pixels]) -> None:
    parts = {}
    for name, picture in photographs.items():
        height, width = (length // 2 for length in picture.shape[:2])
        for number, (y, x) in enumerate(((0, 0), (0, width), (height, 0), (height, width))):
            parts[f"{name} {number}"] = fingerprint_of(picture[y : y + height, x : x + width])
    assert duplicates_between_classes(parts, {name: name for name in parts}) == ()


def pasted(thing: Pixels, ground: Pixels, share: float, at: tuple[float, float] = (0.5, 0.5)) -> Pixels:
    """A round part of a photograph on another one; its diameter is a share of the smaller side."""
    result = ground.copy()
    height, width = ground.shape[:2]
    centre = round(at[0] * width), round(at[1] * height)
    disc = np.zeros((height, width), np.uint8)
    cv2.circle(disc, centre, round(share * min(height, width) / 2), 255, -1)
    result[disc > 0] = cv2.resize(thing, (width, height))[disc > 0]
    return result


@pytest.mark.parametrize("share", [0.25, 0.4, 0.6])
def test_other_things_on_one_background_are_no_copies(photographs: dict[str, Pixels], share: float) -> None:
    things = {name: photographs[name] for name in ("coffee.png", "chelsea.png", "coins.png", "camera.png")}
    for ground in ("china.jpg", "astronaut.png", "gravel.png", "hubble_deep_field.jpg"):
        fingerprints = {
            name: fingerprint_of(pasted(each, photographs[ground], share)) for name, each in things.items()
        }
        assert duplicates_between_classes(fingerprints, {name: name for name in things}) == (), ground


def with_disc(ground: Pixels, colour: tuple[int, int, int], share: float, *, seed: int) -> Pixels:
    """An evenly coloured disc on a photograph, as one of several that a camera on a tripod takes."""
    disc = np.full((8, 8, 3), colour, np.uint8)
    noise = np.random.default_rng(seed).normal(0, 3, ground.shape)
    return np.clip(pasted(disc, ground, share) + noise, 0, 255).astype(np.uint8)


def test_of_36_pairs_of_small_things_of_other_colours_on_one_background_one_is_taken_for_copies(
    photographs: dict[str, Pixels],
) -> None:
    luma = np.array([0.114, 0.587, 0.299])
    colours = [(200, 90, 60), (40, 110, 170), (90, 137, 30)]
    assert np.ptp(np.array(colours) @ luma) < 30  # nearly alike in grey
    taken: list[DuplicateFinding] = []
    for ground in ("china.jpg", "astronaut.png", "gravel.png", "coffee.png"):
        smaller = np.asarray(cv2.resize(photographs[ground], (320, 240)), np.uint8)
        for share in (0.15, 0.25, 0.4):
            fingerprints = {
                str(each): fingerprint_of(with_disc(smaller, each, share, seed=number))
                for number, each in enumerate(colours)
            }
            taken += duplicates_between_classes(fingerprints, {name: name for name in fingerprints})
            again = {"again": fingerprint_of(with_disc(smaller, colours[0], share, seed=9))}
            found = duplicates_of_training(again, fingerprints)
            assert [each.second for each in found] == [str(colours[0])]
    assert len(taken) <= 1


def test_two_round_things_on_two_dark_backgrounds_are_no_copies(photographs: dict[str, Pixels]) -> None:
    sky, wall = photographs["hubble_deep_field.jpg"], photograph("brick.png")
    wall = np.asarray(cv2.convertScaleAbs(wall, alpha=0.4), np.uint8)
    assert sky.mean() < 40
    fingerprints = {}
    for name in ("coins.png", "coffee.png", "camera.png", "chelsea.png"):
        thing = np.asarray(cv2.convertScaleAbs(photographs[name], alpha=0.6, beta=90), np.uint8)
        square = [cv2.resize(each, (400, 400)) for each in (sky, wall)]
        for place, ground in zip(("sky", "wall"), square, strict=True):
            fingerprints[f"{name} {place}"] = fingerprint_of(pasted(thing, np.asarray(ground), 0.5))
    assert duplicates_between_classes(fingerprints, {name: name for name in fingerprints}) == ()


def test_a_copy_with_a_mark_in_its_corner_is_found(photographs: dict[str, Pixels]) -> None:
    for name in ("coffee.png", "china.jpg", "astronaut.png"):
        marked = pasted(np.full((8, 8, 3), 255, np.uint8), photographs[name], 0.15, (0.9, 0.9))
        found = duplicates_of_training(
            {"mine": fingerprint_of(marked)}, {name: fingerprint_of(photographs[name])}
        )
        assert [each.second for each in found] == [name]


def test_a_copy_without_colour_is_found(photographs: dict[str, Pixels]) -> None:
    for name in ("coffee.png", "china.jpg", "astronaut.png"):
        found = duplicates_of_training(
            {"mine": fingerprint_of(without_colour(photographs[name]))},
            {name: fingerprint_of(photographs[name])},
        )
        assert [each.second for each in found] == [name]


def test_equal_pixels_are_the_same_picture_even_of_a_blank_page() -> None:
    blank = np.full((40, 60, 3), 255, np.uint8)
    fingerprints = {name: fingerprint_of(blank) for name in ("a/1.png", "b/2.png")}
    (found,) = duplicates_between_classes(fingerprints, {"a/1.png": "a", "b/2.png": "b"})
    assert found.sentence == ("a/1.png (a) and b/2.png (b) show the same picture: keep it in one class only.")


def test_two_blank_pages_are_no_near_copies() -> None:
    fingerprints = {str(level): fingerprint_of(np.full((40, 60, 3), level, np.uint8)) for level in (200, 255)}
    assert duplicates_between_classes(fingerprints, {"200": "a", "255": "b"}) == ()


def test_copies_within_a_class_are_not_reported(photographs: dict[str, Pixels]) -> None:
    picture = photographs["coffee.png"]
    fingerprints = {"a": fingerprint_of(picture), "b": fingerprint_of(resaved(picture))}
    assert duplicates_between_classes(fingerprints, {"a": "cup", "b": "cup"}) == ()
    assert len(duplicates_between_classes(fingerprints, {"a": "cup", "b": "plate"})) == 1


def test_an_equal_copy_is_named_before_a_near_one(photographs: dict[str, Pixels]) -> None:
    picture = photographs["coffee.png"]
    training = {"near": fingerprint_of(resaved(picture)), "equal": fingerprint_of(picture)}
    (found,) = duplicates_of_training({"mine": fingerprint_of(picture)}, training)
    assert found.second == "equal"
    assert found.sentence.startswith("mine and the training photograph equal show the same picture: ")


def test_names_with_control_characters_are_escaped() -> None:
    print_of = fingerprint_of(np.zeros((8, 8, 3), np.uint8))
    (found,) = duplicates_of_training({"a\nb": print_of}, {"c": print_of})
    assert "a\\nb" in found.sentence


def test_nothing_is_compared_with_nothing() -> None:
    assert duplicates_of_training({}, {}) == ()
    assert duplicates_between_classes({}, {}) == ()


@pytest.mark.audits
def test_ten_thousand_photographs_are_compared_within_seconds() -> None:
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (10_000, 8, 8)).astype(np.uint8)
    large = [cv2.resize(each, (32, 32), interpolation=cv2.INTER_CUBIC) for each in coarse]
    smalls = [base64.b64encode(each.tobytes()).decode() for each in large]
    smalls[9_000] = smalls[10]
    colour = base64.b64encode(bytes(2 * 16 * 16)).decode()
    fingerprints = {
        str(number): Fingerprint(str(number), small, colour) for number, small in enumerate(smalls)
    }
    classes = {name: "even" if int(name) < 5000 else "odd" for name in fingerprints}
    began = time.monotonic()
    found = duplicates_between_classes(fingerprints, classes)
    assert within(time.monotonic() - began, 30)
    assert [(each.first, each.second) for each in found] == [("10", "9000")]
