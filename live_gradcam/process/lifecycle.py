"""The end of the process: requests to end it, and how it ends."""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from live_gradcam.concurrency.worker_thread import WorkerThread
from live_gradcam.process.stderr_filter import end_native_stderr

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

REQUESTS = (signal.SIGINT, signal.SIGTERM)
"""The signals that ask a process to end: Ctrl-C, and the signal of `kill` and of a system that shuts down."""

PATIENCE = 5.0
"""Seconds that the main thread has to notice a request: loading a library can take some."""

_AGAIN = 0
"""A byte for the wake-up socket that repeats a request; all other bytes there are numbers of signals."""

_AGAIN_AFTER = 0.01


def run_as_program(main: Callable[[], int]) -> NoReturn:
    """Run the program's main function and end the process with its exit code; after a request to end, with 0.

    The process ends at once after the functions registered with `atexit`: Python would take a second to unload
    TensorFlow, and may crash if a thread is still working in it. If the main thread is stuck in native code, such as
    a call to a screen that no longer answers, the process ends after 5 s with a line on stderr and exit code 1.

    Args:
        main: returns the exit code. A request to end raises KeyboardInterrupt in it.
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
            with suppress(
                OSError, ValueError, AttributeError
            ):  # nobody reads any more, or there is no stream
                stream.flush()
        end_native_stderr()
        os._exit(code)


def requests_ignored() -> AbstractContextManager[None]:
    """Ignore further requests to end inside the `with` block, so that a second Ctrl-C does not cut it short."""
    return requests_go_to(signal.SIG_IGN)


@contextmanager
def requests_go_to(handler: Callable[[int, FrameType | None], Any] | signal.Handlers) -> Iterator[None]:
    """Handle requests to end with another handler inside the `with` block.

    Args:
        handler: the handler, as for `signal.signal`.
    """
    if threading.current_thread() is not threading.main_thread():  # only the main thread gets signals
        yield
        return
    before = [(number, signal.signal(number, handler)) for number in REQUESTS]
    try:
        yield
    finally:
        for number, former in before:
            if former is not None:  # Python cannot set a handler again that it did not set
                signal.signal(number, former)


def _listen() -> None:
    asked, tell = socket.socketpair()
    tell.setblocking(False)
    heard = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        heard.set()
        raise KeyboardInterrupt

    # SIGINT too: a shell starts background jobs with SIGINT ignored, and nobody could end the run cleanly.
    for number in REQUESTS:
        signal.signal(number, interrupt)
    sys.unraisablehook = partial(_repeat_dropped, tell.dup())
    # Python calls a handler only when the main thread runs Python code; the signal's number is written here at once.
    signal.set_wakeup_fd(tell.detach(), warn_on_full_buffer=False)
    WorkerThread(lambda: _watch(asked, heard), name="watch over the end")


def _watch(asked: socket.socket, heard: threading.Event) -> None:
    """End the process if the main thread does not notice a request; repeat requests that were dropped."""
    while True:
        number = asked.recv(1)[0]
        if number == _AGAIN:
            time.sleep(_AGAIN_AFTER)
            _interrupt_main()
        elif number in REQUESTS and not heard.wait(PATIENCE):
            os.write(2, b"live-gradcam: the main thread is stuck in native code and is left behind\n")
            os._exit(1)


def _repeat_dropped(tell: socket.socket, dropped: UnraisableHookArgs) -> None:
    """Repeat a request whose KeyboardInterrupt Python dropped, because it was raised in a destructor."""
    if issubclass(dropped.exc_type, KeyboardInterrupt):
        tell.send(bytes([_AGAIN]))
    else:
        sys.__unraisablehook__(dropped)


def _interrupt_main() -> None:
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, signal.SIGINT)  # this wakes it, too
    else:
        _thread.interrupt_main()
