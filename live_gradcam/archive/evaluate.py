"""Evaluates methods on photographs of an archive: computes the missing values and keeps the known ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from platformdirs import user_cache_path

from live_gradcam.archive.annotate_job import Failure, error_text
from live_gradcam.archive.inputs import find_photos
from live_gradcam.archive.photo_results import PhotoResults
from live_gradcam.archive.places_file import PlacesFile
from live_gradcam.archive.record import RECORDS, recorded_settings
from live_gradcam.archive.stages import flow
from live_gradcam.config import ExplainSettings
from live_gradcam.errors import SettingsError
from live_gradcam.faithfulness import Baseline
from live_gradcam.frame import Pixels
from live_gradcam.metrics.curves import STEPS
from live_gradcam.metrics.evaluation import MOST_CONTROLS, Evaluation, summary
from live_gradcam.metrics.map_case import CONTROLS, Control
from live_gradcam.metrics.metric import DEFAULT_METRICS
from live_gradcam.metrics.photo_test import MapName, PhotoTest, PhotoValues, wanted_values
from live_gradcam.process.stderr_filter import native_stderr_filtered
from live_gradcam.sources.photo import read_photo
from live_gradcam.version import __version__

_USUAL_SIZE = (500, 375)
_WITHOUT_EFFECT = frozenset({"method", "alpha", "colormap"})
"""Settings of an explanation that no value depends on."""


class PhotoListener(Protocol):
    """Receives the progress. Its methods may be called from any thread."""

    def say(self, line: str) -> None:
        """Show a line to the user."""

    def begin(self, photos: int) -> None:
        """Receive the number of photographs to come."""

    def advance(self, photos: int) -> None:
        """Receive the number of photographs that were finished since the last call."""


class Unwatched:
    """A listener for progress that nobody watches."""

    def say(self, line: str) -> None:
        """Show nothing."""

    def begin(self, photos: int) -> None:
        """Show nothing."""

    def advance(self, photos: int) -> None:
        """Show nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateJob:
    """What to evaluate, besides the settings of the explanations."""

    methods: Sequence[str]
    metrics: Sequence[str] = DEFAULT_METRICS
    controls: Sequence[Control] = CONTROLS
    most_controls: int = MOST_CONTROLS
    """How many photographs the controls are tested on; they are spread evenly."""

    steps: int = STEPS
    baseline: Baseline | None = None
    places: PlacesFile | None = None
    limit: int | None = None
    """How many photographs are evaluated, spread evenly; None: all."""

    beside: Path | None = None
    """The file beside which the results are kept; None: in the user's cache folder."""


@dataclass(slots=True)
class EvaluateReport:
    """The result of evaluating an archive."""

    evaluation: Evaluation
    photos: list[tuple[str, PhotoValues]]
    """Each photograph's name and values, in order."""

    failures: list[Failure] = field(default_factory=list)
    kept: int = 0
    """How many photographs were finished in an earlier run."""

    boxed: int | None = None
    """For how many of the photographs boxes are named; None if none were given."""

    interrupted: bool = False
    """Whether Ctrl-C ended the run early."""

    settings: Mapping[str, object] = field(default_factory=dict)
    """The settings that the values depend on, and the program's version."""


def evaluate_photos(
    typed: Sequence[str],
    settings: ExplainSettings,
    job: EvaluateJob,
    *,
    progress: PhotoListener,
) -> EvaluateReport:
    """Evaluate methods on photographs.

    Args:
        typed: photographs, folders and globs.
        settings: the model and the settings of the explanations; the method is one of the job's.
        job: what to evaluate.
        progress: receives the progress.

    Returns:
        The report. After Ctrl-C it covers the photographs that are finished; they stay finished.

    Raises:
        LiveGradcamError: nothing can be evaluated.
    """
    wanted_values(
        job.methods, job.metrics, (), places=job.places is not None
    )  # a mistyped name is reported first
    photos, failures = find_photos(typed)
    photos = [photos[place] for place in _spread(len(photos), job.limit)]
    controlled = _controlled([path for path, _ in photos], job)
    wanted = {
        path: wanted_values(
            job.methods,
            job.metrics,
            job.controls if number in controlled else (),
            places=job.places is not None,
        )
        for number, (path, _) in enumerate(photos)
    }
    if job.places is not None and not any(job.places.names(path) for path, _ in photos):
        raise SettingsError(
            f"the boxes name none of the photographs, such as {photos[0][1]}. Give the file names as they are."
        )
    if job.places is not None:
        job.places.warn_of_shared(path for path, _ in photos)
    interrupted = False
    with PhotoResults(_folder(job.beside), _settings(settings, job)) as results:
        missing = [(path, name) for path, name in photos if results.missing(path, wanted[path])]
        progress.begin(len(missing))
        try:
            if missing:
                _run(missing, wanted, settings, job, results, progress, failures)
        except KeyboardInterrupt:
            interrupted = True
        done = [
            (path, name, PhotoValues(values.label, values.probability, own, values.seconds))
            for path, name in photos
            if (values := results.of(path)) is not None
            for own in [{each: values.values[each] for each in wanted[path] if each in values.values}]
            if len(own) == len(wanted[path])
        ]
    evaluation = summary(settings.model_name, [values for _, _, values in done])
    return EvaluateReport(
        evaluation,
        [(name, values) for _, name, values in done],
        failures,
        kept=len(photos) - len(missing),
        boxed=None if job.places is None else sum(job.places.names(path) for path, _, _ in done),
        interrupted=interrupted,
        settings={"version": __version__, **_settings(settings, job)},
    )


def _run(
    missing: Sequence[tuple[Path, str]],
    wanted: dict[Path, list[MapName]],
    settings: ExplainSettings,
    job: EvaluateJob,
    results: PhotoResults,
    progress: PhotoListener,
    failures: list[Failure],
) -> None:
    """Compute the missing values: one thread reads the photographs, and one keeps the values."""
    progress.say(f"loading {settings.model_name} …")
    with native_stderr_filtered():
        from live_gradcam.explain.loading import load_explainer

        explainer = load_explainer(settings, _USUAL_SIZE, progress.say)
    names, reasons = dict(missing), set[str]()
    with explainer:
        test = PhotoTest(explainer, steps=job.steps, baseline=job.baseline)

        def read() -> Iterator[tuple[Path, Pixels]]:
            for path, name in missing:
                try:
                    photo = read_photo(path)
                except Exception as error:
                    fail(name, error_text(error))
                else:
                    if photo.damage is None:
                        yield path, photo.pixels
                    else:
                        fail(name, f"{path.name} {photo.damage}")

        def fail(name: str, reason: str) -> None:
            failures.append(Failure(name, reason))
            progress.say(f"{name}: left out")
            progress.advance(1)

        def explain(items: Sequence[tuple[Path, Pixels]]) -> Sequence[PhotoValues | Exception]:
            (path, pixels) = items[0]
            place = None if job.places is None else job.places.of(path, (pixels.shape[1], pixels.shape[0]))
            try:
                return [test.values(pixels, place, results.missing(path, wanted[path]))]
            except SettingsError:
                raise  # what every photograph would say
            except Exception as error:
                if str(error) in reasons and not any(results.of(each) for each in names):
                    raise SettingsError(
                        error_text(error)
                    ) from error  # the network and the method do not go together
                reasons.add(str(error))
                return [error]

        def write(item: tuple[Path, Pixels], found: PhotoValues | Exception) -> None:
            if isinstance(found, Exception):
                fail(names[item[0]], error_text(found))
            else:
                results.add(item[0], found)
                progress.advance(1)

        flow(read(), explain, write, batch=1, weigh=lambda item: item[1].nbytes)


def _controlled(photos: Sequence[Path], job: EvaluateJob) -> set[int]:
    """Return the numbers of the photographs that the controls are tested on: first of those that have boxes."""
    if job.places is None:
        return set(_spread(len(photos), job.most_controls))
    boxed = [number for number, path in enumerate(photos) if job.places.names(path)]
    others = sorted({*range(len(photos))} - {*boxed})
    first = [boxed[place] for place in _spread(len(boxed), job.most_controls)]
    return {*first, *(others[place] for place in _spread(len(others), job.most_controls - len(first)))}


def _spread(count: int, most: int | None) -> list[int]:
    """Return at most `most` of the numbers below `count`, spread evenly."""
    if most is None or most >= count:
        return list(range(count))
    return [math.floor((place + 0.5) * count / most) for place in range(most)]


def _folder(beside: Path | None) -> Path:
    if beside is not None:
        return beside.absolute().parent / RECORDS
    return user_cache_path("live-gradcam", appauthor=False) / "evaluate"


def _settings(settings: ExplainSettings, job: EvaluateJob) -> dict[str, object]:
    """Return all settings that change values."""
    own = {name: value for name, value in recorded_settings(settings).items() if name not in _WITHOUT_EFFECT}
    places = None if job.places is None else job.places.key
    return {**own, "steps": job.steps, "baseline": job.baseline, "places": places}
