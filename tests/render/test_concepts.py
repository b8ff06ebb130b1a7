"""Concepts on a picture: the colours of its places, and the legend beside it."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from fakes import answered, explained, panned

from live_gradcam.frame import Frame, Pixels
from live_gradcam.prediction import Prediction
from live_gradcam.question import ConceptMaps
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.concepts import COLOURS, paint_concepts_onto
from live_gradcam.render.heat_tracking import HeatTracker
from live_gradcam.render.lettering import INK
from live_gradcam.render.renderer import Renderer
from live_gradcam.render.side_panel import draw_legend_onto, entry_of
from live_gradcam.translations import ENGLISH, words_of

Array = npt.NDArray[np.float64]

REGION = (20, 10, 80, 80)
GREY = np.full((100, 140, 3), 100, np.uint8)
OPAQUE = 1.0

COLOUR_BLIND = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
"""What is seen of linear RGB: Machado, Oliveira and Fernandes (2009), severity 1."""


def halves(left: float, right: float, *, side: int = 8) -> ConceptMaps:
    """The left half has the first concept, the right half the second, at these strengths."""
    strengths = np.zeros((2, side, side), np.float32)
    strengths[0, :, : side // 2], strengths[1, :, side // 2 :] = left, right
    return ConceptMaps(strengths, (None, None), REGION)


def painted(concepts: ConceptMaps, alpha: float = OPAQUE) -> Pixels:
    picture = np.empty_like(GREY)
    paint_concepts_onto(picture, GREY, concepts, concepts.region, alpha)
    return picture


def colour(number: int) -> tuple[int, int, int]:
    return COLOURS[number][1]


def test_each_place_has_the_colour_of_its_strongest_concept_and_nothing_else_changes() -> None:
    picture = painted(halves(1.0, 1.0))
    assert tuple(picture[50, 30]) == colour(0)
    assert tuple(picture[50, 90]) == colour(1)
    outside = np.ones(picture.shape[:2], bool)
    outside[10:90, 20:100] = False
    assert (picture[outside] == 100).all()


@pytest.mark.parametrize("strength", [0.0, 0.25, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("alpha", [0.0, 0.2, 0.4])
def test_the_opacity_is_in_proportion_to_the_strength(strength: float, alpha: float) -> None:
    picture = painted(halves(strength, 0.0), alpha)
    share = 1.75 * alpha * strength
    expected = share * np.array(colour(0)) + (1 - share) * 100
    # The strength has 51 steps, and three roundings follow.
    assert (
        np.abs(picture[50, 30] - expected).max()
        <= 1.75 * alpha / 50 * np.abs(np.array(colour(0)) - 100).max() + 2
    )


def test_the_strongest_wins_whatever_its_number() -> None:
    strengths = np.stack([np.full((4, 4), each, np.float32) for each in (0.3, 0.2, 0.9, 0.5, 0.8)])
    picture = painted(ConceptMaps(strengths, (None,) * 5, REGION))
    wanted = np.array(colour(2)) * 0.9 + 100 * 0.1
    assert np.abs(picture[50, 60] - wanted).max() <= 5


def test_without_strength_the_picture_is_as_it_was() -> None:
    assert np.array_equal(painted(halves(0.0, 0.0)), GREY)


def test_a_sixth_concept_has_no_colour_and_is_left_out() -> None:
    strengths = np.zeros((6, 4, 4), np.float32)
    strengths[5] = 1
    assert np.array_equal(painted(ConceptMaps(strengths, (None,) * 6, REGION)), GREY)


def test_the_inset_places_the_maps() -> None:
    strengths = np.zeros((1, 4, 4), np.float32)
    strengths[0, :, 2:] = 1
    picture = painted(ConceptMaps(strengths, (None,), REGION, (0.5, 0.0, 1.0, 1.0)))
    assert tuple(picture[50, 70]) == colour(0), "the region shows the right half of the map only"


def lab(bgr: tuple[int, int, int], seen: Array) -> Array:
    """CIE L*a*b* (D65) of a colour, as somebody sees it."""
    rgb = np.array(bgr[::-1]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(seen @ linear, 0, 1)
    matrix = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    x = matrix @ linear / np.array([0.95047, 1.0, 1.08883])
    f = np.where(x > (6 / 29) ** 3, np.cbrt(x), x / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("seen", COLOUR_BLIND)
@pytest.mark.parametrize(("count", "apart"), [(4, 20.0), (5, 10.0)])
def test_colours_are_told_apart_by_colour_blind_viewers(seen: str, count: int, apart: float) -> None:
    """ΔE*ab of 2.3 is just noticeable: the first four are nine times as far apart, and five more than four times."""
    colours = [lab(each, COLOUR_BLIND[seen]) for _, each in COLOURS[:count]]
    assert min(np.linalg.norm(a - b) for a, b in combinations(colours, 2)) > apart


@pytest.mark.parametrize(
    ("prediction", "entry"),
    [
        (Prediction(3, "tabby", 0.62), ("tabby", "62%")),
        (Prediction(3, "tabby", 0.3), ("tabby", "30%")),
        (Prediction(3, "tabby", 0.296), ("not sure", "tabby 29%")),
        (Prediction(3, "tabby\tcat", 0.9), ("tabby cat", "90%")),
        (None, ("concept 2", "")),
    ],
)
def test_an_entry_says_what_the_network_makes_of_the_concept(
    prediction: Prediction | None, entry: tuple[str, str]
) -> None:
    assert entry_of(1, prediction, ENGLISH) == entry


def test_an_entry_is_translated() -> None:
    words = words_of("zh")
    assert entry_of(1, None, words)[0] != "concept 2"
    for name, _ in COLOURS:
        assert words(name) != name


def legend(size: tuple[int, int], count: int = 4) -> Pixels:
    panel = np.full((size[1], size[0], 3), 77, np.uint8)
    names = (Prediction(0, "Egyptian cat", 0.6), Prediction(1, "electric locomotive", 0.4), None, None, None)[
        :count
    ]
    draw_legend_onto(panel, ConceptMaps(np.zeros((count, 2, 2), np.float32), names, REGION), ENGLISH)
    return panel


@pytest.mark.parametrize("size", [(230, 437), (560, 655), (720, 517), (120, 90)])
@pytest.mark.parametrize("count", [3, 4, 5])
def test_the_legend_has_a_swatch_of_each_colour_in_order(size: tuple[int, int], count: int) -> None:
    panel = legend(size, count)
    places = []
    for _, bgr in COLOURS[:count]:
        rows, columns = np.nonzero((panel == np.array(bgr, np.uint8)).all(axis=2))
        assert len(rows) > 0.01 * size[0] * size[1] / count
        places.append((columns.min() // (size[0] // 2), rows.mean()))
    assert places == sorted(places)
    for _, bgr in COLOURS[count:]:
        assert not (panel == np.array(bgr, np.uint8)).all(axis=2).any()


def test_a_tiny_legend_has_the_colours_alone() -> None:
    found = {tuple(each) for each in np.unique(legend((30, 40)).reshape(-1, 3), axis=0).tolist()}
    assert found == {INK, *(bgr for _, bgr in COLOURS[:4])}


@pytest.mark.parametrize("missing", ["finding concepts …", ""])
def test_without_concepts_the_legend_says_so(missing: str) -> None:
    panel = np.full((437, 230, 3), 77, np.uint8)
    draw_legend_onto(panel, None, ENGLISH, missing)
    assert (len(np.unique(panel)) > 3) is bool(missing)


def frame(index: int, pixels: Pixels | None = None) -> Frame:
    return Frame(panned(8 * index) if pixels is None else pixels, index, index / 30)


def test_concepts_move_along_with_the_picture() -> None:
    region, side = (140, 0, 360, 360), 36
    columns, rows = np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5)
    blob = np.exp(-((columns - 26) ** 2 + (rows - 18) ** 2) / 8).astype(np.float32)
    concepts = ConceptMaps(np.stack([blob, blob[:, ::-1]]), (None, None), region)
    tracker = HeatTracker()
    tracker.track(frame(0))
    tracker.add_answer(frame(0), replace(answered(explained(region)), concepts=concepts))
    for number in range(1, 6):
        tracker.track(frame(number))
        assert tracker.concepts is not None
        for strengths, start in zip(tracker.concepts.strengths, (26.0, 10.0), strict=True):
            centre = (strengths.sum(axis=0) * columns[0]).sum() / strengths.sum()
            assert centre == pytest.approx(start - 0.8 * number, abs=0.2)


def test_of_another_scene_no_concepts_are_left() -> None:
    tracker = HeatTracker()
    tracker.track(frame(0))
    concepts = halves(1.0, 1.0)
    tracker.add_answer(frame(0), replace(answered(explained(REGION)), concepts=concepts))
    tracker.track(frame(0))
    assert tracker.concepts is concepts
    tracker.cut()
    tracker.track(frame(1))
    assert tracker.concepts is None


def test_the_view_shows_the_concepts_and_no_heat() -> None:
    pixels = np.full((240, 320, 3), 100, np.uint8)
    region = (40, 0, 240, 240)
    answer = answered(explained(region))
    bare, concepts = (Renderer(Appearance(view="concepts", alpha=OPAQUE)) for _ in range(2))
    strengths = np.ones((1, 4, 4), np.float32)
    bare.add_answer(frame(0, pixels), answer)
    concepts.add_answer(frame(0, pixels), replace(answer, concepts=ConceptMaps(strengths, (None,), region)))
    without, coloured = (each.picture(frame(0, pixels))[0] for each in (bare, concepts))
    assert tuple(without[100, 80]) == (100, 100, 100)
    assert tuple(coloured[100, 80]) == colour(0)
