"""An open camera, through OpenCV."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.errors import SettingsError, SourceError
from live_gradcam.frame import Pixels
from live_gradcam.name_suggestions import unknown_name
from live_gradcam.process.stderr_filter import native_stderr_filtered
from live_gradcam.sources.camera.discovery import camera_failure, is_there
from live_gradcam.sources.feed import FeedLost, Shot

DEFAULT_SIZES = ((1280, 720), (640, 480))
"""Sizes to request by default: the second is used if the first comes at less than half the rate."""

DEFAULT_FPS = 30.0

LARGEST_RAW = 640 * 480
"""Pixels up to which uncompressed pictures fit through USB 2 at 30 fps; they look better than compressed ones."""

SLICE = 0.2
"""Seconds that a read waits at most, on systems with a choice, so that closing is quick."""

PATIENCE = 0.5
"""Seconds of failing reads after which a camera counts as lost; single failures are normal."""

RETRY_PAUSE = 0.05
"""Seconds between reads that failed immediately."""

OLDEST_STAMP = 10.0
"""Seconds: a driver's timestamp that is older, or in the future, comes from another clock."""

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

    They are named because `CAP_ANY` also tries backends that have no cameras, which takes long.

    Args:
        name: the backend to use, such as `dshow`; None for the platform's.
        platform: as `sys.platform` names it.

    Raises:
        SettingsError: the platform has no such backend.
    """
    own = _OF_PLATFORM.get(platform, ())
    if name is None:
        return tuple(_BACKENDS[each] for each in own) or (cv2.CAP_ANY,)
    if name not in (*own, "any"):
        raise SettingsError(unknown_name("camera backend", name, (*own, "any"), ""))
    return (_BACKENDS[name],)


@dataclass(frozen=True, slots=True)
class CameraMode:
    """The picture format that a camera agreed to."""

    size: tuple[int, int]
    """(width, height) in pixels."""

    fps: float | None
    """Frames per second that it promises; None if unknown."""

    pixel_format: str
    """Four letters, `MJPG`; empty if unknown."""

    def __str__(self) -> str:
        rate = "" if self.fps is None else f" at {self.fps:g} fps"
        return f"{self.size[0]}×{self.size[1]}{rate}" + (
            f", {self.pixel_format}" if self.pixel_format else ""
        )


class CameraFeed:
    """An opened camera.

    Args:
        number: OpenCV's number of the camera.
        backends: OpenCV's backends to try in turn.
        size: requested (width, height) in pixels; None for the best.
        fps: requested frames per second; None for 30.

    Raises:
        SourceError: there is no such camera, it is in use, or access is denied.
    """

    def __init__(
        self, number: int, backends: tuple[int, ...], size: tuple[int, int] | None, fps: float | None
    ) -> None:
        self._number = number
        self._capture = _open(number, backends)
        try:
            self._is_v4l2 = self._capture.getBackendName() == "V4L2"
            self.mode = _negotiate(self._capture, size, fps or DEFAULT_FPS)
            # OpenCV silently replaces a truncated JPEG by the previous picture. So it delivers the raw bytes, which are
            # decoded here at the same cost.
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
        """Wait for the next picture; see `Feed.read`."""
        began = time.monotonic()
        data = None
        try:
            # On systems other than Linux a read waits as long as the backend wants.
            if self._is_v4l2 and not cv2.VideoCapture.waitAny([self._capture], round(SLICE * 1e9))[0]:
                self._waited += time.monotonic() - began
                return None
            grabbed = self._capture.grab()
            arrived = time.monotonic()  # before decoding, which takes some milliseconds
            if grabbed:
                data = self._capture.retrieve()[1]
        except cv2.error:  # from waitAny: the device reports an error, or its first picture does not arrive
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
        """Release the camera."""
        self._capture.release()

    def _decode(self, data: npt.NDArray[np.uint8]) -> tuple[Pixels | None, bool]:
        """Return the picture, and whether it is the previous one because this one is damaged."""
        if not self._gives_jpegs:
            return data, False
        pixels = decode_jpeg(data)
        if pixels is not None:
            self._last_good = data
            return pixels, False
        # Decode it again, because the earlier array belongs to whoever received it.
        return None if self._last_good is None else decode_jpeg(self._last_good), True

    def _fail(self, began: float, now: float) -> None:
        """Handle a read without data.

        Raises:
            FeedLost: the camera is gone, or has failed for too long.
        """
        if not is_there(self._number):
            raise FeedLost("was unplugged")
        if now - began > SLICE:  # the read did wait, so data may still come
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
        data: its bytes, an array of any shape.

    Returns:
        (H, W, 3) uint8 BGR, a new array; None if it is damaged.
    """
    if data.size == 0:
        return None
    with native_stderr_filtered():  # libjpeg reports repairable damage on stderr
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return None if pixels is None else np.asarray(pixels, np.uint8)


def _open(number: int, backends: tuple[int, ...]) -> cv2.VideoCapture:
    for backend in backends:
        capture = cv2.VideoCapture(number, backend)
        if capture.isOpened():
            return capture
        capture.release()
    raise SourceError(camera_failure(number))


def _negotiate(capture: cv2.VideoCapture, size: tuple[int, int] | None, fps: float) -> CameraMode:
    best = _ask_for(capture, size or DEFAULT_SIZES[0], fps)
    if size is None and best.fps is not None and best.fps < fps / 2:
        smaller = _ask_for(capture, DEFAULT_SIZES[1], fps)
        if smaller.fps is None or smaller.fps <= best.fps:
            return _ask_for(capture, DEFAULT_SIZES[0], fps)
        return smaller
    return best


def _ask_for(capture: cv2.VideoCapture, size: tuple[int, int], fps: float) -> CameraMode:
    """Set the pixel format that gives this size at this rate, or comes nearest to the rate."""
    # AVFoundation has no pixel formats (opencv#23368).
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
    # This order, and before the first read: with the size first a USB camera keeps uncompressed pictures, and 10 fps at
    # 1280×720.
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
