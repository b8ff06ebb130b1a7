"""A camera that is open, through OpenCV."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.errors import SettingsError, SourceError
from live_gradcam.frame import Pixels
from live_gradcam.near_names import unknown_name
from live_gradcam.process.stderr_filter import native_stderr_filtered
from live_gradcam.sources.camera.faults import is_there, why_not
from live_gradcam.sources.feed import FeedLost, Shot

DEFAULT_SIZES = ((1280, 720), (640, 480))
"""What is asked for where no size is: the second where the first comes at less than half the rate."""

DEFAULT_FPS = 30.0

LARGEST_RAW = 640 * 480
"""Pixels up to which uncompressed pictures fit through USB 2 at 30 fps, and look better than compressed ones."""

SLICE = 0.2
"""Seconds for which a read waits at most, where the system lets us choose: then closing is quick."""

PATIENCE = 0.5
"""Seconds of failing reads after which a camera counts as lost; a single failure happens in ordinary use."""

RETRY_PAUSE = 0.05
"""Seconds between reads that failed at once."""

OLDEST_STAMP = 10.0
"""Seconds: a driver's timestamp that is older, or in the future, is on some other clock."""

_BACKENDS = {
    "v4l2": cv2.CAP_V4L2,
    "avfoundation": cv2.CAP_AVFOUNDATION,
    "msmf": cv2.CAP_MSMF,
    "dshow": cv2.CAP_DSHOW,
    "any": cv2.CAP_ANY,
}
_OF_PLATFORM = {"linux": ("v4l2",), "darwin": ("avfoundation",), "win32": ("msmf", "dshow")}


def backends(name: str | None = None, platform: str = sys.platform) -> tuple[int, ...]:
    """Return OpenCV's capture backends to try, the best first.

    They are named because `CAP_ANY` goes through backends that know nothing of cameras, at length.

    Args:
        name: the one to use, such as `dshow`; None for those of the platform.
        platform: as `sys.platform` names it.

    Raises:
        SettingsError: the name is none of this platform's.
    """
    own = _OF_PLATFORM.get(platform, ())
    if name is None:
        return tuple(_BACKENDS[each] for each in own) or (cv2.CAP_ANY,)
    if name not in (*own, "any"):
        raise SettingsError(unknown_name("camera backend", name, (*own, "any"), ""))
    return (_BACKENDS[name],)


@dataclass(frozen=True, slots=True)
class CameraMode:
    """How a camera gives its pictures."""

    size: tuple[int, int]
    """(width, height) in pixels."""

    fps: float | None
    """Frames per second that it promises; None where it does not tell."""

    pixel_format: str
    """Four letters, `MJPG`; empty where that is not told."""

    def __str__(self) -> str:
        rate = "" if self.fps is None else f" at {self.fps:g} fps"
        return f"{self.size[0]}×{self.size[1]}{rate}" + (
            f", {self.pixel_format}" if self.pixel_format else ""
        )


class CameraFeed:
    """One opened camera, from which nothing was read yet.

    Args:
        number: what OpenCV calls it by.
        backends: OpenCV's backends to try in turn.
        size: (width, height) in pixels to ask for; None for the best it can do.
        fps: frames per second to ask for; None for 30.

    Raises:
        SourceError: there is no such camera, it is in use, or it may not be used.
    """

    def __init__(
        self, number: int, backends: tuple[int, ...], size: tuple[int, int] | None, fps: float | None
    ) -> None:
        self._number = number
        self._capture = _open(number, backends)
        try:
            self._is_v4l2 = self._capture.getBackendName() == "V4L2"
            self.mode = _negotiate(self._capture, size, fps or DEFAULT_FPS)
            # OpenCV answers a JPEG that is cut short with the picture before it, as if nothing had happened. So
            # it hands over the bytes, and they are decoded here, for the same price.
            compressed = self._is_v4l2 and self.mode.pixel_format == "MJPG"
            self._gives_jpegs = compressed and self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        except BaseException:
            self._capture.release()
            raise
        self.size, self.fps = self.mode.size, self.mode.fps
        self._last_good: npt.NDArray[np.uint8] | None = None
        self._failing_since: float | None = None
        self._waited = 0.0

    def read(self) -> Shot | None:
        """Wait for the next picture; see `Feed`."""
        began = time.monotonic()
        data = None
        try:
            # Elsewhere than on Linux a read waits for as long as the backend likes.
            if self._is_v4l2 and not cv2.VideoCapture.waitAny([self._capture], round(SLICE * 1e9))[0]:
                self._waited += time.monotonic() - began
                return None
            grabbed = self._capture.grab()
            arrived = time.monotonic()  # before decoding, which takes some ms
            if grabbed:
                data = self._capture.retrieve()[1]
        except (
            cv2.error
        ):  # from waitAny, where the device tells of an error or its first picture does not come
            arrived = time.monotonic()
        self._waited += arrived - began
        if data is None:
            self._fail(began, arrived)
            return None
        self._failing_since = None
        waited, self._waited = self._waited, 0.0
        pixels, damaged = self._decode(np.asarray(data, np.uint8))
        return Shot(pixels, self._stamp(arrived), waited, damaged)

    def close(self) -> None:
        """Let go of the camera."""
        self._capture.release()

    def _decode(self, data: npt.NDArray[np.uint8]) -> tuple[Pixels | None, bool]:
        """Return the picture, and whether it had to be the one before it."""
        if not self._gives_jpegs:
            return data, False
        pixels = decode_jpeg(data)
        if pixels is not None:
            self._last_good = data
            return pixels, False
        # Decoded anew, for the picture itself belongs to whoever got it.
        return None if self._last_good is None else decode_jpeg(self._last_good), True

    def _fail(self, began: float, now: float) -> None:
        """Take note of a read that brought nothing.

        Raises:
            FeedLost: the camera is gone, or has failed for too long.
        """
        if not is_there(self._number):
            raise FeedLost("was unplugged")
        if now - began > SLICE:  # it waited, so it may yet come
            return
        self._failing_since = self._failing_since or began
        if now - self._failing_since > PATIENCE:
            raise FeedLost("was unplugged, or its driver gave up")
        time.sleep(RETRY_PAUSE)

    def _stamp(self, arrived: float) -> float:
        if self._is_v4l2:
            stamp = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
            if 0 <= arrived - stamp < OLDEST_STAMP:
                return stamp
        return arrived


def decode_jpeg(data: npt.NDArray[np.uint8]) -> Pixels | None:
    """Decode a JPEG.

    Args:
        data: the bytes, in whatever shape.

    Returns:
        (H, W, 3) uint8 BGR, a new array; None where it is damaged.
    """
    if data.size == 0:
        return None
    with native_stderr_filtered():  # libjpeg tells the terminal of the damage that it could patch up
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return None if pixels is None else np.asarray(pixels, np.uint8)


def _open(number: int, backends: tuple[int, ...]) -> cv2.VideoCapture:
    for backend in backends:
        capture = cv2.VideoCapture(number, backend)
        if capture.isOpened():
            return capture
        capture.release()
    raise SourceError(why_not(number))


def _negotiate(capture: cv2.VideoCapture, size: tuple[int, int] | None, fps: float) -> CameraMode:
    best = _ask_for(capture, size or DEFAULT_SIZES[0], fps)
    if size is None and best.fps is not None and best.fps < fps / 2:
        smaller = _ask_for(capture, DEFAULT_SIZES[1], fps)
        if smaller.fps is None or smaller.fps <= best.fps:
            return _ask_for(capture, DEFAULT_SIZES[0], fps)
        return smaller
    return best


def _ask_for(capture: cv2.VideoCapture, size: tuple[int, int], fps: float) -> CameraMode:
    """Agree on the pixel format that gives this size at this rate, or comes nearest to the rate."""
    # AVFoundation knows no pixel formats (opencv#23368).
    if capture.getBackendName() == "AVFOUNDATION":
        return _set(capture, None, size, fps)
    first, second = ("YUYV", "MJPG") if size[0] * size[1] <= LARGEST_RAW else ("MJPG", "YUYV")
    mode = _set(capture, first, size, fps)
    if mode.fps is None or round(mode.fps) >= round(fps):
        return mode
    other = _set(capture, second, size, fps)
    if other.size == mode.size and other.fps is not None and other.fps > mode.fps:
        return other
    return _set(capture, first, size, fps)


def _set(
    capture: cv2.VideoCapture, pixel_format: str | None, size: tuple[int, int], fps: float
) -> CameraMode:
    # The order matters, and all of it comes before the first read: with the size first a USB camera stays with
    # uncompressed pictures, and 10 fps at 1280×720.
    if pixel_format is not None:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*pixel_format))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
    capture.set(cv2.CAP_PROP_FPS, fps)
    got = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    rate = float(capture.get(cv2.CAP_PROP_FPS))
    code = int(capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
    letters = code.to_bytes(4, "little").decode("ascii", "replace").strip()
    return CameraMode(got, rate if rate > 0 else None, letters if letters.isalnum() else "")
