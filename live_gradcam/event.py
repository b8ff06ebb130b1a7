"""What a viewer did: a key pressed, or the mouse used on the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Key:
    """A key that was pressed."""

    name: str
    """As a browser names it (`KeyboardEvent.key`): `m`, `M`, `Enter`, `Escape`, `Backspace`, `ArrowLeft`."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """The mouse on the picture."""

    kind: Literal["down", "move", "up"]
    """The left button pressed, the mouse moved while it is held, the button let go."""

    x: int
    """Pixels of the picture, from its left; may lie beyond its edges."""

    y: int
    """Pixels of the picture, from its top."""


Event = Key | Pointer
