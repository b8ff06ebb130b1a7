"""The status of a show: what goes on around it, and is told on the picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What goes on around the picture."""

    idle: float = 0.0
    """Seconds that the frame has been standing there, where no other comes."""

    notice: str | None = None
    """What the source has to say: `camera lost, reconnecting`."""

    busy: str | None = None
    """What is being compiled: `hirescam at block5_conv3`."""

    statistics: tuple[str, ...] = ()
    """Lines of figures, each a name and a value with a tab between."""
