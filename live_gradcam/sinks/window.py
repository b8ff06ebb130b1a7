"""A window on the screen, through OpenCV."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from live_gradcam.errors import SinkError
from live_gradcam.frame import Pixels
from live_gradcam.shown import Shown
from live_gradcam.sinks.display import find_display, hold_display

_KEYS_THAT_END = frozenset(map(ord, "qQ")) | {27}
_NO_KEY = -1
_KEYS_KEPT = 16
# Keyboard state (Num Lock and the like) stands above these bits. With fewer of them the left arrow were a Q.
_KEY_BITS = 0xFFFF
_LARGEST = (1600, 900)
_BLACK = (0, 0, 0)


class Window:
    """Shows pictures in a window; `q`, Esc and closing it set `finished`.

    It opens with the first picture, at its size (larger pictures are shown smaller), keeps its aspect when it is
    resized, and never comes back after the viewer closed it. Everything here belongs on the main thread: macOS
    allows windows nowhere else.

    Args:
        title: what stands in the title bar.
        fullscreen: fill the screen.

    Raises:
        SinkError: no window can be opened here; the message says why and what to do.
    """

    name = "window"
    notice: str | None = None

    def __init__(self, title: str, *, fullscreen: bool = False) -> None:
        reason = find_display()
        if reason is not None:
            raise SinkError(f"no window: {reason}")
        _prepare_qt()
        self._title = title
        self._fullscreen = fullscreen
        self._open = False
        self._finished = False
        self._pressed: deque[int] = deque(maxlen=_KEYS_KEPT)

    @property
    def finished(self) -> bool:
        """Whether the viewer pressed `q` or Esc, or closed the window."""
        return self._finished

    def write(self, shown: Shown) -> None:
        """Show one picture and see to keys; nothing after the viewer has ended it."""
        if self._finished:
            return
        try:
            if not self._open:
                self._open_for(shown.pixels)
            cv2.imshow(self._title, self._bordered(shown.pixels))
        except cv2.error as error:
            raise SinkError(
                f"the window could not show the picture ({error.err}). Go on with --no-window."
            ) from error
        self.poll()

    def poll(self, wait_ms: int = 1) -> int | None:
        """See to keys, resizing and closing without a new picture: for a still picture, called again and again.

        Before the first picture there is no window yet, and this only waits.

        Args:
            wait_ms: how long to wait for a key, in milliseconds, at least 1.

        Returns:
            The key's code (`ord('a')`), or None.
        """
        if self._finished:
            return None
        if not self._open:
            time.sleep(wait_ms / 1000)
            return None
        code = cv2.waitKeyEx(max(1, wait_ms))
        key = None if code == _NO_KEY else code & _KEY_BITS
        if key in _KEYS_THAT_END or not self._is_visible():
            self._finished = True
        elif key is not None:
            self._pressed.append(key)
        return key

    def take_keys(self) -> tuple[int, ...]:
        """Return the codes of the keys that were pressed since this was last asked, but for those that end it."""
        pressed = tuple(self._pressed)
        self._pressed.clear()
        return pressed

    def close(self) -> None:
        """Close the window."""
        if not self._open:
            return
        self._finished = True
        self._open = False
        if self._is_visible():
            cv2.destroyWindow(self._title)
            cv2.waitKeyEx(1)  # the toolkit takes it off the screen only when its events are seen to

    def _open_for(self, picture: Pixels) -> None:
        with hold_display():
            cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
        self._open = True
        height, width = picture.shape[:2]
        scale = min(1.0, _LARGEST[0] / width, _LARGEST[1] / height)
        cv2.resizeWindow(self._title, round(width * scale), round(height * scale))
        if self._fullscreen:
            cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, cv2.WINDOW_FULLSCREEN)

    def _bordered(self, picture: Pixels) -> Pixels:
        """Return the picture with black bars, so that it has the window's aspect.

        OpenCV can keep the aspect itself, but its bars are light grey and glare on a projector.
        """
        height, width = picture.shape[:2]
        _, _, window_width, window_height = cv2.getWindowImageRect(self._title)
        if window_width < 1 or window_height < 1:
            return picture
        # A window drawn out to a line must not ask for bars of a million pixels.
        across = min(max(0, round(height * window_width / window_height) - width) // 2, 2 * width)
        down = min(max(0, round(width * window_height / window_width) - height) // 2, 2 * height)
        if across <= 1 and down <= 1:
            return picture
        bordered = cv2.copyMakeBorder(picture, down, down, across, across, cv2.BORDER_CONSTANT, value=_BLACK)
        return np.asarray(bordered, np.uint8)

    def _is_visible(self) -> bool:
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # it is gone, says Qt this way; the next imshow would open it again
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _prepare_qt() -> None:
    """Tell Qt, before it starts, to use the one plugin that OpenCV's wheel carries and to keep its warnings."""
    if sys.platform in ("win32", "darwin") or not cv2.currentUIFramework().startswith("QT"):
        return
    os.environ["QT_QPA_PLATFORM"] = "xcb"  # a Wayland desktop asks for `wayland`, and Qt would abort
    os.environ.setdefault("QT_LOGGING_RULES", "*=false")
