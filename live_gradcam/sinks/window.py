"""Windows on the screen, through OpenCV."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable

import cv2
import numpy as np

from live_gradcam.closeable import Closeable
from live_gradcam.errors import SinkError
from live_gradcam.frame import Pixels
from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks.display_check import find_display, hold_display, screen_size
from live_gradcam.sinks.window_input import WheelGuard, key_name, shift_probe
from live_gradcam.viewer_input import Event, Key, Pointer, PointerKind

_NO_KEY = -1
_EVENTS_KEPT = 64
_POINTER: dict[int, PointerKind] = {
    cv2.EVENT_LBUTTONDOWN: "down",
    cv2.EVENT_LBUTTONDBLCLK: "down",
    cv2.EVENT_RBUTTONDOWN: "menu",
    cv2.EVENT_RBUTTONDBLCLK: "menu",
    cv2.EVENT_MOUSEMOVE: "move",
    cv2.EVENT_LBUTTONUP: "up",
}
_LARGEST = (1600, 900)
_SCREEN_SHARE = (0.98, 0.92)
"""Largest share of the screen's width and height for a new window, which leaves room for a title bar and a panel."""

_TITLE_BAR = 20
"""Approximate distance in pixels between the centres of a window's content and of its frame."""

_BLACK = (0, 0, 0)


class Window(Closeable):
    """Shows pictures in a window, and collects the viewer's input; closing the window sets `finished`.

    It opens with the first picture, at its size (smaller if the screen is smaller), keeps its aspect when it is
    resized, and never reopens after the viewer closed it. Use it in the main thread only, as macOS requires.

    Args:
        title: text of the title bar.
        fullscreen: fill the screen.

    Raises:
        SinkError: no window can be opened; the message says why and what to do.
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
        self._events: deque[Event] = deque(maxlen=_EVENTS_KEPT)
        self._shift_held: Callable[[], bool] | None = None
        self._border = (0, 0)
        self._fitted: tuple[int, int] | None = None
        """Size of the pictures that the window was made for."""
        self._size: tuple[int, int] | None = None
        """Size that the window was set to; None if it was never set."""
        self._largest = _LARGEST
        self._screen: tuple[int, int] | None = None
        """(width, height) of the screen in pixels; None if unknown."""
        self._wheel: WheelGuard | None = None
        self.tells_hover = False
        """Whether to report mouse moves without a button."""

    @property
    def finished(self) -> bool:
        """Whether the viewer closed the window."""
        return self._finished

    @property
    def room(self) -> tuple[int, int] | None:
        """(width, height) of the content in pixels if the viewer chose it, or it fills the screen; else None."""
        if not self._open or self._finished or self._size is None:
            return None
        try:
            _, _, width, height = cv2.getWindowImageRect(self._title)
        except cv2.error:  # it was closed
            return None
        return (width, height) if width > 0 and height > 0 and (width, height) != self._size else None

    def write(self, rendered: Rendered) -> None:
        """Show one picture and process input; does nothing after the viewer closed the window."""
        if self._finished:
            return
        try:
            if not self._open:
                self._open_for(rendered.pixels)
            self._fit_to(rendered.pixels)
            cv2.imshow(self._title, self._bordered(rendered.pixels))
        except cv2.error as error:
            raise SinkError(
                f"the window could not show the picture ({error.err}). Go on with --no-window."
            ) from error
        self.poll()

    def poll(self, wait_ms: int = 1) -> None:
        """Process keys, mouse, resizing and closing without a new picture.

        Before the first picture there is no window, and this only waits.

        Args:
            wait_ms: time to wait for a key, in milliseconds, at least 1.
        """
        if self._finished:
            return
        if not self._open:
            time.sleep(wait_ms / 1000)
            return
        code = cv2.waitKeyEx(max(1, wait_ms))
        if self._wheel is not None:
            self._wheel.poll()
        if not self._is_visible():
            self._finished = True
        elif code != _NO_KEY:
            self._shift_held = self._shift_held or shift_probe()
            name = key_name(code, shift=self._shift_held())
            if name is not None:
                self._events.append(Key(name))

    def take_events(self) -> tuple[Event, ...]:
        """Return the viewer's input since the last call, oldest first."""
        events = tuple(self._events)
        self._events.clear()
        return events

    def toggle_fullscreen(self) -> None:
        """Switch fullscreen on or off."""
        self._fullscreen = not self._fullscreen
        if self._open and not self._finished:
            mode = cv2.WINDOW_FULLSCREEN if self._fullscreen else cv2.WINDOW_NORMAL
            cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, mode)

    def close(self) -> None:
        """Close the window."""
        if not self._open:
            return
        self._finished = True
        self._open = False
        if self._wheel is not None:
            self._wheel.close()
        if self._is_visible():
            cv2.destroyWindow(self._title)
            cv2.waitKeyEx(1)  # the toolkit removes the window only when events are processed

    def _open_for(self, picture: Pixels) -> None:
        with hold_display():
            cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
        self._open = True
        self._screen = screen_size()
        if self._screen is not None:
            width, height = (
                min(most, int(side * share))
                for most, side, share in zip(_LARGEST, self._screen, _SCREEN_SHARE, strict=True)
            )
            self._largest = (width, height)
        if cv2.currentUIFramework().startswith("QT"):
            self._wheel = WheelGuard()
        cv2.setMouseCallback(self._title, self._point)
        self._fit_to(picture)
        if self._fullscreen:
            cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, cv2.WINDOW_FULLSCREEN)

    def _fit_to(self, picture: Pixels) -> None:
        """Resize the window to a picture of another size, unless the viewer has resized it."""
        height, width = picture.shape[:2]
        if (width, height) == self._fitted:
            return
        is_own = self._size is not None and cv2.getWindowImageRect(self._title)[2:] != self._size
        self._fitted = (width, height)
        if is_own or (self._fullscreen and self._size is not None):
            return
        scale = min(1.0, self._largest[0] / width, self._largest[1] / height)
        self._size = round(width * scale), round(height * scale)
        cv2.resizeWindow(self._title, *self._size)
        self._move_onto_screen(*self._size)

    def _move_onto_screen(self, width: int, height: int) -> None:
        """Centre the window on the screen if its new size would extend beyond the edge."""
        if self._screen is None or self._fullscreen:
            return
        left, top, _, _ = cv2.getWindowImageRect(self._title)
        if left + width > self._screen[0] or top + height > self._screen[1]:
            x, y = (self._screen[0] - width) // 2, (self._screen[1] - height) // 2 - _TITLE_BAR
            cv2.moveWindow(self._title, max(0, x), max(0, y))

    def _point(self, kind: int, x: int, y: int, held: int, _: object) -> None:
        """Queue a mouse event, in pixels of the picture; called while events are processed."""
        name = _POINTER.get(kind)
        if name == "move" and not held & cv2.EVENT_FLAG_LBUTTON:
            name = "hover" if self.tells_hover else None
        if name is None:
            return
        across, down = self._border
        pointer = Pointer(name, x - across, y - down)
        if (
            name in ("move", "hover")
            and getattr(self._events[-1] if self._events else None, "kind", None) == name
        ):
            self._events.pop()  # of successive moves only the last one matters
        self._events.append(pointer)

    def _bordered(self, picture: Pixels) -> Pixels:
        """Return the picture with black bars, so that it has the window's aspect.

        OpenCV's own bars are light grey, which is too bright on a projector.
        """
        height, width = picture.shape[:2]
        _, _, window_width, window_height = cv2.getWindowImageRect(self._title)
        self._border = (0, 0)
        if window_width < 1 or window_height < 1:
            return picture
        # The limits avoid huge bars if a window is only a few pixels wide or high.
        across = min(max(0, round(height * window_width / window_height) - width) // 2, 2 * width)
        down = min(max(0, round(width * window_height / window_width) - height) // 2, 2 * height)
        if across <= 1 and down <= 1:
            return picture
        self._border = (across, down)
        bordered = cv2.copyMakeBorder(picture, down, down, across, across, cv2.BORDER_CONSTANT, value=_BLACK)
        return np.asarray(bordered, np.uint8)

    def _is_visible(self) -> bool:
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # Qt raises this after the window was closed; the next imshow would reopen it
            return False


def _prepare_qt() -> None:
    """Set Qt's environment before it starts: the one plugin in OpenCV's wheel, and no warnings."""
    if sys.platform in ("win32", "darwin") or not cv2.currentUIFramework().startswith("QT"):
        return
    os.environ["QT_QPA_PLATFORM"] = "xcb"  # a Wayland desktop sets `wayland`, for which Qt would abort
    os.environ.setdefault("QT_LOGGING_RULES", "*=false")
    os.environ["QT_XCB_NO_XI2"] = "1"  # otherwise wheel events arrive in a way that cannot be blocked
