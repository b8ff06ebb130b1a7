"""The encoder: pictures in, an H.264 file out that can be played at any moment."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Literal

import cv2
import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from live_gradcam.frame import Pixels

Preset = Literal["superfast", "veryfast"]
"""x264's effort: at 1280×720 on two cores 7.4 ms at 2.0 Mbit/s, or 9.1 ms at 1.3 Mbit/s."""

CONTAINERS = {".mp4": "mp4", ".mkv": "matroska"}
"""File name extension → FFmpeg's name of the container."""

# Half a second is all that a killed process loses: an ordinary MP4 would lose everything.
_OPTIONS = {
    "mp4": {
        "movflags": "frag_keyframe+empty_moov+default_base_moof",
        "frag_duration": "500000",
        "flush_packets": "1",
    },
    "matroska": {"flush_packets": "1", "cluster_time_limit": "500"},
}
_CLOCK = 90_000
_QUALITY = "20"
_KEYFRAME_EVERY = 60
_LAST_SHOWN_SECONDS = 1 / 25
# FFmpeg's number for BT.709 primaries and transfer; its matrix has the same number.
_BT709 = 1


class Encoder:
    """Writes one file: H.264, yuv420p, BT.709, every picture at its own time. Not thread-safe.

    The size of the first picture, made even, is the size of the video; later pictures of another size are fitted
    in with black borders.

    Args:
        path: file to write; it is replaced.
        preset: how much effort is spent on a small file.

    Raises:
        OSError, av.FFmpegError: it could not be written; also from every method.
    """

    def __init__(self, path: Path, preset: Preset) -> None:
        container_format = CONTAINERS[path.suffix.lower()]
        self._container = av.open(str(path), "w", format=container_format, options=_OPTIONS[container_format])
        self._preset = preset
        self._stream: VideoStream | None = None
        self._size = (0, 0)
        self._first_seconds = 0.0
        self._last_tick = 0
        self._last_ticks = round(_LAST_SHOWN_SECONDS * _CLOCK)

    def encode(self, picture: Pixels, seconds: float) -> None:
        """Append one picture.

        Args:
            picture: (H, W, 3) uint8 BGR.
            seconds: its place in time, on any clock; the first picture's is the file's zero. One that doesn't
                come after the picture before it is put right behind it.
        """
        if self._stream is None:
            self._stream = self._begin(picture, seconds)
            tick = 0
        else:
            tick = max(self._last_tick + 1, round((seconds - self._first_seconds) * _CLOCK))
            self._last_ticks = tick - self._last_tick
        self._last_tick = tick
        frame = VideoFrame.from_ndarray(self._fitted(picture), format="bgr24")
        # Tagging BT.709 alone would not convert to it: reds would come back brighter.
        frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
        frame.pts = tick
        frame.time_base = Fraction(1, _CLOCK)
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def finish(self) -> None:
        """Write what is still in the encoder and close the file."""
        if self._stream is not None:
            packets = self._stream.encode(None)
            if packets:
                packets[-1].duration = self._last_ticks  # or the last picture would be over at once
            for packet in packets:
                self._container.mux(packet)
        self._container.close()

    def abandon(self) -> None:
        """Close the file after a failure; what was written stays."""
        try:
            self._container.close()
        except (OSError, av.FFmpegError):
            return  # it failed before, for the reason that the caller already has

    def _begin(self, picture: Pixels, seconds: float) -> VideoStream:
        height, width = picture.shape[:2]
        self._size = (width + width % 2, height + height % 2)  # libx264 refuses odd sizes
        self._first_seconds = seconds
        options = {"crf": _QUALITY, "preset": self._preset}
        stream = self._container.add_stream("libx264", rate=30, options=options)
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        codec = stream.codec_context
        codec.time_base = Fraction(1, _CLOCK)
        codec.gop_size = _KEYFRAME_EVERY
        codec.max_b_frames = 0  # with them a fragmented MP4 would begin later than zero
        codec.colorspace = Colorspace.ITU709
        codec.color_range = ColorRange.MPEG
        codec.color_primaries = _BT709
        codec.color_trc = _BT709
        return stream

    def _fitted(self, picture: Pixels) -> Pixels:
        """Return the picture at the video's size: an odd edge repeated, another size within black borders."""
        width, height = self._size
        rows, columns = picture.shape[:2]
        if (columns, rows) == self._size:
            return picture
        kind = cv2.BORDER_REPLICATE
        if not (width - columns in (0, 1) and height - rows in (0, 1)):
            kind = cv2.BORDER_CONSTANT
            scale = min(width / columns, height / rows)
            inner = (max(1, round(columns * scale)), max(1, round(rows * scale)))
            shrinking = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            picture = np.asarray(cv2.resize(picture, inner, interpolation=shrinking), dtype=np.uint8)
            columns, rows = inner
        left, top = (width - columns) // 2, (height - rows) // 2
        return np.asarray(
            cv2.copyMakeBorder(picture, top, height - rows - top, left, width - columns - left, kind),
            dtype=np.uint8,
        )
