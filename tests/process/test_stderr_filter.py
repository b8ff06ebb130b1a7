"""What native libraries print: what means nothing to the user goes, all else comes out."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from live_gradcam.errors import LiveGradcamError
from live_gradcam.process import stderr_filter as native
from live_gradcam.process.stderr_filter import native_stderr_filtered

NOISE = (
    b"I0000 00:00:1 cudart_stub.cc:31] Could not find cuda drivers\nCorrupt JPEG data: premature end\n"
    b"2026-11-28 23:43:54.826649: E external/local_xla/xla/cuda_platform.cc:51] failed call to cuInit\n"
)
WORD = b"something else\n"


def written(capfd: pytest.CaptureFixture[str]) -> str:
    return capfd.readouterr().err


def test_noise_is_dropped_and_all_else_comes_after_the_block(capfd: pytest.CaptureFixture[str]) -> None:
    with native_stderr_filtered():
        os.write(2, NOISE + WORD)
        assert written(capfd) == ""
    assert written(capfd) == WORD.decode()
    os.write(2, NOISE)
    assert written(capfd) == NOISE.decode()


@native_stderr_filtered()
def fail(error: Exception) -> None:
    os.write(2, NOISE)
    raise error


def test_an_error_that_nobody_foresaw_brings_out_every_line(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        fail(ZeroDivisionError())
    assert written(capfd) == NOISE.decode()
    with pytest.raises(LiveGradcamError):
        fail(LiveGradcamError("which explains itself"))
    assert written(capfd) == ""


def test_the_user_may_want_every_line(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    with native_stderr_filtered():
        os.write(2, NOISE)
        assert written(capfd) == NOISE.decode()


def test_threads_may_be_in_blocks_at_once_and_stderr_is_given_back_after_the_last(
    capfd: pytest.CaptureFixture[str],
) -> None:
    begun, go = threading.Event(), threading.Event()

    def load() -> None:
        with native_stderr_filtered():
            begun.set()
            go.wait(10)
            os.write(2, NOISE)

    loading = threading.Thread(target=load)
    with native_stderr_filtered():
        loading.start()
        assert begun.wait(10)
        os.write(2, NOISE)
    os.write(2, WORD)  # the other thread is still in its block
    assert written(capfd) == ""
    go.set()
    loading.join()
    assert written(capfd) == WORD.decode()
    os.write(2, WORD)
    assert written(capfd) == WORD.decode()


def test_many_short_blocks_beside_a_long_one_lose_no_line(capfd: pytest.CaptureFixture[str]) -> None:
    def decode() -> None:
        for _ in range(300):
            with native_stderr_filtered():
                os.write(2, NOISE)

    threads = [threading.Thread(target=decode) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        os.write(2, WORD)
    for thread in threads:
        thread.join()
    assert written(capfd) == 300 * WORD.decode()


ENDS = """
import os, threading
from live_gradcam.process.stderr_filter import end_native_stderr, native_stderr_filtered

begun, go = threading.Event(), threading.Event()

def load():
    try:
        with native_stderr_filtered():
            begun.set()
            go.wait(10)
            os.write(2, b"I0000 00:00:1 noise\\nsomething else\\n")
            raise RuntimeError("what it needs was taken away")
    except RuntimeError:
        pass

thread = threading.Thread(target=load)
thread.start()
begun.wait(10)
{end}
go.set()
thread.join()
"""


@pytest.mark.parametrize(
    ("end", "told"),
    [("end_native_stderr()", "something else\n"), ("", "I0000 00:00:1 noise\nsomething else\n")],
)
def test_what_fails_because_the_process_ends_surprises_nobody(end: str, told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDS.format(end=end)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, told)


def test_blocks_that_overlap_without_end_hold_no_line_back_for_long(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "_LONGEST_HELD_SECONDS", 0.02)
    with native_stderr_filtered():
        for number in range(5):
            os.write(2, f"line {number}\nInconsistent progression sequence for component 0\n".encode())
            time.sleep(0.03)
            with native_stderr_filtered():
                pass
        assert capfd.readouterr().err == "".join(f"line {number}\n" for number in range(5))
        os.write(2, b"the last\n")
    assert capfd.readouterr().err == "the last\n"
