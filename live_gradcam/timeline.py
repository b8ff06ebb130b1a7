"""One clock for a file that was joined from several recordings, each of which begins its own clock anew."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av.container
from av.packet import Packet

_TS_DISCONT = 0x0200
"""FFmpeg's AVFMT_TS_DISCONT: the clock of a format may jump."""

_MOST_TICKS = 1 << 62

FORWARD_SECONDS = 10.0
"""A gap longer than this is closed, in formats that may be joined (FFmpeg's `dts_delta_threshold`)."""

BACK_SECONDS = 0.1
"""A step back by more than this is a new recording, in formats that may be joined (as in the ffmpeg command)."""

BACK_SECONDS_ELSEWHERE = 1.0
"""The same in other formats, whose decoding times FFmpeg must guess at."""


class Timeline:
    """Moves the packets of one stream onto a clock that never jumps; see `ts_discontinuity_detect` in ffmpeg.

    A packet whose decoding time lies before that of its predecessor, or far behind, is taken as the first of another
    recording: it follows the packet before it at once, and all later ones are moved as far.

    Args:
        container: the file.
        stream: the stream.
    """

    def __init__(self, container: av.container.InputContainer, stream: av.stream.Stream) -> None:
        may_jump = bool(container.format.flags & _TS_DISCONT)
        clock = stream.time_base or Fraction(1, av.time_base)
        self._back = round((BACK_SECONDS if may_jump else BACK_SECONDS_ELSEWHERE) / clock)
        self._forward = round(FORWARD_SECONDS / clock) if may_jump else None
        rate = getattr(stream, "guessed_rate", None)
        self._usual = round(1 / (rate * clock)) if rate else 0
        self._newest: int | None = None
        self._next = 0
        self.clock = clock
        """Seconds of one tick."""
        self.shifts = [0]
        """By how many ticks the packets of each recording are moved; the last is that of the present one."""

    @property
    def recording(self) -> int:
        """Which of the joined recordings the last packet belongs to, counted from 0."""
        return len(self.shifts) - 1

    @property
    def joined(self) -> bool:
        """Whether another recording than the first was met."""
        return any(self.shifts)

    def place(self, packet: Packet[Any]) -> None:
        """Move one packet; to be called for each of the stream, in the file's order."""
        self.look_at(packet)
        shift = self.shifts[-1]
        if shift:
            packet.pts = _moved(packet.pts, shift)
            packet.dts = _moved(packet.dts, shift)

    def look_at(self, packet: Packet[Any]) -> None:
        """Take note of one packet without moving it."""
        if packet.dts is None:
            return
        placed = packet.dts + self.shifts[-1]
        if self._newest is not None:
            back = placed < self._newest - self._back
            if back or (self._forward is not None and placed > self._next + self._forward):
                self.shifts.append(self._next - packet.dts)
                placed = self._next
        self._newest = placed
        self._next = placed + (packet.duration or self._usual)

    def resume(self, shift: int) -> None:
        """Go on elsewhere in the file, in a recording whose packets are moved by `shift` ticks."""
        self.shifts.append(shift)
        self._newest = None


def _moved(ticks: int | None, shift: int) -> int | None:
    """Return a time that was moved; None where it leaves what FFmpeg can count, which only damage leads to."""
    return None if ticks is None or abs(ticks + shift) > _MOST_TICKS else ticks + shift
