"""Annotates groups of files on a Ray cluster, or on the cores of this machine.

Ray schedules and retries the groups. Every machine must see the files under the same paths and have the same release
of this package.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from live_gradcam.archive.annotate_job import AnnotateJob, ArchiveFile, Failure, Outcome
from live_gradcam.archive.annotate_settings import AnnotateSettings
from live_gradcam.archive.file_worker import FileWorker
from live_gradcam.archive.record import mismatch, read_conclusion, recorded_settings
from live_gradcam.errors import LiveGradcamError

LOCAL = "local"
"""The address of a cluster of this machine's cores."""

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # Ray would send usage statistics
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # Ray would warn about a change of its defaults
}
RETRIES = 3
"""How often Ray starts a group again whose worker died."""

_TELL_SECONDS = 0.5
_ANSWER_SECONDS = 5.0
_OBJECT_STORE_BYTES = 100 * 2**20
"""Enough for names and counts: no pictures are passed."""


def annotate_on_cluster(
    groups: Sequence[Sequence[ArchiveFile]],
    settings: AnnotateSettings,
    work: AnnotateJob,
    address: str,
    *,
    say: Callable[[str], None],
    advance: Callable[[int], None],
    ended: Callable[[Outcome], None],
) -> None:
    """Annotate groups of files in Ray's worker processes, which keep the model between groups.

    Args:
        groups: groups of pictures, or of one video.
        settings: model, method, appearance and limits.
        work: the whole job.
        address: address of the cluster, or `LOCAL`.
        say: shows a line to the user.
        advance: called with the number of frames that were finished since the last call.
        ended: called with the outcome of each file.

    Raises:
        LiveGradcamError: Ray is not installed, or the cluster cannot be reached.
    """
    with connected(address) as ray:
        cores, each = cores_for(ray, len(groups))
        gpus = 1 if settings.device != "cpu" and ray.cluster_resources().get("GPU") else 0
        say(f"{len(groups)} groups of files over {cores} cores, {each} for each worker")
        counter = ray.remote(num_cpus=0)(_FrameCounter).remote()
        task = ray.remote(num_cpus=each, num_gpus=gpus, max_retries=RETRIES)(_annotate)
        running = {
            task.remote(tuple(group), settings, work.size, work.frames // len(groups), each, counter): group
            for group in groups
        }
        told = 0
        while running:
            ready, _ = ray.wait(list(running), timeout=_TELL_SECONDS)
            total = ray.get(counter.total.remote())
            advance(total - told)
            told = total
            for done in ready:
                for outcome in _outcomes(ray, done, running.pop(done)):
                    ended(outcome)


def cores_for(ray: Any, groups: int) -> tuple[int, int]:  # noqa: ANN401 - Ray's own
    """Return the number of the cluster's cores, and of those that each of so many groups gets."""
    cores = int(ray.cluster_resources().get("CPU", 1))
    nodes = [int(node["Resources"].get("CPU", 1)) for node in ray.nodes() if node["Alive"]]
    return cores, max(1, min(cores // groups, *nodes))


def _outcomes(ray: Any, done: Any, group: Sequence[ArchiveFile]) -> list[Outcome]:  # noqa: ANN401 - Ray's own
    """Return the outcomes of a group; if Ray gave it up, failures with the reason."""
    try:
        found: list[Outcome] = ray.get(done)
    except ray.exceptions.RayTaskError as error:
        reason = str(error.cause)
    except ray.exceptions.RayError:
        reason = f"its worker died {1 + RETRIES} times, perhaps for want of memory"
    else:
        return found
    return [Outcome(entry, 0, failure=Failure(entry.name, reason)) for entry in group]


class _FrameCounter:
    """Ray actor that counts the frames that the workers have finished."""

    def __init__(self) -> None:
        self._frames: dict[str, int] = {}

    def note(self, name: str, frames: int) -> None:
        """Set the number of finished frames of a group; a retry starts again at 0."""
        self._frames[name] = frames

    def total(self) -> int:
        """Return the number of finished frames."""
        return sum(self._frames.values())


_worker: tuple[AnnotateSettings, FileWorker] | None = None
"""This process's worker, if it has one: the model stays for the next group."""


def _annotate(
    group: Sequence[ArchiveFile],
    settings: AnnotateSettings,
    size: tuple[int, int],
    frames: int,
    cores: int,
    counter: Any,  # noqa: ANN401 - an actor's handle
) -> list[Outcome]:
    """Annotate one group in a worker process."""
    global _worker
    if _worker is None or _worker[0] != settings:
        _worker = settings, FileWorker(settings, size=size, frames=frames, cores=cores)
    outcomes: list[Outcome] = []
    done = 0
    told = 0.0

    def advance(frames: int) -> None:
        nonlocal done, told
        done += frames
        if time.monotonic() - told > _TELL_SECONDS:
            told = time.monotonic()
            counter.note.remote(group[0].name, done)

    wanted = recorded_settings(settings)
    missing = []
    for entry in group:  # on a retry, some files are finished
        if entry.output.exists() and mismatch(entry, wanted) is None:
            conclusion = read_conclusion(entry.record)
            outcomes.append(Outcome(entry, 0 if conclusion is None else conclusion.frames))
        else:
            missing.append(entry)
    if missing:
        _worker[1].annotate(missing, advance=advance, ended=outcomes.append)
    counter.note.remote(group[0].name, sum(outcome.frames for outcome in outcomes))
    return outcomes


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Connect to a cluster, or start one on this machine's cores; disconnect at the end.

    Raises:
        LiveGradcamError: Ray is not installed, or the cluster cannot be reached.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise LiveGradcamError("--ray needs Ray. Type: pip install 'live-gradcam[cluster]'") from error
    _check_reachable(address)
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        options |= {"include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES, "address": LOCAL}
    else:
        options["address"] = address
    try:
        ray.init(**options)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        line = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise LiveGradcamError(f"cannot reach the Ray cluster at '{address}': {line}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Check within seconds that a cluster listens at the address: Ray itself would retry for minutes.

    Raises:
        LiveGradcamError: nothing listens there.
    """
    where = urlsplit(address if "://" in address else f"//{address}")
    if where.hostname is None or where.port is None:
        return  # a name that Ray resolves, such as `auto`
    try:
        socket.create_connection((where.hostname, where.port), _ANSWER_SECONDS).close()
    except OSError as error:
        raise LiveGradcamError(
            f"cannot reach the Ray cluster at '{address}': {error.strerror or error}. "
            "`ray status` on its head shows the address; --ray alone uses this machine's cores."
        ) from error
