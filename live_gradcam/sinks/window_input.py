"""Window input: names of keys, the shift key, and a guard that blocks the mouse wheel."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

_BUTTONS = (4, 5, 6, 7)
"""X11's buttons of the wheel: up, down, left and right."""

_ANY_MODIFIER = 1 << 15
_PRESSED = 1 << 2
_ASYNCHRONOUS = 1
_CARDINAL = 6
_EVENT_BYTES = 192
_MOST_LOOKS = 200

_X11 = ctypes.c_void_p
_ERROR_HANDLER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


class WheelGuard:
    """Blocks the mouse wheel over this process's windows on X11, where OpenCV's Qt window zooms without a way back.

    If the server or its library does not allow it, nothing is blocked. Use it in the main thread only.
    """

    def __init__(self) -> None:
        self._display: int | None = None
        self._guarded = False
        self._looks = 0
        if not sys.platform.startswith("linux"):
            return
        try:
            self._x11 = _library()
        except (OSError, AttributeError):
            return
        self._display = self._x11.XOpenDisplay(None)

    def poll(self) -> None:
        """Block the wheel as soon as there is a window, and discard its events."""
        if not self._display:
            return
        if not self._guarded and self._looks < _MOST_LOOKS:
            self._looks += 1
            self._guarded = self._guard()
        event = ctypes.create_string_buffer(_EVENT_BYTES)
        while self._x11.XPending(self._display):
            self._x11.XNextEvent(self._display, event)

    def close(self) -> None:
        """Release the wheel. May be called twice."""
        if self._display:
            self._x11.XCloseDisplay(self._display)
            self._display = None

    def _guard(self) -> bool:
        found = False
        root = self._x11.XDefaultRootWindow(self._display)
        for window in self._windows_below(root):
            if self._process_of(window) == os.getpid():
                for button in _BUTTONS:
                    self._x11.XGrabButton(
                        *(self._display, button, _ANY_MODIFIER, window, False, _PRESSED),
                        *(_ASYNCHRONOUS, _ASYNCHRONOUS, 0, 0),
                    )
                found = True
        return found

    def _windows_below(self, window: int) -> Iterator[int]:
        root, parent = ctypes.c_ulong(), ctypes.c_ulong()
        children, count = ctypes.POINTER(ctypes.c_ulong)(), ctypes.c_uint()
        if not self._x11.XQueryTree(
            self._display, window, *(ctypes.byref(each) for each in (root, parent, children, count))
        ):
            return
        below = [children[number] for number in range(count.value)]
        if below:
            self._x11.XFree(children)
        for each in below:
            yield each
            yield from self._windows_below(each)

    def _process_of(self, window: int) -> int | None:
        name = self._x11.XInternAtom(self._display, b"_NET_WM_PID", False)
        kind, form = ctypes.c_ulong(), ctypes.c_int()
        count, left = ctypes.c_ulong(), ctypes.c_ulong()
        value = ctypes.POINTER(ctypes.c_ulong)()
        self._x11.XGetWindowProperty(
            *(self._display, window, name, 0, 1, False, _CARDINAL),
            *(ctypes.byref(each) for each in (kind, form, count, left, value)),
        )
        if not value:
            return None
        process = int(value[0]) if count.value else None
        self._x11.XFree(value)
        return process


def _go_on(_: object, __: object) -> int:
    """Ignore an error of the X server; Xlib's default handler ends the program."""
    return 0


_GO_ON = _ERROR_HANDLER(_go_on)
"""Kept alive for the whole program, because Xlib calls it."""


def _library() -> ctypes.CDLL:
    x11 = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
    window, number = ctypes.c_ulong, ctypes.c_int
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "XOpenDisplay": (_X11, [ctypes.c_char_p]),
        "XCloseDisplay": (number, [_X11]),
        "XDefaultRootWindow": (window, [_X11]),
        "XPending": (number, [_X11]),
        "XNextEvent": (number, [_X11, ctypes.c_void_p]),
        "XFree": (number, [ctypes.c_void_p]),
        "XInternAtom": (window, [_X11, ctypes.c_char_p, number]),
        "XQueryTree": (number, [_X11, window, *[ctypes.c_void_p] * 4]),
        "XGetWindowProperty": (
            number,
            [_X11, window, window, ctypes.c_long, ctypes.c_long, number, window, *[ctypes.c_void_p] * 5],
        ),
        "XGrabButton": (
            number,
            [
                _X11,
                ctypes.c_uint,
                ctypes.c_uint,
                window,
                number,
                ctypes.c_uint,
                number,
                number,
                window,
                window,
            ],
        ),
        "XSetErrorHandler": (ctypes.c_void_p, [_ERROR_HANDLER]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(x11, name)
        function.restype, function.argtypes = result, arguments
    x11.XSetErrorHandler(_GO_ON)
    return x11


_NAMED = {
    8: "Backspace",
    9: "Tab",
    10: "Enter",
    13: "Enter",
    27: "Escape",
    127: "Backspace",
    # X11 (Qt and GTK), then macOS, then Windows.
    0xFF51: "ArrowLeft",
    0xFF52: "ArrowUp",
    0xFF53: "ArrowRight",
    0xFF54: "ArrowDown",
    0xFF55: "PageUp",
    0xFF56: "PageDown",
    0xFF8D: "Enter",
    0xF702: "ArrowLeft",
    0xF700: "ArrowUp",
    0xF703: "ArrowRight",
    0xF701: "ArrowDown",
    0xF72C: "PageUp",
    0xF72D: "PageDown",
    0x250000: "ArrowLeft",
    0x260000: "ArrowUp",
    0x270000: "ArrowRight",
    0x280000: "ArrowDown",
    0x210000: "PageUp",
    0x220000: "PageDown",
}

# Bits above these are modifiers, such as Num Lock. With fewer bits the left arrow would be a Q.
_KEY_BITS = 0xFFFF
_UNICODE_KEY = 0x1000000
"""X11's codes of characters beyond Latin-1 are this plus the code point."""
_SHIFT_MASK = 1


def key_name(code: int, *, shift: bool = False) -> str | None:
    """Return the name of a key as in a browser's `KeyboardEvent.key`.

    Args:
        code: the result of `cv2.waitKeyEx`.
        shift: whether the shift key is held; used for letters only.

    Returns:
        A character, or `Enter`, `Escape`, `Backspace`, `Tab`, `ArrowLeft` and so on; None for other keys.
    """
    name = _NAMED.get(code) or _NAMED.get(code & _KEY_BITS)
    if name is not None:
        return name
    if -0x80 <= code < 0:  # Qt's windows return a signed byte
        character = chr(code + 0x100).lower()
    elif _UNICODE_KEY < code <= _UNICODE_KEY + sys.maxunicode:
        character = chr(code - _UNICODE_KEY)
    elif code & _KEY_BITS > 0xFF:
        return None
    else:
        character = chr(code & _KEY_BITS)
    if not character.isprintable():
        return None
    return character.upper() if shift and character.isalpha() else character


def shift_probe() -> Callable[[], bool]:
    """Return a function that returns whether the shift key is held.

    OpenCV's Qt window reports `m` for `M`, so on X11 the server is asked. Elsewhere the toolkits report it, and the
    function returns False.
    """
    if not sys.platform.startswith("linux"):
        return lambda: False
    try:
        return _x11_shift_probe()
    except (OSError, AttributeError):
        return lambda: False


def _x11_shift_probe() -> Callable[[], bool]:
    x11 = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XOpenDisplay.argtypes = [ctypes.c_char_p]
    x11.XDefaultRootWindow.restype = ctypes.c_ulong
    x11.XDefaultRootWindow.argtypes = [ctypes.c_void_p]
    display = x11.XOpenDisplay(None)
    if not display:
        return lambda: False
    root = x11.XDefaultRootWindow(display)
    windows = ctypes.c_ulong(), ctypes.c_ulong()
    places = tuple(ctypes.c_int() for _ in range(4))
    mask = ctypes.c_uint()
    arguments: list[Any] = [ctypes.c_void_p, ctypes.c_ulong, *[ctypes.c_void_p] * 7]
    x11.XQueryPointer.argtypes = arguments

    def is_held() -> bool:
        x11.XQueryPointer(display, root, *(ctypes.byref(each) for each in (*windows, *places, mask)))
        return bool(mask.value & _SHIFT_MASK)

    return is_held
