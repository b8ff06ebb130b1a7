"""The memory of the server's process: how much may be used, how much is, and giving back what is free."""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path

import psutil

from live_gradcam.server.settings import LEAST_BYTES

_PART_OF_MACHINE = 0.5

_ONE_GRAPH = 100_000_000
"""Bytes that compiling one more may take, with eight pictures to warm it up."""

_CONTAINER_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def machine_bytes() -> int:
    """Return the memory that this machine, or the container that the process runs in, has."""
    found = int(psutil.virtual_memory().total)
    for path in _CONTAINER_LIMITS:
        try:
            found = min(found, int(path.read_text("ascii")))
        except (OSError, ValueError):  # another system, or `max`: there is no limit
            continue
    return found


class Memory:
    """Watches the resident memory of this process.

    Args:
        limit: bytes that may be used; None: half of what the machine has, and not less than the least.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit or max(LEAST_BYTES, int(_PART_OF_MACHINE * machine_bytes()))
        self._process = psutil.Process()

    @property
    def used(self) -> int:
        """Bytes of this process that lie in the machine's memory."""
        return int(self._process.memory_info().rss)

    @property
    def is_short(self) -> bool:
        """Whether one more graph may take more than may be used."""
        return self.used + _ONE_GRAPH > self.limit

    def settle(self) -> None:
        """Leave alone from now on what was made so far: it stays, and looking for garbage in it takes long."""
        gc.collect()
        gc.freeze()

    def free(self) -> None:
        """Give back to the system what is not used any more: graphs lie in circles, which Python finds late."""
        gc.collect()
        trim()


def trim() -> None:
    """Let the C library give its free memory back to the system, where it can."""
    if sys.platform == "linux":
        try:
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        except (OSError, AttributeError):  # another C library, such as musl
            return
