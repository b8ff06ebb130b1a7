"""Audits photographs on a Ray cluster, or on the cores of this machine.

Ray's workers compute the findings of groups of photographs, and this process alone keeps them. A group has whole
batches, so that the same photographs go through the network together as in one process. As for `annotate`, every
machine must see the files under the same paths and have the same release of this package.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from live_gradcam.archive.annotate_job import Failure, error_text
from live_gradcam.archive.evaluate import PhotoListener, Unwatched
from live_gradcam.archive.ray_cluster import RETRIES, connected, cores_for
from live_gradcam.audit.audited_photo import AuditedPhoto
from live_gradcam.audit.photo_folders import AuditPhoto
from live_gradcam.audit.photo_values import PhotoAudit
from live_gradcam.audit.photo_work import BATCH, USUAL_SIZE, PhotoWork
from live_gradcam.audit.thing_masks import MasksOrBoxes
from live_gradcam.config import ExplainSettings
from live_gradcam.errors import LiveGradcamError
from live_gradcam.process.stderr_filter import native_stderr_filtered

_GROUP = 8 * BATCH
"""Photographs that a worker audits before it hands over what it found."""

Found = tuple[list[tuple[str, AuditedPhoto]], list[Failure]]
"""Name and findings of each photograph of a group, and a failure for each that was left out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupJob:
    """What a worker needs to know besides its photographs."""

    key: str
    """Another job has another key."""

    settings: ExplainSettings
    places: MasksOrBoxes
    ids: Mapping[str, int]
    truths: Mapping[str, str]
    lenders: Mapping[int, Sequence[AuditPhoto]]
    backgrounds: int

    folder: Path
    """The folder that relative paths begin in."""


def audit_on_cluster(
    job: GroupJob,
    photos: Sequence[AuditPhoto],
    address: str,
    *,
    keep: Callable[[str, AuditedPhoto], None],
    progress: PhotoListener,
) -> list[Failure]:
    """Audit photographs in Ray's worker processes, which keep the model between groups.

    Args:
        job: the same for all photographs.
        photos: at least one.
        address: address of the cluster, or `LOCAL`.
        keep: receives each photograph's name and findings, in any order.
        progress: receives the progress.

    Returns:
        A failure for each photograph that was left out, in order.

    Raises:
        LiveGradcamError: Ray is not installed, the cluster cannot be reached, or a worker cannot begin.
    """
    groups = [tuple(photos[at : at + _GROUP]) for at in range(0, len(photos), _GROUP)]
    left_out: dict[str, Failure] = {}
    with connected(address) as ray:
        cores, each = cores_for(ray, len(groups))
        gpus = 1 if job.settings.device != "cpu" and ray.cluster_resources().get("GPU") else 0
        progress.say(f"{len(photos)} photos over {cores} cores, {each} for each worker")
        task = ray.remote(num_cpus=each, num_gpus=gpus, max_retries=RETRIES)(audited_group)
        given = ray.put(job)
        running = {task.remote(given, group, each): group for group in groups}
        while running:
            ready, _ = ray.wait(list(running))
            for done in ready:
                group = running.pop(done)
                found, failures = _result(ray, done, group)
                for name, audited in found:
                    keep(name, audited)
                left_out |= {failure.name: failure for failure in failures}
                for failure in failures:
                    progress.say(f"{failure.name}: left out")
                progress.advance(len(group))
    return [left_out[photo.name] for photo in photos if photo.name in left_out]


def _result(ray: Any, done: Any, group: Sequence[AuditPhoto]) -> Found:  # noqa: ANN401 - Ray's own
    """Return what a worker found; if Ray gave its group up, failures with the reason.

    Raises:
        LiveGradcamError: the worker could not begin, as no other could.
    """
    try:
        found: Found = ray.get(done)
    except ray.exceptions.RayTaskError as error:
        raise LiveGradcamError(error_text(error.cause)) from error
    except ray.exceptions.RayError:
        reason = f"its worker died {1 + RETRIES} times, perhaps for want of memory"
        return [], [Failure(each.name, reason) for each in group]
    return found


_worker: tuple[str, PhotoWork] | None = None
"""This process's work, if it has any: the model and the lenders stay for the next group."""


def audited_group(job: GroupJob, group: Sequence[AuditPhoto], cores: int) -> Found:
    """Audit one group in a worker process.

    Args:
        job: the same for all groups.
        group: the photographs.
        cores: how many of the machine's cores to compute on.

    Raises:
        LiveGradcamError: the model cannot be loaded or explained.
    """
    global _worker
    if _worker is None or _worker[0] != job.key:
        _worker = job.key, _begun(job, cores)
    work = _worker[1]
    found: list[tuple[str, AuditedPhoto]] = []
    before = len(work.failures)
    work.run(group, lambda photo, audited: found.append((photo.name, audited)))
    return found, work.failures[before:]


def _begun(job: GroupJob, cores: int) -> PhotoWork:
    os.chdir(job.folder)
    with native_stderr_filtered():
        from live_gradcam.explain.compilers import limit_cores
        from live_gradcam.explain.loading import load_explainer

        limit_cores(cores)
        explainer = load_explainer(job.settings, USUAL_SIZE, lambda _: None)
    values = PhotoAudit(explainer, backgrounds=job.backgrounds)
    work = PhotoWork(values, job.places, job.ids, job.truths, Unwatched())
    work.lend(job.lenders)
    return work
