"""The camera of a notebook's reader, with the heat on it: a widget for Jupyter, JupyterLab, VS Code and Colab.

The browser shows the camera and draws the heat with the modules of the page that `serve` gives; the notebook's kernel
explains. One picture is on its way at a time, of the size of the network's input, so that a distant kernel makes the
heat late and not the video. anywidget carries the messages.
"""

from __future__ import annotations

import re
import time
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from live_gradcam.config import DEFAULT_ALPHA, DEFAULT_COLORMAP, DEFAULT_FIT, DEFAULT_MODEL, DEFAULT_SMOOTHING
from live_gradcam.errors import LiveGradcamError, RenderError, SourceError
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explanation import Explanation
from live_gradcam.models.loading import load_model
from live_gradcam.question import Answer, Question
from live_gradcam.render.heat import palette
from live_gradcam.render.heat_smoothing import RelativePeaks
from live_gradcam.server.messages import answer_message
from live_gradcam.server.queued_work import Done

try:
    import anywidget
    import traitlets
except ImportError as error:
    raise RenderError(
        "the camera in a notebook needs anywidget, which is not installed. Type: pip install 'live-gradcam[notebook]'"
    ) from error

_PAGE = Path(str(resources.files("live_gradcam.server").joinpath("page")))
_IMPORT = re.compile(r'^import \{ ([\w, ]+) \} from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const) (\w+))", re.MULTILINE)


@cache
def bundled(name: str) -> str:
    """Return a module of the page with all that it imports, as one: a notebook has no address to load others from.

    Each module becomes a function of its own, so that equal names in two modules do not meet.
    """
    parts: dict[str, str] = {}

    def add(module: str) -> None:
        if module in parts:
            return
        text = (_PAGE / f"{module}.js").read_text("utf-8")
        for found in _IMPORT.finditer(text):
            add(found[2])
        names = ", ".join(found[2] for found in _EXPORT.finditer(text))
        text = _IMPORT.sub(lambda found: f"const {{ {found[1]} }} = {found[2]};", text)
        text = _EXPORT.sub(lambda found: found[1], text)
        parts[module] = f"const {module} = (() => {{\n{text}\nreturn {{ {names} }};\n}})();\n"

    add(name)
    return f"{''.join(parts.values())}export default {{ render: {name}.render }};\n"


class CameraWidget(anywidget.AnyWidget):
    """The reader's camera with the heat on it, below a notebook's cell.

        camera = lg.CameraWidget()
        camera

    The reader starts and stops the camera with a button. The kernel explains only while no cell runs. The newest
    explanation is in `explanation`, for the next cell.

    Args:
        model: a model, or what `load_model` takes.
        alpha: opacity of the hottest heat, in [0, 1].
        colormap: name of the colour map.
        settings: the parameters of `Explainer`, such as `method`, `layer` and `target`.

    Raises:
        RenderError: there is no such colour map, or anywidget is not installed.
        LiveGradcamError: the model or a setting is wrong.
    """

    _esm = bundled("notebook")
    _css = (_PAGE / "notebook.css").read_text("utf-8")
    setup = traitlets.Dict().tag(sync=True)
    """What the view needs to know."""

    def __init__(
        self,
        model: Any = DEFAULT_MODEL,  # noqa: ANN401 - whatever `load_model` takes
        *,
        alpha: float = DEFAULT_ALPHA,
        colormap: str = DEFAULT_COLORMAP,
        **settings: Any,  # noqa: ANN401 - each of its parameter's kind
    ) -> None:
        self.explanation: Explanation | None = None
        """The explanation of the newest picture; None before the first."""

        self._explainer = Explainer(load_model(model) if isinstance(model, str | Path) else model, **settings)
        self._relative_peaks = RelativePeaks()
        super().__init__(
            setup={
                "input": list(self._explainer.model.input_size),
                "fit": settings.get("fit", DEFAULT_FIT),
                "smoothing": DEFAULT_SMOOTHING,
                "scale": "stable",
                "look": {"style": "overlay", "alpha": alpha, "colormap": colormap},
                "palette": palette(colormap),
            }
        )
        self.on_msg(self._answer)

    def _answer(self, _: object, content: Any, buffers: list[Any]) -> None:  # noqa: ANN401 - JSON
        """Explain a picture of a view, and send the answer to that view."""
        about = {"view": content.get("view"), "frame": content.get("frame")}
        try:
            picture = cv2.imdecode(np.frombuffer(buffers[0], np.uint8), cv2.IMREAD_COLOR)
            if picture is None:
                raise SourceError("the picture of the camera came damaged: start the camera again.")
            pixels = np.asarray(picture, np.uint8)
            began = time.monotonic()
            explanation = self._explainer.explain(pixels)
            now = time.monotonic()
        except LiveGradcamError as error:
            self.send({**about, "error": str(error)})
            return
        self.explanation = explanation
        done = Done(Answer(Question(), (explanation,)), pixels, 0.0, 1000 * (now - began), 1)
        peaks = [self._relative_peaks.of(explanation, now)]
        message = answer_message(about["frame"], 0, done, compiling=None, relative_peaks=peaks)
        self.send(about, [message])
