"""A filter for the lines that native libraries print to stderr."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from live_gradcam.errors import LiveGradcamError

_NATIVE_LINE = re.compile(
    rb"[IWE]\d{4} |\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWE] |WARNING: All log messages before absl"
    rb"|To enable the following instructions:"
    rb"|Corrupt JPEG data: |Premature end of JPEG file|Invalid JPEG file structure|Unsupported marker type"
    rb"|Inconsistent progression sequence|Invalid SOS parameters|Unknown Adobe color|Application transferred too"
    rb"|libpng (error|warning): |Warning: unknown JFIF revision"
    rb"|tempfile\.tif: |\w*(TIFF|tiff)\w*: |(JPEG|LZW|Fax|PackBits|ZIP|ThunderScan)\w+: "
)
"""Beginnings of lines to drop: TensorFlow's C++ log, and libjpeg, libpng and libtiff, which only print to stderr."""

_LONGEST_HELD_SECONDS = 1.0
"""Longest time that the lines of other threads wait for the end of all blocks."""


class _Diversion:
    """Redirects stderr to a file while at least one block is active, in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks = 0
        self._unexpected = False
        self._ending = False
        self._held = -1
        self._spare = -1
        self._saved = -1
        self._since = 0.0

    def begin(self) -> None:
        """Begin a block.

        Raises:
            OSError: there is no stderr, as in a program without a console.
        """
        with self._lock:
            if self._blocks == 0:
                _flush()
                self._saved = os.dup(2)
                if self._held < 0:  # kept: a camera begins a block for every frame
                    self._held, self._spare = _temporary(), _temporary()
                os.dup2(self._held, 2)
                self._since = time.monotonic()
            self._blocks += 1

    def end(self, *, unexpected: bool) -> None:
        """End a block; after the last one, restore stderr and print the lines that pass the filter.

        Args:
            unexpected: whether the block failed with an unexpected exception; then every line is printed.
        """
        with self._lock:
            self._blocks -= 1
            self._unexpected |= unexpected and not self._ending
            if self._blocks:
                self._relieve()
                return
            _flush()
            os.dup2(self._saved, 2)  # first, so that no line of another thread is lost
            self._print_held()
            os.close(self._saved)
            self._unexpected = False

    def finish(self) -> None:
        """Print the lines that pass the filter, although a thread that was left behind is still in its block.

        From now on an exception in its block is expected, since the process ends.
        """
        with self._lock:
            self._ending = True
            if self._blocks:
                _flush()
                self._print_held()

    def _relieve(self) -> None:
        """Print the held lines from time to time if there is always an active block, as in a server with clients."""
        if time.monotonic() - self._since < _LONGEST_HELD_SECONDS:
            return
        self._since = time.monotonic()
        _flush()
        os.dup2(self._spare, 2)  # first, as at the end
        self._print_held()
        self._held, self._spare = self._spare, self._held

    def _print_held(self) -> None:
        size = os.lseek(self._held, 0, os.SEEK_END)
        if not size:
            return
        os.lseek(self._held, 0, os.SEEK_SET)
        for line in os.read(self._held, size).splitlines(keepends=True):
            if self._unexpected or not _NATIVE_LINE.match(line):
                os.write(self._saved, _shown(line))
        os.ftruncate(self._held, 0)
        os.lseek(self._held, 0, os.SEEK_SET)


_DIVERSION = _Diversion()  # one for the process, which has one stderr


@contextmanager
def native_stderr_filtered() -> Iterator[None]:
    """Drop the log lines of native libraries inside the block; other lines on stderr appear after the block.

    TensorFlow prints lines about oneDNN and CUDA that do not help the user, and its setting TF_CPP_MIN_LOG_LEVEL no
    longer suppresses them (tensorflow#100442). libjpeg and libpng print a line about every damaged picture. If the
    block fails with an unexpected exception, or the user has set TF_CPP_MIN_LOG_LEVEL to 0, every line is printed.
    Several threads may be in such blocks at once.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        yield
        return
    try:
        _DIVERSION.begin()
    except OSError:
        yield
        return
    unexpected = True
    try:
        yield
        unexpected = False
    except (LiveGradcamError, KeyboardInterrupt):  # these are expected
        unexpected = False
        raise
    finally:
        _DIVERSION.end(unexpected=unexpected)


def end_native_stderr() -> None:
    """Print the lines that are still held, at the end of the process; later exceptions in blocks are expected."""
    _DIVERSION.finish()


def _shown(line: bytes) -> bytes:
    """Return a line without passwords in addresses: a library may quote the address that it was given."""
    from live_gradcam.redaction import without_secrets  # here: importing the package does not need it

    return without_secrets(line.decode(errors="surrogateescape")).encode(errors="surrogateescape")


def _temporary() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _flush() -> None:
    try:
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):  # closed, or none
        return
