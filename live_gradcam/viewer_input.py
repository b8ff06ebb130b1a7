"""What a viewer can do while it runs: one table, for the window's keys, the help and the browser's page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Place = Literal["both", "window"]
"""Where an action exists: in the window and on the page, or in the window alone."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a viewer can do."""

    name: str
    """As code calls it: `method-next`."""

    key: str
    """The key, as a browser names it (`KeyboardEvent.key`): `m`, `M`, `+`, `ArrowLeft`, `Tab`, ` `."""

    text: str
    """What it does, in a few words, for the help."""

    place: Place = "both"

    also: str = ""
    """Another key for the same in the window, where a toolkit may not tell the first; empty: none is needed."""


ACTIONS: tuple[Action, ...] = (
    Action("help", "h", "show or hide this help"),
    Action("menu", "o", "a menu for the mouse; right click", "window"),
    Action("freeze", " ", "freeze the picture, or let it go on"),
    Action("record", "r", "start or stop recording"),
    Action("snapshot", "s", "save a snapshot"),
    Action("method-next", "m", "next method"),
    Action("method-previous", "M", "previous method", also="n"),
    Action("layer-shallower", "[", "a shallower layer"),
    Action("layer-deeper", "]", "a deeper layer"),
    Action("pin-1", "1", "keep to the most probable class"),
    Action("pin-2", "2", "keep to the second"),
    Action("pin-3", "3", "keep to the third"),
    Action("pin-4", "4", "keep to the fourth"),
    Action("pin-5", "5", "keep to the fifth"),
    Action("automatic", "0", "whatever is most probable"),
    Action("lock", "l", "keep to what is explained now"),
    Action("contrast", "x", "why not the runner-up, or a lower value"),
    Action("search", "/", "type the name of a class"),
    Action("whole", "a", "look at all of the picture again"),
    Action("style", "t", "overlay, fade, contours, masked, heat alone"),
    Action("colormap", "c", "next colour map"),
    Action("opacity-up", "+", "stronger heat"),
    Action("opacity-down", "-", "weaker heat"),
    Action("view", "v", "next view: side by side, methods, targets, …"),
    Action("scale-bar", "b", "show or hide the scale of colours"),
    Action("statistics", "d", "show or hide rates and latencies"),
    Action("mirror", "i", "mirror the picture"),
    Action("keep", "k", "before and after, side by side", "window"),
    Action("reset", "z", "everything back to the beginning"),
    Action("fullscreen", "f", "fill the screen"),
    Action("source", "Tab", "next camera or source", "window"),
    Action("step-back", ",", "one frame back, in a paused file", "window"),
    Action("step", ".", "one frame on, in a paused file", "window"),
    Action("seek-back", "ArrowLeft", "previous picture, or 5 s back", "window"),
    Action("seek", "ArrowRight", "next picture, or 5 s on", "window"),
    Action("quit", "q", "end it; Esc twice", "window"),
)

_NAMED_KEYS = {" ": "space", "ArrowLeft": "←", "ArrowRight": "→", "Tab": "Tab"}
"""How the help writes the keys that have no sign of their own."""


def _key_in_words(action: Action) -> str:
    return _NAMED_KEYS.get(action.key, action.key) + (f" {action.also}" if action.also else "")


MENU: tuple[tuple[str, str], ...] = tuple((_key_in_words(action), action.text) for action in ACTIONS)
"""The rows of the window's menu, one for each action: its key, and what it does."""

HELP: tuple[tuple[str, str], ...] = (
    *MENU,
    ("click", "the heat at that point"),
    ("drag", "look only at that part"),
)
"""The rows of the window's help: what to press, and what it does."""

ACTION_OF = {action.key: action.name for action in ACTIONS} | {
    **{action.also: action.name for action in ACTIONS if action.also},
    "Q": "quit",
    "=": "opacity-up",
    "_": "opacity-down",
    "PageUp": "seek-back",
    "PageDown": "seek",
}
"""Key → action; a key that Shift makes another means the same, and those of a presenter's remote turn pictures."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key that was pressed."""

    name: str
    """As a browser names it (`KeyboardEvent.key`): `m`, `M`, `Enter`, `Escape`, `Backspace`, `ArrowLeft`."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text that came as a whole: pasted, or typed in the terminal."""

    text: str


PointerKind = Literal["down", "move", "up", "hover", "menu"]
"""The left button pressed, the mouse moved while it is held, the button let go; the mouse moved with no button held,
which is told only while a menu is open; the right button pressed."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """The mouse on the picture."""

    kind: PointerKind

    x: int
    """Pixels of the picture, from its left; may lie beyond its edges."""

    y: int
    """Pixels of the picture, from its top."""


Event = Key | Text | Pointer
