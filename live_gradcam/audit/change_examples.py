"""Examples of the causal check: the changed pictures of one photograph of a class, made again for the report.

What is kept of a photograph are its needs, and not its dozen changed pictures. But these depend on the photographs, the
places of their things and the names alone, so that the same ones can be made again without the network. Their
probabilities follow from the needs: see `needs`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from live_gradcam.audit.findings import AuditReport, PhotoFinding
from live_gradcam.audit.needs import Donor, changed_photo, chosen_donors, seed_of, without_thing
from live_gradcam.audit.photo_folders import AuditPhoto, read_whole
from live_gradcam.audit.photo_work import lent_by_each
from live_gradcam.audit.report_texts import number
from live_gradcam.audit.thing_masks import MasksOrBoxes
from live_gradcam.errors import LiveGradcamError
from live_gradcam.fixed_choices import Fit
from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import Mask, seen_part
from live_gradcam.metrics.photo_test import place_mask
from live_gradcam.number_format import counted, percent_text

_BETWEEN = 128
"""The level of grey where a sheet of pictures has no picture."""


@dataclass(frozen=True, slots=True, eq=False)
class ChangeExample:
    """One photograph of a class and what the audit made of it, at the network's own scale."""

    photo: PhotoFinding
    picture: Pixels
    """(H, W, 3) uint8 BGR, as all pictures here."""

    removed: Pixels
    """Without its thing."""

    on_backgrounds: tuple[Pixels, ...]
    exchanged: tuple[Pixels, ...]

    @property
    def shown(self) -> list[tuple[Pixels, str]]:
        """The pictures with the probability of the class, those on several backgrounds in one with their mean."""
        p = self.photo.truth_probability
        thing, background, exchange = (
            (percent_text(min(max(p - need, 0.0), 1.0)), number(need)) for need in _needs(self.photo)
        )
        others, things = counted(len(self.on_backgrounds), "other background"), len(self.exchanged)
        mean = ["" if count == 1 else " on average" for count in (len(self.on_backgrounds), things)]
        return [
            (self.picture, f"the photograph: {percent_text(p)}"),
            (self.removed, f"its thing removed: {thing[0]} (thing need {thing[1]})"),
            (
                sheet(self.on_backgrounds),
                f"on {others}: {background[0]}{mean[0]} (background need {background[1]})",
            ),
            (
                sheet(self.exchanged),
                f"{counted(things, 'other thing')} in its place: {exchange[0]}{mean[1]} (exchange need {exchange[1]})",
            ),
        ]


class ChangeExamples:
    """Makes the changed pictures of a class's median photograph again.

    Args:
        photos: all photographs of the audit.
        places: where their things are.
        ids: the id of each class as the photographs name it.
        lenders: class → the photographs that may lend their backgrounds, in their order.
        fit: how photographs are brought to the network's input.
        input_size: (height, width) of the network's input.
        backgrounds: on how many backgrounds of other classes each thing was put.
    """

    def __init__(
        self,
        photos: Sequence[AuditPhoto],
        places: MasksOrBoxes,
        ids: Mapping[str, int],
        lenders: Mapping[int, Sequence[AuditPhoto]],
        *,
        fit: Fit,
        input_size: tuple[int, int],
        backgrounds: int,
    ) -> None:
        self._photos = {each.name: each for each in photos}
        self._places = places
        self._ids = ids
        self._lenders = lenders
        self._fit = fit
        self._input_size = input_size
        self._backgrounds = backgrounds
        self._lent: dict[str, Donor] = {}  # many classes share them

    def of(self, name: str, report: AuditReport) -> ChangeExample | None:
        """Return the example of a class.

        Args:
            name: of the class.
            report: the findings.

        Returns:
            None if no photograph of it has all needs, or if the same pictures cannot be made again, for example because
            a file has gone.
        """
        found = median_photo([each for each in report.photos if each.truth == name])
        if found is None or found.name not in self._photos:
            return None
        photo = self._photos[found.name]
        class_id = self._ids[photo.truth]
        pool = self._pool(report)
        others = {each.film or each.name for donor, each in pool if donor.class_id != class_id}
        if len(others) != found.lenders:
            return None
        # Not yet read: what is drawn of the pool depends on the classes in it alone.
        lent = {id(donor): each for donor, each in pool}
        seed = seed_of(photo.name)
        try:
            picture, mask = self._seen(photo)
            drawn = chosen_donors([donor for donor, _ in pool], class_id, self._backgrounds, seed=seed)
            donors = [self._donor(lent[id(each)], each.class_id) for each in drawn]
        except LiveGradcamError:
            return None
        if mask is None:
            return None
        changed = changed_photo(picture, mask, donors, seed=seed)
        return ChangeExample(found, picture, changed.removed, changed.on_backgrounds, changed.exchanged)

    def _pool(self, report: AuditReport) -> list[tuple[Donor, AuditPhoto]]:
        """Return the photographs that lent their backgrounds, each with a donor that has no picture yet."""
        fit = {each.name: each.mask_fault is None for each in report.photos}
        empty = np.empty((0, 0, 3), np.uint8)
        return [
            (Donor(class_id, empty, empty, None), each)
            for class_id, photos in self._lenders.items()
            for each in islice(
                (photo for photo in photos if self._lends(photo, fit)),
                lent_by_each(self._lenders),
            )
        ]

    def _lends(self, photo: AuditPhoto, fit: Mapping[str, bool]) -> bool:
        """Return whether a photograph lends its background: one without findings does if it can be read."""
        if photo.name in fit:
            return fit[photo.name]
        try:
            self._seen(photo)
        except LiveGradcamError:
            return False
        return True

    def _donor(self, photo: AuditPhoto, class_id: int) -> Donor:
        """Return a photograph that lends its background and its thing.

        Raises:
            LiveGradcamError: it cannot be used.
        """
        if photo.name not in self._lent:
            picture, mask = self._seen(photo)
            background = picture if mask is None else without_thing(picture, mask)
            self._lent[photo.name] = Donor(class_id, picture, background, mask)
        return self._lent[photo.name]

    def _seen(self, photo: AuditPhoto) -> tuple[Pixels, Mask | None]:
        """Return the part of a photograph that the network sees, and its thing there, if it has one in sight.

        Raises:
            LiveGradcamError: the photograph or its mask cannot be used.
        """
        pixels = read_whole(photo)
        picture, part = seen_part(pixels, self._fit, self._input_size)
        return picture, place_mask(self._places.of(photo, pixels), part, picture)


def median_photo(photos: Sequence[PhotoFinding]) -> PhotoFinding | None:
    """Return the photograph whose needs are nearest to the medians of the recognised ones; None if none has needs.

    If none is recognised, all are looked at. Of equally near ones, the first in the order of the names is taken.
    """
    known = [each for each in photos if each.background_need is not None and each.exchange_need is not None]
    known = [each for each in known if each.right] or known
    if not known:
        return None
    needs = np.array([_needs(each) for each in known])
    far = np.abs(needs - np.median(needs, axis=0)).sum(axis=1)
    return min(zip(far, known, strict=True), key=lambda each: (each[0], each[1].name))[1]


def _needs(photo: PhotoFinding) -> tuple[float, float, float]:
    """Return the thing need, the background need and the exchange need of a photograph that has all of them."""
    assert photo.thing_need is not None
    assert photo.background_need is not None
    assert photo.exchange_need is not None
    return photo.thing_need, photo.background_need, photo.exchange_need


def sheet(pictures: Sequence[Pixels]) -> Pixels:
    """Return several pictures of one size side by side and in rows: (H, W, 3) uint8 BGR."""
    side = math.ceil(math.sqrt(len(pictures)))
    height, width = pictures[0].shape[:2]
    rows = math.ceil(len(pictures) / side)
    found = np.full((rows * height, side * width, 3), _BETWEEN, np.uint8)
    for at, each in enumerate(pictures):
        top, left = at // side * height, at % side * width
        found[top : top + height, left : left + width] = each
    return found
