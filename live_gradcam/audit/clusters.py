"""Clusters of a class: photographs that the network treats alike, and which of them deserve a look.

Without anybody saying where the thing is, a shortcut still shows: the photographs with a watermark have their heat in
one place, or the network uses other features for them (spectral relevance analysis, Lapuschkin et al. 2019, "Unmasking
Clever Hans predictors and assessing what machines really learn", arXiv:1902.10178). A class is searched in three ways:

- fixed places along the border: see `fixed_places`.
- by place: its heat maps on one grid, each divided by its length, so that maps with the same hot cells are alike.
- by features: what each feature adds to the class's score (or any vector of what the network used).

The latter two are reduced by principal components and clustered by HDBSCAN (Campello et al. 2013, "Density-Based
Clustering Based on Hierarchical Density Estimates"). Spectral clustering would need the number of clusters, and divides
everything into parts of similar size; HDBSCAN finds small dense clusters among photographs that belong to none, and may
find no cluster at all. A cluster is left out if an earlier one has mostly the same photographs, or if a suspicious one
has nearly all of its photographs.

A cluster whose accuracy is at least ten points below that of the rest of its class is suspicious. One that is as much
above it is only marked as better: it is often the mirror image of the bad part, and the bad part deserves the look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.audit.findings import ClusterFinding, PhotoFinding
from live_gradcam.audit.fixed_places import (
    FixedPlace,
    Maps,
    fixed_border_places,
    fixed_place,
    hot_cells,
    is_mostly_in,
    unit_sums,
)
from live_gradcam.errors import LiveGradcamError
from live_gradcam.explanation import HeatMap
from live_gradcam.metrics.bootstrap import bootstrap_mean

FEWEST = 12
"""A class of fewer photographs is not divided."""

MOST = 8
"""Clusters of a class that are reported, at most."""

LEAST_DIFFERENCE = 0.1
"""Difference of the accuracies of a cluster and the rest of its class that is told of: ten points."""

_CHANCE = 0.01
"""It also has to be less probable than this by chance (Fisher's exact test): of five photographs, one is 20 points."""

_COMPONENTS = 10
"""Principal components that are kept, at most."""

_CELLS = 14
"""Longer side of the grid of the maps, at most: pixel methods have maps of the input's size."""

_LEAST_SIZE = 4
"""Photographs in a cluster, at least; in a large class at least `_LEAST_SHARE` of it."""

_LEAST_SHARE = 0.02

_NEIGHBOURS = 3
"""HDBSCAN's number of neighbours of a dense point."""

_SAME_PHOTOS = 0.5
"""Common photographs ÷ all photographs of two clusters from which the later one is left out."""

_COVERED = 0.8
"""Share of a cluster that a suspicious one has from which it is left out."""

_AT_THE_BORDER = 1000.0
"""More than the strength of any place."""

_MISSING = "the audit needs scikit-learn, which is not installed. Type: pip install 'live-gradcam[audit]'"

Rows = npt.NDArray[np.float32]
"""(N, F) float32: one row for each photograph."""

Members = npt.NDArray[np.intp]
"""(n,) intp: indices of the photographs of a cluster."""


@dataclass(frozen=True, slots=True, eq=False)
class _Cluster:
    members: Members
    """Those nearest to the centre first."""

    reason: str
    """Why it is suspicious; empty if it is not."""

    strength: float
    """By which suspicious ones are sorted; 0 if it is not suspicious."""

    better: bool = False
    """Whether it is better than the rest of the class by more than chance."""

    def has_most_of(self, members: Members) -> bool:
        """Return whether there is no need to report another cluster."""
        common = len(np.intersect1d(self.members, members))
        if self.reason and common >= _COVERED * len(members):
            return True
        return common >= _SAME_PHOTOS * (len(members) + len(self.members) - common)


def clusters_of(
    photos: Sequence[PhotoFinding], contributions: Rows | None = None
) -> tuple[ClusterFinding, ...]:
    """Return the clusters of one class, the suspicious ones first, then those that are better, then the largest.

    Of the suspicious ones, those with heat at the border come before those with heat in another fixed place, the
    clearest first; then those that are worst beside the rest of the class. A photograph may be in several clusters, or
    in none.

    Args:
        photos: the photographs of one class.
        contributions: (N, F) float32: what the network used in each, such as pooled features times the weights of the
            class; None if that is unknown.

    Raises:
        ValueError: there is not one row for each photograph, or a number is not finite.
        LiveGradcamError: scikit-learn is missing.
    """
    if contributions is not None and (
        contributions.ndim != 2 or len(contributions) != len(photos) or not np.isfinite(contributions).all()
    ):
        raise ValueError(
            f"contributions {contributions.shape} must be finite, one row for each of {len(photos)} photographs."
        )
    if len(photos) < FEWEST:
        return ()
    maps = on_one_grid([each.heatmap for each in photos])
    heat = unit_sums(maps)
    right = np.array([each.right for each in photos])
    clusters = _at_the_border(photos, heat, right)
    directions = _directions(maps.reshape(len(maps), -1))
    for rows in (directions,) if contributions is None else (directions, contributions):
        for members in _dense(_reduced(rows)):
            if not any(each.has_most_of(members) for each in clusters):
                clusters.append(_judged(heat, right, _nearest_first(rows, members)))
    clusters.sort(key=_order)
    return tuple(_finding(photos, maps, right, each) for each in clusters[:MOST])


def _order(cluster: _Cluster) -> tuple[float, bool, int, list[int]]:
    """Return a key that sorts suspicious clusters first: a small one is odd, and not the rest of the class."""
    size = len(cluster.members)
    sizes = size if cluster.reason else -size
    return -round(cluster.strength, 9), not cluster.better, sizes, cluster.members.tolist()


def on_one_grid(heatmaps: Sequence[HeatMap]) -> Maps:
    """Return heat maps at the shape that most of them have, at most 14×14, (N, h, w) float32 in [0, 1]."""
    (height, width), _ = Counter(each.shape for each in heatmaps).most_common(1)[0]
    scale = min(1.0, _CELLS / max(height, width))
    height, width = max(1, round(height * scale)), max(1, round(width * scale))
    return np.stack(
        [
            each
            if each.shape == (height, width)
            else np.asarray(cv2.resize(each, (width, height), interpolation=cv2.INTER_AREA), np.float32)
            for each in heatmaps
        ]
    )


def _at_the_border(
    photos: Sequence[PhotoFinding], heat: Maps, right: npt.NDArray[np.bool_]
) -> list[_Cluster]:
    """Return the clusters with heat in a fixed place along the border.

    They have all photographs with most of their heat there, but for those that the network finds less in than in any
    recognised one.
    """
    probabilities = np.array([each.truth_probability for each in photos])
    clusters: list[_Cluster] = []
    for place in fixed_border_places(heat, right):
        there = is_mostly_in(heat, place.cells)
        members = np.flatnonzero(there & (probabilities >= probabilities[there & right].min()))
        if not any(each.has_most_of(members) for each in clusters):
            nearest = _nearest_first(heat.reshape(len(heat), -1), members)
            better = _odd_difference(right, members) > 0
            clusters.append(_Cluster(nearest, place.reason, _weight(place), better=better))
    return clusters


def _judged(heat: Maps, right: npt.NDArray[np.bool_], members: Members) -> _Cluster:
    """Return a cluster with why it is suspicious, or nothing, and how much."""
    place: FixedPlace | None = None
    cells = hot_cells(heat[members].mean(axis=0))
    if is_mostly_in(heat[members], cells).mean() > 0.5:
        own = np.zeros(len(right), np.bool_)
        own[members] = True
        place = fixed_place(heat, right, cells, own=own)
    difference = _odd_difference(right, members)
    reasons = [place.reason] if place is not None else []
    if difference < 0:
        accuracy, rest = _accuracies(right, members)
        reasons.append(f"only {accuracy:.0%} are recognised, and {rest:.0%} of the rest of the class")
    strength = max(0.0, -difference) + (_weight(place) if place is not None else 0.0)
    return _Cluster(members, "; ".join(reasons), strength, better=difference > 0)


def _weight(place: FixedPlace) -> float:
    """Return a number above every difference of accuracies, which is at most 1; at the border above other places."""
    return place.strength + (_AT_THE_BORDER if place.hugs_border else 1.0)


def _accuracies(right: npt.NDArray[np.bool_], members: Members) -> tuple[float, float | None]:
    """Return the accuracy of a cluster, and that of the rest of its class; None if there is no rest."""
    rest = np.delete(right, members)
    return float(right[members].mean()), float(rest.mean()) if rest.size else None


def _odd_difference(right: npt.NDArray[np.bool_], members: Members) -> float:
    """Return by how much the accuracy is above that of the rest of the class; 0 if that is little, or may be chance."""
    own, other = _accuracies(right, members)
    if other is None or abs(own - other) < LEAST_DIFFERENCE - 1e-9:
        return 0.0
    inside = np.zeros(len(right), np.bool_)
    inside[members] = True
    from scipy.stats import fisher_exact  # here, because it takes a while to load

    table = [[int((right & part).sum()), int((~right & part).sum())] for part in (inside, ~inside)]
    return own - other if float(fisher_exact(table).pvalue) <= _CHANCE else 0.0


def _dense(rows: Rows) -> list[Members]:
    """Return the dense groups of rows; rows that belong to none are left out."""
    try:
        from sklearn.cluster import HDBSCAN
    except ImportError as error:
        raise LiveGradcamError(_MISSING) from error
    if not rows.shape[1]:
        return []
    least = max(_LEAST_SIZE, round(_LEAST_SHARE * len(rows)))
    labels = HDBSCAN(min_cluster_size=least, min_samples=_NEIGHBOURS, copy=True).fit_predict(rows)
    return [np.flatnonzero(labels == number) for number in range(int(labels.max()) + 1)]


def _reduced(rows: Rows) -> Rows:
    """Return the first principal components of rows, (N, at most 10) float32; no column if all rows are equal."""
    try:
        from sklearn.utils.extmath import randomized_svd
    except ImportError as error:
        raise LiveGradcamError(_MISSING) from error
    centred = rows - rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    # The whole decomposition of 3,000 rows of 1,280 features takes minutes on a busy machine.
    left, values, _ = randomized_svd(centred, min(_COMPONENTS, *rows.shape), random_state=0)
    kept = int((values > max(1e-5 * float(values[0]), 1e-6)).sum())
    return np.asarray(left[:, :kept] * values[:kept], np.float32)


def _directions(rows: Rows) -> Rows:
    """Return rows divided by their lengths; zeros stay zeros."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)


def _nearest_first(rows: Rows, members: Members) -> Members:
    own = rows[members]
    distances = np.linalg.norm(own - own.mean(axis=0), axis=1)
    return members[np.argsort(distances, kind="stable")]


def _finding(
    photos: Sequence[PhotoFinding], maps: Maps, right: npt.NDArray[np.bool_], cluster: _Cluster
) -> ClusterFinding:
    own = [photos[each] for each in cluster.members]
    wrong = Counter(each.predicted for each in own if not each.right)
    mean = maps[cluster.members].mean(axis=0)
    drops = [each.blur_drop for each in own if each.blur_drop is not None]
    return ClusterFinding(
        photos=tuple(each.name for each in own),
        accuracy=sum(each.right for each in own) / len(own),
        mean_map=np.asarray(mean / max(float(mean.max()), 1e-12), np.float32),
        suspicious=cluster.reason,
        confused_with=min(wrong, key=lambda each: (-wrong[each], each)) if wrong else None,
        blur_drop=bootstrap_mean(drops) if drops else None,
        rest_accuracy=_accuracies(right, cluster.members)[1],
        better=cluster.better,
    )
