"""The process: it ends cleanly whenever it is asked to, and at once."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest
from limits import at_most
from programs import Program

posix = pytest.mark.skipif(
    sys.platform == "win32", reason="only on Linux and macOS: signals that can be sent"
)

START = """
import atexit, ctypes, os, signal, sys, threading, time
from live_gradcam.process import lifecycle as program
from live_gradcam.process.lifecycle import requests_ignored, run_as_program
"""


def start(folder: Path, code: str) -> Program:
    return Program(folder, command=("-c", START + code))


def test_the_exit_code_is_mains_and_what_was_registered_is_done(tmp_path: Path) -> None:
    program = start(
        tmp_path,
        "atexit.register(lambda: print('registered'))\n"
        "def main():\n    sys.stdout.write('no line end, ')\n    return 3\n"
        "run_as_program(main)",
    )
    program.wait()
    assert (program.process.returncode, program.said) == (3, "no line end, registered\n")


def test_an_error_is_not_swallowed(tmp_path: Path) -> None:
    program = start(tmp_path, "def main():\n    raise ValueError('broken')\nrun_as_program(main)")
    program.wait()
    assert program.process.returncode == 1
    assert "ValueError: broken" in program.complained


@posix
@pytest.mark.parametrize("request_", [signal.SIGINT, signal.SIGTERM])
def test_being_asked_to_end_is_a_clean_end(tmp_path: Path, request_: signal.Signals) -> None:
    program = start(
        tmp_path,
        "def main():\n    try:\n        print('begun')\n        time.sleep(20)\n    finally:\n        print('undone')\n"
        "run_as_program(main)",
    )
    program.until_said("begun")
    with at_most(1):
        program.end(request_)
    assert (program.process.returncode, program.complained) == (0, "")
    assert program.said == "begun\nundone\n"


@posix
def test_a_background_job_for_which_the_shell_ignores_ctrl_c_can_be_ended(tmp_path: Path) -> None:
    program = start(
        tmp_path,
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "def main():\n    print('begun')\n    time.sleep(20)\n"
        "run_as_program(main)",
    )
    program.until_said("begun")
    with at_most(1):
        program.end(signal.SIGINT)
    assert program.process.returncode == 0


@posix
def test_a_request_that_is_lost_in_a_destructor_comes_again(tmp_path: Path) -> None:
    program = start(
        tmp_path,
        "class Slow:\n    def __del__(self):\n        print('deleting')\n        time.sleep(20)\n"
        "def main():\n    Slow()\n    time.sleep(20)\n    return 1\n"
        "run_as_program(main)",
    )
    program.until_said("deleting")
    with at_most(1):
        program.end(signal.SIGTERM)
    assert (program.process.returncode, program.complained) == (0, "")


@posix
def test_other_errors_in_destructors_are_still_told(tmp_path: Path) -> None:
    program = start(
        tmp_path,
        "class Broken:\n    def __del__(self):\n        raise ValueError('in passing')\n"
        "def main():\n    Broken()\n    return 0\n"
        "run_as_program(main)",
    )
    program.wait()
    assert program.process.returncode == 0
    assert "ValueError: in passing" in program.complained


@posix
def test_a_second_request_does_not_cut_short_what_is_being_finished(tmp_path: Path) -> None:
    program = start(
        tmp_path,
        "def main():\n    try:\n        print('begun')\n        time.sleep(20)\n"
        "    finally:\n        with requests_ignored():\n"
        "            print('finishing')\n            time.sleep(0.5)\n            print('finished')\n"
        "run_as_program(main)",
    )
    program.until_said("begun")
    program.process.send_signal(signal.SIGINT)
    program.until_said("finishing")
    program.process.send_signal(signal.SIGINT)
    program.process.send_signal(signal.SIGTERM)
    program.wait()
    assert (program.process.returncode, program.complained) == (0, "")
    assert program.said.endswith("finished\n")


@posix
def test_a_main_thread_that_is_stuck_in_native_code_is_left_behind_and_named(tmp_path: Path) -> None:
    program = start(
        tmp_path,
        "program.PATIENCE = 0.3\n"
        "def main():\n"
        "    c, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(128)\n"
        "    c.pthread_mutex_lock(mutex)\n    print('begun')\n    c.pthread_mutex_lock(mutex)\n    return 0\n"
        "run_as_program(main)",
    )
    program.until_said("begun")
    time.sleep(0.05)
    with at_most(1):
        program.end(signal.SIGTERM)
    assert program.process.returncode == 1
    assert program.complained == (
        "live-gradcam: the main thread is stuck in native code and is left behind\n"
    )


@posix
def test_a_thread_that_is_stuck_does_not_hold_up_the_end(tmp_path: Path) -> None:
    program = start(
        tmp_path,
        "def main():\n"
        "    threading.Thread(target=time.sleep, args=(20,)).start()\n    print('begun')\n    return 5\n"
        "run_as_program(main)",
    )
    with at_most(5):
        program.wait()
    assert program.process.returncode == 5
