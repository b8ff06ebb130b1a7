"""A pretend screen (Xvfb) for programs that open windows, and a hand at its keyboard (xdotool)."""

from __future__ import annotations

import ctypes
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pytest

from live_gradcam.frame import Pixels

WIDTH, HEIGHT = 1280, 800
_PATIENCE_SECONDS = 20.0
_UNPAINTED_SECONDS = 2.0
_CLIENT_MESSAGE = 33
_TRIES = 5


def require_screen() -> None:
    """Skip the test where there can be no pretend screen."""
    if not sys.platform.startswith("linux"):
        pytest.skip("only on Linux: the pretend screen is an X server")
    for program in ("Xvfb", "xdotool"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (apt install {program.lower()})")


class Screen:
    """An X server without a screen, for as long as the context lasts."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        for number in random.SystemRandom().sample(range(100, 10_000), _TRIES):
            if self._started(number):
                return self
        raise AssertionError(f"Xvfb did not start in {_TRIES} tries")

    def _started(self, number: int) -> bool:
        """Start the server under a number; False where the number is taken.

        Servers that choose their numbers themselves (`-displayfd` alone) all begin at 0, without a lock: of two that
        start at the same time, one can take the other's socket away.
        """
        reading, writing = os.pipe()
        self._server = subprocess.Popen(
            [
                "Xvfb",
                f":{number}",
                "-noreset",
                "-displayfd",
                str(writing),
                "-screen",
                "0",
                f"{WIDTH}x{HEIGHT}x24",
                "-nolisten",
                "tcp",
            ]
            + ["-fbdir", self._folder.name],
            pass_fds=[writing],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(writing)
        with os.fdopen(reading) as answer:  # ends without a word where the server ends
            ready = bool(answer.readline().strip())
        self.address = f":{number}"
        if not ready:
            self._server.wait(10)
        return ready

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.terminate()
        self._server.wait(10)
        self._folder.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        """The environment for a program that is to appear here."""
        return {**os.environ, "DISPLAY": self.address}

    def windows(self, title: str) -> list[int]:
        """The numbers of the visible windows of that title."""
        command = ["xdotool", "search", "--onlyvisible", "--name", f"^{title}$"]
        found = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        return [int(line) for line in found.stdout.split()]

    def window(self, title: str, patience: float = _PATIENCE_SECONDS) -> int:
        """The number of the window of that title, as soon as it is there; patience in seconds."""
        began = time.monotonic()
        while (waited := time.monotonic() - began) < patience:
            if found := self.windows(title):
                return found[-1]
            time.sleep(0.05 if waited < 1 else 0.2)  # each look starts a process
        raise AssertionError(f"no window '{title}' appeared")

    def painted_window(
        self, title: str, ready: Callable[[Pixels], bool], patience: float = _PATIENCE_SECONDS
    ) -> int:
        """The number of the window of that title, as soon as the screen looks as it should; patience in seconds.

        On a screen without a window manager OpenCV's Qt now and then misses that its window was mapped (the event is
        lost before its handlers see it) and paints nothing; a script of `cv2.imshow` alone does it too. A window that
        paints nothing for two seconds is mapped again, and Qt paints it.
        """
        window = self.window(title, patience)
        deadline = time.monotonic() + patience
        while True:
            try:
                self.photograph_when(ready, _UNPAINTED_SECONDS)
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
                command = ["xdotool", "windowunmap", str(window), "windowmap", str(window)]
                subprocess.run(command, env=self.environment, check=False)  # the window may be gone
            else:
                return window

    def press(self, key: str, window: int) -> None:
        """Press a key, such as `q`, `Escape` or `Left`, in a window, which may be gone before the key is let go."""
        subprocess.run(["xdotool", "key", "--window", str(window), key], env=self.environment, check=False)
        # A window that has the focus gets a real key. If it is gone before the key is let go, xdotool gives up, and the
        # key stays down: it is repeated in whatever window comes under the pointer.
        subprocess.run(["xdotool", "keyup", key], env=self.environment, check=False)

    def hold(self, key: str) -> None:
        """Hold a key of the keyboard down, such as `shift`."""
        subprocess.run(["xdotool", "keydown", key], env=self.environment, check=True)

    def release(self, key: str) -> None:
        """Let a key go."""
        subprocess.run(["xdotool", "keyup", key], env=self.environment, check=True)

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Press the left button at one place of the screen, and let it go at another."""
        for step in (
            ("mousemove", *map(str, start)),
            ("mousedown", "1"),
            ("mousemove", *map(str, end)),
            ("mouseup", "1"),
        ):
            subprocess.run(["xdotool", *step], env=self.environment, check=True)
            time.sleep(0.1)

    def move(self, place: tuple[int, int]) -> None:
        """Move the pointer; it is a part of what is on the screen."""
        subprocess.run(["xdotool", "mousemove", *map(str, place)], env=self.environment, check=True)

    def click(self, place: tuple[int, int], button: int = 1) -> None:
        """Click at a place of the screen: 1 is the left button, 3 the right one, 4 to 7 are the wheel."""
        command = ["xdotool", "mousemove", *map(str, place), "click", str(button)]
        subprocess.run(command, env=self.environment, check=True)

    @contextmanager
    def managed(self) -> Iterator[None]:
        """A window manager (openbox) on this screen, for as long as the context lasts."""
        if shutil.which("openbox") is None:
            pytest.skip("openbox is not installed (apt install openbox)")
        manager = subprocess.Popen(
            ["openbox", "--sm-disable"],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            manager.terminate()
            manager.wait(10)

    def geometry(self, window: int) -> tuple[int, int, int, int]:
        """Where a window is on the screen: (x, y, width, height)."""
        command = ["xdotool", "getwindowgeometry", "--shell", str(window)]
        told = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True)
        found = dict(line.split("=") for line in told.stdout.split())
        return int(found["X"]), int(found["Y"]), int(found["WIDTH"]), int(found["HEIGHT"])

    def resize(self, window: int, width: int, height: int) -> None:
        """Give a window another size, as dragging its edge does."""
        command = ["xdotool", "windowsize", str(window), str(width), str(height)]
        subprocess.run(command, env=self.environment, check=True)

    def close_window(self, window: int) -> None:
        """Do what a click on the X in a title bar does: ask the program to close its window."""

        class ClientMessage(ctypes.Structure):
            _fields_ = (
                ("type", ctypes.c_int),
                ("serial", ctypes.c_ulong),
                ("send_event", ctypes.c_int),
                ("display", ctypes.c_void_p),
                ("window", ctypes.c_ulong),
                ("message_type", ctypes.c_ulong),
                ("format", ctypes.c_int),
                ("data", ctypes.c_long * 5),
                ("rest_of_the_union", ctypes.c_long * 24),
            )

        x11 = ctypes.CDLL("libX11.so.6")
        x11.XOpenDisplay.restype = ctypes.c_void_p
        x11.XInternAtom.restype = ctypes.c_ulong
        x11.XInternAtom.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
        x11.XSendEvent.argtypes = [
            ctypes.c_void_p,
            ctypes.c_ulong,
            ctypes.c_int,
            ctypes.c_long,
            ctypes.c_void_p,
        ]
        x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
        display = x11.XOpenDisplay(self.address.encode())
        message = ClientMessage(type=_CLIENT_MESSAGE, window=window, format=32)
        message.message_type = x11.XInternAtom(display, b"WM_PROTOCOLS", 0)
        message.data[0] = x11.XInternAtom(display, b"WM_DELETE_WINDOW", 0)
        x11.XSendEvent(display, window, 0, 0, ctypes.byref(message))
        x11.XCloseDisplay(display)

    def photograph_when(self, ready: Callable[[Pixels], bool], patience: float = _PATIENCE_SECONDS) -> Pixels:
        """What is on the screen as soon as it looks as it should; patience in seconds."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if ready(seen := self.photograph()):
                return seen
            time.sleep(0.05)
        raise AssertionError("the screen never looked as it should")

    def photograph(self) -> Pixels:
        """(800, 1280, 3) uint8 BGR: what is on the screen, from the server's own memory (an XWD file)."""
        content = Path(self._folder.name, "Xvfb_screen0").read_bytes()
        fields = struct.unpack_from(">25I", content)
        header_size, bytes_per_line, colours = fields[0], fields[12], fields[19]
        start = header_size + 12 * colours
        lines = np.frombuffer(content, np.uint8, HEIGHT * bytes_per_line, start).reshape(
            HEIGHT, bytes_per_line
        )
        return lines.reshape(HEIGHT, -1, 4)[:, :WIDTH, :3].copy()
