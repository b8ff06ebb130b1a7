"""A receiver of streams, in a process of its own: it listens once, and keeps what arrives.

python stream_receiver.py ADDRESS FILE
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2  # noqa: F401 - before PyAV
import av
import numpy as np


class Receiver:
    """A process that receives one stream; `pictures` are those that it has decoded so far."""

    def __init__(self, address: str, file: Path) -> None:
        self._address, self._file = address, file

    def __enter__(self) -> Self:
        self._file.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, __file__, self._address, str(self._file)], stderr=subprocess.DEVNULL
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(10)

    @property
    def pictures(self) -> list[tuple[float, float, float, float, float]]:
        """Seconds in the stream, mean blue, green and red, and the width of each picture."""
        if not self._file.exists():
            return []
        lines = self._file.read_text().rpartition("\n")[0].splitlines()
        return [tuple(map(float, line.split())) for line in lines]  # type: ignore[misc]

    def wait(self) -> int:
        """Wait until the stream has ended, and return the exit status."""
        return self._process.wait(20)


def receive(address: str, file: Path) -> None:
    # `analyzeduration`: microseconds in which to look for sound, which FLV announces in any case.
    rtmp = {"listen": "1", "analyzeduration": "300000"}
    options = rtmp if address.startswith("rtmp") else {"timeout": "20000000"}
    while True:
        try:
            container = av.open(address, options=options)
            break
        except OSError:  # the port of the receiver before this one is not free yet
            time.sleep(0.1)
    # FFmpeg's listener says `Input/output error` at the end of every stream, also of one that ffmpeg itself sends.
    with container, file.open("w", buffering=1) as told, suppress(OSError):
        for frame in container.decode(video=0):
            blue, green, red = np.mean(frame.to_ndarray(format="bgr24"), (0, 1))
            assert frame.time is not None
            told.write(f"{frame.time:.4f} {blue:.1f} {green:.1f} {red:.1f} {frame.width}\n")


if __name__ == "__main__":
    receive(sys.argv[1], Path(sys.argv[2]))
