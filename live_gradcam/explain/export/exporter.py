"""Exports an explained network as one file: pictures in, class scores and heat maps out."""

from __future__ import annotations

import importlib.util
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from live_gradcam.config import ExplainSettings
from live_gradcam.errors import ModelError, SettingsError, SinkError, TargetError
from live_gradcam.explain.export.any_batch import FEWER, MORE
from live_gradcam.explain.export.file_contents import FileContents
from live_gradcam.explain.export.page_contents import PageContents
from live_gradcam.explain.loading import load_chosen
from live_gradcam.explain.methods.method import METHODS, method_named
from live_gradcam.explain.openvino.library import core
from live_gradcam.explain.targets import function_of, is_lock
from live_gradcam.file_names import expanded
from live_gradcam.models.model import Model

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


def check_file(out: Path, *, overwrite: bool) -> None:
    """Check that a file may be written.

    Raises:
        SinkError: it is a folder, it exists, or there is no folder for it.
    """
    if out.is_dir():
        raise SinkError(f"cannot write '{out}': it is a folder. Give the name of a file.")
    if out.exists() and not overwrite:
        raise SinkError(f"cannot write '{out}': it exists. Choose another name, or use --overwrite.")
    if not out.parent.is_dir():
        raise SinkError(f"cannot write '{out}': there is no folder '{out.parent}'. Make it first.")


def check_settings(settings: ExplainSettings, *, onnx: bool) -> None:
    """Check what can be checked without loading the model.

    Args:
        settings: model, method, target and the other settings of the explanation.
        onnx: whether a file is written as ONNX.

    Raises:
        LiveGradcamError: a package is missing, or the method or the target does not go.
    """
    method = method_named(settings.method)
    name = method.name
    if name not in EXPORTED and method.own is None:
        why = "needs eigenvalues, which these formats lack" if name in _EIGENVALUES else "takes many passes"
        raise SettingsError(f"{name} cannot be exported, because it {why}. Valid: {', '.join(EXPORTED)}.")
    if is_lock(settings.target):
        raise TargetError(
            "the target 'lock' follows a film, and a file explains each picture by itself: leave it out."
        )
    needed = ("openvino", "onnx", "onnxruntime") if onnx else ("openvino",)
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
    suffix = out.suffix.lower()
    if suffix not in SUFFIXES:
        raise SinkError(
            f"cannot write '{out}': the name must end in .onnx, in .xml for OpenVINO's format, or in .html for a page."
        )
    for file in _files_of(out):
        check_file(file, overwrite=overwrite)
    check_settings(settings, onnx=suffix == ".onnx")
    model, settings = _loaded(settings, _MOST_BYTES)
    contents = FileContents(model, settings)
    with work_folder(out) as folder:
        return _written(contents, out, folder)


def write_page_network(settings: ExplainSettings, folder: Path, most_bytes: int) -> tuple[PageContents, Path]:
    """Write a network whose target is an input, for a page that runs it itself.

    Args:
        settings: those of the explanation, which `check_settings` has passed.
        folder: receives the file.
        most_bytes: how many bytes of weights it may have.

    Returns:
        What the page has to know about the network, and the ONNX file.

    Raises:
        LiveGradcamError: the network cannot be exported.
        OSError: the folder cannot be written to.
    """
    model, settings = _loaded(settings, most_bytes)
    contents = PageContents(model, settings)
    result = contents.attempt((1,), folder, ".onnx")
    if result.refused:
        raise ModelError(f"{model.name} cannot be exported: {result.refused}")
    return contents, folder / "cam.onnx"


def _loaded(settings: ExplainSettings, most_bytes: int) -> tuple[Model, ExplainSettings]:
    """Return the model, and the settings with which it is exported."""
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
    if weights > most_bytes:
        most = f"{most_bytes / 1e9:.0f} GB" if most_bytes >= 1e9 else f"{most_bytes / 1e6:.0f} MB"
        has = f"{weights / 1e9:.1f} GB" if weights >= 1e9 else f"{weights / 1e6:.0f} MB"
        raise ModelError(f"{model.name} has {has} of weights, and a file can hold {most}.")
    return model, settings


@contextmanager
def work_folder(out: Path) -> Iterator[Path]:
    """Give a hidden folder beside a file in which it is made; the folder is removed.

    Raises:
        SinkError: the file system refuses.
    """
    try:
        folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.stem}-", suffix=".part"))
    except OSError as error:
        raise SinkError(f"cannot write '{out}': {error.strerror}.") from error
    try:
        yield folder
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
