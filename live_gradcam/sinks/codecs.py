"""Codecs: the encoders of videos with their settings, and which of them work on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av
from av.codec.codec import UnknownCodecError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

Purpose = Literal["live", "file", "clip"]
"""A recording of a camera must not delay or lose a picture; a file may look ahead, so it is smaller. A clip is written
at once, while something else runs, so it uses one thread."""

Size = tuple[int, int]
"""(width, height) in pixels, both even."""


@dataclass(frozen=True, slots=True)
class Codec:
    """An encoder and its settings."""

    name: str
    """FFmpeg's name of the encoder."""

    pixel_format: str
    """Its input format: a layout of 4:2:0."""

    options: tuple[tuple[str, str], ...]
    """FFmpeg's options."""

    bits_per_pixel: float | None = None
    """Bit rate for encoders without a constant quality; None for others."""

    def prepare(self, context: VideoCodecContext, size: Size) -> None:
        """Set up a context of this codec, except its clock and colours."""
        context.width, context.height = size
        context.pix_fmt = self.pixel_format
        context.options = dict(self.options)
        context.max_b_frames = 0  # B-frames delay pictures, which are lost if the program dies
        if self.bits_per_pixel is not None:
            context.bit_rate = round(self.bits_per_pixel * size[0] * size[1] * 30)


# All of them accept NV12; QSV accepts nothing else. B-frames are off, as for all codecs.
_HARDWARE = (
    Codec("h264_nvenc", "nv12", (("preset", "p4"), ("rc", "vbr"), ("cq", "23"))),
    Codec("h264_qsv", "nv12", (("preset", "fast"), ("global_quality", "23"))),
    Codec("h264_amf", "nv12", (("rc", "cqp"), ("qp_i", "22"), ("qp_p", "24"))),
    Codec("h264_videotoolbox", "nv12", (("allow_sw", "0"), ("realtime", "1")), bits_per_pixel=0.12),
)

# Realtime VP9 delays no picture (SVT-AV1 delays dozens by default), is as fast as x264, plays in every browser, and
# prints nothing.
_VP9 = (("deadline", "realtime"), ("row-mt", "1"), ("tile-columns", "2"), ("lag-in-frames", "0"))
_VP9_SPEED: dict[Purpose, str] = {"live": "8", "file": "6", "clip": "6"}

# No delay for cameras, at no cost: with 5 pictures a second, a killed program would otherwise lose a second. Files get
# what makes them as small as the preset `veryfast` does, in 0.6 of its time and with 0.2 to 0.4 dB less.
_X264_TUNE: dict[Purpose, tuple[tuple[str, str], ...]] = {
    "live": (("tune", "zerolatency"),),
    "file": (("x264-params", "mbtree=1:rc-lookahead=10"),),
    "clip": (("x264-params", "mbtree=1:rc-lookahead=10:threads=1"),),
}


def codec_for(container_format: str, size: Size, purpose: Purpose) -> Codec:
    """Return the codec for a container: VP9 in WebM, otherwise H.264, in hardware if that works.

    Args:
        container_format: FFmpeg's name of the container.
        size: (width, height) of the video in pixels.
        purpose: whether a software encoder may look ahead.
    """
    if container_format == "webm":
        return Codec(
            "libvpx-vp9", "yuv420p", (*_VP9, ("cpu-used", _VP9_SPEED[purpose]), ("crf", "28"), ("b", "0"))
        )
    hardware = next((codec for codec in _HARDWARE if _works(codec, size)), None)
    return hardware or Codec(
        "libx264", "yuv420p", (("crf", "20"), ("preset", "superfast"), *_X264_TUNE[purpose])
    )


@lru_cache(maxsize=16)
def _works(codec: Codec, size: Size) -> bool:
    """Return whether an encoder works here: FFmpeg lists encoders without the hardware, or not for this size.

    Without the hardware the test takes a millisecond.
    """
    try:
        context = av.CodecContext.create(codec.name, "w")
        if not isinstance(context, VideoCodecContext):
            return False
        codec.prepare(context, size)
        context.time_base = Fraction(1, 30)
        context.framerate = Fraction(30)
        picture = VideoFrame(*size, codec.pixel_format)
        picture.pts = 0
        return bool([*context.encode(picture), *context.encode(None)])
    except (UnknownCodecError, av.FFmpegError, OSError, ValueError):
        return False
