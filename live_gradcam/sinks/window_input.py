"""Window input: names of keys, and the shift key."""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
from collections.abc import Callable
from typing import Any

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
