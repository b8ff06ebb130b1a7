"""Key frames of transport and program streams, which have no index and may be joined."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av.error

from live_gradcam.media_file import open_container
from live_gradcam.timeline import Timeline

INDEXED = frozenset({"mpegts", "mpeg"})
"""FFmpeg's names of the formats that have no index and in which any byte offset can be sought."""

SEARCH_SECONDS = 2.0
"""How long a file is searched for key frames."""
LENGTH_SECONDS = 0.3
"""How long a file is searched for its length."""


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A position where decoding can begin."""

    moment: float
    """When it is shown, in seconds of the file's continuous clock."""

    position: int
    """Byte offset of its beginning, or a little before it."""

    shift: int
    """Shift of its recording in ticks; see `Timeline`."""


def keyframes_of(path: Path, index: int, *, search_seconds: float = SEARCH_SECONDS) -> list[Keyframe] | None:
    """Search a file for the key frames of one stream, without decoding.

    Args:
        path: the file.
        index: of the stream.
        search_seconds: how long to search.

    Returns:
        The key frames in order, or those found in time. None if not all were found and the file is not known to be
        joined: then FFmpeg can seek in it.
    """
    found: list[Keyframe] = []
    until = time.monotonic() + search_seconds
    try:
        with open_container(path) as container:
            stream = container.streams[index]
            timeline = Timeline(container, stream)
            position: int | None = None
            recording = 0
            for packet in container.demux(stream):
                timeline.place(packet)
                if timeline.recording != recording:
                    recording, position = timeline.recording, None
                position = packet.pos if packet.pos is not None else position
                moment = packet.pts if packet.pts is not None else packet.dts
                if packet.is_keyframe and packet.size and position is not None and moment is not None:
                    seconds = float(moment * timeline.clock)
                    found.append(Keyframe(seconds, position, timeline.shifts[-1]))
                if time.monotonic() > until:
                    return found if timeline.joined else None
    except (av.error.FFmpegError, OSError):
        return found or None
    return found


def length_of(path: Path, index: int, *, search_seconds: float = LENGTH_SECONDS) -> float | None:
    """Return a film's duration, with joined recordings added up, without decoding.

    FFmpeg subtracts the first time from the last one, which is wrong if the clock restarts.

    Args:
        path: the file.
        index: of the stream.
        search_seconds: how long to search.

    Returns:
        Seconds; None if the whole file could not be read in that time, or no packet has a time.
    """
    until = time.monotonic() + search_seconds
    begin: int | None = None
    end = 0
    try:
        with open_container(path) as container:
            stream = container.streams[index]
            timeline = Timeline(container, stream)
            for packet in container.demux(stream):
                timeline.place(packet)
                if time.monotonic() > until:
                    return None
                if packet.pts is None or not packet.size:
                    continue
                begin = packet.pts if begin is None else min(begin, packet.pts)
                end = max(end, packet.pts + (packet.duration or 0))
            return None if begin is None else float((end - begin) * timeline.clock)
    except (av.error.FFmpegError, OSError):
        return None
