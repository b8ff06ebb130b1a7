"""A page that needs no server: one HTML file with the network, a runtime for browsers, and the page's own files."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from live_gradcam.config import Settings
from live_gradcam.errors import SettingsError
from live_gradcam.explain.export.exporter import check_file, check_settings, work_folder, write_page_network
from live_gradcam.explain.export.page_contents import PageContents
from live_gradcam.explain.input_fitting import fitting_for
from live_gradcam.explain.methods.method import method_named
from live_gradcam.file_names import expanded
from live_gradcam.server.page_setup import PAGE, actions_without, look_of
from live_gradcam.server.web_runtime import VERSION, runtime_parts

MOST_BYTES = 200_000_000
"""How many bytes of weights a page can hold: browsers refuse texts of 512 MB, and phones give a page less memory."""

FITS = ("crop", "stretch")
"""The fits that such a page knows: it gives the network pictures of the network's own size."""

_LEFT_OUT = frozenset(
    {
        "method-next",
        "method-previous",
        "layer-shallower",
        "layer-deeper",
        "badge",
        "share",
        "curves",
    }
)
"""Actions that need other graphs, or many runs of one."""

_VIEWS = ("one", "side", "targets", "history")

_IMPORT = re.compile(r'(?:from |import\()"\./(\w+\.js)"')

Parts = Callable[[], dict[str, bytes]]


def write_page(
    settings: Settings, out: Path, *, overwrite: bool = False, parts: Parts = runtime_parts
) -> int:
    """Write a page that explains a camera by itself.

    Args:
        settings: model, method and appearance.
        out: the file, `.html`.
        overwrite: whether it may replace a file.
        parts: returns the runtime's files.

    Returns:
        The size of the file in bytes.

    Raises:
        LiveGradcamError: the network cannot be exported, the runtime cannot be fetched, or the file cannot be written.
            Then no file is left.
    """
    out = expanded(out)
    check_file(out, overwrite=overwrite)
    check_settings(settings, onnx=True)
    if settings.fit not in FITS:
        raise SettingsError(
            f"the fit '{settings.fit}' does not go where the browser runs the network. Valid: {', '.join(FITS)}."
        )
    packed = {"worker": (PAGE / "network_worker.js").read_bytes(), **parts()}  # before a long conversion
    with work_folder(out) as folder:
        contents, network = write_page_network(settings, folder, MOST_BYTES)
        packed["network"] = network.read_bytes()
        made = folder / "page.html"
        made.write_text(_page(page_setup_of(contents, settings), packed), encoding="utf-8")
        os.replace(made, out)  # noqa: PTH105 - also over a file that is there
    return out.stat().st_size


def page_setup_of(contents: PageContents, settings: Settings) -> dict[str, Any]:
    """Return the page's setup: as `page_setup`, with the facts about its own network."""
    facts, labels = contents.facts, contents.labels
    height, width = contents.model.input_size
    fitting = fitting_for("stretch", (width, height), (height, width))
    region, inset = fitting.laid(facts.geometry.upright)
    method = method_named(settings.method)
    example = contents.example()
    x, y, wide, high = region
    network = {
        "method": method.name,
        "layer": facts.layer,
        "task": facts.task or "values",
        "translations": [list(names) for names in labels.translations],
        "synonyms": [list(names) for names in labels.synonyms],
        "units": list(labels.units) if facts.task == "values" else [],
        "shape": list(example["heatmap"].shape[1:]),
        "region": [x / width, y / height, (x + wide) / width, (y + high) / height],
        "inset": list(inset),
        "rivals": method.contrasts,
        "strength": contents.strength,
        "example": {
            "image": base64.b64encode(example["image"].tobytes()).decode(),
            "aim": {
                "id": contents.aims[0].class_id,
                "rival": contents.aims[0].rival,
                "strength": contents.aims[0].strength,
            },
            "scores": example["scores"].ravel().tolist(),
            "heatmap": example["heatmap"].ravel().tolist(),
        },
    }
    return {
        **look_of(settings),
        "model": contents.model.name,
        "input": [height, width],
        "fit": settings.fit,
        "methods": [{"name": method.name, "quick": True, "any_network": True, "paper": method.paper}],
        "layers": [{"path": facts.layer, "shape": ""}],
        "labels": list(labels),
        "values": facts.task == "values",
        "method": method.name,
        "usual_method": method.name,
        "layer": None,
        "target": settings.target,
        "camera": None,
        "teach": False,
        "actions": actions_without(_LEFT_OUT, view="next view: side by side, classes, the last minute"),
        "views": list(_VIEWS),
        "network": network,
    }


def _page(setup: dict[str, Any], packed: dict[str, bytes]) -> str:
    """Return the page's text.

    Args:
        setup: the setup.
        packed: name → bytes of a part.
    """
    style = (PAGE / "style.css").read_text("utf-8")
    script = (PAGE / "standalone.js").read_text("utf-8")
    head = [
        f"<!-- Made by live-gradcam {setup['version']}. Holds ONNX Runtime Web {VERSION} (Microsoft, MIT licence). -->",
        f'<script type="application/json" id="setup">{_json(setup)}</script>',
    ]
    head += [
        f'<script type="text/plain" data-part="{name}">'
        f"{base64.b64encode(gzip.compress(content, 6, mtime=0)).decode()}</script>"
        for name, content in packed.items()
    ]
    head += [
        f'<script type="text/plain" data-module="{name}">{(PAGE / name).read_text("utf-8")}</script>'
        for name in _modules("main.js")
    ]
    icon = base64.b64encode((PAGE / "icon.svg").read_bytes()).decode()
    return _exchanged(
        (PAGE / "index.html").read_text("utf-8"),
        {
            '<link rel="icon" href="/page/icon.svg" type="image/svg+xml">': (
                f'<link rel="icon" href="data:image/svg+xml;base64,{icon}">'
            ),
            '<link rel="stylesheet" href="/page/style.css">': f"<style>\n{style}</style>",
            '<script type="module" src="/page/start.js"></script>': "",
            "</body>": "\n".join([*head, f"<script>\n{script}</script>", "</body>"]),
        },
    )


def _modules(name: str) -> list[str]:
    """Return the names of a module of the page and of all that it imports."""
    found = [name]
    for each in found:
        found += [other for other in _IMPORT.findall((PAGE / each).read_text("utf-8")) if other not in found]
    return list(dict.fromkeys(found))


def _exchanged(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def _json(setup: dict[str, Any]) -> str:
    """Return JSON in which nothing ends a script of HTML."""
    return json.dumps(setup, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
