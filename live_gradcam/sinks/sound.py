"""Sound: copies the audio tracks of a file into a recording of its pictures."""

from __future__ import annotations

import errno
import logging
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av
import av.container
import av.error
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.packet import Packet

from live_gradcam.escaping import shown
from live_gradcam.media_file import Timeline, first_moment, open_container, picture_stream

_LOG = logging.getLogger(__name__)

# Sound that a decoder may need before the first audible packet. WebM cannot store it.
_RUN_IN_SECONDS = 0.1
# How far apart packets of the same time may be in a file.
_SCATTER_SECONDS = 1.0
_GRACE_SECONDS = 0.001
_MOST_HELD = 1024
"""Packets of sound that may wait for the pictures to reach their recording."""
_TAGS_KEPT = frozenset({"language", "title"})
_REFUSED = frozenset({errno.EINVAL, errno.EPERM})
"""FFmpeg's errors for an invalid packet, besides `InvalidDataError`; a full disk gives another error."""
_NEEDS_EXPERIMENTAL = {"mp4": frozenset({"truehd"})}
"""Container → codecs that FFmpeg lists as supported but refuses to write."""


class Sound:
    """Copies the packets of every audio track unchanged, in step with the pictures. Not thread-safe.

    A track that the container cannot hold is left out, with one warning. If the file joins several recordings, the
    sound of each is shifted like its pictures.

    Args:
        path: the file with the sound.
        container: the recording's container, before anything is written to it.
        begins: start of the recording, in seconds since the file's first picture.

    Raises:
        OSError, av.FFmpegError: the file cannot be read, or the container cannot be written.
    """

    def __init__(self, path: Path, container: av.container.OutputContainer, *, begins: float) -> None:
        start = first_moment(path)
        self._source = open_container(path)
        self._container = container
        self._tracks: dict[int, AudioStream] = {}
        self._unframed: dict[int, BitStreamFilterContext] = {}
        holds = container.supported_codecs - _NEEDS_EXPERIMENTAL.get(container.format.name, frozenset())
        for number, track in enumerate(self._source.streams.audio, 1):
            if track.codec_context.name in holds:
                copy = container.add_stream_from_template(track)
                copy.metadata.update({k: v for k, v in track.metadata.items() if k in _TAGS_KEPT})
                copy.disposition = track.disposition
                self._tracks[track.index] = copy
                if track.codec_context.name == "aac" and not track.codec_context.extradata:
                    # In a transport stream every packet has a header (ADTS), which other containers cannot store.
                    self._unframed[track.index] = BitStreamFilterContext("aac_adtstoasc", track)
            else:
                _LOG.warning(
                    "audio track %d of %s is %s, which %s cannot hold: it is left out.%s",
                    number,
                    shown(path.name),
                    track.codec_context.codec.canonical_name,
                    container.format.long_name,
                    "" if container.format.name == "matroska" else " A name that ends in .mkv keeps most.",
                )
        pictures = picture_stream(self._source)
        self._pictures = None if pictures is None else pictures.index
        self._timelines = {
            stream.index: Timeline(self._source, stream)
            for stream in self._source.streams
            if stream.index in self._tracks or stream.index == self._pictures
        }
        self._held: deque[tuple[Packet[Any], int]] = deque()
        self._reached: dict[int, int] = {}
        self._zero = (start or 0.0) + begins
        self._run_in = 0.0 if container.format.name == "webm" else _RUN_IN_SECONDS
        self._newest_picture = 0.0
        self._packets = self._demux()
        self._ahead: Packet[Any] | None = None

    def copy_until(self, seconds: float) -> None:
        """Copy the sound up to a time.

        Args:
            seconds: since the beginning of the recording.
        """
        while (packet := self._next()) is not None:
            if self._time(packet) > seconds:
                self._ahead = packet
                return
            self._copy(packet)

    def finish(self, seconds: float) -> None:
        """Copy the sound up to the end of the recording; all the rest if the file's last picture is recorded.

        Args:
            seconds: duration of the recording.
        """
        rest: list[Packet[Any]] = []
        while self._newest_picture < seconds + _SCATTER_SECONDS and (packet := self._next()) is not None:
            rest.append(packet)
        ends_early = self._newest_picture > seconds - _GRACE_SECONDS
        for packet in rest:
            if not ends_early or self._time(packet) < seconds:
                self._copy(packet)

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def _next(self) -> Packet[Any] | None:
        """Return the next packet of sound, on the pictures' clock; packets of pictures only move the clock."""
        packet, self._ahead = self._ahead, None
        if packet is not None:
            return packet
        while True:
            if self._held and (self._joined(self._held[0][1]) or len(self._held) > _MOST_HELD):
                return self._placed(*self._held.popleft())
            packet = next(self._packets, None)
            if packet is None:
                return self._placed(*self._held.popleft()) if self._held else None
            timeline = self._timelines[packet.stream.index]
            if packet.stream.index == self._pictures:
                timeline.place(packet)
                self._newest_picture = max(self._newest_picture, self._time(packet))
            else:
                timeline.look_at(packet)
                self._held.append((packet, timeline.recording))

    def _joined(self, recording: int) -> bool:
        """Return whether the pictures have reached one of the joined recordings."""
        return self._pictures is None or self._timelines[self._pictures].recording >= recording

    def _placed(self, packet: Packet[Any], recording: int) -> Packet[Any]:
        """Shift a packet of sound like the pictures of its recording, or by its own clock without pictures."""
        own = self._timelines[packet.stream.index]
        shift = own.shifts[recording]
        if self._pictures is not None and self._joined(recording):
            pictures = self._timelines[self._pictures]
            shift = round(pictures.shifts[recording] * pictures.clock / own.clock)
        if shift:
            packet.pts, packet.dts = (packet.pts or 0) + shift, (packet.dts or 0) + shift
        return packet

    def _demux(self) -> Iterator[Packet[Any]]:
        """Yield the readable packets of the wanted tracks; damage ends them."""
        if not self._tracks:
            return
        wanted = [*self._tracks, *([] if self._pictures is None else [self._pictures])]
        try:
            for packet in self._source.demux(*(self._source.streams[index] for index in wanted)):
                if packet.pts is not None and packet.dts is not None:
                    yield packet
        except av.FFmpegError:
            return

    def _time(self, packet: Packet[Any]) -> float:
        """Return a packet's time in seconds since the beginning of the recording."""
        return float((packet.pts or 0) * packet.time_base) - self._zero

    def _copy(self, packet: Packet[Any]) -> None:
        ends = self._time(packet) + float((packet.duration or 0) * packet.time_base)
        if ends <= -self._run_in:
            return
        offset = round(self._zero / float(packet.time_base))
        packet.pts = (packet.pts or 0) - offset
        packet.dts = (packet.dts or 0) - offset
        if packet.dts <= self._reached.get(packet.stream.index, packet.dts - 1):
            return  # at a joint the sound of one recording may be longer than its pictures
        self._reached[packet.stream.index] = packet.dts
        track = packet.stream.index
        try:
            unframed = self._unframed.get(track)
            for each in [packet] if unframed is None else unframed.filter(packet):
                each.stream = self._tracks[track]
                self._container.mux(each)
        except av.FFmpegError as error:
            if not (error.errno in _REFUSED or isinstance(error, av.error.InvalidDataError)):
                raise
            _LOG.warning("a piece of the sound is left out: %s", error.strerror)
