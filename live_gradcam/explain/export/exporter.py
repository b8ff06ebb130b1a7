"""Exports an explained network as one file: pictures in, class scores and heat maps out."""

from __future__ import annotations

import importlib.util
import math
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from live_gradcam.config import ExplainSettings
from live_gradcam.errors import ModelError, SettingsError, SinkError, TargetError
from live_gradcam.explain.export.any_batch import FEWER, MORE
from live_gradcam.explain.export.file_contents import FileContents
from live_gradcam.explain.loading import load_chosen
from live_gradcam.explain.methods.method import METHODS, method_named
from live_gradcam.explain.openvino.library import core
from live_gradcam.explain.targets import function_of, is_lock
from live_gradcam.file_names import expanded

SUFFIXES = (".onnx", ".xml")
"""The endings of the names of files that can be written: ONNX, and OpenVINO's format with a `.bin` beside it."""

_MOST_BYTES = 2_000_000_000
"""How many bytes of weights one file can hold: TensorFlow's graphs and ONNX are protocol buffers, of 2 GB at most."""

_EIGENVALUES = frozenset({"eigencam", "kpcacam", "eigengradcam"})
"""The methods of one pass that OpenVINO cannot convert."""

EXPORTED = tuple(name for name in METHODS if method_named(name).one_pass and name not in _EIGENVALUES)
"""The methods that a file can contain."""


@dataclass(frozen=True, slots=True)
class Export:
    """A file that was written."""

    files: tuple[Path, ...]
    """The file, and with `.xml` its weights beside it."""

    any_batch: bool
    """Whether it takes any number of pictures at once; else one."""

    shapes: dict[str, tuple[str, tuple[int, ...]]]
    """`image` and each output → number format, and shape without the number of pictures."""

    differences: dict[str, float]
    """Output → the largest difference from TensorFlow's on the check's pictures."""

    reason: str = ""
    """Why it takes one picture only; "" if it takes any number."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.stat().st_size for file in self.files)


def _check(settings: ExplainSettings, out: Path, *, overwrite: bool) -> None:
    """Check what can be checked without loading the model.

    Args:
        settings: model, method, target and the other settings of the explanation.
        out: the file to write.
        overwrite: whether it may replace a file.

    Raises:
        LiveGradcamError: a package is missing, or the method, the target or the file's name does not go.
    """
    out = expanded(out)
    if out.suffix.lower() not in SUFFIXES:
        raise SinkError(
            f"cannot write '{out}': the name must end in .onnx, or in .xml for OpenVINO's format."
        )
    for file in _files_of(out):
        if file.is_dir():
            raise SinkError(f"cannot write '{file}': it is a folder. Give the name of a file.")
        if file.exists() and not overwrite:
            raise SinkError(f"cannot write '{file}': it exists. Choose another name, or use --overwrite.")
    if not out.parent.is_dir():
        raise SinkError(f"cannot write '{out}': there is no folder '{out.parent}'. Make it first.")
    method = method_named(settings.method)
    name = method.name
    if name not in EXPORTED and method.own is None:
        why = "needs eigenvalues, which these formats lack" if name in _EIGENVALUES else "takes many passes"
        raise SettingsError(f"{name} cannot be exported, because it {why}. Valid: {', '.join(EXPORTED)}.")
    if is_lock(settings.target):
        raise TargetError(
            "the target 'lock' follows a film, and a file explains each picture by itself: leave it out."
        )
    needed = ("openvino", "onnx", "onnxruntime") if out.suffix.lower() == ".onnx" else ("openvino",)
    missing = [package for package in needed if importlib.util.find_spec(package) is None]
    if missing:
        raise SettingsError(
            f"exporting needs packages that are not installed ({', '.join(missing)}). "
            "Type: pip install 'live-gradcam[export]'"
        )


def export(settings: ExplainSettings, out: Path, *, overwrite: bool = False) -> Export:
    """Write a network with its explanation as one file.

    The file is compared with TensorFlow on some pictures before it gets its name.

    Args:
        settings: model, method, target and the other settings of the explanation. `fit`, `engine`, `precision` and
            `device` have no effect.
        out: the file: `.onnx`, or `.xml` for OpenVINO's format, with a `.bin` beside it.
        overwrite: whether it may replace a file.

    Raises:
        LiveGradcamError: the network cannot be exported, or the file cannot be written. Then no file is left.
    """
    out = expanded(out)
    _check(settings, out, overwrite=overwrite)
    core()  # says why where OpenVINO does not start
    if function_of(settings.target) is not None:
        raise TargetError(
            "a score function of your own cannot be exported: name a class, or leave --target out."
        )
    settings = replace(settings, fit="stretch", engine="tensorflow", precision="auto", device="cpu")
    model = load_chosen(settings)[0].loaded()
    weights = sum(
        math.prod(each.shape) * np.dtype(str(each.dtype)).itemsize for each in model.network.weights
    )
    if weights > _MOST_BYTES:
        raise ModelError(
            f"{model.name} has {weights / 1e9:.1f} GB of weights, and a file can hold {_MOST_BYTES / 1e9:.0f} GB."
        )
    contents = FileContents(model, settings)
    try:
        folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.stem}-", suffix=".part"))
    except OSError as error:
        raise SinkError(f"cannot write '{out}': {error.strerror}.") from error
    try:
        return _written(contents, out, folder)
    except OSError as error:
        raise SinkError(f"cannot write '{out}': {error.strerror or error}.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _written(contents: FileContents, out: Path, folder: Path) -> Export:
    suffix = out.suffix.lower()
    result, reason = contents.attempt((FEWER, MORE), folder, suffix), ""
    if result.fixed_batch:
        reason = result.refused
        result = contents.attempt((1,), folder, suffix)
    if result.refused:
        raise ModelError(f"{contents.model.name} cannot be exported: {result.refused}")
    files = _files_of(out)
    for file in files[::-1]:  # the weights come before the file that names them
        os.replace(folder / f"cam{file.suffix.lower()}", file)  # noqa: PTH105 - also over a file that is there
    return Export(files, not reason, contents.shapes, result.differences, reason)


def _files_of(out: Path) -> tuple[Path, ...]:
    return (out,) if out.suffix.lower() == ".onnx" else (out, out.with_suffix(".bin"))
