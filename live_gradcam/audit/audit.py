"""The audit: finds the photographs, computes what is missing about each, and comes to a verdict on each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from live_gradcam.archive.annotate_job import Failure, error_text
from live_gradcam.archive.evaluate import PhotoListener
from live_gradcam.archive.inputs import find_photos
from live_gradcam.archive.places_file import read_places
from live_gradcam.archive.record import RECORDS, recorded_settings
from live_gradcam.audit.audited_photo import AuditedPhoto
from live_gradcam.audit.clusters import clusters_of
from live_gradcam.audit.dull_causes import dull_causes
from live_gradcam.audit.findings import AuditReport, ClassFinding
from live_gradcam.audit.kept_findings import KeptFindings
from live_gradcam.audit.marks import MASKS
from live_gradcam.audit.near_duplicates import (
    Fingerprint,
    duplicates_between_classes,
    duplicates_of_training,
    fingerprint_of,
)
from live_gradcam.audit.photo_folders import AuditPhoto, class_ids, photos_in_folders, photos_with_truths
from live_gradcam.audit.photo_values import BACKGROUNDS, PhotoAudit
from live_gradcam.audit.photo_work import PhotoWork, lenders_of, lent_by_each
from live_gradcam.audit.thing_masks import MasksOrBoxes, digest, with_places
from live_gradcam.audit.verdicts import class_finding, worst_first
from live_gradcam.config import ExplainSettings
from live_gradcam.errors import LiveGradcamError, SettingsError
from live_gradcam.process.stderr_filter import native_stderr_filtered
from live_gradcam.sources.photo import read_photo
from live_gradcam.version import __version__

_USUAL_SIZE = (500, 375)
_BATCH = 4
"""Photographs that go through the network together, each with about a dozen changed pictures."""

_WITHOUT_EFFECT = frozenset({"alpha", "colormap"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditJob:
    """What to audit, besides the settings of the explanations."""

    truths: Mapping[str, str] | Path | None = None
    """File name → class, or a CSV file of it; None: the photographs lie in a folder for each class."""

    masks: Path | None = None
    """A folder of masks: see `thing_masks.MasksOrBoxes`."""

    boxes: Path | None = None
    """A file or folder of boxes: see `places_file.read_places`."""

    estimates: Path | None = None
    """A folder of outlines that were estimated in these boxes: see `thing_masks.MasksOrBoxes`."""

    backgrounds: int = BACKGROUNDS
    """On how many backgrounds of other classes each thing is put."""

    training: Path | None = None
    """A folder of photographs that the model was trained on, whose copies are looked for; None: none is known."""

    keep: Path | None = None
    """The folder in which what is found is kept, so that a second run continues; None: nothing is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRun:
    """The result of a run."""

    report: AuditReport
    paths: Mapping[str, Path] = field(default_factory=dict)
    """Name → path of each photograph of the report."""

    kept: int = 0
    """How many photographs were finished in an earlier run."""


class _Silent:
    """A listener that shows nothing."""

    def say(self, line: str) -> None:
        """Show nothing."""

    def begin(self, photos: int) -> None:
        """Show nothing."""

    def advance(self, photos: int) -> None:
        """Show nothing."""


def audit(
    model: Any,  # noqa: ANN401 - also a keras.Model, which ships no types
    photos: str | Path | Sequence[str | Path],
    labels: Sequence[str] | str | Path | None = None,
    masks: str | Path | None = None,
    *,
    boxes: str | Path | None = None,
    truths: Mapping[str, str] | str | Path | None = None,
    training: str | Path | None = None,
    out: str | Path | None = None,
    **settings: Any,  # noqa: ANN401 - each of its setting's kind
) -> AuditReport:
    """Find out by what a network recognises each class: the thing or its background.

    Args:
        model: anything that `load_model` takes.
        photos: a folder with a folder of photographs for each class; with `truths`, also photographs and globs.
        labels: the names of the model's classes, as `load_model` takes them.
        masks: a folder with a PNG for each photograph, of the same name, in which the thing is not black.
        boxes: a file or folder of boxes, in place of masks.
        truths: file name → class, or a CSV file with the columns file and class.
        training: a folder of photographs that the model was trained on, to find copies of them among these.
        out: a folder in which what is found is kept, so that a second call continues; None: nothing is kept.
        settings: further fields of `ExplainSettings`, such as `method`, `fit` or `preprocess`.

    Raises:
        LiveGradcamError: there is nothing to audit, or the model cannot be loaded or explained.
    """
    typed = [photos] if isinstance(photos, str | Path) else list(photos)
    chosen = ExplainSettings(model=model, labels=labels, **settings)
    if isinstance(model, str | Path):
        chosen = ExplainSettings(model=str(model), labels=labels, **settings)
    job = AuditJob(
        truths=Path(truths) if isinstance(truths, str) else truths,
        masks=None if masks is None else Path(masks),
        boxes=None if boxes is None else Path(boxes),
        training=None if training is None else Path(training),
        # Another network may have the same name.
        keep=Path(out) / RECORDS if out is not None and isinstance(model, str | Path) else None,
    )
    return audit_photos([str(each) for each in typed], chosen, job, progress=_Silent()).report


def audit_photos(
    typed: Sequence[str], settings: ExplainSettings, job: AuditJob, *, progress: PhotoListener
) -> AuditRun:
    """Audit photographs.

    Args:
        typed: folders with a folder for each class; with a table of truths, also photographs and globs.
        settings: the model and the settings of the explanations.
        job: what to audit.
        progress: receives the progress.

    Returns:
        The run. After Ctrl-C it covers the photographs that are finished; they stay finished.

    Raises:
        LiveGradcamError: nothing can be audited.
    """
    if job.masks is not None and job.boxes is not None:
        raise SettingsError("masks and boxes are given: give one of them.")
    photos, failures = photos_of(typed, job)
    places = MasksOrBoxes(job.masks, None if job.boxes is None else read_places(job.boxes), job.estimates)
    if (job.masks or job.boxes) is not None and not any(places.names(each) for each in photos):
        what = "mask" if job.masks is not None else "box"
        raise SettingsError(
            f"no photograph has a {what}, for example {photos[0].name}. Give the names of the photographs to "
            f"{'the masks' if job.masks is not None else 'their boxes'}."
        )
    progress.say(f"loading {settings.model_name} …")
    with native_stderr_filtered():
        from live_gradcam.explain.loading import load_explainer

        explainer = load_explainer(settings, _USUAL_SIZE, progress.say)
    with explainer:
        labels = explainer.labels
        ids = class_ids([each.truth for each in photos], labels)
        lenders = lenders_of(photos, places, ids)
        planned = [places.key_of(each) for some in lenders.values() for each in some[: lent_by_each(lenders)]]
        named = isinstance(settings.model, str | Path)
        recorded = settings if named else replace(settings, model=explainer.model.name)
        own = {
            **{
                name: value
                for name, value in recorded_settings(recorded).items()
                if name not in _WITHOUT_EFFECT
            },
            "backgrounds": job.backgrounds,
            "boxes": places.key,
            "masks": job.masks is not None,
            "lenders": digest(planned),
        }
        truths = {name: labels[number] for name, number in ids.items()}
        interrupted = False
        with KeptFindings(job.keep, own) as kept:
            keys = {each.path: f"{ids[each.truth]} {each.name} {places.key_of(each)}" for each in photos}
            missing = [each for each in photos if kept.of(keys[each.path]) is None]
            progress.begin(len(missing))
            work = PhotoWork(
                PhotoAudit(explainer, backgrounds=job.backgrounds), places, ids, truths, progress
            )
            try:
                if missing:
                    work.lend(lenders)
                    wide = explainer.fit == "wide"
                    work.run(
                        missing,
                        lambda photo, found: kept.add(keys[photo.path], found),
                        batch=1 if wide else _BATCH,
                    )
            except KeyboardInterrupt:
                interrupted = True
            done = [(each, found) for each in photos if (found := kept.of(keys[each.path])) is not None]
    failures += work.failures
    if not done and not interrupted:
        raise SettingsError(f"no photograph could be audited. The first: {failures[0]}")
    known = {photo.name: audited for photo, audited in done}
    prints = {name: audited.fingerprint for name, audited in known.items()}
    truth_of = {name: audited.finding.truth for name, audited in known.items()}
    training = {} if job.training is None else _training_prints(job.training, failures)
    report = AuditReport(
        model=settings.model_name,
        classes=_classes(list(known.values())),
        photos=tuple(each.finding for each in known.values()),
        causes=dull_causes(list(truth_of.values()), [each.properties for each in known.values()]),
        duplicates=(*duplicates_between_classes(prints, truth_of), *duplicates_of_training(prints, training)),
        failures=tuple(map(str, failures)),
        settings={"version": __version__, **own},
        interrupted=interrupted,
    )
    report = with_places(report, {each.name: places.kind_of(each) for each, _ in done})
    paths = {each.name: each.path for each, _ in done}
    return AuditRun(report=report, paths=paths, kept=len(photos) - len(missing))


def photos_of(typed: Sequence[str], job: AuditJob) -> tuple[list[AuditPhoto], list[Failure]]:
    """Return the photographs of a job, and a failure for each that has no class.

    Args:
        typed: as `audit_photos` takes them.
        job: what to audit.

    Raises:
        SourceError: there are none.
    """
    masks = None if job.keep is None else (job.keep.parent / MASKS).absolute()
    photos, failures = (
        photos_in_folders(typed) if job.truths is None else photos_with_truths(typed, job.truths)
    )
    # The results may lie among the photographs.
    return [each for each in photos if masks is None or not each.path.is_relative_to(masks)], failures


def _classes(found: Sequence[AuditedPhoto]) -> tuple[ClassFinding, ...]:
    by_class: dict[str, list[AuditedPhoto]] = {}
    for each in found:
        by_class.setdefault(each.finding.truth, []).append(each)
    return worst_first([_class(name, photos) for name, photos in by_class.items()])


def _class(name: str, photos: Sequence[AuditedPhoto]) -> ClassFinding:
    findings = [each.finding for each in photos]
    used = [each.used for each in photos if each.used is not None]
    alike = len(used) == len(photos) and len({len(each) for each in used}) == 1
    return class_finding(name, findings, clusters=clusters_of(findings, np.stack(used) if alike else None))


def _training_prints(folder: Path, failures: list[Failure]) -> dict[str, Fingerprint]:
    """Return the fingerprints of the photographs in a folder; those that cannot be read become failures."""
    photos, missing = find_photos([str(folder)])
    failures += missing
    found: dict[str, Fingerprint] = {}
    for path, name in photos:
        try:
            found[name] = fingerprint_of(read_photo(path).pixels)
        except LiveGradcamError as error:
            failures.append(Failure(name, error_text(error)))
    return found
