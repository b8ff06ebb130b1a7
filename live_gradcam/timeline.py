"""One continuous clock for a file that joins several recordings, each with a clock of its own."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av.container
from av.packet import Packet

_TS_DISCONT = 0x0200
"""FFmpeg's AVFMT_TS_DISCONT: timestamps of this format may jump."""

_MOST_TICKS = 1 << 62

FORWARD_SECONDS = 10.0
"""In formats whose timestamps may jump, a longer gap is closed (FFmpeg's `dts_delta_threshold`)."""

BACK_SECONDS = 0.1
"""In formats whose timestamps may jump, a larger step back begins a new recording (as in the ffmpeg command)."""

BACK_SECONDS_ELSEWHERE = 1.0
"""The same for other formats, whose decoding times FFmpeg has to guess."""


class Timeline:
    """Shifts the packets of one stream onto a continuous clock; see `ts_discontinuity_detect` in ffmpeg.

    A packet whose decoding time lies before its predecessor's, or far behind it, begins another recording: it follows
    the previous packet directly, and all later packets are shifted by the same amount.

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
        """Seconds per tick."""
        self.shifts = [0]
        """Shift of each recording's packets, in ticks; the last entry belongs to the current recording."""

    @property
    def recording(self) -> int:
        """Number of the recording that the last packet belongs to, from 0."""
        return len(self.shifts) - 1

    @property
    def joined(self) -> bool:
        """Whether a second recording was found."""
        return any(self.shifts)

    def place(self, packet: Packet[Any]) -> None:
        """Shift one packet. Call it for each packet of the stream, in the file's order."""
        self.look_at(packet)
        shift = self.shifts[-1]
        if shift:
            packet.pts = _moved(packet.pts, shift)
            packet.dts = _moved(packet.dts, shift)

    def look_at(self, packet: Packet[Any]) -> None:
        """Register one packet without shifting it."""
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
        """Continue elsewhere in the file, in a recording whose packets are shifted by `shift` ticks."""
        self.shifts.append(shift)
        self._newest = None


def _moved(ticks: int | None, shift: int) -> int | None:
    """Return a shifted time; None if it exceeds FFmpeg's range, which happens in damaged files only."""
    return None if ticks is None or abs(ticks + shift) > _MOST_TICKS else ticks + shift
