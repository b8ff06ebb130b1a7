"""Names of layers as the user knows them: Keras 2 allowed slashes in them, Keras 3 does not."""

from __future__ import annotations

from typing import Any

_ATTRIBUTE = "_live_gradcam_name"


def safe_name(name: str) -> str:
    """Return a name that Keras 3 takes: with `_` for each slash, as in `keras.applications` (`conv1_bn`)."""
    return name.replace("/", "_")


def layer_name(layer: Any) -> str:  # noqa: ANN401 - a keras layer
    """Return the name that the user knows: that of the file where Keras 3 forbids it, else Keras's."""
    return str(getattr(layer, _ATTRIBUTE, layer.name))


def keep_name(layer: Any, name: str) -> None:  # noqa: ANN401 - a keras layer
    """Remember the user's name for a layer, if it is another than Keras's."""
    if name != layer.name:
        setattr(layer, _ATTRIBUTE, name)
