"""Appearance of the picture: settings that a viewer can change at any time and that do not affect explanations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from live_gradcam.config import DEFAULT_ALPHA, DEFAULT_COLORMAP
from live_gradcam.faithfulness import DEFAULT_SHARE
from live_gradcam.fixed_choices import View

Style = Literal["overlay", "fade", "contours", "masked", "heat"]
"""How heat is drawn. `overlay`: blended over the picture. `fade`: blended more strongly where it is hotter. `contours`:
contour lines. `masked`: the picture dimmed where heat is low. `heat`: the heat map alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """How a picture is drawn."""

    alpha: float = DEFAULT_ALPHA
    """Opacity of the heat, 0 to 1."""

    colormap: str = DEFAULT_COLORMAP
    style: Style = "overlay"
    view: View = "one"

    scale_bar: bool = False
    """Whether a scale bar shows which colour means how much heat."""

    statistics: bool = False
    """Whether rates and latencies are shown on the picture."""

    badge: bool = False
    """Whether the masking test of the heat is shown beside the label plate."""

    share: float = DEFAULT_SHARE
    """The share of the area that the test keeps, in (0, 1)."""
