"""Reads a network from a file that Keras wrote."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Literal

import keras

from live_gradcam.models.model import Network


def read_keras_file(path: Path, *, container: Literal["hdf5", "zip"], allow_unsafe: bool) -> Network:
    """Return the `keras.Model` that a file holds, whatever the file's name.

    Args:
        path: the file.
        container: its format, as its content tells.
        allow_unsafe: whether Python code in the file (a `Lambda` layer's) may be loaded.

    Raises:
        Exception: whatever Keras raises.
    """
    suffix = {"hdf5": ".h5", "zip": ".keras"}[container]
    if path.name.endswith(suffix):
        return keras.saving.load_model(path, compile=False, safe_mode=not allow_unsafe)
    # Keras goes by the name.
    with tempfile.TemporaryDirectory() as folder:
        named = Path(folder) / f"model{suffix}"
        try:
            os.link(path.resolve(), named)
        except OSError:  # another disk, or one without links
            shutil.copyfile(path, named)
        return keras.saving.load_model(named, compile=False, safe_mode=not allow_unsafe)
