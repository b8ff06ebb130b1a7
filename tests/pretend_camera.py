"""A pretend virtual camera: a backend of pyvirtualcam that keeps what it is sent."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import numpy as np
import pyvirtualcam

from live_gradcam.frame import Pixels
from live_gradcam.sinks.virtual_camera import VirtualCamera

DEVICE = "Pretend Camera"


class PretendCamera:
    """What pyvirtualcam asks of a backend (`pyvirtualcam.Backend`); it takes only its own device, and BGR."""

    opened: ClassVar[list[PretendCamera]] = []
    """All that were opened, the last one last."""

    def __init__(self, *, width: int, height: int, fps: float, fourcc: int, device: str | None) -> None:
        if device != DEVICE:
            raise RuntimeError(f"there is only {DEVICE}. Look again.")
        self.size, self.fps, self.fourcc = (width, height), fps, fourcc
        self.pictures: list[Pixels] = []
        self.threads: set[str] = set()
        self.closed = 0
        self.fails = False
        self.goes_on = threading.Event()
        """Cleared: the device hangs."""
        self.goes_on.set()
        self.opened.append(self)

    def close(self) -> None:
        self.closed += 1

    def send(self, frame: Any) -> None:
        assert not self.closed
        self.goes_on.wait(20)
        if self.fails:
            raise OSError(19, "No such device")
        self.threads.add(threading.current_thread().name)
        width, height = self.size
        self.pictures.append(np.array(frame, np.uint8).reshape(height, width, 3))

    def device(self) -> str:
        return DEVICE

    def native_fourcc(self) -> int:
        return self.fourcc


def virtual_camera(size: tuple[int, int], fps: float | None = None) -> VirtualCamera:
    """Open the sink over a pretend camera, which is then the last of `PretendCamera.opened`."""
    pyvirtualcam.register_backend("pretend", PretendCamera)
    return VirtualCamera(size, fps, DEVICE)
