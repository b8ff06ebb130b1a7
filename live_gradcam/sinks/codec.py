"""Codecs: the encoder for a video, and its settings."""

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

Preset = Literal["superfast", "veryfast"]
"""x264's effort: at 1280×720 on two cores 7.4 ms at 2.0 Mbit/s, or 9.1 ms at 1.3 Mbit/s."""

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
_VP9_SPEED: dict[Preset, str] = {"superfast": "8", "veryfast": "6"}

# No delay for cameras, at no cost: with 5 pictures a second, a killed program would otherwise lose a second.
_X264_TUNE: dict[Preset, tuple[tuple[str, str], ...]] = {
    "superfast": (("tune", "zerolatency"),),
    "veryfast": (),
}


def codec_for(container_format: str, size: Size, preset: Preset) -> Codec:
    """Return the codec for a container: VP9 in WebM, otherwise H.264, in hardware if that works.

    Args:
        container_format: FFmpeg's name of the container.
        size: of the video.
        preset: the effort of a software encoder.
    """
    if container_format == "webm":
        return Codec(
            "libvpx-vp9", "yuv420p", (*_VP9, ("cpu-used", _VP9_SPEED[preset]), ("crf", "28"), ("b", "0"))
        )
    hardware = next((codec for codec in _HARDWARE if _works(codec, size)), None)
    return hardware or Codec("libx264", "yuv420p", (("crf", "20"), ("preset", preset), *_X264_TUNE[preset]))


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
