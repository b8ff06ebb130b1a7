"""Reads a network from a file or folder, or explains in one line why that is impossible."""

from __future__ import annotations

import logging
import re
import warnings
import zipfile
from pathlib import Path

import keras

from live_gradcam.errors import LiveGradcamError, ModelError, reason_of
from live_gradcam.models.declared_sizes import check_hdf5, check_zip, limited_weights
from live_gradcam.models.file_kinds import is_checkpoint_prefix, kind_of
from live_gradcam.models.keras2.lambdas import lambdas_in, runs_here, this_python, written_by
from live_gradcam.models.keras_files import (
    Container,
    StoredSettings,
    is_known,
    read_keras_file,
    stored_settings,
    unknown_classes,
)
from live_gradcam.models.model_file import IN_A_FUNCTION, Kind, ModelFileKind, refusal
from live_gradcam.models.type_names import Network

_CONTAINERS: dict[Kind, Container] = {"hdf5": "hdf5", "keras zip": "zip", "keras folder": "folder"}

_UNKNOWN_OBJECT = re.compile(
    r"Could not locate (?:class|function) '([^']+)'"
    r"|Unknown (?:layer|object|class|[a-z_ ]*function|[a-z_ ]*class|[a-z]+): '?([\w.>]+)'?"
)
_NO_FIT = re.compile(
    r"expected \d+ variables|axes don't match|[Ll]ayer count mismatch|could not be loaded|incompatible with"
    r"|not compatible with provided weight|cannot be assigned|Weight count mismatch|Shape mismatch|shape mismatch"
    r"|doesn't exist|object 'vars' |Unable to (?:synchronously )?open object|to load weight|are not aligned"
)
_OTHER_SETTING = re.compile(
    r"(?:unexpected keyword argument|Unrecognized keyword arguments[^:{]*:?) ?'?(\{.*?\}|\w+)'?"
)


def read_network(path: Path, *, allow_unsafe: bool = False) -> Network:
    """Return the network of a file or folder as a `keras.Model`; the content decides the format, not the name.

    Args:
        path: a file of Keras (HDF5 or zip), a SavedModel folder, a frozen TensorFlow graph, or a folder that holds
            exactly one of these.
        allow_unsafe: whether Python code in the file (a `Lambda` layer's) may be loaded.

    Raises:
        ModelError: the path does not exist, is no model, or holds what cannot or must not be loaded.
    """
    return read_found(found_model(path), allow_unsafe=allow_unsafe)


def found_model(path: Path) -> ModelFileKind:
    """Return the model that a path means: the file, or the only model in a folder.

    Raises:
        ModelError: the path does not exist, or is a folder with no model or several.
    """
    try:
        there = path.exists()
    except OSError:  # too long for a file name
        there = False
    if not there and is_checkpoint_prefix(path):
        return ModelFileKind("checkpoint", path)
    if not there:
        raise ModelError(
            f"there is no model file {path}. Check the path; `live-gradcam models` lists the names."
        )
    return kind_of(path)


def read_found(found: ModelFileKind, *, allow_unsafe: bool = False) -> Network:
    """Return the network of a model that `found_model` returned.

    Raises:
        ModelError: as in `read_network`.
    """
    path = found.path
    log = logging.getLogger("tensorflow")
    level = log.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's and TensorFlow's advice is for the author of the model
        log.setLevel(logging.ERROR)
        try:
            return _read(found, path, allow_unsafe=allow_unsafe)
        finally:
            log.setLevel(level)


def _read(found: ModelFileKind, path: Path, *, allow_unsafe: bool) -> Network:
    match found.kind:
        case "hdf5" | "keras zip" | "keras folder":
            return _read_keras(found, allow_unsafe=allow_unsafe)
        case "saved model" if path.is_dir():
            return _read_graph(found, allow_unsafe=allow_unsafe)
        case "graph" | "graph text":
            return _read_graph(found, allow_unsafe=allow_unsafe)
    raise ModelError(refusal(found))


def _read_graph(found: ModelFileKind, *, allow_unsafe: bool) -> Network:
    from live_gradcam.models.saved_models import read_graph, read_saved_model  # only such a file needs it

    try:
        if found.kind == "saved model":
            return read_saved_model(found.path, allow_unsafe=allow_unsafe)
        return read_graph(found.path, text=found.kind == "graph text", allow_unsafe=allow_unsafe)
    except LiveGradcamError:
        raise
    except Exception as error:
        raise ModelError(
            f"{found.path} is damaged: its graph cannot be read ({reason_of(error, 120)}). Download or export it again."
        ) from error


def _read_keras(found: ModelFileKind, *, allow_unsafe: bool) -> Network:
    path = found.path
    container = _CONTAINERS[found.kind]
    try:
        if container == "zip":
            check_zip(path)
        else:
            check_hdf5(path if container == "hdf5" else path / "model.weights.h5")
        settings = stored_settings(path, container)
    except LiveGradcamError:
        raise
    except Exception as error:
        raise ModelError(_why_damaged(path, error)) from error
    if settings.network is None:
        raise ModelError(_why_no_network(path, settings))
    if allow_unsafe:
        _check_lambdas(path, settings)
    try:
        with limited_weights(path):
            return read_keras_file(path, container=container, allow_unsafe=allow_unsafe)
    except LiveGradcamError as error:
        message = str(error)
        if "--allow-unsafe" in message:
            raise ModelError(_why_unsafe(path, settings)) from error
        if str(path) in message:
            raise
        raise ModelError(f"cannot load the model {path}: {message}") from error
    except Exception as error:
        raise ModelError(_why_not(path, error, settings)) from error


def _why_damaged(path: Path, error: Exception) -> str:
    broken = re.search(r"eof = (\d+).*stored_eof = (\d+)", str(error))
    if broken is not None:
        have, all_of_it = int(broken[1]), int(broken[2])
        return f"{path} is incomplete: it has {have:,} of its {all_of_it:,} bytes. Download or copy it again."
    what = "zip archive" if isinstance(error, zipfile.BadZipFile) else "contents"
    return (
        f"{path} is damaged: its {what} cannot be read ({reason_of(error, 120)}). Download or save it again."
    )


def _why_no_network(path: Path, settings: StoredSettings) -> str:
    if settings.weights:
        return (
            f"{path} holds weights only, not the network. Save all of it with model.save('NAME.keras'), or write a "
            "function that builds it and loads them, and use --model module:function."
        )
    return f"{path} is an HDF5 file, but holds no Keras model. A file that model.save() wrote is needed."


def _check_lambdas(path: Path, settings: StoredSettings) -> None:
    """Refuse bytecode of another version of Python, which can crash the interpreter.

    Raises:
        ModelError: a `Lambda` layer has such bytecode.
    """
    for layer, code in lambdas_in(settings.network):
        if not runs_here(code):
            raise ModelError(_other_python(path, layer, code))


def _other_python(path: Path, layer: str, code: bytes) -> str:
    writer = written_by(code)
    of = f"bytecode of {writer}" if writer else "bytecode of another version of Python, or damaged"
    return (
        f"{path}: the Lambda layer '{layer}' holds {of}, which this Python cannot run. Open the file where it was "
        f"made, replace the layer (such as by Rescaling) and save it again, or {IN_A_FUNCTION}."
    )


def _why_not(path: Path, error: Exception, settings: StoredSettings) -> str:
    """Return the message for a file that Keras cannot load: the cause, and what to do."""
    causes = list(_causes(error))
    message = " ".join(str(each) for each in causes)
    lambdas = list(lambdas_in(settings.network))
    if "safe_mode=False" in message or "unsafe deserialization" in message:
        return _why_unsafe(path, settings)
    strangers = list(dict.fromkeys(unknown_classes(settings.network)))
    unknown = _UNKNOWN_OBJECT.search(message)
    name = None if unknown is None else next(filter(None, unknown.groups()), None)
    if name is not None and not is_known(name) and name not in strangers:
        strangers.insert(0, name)
    if "KerasLayer" in strangers:
        return (
            f"{path} uses a layer of TensorFlow Hub (KerasLayer). Open it where it was made, save it as a SavedModel "
            "(tf.saved_model.save(model, FOLDER)) and use --model FOLDER."
        )
    if strangers:
        listed = ", ".join(f"'{each}'" for each in strangers[:3]) + (", …" if len(strangers) > 3 else "")
        they, are = ("it is", "is") if len(strangers) == 1 else ("they are", "are")
        return (
            f"{path} uses {listed}, which {are} not part of Keras: {they} defined in the code that made the file. "
            "Write a function there that returns the network, and use --model module:function."
        )
    cause = reason_of(_innermost(causes), 150).rstrip(".")
    if lambdas and ("Lambda" in message or "NameError" in repr(causes)):
        layer = lambdas[0][0]
        return (
            f"{path}: the code of the Lambda layer '{layer}' fails here ({cause}). It may need a library or an "
            f"output_shape: {IN_A_FUNCTION}."
        )
    if isinstance(error, MemoryError):
        return (
            f"{path} needs more memory than there is. Use a smaller network, or a machine with more memory."
        )
    if _NO_FIT.search(message):
        return (
            f"{path}: its weights do not fit its network ({cause}). The file is damaged or from {settings.writer}: "
            "open it there and save it again."
        )
    setting = _OTHER_SETTING.search(message)
    if setting is not None:
        cause = f"a setting that this Keras {keras.__version__} does not take: {setting[1]}"
    if settings.keras_version == keras.__version__:
        return f"cannot load the model {path}: {cause}. The file is damaged: download or save it again."
    return (
        f"cannot load the model {path}, which {settings.writer} wrote: {cause}. Open it there and save it again as "
        f".keras or SavedModel, or {IN_A_FUNCTION}."
    )


def _why_unsafe(path: Path, settings: StoredSettings) -> str:
    """Return the message for a file with Python code that may not run, or cannot run in this version of Python."""
    lambdas = list(lambdas_in(settings.network))
    for layer, code in lambdas:
        if written_by(code) not in (None, this_python()):
            return _other_python(path, layer, code)
    which = f"the Lambda layer '{lambdas[0][0]}'" if lambdas else "a Lambda layer, for example"
    return (
        f"{path} holds Python code ({which}), which is not run from files that anybody may have made. If you trust it, "
        "use --allow-unsafe (allow_unsafe=True)."
    )


def _causes(error: BaseException | None) -> list[BaseException]:
    """Return an error and its causes, the outermost first."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _innermost(causes: list[BaseException]) -> str:
    """Return the message of the first cause that has one."""
    for each in reversed(causes):
        text = str(each).rpartition("Exception encountered: ")[2].strip()
        if text:
            kind = type(each).__name__
            return (
                f"{kind}: {text}"
                if kind in ("KeyError", "IndexError", "NameError", "AttributeError")
                else text
            )
    return type(causes[-1]).__name__
