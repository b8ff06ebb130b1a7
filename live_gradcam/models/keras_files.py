"""Reads a network from a file that Keras wrote."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Literal

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
    earlier = {} if container == "zip" else {"DepthwiseConv2D": _EarlierDepthwiseConv2D}
    settings = {"custom_objects": earlier, "compile": False, "safe_mode": not allow_unsafe}
    if path.name.endswith(suffix):
        return keras.saving.load_model(path, **settings)
    # Keras goes by the name.
    with tempfile.TemporaryDirectory() as folder:
        named = Path(folder) / f"model{suffix}"
        try:
            os.link(path.resolve(), named)
        except OSError:  # another disk, or one without links
            shutil.copyfile(path, named)
        return keras.saving.load_model(named, **settings)


class _EarlierDepthwiseConv2D:
    """Stands for the layer in files of Keras 2, which wrote a setting that it never had (`groups`, always 1)."""

    @staticmethod
    def from_config(config: dict[str, Any]) -> Any:  # noqa: ANN401 - a keras layer
        """Return Keras's own layer."""
        return keras.layers.DepthwiseConv2D.from_config({k: v for k, v in config.items() if k != "groups"})
