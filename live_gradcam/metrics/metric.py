"""The registry of all metrics. A new metric is one function with its docstring, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from live_gradcam.errors import SettingsError
from live_gradcam.metrics.adcc import adcc, complexity
from live_gradcam.metrics.localization import energy_inside, pointing_game, rank_accuracy
from live_gradcam.metrics.map_case import CONTROLS, Control, MapCase
from live_gradcam.metrics.robustness import class_sensitivity, randomisation, stability
from live_gradcam.name_suggestions import unknown_name

Need = Literal["probability", "place", "map"]
"""What a metric needs besides a map: the probability of a class; boxes or masks; or further maps at most."""

ALL = "all"


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that says how good a map is."""

    name: str
    """As `--metrics` takes it."""

    higher_is_better: bool
    needs: Need
    paper: str
    """Authors, year, and where to find it."""

    measure: Callable[[MapCase], float | None]
    """Returns the value for one map; None if it has none for this photograph."""

    randomises: bool = False
    """Whether it needs copies of the network with random weights."""

    controls: tuple[Control, ...] = CONTROLS
    """The controls that a true map should beat. The others say nothing: their value is the same whatever the network
    looks at, or that of the map itself."""


_RISE = "Petsiuk et al. 2018, arXiv:1806.07421"
_GRADCAM_PP = "Chattopadhay et al. 2017, arXiv:1710.11063"
_ROAD = "Rong et al. 2022, arXiv:2202.00449"
_ADCC = "Poppi et al. 2021, arXiv:2104.10252"


def _adcc(case: MapCase) -> float:
    return adcc(case.confidence.drop, case.coherency, complexity(case.heat))


def _stability(case: MapCase) -> float:
    return stability(case.photo.picture, case.heat, case.heats_of, seed=case.photo.seed)


def _class_sensitivity(case: MapCase) -> float | None:
    return None if case.rival_heat is None else class_sensitivity(case.heat, case.rival_heat)


def _randomisation(case: MapCase) -> float | None:
    others = case.randomised
    return randomisation(case.heat, others) if others else None


_METRICS = {
    metric.name: metric
    for metric in (
        Metric("deletion", False, "probability", _RISE, lambda case: case.area("deletion")),
        Metric("insertion", True, "probability", _RISE, lambda case: case.area("insertion")),
        Metric("average-drop", False, "probability", _GRADCAM_PP, lambda case: case.confidence.drop),
        Metric("increase", True, "probability", _GRADCAM_PP, lambda case: case.confidence.increase),
        Metric(
            "gain",
            True,
            "probability",
            "Zhang et al. 2023, arXiv:2301.07002",
            lambda case: case.confidence.gain,
        ),
        Metric("road-most", False, "probability", _ROAD, lambda case: case.road.most),
        Metric("road-least", True, "probability", _ROAD, lambda case: case.road.least),
        Metric("road", True, "probability", _ROAD, lambda case: case.road.combined),
        Metric(
            "pointing",
            True,
            "place",
            "Zhang et al. 2016, arXiv:1608.00507",
            lambda case: pointing_game(case.heat, case.mask),
        ),
        Metric(
            "inside",
            True,
            "place",
            "Wang et al. 2019, arXiv:1910.01279",
            lambda case: energy_inside(case.heat, case.mask),
        ),
        Metric(
            "rank-accuracy",
            True,
            "place",
            "Arras et al. 2020, arXiv:2003.07258",
            lambda case: rank_accuracy(case.heat, case.mask),
        ),
        Metric("stability", False, "map", "Yeh et al. 2019, arXiv:1901.09392", _stability, controls=()),
        Metric(
            "class-sensitivity",
            False,
            "map",
            "the maps of the two most probable classes",
            _class_sensitivity,
            controls=(),
        ),
        Metric(
            "randomisation",
            False,
            "map",
            "Adebayo et al. 2018, arXiv:1810.03292",
            _randomisation,
            randomises=True,
            controls=(),
        ),
        Metric("complexity", False, "map", _ADCC, lambda case: complexity(case.heat), controls=()),
        Metric(
            "coherency", True, "map", _ADCC, lambda case: case.coherency, controls=("shifted", "shuffled")
        ),
        Metric("adcc", True, "probability", _ADCC, _adcc),
    )
}

METRICS = tuple(_METRICS)
"""The names that `--metrics` knows, besides `all`."""

DEFAULT_METRICS = ("deletion", "insertion")


def metric_named(name: str) -> Metric:
    """Return the metric of that name.

    Raises:
        SettingsError: there is none.
    """
    try:
        return _METRICS[name.strip().casefold()]
    except KeyError:
        raise SettingsError(unknown_name("metric", name, METRICS, f"Valid: {', '.join(METRICS)}.")) from None


def metrics_named(names: Sequence[str], *, places: bool) -> tuple[Metric, ...]:
    """Return the metrics of these names, each once, in the given order.

    Args:
        names: names; `all` stands for all that can be computed.
        places: whether there are boxes or masks.

    Raises:
        SettingsError: a name is unknown, none is given, or a metric needs boxes and there are none.
    """
    found: dict[str, Metric] = {}
    for name in names:
        if name.strip().casefold() == ALL:
            found |= {each.name: each for each in _METRICS.values() if places or each.needs != "place"}
            continue
        metric = metric_named(name)
        if metric.needs == "place" and not places:
            raise SettingsError(
                f"the metric {metric.name} compares the heat with the place of the thing: give --boxes FILE "
                "(in Python boxes=…), or choose another metric."
            )
        found[metric.name] = metric
    if not found:
        raise SettingsError(f"no metric is named. Valid: {', '.join(METRICS)}.")
    return tuple(found.values())
