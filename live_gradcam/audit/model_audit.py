"""The audit of one model: computes what is missing about each photograph, and comes to a verdict on each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from live_gradcam.archive.annotate_job import Failure
from live_gradcam.archive.evaluate import PhotoListener
from live_gradcam.archive.record import recorded_settings
from live_gradcam.audit.audited_photo import AuditedPhoto, one_of_each_film
from live_gradcam.audit.change_examples import ChangeExamples
from live_gradcam.audit.clusters import clusters_of
from live_gradcam.audit.findings import ClassFinding
from live_gradcam.audit.kept_findings import KeptFindings
from live_gradcam.audit.photo_folders import AuditPhoto, class_ids, forgotten_model
from live_gradcam.audit.photo_values import PhotoAudit
from live_gradcam.audit.photo_work import USUAL_SIZE, PhotoWork, lenders_of, lent_by_each
from live_gradcam.audit.ray_audit import GroupJob, audit_on_cluster
from live_gradcam.audit.thing_masks import MasksOrBoxes, digest
from live_gradcam.audit.verdicts import class_finding, worst_first
from live_gradcam.closeable import Closeable
from live_gradcam.config import ExplainSettings
from live_gradcam.errors import SourceError
from live_gradcam.models.labels import Labels
from live_gradcam.process.stderr_filter import native_stderr_filtered

_MOST_NAMED = 6
"""Classes that one line names."""

_WITHOUT_EFFECT = frozenset({"alpha", "colormap"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What one model's audit found about the photographs."""

    photos: Sequence[tuple[AuditPhoto, AuditedPhoto]]
    """The finished ones, in their order."""

    failures: list[Failure] = field(default_factory=list)
    """A failure for each that was left out."""

    interrupted: bool = False
    """Whether Ctrl-C ended the run early."""

    @property
    def classes(self) -> tuple[ClassFinding, ...]:
        """The finding of each class, worst first."""
        by_class: dict[str, list[AuditedPhoto]] = {}
        for _, each in self.photos:
            by_class.setdefault(each.finding.truth, []).append(each)
        return worst_first([_class(name, photos) for name, photos in by_class.items()])


def not_looked_at(photos: Sequence[AuditPhoto], run: Audited) -> list[Failure]:
    """Return a failure that names the classes of which an interrupted run has not looked at any photograph.

    Args:
        photos: all photographs.
        run: what was found about the finished ones.
    """
    if not run.interrupted:
        return []
    failed = {each.name for each in run.failures}
    seen = {photo.truth for photo, _ in run.photos} | {each.truth for each in photos if each.name in failed}
    missing = sorted({each.truth for each in photos} - seen)
    more = [f"and {len(missing) - _MOST_NAMED} more classes"] if len(missing) > _MOST_NAMED else []
    return [Failure("not looked at yet", ", ".join([*missing[:_MOST_NAMED], *more]))] if missing else []


class ModelAudit(Closeable):
    """Audits one model. What an earlier run found is known from the beginning.

    Args:
        settings: the model and the settings of the explanations.
        photos: the photographs.
        places: where their things are.
        backgrounds: on how many backgrounds of other classes each thing is put.
        more: further settings that change the findings, as JSON can hold them.
        keep: the folder in which what is found is kept; None: nothing is kept.
        progress: receives the progress.
        others: the labels of a model with the same classes, for one that has none of its own.
        cluster: the address of a Ray cluster that computes what is missing; None: this process does.

    Raises:
        LiveGradcamError: the model cannot be loaded or explained, or has not the classes of the photographs.
    """

    def __init__(
        self,
        settings: ExplainSettings,
        photos: Sequence[AuditPhoto],
        places: MasksOrBoxes,
        *,
        backgrounds: int,
        more: Mapping[str, object],
        keep: Path | None,
        progress: PhotoListener,
        others: Labels | None = None,
        cluster: str | None = None,
    ) -> None:
        progress.say(f"loading {settings.model_name} …")
        with ExitStack() as stack:
            with native_stderr_filtered():
                from live_gradcam.explain.loading import load_explainer

                explainer = stack.enter_context(load_explainer(settings, USUAL_SIZE, progress.say))
                if others is not None and _lacks(explainer.labels, others):
                    progress.say(f"{settings.model_name} has no labels: those of the first model are taken")
                    settings = replace(settings, labels=list(others))
                    explainer = stack.enter_context(load_explainer(settings, USUAL_SIZE, progress.say))
            self.labels = explainer.labels
            ids = _ids(photos, self.labels, others, settings)
            lenders = lenders_of(photos, places, ids)
            planned = [
                places.key_of(each) for some in lenders.values() for each in some[: lent_by_each(lenders)]
            ]
            named = isinstance(settings.model, str | Path)
            recorded = recorded_settings(settings if named else replace(settings, model=explainer.model.name))
            own = {name: value for name, value in recorded.items() if name not in _WITHOUT_EFFECT}
            self.settings = {**own, "backgrounds": backgrounds, **more, "lenders": digest(planned)}
            # Another network may have the same name.
            self._kept = stack.enter_context(KeptFindings(keep if named else None, self.settings))
            self._stack = stack.pop_all()
        self._photos = photos
        self._cluster = cluster
        self._progress = progress
        self._keys = {each.name: f"{ids[each.truth]} {each.name} {places.key_of(each)}" for each in photos}
        self.missing = [each for each in photos if self._kept.of(self._keys[each.name]) is None]
        truths = {name: self.labels[number] for name, number in ids.items()}
        self._group_job = GroupJob(
            key=digest([*map(str, self.settings.values()), *self._keys.values()]),
            settings=settings,
            places=places,
            ids=ids,
            truths=truths,
            lenders=lenders,
            backgrounds=backgrounds,
            folder=Path.cwd(),
        )
        self.examples = ChangeExamples(
            photos,
            places,
            ids,
            lenders,
            fit=explainer.fit,
            input_size=explainer.model.input_size,
            backgrounds=backgrounds,
        )
        values = PhotoAudit(explainer, backgrounds=backgrounds)
        self._work = PhotoWork(values, places, ids, truths, progress)

    def run(self) -> Audited:
        """Compute what is missing. After Ctrl-C, the result covers the photographs that are finished."""
        interrupted = False
        try:
            if self.missing and self._cluster is not None:
                self._work.failures += audit_on_cluster(
                    self._group_job, self.missing, self._cluster, keep=self._keep, progress=self._progress
                )
            elif self.missing:
                self._work.lend(self._group_job.lenders)
                self._work.run(self.missing, lambda photo, found: self._keep(photo.name, found))
        except KeyboardInterrupt:
            interrupted = True
        known = [(each, self._kept.of(self._keys[each.name])) for each in self._photos]
        return Audited(
            photos=[(photo, found) for photo, found in known if found is not None],
            failures=self._work.failures,
            interrupted=interrupted,
        )

    def _keep(self, name: str, found: AuditedPhoto) -> None:
        self._kept.add(self._keys[name], found)

    def close(self) -> None:
        """Release the model, and close the file of what is kept. May be called twice."""
        self._stack.close()


def _lacks(own: Labels, others: Labels) -> bool:
    """Return whether a model's classes have no names, and another model's names fit them."""
    return own.are_numbered and not others.are_numbered and len(own) == len(others)


def _ids(
    photos: Sequence[AuditPhoto], labels: Labels, others: Labels | None, settings: ExplainSettings
) -> dict[str, int]:
    """Return the id of each class of the photographs.

    Raises:
        SourceError: the model has not all of them.
    """
    try:
        hint = forgotten_model(settings.model) if others is None else ""
        return class_ids([each.truth for each in photos], labels, hint=hint)
    except SourceError as error:
        if others is None or not labels.are_numbered:
            raise
        raise SourceError(
            f"its {len(labels)} classes have no names, and the first model's {len(others)} do not fit. Put the names "
            f"into a file beside it: {Path(settings.model_name).stem}.labels.txt."
        ) from error


def _class(name: str, photos: Sequence[AuditedPhoto]) -> ClassFinding:
    single = one_of_each_film(photos)
    used = [each.used for each in single if each.used is not None]
    alike = len(used) == len(single) and len({len(each) for each in used}) == 1
    clusters = clusters_of([each.finding for each in single], np.stack(used) if alike else None)
    return class_finding(name, [each.finding for each in photos], clusters=clusters)
