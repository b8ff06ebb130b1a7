"""Small videos and pictures that the tests make for themselves."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from live_gradcam.frame import Pixels

MILLISECOND = Fraction(1, 1000)


def shade(index: int) -> int:
    """Return the grey by which frame `index` of a clip is known, up to 29; then they begin again."""
    return 8 + 8 * (index % 30)


def index_of(pixels: Pixels) -> int:
    """Return which frame of a clip this is, from its middle."""
    height, width = pixels.shape[:2]
    return round((float(pixels[height // 2, width // 2].mean()) - 8) / 8)


def write_clip(
    path: Path,
    times_ms: Sequence[int],
    *,
    size: tuple[int, int] = (64, 48),
    codec: str = "libx264",
    turned: int = 0,
) -> Path:
    """Write a video whose frame i is the grey `shade(i)` with a white top left corner.

    Args:
        path: the file; its ending names the container.
        times_ms: when each frame is shown, in milliseconds.
        size: (width, height).
        codec: FFmpeg's name for it.
        turned: the rotation mark, degrees counter-clockwise.

    Returns:
        The path.
    """
    width, height = size
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        # AVI has a slot for each tick of its clock.
        clock = Fraction(1, 25) if path.suffix == ".avi" else MILLISECOND
        stream.time_base = stream.codec_context.time_base = clock
        if turned:
            stream.set_display_rotation(turned)
        for index, time_ms in enumerate(times_ms):
            pixels = np.full((height, width, 3), shade(index), np.uint8)
            pixels[: height // 4, : width // 4] = 255
            frame = av.VideoFrame.from_ndarray(pixels, format="bgr24")
            frame.pts, frame.time_base = round(time_ms * MILLISECOND / clock), clock
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def complaints(path: Path) -> str:
    """Return what ffprobe has to say against a file, all of which it decodes."""
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed")
    command = ["ffprobe", "-v", "warning", "-count_frames", "-show_streams", "-of", "json", str(path)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False).stderr


def made_by_ffmpeg(
    path: Path, *options: str, source: str = "testsrc2=s=64x48:r=25:d=1", again: str = ""
) -> Path:
    """Write a film with the ffmpeg command.

    Args:
        path: the file; its ending names the container.
        options: of the output.
        source: a source of FFmpeg's lavfi, or the name of a film.
        again: a second source, such as `sine=d=1`.

    Returns:
        The path.
    """
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    command = ["ffmpeg", "-v", "error", "-y"]
    for each in filter(None, (source, again)):
        command += ["-i", each] if Path(each).exists() else ["-f", "lavfi", "-i", each]
    subprocess.run([*command, *options, str(path)], check=True)
    return path


def bgr_by_ffmpeg(path: Path, size: tuple[int, int], *options: str) -> list[Pixels]:
    """Return the frames of a film as the ffmpeg command converts them; (width, height) is their size."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), *options, "-f", "rawvideo", "-pix_fmt", "bgr24", "-"]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    return list(np.frombuffer(data, np.uint8).reshape(-1, size[1], size[0], 3))
