"""Dull causes: planted ones are named, and useless properties are not."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import binom

from live_gradcam.audit.dull_causes import (
    LEVEL,
    PhotoProperties,
    chance_of,
    dull_causes,
    properties_of,
    telling,
)
from live_gradcam.audit.near_duplicates import Fingerprint, fingerprint_of
from live_gradcam.sources.photo import read_picture


def properties(random: np.random.Generator, **fixed: object) -> PhotoProperties:
    """Properties that say nothing, but for those that are given."""
    drawn: dict[str, object] = {
        "width": int(random.choice([640, 800, 1024])),
        "height": 480,
        "brightness": float(random.normal(120, 30)),
        "contrast": float(random.normal(50, 10)),
        "sharpness": float(random.normal(6, 1)),
        **dict(zip(("blue", "green", "red"), random.normal(120, 30, 3).tolist(), strict=True)),
        "saturation": float(random.normal(90, 20)),
        "file_type": "JPEG",
        "camera": str(random.choice(["", "Acme One"])),
        "file_size": int(random.normal(100_000, 20_000)),
    }
    return PhotoProperties(**{**drawn, **fixed})  # type: ignore[arg-type]


def test_a_darker_class_is_told_by_its_brightness() -> None:
    random = np.random.default_rng(0)
    classes = ["cat", "dog"] * 50
    photos = [
        properties(random, brightness=random.normal(90 if each == "cat" else 150, 20)) for each in classes
    ]
    (found,) = dull_causes(classes, photos)
    assert found.name == "brightness"
    assert found.baseline == 0.5
    assert 0.85 < found.accuracy <= 1
    assert found.sentence == (
        f"brightness alone tells the classes apart in {found.accuracy:.0%} of the photographs (largest class: 50%): "
        "photograph them in the same light."
    )


def test_a_class_between_two_others_is_told_too() -> None:
    random = np.random.default_rng(0)
    middles = {"cat": 60, "dog": 120, "owl": 180}
    classes = list(middles) * 30
    photos = [properties(random, brightness=random.normal(middles[each], 10)) for each in classes]
    assert [each.name for each in dull_causes(classes, photos)] == ["brightness"]


@pytest.mark.parametrize(
    ("field", "values", "name"),
    [("file_type", ("JPEG", "PNG"), "file type"), ("camera", ("Acme One", "Acme Two"), "camera")],
)
def test_categories_are_told(field: str, values: tuple[str, str], name: str) -> None:
    random = np.random.default_rng(0)
    classes = ["cat", "dog"] * 30
    photos = [properties(random, **{field: values[each == "dog"]}) for each in classes]
    (found,) = dull_causes(classes, photos)
    assert (found.name, found.accuracy) == (name, 1.0)


def test_a_bluer_class_is_told_by_its_mean_colour() -> None:
    random = np.random.default_rng(0)
    classes = ["cat", "dog"] * 50
    photos = [properties(random, blue=random.normal(90 if each == "cat" else 150, 20)) for each in classes]
    assert [each.name for each in dull_causes(classes, photos)] == ["mean colour"]


def test_properties_and_fingerprints_survive_json() -> None:
    kept = properties(np.random.default_rng(0))
    assert PhotoProperties(**json.loads(json.dumps(asdict(kept)))) == kept
    print_of = fingerprint_of(np.full((8, 8, 3), 7, np.uint8))
    assert Fingerprint(**json.loads(json.dumps(asdict(print_of)))) == print_of


def test_the_most_telling_comes_first() -> None:
    random = np.random.default_rng(0)
    classes = ["cat", "dog"] * 50
    photos = [
        properties(
            random, brightness=random.normal(100 if each == "cat" else 140, 20), height=480 + (each == "dog")
        )
        for each in classes
    ]
    names = [each.name for each in dull_causes(classes, photos)]
    assert (set(names[:2]), names[-1]) == ({"aspect", "height"}, "brightness")


def alarms(datasets: int, count: int, shares: tuple[float, ...]) -> int:
    """How many of several datasets with 30 useless properties have a finding."""
    found = 0
    for seed in range(datasets):
        random = np.random.default_rng(seed)
        classes = random.choice(["cat", "dog", "owl"][: len(shares)], count, p=shares).tolist()
        columns = {f"property {number}": random.normal(size=(count, 1)) for number in range(30)}
        found += bool(telling(classes, columns))
    return found


@pytest.mark.audits
@pytest.mark.long
def test_useless_properties_are_not_reported() -> None:
    assert alarms(10, 60, (0.5, 0.5)) <= 1


@pytest.mark.audits
@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.7, 0.3), (0.4, 0.3, 0.3)])
@pytest.mark.parametrize("count", [40, 80, 200])
def test_useless_properties_are_reported_in_five_of_a_hundred_datasets_at_most(
    count: int, shares: tuple[float, ...]
) -> None:
    assert alarms(100, count, shares) <= 100 * LEVEL


def test_with_an_uneven_number_of_photographs_the_baseline_is_the_largest_class() -> None:
    random = np.random.default_rng(0)
    classes = ["cat"] * 90 + ["dog"] * 10
    # Cats are right in nine of ten cases whatever the property says.
    assert dull_causes(classes, [properties(random) for _ in classes]) == ()


@pytest.mark.parametrize("classes", [[], ["cat"] * 40, ["cat", "dog"] * 5, ["cat"] * 40 + ["dog"]], ids=len)
def test_too_few_photographs_say_nothing(classes: list[str]) -> None:
    random = np.random.default_rng(0)
    photos = [properties(random, brightness=float(each == "dog")) for each in classes]
    assert dull_causes(classes, photos) == ()


def test_chance_is_the_tail_of_the_binomial_distribution() -> None:
    assert chance_of(0, 10, 0.5) == pytest.approx(1)
    assert chance_of(10, 10, 0.5) == pytest.approx(0.5**10)
    assert chance_of(7, 20, 0.3) == pytest.approx(sum(binom.pmf(number, 20, 0.3) for number in range(7, 21)))


def test_the_properties_of_a_file_are_read(tmp_path: Path) -> None:
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[:, 40:] = (200, 100, 0)  # red, green, blue
    block = Image.Exif()
    block[0x010F], block[0x0110] = "Acme", "One  Pro"
    path = tmp_path / "a.png"  # the name says PNG, and the content is a JPEG
    Image.fromarray(pixels).save(path, "JPEG", quality=100, subsampling=0, exif=block)
    found = properties_of(path, read_picture(path))
    assert (found.width, found.height, found.file_type, found.camera) == (80, 60, "JPEG", "Acme One Pro")
    assert found.file_size == path.stat().st_size
    assert (found.blue, found.green, found.red) == pytest.approx((0, 50, 100), abs=2)
    luma = 0.299 * 200 + 0.587 * 100
    assert found.brightness == pytest.approx(luma / 2, abs=2)
    assert found.contrast == pytest.approx(luma / 2, abs=2)
    assert found.saturation == pytest.approx(255 / 2, abs=3)


def test_a_blurred_picture_is_less_sharp(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    sharp = random.integers(0, 256, (100, 100, 3)).astype(np.uint8)
    blurred = np.full_like(sharp, 128)
    path = tmp_path / "a.bin"
    path.write_bytes(b"no picture")
    found = [properties_of(path, each) for each in (sharp, blurred)]
    assert found[0].sharpness > 5
    assert found[1].sharpness == 0
    assert (found[0].camera, found[0].file_type) == ("", "")
