"""What native libraries print behind Python's back."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from live_gradcam.errors import LiveGradcamError

_NATIVE_LINE = re.compile(
    rb"[IWE]\d{4} |WARNING: All log messages before absl|To enable the following instructions:"
)
"""How the lines of TensorFlow's C++ log begin."""


@contextmanager
def native_stderr_filtered() -> Iterator[None]:
    """Keep TensorFlow's own log off the terminal for the length of a block; all else on stderr comes after it.

    TensorFlow says things of oneDNN and CUDA that mean nothing to a person who wants to see a cat, and its own
    switch, TF_CPP_MIN_LOG_LEVEL, no longer stops them (tensorflow#100442). If the block fails for a reason that
    nobody foresaw, or the user has set that switch to 0, every line comes out.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        yield
        return
    try:
        sys.stderr.flush()
        saved = os.dup(2)
    except (OSError, ValueError, AttributeError):  # no stderr: a program without a console
        yield
        return
    surprised = True
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
            surprised = False
        except (LiveGradcamError, KeyboardInterrupt):  # these explain themselves
            surprised = False
            raise
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            for line in held:
                if surprised or not _NATIVE_LINE.match(line):
                    os.write(2, line)
