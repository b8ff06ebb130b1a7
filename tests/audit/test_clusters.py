"""Clusters of drawn maps and drawn contributions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from audit_findings import photo, spot

from live_gradcam.audit.clusters import clusters_of, on_one_grid
from live_gradcam.audit.findings import PhotoFinding

FEATURES = 40


def scattered(random: np.random.Generator, count: int, right: float = 0.9) -> list[PhotoFinding]:
    """Photographs with a spot of heat anywhere but at the edges."""
    return [
        photo(
            f"cat/{number:03}.jpg",
            spot(random.uniform(1.5, 4.5), random.uniform(1.5, 4.5), random.uniform(0.8, 1.6)),
            predicted=None if random.random() < right else "dog",
        )
        for number in range(count)
    ]


def with_corner(photos: list[PhotoFinding], share: float, random: np.random.Generator) -> list[PhotoFinding]:
    """The same photographs, some of them with heat in the bottom right corner, and recognised."""
    done = list(photos)
    for number in random.choice(len(photos), round(share * len(photos)), replace=False):
        heat = np.maximum(spot(6, 6), 0.2 * photos[number].heatmap)
        done[number] = photo(f"cat/marked {number:03}.jpg", heat)
    return done


@pytest.mark.parametrize("share", [0.05, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_a_mark_is_the_first_suspicious_cluster(share: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    photos = with_corner(scattered(random, 160), share, random)
    first = clusters_of(photos)[0]
    marked = {each.name for each in photos if "marked" in each.name}
    assert len(marked & set(first.photos)) >= 0.9 * first.size
    assert len(marked & set(first.photos)) >= 0.85 * len(marked)
    assert first.suspicious == "heat in the same place of the frame: bottom right, at the border"
    assert first.mean_map.argmax() == 48  # the last cell
    assert first.mean_map.max() == pytest.approx(1)


@pytest.mark.parametrize("seed", range(5))
def test_photographs_without_a_mark_have_no_fixed_place(seed: int) -> None:
    photos = scattered(np.random.default_rng(seed), 160)
    assert [each for each in clusters_of(photos) if "place" in each.suspicious] == []


def drawn_contributions(random: np.random.Generator, groups: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    """Gaussian contributions; each group has a centre of its own."""
    centres = random.normal(0, 3, (int(groups.max()) + 1, FEATURES))
    return np.asarray(centres[groups] + random.normal(0, 1, (len(groups), FEATURES)), np.float32)


def test_a_group_with_other_features_and_another_accuracy_is_suspicious() -> None:
    random = np.random.default_rng(0)
    photos = scattered(random, 100, right=1.0)
    groups = np.zeros(100, np.intp)
    groups[:10] = 1
    photos[:8] = [photo(each.name, each.heatmap, predicted="fox") for each in photos[:8]]
    first = clusters_of(photos, drawn_contributions(random, groups))[0]
    assert sorted(first.photos) == [f"cat/{number:03}.jpg" for number in range(10)]
    assert first.suspicious == "only 20% are recognised, and 100% of the rest of the class"
    assert first.confused_with == "fox"
    assert [first.accuracy, first.rest_accuracy] == pytest.approx([0.2, 1.0])


def test_the_good_part_of_a_class_is_called_better_and_not_suspicious() -> None:
    random = np.random.default_rng(0)
    photos = scattered(random, 100, right=1.0)
    groups = np.repeat([0, 1], [60, 40])
    for number in range(60, 90):
        photos[number] = photo(photos[number].name, photos[number].heatmap, predicted="fox")
    found = clusters_of(photos, drawn_contributions(random, groups))
    bad = next(each for each in found if each.accuracy < 0.4)
    good = next(each for each in found if each.accuracy > 0.9)
    assert (bad.suspicious, bad.better) == (
        "only 25% are recognised, and 100% of the rest of the class",
        False,
    )
    assert (good.suspicious, good.better) == ("", True)
    assert good.rest_accuracy == pytest.approx(0.25)


def test_a_difference_that_chance_makes_is_not_suspicious() -> None:
    random = np.random.default_rng(0)
    photos = scattered(random, 100, right=1.0)
    groups = np.zeros(100, np.intp)
    groups[:10] = 1
    photos[0] = photo(photos[0].name, photos[0].heatmap, predicted="fox")
    found = clusters_of(photos, drawn_contributions(random, groups))
    small = next(each for each in found if each.size == 10)
    assert small.accuracy == pytest.approx(0.9)  # ten points below the others
    assert small.suspicious == ""


def test_of_a_cluster_the_photographs_nearest_to_its_centre_come_first() -> None:
    random = np.random.default_rng(1)
    groups = np.repeat([0, 1], 40)
    rows = drawn_contributions(random, groups)
    photos = scattered(random, 80, right=1.0)
    cluster = next(each for each in clusters_of(photos, rows) if each.size >= 35)
    numbers = [int(name[4:7]) for name in cluster.photos]
    own = rows[numbers]
    distances = np.linalg.norm(own - own.mean(axis=0), axis=1)
    assert (np.diff(distances) >= -1e-5).all()


def test_the_same_photographs_give_the_same_clusters() -> None:
    random = np.random.default_rng(2)
    photos = with_corner(scattered(random, 120), 0.2, random)
    rows = np.asarray(random.normal(size=(120, FEATURES)), np.float32)
    first, second = (clusters_of(photos, rows) for _ in range(2))
    assert [each.photos for each in first] == [each.photos for each in second]


def test_a_small_class_is_not_divided() -> None:
    assert clusters_of([photo(f"{number}.jpg", spot(6, 6)) for number in range(11)]) == ()


def test_photographs_that_are_all_alike_are_one_cluster_at_most() -> None:
    photos = [photo(f"{number}.jpg", spot(3, 3)) for number in range(30)]
    assert len(clusters_of(photos, np.ones((30, 5), np.float32))) <= 1


def test_maps_without_heat_are_no_error() -> None:
    photos = [photo(f"{number}.jpg", np.zeros((7, 7), np.float32)) for number in range(30)]
    assert all(each.suspicious == "" for each in clusters_of(photos))


def test_maps_of_other_shapes_are_resized_to_the_commonest() -> None:
    maps = [np.ones((7, 7), np.float32), np.ones((7, 7), np.float32), np.ones((7, 12), np.float32)]
    assert on_one_grid(maps).shape == (3, 7, 7)
    assert on_one_grid([np.ones((224, 224), np.float32)]).shape == (1, 14, 14)


@pytest.mark.parametrize("rows", [np.zeros((19, 3)), np.zeros(20), np.full((20, 3), np.nan)])
def test_contributions_that_do_not_fit_are_refused(rows: npt.NDArray[np.float32]) -> None:
    photos = [photo(f"{number}.jpg", spot(3, 3)) for number in range(20)]
    with pytest.raises(ValueError, match="one row for each of 20 photographs"):
        clusters_of(photos, rows)
