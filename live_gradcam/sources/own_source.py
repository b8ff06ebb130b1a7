"""Sources of other people: what they give is checked, and their errors name the package."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from live_gradcam.closeable import Closeable
from live_gradcam.errors import SourceError
from live_gradcam.frame import Frame
from live_gradcam.plugins import GUIDE, Plugin, failure
from live_gradcam.sources.function_source import fault_of
from live_gradcam.sources.source import Source

logger = logging.getLogger(__name__)

_MEMBERS = (
    "name",
    "live",
    "size",
    "fps",
    "frames_captured",
    "notice",
    "reconnects",
    "describe",
    "__iter__",
    "close",
)
_LIVE_MEMBERS = ("ended", "newest")


class OwnSource(Closeable):
    """Passes on the frames of a source of somebody else, and checks them. It cannot seek.

    Args:
        source: the open source.
        named: its name in messages: `the source 'pretend' of live-gradcam-example 0.1.0`.

    Raises:
        SourceError: it lacks something that a `Source` has.
    """

    def __init__(self, source: Source, named: str) -> None:
        self._source: Any = source
        self._named = named
        members = (*_MEMBERS, *(_LIVE_MEMBERS if getattr(source, "live", False) else ()))
        if missing := [member for member in members if not hasattr(source, member)]:
            if "close" not in missing:
                self.close()
            lacks = f"lacks '{missing[0]}' (its type is {type(source).__name__}): {GUIDE}"
            raise failure("source", named, lacks)
        self.live = bool(source.live)

    @property
    def name(self) -> str:
        """The name of the source."""
        return str(self._asked("name"))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the frames in pixels."""
        width, height = self._asked("size")
        return int(width), int(height)

    @property
    def fps(self) -> float | None:
        """Promised frames per second; None if unknown."""
        fps: float | None = self._asked("fps")
        return fps

    @property
    def frames_captured(self) -> int:
        """Number of frames that arrived."""
        return int(self._asked("frames_captured"))

    @property
    def notice(self) -> str | None:
        """The source's message for the picture."""
        notice: str | None = self._asked("notice")
        return notice

    @property
    def reconnects(self) -> int:
        """Number of times that it was lost and came back."""
        return int(self._asked("reconnects"))

    @property
    def ended(self) -> bool:
        """Whether no frame will come any more."""
        return bool(self._asked("ended"))

    def describe(self) -> str:
        """Return the source's line about itself."""
        return str(self._tried(self._source.describe))

    def newest(self, timeout: float) -> Frame | None:
        """Return the newest frame that was not given yet; None if there is none in time.

        Raises:
            SourceError: the source failed, or what it gave is no frame.
        """
        frame = self._tried(lambda: self._source.newest(timeout))
        return None if frame is None else self._checked(frame)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames.

        Raises:
            SourceError: the source failed, or what it gave is no frame.
        """
        frames = self._tried(lambda: iter(self._source))
        while (frame := self._tried(lambda: next(frames, None))) is not None:
            yield self._checked(frame)

    def close(self) -> None:
        """Close the source; an exception of its code is logged."""
        try:
            self._source.close()
        except Exception as error:
            logger.warning("%s", failure("source", self._named, "could not be closed", error))

    def _asked(self, member: str) -> Any:  # noqa: ANN401 - whatever the member holds
        return self._tried(lambda: getattr(self._source, member))

    def _tried(self, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it returns
        try:
            return work()
        except (Exception, SystemExit) as error:
            raise failure("source", self._named, "failed", error) from error

    def _checked(self, frame: Frame) -> Frame:
        if not isinstance(frame, Frame):
            raise SourceError(
                f"{self._named} gave {type(frame).__name__}: a live_gradcam.Frame is needed. {GUIDE}."
            )
        if (fault := fault_of(frame.pixels, None)) is not None:
            raise SourceError(f"{self._named} gave {fault}")
        return frame


def opened_plugin(plugin: Plugin, rest: str) -> OwnSource:
    """Open a source of an installed package.

    Args:
        plugin: the package's entry point.
        rest: what follows the colon in `NAME:REST`; "" if there is none.

    Raises:
        SourceError: it cannot be imported or opened, or lacks something that a `Source` has.
    """
    opened = plugin.load()
    try:
        source = opened(rest)
    except (Exception, SystemExit) as error:
        raise plugin.error("cannot be opened", error) from error
    return OwnSource(source, str(plugin))
