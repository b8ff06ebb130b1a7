"""Explanations in notebooks: as pictures and as HTML; and `show`, which also opens a window."""

from __future__ import annotations

import base64
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any, Literal, get_args

import cv2
import numpy as np

from live_gradcam.config import DEFAULT_ALPHA, DEFAULT_COLORMAP, DEFAULT_MODEL
from live_gradcam.errors import RenderError, SettingsError, SourceError
from live_gradcam.escaping import shown as escaped
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explanation import Explanation
from live_gradcam.file_names import nearest_paths
from live_gradcam.frame import Frame, Pixels
from live_gradcam.models.loading import load_model
from live_gradcam.models.model import Model
from live_gradcam.number_format import number_text, percent_text, with_unit
from live_gradcam.prediction import Prediction, Value
from live_gradcam.redaction import shown_address
from live_gradcam.render.caption import caption_of
from live_gradcam.render.single_picture import draw
from live_gradcam.rendered_picture import Rendered
from live_gradcam.setting import refuse_unknown_keywords
from live_gradcam.setting_choices import not_among
from live_gradcam.sinks.window import Window
from live_gradcam.sources.file_listing import is_picture
from live_gradcam.sources.photo import read_picture
from live_gradcam.viewer_input import Key

_AMBER, _BLUE = "#b07000", "#2c6cac"
_JPEG_QUALITY = 90
_ROWS = 5
_GAPS = 100
"""Between two pictures lies a white gap, this part of one's width."""

_View = Literal["one", "side"]

_OWN = ("explanation", "view", "alpha", "colormap")
_EXPLAINER = tuple(inspect.signature(Explainer).parameters)
"""Keywords of `show`: `_OWN`, and those of `Explainer`, of which `model` is the first."""


def show(
    shown: Explanation | Pixels | str | Path,
    explanation: Explanation | None = None,
    *,
    view: Literal["one", "side"] = "one",
    alpha: float = DEFAULT_ALPHA,
    colormap: str = DEFAULT_COLORMAP,
    **settings: Any,  # noqa: ANN401 - each of its parameter's kind
) -> None:
    """Show an explanation: in a notebook below the cell, elsewhere in a window until a key is pressed.

    Args:
        shown: an explanation; or a picture to explain, as (H, W, 3) uint8 BGR or the path of a file.
        explanation: the explanation of the picture `shown`, if it is known already.
        view: `one` picture with its heat; or `side`: the picture without heat stands at its left. The other views of
            the window need several explanations, or a run.
        alpha: opacity of the heat, in [0, 1], as in `draw`.
        colormap: name of an OpenCV colour map, as in `draw`.
        settings: how a picture is explained: `model` (the default network if it is not given), and the parameters of
            `Explainer`, such as `method` and `target`. The last model is kept for the next call.

    Raises:
        SettingsError: the view is none of these two.
        SourceError: there is no such file, or it is no picture.
        RenderError: an explanation is given that kept no image: give the image, too; or `alpha` or `colormap` is wrong.
        SinkError: there is neither a notebook nor a display.
        LiveGradcamError: the picture cannot be explained.
        TypeError: there is no such setting.
    """
    refuse_unknown_keywords("show", settings, (*_EXPLAINER, *_OWN), described="Explainer")
    if view not in get_args(_View):
        raise SettingsError(not_among("view", str(view), get_args(_View)))
    drawing = Drawing(view, alpha, colormap)
    if isinstance(shown, Explanation):
        found = shown
        if found.image is None:
            raise RenderError(
                "this explanation kept no image, because it was not made by an Explainer: show(image, explanation)."
            )
    else:
        if isinstance(shown, str) and "://" in shown:
            raise SourceError(
                f"show takes the path of a file or an array, and {shown_address(shown)} is an address."
            )
        image = _read(Path(shown)) if isinstance(shown, str | Path) else shown
        if explanation is None:
            found = _explainer(**settings).explain(image)
        else:
            found = replace(explanation, image=image, frame_size=(image.shape[1], image.shape[0]))
    display = _display()
    if display is not None:
        display(found if drawing == Drawing() else Drawn(found, drawing))
    else:
        _show_in_window(found, drawing)


@dataclass(frozen=True, slots=True)
class Drawing:
    """How `show` draws an explanation: its parameters of these names."""

    view: _View = "one"
    alpha: float = DEFAULT_ALPHA
    colormap: str = DEFAULT_COLORMAP


@dataclass(frozen=True, slots=True)
class Drawn:
    """An explanation for a notebook's cell, drawn otherwise than it shows itself."""

    explanation: Explanation
    drawing: Drawing

    def _repr_png_(self) -> bytes:
        return png_of(self.explanation, self.drawing)

    def _repr_html_(self) -> str:
        return html_of(self.explanation, self.drawing)


def png_of(explanation: Explanation, drawing: Drawing | None = None) -> bytes:
    """Return the image with its heat, its name and its bars as a PNG file."""
    return _encoded(_drawn(explanation, drawing or Drawing(), bars=True), ".png")


def html_of(explanation: Explanation, drawing: Drawing | None = None) -> str:
    """Return the image with its heat and its name, and the bars as a table that can be read aloud and copied."""
    picture = _drawn(explanation, drawing or Drawing(), bars=False)
    data = base64.b64encode(_encoded(picture, ".jpg")).decode("ascii")
    caption = caption_of(explanation)
    said = " ".join(filter(None, (caption.label, caption.percent)))
    return (
        '<figure style="margin:0;display:flex;flex-wrap:wrap;gap:1em;align-items:flex-end">'
        f'<img alt="{escape(f"A heat map of the evidence. {said}")}" src="data:image/jpeg;base64,{data}">'
        f"<figcaption>{_table(explanation)}<small>{escape(_explained(explanation))}</small></figcaption></figure>"
    )


def _drawn(explanation: Explanation, drawing: Drawing, *, bars: bool) -> Pixels:
    """Return the drawn picture. The image may be a smaller copy of the frame that the region speaks of."""
    image, size = explanation.image, explanation.frame_size
    if image is None or size is None:
        raise RenderError("this explanation kept no image.")
    height, width = image.shape[:2]
    across, down = width / size[0], height / size[1]
    x, y, wide, high = explanation.region
    left, top = min(round(x * across), width - 1), min(round(y * down), height - 1)
    right, bottom = round((x + wide) * across), round((y + high) * down)
    region = (left, top, max(1, right - left), max(1, bottom - top))
    drawn = draw(image, replace(explanation, region=region), drawing.alpha, drawing.colormap, bars=bars)
    if drawing.view == "one":
        return drawn
    gap = np.full((height, max(2, width // _GAPS), 3), 255, np.uint8)
    return np.hstack([image, gap, drawn])


def _table(explanation: Explanation) -> str:
    """Return the most probable classes as rows of a table, with bars as long as they are probable."""
    target = explanation.target
    marked = None if isinstance(target, Value) else target.class_id
    rows = "".join(_row(each, marked=each.class_id == marked) for each in explanation.top[:_ROWS])
    return f'<table style="border:none">{rows}</table>' if rows else ""


def _row(prediction: Prediction, *, marked: bool) -> str:
    name = escape(prediction.label)
    if prediction.probability is None:
        number = escape(with_unit(number_text(prediction.value), prediction.unit))
        return f"<tr><td>{name}</td><td>{number}</td></tr>"
    bar = (
        f'<div style="height:.7em;width:{100 * prediction.probability:.1f}px;min-width:1px;'
        f'background:{_AMBER if marked else _BLUE}"></div>'
    )
    named = f"<strong>{name}</strong>" if marked else name
    return (
        f'<tr><td style="text-align:left">{named}</td><td style="text-align:left;width:100px">{bar}</td>'
        f"<td>{escape(percent_text(prediction.probability))}</td></tr>"
    )


def _explained(explanation: Explanation) -> str:
    """Return what the heat is: `heat: evidence for Egyptian cat (gradcam, layer block5_conv3)`."""
    if not explanation.has_evidence:
        return (
            f"no heat: no evidence for {explanation.target.label} ({explanation.method}, {explanation.layer})"
        )
    return f"heat: evidence for {explanation.target.label} ({explanation.method}, {explanation.layer})"


def _encoded(picture: Pixels, suffix: str) -> bytes:
    done, data = cv2.imencode(suffix, picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise RenderError(f"OpenCV could not encode the picture as {suffix}.")
    return np.asarray(data, np.uint8).tobytes()


def _read(path: Path) -> Pixels:
    """Return the picture in a file.

    Raises:
        SourceError: there is none; the message names the nearest file.
    """
    if not os.path.lexists(path):
        near = nearest_paths(path, among=is_picture)
        hint = f"Did you mean {' or '.join(near)}?" if near else "Check the path."
        raise SourceError(f"there is no file '{shown_address(escaped(path))}'. {hint}")
    return read_picture(path)


def _explainer(**settings: Any) -> Explainer:  # noqa: ANN401 - each of its parameter's kind
    """Return an explainer; the model of the last call is used again if it is the same."""
    model = settings.pop("model", DEFAULT_MODEL)
    return Explainer(_named(model) if isinstance(model, str | Path) else model, **settings)


@lru_cache(maxsize=1)
def _named(name: str | Path) -> Model:
    return load_model(name)


def _display() -> Callable[[object], object] | None:
    """Return what displays an object below a notebook's cell; None outside a notebook."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython
    from IPython.display import display

    shell = get_ipython()
    return display if shell is not None and getattr(shell, "kernel", None) is not None else None


def _show_in_window(explanation: Explanation, drawing: Drawing) -> None:
    """Show the picture in a window until the viewer presses a key or closes it."""
    picture = _drawn(explanation, drawing, bars=True)
    name = explanation.headline or explanation.target.label
    with Window(f"live_gradcam: {name}") as window:
        window.write(Rendered(picture, Frame(picture, 0, 0.0)))
        while not window.finished and not any(isinstance(each, Key) for each in window.take_events()):
            window.poll(50)
