"""What a viewer did: a key pressed, a text entered, or the mouse used on the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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
