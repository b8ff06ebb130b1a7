"""Encoder: writes pictures to a video file that is playable at any moment."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from live_gradcam.escaping import shown
from live_gradcam.frame import Pixels
from live_gradcam.name_suggestions import nearest
from live_gradcam.sinks.codecs import Purpose, codec_for
from live_gradcam.sinks.letterbox import fitted
from live_gradcam.sinks.sound import Sound

_LOG = logging.getLogger(__name__)

CONTAINERS = {".mp4": "mp4", ".mkv": "matroska", ".webm": "webm"}
"""File name ending → FFmpeg's name of the container."""

# A killed process loses half a second; with an ordinary MP4 it would lose everything. Sound may begin a little before
# the first picture, whose time is 0. Its negative times are kept (`avoid_negative_ts`), and MP4's header is written
# after the first packets (`delay_moov`). In WebM all times are shifted instead, because browsers reject negative times.
# A silent track delays the others by a second at most, not by FFmpeg's default of ten.
_UNSHIFTED = {"avoid_negative_ts": "disabled"}
_CLUSTERS = {"cluster_time_limit": "500"}
_FRAGMENTS = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof+delay_moov",
    "frag_duration": "500000",
}
_OPTIONS = {
    "mp4": _FRAGMENTS | _UNSHIFTED,
    "matroska": _CLUSTERS | _UNSHIFTED,
    "webm": _CLUSTERS,
}
# Of a clip nothing is lost, because it gets its name when it is complete: an ordinary MP4, which slides and messengers
# take, with its index at the beginning.
_CLIP = {"movflags": "faststart"}
_COMMON = {"flush_packets": "1", "max_interleave_delta": "1000000"}
_CLOCK = 90_000
_KEYFRAME_EVERY = 60
_LAST_SHOWN_SECONDS = 1 / 25
# FFmpeg's number of BT.709 primaries and transfer; its matrix has the same number.
_BT709 = 1


def not_recordable(path: str | Path) -> str:
    """Return the error message for a recording with an unsupported ending; it suggests the nearest one."""
    path = Path(path)
    near = nearest(path.suffix, CONTAINERS, 1) or [".mp4"]
    hint = f" Did you mean {shown(path.with_suffix(near[0]))}?" if path.name else ""
    return f"cannot record to '{path}': the name must end in {', '.join(CONTAINERS)}.{hint}"


class Encoder:
    """Writes one video file, each picture at its own time: H.264 (VP9 in WebM), 4:2:0, BT.709. Not thread-safe.

    The video has the size of the first picture, made even; later pictures of another size get black borders.

    Args:
        path: the file, ending in one of `CONTAINERS`; an existing file is replaced.
        purpose: whether a software encoder may look ahead. A clip cannot be played before it is finished.
        audio_from: file whose audio tracks are copied for the duration of the recording. Tracks that the container
            cannot hold are left out with a warning.

    Raises:
        OSError, av.FFmpegError: it cannot be written; also from every method.
    """

    def __init__(self, path: Path, purpose: Purpose, *, audio_from: Path | None = None) -> None:
        kind = CONTAINERS[path.suffix.lower()]
        options = _COMMON | (_CLIP if purpose == "clip" and kind == "mp4" else _OPTIONS[kind])
        # An absolute path, because FFmpeg reads text before a colon as the name of a protocol.
        self._container = av.open(str(path.absolute()), "w", format=kind, options=options)
        self._format = kind
        self._purpose = purpose
        self._audio_from = audio_from
        self._stream: VideoStream | None = None
        self._reformatter = VideoReformatter()
        self._sound: Sound | None = None
        self._size = (0, 0)
        self._first_seconds = 0.0
        self._last_tick = 0
        self._last_ticks = round(_LAST_SHOWN_SECONDS * _CLOCK)

    @property
    def codec(self) -> str | None:
        """FFmpeg's name of the encoder, such as `libx264`; None before the first picture."""
        return None if self._stream is None else self._stream.codec_context.name

    def encode(self, picture: Pixels, seconds: float) -> float:
        """Append one picture.

        Args:
            picture: (H, W, 3) uint8 BGR.
            seconds: its time; the first picture's time becomes the file's zero. On any clock; with sound, seconds since
                the first picture of the sound's file. A time that does not increase is replaced by the next possible
                one.

        Returns:
            Its time in the file, in seconds.
        """
        if self._stream is None:
            self._stream = self._begin(picture, seconds)
            tick = 0
        else:
            tick = max(self._last_tick + 1, round((seconds - self._first_seconds) * _CLOCK))
            self._last_ticks = tick - self._last_tick
        self._last_tick = tick
        frame = VideoFrame.from_numpy_buffer(
            np.ascontiguousarray(fitted(picture, self._size)), format="bgr24"
        )
        # Tagging BT.709 without converting to it would make reds brighter.
        pixels = self._stream.pix_fmt
        how = Interpolation.FAST_BILINEAR if pixels == "yuv420p" else None  # gives the same pixels, faster
        frame = self._reformatter.reformat(
            frame, format=pixels, dst_colorspace=Colorspace.ITU709, interpolation=how, threads=1
        )
        frame.pts = tick
        frame.time_base = Fraction(1, _CLOCK)
        self._mux(self._stream.encode(frame))
        if self._sound is not None:
            self._sound.copy_until(tick / _CLOCK)
        return tick / _CLOCK

    def finish(self, *, last_shown: float | None = None) -> None:
        """Flush the encoder and close the file.

        Args:
            last_shown: duration of the last picture in seconds; None for that of the one before it.
        """
        if last_shown is not None:
            self._last_ticks = max(1, round(last_shown * _CLOCK))
        if self._stream is not None:
            self._mux(self._stream.encode(None))
        if self._sound is not None:
            self._sound.finish((self._last_tick + self._last_ticks) / _CLOCK)
        self._container.close()
        self._close_sound()

    def abandon(self) -> None:
        """Close the file after a failure, keeping what was written."""
        self._close_sound()
        try:
            self._container.close()
        except (OSError, av.FFmpegError):
            return  # the caller already has the first failure

    def _begin(self, picture: Pixels, seconds: float) -> VideoStream:
        height, width = picture.shape[:2]
        self._size = (width + width % 2, height + height % 2)  # 4:2:0 has no odd sizes
        self._first_seconds = seconds
        codec = codec_for(self._format, self._size, self._purpose)
        stream = self._container.add_stream(codec.name, rate=30)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        codec.prepare(context, self._size)
        context.time_base = Fraction(1, _CLOCK)
        context.gop_size = _KEYFRAME_EVERY
        context.colorspace = Colorspace.ITU709
        context.color_range = ColorRange.MPEG
        context.color_primaries = _BT709
        context.color_trc = _BT709
        if self._audio_from is not None:
            self._sound = _sound_of(self._audio_from, self._container, seconds)
        return stream

    def _mux(self, packets: list[Packet[VideoStream]]) -> None:
        for packet in packets:
            # A picture's duration is known only when the next one comes; players use the duration of the last one only.
            packet.duration = self._last_ticks
            self._container.mux(packet)

    def _close_sound(self) -> None:
        if self._sound is not None:
            self._sound.close()


def _sound_of(path: Path, container: OutputContainer, begins: float) -> Sound | None:
    try:
        return Sound(path, container, begins=begins)
    except (OSError, av.FFmpegError) as error:
        _LOG.warning("the sound of %s cannot be read (%s): it is left out.", shown(path.name), error.strerror)
        return None
