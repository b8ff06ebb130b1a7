"""What a controller and its view exchange: the view gets the status of the run and returns the viewer's requests."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The status of a run, as the picture shows it."""

    idle: float = 0.0
    """Seconds since the frame came; more than 0 only while no newer frame comes."""

    notice: str | None = None
    """The notice of the source: `camera lost, reconnecting`."""

    busy: str | None = None
    """What is being compiled: `hirescam at block5_conv3`."""

    statistics: tuple[str, ...] = ()
    """Lines of figures, each a name and a value with a tab between."""

    room: tuple[int, int] | None = None
    """(width, height) in pixels of a window whose size the viewer chose; None: the window has the picture's."""


class Request(StrEnum):
    """An action that a view leaves to its controller; the value is the action's name."""

    QUIT = "quit"
    RECORD = "record"
    SNAPSHOT = "snapshot"
    CLIP = "clip"
    FULLSCREEN = "fullscreen"
    SOURCE = "source"
    STEP = "step"
    STEP_BACK = "step-back"
    SEEK = "seek"
    SEEK_BACK = "seek-back"

    @property
    def is_move(self) -> bool:
        """Whether the viewer asks for another place in a file."""
        return self in (Request.STEP, Request.STEP_BACK, Request.SEEK, Request.SEEK_BACK)

    @property
    def direction(self) -> int:
        """Of a move: 1 forwards, −1 backwards."""
        return -1 if self in (Request.STEP_BACK, Request.SEEK_BACK) else 1
