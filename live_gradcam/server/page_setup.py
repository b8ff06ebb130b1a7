"""What the page needs to know before it shows anything: the model, its methods and layers, and the page's actions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

from live_gradcam.config import DEFAULT_METHOD, Settings
from live_gradcam.explain.engine import Engine
from live_gradcam.explain.layer_rows import LayerMemory, LayerRow
from live_gradcam.explain.methods.method import method_named, method_names
from live_gradcam.faithfulness import DEFAULT_SHARE
from live_gradcam.models.labels import Labels
from live_gradcam.models.remembered_model import KnownModel
from live_gradcam.render.heat import PALETTES, palette
from live_gradcam.translations import table_of
from live_gradcam.version import __version__
from live_gradcam.viewer_input import ACTIONS

PAGE = Path(str(resources.files("live_gradcam.server").joinpath("page")))
"""The folder of the page's files."""


class Serving(Protocol):
    """What is served: a `service.Service`."""

    model: KnownModel
    settings: Settings
    engine: Engine
    teach: bool
    layers: tuple[tuple[str, str], ...]

    @property
    def labels(self) -> Labels:
        """The names of the classes, labels or values."""


def page_setup(service: Serving, *, camera: str | None) -> dict[str, Any]:
    """Return what the page needs to know.

    Args:
        service: what is served.
        camera: name of the server's own camera; None: it has none.
    """
    settings = service.settings
    return {
        **look_of(settings),
        "model": service.model.name,
        "input": list(service.model.input_size),
        "fit": settings.fit,
        "methods": [
            {
                "name": method.name,
                "quick": method.one_pass,
                "any_network": not (method.needs_pooling or method.needs_attention),
                "paper": method.paper,
            }
            for method in map(method_named, method_names())
        ],
        "layers": [{"path": path, "shape": shape} for path, shape in service.layers],
        "labels": list(service.labels),
        "values": service.engine.task_of() == "values",
        "method": settings.method,
        "usual_method": DEFAULT_METHOD,
        "layer": settings.layer,
        "target": settings.target,
        "camera": camera,
        "teach": service.teach,
        "actions": actions_without(()),
    }


def look_of(settings: Settings) -> dict[str, Any]:
    """Return the part of a setup that does not depend on the network: version, appearance and language."""
    return {
        "version": __version__,
        "share": DEFAULT_SHARE,
        "alpha": settings.alpha,
        "colormap": settings.colormap,
        "smoothing": settings.smoothing,
        "scale": settings.scale,
        "palettes": {name: palette(name) for name in dict.fromkeys((settings.colormap, *PALETTES))},
        "lang": settings.lang,
        "words": table_of(settings.lang),
    }


def actions_without(left_out: Collection[str], **texts: str) -> list[dict[str, str]]:
    """Return the actions of the page, without some, and some with another text."""
    return [
        {"name": each.name, "key": each.key, "text": texts.get(each.name, each.text)}
        for each in ACTIONS
        if each.place == "both" and each.name not in left_out
    ]


def layers_of(model: KnownModel) -> tuple[LayerRow, ...]:
    """Return all layers of a network; those that are not remembered are found, which loads TensorFlow."""
    if not (table := LayerMemory().recall(model.key)):
        network = model.loaded()  # this loads TensorFlow, and so would the import
        from live_gradcam.explain.layer_table import layer_table

        table = tuple(layer_table(network))
    return table


def layers_to_step(table: Sequence[LayerRow]) -> tuple[tuple[str, str], ...]:
    """Return path and shape of the layers to step through: the last of each size, and the automatic one."""
    rows = [row for row in table if row.explainable]
    following = [row.shape for row in rows[1:]] + [""]
    return tuple(
        (row.path, row.shape)
        for row, after in zip(rows, following, strict=True)
        if row.automatic or row.shape != after
    )
