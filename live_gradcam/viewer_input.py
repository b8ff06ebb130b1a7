"""What a viewer can do: one table of actions for the window's keys, the help and the browser page; and input events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Place = Literal["both", "window"]
"""Where an action is available: in the window and on the page, or in the window only."""


@dataclass(frozen=True, slots=True)
class Action:
    """An action of the viewer."""

    name: str
    """Its name in code: `method-next`."""

    key: str
    """Its key, as `KeyboardEvent.key` names it: `m`, `M`, `+`, `ArrowLeft`, `Tab`, ` `."""

    text: str
    """What it does, in a few words, for the help."""

    place: Place = "both"

    also: str = ""
    """A second key in the window, for toolkits that cannot report the first; empty if none is needed."""


ACTIONS: tuple[Action, ...] = (
    Action("help", "h", "show or hide this help"),
    Action("menu", "o", "open a menu for the mouse; right click", "window"),
    Action("freeze", " ", "freeze or unfreeze the picture"),
    Action("record", "r", "start or stop recording"),
    Action("snapshot", "s", "save a snapshot"),
    Action("clip", "j", "save the last seconds as a video", "window"),
    Action("method-next", "m", "next method"),
    Action("method-previous", "M", "previous method", also="n"),
    Action("layer-shallower", "[", "a shallower layer"),
    Action("layer-deeper", "]", "a deeper layer"),
    Action("pin-1", "1", "explain class 1"),
    Action("pin-2", "2", "explain class 2"),
    Action("pin-3", "3", "explain class 3"),
    Action("pin-4", "4", "explain class 4"),
    Action("pin-5", "5", "explain class 5"),
    Action("automatic", "0", "follow the most probable class"),
    Action("lock", "l", "keep explaining this class"),
    Action("contrast", "x", "why not the runner-up, or a lower value"),
    Action("search", "/", "type the name of a class"),
    Action("whole", "a", "explain the whole picture again"),
    Action("style", "t", "overlay, fade, contours, masked, heat alone"),
    Action("colormap", "c", "next colour map"),
    Action("opacity-up", "+", "stronger heat"),
    Action("opacity-down", "-", "weaker heat"),
    Action("view", "v", "next view: side by side, methods, proof, …"),
    Action("badge", "e", "show or hide the test of the heat"),
    Action("share", "p", "size of the hottest part: 10% to 50%"),
    Action("curves", "u", "freeze, and measure the curves of the heat"),
    Action("scale-bar", "b", "show or hide the scale of colours"),
    Action("statistics", "d", "show or hide rates and latencies"),
    Action("mirror", "i", "mirror the picture"),
    Action("keep", "k", "before and after, side by side", "window"),
    Action("reset", "z", "reset everything"),
    Action("fullscreen", "f", "fill the screen"),
    Action("source", "Tab", "next camera or source", "window"),
    Action("step-back", ",", "one frame back, in a paused file", "window"),
    Action("step", ".", "one frame on, in a paused file", "window"),
    Action("seek-back", "ArrowLeft", "previous picture, or 5 s back", "window"),
    Action("seek", "ArrowRight", "next picture, or 5 s on", "window"),
    Action("quit", "q", "quit; Esc twice", "window"),
)

_NAMED_KEYS = {" ": "space", "ArrowLeft": "←", "ArrowRight": "→", "Tab": "Tab", "Backspace": "Backspace"}
"""How the help writes keys that have no printable character."""


def _key_in_words(action: Action) -> str:
    return _NAMED_KEYS.get(action.key, action.key) + (f" {action.also}" if action.also else "")


Rows = tuple[tuple[str, str], ...]
"""Rows of a list in the window: a key or a mouse gesture, and what it does."""


def menu_of_actions(actions: Sequence[Action]) -> Rows:
    """Return the rows of the window's menu, one for each action."""
    return tuple((_key_in_words(action), action.text) for action in actions)


def help_of_actions(actions: Sequence[Action]) -> Rows:
    """Return the rows of the window's help: the actions, and what the mouse does."""
    gestures = (("click", "show the heat at that point"), ("drag", "explain only that part"))
    return (*menu_of_actions(actions), *gestures)


def keys_of_actions(actions: Sequence[Action]) -> dict[str, str]:
    """Return key → action, with keys that Shift changes, and the keys of a presentation remote."""
    return {action.key: action.name for action in actions} | {
        **{action.also: action.name for action in actions if action.also},
        "Q": "quit",
        "=": "opacity-up",
        "_": "opacity-down",
        "PageUp": "seek-back",
        "PageDown": "seek",
    }


HELP = help_of_actions(ACTIONS)
"""Rows of the window's help."""

_TEACHING = (
    *(
        Action(f"teach-{number}", str(number), f"hold: these are pictures of class {number}")
        for number in range(1, 10)
    ),
    Action("name-class", "n", "type the name of the class; Tab: the next one"),
    Action("undo-burst", "Backspace", "forget the last burst of pictures"),
    Action("forget-class", "g", "forget a class: then its number; g: all"),
    Action("save-model", "w", "write the model file"),
)
_NOT_IN_TEACHING = ("pin-", "search")

TEACHING_ACTIONS: tuple[Action, ...] = (
    *_TEACHING,
    *(
        replace(action, also="") if action.also == "n" else action
        for action in ACTIONS
        if not action.name.startswith(_NOT_IN_TEACHING)
    ),
)
"""The actions while the viewer teaches: a digit teaches a class, where it otherwise chooses one to explain."""


@dataclass(frozen=True, slots=True)
class Key:
    """A pressed key."""

    name: str
    """Its name as in `KeyboardEvent.key`: `m`, `M`, `Enter`, `Escape`, `Backspace`, `ArrowLeft`."""


@dataclass(frozen=True, slots=True)
class Text:
    """A whole text: pasted, or typed in the terminal."""

    text: str


PointerKind = Literal["down", "move", "up", "hover", "menu"]
"""`down`, `move`, `up`: the left button is pressed, moved while held, released. `hover`: the mouse moves with no button
held, reported only while a menu is open. `menu`: the right button is pressed."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """A mouse event on the picture."""

    kind: PointerKind

    x: int
    """Pixels from the picture's left edge; may lie outside the picture."""

    y: int
    """Pixels from the picture's top edge; may lie outside the picture."""


Event = Key | Text | Pointer
