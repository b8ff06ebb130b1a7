"""A media file opened with FFmpeg: which formats are admitted, and the stream of pictures that a player shows."""

from __future__ import annotations

from pathlib import Path

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av
import av.container
from av.stream import Disposition

FORMATS = (
    # What phones, cameras, browsers and editors write.
    (
        "mov,mp4,m4a,3gp,3g2,mj2",
        "matroska,webm",
        "avi",
        "mpegts",
        "mpeg",
        "flv",
        "live_flv",
        "kux",
        "asf",
        "asf_o",
    )
    + (
        "ogg",
        "rm",
        "wtv",
        "mxf",
        "gxf",
        "nut",
        "nuv",
        "nsv",
        "dv",
        "dhav",
        "amv",
        "gif",
        "apng",
        "swf",
        "iv8",
        "ty",
    )
    # A codec's data without a container.
    + (
        "h261",
        "h263",
        "h264",
        "hevc",
        "vvc",
        "evc",
        "av1",
        "obu",
        "ivf",
        "m4v",
        "mpegvideo",
        "vc1",
        "vc1test",
    )
    + (
        "cavsvideo",
        "avs2",
        "avs3",
        "dirac",
        "dnxhd",
        "mjpeg",
        "mjpeg_2000",
        "mpjpeg",
        "smjpeg",
        "yuv4mpegpipe",
    )
    # Games and old computers.
    + ("4xm", "bink", "film_cpk", "flic", "roq", "smk", "ipmovie", "idcin", "cine", "ser", "mlv")
    # One picture, known by its content.
    + ("bmp_pipe", "dds_pipe", "dpx_pipe", "exr_pipe", "hdr_pipe", "j2k_pipe", "jpeg_pipe", "jpegls_pipe")
    + ("jpegxl_anim", "jpegxl_pipe", "pam_pipe", "pbm_pipe", "pcx_pipe", "pfm_pipe", "pgm_pipe", "png_pipe")
    + ("ppm_pipe", "psd_pipe", "qoi_pipe", "sgi_pipe", "sunrast_pipe", "tiff_pipe", "webp_pipe", "xwd_pipe")
    # Sound alone: so that it can be called what it is.
    + (
        "mp3",
        "aac",
        "ac3",
        "eac3",
        "flac",
        "wav",
        "w64",
        "aiff",
        "amr",
        "caf",
        "au",
        "opus",
        "ape",
        "wv",
        "dts",
    )
)
"""FFmpeg's names of the formats that are opened. Text, subtitles, playlists and lists of other files are not among
them: FFmpeg would draw the first and follow the others to wherever they point."""

MOST_PIXELS = 1 << 26
"""Pixels of one picture: 8192×8192. A header may claim anything, and memory is taken before the content is read."""

RAW_FORMATS = {".mjpeg": "mjpeg", ".mjpg": "mjpeg"}
"""Endings whose format FFmpeg would guess wrong: it takes JPEGs one behind the other for pictures of 4096 bytes."""

_NO_TIMESTAMPS = 0x0080
"""FFmpeg's AVFMT_NOTIMESTAMPS: a format holds no times."""

_NO_FILM = Disposition.attached_pic | Disposition.timed_thumbnails


def open_container(path: str | Path, *, timeout: float | None = None) -> av.container.InputContainer:
    """Open a film or a sound file; nothing but the file itself, or the address itself, is read.

    Args:
        path: the file, or its http(s) address.
        timeout: seconds that a server has to answer; None for files.

    Raises:
        av.FFmpegError: it cannot be opened, or is of another format.
    """
    remote = "://" in str(path)
    # Absolute, for FFmpeg takes what stands before a colon as the name of a protocol.
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
        metadata_errors="replace",  # titles in old files are in any encoding
    )
    for stream in container.streams.video:
        if stream.codec_context is not None:
            stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    return container


def picture_stream(container: av.container.InputContainer) -> av.VideoStream | None:
    """Return the stream that a player shows: the one marked default, then the largest, then the first.

    Cover pictures and thumbnails are never it.

    Returns:
        The stream; None where there is none.
    """
    films = [
        stream
        for stream in container.streams.video
        if stream.codec_context is not None and not stream.disposition & _NO_FILM
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
    """Return when a film's first picture is shown, in seconds of the file's own clock; None where it has no clock.

    The stream's own start will not do: a broadcast that was cut begins with packets that nothing can be made of.

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
    """When frames are shown, from the times that the file gives them: as FFmpeg's `best_effort_timestamp`.

    Where presentation times go back, decoding times are used. AVI has decoding times only, and the others that FFmpeg
    calculates from them are wrong where pictures are reordered. A codec's data without a container has none at all.

    Args:
        container: the file.
    """

    def __init__(self, container: av.container.InputContainer) -> None:
        self._timeless = is_timeless(container)
        self._decoding_only = container.format.name == "avi"
        self._faults_pts = self._faults_dts = 0
        self._last_pts = self._last_dts = -(1 << 63)

    def moment(self, frame: av.VideoFrame) -> float | None:
        """Return when a frame is shown, in seconds; to be asked once about each, in order. None: it is not told."""
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
    """Tell whether a file is of a format that holds no times, so that a rate has to be assumed."""
    return bool(container.format.flags & _NO_TIMESTAMPS)


def _raw_format(path: str | Path) -> str | None:
    """Return the format to be forced on a file; None: FFmpeg finds it."""
    forced = None if "://" in str(path) else RAW_FORMATS.get(Path(path).suffix.lower())
    if forced is None:
        return None
    with Path(path).open("rb") as opened:
        return forced if opened.read(2) == b"\xff\xd8" else None
