"""The values of one photograph: what the network says, its heat, and its needs. Batches go through the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.audit.findings import PhotoFinding
from live_gradcam.audit.needs import (
    ChangedPhoto,
    Donor,
    Needs,
    changed_photo,
    chosen_donors,
    hot_part_blurred,
    seed_of,
    without_thing,
)
from live_gradcam.audit.photo_folders import AuditPhoto
from live_gradcam.config import DEFAULT_METHOD
from live_gradcam.errors import LiveGradcamError, SettingsError
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explanation import Explanation, HeatMap, Region
from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import Mask, heat_over, seen_part
from live_gradcam.metrics.localization import energy_inside, pointing_game
from live_gradcam.metrics.photo_test import Place, place_mask
from live_gradcam.question import LayerActivation

BACKGROUNDS = 4
"""On how many backgrounds of other classes a thing is put."""

_CELLS = 56
"""Longer side of a map that is kept, at most: what can be seen in the report's small pictures."""

_AT_ONCE = 32
"""How many pictures go through the network at once."""


UsedFeatures = npt.NDArray[np.float32] | None
"""What the network used of a photograph: see `AuditedPhoto.used`."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedPhoto:
    """A photograph with its changed pictures, ready for the network."""

    photo: AuditPhoto
    class_id: int
    truth: str
    """The model's name of the class."""

    picture: Pixels
    """(H, W, 3) uint8 BGR: the part that the network sees, at its scale."""

    part: Region
    """(x, y, width, height): where that part lies in the photograph, in pixels."""

    mask: Mask | None
    """(H, W) bool: the thing; None where it is unknown, or not in that part."""

    changed: ChangedPhoto | None
    """None where the thing is unknown."""

    @property
    def nbytes(self) -> int:
        """The size of its pictures in bytes."""
        pictures = 1 + (len(self.changed.pictures) if self.changed is not None else 0)
        return pictures * self.picture.nbytes


class PhotoAudit:
    """Prepares photographs, in any thread, and computes their values, in one thread.

    Args:
        explainer: has the model and the method. If its method takes one pass, its graph scores the changed pictures.
        backgrounds: on how many backgrounds of other classes a thing is put.

    Raises:
        SettingsError: the explainer's fit does not go with an audit.
    """

    def __init__(self, explainer: Explainer, *, backgrounds: int = BACKGROUNDS) -> None:
        if explainer.fit == "scan":
            raise SettingsError(
                "fit is 'scan': an audit needs one input of the network for each picture. Use crop, wide, stretch "
                "or pad."
            )
        self._explainer = explainer
        self._scorer = explainer.method.name if explainer.method.one_pass else DEFAULT_METHOD
        self._backgrounds = backgrounds
        self.pool: Sequence[Donor] = ()
        """The photographs that lend their backgrounds and things."""

    @property
    def one_at_a_time(self) -> bool:
        """Whether photographs of different shapes have inputs of different sizes, and so no common batch."""
        return self._explainer.fit == "wide"

    def donor(self, photo: AuditPhoto, pixels: Pixels, place: Place, class_id: int, truth: str) -> Donor:
        """Return a photograph that lends its background and its thing.

        Args:
            photo: the photograph.
            pixels: (H, W, 3) uint8 BGR.
            place: where its thing is.
            class_id: its class.
            truth: the model's name of that class.
        """
        picture, _, mask = self._seen(pixels, place)
        background = picture if mask is None else without_thing(picture, mask)
        return Donor(class_id, picture, background, mask, truth, photo.film or photo.name)

    def prepared(
        self, photo: AuditPhoto, pixels: Pixels, place: Place, class_id: int, truth: str
    ) -> PreparedPhoto:
        """Return a photograph with its changed pictures.

        Args:
            photo: the photograph.
            pixels: (H, W, 3) uint8 BGR.
            place: where its thing is; None where that is unknown.
            class_id: its class.
            truth: the model's name of that class.

        Raises:
            LiveGradcamError: the picture does not go with the explainer's fit.
        """
        picture, part, mask = self._seen(pixels, place)
        changed = None
        if mask is not None:
            seed = seed_of(photo.name)
            donors = chosen_donors(self.pool, class_id, self._backgrounds, seed=seed)
            changed = changed_photo(picture, mask, donors, seed=seed)
        return PreparedPhoto(photo, class_id, truth, picture, part, mask, changed)

    def findings(self, photos: Sequence[PreparedPhoto]) -> list[tuple[PhotoFinding, UsedFeatures]]:
        """Return the values of photographs, which go through the network together, and what it used of them.

        Under `wide`, photographs of different shapes have inputs of different sizes: give one at a time.

        Raises:
            SettingsError: the network gives values and no probabilities.
            LiveGradcamError: the network fails.
        """
        classes = [each.class_id for each in photos]
        own, activations = self._explainer.explain_with_activations(
            [each.picture for each in photos], classes
        )
        tops = [
            classes[number] if each.best is None else each.best.class_id for number, each in enumerate(own)
        ]
        wrong = [number for number, top in enumerate(tops) if top != classes[number]]
        for_rivals = self._explained([photos[each] for each in wrong], [tops[each] for each in wrong])
        rivals = dict(zip(wrong, for_rivals, strict=True))
        scores = self._scores(
            [[] if each.changed is None else each.changed.pictures for each in photos], classes
        )
        blurred = self._scores([_blurred(*each) for each in zip(photos, own, strict=True)], classes)
        found = [
            self._finding(photo, own[number], rivals.get(number), scores[number], blurred[number])
            for number, photo in enumerate(photos)
        ]
        used: list[UsedFeatures] = [None] * len(photos)
        if len(activations) == len(photos):
            used = [_used(*each) for each in zip(activations, classes, strict=True)]
        return list(zip(found, used, strict=True))

    def _seen(self, pixels: Pixels, place: Place) -> tuple[Pixels, Region, Mask | None]:
        picture, part = seen_part(pixels, self._explainer.fit, self._explainer.model.input_size)
        return picture, part, place_mask(place, part, picture)

    def _explained(self, photos: Sequence[PreparedPhoto], classes: Sequence[int]) -> list[Explanation]:
        return self._explainer.explain_batch([each.picture for each in photos], targets=list(classes))

    def _scores(self, changed: Sequence[Sequence[Pixels]], classes: Sequence[int]) -> list[list[float]]:
        """Return the probability of the true class for the changed pictures of each photograph."""
        pictures = [
            (picture, class_id) for some, class_id in zip(changed, classes, strict=True) for picture in some
        ]
        found: list[float] = []
        for at in range(0, len(pictures), _AT_ONCE):
            some = pictures[at : at + _AT_ONCE]
            explained = self._explainer.explain_batch(
                [picture for picture, _ in some],
                targets=[class_id for _, class_id in some],
                method=self._scorer,
            )
            found += [_probability(each) for each in explained]
        scores = iter(found)
        return [[next(scores) for _ in some] for some in changed]

    def _finding(
        self,
        photo: PreparedPhoto,
        explanation: Explanation,
        rival: Explanation | None,
        changed: Sequence[float],
        blurred: Sequence[float],
    ) -> PhotoFinding:
        best = explanation.best
        if explanation.task == "values":
            raise SettingsError(
                f"{self._explainer.model.name} gives values and no probabilities: only classifiers can be audited."
            )
        if best is None or best.probability is None:
            raise LiveGradcamError("the network gives numbers that are not finite.")
        probability = _probability(explanation)
        needs = None if photo.changed is None else photo.changed.needs(probability, changed)
        inside, lift, pointing = _place_values(explanation, photo)
        return PhotoFinding(
            name=photo.photo.name,
            truth=photo.truth,
            predicted=best.label,
            probability=best.probability,
            truth_probability=probability,
            heatmap=_kept(explanation.heatmap),
            film=photo.photo.film,
            blur_drop=probability - blurred[0] if blurred else None,
            rival_heatmap=None if rival is None else _kept(rival.heatmap),
            region=_in_photo(explanation.region, photo),
            inset=explanation.inset,
            inside=inside,
            lift=lift,
            pointing=pointing,
            background_need=_of(needs, lambda each: each.background),
            thing_need=_of(needs, lambda each: each.thing),
            neutral_need=_of(needs, lambda each: each.neutral),
            exchange_need=_of(needs, lambda each: each.exchange),
            on_backgrounds=() if needs is None else needs.on_backgrounds,
            with_things=() if needs is None else needs.with_things,
        )


def _used(activation: LayerActivation, class_id: int) -> npt.NDArray[np.float32]:
    means = activation.values.mean(axis=(0, 1))
    weights = activation.weights
    return np.asarray(means if weights is None else means * weights[:, class_id], np.float32)


def _blurred(photo: PreparedPhoto, explanation: Explanation) -> list[Pixels]:
    """Return the photograph's picture with its hot part blurred; none without heat."""
    if not explanation.has_evidence:
        return []
    height, width = photo.picture.shape[:2]
    return [hot_part_blurred(photo.picture, heat_over(explanation, (0, 0, width, height), (width, height)))]


def _kept(heatmap: HeatMap) -> HeatMap:
    """Return a map with at most `_CELLS` cells along its longer side: those of pixel methods would fill the memory."""
    scale = _CELLS / max(heatmap.shape)
    if scale >= 1:
        return heatmap
    height, width = (max(1, round(each * scale)) for each in heatmap.shape)
    return np.asarray(cv2.resize(heatmap, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def _in_photo(region: Region, photo: PreparedPhoto) -> Region:
    """Return a region of the photograph's picture in pixels of the photograph."""
    x, y, width, height = photo.part
    across, down = width / photo.picture.shape[1], height / photo.picture.shape[0]
    left, top = round(region[0] * across), round(region[1] * down)
    right, bottom = round((region[0] + region[2]) * across), round((region[1] + region[3]) * down)
    return x + left, y + top, right - left, bottom - top


def _place_values(
    explanation: Explanation, photo: PreparedPhoto
) -> tuple[float | None, float | None, float | None]:
    """Return the heat inside, the lift and the pointing hit; None without heat, or where the thing is unknown."""
    if photo.mask is None or not explanation.has_evidence:
        return None, None, None
    height, width = photo.mask.shape
    heat = heat_over(explanation, (0, 0, width, height), (width, height))
    inside = energy_inside(heat, photo.mask)
    return inside, inside / float(photo.mask.mean()), pointing_game(heat, photo.mask)


def _of(needs: Needs | None, value: Callable[[Needs], float | None]) -> float | None:
    return None if needs is None else value(needs)


def _probability(explanation: Explanation) -> float:
    """Return the probability of the explained class.

    Raises:
        LiveGradcamError: the network gives none for this picture.
    """
    probability = getattr(explanation.target, "probability", None)
    if probability is None and explanation.task != "values":
        raise LiveGradcamError("the network gives numbers that are not finite.")
    return 0.0 if probability is None else float(probability)
