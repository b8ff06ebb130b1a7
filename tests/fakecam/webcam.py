"""Build the pretend webcam, give it pictures, and start programs that see it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from live_gradcam.frame import Pixels

SOURCE = Path(__file__).with_name("fakecam.c")
SIZES = ((640, 480), (1280, 720))


@dataclass(frozen=True, slots=True)
class PretendWebcam:
    """What a process needs to find a camera at /dev/video0."""

    library: Path
    frames: Path

    def environment(
        self, *, control: Path | None = None, log: Path | None = None, frames: Path | None = None
    ) -> dict[str, str]:
        """Return the environment for a process that is to see the webcam.

        Args:
            control: file whose word says what happens to it: plug, unplug, stall, busy, denied, slowopen, corrupt,
                slow.
            log: file to which a line is added for everything the process asks for.
            frames: folder to show instead of the usual one, filled by `write_frames`.
        """
        environment = {
            **os.environ,
            "LD_PRELOAD": str(self.library),
            "FAKECAM_DIR": str(frames or self.frames),
        }
        if control is not None:
            environment["FAKECAM_CTL"] = str(control)
        if log is not None:
            environment["FAKECAM_LOG"] = str(log)
        return environment


def build(compiler: str, folder: Path) -> Path:
    """Compile the library into a folder and return its path."""
    library = folder / "fakecam.so"
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl", "-lpthread"]
    subprocess.run(command, check=True)
    return library


def write_frames(
    folder: Path, pictures: Sequence[Pixels], sizes: Sequence[tuple[int, int]] = SIZES, *, raw: bool = True
) -> Path:
    """Write the frames that the webcam shows in turn, for each of its sizes and pixel formats.

    Args:
        folder: where to; made if need be.
        pictures: (H, W, 3) uint8 BGR; each is scaled to fill the frame and cut at the edges.
        sizes: (width, height) of what it can do: 640×480, 1280×720 and, compressed only, 1920×1080.
        raw: whether it has uncompressed pictures too.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for width, height in sizes:
        shown = [_filling(picture, width, height) for picture in pictures]
        stem = f"frames-{width}x{height}"
        if raw:
            yuyv = [cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_YUY2).tobytes() for picture in shown]
            (folder / f"{stem}.yuyv").write_bytes(b"".join(yuyv))
        compressed = [cv2.imencode(".jpg", picture)[1].tobytes() for picture in shown]
        (folder / f"{stem}.mjpg").write_bytes(b"".join(compressed))
        offsets = np.cumsum([0, *(len(picture) for picture in compressed)])
        offsets.astype(np.uint32).tofile(folder / f"{stem}.mjpg.idx")
    return folder


def panning(picture: Pixels, count: int) -> Iterable[Pixels]:
    """Yield parts of a picture as a hand that is not quite still would show it."""
    height, width = picture.shape[:2]
    margin = max(1, min(height, width) // 25)
    for k in range(count):
        x = round(margin * (0.5 + 0.5 * np.sin(2 * np.pi * k / count)))
        y = round(margin * (0.5 + 0.5 * np.cos(2 * np.pi * k / count)))
        yield picture[y : height - margin + y, x : width - margin + x]


def _filling(picture: Pixels, width: int, height: int) -> Pixels:
    scale = max(width / picture.shape[1], height / picture.shape[0])
    size = (max(width, round(picture.shape[1] * scale)), max(height, round(picture.shape[0] * scale)))
    scaled = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return np.ascontiguousarray(scaled[top : top + height, left : left + width], np.uint8)
