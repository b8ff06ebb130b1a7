"""The program as a process: how it is asked to end, and how it ends."""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from live_gradcam.process.stderr_filter import end_native_stderr

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

REQUESTS = (signal.SIGINT, signal.SIGTERM)
"""How a process is asked to end: Ctrl-C, and what `kill` and a system that shuts down send."""

PATIENCE = 5.0
"""Seconds that the main thread has to take notice: loading a library can take some."""

_AGAIN_AFTER = 0.01


def run_as_program(main: Callable[[], int]) -> NoReturn:
    """Run what a process is for, then end the process with the exit code; being asked to end is a clean end, 0.

    It ends at once, after what is registered with `atexit`: Python would take a second to take TensorFlow apart, and
    that may crash where a thread is still at work in it. A main thread that is stuck in native code, as before a
    screen that no longer answers, is left behind after 5 s, said on stderr, with exit code 1.

    Args:
        main: returns the exit code. A request to end raises KeyboardInterrupt in it, wherever it is.
    """
    try:
        _listen()
        code = main()
    except KeyboardInterrupt:
        code = 0
    with requests_ignored():
        end_native_stderr()
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):  # nobody reads any more, or there is none
                stream.flush()
        end_native_stderr()
        os._exit(code)


def requests_ignored() -> AbstractContextManager[None]:
    """Finish something undisturbed on the way to the end: Ctrl-C, pressed once more, changes nothing."""
    return requests_go_to(signal.SIG_IGN)


@contextmanager
def requests_go_to(handler: Callable[[int, FrameType | None], Any] | signal.Handlers) -> Iterator[None]:
    """Let another take requests to end, inside the `with` block.

    Args:
        handler: as `signal.signal` takes it.
    """
    if threading.current_thread() is not threading.main_thread():  # to others it does not come anyway
        yield
        return
    before = [(number, signal.signal(number, handler)) for number in REQUESTS]
    try:
        yield
    finally:
        for number, former in before:
            if former is not None:  # one that Python did not set, it cannot set again
                signal.signal(number, former)


def _listen() -> None:
    asked, tell = socket.socketpair()
    tell.setblocking(False)
    heard = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        heard.set()
        raise KeyboardInterrupt

    # SIGINT too: a shell starts background jobs with it ignored, and then nobody could end the run cleanly.
    for number in REQUESTS:
        signal.signal(number, interrupt)
    sys.unraisablehook = _insist
    # Python calls a handler only when the main thread comes back to Python; the number is written here at once.
    signal.set_wakeup_fd(tell.detach(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(asked, heard), name="watch over the end", daemon=True).start()


def _watch(asked: socket.socket, heard: threading.Event) -> None:
    while True:
        if asked.recv(1)[0] in REQUESTS and not heard.wait(PATIENCE):
            os.write(2, b"live-gradcam: the main thread is stuck in native code and is left behind\n")
            os._exit(1)


def _insist(dropped: UnraisableHookArgs) -> None:
    """Ask once more where the request was lost: Python drops what is raised while it deletes an object."""
    if issubclass(dropped.exc_type, KeyboardInterrupt):
        threading.Timer(_AGAIN_AFTER, _ask_again).start()
    else:
        sys.__unraisablehook__(dropped)


def _ask_again() -> None:
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, signal.SIGINT)  # which wakes it, too
    else:
        _thread.interrupt_main()
