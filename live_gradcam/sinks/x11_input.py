"""The input of a window on X11 that OpenCV's Qt window handles badly: keys that come fast, and the mouse wheel."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from live_gradcam.sinks.window_input import shift_probe

_BUTTONS = (4, 5, 6, 7)
"""X11's buttons of the wheel: up, down, left and right."""

_ANY_MODIFIER = 1 << 15
_PRESSED = 1 << 2
_ASYNCHRONOUS = 1
_CARDINAL = 6
_KEY_PRESS, _KEY_RELEASE, _MAPPING_NOTIFY = 2, 3, 34
_KEYS = (1 << 0) | (1 << 1)
"""The mask of both kinds of key events."""

_SHIFT_MASK = 1
_EVENT_BYTES = 192
_MOST_LOOKS = 200

_LATIN_1 = 0xFF
_DEAD_KEYS = frozenset({*range(0xFE50, 0xFE94), 0xFF20})
"""Accents that are typed before their letter, and the compose key: the window makes one letter of several keys."""

_CODES = {
    0xFF08: 8,  # backspace
    0xFF09: 9,  # tab
    0xFE20: 9,  # tab with the shift key
    0xFF0D: 13,  # enter
    0xFF1B: 27,  # escape
    0xFFFF: 127,  # delete
    **{0xFFB0 + digit: ord(str(digit)) for digit in range(10)},  # the keypad
    **dict(zip((0xFFAA, 0xFFAB, 0xFFAD, 0xFFAE, 0xFFAF, 0xFF80), map(ord, "*+-./ "), strict=True)),
    **dict(zip((0xFF96, 0xFF97, 0xFF98, 0xFF99, 0xFF9A, 0xFF9B), range(0xFF51, 0xFF57), strict=True)),
}
"""X11's names of keys → the codes that OpenCV's windows give them."""

_X11 = ctypes.c_void_p
_ERROR_HANDLER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


class KeyPress(NamedTuple):
    """A key that was pressed."""

    code: int
    """Its code, as `window_input.key_name` takes it."""

    shift: bool
    """Whether the shift key was held."""


class _KeyEvent(ctypes.Structure):
    """Xlib's XKeyEvent."""

    _fields_ = (
        ("kind", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("sent", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("root", ctypes.c_ulong),
        ("subwindow", ctypes.c_ulong),
        ("time", ctypes.c_ulong),
        ("places", ctypes.c_int * 4),
        ("state", ctypes.c_uint),
        ("keycode", ctypes.c_uint),
        ("same_screen", ctypes.c_int),
    )


class X11Input:
    """Hears every key of this process's windows on X11, and blocks the mouse wheel there.

    OpenCV's Qt window keeps only the last of the keys that come between two calls of `waitKeyEx`, and drawing a picture
    takes longer than typing a letter. Another client of the X server may listen to the same keys, and gets them all.
    And by the wheel that window zooms without a way back.

    If the server or its library does not allow it, nothing is heard or blocked. Use it in the main thread only.
    """

    def __init__(self) -> None:
        self._display: int | None = None
        self._found = False
        self._looks = 0
        self._held: set[int] = set()
        self._composes = False
        self._heard = False
        self._shift_held: Callable[[], bool] | None = None
        if not sys.platform.startswith("linux"):
            return
        try:
            self._x11 = _library()
        except (OSError, AttributeError):
            return
        self._display = self._x11.XOpenDisplay(None)
        if self._display:
            self._x11.XkbSetDetectableAutoRepeat(self._display, True, None)

    @property
    def hears(self) -> bool:
        """Whether it gets the keys: it has had one, and the window makes no letter of several keys now."""
        return self._heard and not self._composes

    def composed(self) -> None:
        """Note that the window has reported a key: if it was a letter made of several keys, that is finished."""
        self._composes = False

    def poll(self, *, waits: bool = False) -> list[KeyPress]:
        """Return the keys that were pressed since the last call, oldest first; one that is held down counts once.

        Args:
            waits: whether to wait until the server has sent all that was pressed before.
        """
        if not self._display:
            return []
        if not self._found and self._looks < _MOST_LOOKS:
            self._looks += 1
            self._found = self._take_windows()
        if waits:
            self._x11.XSync(self._display, False)
        event = ctypes.create_string_buffer(_EVENT_BYTES)
        keys: list[KeyPress] = []
        repeated: set[int] = set()
        while self._x11.XPending(self._display):
            self._x11.XNextEvent(self._display, event)
            told = _KeyEvent.from_buffer(event)
            if told.kind == _MAPPING_NOTIFY:
                self._x11.XRefreshKeyboardMapping(event)
            elif told.kind == _KEY_RELEASE:
                self._held.discard(told.keycode)
            elif told.kind == _KEY_PRESS:
                self._heard = True
                repeats = told.keycode in self._held
                self._held.add(told.keycode)
                if not (repeats and told.keycode in repeated):
                    repeated.add(told.keycode)
                    keys += self._press(event, shift=self._shift(told))
        return keys

    def close(self) -> None:
        """Release the wheel and the keys. May be called twice."""
        if self._display:
            self._x11.XCloseDisplay(self._display)
            self._display = None

    def _shift(self, told: _KeyEvent) -> bool:
        """Return whether the shift key was held; of a key that a program sends it is asked whether it is held now."""
        if told.state & _SHIFT_MASK or not told.sent:
            return bool(told.state & _SHIFT_MASK)
        self._shift_held = self._shift_held or shift_probe()
        return self._shift_held()

    def _press(self, event: ctypes.Array[ctypes.c_char], *, shift: bool) -> list[KeyPress]:
        """Return the key of an event; none if the window makes a letter of it and of those that follow."""
        symbol = ctypes.c_ulong()
        text = ctypes.create_string_buffer(_EVENT_BYTES)
        self._x11.XLookupString(event, text, _EVENT_BYTES, ctypes.byref(symbol), None)
        code = int(symbol.value)
        if code in _DEAD_KEYS:
            self._composes = True
        if self._composes or not code:
            return []
        code = _CODES.get(code, code)
        if code <= _LATIN_1:  # the shift key decides, and not Caps Lock, as in the window's own codes
            code = ord(chr(code).lower())
        return [KeyPress(code, shift)]

    def _take_windows(self) -> bool:
        """Listen to the keys of the process's windows and grab their wheel; return whether there are any."""
        found = False
        root = self._x11.XDefaultRootWindow(self._display)
        for window in self._windows_below(root):
            if self._process_of(window) == os.getpid():
                self._x11.XSelectInput(self._display, window, _KEYS)
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
        "XSync": (number, [_X11, number]),
        "XSelectInput": (number, [_X11, window, ctypes.c_long]),
        "XRefreshKeyboardMapping": (number, [ctypes.c_void_p]),
        "XkbSetDetectableAutoRepeat": (number, [_X11, number, ctypes.c_void_p]),
        "XLookupString": (number, [ctypes.c_void_p, ctypes.c_char_p, number, *[ctypes.c_void_p] * 2]),
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
