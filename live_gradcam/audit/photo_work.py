"""The work of an audit: photographs are read, changed, asked about and kept, several at the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from live_gradcam.archive.annotate_job import Failure, error_text
from live_gradcam.archive.evaluate import PhotoListener
from live_gradcam.archive.stages import flow
from live_gradcam.audit.audited_photo import AuditedPhoto
from live_gradcam.audit.dull_causes import PhotoProperties, properties_of
from live_gradcam.audit.findings import MaskFaultKind, PhotoFinding
from live_gradcam.audit.mask_faults import fault_lines, may_be_inverted
from live_gradcam.audit.near_duplicates import Fingerprint, fingerprint_of
from live_gradcam.audit.needs import Donor, seed_of
from live_gradcam.audit.photo_folders import AuditPhoto, read_whole
from live_gradcam.audit.photo_values import PhotoAudit, PreparedPhoto
from live_gradcam.audit.thing_masks import MaskError, MasksOrBoxes
from live_gradcam.errors import LiveGradcamError, SettingsError
from live_gradcam.frame import Pixels
from live_gradcam.metrics.photo_test import Place

USUAL_SIZE = (500, 375)
"""(width, height) of photographs in pixels, for which the network is compiled."""

BATCH = 4
"""Photographs that go through the network together, each with about a dozen changed pictures."""

MOST_LENDERS = 100
"""How many photographs lend their backgrounds and things; they are held in memory. Ten classes lend
`need_intervals.FEW_LENDERS` each."""

_LENT_BY_A_CLASS = 20
"""How many of one class lend at the most."""


@dataclass(frozen=True, slots=True)
class _Item:
    """A photograph on its way through the network, with what can be said of it without the network."""

    prepared: PreparedPhoto
    properties: PhotoProperties
    fingerprint: Fingerprint
    unseen: bool
    """Whether its thing is known, but not in the part that the network sees."""

    mask_fault: tuple[MaskFaultKind, str] | None
    mask_around: bool


class PhotoWork:
    """Computes the findings of photographs: one thread reads and changes them, and one keeps the findings.

    Args:
        audit: prepares the photographs, and asks the network.
        places: where the things are.
        ids: the id of each class as the photographs name it.
        truths: the model's name of the same class.
        progress: receives the progress.
    """

    def __init__(
        self,
        audit: PhotoAudit,
        places: MasksOrBoxes,
        ids: Mapping[str, int],
        truths: Mapping[str, str],
        progress: PhotoListener,
    ) -> None:
        self._audit = audit
        self._places = places
        self._ids = ids
        self._truths = truths
        self._progress = progress
        self._reasons: set[str] = set()
        self._found = 0
        self._lenders: Counter[int] = Counter()
        self.failures: list[Failure] = []

    def lend(self, lenders: Mapping[int, Sequence[AuditPhoto]]) -> None:
        """Read the photographs that lend their backgrounds; those that cannot be used are replaced by the next.

        Raises:
            SettingsError: no mask can be used.
        """
        pool: list[Donor] = []
        faults: list[tuple[str, tuple[MaskFaultKind, str]]] = []
        for class_id, photos in lenders.items():
            some: list[Donor] = []
            sources: set[str] = set()  # the frames of a film lend one background
            for photo in photos:
                if len(some) == lent_by_each(lenders):
                    break
                try:
                    pixels = read_whole(photo)
                    place, truth = self._places.of(photo, pixels), self._truths[photo.truth]
                    some.append(self._audit.donor(photo, pixels, place, class_id, truth))
                except MaskError as error:
                    faults.append((photo.name, error.fault))
                except LiveGradcamError:
                    continue  # it is told of when its own turn comes
                else:
                    sources.add(photo.film or photo.name)
            pool += some
            self._lenders[class_id] = len(sources)
        if not pool and len(faults) == sum(map(len, lenders.values())) > 0:
            raise SettingsError(f"no mask can be used: {' '.join(fault_lines(faults))}")
        self._audit.pool = pool

    def run(
        self,
        photos: Sequence[AuditPhoto],
        keep: Callable[[AuditPhoto, AuditedPhoto], None],
    ) -> None:
        """Compute the findings of photographs.

        Args:
            photos: the photographs.
            keep: receives each finding.
        """

        def write(item: _Item, found: AuditedPhoto | Exception) -> None:
            if isinstance(found, Exception):
                self._fail(item.prepared.photo, error_text(found))
            else:
                keep(item.prepared.photo, found)
                self._progress.advance(1)

        flow(
            self._prepared(photos),
            self._explained,
            write,
            batch=1 if self._audit.one_at_a_time else BATCH,
            weigh=lambda item: item.prepared.nbytes,
        )

    def _prepared(self, photos: Sequence[AuditPhoto]) -> Iterator[_Item]:
        for photo in photos:
            try:
                pixels = read_whole(photo)
                place, fault = self._place(photo, pixels)
                prepared = self._audit.prepared(
                    photo, pixels, place, self._ids[photo.truth], self._truths[photo.truth]
                )
                item = _Item(
                    prepared,
                    properties_of(photo.path, pixels),
                    fingerprint_of(pixels),
                    unseen=place is not None and prepared.mask is None,
                    mask_fault=fault,
                    mask_around=isinstance(place, np.ndarray)
                    and self._places.kind_of(photo) == "mask"
                    and may_be_inverted(place),
                )
            except Exception as error:
                self._fail(photo, error_text(error))
            else:
                yield item

    def _place(self, photo: AuditPhoto, pixels: Pixels) -> tuple[Place, tuple[MaskFaultKind, str] | None]:
        """Return where the thing is; where its mask cannot be used, that it is unknown, and why."""
        try:
            return self._places.of(photo, pixels), None
        except MaskError as error:
            return None, error.fault

    def _explained(self, items: Sequence[_Item]) -> Sequence[AuditedPhoto | Exception]:
        """Return what is found of photographs; where the network fails for one of them, its error."""
        try:
            found = self._audit.findings([each.prepared for each in items])
        except SettingsError:
            raise  # what every photograph would say
        except Exception as error:
            if len(items) > 1:
                return [each for item in items for each in self._explained([item])]
            if str(error) in self._reasons and not self._found:
                raise SettingsError(
                    error_text(error)
                ) from error  # the network and the method do not go together
            self._reasons.add(str(error))
            return [error]
        self._found += len(found)
        return [
            AuditedPhoto(
                finding=self._placed(finding, item),
                properties=item.properties,
                fingerprint=item.fingerprint,
                used=features,
            )
            for item, (finding, features) in zip(items, found, strict=True)
        ]

    def _placed(self, finding: PhotoFinding, item: _Item) -> PhotoFinding:
        """Return a finding that says what is known about the thing's place, and how many lend their backgrounds."""
        others = self._lenders.total() - self._lenders[item.prepared.class_id]
        return replace(
            finding,
            lenders=None if item.prepared.changed is None else others,
            unseen=item.unseen,
            mask_fault=item.mask_fault,
            mask_around=item.mask_around,
        )

    def _fail(self, photo: AuditPhoto, reason: str) -> None:
        self.failures.append(Failure(photo.name, reason))
        self._progress.say(f"{photo.name}: left out")
        self._progress.advance(1)


def lenders_of(
    photos: Sequence[AuditPhoto], places: MasksOrBoxes, ids: Mapping[str, int]
) -> dict[int, list[AuditPhoto]]:
    """Return class → its photographs whose things are known, in an order that depends on their names only.

    With many classes only `MOST_LENDERS` of them lend.
    """
    found: dict[int, list[AuditPhoto]] = {}
    for each in sorted(photos, key=lambda each: seed_of(each.name)):
        if places.names(each):
            found.setdefault(ids[each.truth], []).append(each)
    chosen = sorted(found, key=lambda class_id: np.random.default_rng(class_id).random())[:MOST_LENDERS]
    return {class_id: found[class_id] for class_id in sorted(chosen)}


def lent_by_each(lenders: Mapping[int, Sequence[AuditPhoto]]) -> int:
    """Return how many photographs each class lends."""
    return min(_LENT_BY_A_CLASS, max(1, MOST_LENDERS // max(1, len(lenders))))
