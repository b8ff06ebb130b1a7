"""How the picture looks: everything that the viewer can change while it runs, and that changes no explanation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from live_gradcam.config import DEFAULT_ALPHA, DEFAULT_COLORMAP

Style = Literal["overlay", "fade", "contours", "masked", "heat"]
"""How heat is shown: blended over the picture, all of it alike or the more the hotter it is; as contour lines; as the
picture dimmed where nothing mattered; or alone."""

View = Literal["one", "side", "methods", "targets", "models", "channels", "history"]
"""What stands on the picture: one heat map; the camera beside it; the same frame under up to four methods, targets
(the most probable classes) or two models; the strip of the strongest channels; the history of the last minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """How the picture looks."""

    alpha: float = DEFAULT_ALPHA
    """Opacity of the heat, 0 to 1."""

    colormap: str = DEFAULT_COLORMAP
    style: Style = "overlay"
    view: View = "one"

    scale_bar: bool = False
    """Whether a bar says which colour is how much heat."""

    statistics: bool = False
    """Whether rates and latencies stand on the picture."""
