"""The command line as a process of its own: what it says, how it is ended, and what it leaves."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2  # noqa: F401 - before PyAV
import av

PATIENCE = 60.0
TESTS = Path(__file__).parent

LACKS = re.compile(r"live-gradcam: \S+ lacks (\d+) pictures?: this computer was too slow [^\n]+\n")
"""What a machine says that is too busy to encode every picture."""

LATE = re.compile(
    r"live-gradcam: camera 0 (is slow to open …|gives [\d.]+ fps of the \d+ it promised [^\n]+)\n"
)
"""What a machine says that is too busy to open a camera or to read all of its pictures."""


class Program:
    """`live-gradcam`, started with these words; what it says goes to two files.

    Args:
        folder: where the files are.
        typed: what stands behind `live-gradcam`.
        environment: its environment; None for this process's.
        command: what to start instead of the package.
        at: the folder it runs in; None for that of the tests, where `networks:colour_network` is found.
    """

    def __init__(
        self,
        folder: Path,
        *typed: str,
        environment: Mapping[str, str] | None = None,
        command: tuple[str, ...] = ("-m", "live_gradcam"),
        at: Path | None = None,
    ) -> None:
        self._out, self._err = folder / "stdout.txt", folder / "stderr.txt"
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, *command, *typed],
                stdout=out,
                stderr=err,
                cwd=at or TESTS,
                env={**(os.environ if environment is None else environment), "PYTHONUNBUFFERED": "1"},
            )

    @property
    def said(self) -> str:
        """What is on stdout by now."""
        return self._out.read_text()

    @property
    def complained(self) -> str:
        """What is on stderr by now."""
        return self._err.read_text()

    def until(self, happened: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """Wait until something happened; fail where it does not, or where the program ends."""
        deadline = time.monotonic() + seconds
        while not happened():
            assert self.process.poll() is None, f"it ended before {what}: {self.said}{self.complained}"
            assert time.monotonic() < deadline, f"no {what}: {self.said}{self.complained}"
            time.sleep(0.01)

    def listens(self) -> bool:
        """Whether it has taken charge of how it ends: a bare Python ends with a traceback."""
        if not sys.platform.startswith("linux"):
            time.sleep(0.5)
            return True
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        return bool(caught >> (signal.SIGTERM - 1) & 1)

    def until_said(self, text: str, seconds: float = PATIENCE) -> None:
        """Wait until this is on stdout."""
        self.until(lambda: text in self.said, f"'{text}'", seconds)

    def until_complained(self, text: str) -> None:
        """Wait until this is on stderr."""
        self.until(lambda: text in self.complained, f"'{text}'")

    def until_larger(self, path: Path, size: int) -> None:
        """Wait until a file has grown past so many bytes."""
        self.until(lambda: path.exists() and path.stat().st_size > size, f"{size} bytes of {path.name}")

    def end(self, request: signal.Signals) -> float:
        """Ask it to end, and return how many seconds that took."""
        began = time.monotonic()
        self.process.send_signal(request)
        self.wait()
        return time.monotonic() - began

    def wait(self, seconds: float = 20.0) -> None:
        """Wait for its end; kill it and fail where it does not come."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    @property
    def lacking(self) -> int:
        """How many pictures the recording lacks, by its own account: a busy machine."""
        return sum(int(count) for count in LACKS.findall(self.complained))

    @property
    def complained_otherwise(self) -> str:
        """What is on stderr, but for a busy machine's excuses."""
        return LATE.sub("", LACKS.sub("", self.complained))


def frames_in(path: Path) -> int:
    """Return how many pictures can be decoded from a video."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def most_memory() -> int:
    """Return the most memory that this process has had, in kB; 0 where the system does not tell.

    Not getrusage's figure: a process that was started by a large one inherits that one's.
    """
    try:
        status = Path("/proc/self/status").read_text("ascii", errors="replace")
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return 0 if found is None else int(found[1])
