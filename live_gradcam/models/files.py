"""Reads a network from a file that Keras wrote, and says in one line why it can't."""

from __future__ import annotations

import re
from pathlib import Path

from live_gradcam.errors import ModelError
from live_gradcam.models.keras_files import Container, read_keras_file
from live_gradcam.models.model import Network

MODEL_FILES = (".keras", ".h5", ".hdf5")
"""How the name of a model file ends."""

_UNKNOWN_OBJECT = re.compile(
    r"Could not locate (?:class|function) '([^']+)'"
    r"|Unknown (?:layer|object|class|[a-z_ ]*function|[a-z_ ]*class): '?([\w.>]+)'?"
)


def read_network(path: Path, *, allow_unsafe: bool = False) -> Network:
    """Return the `keras.Model` that a file holds.

    Args:
        path: a `.keras`, `.h5` or `.hdf5` file.
        allow_unsafe: whether Python code in the file (a `Lambda` layer's) may be loaded.

    Raises:
        ModelError: it is not there, is no model, or holds what Keras cannot or should not load.
    """
    if not path.is_file():
        raise ModelError(f"there is no model file {path}.")
    try:
        with path.open("rb") as file:
            container: Container = "zip" if file.read(4) == b"PK\x03\x04" else "hdf5"
        return read_keras_file(path, container=container, allow_unsafe=allow_unsafe)
    except ModelError as error:
        raise ModelError(f"cannot load the model {path}: {error}") from error
    except Exception as error:
        raise ModelError(_why_not(path, str(error))) from error


def _why_not(path: Path, message: str) -> str:
    if "safe_mode=False" in message:
        return (
            f"{path} holds Python code (a Lambda layer, for example), which is not run from files that anybody may "
            "have made. If you trust it, use --allow-unsafe (allow_unsafe=True)."
        )
    unknown = _UNKNOWN_OBJECT.search(message)
    if unknown is not None:
        return (
            f"{path} uses '{unknown[1] or unknown[2]}', which Keras does not know: it is defined in the code that "
            "made the file. Write a function there that returns the network, and use --model module:function."
        )
    if "No model config" in message or path.name.endswith(".weights.h5"):
        return (
            f"{path} holds weights only, not the network. Save all of it with model.save('NAME.keras'), or write a "
            "function that builds it and loads them, and use --model module:function."
        )
    reason = message.rpartition("Exception encountered: ")[2].strip().splitlines()
    return f"cannot load the model {path}: {reason[0] if reason else 'Keras does not say why'}"
