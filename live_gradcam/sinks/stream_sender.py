"""The sending process of a stream: encodes pictures from its standard input, and sends them to an address.

The parent runs `python -m live_gradcam.sinks.stream_sender`. A process of its own, because PyAV keeps Python's lock
while it connects: an address that does not answer would stop the whole program. The address comes through the input,
because a command line can be read by other users.

The input is one line of JSON, `{"address", "format", "width", "height"}`, and then for each picture its time in seconds
(a little-endian double) and its pixels (height × width × 3 bytes, BGR). The output is the line `connected` as soon as
pictures can be sent, and, before the process ends because of an error, its reason.
"""

from __future__ import annotations

import json
import signal
import struct
import sys
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from live_gradcam.frame import Pixels

TIME = struct.Struct("<d")
"""The time of a picture, in seconds."""

_CLOCK = 90_000
_BITS_PER_PIXEL = 0.12
"""3.3 Mbit/s for 1280×720 at 30 frames a second; the services ask for 3 to 4."""

_KEYFRAME_SECONDS = 2.0
"""What the services ask for: who joins sees a picture after two seconds at most."""

_BT709 = 1


def main() -> int:
    """Send what comes until the input ends; return 1 after an error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which then closes the input
    told = json.loads(sys.stdin.buffer.readline())
    size = (int(told["width"]), int(told["height"]))
    try:
        with av.open(told["address"], "w", format=told["format"]) as container:
            stream = _stream(container, size)
            container.start_encoding()
            print("connected", flush=True)  # noqa: T201 - the parent reads it
            _send(container, stream, _pictures(sys.stdin.buffer, size))
    except (OSError, av.FFmpegError) as error:
        print(error.strerror or type(error).__name__, flush=True)  # noqa: T201
        return 1
    return 0


def _stream(container: OutputContainer, size: tuple[int, int]) -> VideoStream:
    stream = container.add_stream("libx264", rate=30)
    assert isinstance(stream, VideoStream)
    context = stream.codec_context
    rate = round(_BITS_PER_PIXEL * size[0] * size[1] * 30)
    context.width, context.height = size
    context.pix_fmt = "yuv420p"
    context.time_base = Fraction(1, _CLOCK)
    context.max_b_frames = 0
    context.bit_rate = rate
    context.options = {
        **{"preset": "superfast", "tune": "zerolatency", "forced-idr": "1"},
        **{"maxrate": str(rate), "bufsize": str(rate)},
    }
    context.colorspace = Colorspace.ITU709
    context.color_range = ColorRange.MPEG
    context.color_primaries = context.color_trc = _BT709
    return stream


def _pictures(received: BinaryIO, size: tuple[int, int]) -> Iterator[tuple[float, Pixels]]:
    """Yield time and pixels of each picture until the input ends, also in the middle of one."""
    count = size[0] * size[1] * 3
    while len(head := received.read(TIME.size)) == TIME.size and len(data := received.read(count)) == count:
        yield TIME.unpack(head)[0], np.frombuffer(data, np.uint8).reshape(size[1], size[0], 3)


def _send(container: OutputContainer, stream: VideoStream, pictures: Iterator[tuple[float, Pixels]]) -> None:
    last_tick, key_at = -1, 0.0
    converter = VideoReformatter()  # a frame's own is made anew each time
    for seconds, pixels in pictures:
        frame = converter.reformat(
            VideoFrame.from_ndarray(pixels, format="bgr24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            threads=1,
        )
        last_tick = frame.pts = max(last_tick + 1, round(seconds * _CLOCK))
        frame.time_base = Fraction(1, _CLOCK)
        if seconds >= key_at:
            frame.pict_type = PictureType.I
            key_at = seconds + _KEYFRAME_SECONDS
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


if __name__ == "__main__":
    sys.exit(main())
