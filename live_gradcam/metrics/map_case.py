"""One map of one photograph, with what the metrics ask about it: each answer is computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from live_gradcam.errors import SettingsError
from live_gradcam.explanation import Explanation, HeatMap
from live_gradcam.faithfulness import Baseline
from live_gradcam.frame import Pixels
from live_gradcam.metrics.adcc import coherency
from live_gradcam.metrics.changed_pictures import Mask, ScoreOf, Scores, heat_over, hottest_first
from live_gradcam.metrics.confidence import Confidence, confidence
from live_gradcam.metrics.controls import control_map
from live_gradcam.metrics.curves import STEPS, Way, curve
from live_gradcam.metrics.imputation import Road, road
from live_gradcam.name_suggestions import unknown_name

Control = Literal["shifted", "shuffled", "central"]
"""A map that is tested beside the map itself: see `controls`."""

CONTROLS: tuple[Control, ...] = get_args(Control)

ExplainFor = Callable[[Sequence[Pixels], int], Sequence[Explanation]]
"""Returns the explanation of a class for each picture."""

_BATCH = 24
"""How many changed pictures go through the network at once: those of a curve. From 8 to 32, a picture costs the same
within a tenth with TensorFlow."""


class RememberedScores:
    """Scores of one class, each picture of which is scored once; a `ScoreOf`. Not thread-safe.

    The first and the last picture of a curve are the same for all maps, and so are many of those between.

    Args:
        score_of: scores pictures.
    """

    def __init__(self, score_of: ScoreOf) -> None:
        self._score_of = score_of
        self._known: dict[bytes, float] = {}

    def __call__(self, pictures: Sequence[Pixels]) -> Scores:
        """Return the score of each picture."""
        keys = [_digest(each) for each in pictures]
        missing = {key: each for key, each in zip(keys, pictures, strict=True) if key not in self._known}
        names, unknown = list(missing), list(missing.values())
        for at in range(0, len(unknown), _BATCH):
            scores = self._score_of(unknown[at : at + _BATCH])
            self._known.update(zip(names[at : at + _BATCH], np.asarray(scores).tolist(), strict=True))
        return np.array([self._known[key] for key in keys], np.float64)


@dataclass(slots=True, kw_only=True, eq=False)
class PhotoCase:
    """One photograph with the class whose maps are tested."""

    picture: Pixels
    """(H, W, 3) uint8 BGR: the part that the network sees, at its scale (`changed_pictures.seen_part`)."""

    class_id: int
    """The explained class."""

    rival_id: int | None
    """The most probable class beside it; None if the network has no other."""

    score_of: ScoreOf
    """Returns the probability of the explained class for each picture; usually `RememberedScores`."""

    mask: Mask | None = None
    """(H, W) bool: the pixels of the thing; None where nothing is known about that."""

    steps: int = STEPS
    baseline: Baseline | None = None
    """The baseline of both curves; None: that of each."""

    seed: int = 0
    known_orders: dict[tuple[str, bytes], float | Road] = field(default_factory=dict)
    """The results that depend on nothing but the order of a map's pixels, by kind and order."""


class MapCase:
    """One map of a photograph: that of a method, or a control made of it.

    Args:
        photo: the photograph.
        explanation: of the photograph's picture and class.
        explain: explains other pictures and classes in the same way.
        control: the control that takes the place of the map; None: the map itself.
        randomised: the explanations of networks with more and more random layers, for the same picture and class.
    """

    def __init__(
        self,
        photo: PhotoCase,
        explanation: Explanation,
        explain: ExplainFor,
        *,
        control: Control | None = None,
        randomised: Callable[[], Sequence[Explanation]] | None = None,
    ) -> None:
        self.photo = photo
        self.heat = self._laid(explanation) if control is None else _controlled(control, explanation, photo)
        self._explain = explain
        self._control = control
        self._randomised = randomised

    @property
    def mask(self) -> Mask:
        """(H, W) bool: the pixels of the thing."""
        assert self.photo.mask is not None
        return self.photo.mask

    @cached_property
    def confidence(self) -> Confidence:
        """What the network says of the picture with and without the map over it."""
        return confidence(self.photo.picture, self.heat, self.photo.score_of)

    @cached_property
    def coherency(self) -> float:
        """The likeness of the masked picture's map, in [0, 1]."""
        return coherency(self.photo.picture, self.heat, self.heats_of)

    @cached_property
    def rival_heat(self) -> HeatMap | None:
        """The map of the most probable class beside the explained one; None if there is no other."""
        return (
            None
            if self.photo.rival_id is None
            else self.heats_of([self.photo.picture], self.photo.rival_id)[0]
        )

    @property
    def randomised(self) -> list[HeatMap]:
        """The maps of networks with more and more random layers; none where there is no such network."""
        return [] if self._randomised is None else [self._map(each) for each in self._randomised()]

    @property
    def road(self) -> Road:
        """The result of ROAD."""
        photo = self.photo
        found = self._by_order(
            "road", lambda: road(photo.picture, self.heat, photo.score_of, seed=photo.seed)
        )
        assert isinstance(found, Road)
        return found

    def area(self, way: Way) -> float:
        """Return the area under a curve, in [0, 1]."""
        photo = self.photo

        def computed() -> float:
            return curve(
                way, photo.picture, self.heat, photo.score_of, steps=photo.steps, baseline=photo.baseline
            ).area

        found = self._by_order(way, computed)
        assert isinstance(found, float)
        return found

    def heats_of(self, pictures: Sequence[Pixels], class_id: int | None = None) -> list[HeatMap]:
        """Return the maps of other pictures, or of another class, made in the same way as this one."""
        chosen = self.photo.class_id if class_id is None else class_id
        return [self._map(each) for each in self._explain(pictures, chosen)]

    def _map(self, explanation: Explanation) -> HeatMap:
        if self._control is not None:
            return _controlled(self._control, explanation, self.photo)
        return self._laid(explanation)

    def _laid(self, explanation: Explanation) -> HeatMap:
        height, width = self.photo.picture.shape[:2]
        return heat_over(explanation, (0, 0, width, height), (width, height))

    def _by_order(self, kind: str, compute: Callable[[], float | Road]) -> float | Road:
        known = self.photo.known_orders
        key = (kind, self._order)
        if key not in known:
            known[key] = compute()
        return known[key]

    @cached_property
    def _order(self) -> bytes:
        return _digest(hottest_first(self.heat).astype(np.int32))


def _digest(values: npt.NDArray[Any]) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(values).data, digest_size=16).digest()


def _controlled(control: Control, explanation: Explanation, photo: PhotoCase) -> HeatMap:
    height, width = photo.picture.shape[:2]
    part = (0, 0, width, height)
    return control_map(control, heat_over(explanation, part, (width, height)), explanation, part)


def controls_named(names: Sequence[str]) -> tuple[Control, ...]:
    """Return the controls of these names, each once.

    Raises:
        SettingsError: a name is unknown.
    """
    for name in names:
        if name not in CONTROLS:
            raise SettingsError(
                unknown_name("control", name, CONTROLS, f"Valid: {', '.join(CONTROLS)}, or none.")
            )
    return tuple(each for each in CONTROLS if each in names)
