"""The actions that change the viewer's choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from live_gradcam.explanation import Explanation
from live_gradcam.faithfulness import SHARES
from live_gradcam.fixed_choices import View
from live_gradcam.live.choice import LOWERED, Choice, Menu
from live_gradcam.number_format import percent_text
from live_gradcam.prediction import Contrast, Lowered, Prediction
from live_gradcam.render.appearance import Style

COLORMAPS = ("jet", "turbo", "viridis", "cividis", "inferno")
STYLES: tuple[Style, ...] = ("overlay", "fade", "contours", "masked", "heat")
VIEWS: tuple[View, ...] = (
    "one",
    "side",
    "methods",
    "targets",
    "models",
    "channels",
    "concepts",
    "history",
    "proof",
)

OPACITY_STEP = 0.1

Name = TypeVar("Name", bound=str)


class Controls:
    """Changes the choice, one action at a time, and names each change in a few words.

    Args:
        menu: the menu; its layers may become known later.
        choice: the choice at the beginning.
    """

    def __init__(self, menu: Menu, choice: Choice) -> None:
        self.menu = menu
        self.choice = choice
        self.explanation: Explanation | None = None
        """The newest explanation; None before the first."""
        self.rows: tuple[Prediction, ...] = ()
        """The classes in the order of the picture, which the keys 1 to 5 choose from."""
        self.usual_layer: str | None = None
        """The path of the default layer; None until it is known."""
        self.refused_method: str | None = None
        """The method that the viewer turned to last, if it was refused: the next step goes on behind it."""
        self.styles = STYLES
        """In the order of the key `t`."""
        self.views = VIEWS
        """In the order of the key `v`."""
        self._acts = self._table()

    def does(self, action: str) -> bool:
        """Return whether an action changes the choice."""
        return action in self._acts

    def do(self, action: str) -> str:
        """Carry out an action, and return the line to show; empty: the picture shows the change."""
        if not action.startswith("method-"):
            self.refused_method = None
        return self._acts[action]()

    def aim(self, class_id: int) -> str:
        """Explain a class from now on, and return its name."""
        self.choice = replace(self.choice, target=class_id, rival=None)
        return self.menu.labels[class_id] if class_id < len(self.menu.labels) else f"class {class_id}"

    def _table(self) -> dict[str, Callable[[], str]]:
        table: dict[str, Callable[[], str]] = {
            "method-next": lambda: self._method(1),
            "method-previous": lambda: self._method(-1),
            "layer-shallower": lambda: self._layer(-1),
            "layer-deeper": lambda: self._layer(1),
            "automatic": self._automatic,
            "lock": self._lock,
            "contrast": self._contrast,
            "whole": lambda: self._change("the whole picture", area=None),
            "style": self._style,
            "colormap": self._colormap,
            "view": self._view,
            "opacity-up": lambda: self._opacity(OPACITY_STEP),
            "opacity-down": lambda: self._opacity(-OPACITY_STEP),
            "scale-bar": lambda: self._look("", scale_bar=not self.choice.look.scale_bar),
            "badge": self._badge,
            "share": self._share,
            "statistics": lambda: self._look("", statistics=not self.choice.look.statistics),
            "mirror": lambda: self._change("", mirror=not self.choice.mirror, area=None),
        }
        for place in range(5):
            table[f"pin-{place + 1}"] = lambda place=place: self._pin(place)  # type: ignore[misc]
        return table

    def _change(self, text: str, **changes: object) -> str:
        self.choice = replace(self.choice, **changes)  # type: ignore[arg-type]
        return text

    def _look(self, text: str, **changes: object) -> str:
        return self._change(text, look=replace(self.choice.look, **changes))  # type: ignore[arg-type]

    def _method(self, step: int) -> str:
        begin, self.refused_method = self.refused_method or self.choice.method, None
        method = _after(self.menu.methods, begin, step)
        return self._change(method, method=method)

    def _layer(self, step: int) -> str:
        layers = self.menu.layers
        if not layers:
            return "the layers are still being listed"
        paths = [path for path, _ in layers]
        now = self.choice.layer or self.usual_layer
        place = paths.index(now) if now in paths else len(paths) - 1
        path, shape = layers[min(max(place + step, 0), len(paths) - 1)]
        # The default layer is asked for as None: that graph is compiled already.
        return self._change(f"{path}  {shape}", layer=None if path == self.usual_layer else path)

    def _automatic(self) -> str:
        text = "the first value" if self.menu.values else "the most probable class"
        return self._change(text, target=None, rival=None)

    def _pin(self, place: int) -> str:
        top = self.rows or (self.explanation.top if self.explanation else ())
        return self.aim(top[place].class_id) if place < len(top) else "there is no such class on the picture"

    def _lock(self) -> str:
        target = self.explanation.target if self.explanation else None
        if isinstance(target, Prediction | Contrast | Lowered):
            return self.aim(target.class_id)
        return "there is nothing to keep to yet"

    def _contrast(self) -> str:
        choice = self.choice
        if choice.rival is not None:
            text = "what raises it" if self.menu.values else "no contrast"
            return self._change(text, rival=None)
        explained = self.explanation.target if self.explanation else None
        if self.menu.values:
            target = choice.target
            if isinstance(target, str) and isinstance(explained, Prediction | Contrast | Lowered):
                target = explained.class_id
            if isinstance(explained, Lowered):
                return self._change("what raises it", target=target)
            return self._change("what lowers it", target=target, rival=LOWERED)
        if isinstance(choice.target, int):
            target = choice.target
        elif choice.target is not None and isinstance(explained, Prediction):
            target = explained.class_id
        else:
            return self._change("why the first, rather than the second", target=None, rival=-1)
        top = self.explanation.top if self.explanation else ()
        others = [each for each in top if each.class_id != target]
        if not others:
            return "there is nothing to set it against"
        rival = others[0]
        return self._change(f"rather than {rival.label}", target=target, rival=rival.class_id)

    def _style(self) -> str:
        style = _after(self.styles, self.choice.look.style, 1)
        return self._look({"heat": "heat alone"}.get(style, style), style=style)

    def _colormap(self) -> str:
        colormap = _after(COLORMAPS, self.choice.look.colormap, 1)
        return self._look(colormap, colormap=colormap)

    def _view(self) -> str:
        views = [view for view in self.views if view != "models" or len(self.menu.models) > 1]
        return self._look("", view=_after(views, self.choice.look.view, 1))

    def _badge(self) -> str:
        badge = not self.choice.look.badge
        return self._look("the heat is tested" if badge else "the heat is not tested", badge=badge)

    def _share(self) -> str:
        share = next((each for each in SHARES if each > self.choice.look.share), SHARES[0])
        return self._look(f"the hottest {percent_text(share)}", share=share)

    def _opacity(self, step: float) -> str:
        alpha = round(min(1.0, max(0.0, self.choice.look.alpha + step)), 2)
        return self._look(f"heat {alpha:.0%}", alpha=alpha)


def _after(names: Sequence[Name], name: Name, step: int) -> Name:
    """Return the name that follows another, cyclically; the first, if that one is not among them."""
    return names[(names.index(name) + step) % len(names)] if name in names else names[0]
