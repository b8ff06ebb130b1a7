"""The audit: finds the photographs, computes what is missing about each, and comes to a verdict on each class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from live_gradcam.archive.annotate_job import Failure, error_text
from live_gradcam.archive.evaluate import PhotoListener, Unwatched
from live_gradcam.archive.inputs import find_photos
from live_gradcam.archive.places_file import read_places
from live_gradcam.archive.record import RECORDS
from live_gradcam.audit.audited_photo import one_of_each_film
from live_gradcam.audit.change_examples import ChangeExamples
from live_gradcam.audit.comparison import compared
from live_gradcam.audit.dull_causes import dull_causes
from live_gradcam.audit.film_frames import photos_of
from live_gradcam.audit.findings import AuditReport
from live_gradcam.audit.model_audit import Audited, ModelAudit, not_looked_at
from live_gradcam.audit.near_duplicates import (
    Fingerprint,
    duplicates_between_classes,
    duplicates_of_training,
    fingerprint_of,
)
from live_gradcam.audit.photo_folders import AuditPhoto
from live_gradcam.audit.photo_values import BACKGROUNDS
from live_gradcam.audit.thing_masks import Kind, MasksOrBoxes, with_places
from live_gradcam.config import ExplainSettings
from live_gradcam.errors import LiveGradcamError, SettingsError
from live_gradcam.sources.photo import read_photo
from live_gradcam.version import __version__


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

    compare: Any = None
    """Another model for the same photographs, as `ExplainSettings.model` takes it; None: no other."""

    cluster: str | None = None
    """The address of a Ray cluster that computes what is missing, or `ray_cluster.LOCAL`; None: this process does."""

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

    examples: ChangeExamples | None = None
    """Makes again what the audit made of one photograph of each class."""


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
    compare: Any = None,  # noqa: ANN401 - as `model`
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
        out: a folder in which what is found is kept, so that a second call continues; None: nothing is kept. Only of
            models that are named, since another network may have the same name as one that is loaded.
        compare: another model, such as the one before it was trained again: its findings on the same photographs, and
            the differences, are `AuditReport.comparison`.
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
        compare=str(compare) if isinstance(compare, Path) else compare,
        keep=None if out is None else Path(out) / RECORDS,
    )
    return audit_photos([str(each) for each in typed], chosen, job, progress=Unwatched()).report


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
    with ExitStack() as stack:
        keep = job.keep or Path(stack.enter_context(TemporaryDirectory()), RECORDS)
        photos, failures = photos_of(typed, job.truths, keep, progress.say)
        return _audited(photos, failures, settings, job, progress)


def _audited(
    photos: Sequence[AuditPhoto],
    failures: list[Failure],
    settings: ExplainSettings,
    job: AuditJob,
    progress: PhotoListener,
) -> AuditRun:
    """Audit photographs that were found; those that were not are among the failures.

    Raises:
        LiveGradcamError: nothing can be audited.
    """
    if not photos:
        raise SettingsError(f"no photograph could be audited. The first: {failures[0]}")
    boxes = None if job.boxes is None else read_places(job.boxes)
    if boxes is not None:
        boxes.warn_of_shared(each.path for each in photos if each.film is None)
    places = MasksOrBoxes(job.masks, boxes, job.estimates)
    if (job.masks or job.boxes) is not None and not any(places.names(each) for each in photos):
        raise SettingsError(places.nothing_for(photos[0]))
    if isinstance(settings.model, str) and settings.model == job.compare:
        raise SettingsError(f"compare is '{job.compare}', the audited model itself. Name another one.")
    begin = partial(
        ModelAudit,
        photos=photos,
        places=places,
        backgrounds=job.backgrounds,
        more={"boxes": places.key, "masks": job.masks is not None},
        keep=job.keep,
        progress=progress,
        cluster=job.cluster,
    )
    with ExitStack() as stack:
        audits = [stack.enter_context(begin(settings))]
        if job.compare is not None:
            # Before anything is computed, so that a model that does not fit is told of at once.
            with _telling_of(job.compare):
                beside = replace(settings, model=job.compare, labels=None)
                audits.append(stack.enter_context(begin(beside, others=audits[0].labels)))
        progress.begin(sum(len(each.missing) for each in audits))
        runs = [audits[0].run()]
        if len(audits) > 1 and not runs[0].interrupted:
            with _telling_of(job.compare):
                runs.append(audits[1].run())
    failures += [*runs[0].failures, *not_looked_at(photos, runs[0])]
    if not runs[0].photos and not runs[0].interrupted:
        raise SettingsError(f"no photograph could be audited. The first: {failures[0]}")
    known = {photo.name: audited for photo, audited in runs[0].photos}
    single = one_of_each_film(list(known.values()))
    prints = {name: audited.fingerprint for name, audited in known.items()}
    truth_of = {name: audited.finding.truth for name, audited in known.items()}
    training = {} if job.training is None else _training_prints(job.training, failures)
    report = AuditReport(
        model=settings.model_name,
        classes=runs[0].classes,
        photos=tuple(each.finding for each in known.values()),
        causes=dull_causes([each.finding.truth for each in single], [each.properties for each in single]),
        duplicates=(*duplicates_between_classes(prints, truth_of), *duplicates_of_training(prints, training)),
        failures=tuple(map(str, failures)),
        settings={"version": __version__, **audits[0].settings},
        interrupted=any(each.interrupted for each in runs),
    )
    kinds = {
        photo.name: None if audited.finding.mask_fault else places.kind_of(photo)
        for photo, audited in runs[0].photos
    }
    report = with_places(report, kinds)
    if len(runs) > 1:
        report = _with_comparison(report, runs[1], audits[1].settings, job, kinds)
    paths = {photo.name: photo.path for photo, _ in runs[0].photos}
    missing = {each.name for audit in audits for each in audit.missing}
    kept = len(photos) - len(missing)
    return AuditRun(report=report, paths=paths, kept=kept, examples=audits[0].examples)


@contextmanager
def _telling_of(compare: Any) -> Iterator[None]:  # noqa: ANN401 - also a keras.Model
    """Name the model with which the first one is compared in the errors of the block.

    Raises:
        SettingsError: in the place of any error of this package.
    """
    try:
        yield
    except LiveGradcamError as error:
        raise SettingsError(f"compare is '{_name_of(compare)}': {error}") from error


def _name_of(model: Any) -> str:  # noqa: ANN401 - also a keras.Model
    return ExplainSettings(model=model).model_name


def _with_comparison(
    report: AuditReport,
    other: Audited,
    settings: Mapping[str, object],
    job: AuditJob,
    kinds: Mapping[str, Kind | None],
) -> AuditReport:
    """Return a report with the comparison, and with what failed for the other model only."""
    name = _name_of(job.compare)
    findings = AuditReport(
        model=name,
        classes=other.classes,
        photos=tuple(audited.finding for _, audited in other.photos),
        settings={"version": __version__, **settings},
        interrupted=other.interrupted,
    )
    findings = with_places(findings, kinds)
    known = {each.name for each in report.photos}
    failed = [f"{each} (with {name})" for each in other.failures if each.name in known]
    return replace(report, comparison=compared(report, findings), failures=(*report.failures, *failed))


def _training_prints(folder: Path, failures: list[Failure]) -> dict[str, Fingerprint]:
    """Return the fingerprints of the photographs in a folder; those that cannot be read become failures."""
    photos, missing = find_photos([str(folder)])
    failures += missing
    found: dict[str, Fingerprint] = {}
    for path, name in photos:
        try:
            found[name] = fingerprint_of(read_photo(path).pixels)
        except LiveGradcamError as error:
            # With the folder: a photograph of the audit may have the same name.
            failures.append(Failure((folder / name).as_posix(), error_text(error)))
    return found
