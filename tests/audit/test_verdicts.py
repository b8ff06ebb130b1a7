"""The verdicts: their rule at its limits, their sentences, and intervals that hold what they promise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from live_gradcam.audit.findings import PhotoFinding
from live_gradcam.audit.need_intervals import shares_by_background
from live_gradcam.audit.needs import LentPart
from live_gradcam.audit.verdicts import class_finding, worst_first

HEAT = np.zeros((2, 2), np.float32)


def photo(background: float | None, exchange: float | None, **changes: Any) -> PhotoFinding:
    fields: dict[str, Any] = {
        "name": "1.jpg",
        "truth": "elephant",
        "predicted": "elephant",
        "probability": 0.9,
        "truth_probability": 0.9,
        "heatmap": HEAT,
        "background_need": background,
        "exchange_need": exchange,
        "thing_need": exchange,
        "neutral_need": background,
    }
    return PhotoFinding(**{**fields, **changes})


def photos(
    background: float, exchange: float, *, count: int = 40, spread: float = 0.05
) -> list[PhotoFinding]:
    random = np.random.default_rng(0)
    return [
        photo(background + spread * random.normal(), exchange + spread * random.normal())
        for _ in range(count)
    ]


def on_two(bottles: float, ducks: float, *, exchange: float = 0.6, count: int = 40) -> list[PhotoFinding]:
    """Return photographs with a known p on the backgrounds of bottles, and on those of ducks; p itself is 0.9."""
    random = np.random.default_rng(0)
    found = []
    for number in range(count):
        p = [
            LentPart("bottle", f"bottle{number % 10}.jpg", bottles + 0.02 * random.normal()),
            LentPart("duck", f"duck{number % 10}.jpg", ducks + 0.02 * random.normal()),
        ]
        need = 0.9 - float(np.mean([each.probability for each in p]))
        found.append(photo(need, exchange, on_backgrounds=tuple(p)))
    return found


def _raised(part: LentPart, more: float) -> LentPart:
    return part._replace(probability=part.probability + more)


def test_each_other_class_has_the_share_on_its_own_backgrounds() -> None:
    found = shares_by_background(on_two(0.30, 0.84))
    assert list(found) == ["bottle", "duck"]
    assert found["bottle"].mean == pytest.approx(0.6 / (0.6 + 0.6), abs=0.01)
    assert found["duck"].mean == pytest.approx(0.06 / (0.06 + 0.6), abs=0.01)
    assert all(each.low <= each.mean <= each.high for each in found.values())
    assert shares_by_background(on_two(0.30, 0.84, count=19)) == {}
    few = [
        replace(each, on_backgrounds=(bottle._replace(lender=f"{number % 9}.jpg"), duck))
        for number, each in enumerate(on_two(0.30, 0.84))
        for bottle, duck in [each.on_backgrounds]
    ]
    assert list(shares_by_background(few)) == ["duck"]
    alone = [replace(each, on_backgrounds=each.on_backgrounds[:1]) for each in on_two(0.30, 0.84)]
    assert shares_by_background(alone) == {}


def test_a_class_that_fails_on_one_other_classs_backgrounds_is_not_acquitted_by_the_mean() -> None:
    found = class_finding("elephant", on_two(0.46, 0.88, exchange=0.8))
    assert found.share is not None
    assert found.share.high < 1 / 3
    assert found.verdict == "both"
    assert found.sentence.startswith("elephant: 22% of the effect is the background (95%: ")
    assert ", on the backgrounds of bottle 35% (" in found.sentence
    assert class_finding("elephant", on_two(0.80, 0.84, exchange=0.8)).verdict == "thing"


def test_it_is_not_acquitted_either_where_that_is_not_sure() -> None:
    some = on_two(0.48, 0.88, exchange=0.8)
    spread = np.random.default_rng(1).normal(0, 0.3, len(some))
    unsure = [
        replace(each, on_backgrounds=(_raised(each.on_backgrounds[0], more), each.on_backgrounds[1]))
        for each, more in zip(some, spread - spread.mean(), strict=True)
    ]
    found = class_finding("elephant", unsure)
    assert found.share is not None
    assert found.share.high < 1 / 3 < found.by_background["bottle"].mean
    assert found.by_background["bottle"].low < 1 / 3
    assert found.verdict == "cannot tell"
    assert "on both sides of 33%, below which it is the thing" in found.sentence


def test_masks_that_may_be_inverted_give_no_verdict() -> None:
    some = [replace(each, mask_around=number < 21) for number, each in enumerate(photos(0.6, 0.2))]
    found = class_finding("elephant", some)
    assert (found.verdict, found.sentence) == (
        "cannot tell",
        "elephant: cannot tell: 21 of 40 masks cover the edges and leave out a part inside, so they may be inverted",
    )
    assert class_finding("elephant", [replace(some[0], mask_around=False), *some[1:]]).verdict == "background"


@pytest.mark.parametrize(
    ("background", "exchange", "verdict"),
    [
        (0.60, 0.20, "background"),
        (0.60, 0.00, "background"),
        (0.60, -0.20, "background"),
        (0.20, 0.70, "thing"),
        (0.00, 0.70, "thing"),
        (-0.20, 0.70, "thing"),
        (0.40, 0.50, "both"),
        (0.05, 0.02, "cannot tell"),
        (0.00, 0.00, "cannot tell"),
        (-0.3, -0.3, "cannot tell"),
    ],
)
def test_the_verdict_follows_the_needs(background: float, exchange: float, verdict: str) -> None:
    assert class_finding("elephant", photos(background, exchange)).verdict == verdict


def test_the_sentence_has_the_share_and_its_interval() -> None:
    found = class_finding("elephant", photos(0.6, 0.2, spread=0.0))
    assert found.sentence == "elephant: 75% of the effect is the background (95%: 75 to 75)"
    assert found.share is not None
    assert found.share.mean == pytest.approx(0.75)
    assert (found.count, found.accuracy) == (40, 1.0)
    assert class_finding("elephant", photos(0.45, 0.5)).sentence.endswith("), and both matter")


def test_few_photographs_are_not_enough() -> None:
    found = class_finding("elephant", photos(0.9, 0.0, count=19))
    assert found.verdict == "cannot tell"
    assert found.sentence == ("elephant: cannot tell: 19 photographs with a known thing, and 20 are needed")
    assert found.background_need is not None
    assert class_finding("elephant", photos(0.9, 0.0, count=20)).verdict == "background"


def test_photographs_without_a_known_thing_do_not_count() -> None:
    known, unknown = photos(0.9, 0.0, count=19), [photo(None, None)] * 30
    found = class_finding("elephant", [*known, *unknown])
    assert (found.verdict, found.count) == ("cannot tell", 49)
    alone = class_finding("elephant", unknown)
    assert "nobody said where the thing is" in alone.sentence
    assert alone.background_need is alone.share is None
    no_others = class_finding("elephant", [photo(None, None, thing_need=0.5)] * 30)
    assert "no other class has a photograph whose thing is known" in no_others.sentence
    unseen = class_finding("elephant", [photo(None, None, unseen=True), *unknown])
    assert "it lies outside the part of the photograph that the network sees" in unseen.sentence
    faulty = class_finding("elephant", [photo(None, None, mask_fault=("size", "")), *unknown])
    assert faulty.sentence.endswith("nobody said where the thing is: 1 mask cannot be used")


def test_fewer_than_ten_lenders_of_backgrounds_cannot_tell() -> None:
    few, enough = (
        class_finding("elephant", [replace(each, lenders=count) for each in photos(0.9, 0.0)])
        for count in (9, 10)
    )
    assert (few.verdict, few.lenders) == ("cannot tell", 9)
    assert few.sentence == (
        "elephant: cannot tell: the backgrounds come from only 9 photographs of other classes, and 10 are needed: "
        "say of more of them where the thing is"
    )
    assert (enough.verdict, enough.lenders) == ("background", 10)


def test_an_interval_that_spans_a_threshold_cannot_tell() -> None:
    random = np.random.default_rng(1)
    wide = [photo(0.05 + 0.5 * random.normal(), 0.4 + 0.1 * random.normal()) for _ in range(25)]
    found = class_finding("elephant", wide)
    assert found.share is not None
    assert found.share.low < 1 / 3 < found.share.high
    assert found.verdict == "cannot tell"
    assert found.sentence.endswith("; more photographs make the interval narrower")


def test_a_network_that_is_wrong_for_everything_is_told_of() -> None:
    wrong = [photo(0.0, 0.0, predicted="grass", truth_probability=0.02)] * 30
    found = class_finding("elephant", wrong)
    assert found.sentence == (
        "elephant: cannot tell: the network recognises none of 30 photographs (mean probability 0.02)"
    )
    assert found.accuracy == 0


def test_the_worst_come_first() -> None:
    classes = [
        class_finding("sure thing", photos(0.0, 0.7)),
        class_finding("hardly thing", photos(0.15, 0.7)),
        class_finding("unknown", photos(0.0, 0.0)),
        class_finding("bad", photos(0.6, 0.3)),
        class_finding("worst", photos(0.6, 0.0)),
        class_finding("few", photos(0.6, 0.0, count=3)),
        class_finding("even", photos(0.5, 0.5)),
    ]
    names = [each.name for each in worst_first(classes)]
    assert names == ["worst", "bad", "even", "unknown", "few", "hardly thing", "sure thing"]


def test_a_film_counts_as_one_photograph_with_the_means_of_its_frames() -> None:
    alone = photos(0.6, 0.2, count=25)
    film = [photo(each, 0.1, film="a.mp4", predicted="giraffe") for each in (0.1, 0.2, 0.6)]
    mean = photo(0.3, 0.1)
    found, expected = class_finding("elephant", [*alone, *film]), class_finding("elephant", [*alone, mean])
    assert found.background_need == expected.background_need
    assert found.share == expected.share
    assert found.verdict == "background"
    assert (found.count, found.accuracy) == (28, 25 / 28)
    few = class_finding("elephant", [*alone[:5], *film * 20])
    assert few.sentence == (
        "elephant: cannot tell: 6 photographs or films with a known thing, and 20 are needed"
    )
