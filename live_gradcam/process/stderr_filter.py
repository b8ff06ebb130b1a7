"""What native libraries print behind Python's back."""

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
"""How the lines of TensorFlow's C++ log begin, and those of libjpeg, libpng and libtiff, which know only stderr."""

_LONGEST_HELD_SECONDS = 1.0
"""What other threads print waits no longer than this for the end of all blocks."""


class _Diversion:
    """Turns stderr to a file while at least one block asks for that, in whatever threads they are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks = 0
        self._surprised = False
        self._ending = False
        self._held = -1
        self._spare = -1
        self._saved = -1
        self._since = 0.0

    def begin(self) -> None:
        """Divert.

        Raises:
            OSError: there is no stderr: a program without a console.
        """
        with self._lock:
            if self._blocks == 0:
                _flush()
                self._saved = os.dup(2)
                if self._held < 0:  # for good: a camera comes here for every frame
                    self._held, self._spare = _temporary(), _temporary()
                os.dup2(self._held, 2)
                self._since = time.monotonic()
            self._blocks += 1

    def end(self, *, surprised: bool) -> None:
        """Give stderr back after the last block, and print what is left after filtering.

        Args:
            surprised: whether the block failed for a reason that nobody foresaw: then everything is printed.
        """
        with self._lock:
            self._blocks -= 1
            self._surprised |= surprised and not self._ending
            if self._blocks:
                self._relieve()
                return
            _flush()
            os.dup2(self._saved, 2)  # first: what others print meanwhile must not be lost
            self._print_held()
            os.close(self._saved)
            self._surprised = False

    def finish(self) -> None:
        """Print what is left after filtering, where a thread that was left behind is still in its block.

        That its block fails from now on, since what it needs is being taken away, surprises nobody.
        """
        with self._lock:
            self._ending = True
            if self._blocks:
                _flush()
                self._print_held()

    def _relieve(self) -> None:
        """Print what is held where blocks overlap without end, as those of a server's visitors do."""
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
            if self._surprised or not _NATIVE_LINE.match(line):
                os.write(self._saved, _shown(line))
        os.ftruncate(self._held, 0)
        os.lseek(self._held, 0, os.SEEK_SET)


_DIVERSION = _Diversion()  # of the process, which has one stderr


@contextmanager
def native_stderr_filtered() -> Iterator[None]:
    """Keep what native libraries say to themselves off the terminal; all else on stderr comes after the block.

    TensorFlow says things of oneDNN and CUDA that mean nothing to a person who wants to see a cat, and its own
    switch, TF_CPP_MIN_LOG_LEVEL, no longer stops them (tensorflow#100442); libjpeg and libpng say of every damaged
    picture that it is. If the block fails for a reason that nobody foresaw, or the user has set that switch to 0, every
    line comes out. Several threads may be in such blocks at once.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        yield
        return
    try:
        _DIVERSION.begin()
    except OSError:
        yield
        return
    surprised = True
    try:
        yield
        surprised = False
    except (LiveGradcamError, KeyboardInterrupt):  # these explain themselves
        surprised = False
        raise
    finally:
        _DIVERSION.end(surprised=surprised)


def end_native_stderr() -> None:
    """Let out what is still kept, at the end of the process; blocks that fail from now on do so because of it."""
    _DIVERSION.finish()


def _shown(line: bytes) -> bytes:
    """Return a line without the secrets of addresses; a library may quote the one that it was given."""
    from live_gradcam.redaction import without_secrets

    return without_secrets(line.decode(errors="surrogateescape")).encode(errors="surrogateescape")


def _temporary() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _flush() -> None:
    try:
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):  # closed, or none
        return
