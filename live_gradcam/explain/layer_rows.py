"""The layers of a network as the user sees them, and the memory of them, so that a second look needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from platformdirs import user_cache_path

from live_gradcam.cache_files import JsonFiles
from live_gradcam.errors import LayerError
from live_gradcam.models.model_key import ModelKey
from live_gradcam.name_suggestions import unknown_name

MOST_KEPT = 200
"""How many models' layers are remembered; the oldest are forgotten first."""


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer."""

    path: str
    """The layer's path, as `--layer` takes it."""

    kind: str
    """The layer's class."""

    shape: str
    """The shape of its output, without the batch: `7×7×1280`."""

    explainable: bool
    """Whether its output is a feature map or tokens on a grid, and the model's output is computed from it."""

    automatic: bool
    """Whether it is explained where no layer is named."""


class LayerMemory:
    """One small file for each model.

    Args:
        folder: the files' folder; None: one in the user's cache folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or user_cache_path("live-gradcam", appauthor=False) / "layers"
        self._files = JsonFiles(folder, MOST_KEPT)

    def recall(self, key: ModelKey | None) -> tuple[LayerRow, ...]:
        """Return the layers of a model in the order of their calls; none if they are not remembered, or damaged."""
        if key is None:
            return ()
        try:
            return tuple(
                LayerRow(str(path), str(kind), str(shape), bool(explainable), bool(automatic))
                for path, kind, shape, explainable, automatic in (
                    each.values() for each in self._files.read(key.whole)
                )
            )
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return ()

    def keep(self, key: ModelKey | None, rows: Sequence[LayerRow]) -> None:
        """Keep the layers of a model that has a key."""
        if key is not None:
            self._files.write(key.whole, [asdict(row) for row in rows])


def path_in(rows: Sequence[LayerRow], path: str, model: str) -> str:
    """Return the whole path of the layer that has a path, or whose path ends in it; arguments as in `whole_path`."""
    return whole_path(path, [row.path for row in rows], [row.path for row in rows if row.explainable], model)


def whole_path(path: str, called: Sequence[str], usable: Sequence[str], model: str) -> str:
    """Return the whole path of the layer that has a path, or whose path ends in it.

    Args:
        path: such as `block5_conv3`.
        called: the paths of all layers.
        usable: the paths of the layers that can be explained, for the message.
        model: the model's name, for the message.

    Raises:
        LayerError: there is no such layer, or there are several.
    """
    found = [each for each in dict.fromkeys(called) if each == path]
    found = found or [each for each in dict.fromkeys(called) if each.endswith(f"/{path}")]
    if not found:
        raise LayerError(f"{model}: " + unknown_name("layer", path, usable, last_few(usable)))
    if len(found) > 1:
        raise LayerError(
            f"{model} has several layers called '{path}': {', '.join(found)}. Give the whole path."
        )
    return found[0]


def last_few(paths: Sequence[str]) -> str:
    """Return a sentence with the last layers that can be explained, of all of them."""
    return f"The last that can be explained: {', '.join(paths[-3:])}." if paths else "It has none."
