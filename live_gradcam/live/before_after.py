"""The kept picture: what stands beside those that come, and what it differs in from them."""

from __future__ import annotations

from dataclasses import dataclass

from live_gradcam.explanation import Explanation
from live_gradcam.frame import Pixels
from live_gradcam.render.appearance import View
from live_gradcam.render.canvas import BEFORE, NOW
from live_gradcam.translations import Words


@dataclass(frozen=True, slots=True)
class Made:
    """What a picture was made by."""

    method: str = ""
    """Empty where the panes say it, or nothing is explained yet."""

    layer: str = ""
    """The last part of its path."""

    chosen_layer: str | None = None
    """The layer that the viewer chose; None: the usual one."""


@dataclass(frozen=True, slots=True, eq=False)
class KeptPicture:
    """A picture that was kept."""

    picture: Pixels
    """(H, W, 3) uint8 BGR."""

    made: Made


def made_by(explanation: Explanation | None, view: View, chosen_layer: str | None) -> Made:
    """Return what a picture is made by, of the newest explanation on it."""
    if explanation is None:
        return Made()
    method = "" if view == "methods" else explanation.method
    return Made(method, explanation.layer.rpartition("/")[2], chosen_layer)


def names_of_halves(before: Made, now: Made, words: Words) -> tuple[str, str]:
    """Return what stands above a kept picture and the present one: `before · gradcam`, `now · hirescam`.

    Of method and layer that is named which differs; the layer not, where another method looks at another one by itself.
    """
    by_itself = before.method != now.method and before.chosen_layer == now.chosen_layer
    names = []
    for name, made, other in ((BEFORE, before, now), (NOW, now, before)):
        method = made.method if made.method != other.method else ""
        layer = made.layer if made.layer != other.layer and not by_itself else ""
        names.append(" · ".join(filter(None, (words(name), method, layer))))
    return names[0], names[1]
