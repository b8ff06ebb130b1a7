"""What is known about a model without loading it: kept on disk, so that a second start needs no TensorFlow.

A network whose graphs are kept (`explain.openvino.store`) is only loaded again when something has to be traced. What
else is shown of it is kept here, under a key of everything that `load_model` depends on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from platformdirs import user_cache_path

from live_gradcam.cache_files import JsonFiles
from live_gradcam.models.labels import Labels, imagenet_labels
from live_gradcam.models.model_key import ModelKey
from live_gradcam.models.task import Evidence
from live_gradcam.process.stderr_filter import native_stderr_filtered

if TYPE_CHECKING:
    from live_gradcam.models.model import Model

logger = logging.getLogger(__name__)

MOST_KEPT = 200
"""How many models are remembered; the oldest are forgotten first."""


class KnownModel(Protocol):
    """A model whose labels and sizes are known: a `Model`, or a `RememberedModel` whose network is not loaded."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def labels(self) -> Labels:
        """The names of its classes, labels or values; empty where only a trace can tell which of these they are."""

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) in pixels to which a square picture is resized."""

    @property
    def layer(self) -> str | None:
        """Path of the layer that is explained by default; None: the last feature map."""

    @property
    def evidence(self) -> Evidence:
        """The evidence of the task besides the network's operations."""

    @property
    def dtype(self) -> str:
        """The number format that the network computes in: `float32`, `float16`, `bfloat16`."""

    @property
    def key(self) -> ModelKey | None:
        """Identifies it from one start to the next; None where nothing does."""

    def weights_sha256(self) -> str:
        """Return the hexadecimal SHA-256 of the network's weights."""

    @property
    def warnings(self) -> Iterable[str]:
        """The warnings that were logged about it."""

    def loaded(self) -> Model:
        """Return the model with its network, which may have to be loaded."""

    def warn_once(self, line: str) -> None:
        """Log a warning about this model, unless it was logged before."""


def known(model: Any) -> KnownModel:  # noqa: ANN401 - also a keras.Model, which ships no types
    """Return a model itself if it is a `KnownModel`, else load it."""
    if callable(getattr(model, "loaded", None)):
        found: KnownModel = model
        return found
    from live_gradcam.models.loading import load_model  # it loads TensorFlow

    return load_model(model)


class RememberedModel:
    """A model that is loaded when its network is needed.

    Args:
        facts: the attributes of `KnownModel` by name.
        load: loads the model.
    """

    def __init__(self, facts: Mapping[str, Any], load: Callable[[], Model]) -> None:
        self.name: str = facts["name"]
        self.labels: Labels = facts["labels"]
        self.input_size: tuple[int, int] = facts["input_size"]
        self.layer: str | None = facts["layer"]
        self.evidence: Evidence = facts["evidence"]
        self.dtype: str = facts["dtype"]
        self.key: ModelKey | None = facts["key"]
        self._sha256: str = facts["sha256"]
        self.warnings: tuple[str, ...] = facts["warnings"]
        """The warnings about it."""
        self._load = load
        self._model: Model | None = None
        self._lock = threading.Lock()
        self._logged: set[str] = set()

    def weights_sha256(self) -> str:
        """Return the hexadecimal SHA-256 of the network's weights."""
        return self._sha256

    def loaded(self) -> Model:
        """Return the model with its network; the first call loads it.

        Raises:
            LiveGradcamError: it cannot be loaded any more.
        """
        with self._lock:
            if self._model is None:
                logger.info("loading %s with TensorFlow", self.name)
                with native_stderr_filtered():
                    self._model = self._load()
            return self._model

    def warn_once(self, line: str) -> None:
        """Log a warning about this model, unless it was logged before."""
        if line not in self._logged:
            self._logged.add(line)
            logger.warning("%s", line)


class ModelMemory:
    """One small file for each model.

    Args:
        folder: the files' folder; None: one in the user's cache folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or user_cache_path("live-gradcam", appauthor=False) / "models"
        self._files = JsonFiles(folder, MOST_KEPT)

    def knows(self, key: ModelKey | None) -> bool:
        """Return whether a model is remembered; one without a key never is."""
        return key is not None and self._files.path(key.whole).is_file()

    def recall(self, key: ModelKey, load: Callable[[], Model]) -> RememberedModel | None:
        """Return the model of a key; None if it is not remembered, or its file is damaged."""
        try:
            stored = self._files.read(key.whole)
            evidence = Evidence(**{**stored["evidence"], "labels": _labels(stored["evidence"]["labels"])})
            facts = {
                "key": key,
                "name": str(stored["name"]),
                "labels": _labels(stored["labels"]) or Labels(()),
                "input_size": (int(stored["input_size"][0]), int(stored["input_size"][1])),
                "layer": stored["layer"],
                "evidence": evidence,
                "dtype": str(stored["dtype"]),
                "sha256": str(stored["sha256"]),
                "warnings": tuple(map(str, stored["warnings"])),
            }
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
            with suppress(OSError):  # it is damaged: it is written again when the model is loaded
                self._files.path(key.whole).unlink()
            return None
        remembered = RememberedModel(facts, load)
        for line in remembered.warnings:
            remembered.warn_once(line)
        return remembered

    def remember(self, model: KnownModel) -> None:
        """Keep what is known about a model that has a key."""
        if model.key is None or self.knows(model.key):
            return
        stored = {
            "name": model.name,
            "labels": _stored(model.labels),
            "input_size": model.input_size,
            "layer": model.layer,
            "evidence": {
                **asdict(replace(model.evidence, labels=None)),
                "labels": _stored(model.evidence.labels),
            },
            "dtype": model.dtype,
            "sha256": model.weights_sha256(),
            "warnings": sorted(model.warnings),
        }
        self._files.write(model.key.whole, stored)


@contextmanager
def warnings_noted() -> Iterator[list[str]]:
    """Note the warnings that this package logs in this thread, in the list that the block gets."""
    noted: list[str] = []
    thread = threading.get_ident()

    class Noting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.WARNING and record.thread == thread:
                noted.append(record.getMessage())

    handler = Noting()
    package = logging.getLogger("live_gradcam")
    package.addHandler(handler)
    try:
        yield noted
    finally:
        package.removeHandler(handler)


def _stored(labels: Labels | None) -> Any:  # noqa: ANN401 - JSON
    if labels is None:
        return None
    for lang in ("en", "zh"):
        if labels == imagenet_labels(lang) and labels.kind == "class":
            return lang
    return {**asdict(labels)}


def _labels(stored: Any) -> Labels | None:  # noqa: ANN401 - JSON
    if stored is None:
        return None
    if isinstance(stored, str):
        return imagenet_labels("zh" if stored == "zh" else "en")

    def rows(name: str) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(map(str, row)) for row in stored[name])

    kinds: tuple[Literal["class", "label", "value"], ...] = ("class", "label", "value")
    names: Sequence[str] = stored["names"]
    return Labels(
        tuple(map(str, names)),
        synonyms=rows("synonyms"),
        translations=rows("translations"),
        units=tuple(map(str, stored["units"])),
        kind=kinds[kinds.index(stored["kind"])],
    )
