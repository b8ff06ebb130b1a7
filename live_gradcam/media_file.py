"""Media files opened with FFmpeg: the admitted formats, the stream that a player shows, and the times of its frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av
import av.container
from av.packet import Packet
from av.stream import Disposition

_FORMAT_NAMES = (
    # Written by phones, cameras, browsers and editors.
    "mov,mp4,m4a,3gp,3g2,mj2 matroska,webm avi mpegts mpeg flv live_flv kux asf asf_o ogg rm wtv mxf gxf nut "
    "nuv nsv dv dhav amv gif apng swf iv8 ty "
    # A codec's data without a container.
    "h261 h263 h264 hevc vvc evc av1 obu ivf m4v mpegvideo vc1 vc1test cavsvideo avs2 avs3 dirac dnxhd mjpeg "
    "mjpeg_2000 mpjpeg smjpeg yuv4mpegpipe "
    # Games and old computers.
    "4xm bink film_cpk flic roq smk ipmovie idcin cine ser mlv "
    # Single pictures, recognised by their content.
    "bmp_pipe dds_pipe dpx_pipe exr_pipe hdr_pipe j2k_pipe jpeg_pipe jpegls_pipe jpegxl_anim jpegxl_pipe "
    "pam_pipe pbm_pipe pcx_pipe pfm_pipe pgm_pipe png_pipe ppm_pipe psd_pipe qoi_pipe sgi_pipe sunrast_pipe "
    "tiff_pipe webp_pipe xwd_pipe "
    # Sound alone, so that the error message can name it.
    "mp3 aac ac3 eac3 flac wav w64 aiff amr caf au opus ape wv dts"
)
FORMATS = tuple(_FORMAT_NAMES.split())
"""FFmpeg's names of the formats that are opened. Text, subtitles, playlists and lists of files are excluded: FFmpeg
would render the first two and follow the others to any place they name."""

MOST_PIXELS = 1 << 26
"""Pixels of one picture: 8192×8192. A header may claim any size, and memory is allocated before the content is read."""

RAW_FORMATS = {".mjpeg": "mjpeg", ".mjpg": "mjpeg"}
"""File name endings whose format FFmpeg guesses wrong: it reads concatenated JPEGs as pictures of 4096 bytes."""

_NO_TIMESTAMPS = 0x0080
"""FFmpeg's AVFMT_NOTIMESTAMPS: the format stores no times."""

COVER = Disposition.attached_pic | Disposition.timed_thumbnails
"""Marks of streams that are no film: cover pictures and thumbnails."""

_FASTEST = 1000
"""Largest frame rate that is believed, in frames per second."""

_MEASURED = 64
"""Pictures whose times are compared to measure a rate."""

_OF_MILLISECONDS = frozenset({"matroska,webm", "flv"})
"""FFmpeg's names of formats whose clock has nothing to do with the frame rate."""

_RATE_TIMEOUT = 4.0
"""Seconds that a server has to send the beginning of a film."""


def open_container(path: str | Path, *, timeout: float | None = None) -> av.container.InputContainer:
    """Open a film or a sound file. FFmpeg reads only this file or address, no other that it refers to.

    Args:
        path: the file, or its http(s) address.
        timeout: seconds that a server has to answer; None for files.

    Raises:
        av.FFmpegError: it cannot be opened, or its format is not admitted.
    """
    remote = "://" in str(path)
    # An absolute path, because FFmpeg reads text before a colon as the name of a protocol.
    name = str(path) if remote else str(Path(path).absolute())
    options = {
        "format_whitelist": ",".join(FORMATS),
        "protocol_whitelist": "http,https,httpproxy,tcp,tls" if remote else "file",
    }
    container = av.open(
        name,
        format=_raw_format(path),
        container_options=options,
        timeout=timeout,
        metadata_errors="replace",  # titles in old files have any encoding
    )
    for stream in container.streams.video:
        if stream.codec_context is not None:
            stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    return container


def picture_stream(container: av.container.InputContainer) -> av.VideoStream | None:
    """Return the stream that a player shows: the one marked default, else the largest, else the first.

    Cover pictures and thumbnails are ignored.

    Returns:
        The stream; None if there is none.
    """
    films = [
        stream
        for stream in container.streams.video
        if stream.codec_context is not None and not stream.disposition & COVER
    ]
    return max(
        films,
        key=lambda stream: (
            bool(stream.disposition & Disposition.default),
            stream.width * stream.height,
            -stream.index,
        ),
        default=None,
    )


def first_moment(path: Path) -> float | None:
    """Return when a film's first picture is shown, in seconds of the file's own clock; None if it has no clock.

    The stream's start time is not enough: a broadcast that was cut begins with packets that cannot be decoded.

    Raises:
        OSError, av.FFmpegError: it cannot be opened.
    """
    with open_container(path) as container:
        stream = picture_stream(container)
        if stream is None:
            return None
        stream.thread_type = "SLICE"
        clock = FrameClock(container)
        try:
            for packet in container.demux(stream):
                try:
                    frames = stream.decode(packet)
                except av.FFmpegError:
                    continue
                if frames:
                    return clock.moment(frames[0])
        except av.FFmpegError:
            return None
    return None


class FrameClock:
    """Computes when frames are shown, as FFmpeg's `best_effort_timestamp` does.

    Where presentation times go back, decoding times are used. AVI stores decoding times only; the presentation times
    that FFmpeg computes for it are wrong where frames are reordered. A codec's data without a container has no times.

    Args:
        container: the file.
    """

    def __init__(self, container: av.container.InputContainer) -> None:
        self._timeless = is_timeless(container)
        self._decoding_only = container.format.name == "avi"
        self._faults_pts = self._faults_dts = 0
        self._last_pts = self._last_dts = -(1 << 63)

    def moment(self, frame: av.VideoFrame) -> float | None:
        """Return when a frame is shown, in seconds; None if unknown. Call it once for each frame, in order."""
        pts, dts = frame.pts, frame.dts
        if dts is not None:
            self._faults_dts += dts <= self._last_dts
            self._last_dts = dts
        if pts is not None:
            self._faults_pts += pts <= self._last_pts
            self._last_pts = pts
        best = pts if pts is not None and (dts is None or self._faults_pts <= self._faults_dts) else dts
        if self._decoding_only:
            best = dts
        if best is None or frame.time_base is None or self._timeless:
            return None
        return frame.time if best == pts else float(best * frame.time_base)


def is_timeless(container: av.container.InputContainer) -> bool:
    """Return whether a file's format stores no times, so that a frame rate must be assumed."""
    return bool(container.format.flags & _NO_TIMESTAMPS)


def rate_of(container: av.container.InputContainer, stream: av.VideoStream) -> float | None:
    """Return a film's frames per second according to the file or, in a file without times, its codec; None if unknown.

    Matroska and FLV count milliseconds and need no rate. FFmpeg then gives 1000 frames a second, one for each tick, so
    the rate is measured.
    """
    average = stream.average_rate
    if average is None or not 0 < average <= _FASTEST or is_timeless(container):
        return float(stream.guessed_rate) if stream.guessed_rate else None
    if container.format.name in _OF_MILLISECONDS and average * (stream.time_base or 0) == 1:
        return _measured_rate(container.name, stream.index)
    return float(average)


def _measured_rate(path: str, index: int) -> float | None:
    """Return how many frames of a stream there are in a second, by the times of its first ones; None if unknown."""
    moments: list[int] = []
    try:
        with open_container(path, timeout=_RATE_TIMEOUT if "://" in path else None) as container:
            stream = container.streams[index]
            for packet in container.demux(stream):
                if packet.pts is not None and packet.size:
                    moments.append(packet.pts)
                if len(moments) == _MEASURED:
                    break
            seconds = float((max(moments, default=0) - min(moments, default=0)) * (stream.time_base or 0))
    except (av.FFmpegError, OSError):
        return None
    return (len(moments) - 1) / seconds if seconds > 0 else None


def _raw_format(path: str | Path) -> str | None:
    """Return the format to force on a file; None to let FFmpeg detect it."""
    forced = None if "://" in str(path) else RAW_FORMATS.get(Path(path).suffix.lower())
    if forced is None:
        return None
    with Path(path).open("rb") as opened:
        return forced if opened.read(2) == b"\xff\xd8" else None


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

    A packet whose decoding time is earlier than its predecessor's, or much later, begins another recording: it is
    placed directly after the previous packet, and all later packets are shifted by the same amount.

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
