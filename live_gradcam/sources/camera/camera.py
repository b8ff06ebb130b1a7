"""A camera of this computer as a source."""

from __future__ import annotations

import sys

from live_gradcam.errors import SettingsError, SourceError
from live_gradcam.sources.camera.camera_feed import DEFAULT_FPS, DEFAULT_SIZES, CameraFeed, backends
from live_gradcam.sources.camera.discovery import CameraLocator, camera_failure
from live_gradcam.sources.reconnecting import Reconnecting, Wording
from live_gradcam.sources.reconnecting_source import ReconnectingSource

RETRY_EVERY = 0.25
"""Seconds between attempts to find a lost camera."""

# AVFoundation never finds a camera again that was unplugged (opencv#27294).
_LOST = "camera lost: plug it in, start again" if sys.platform == "darwin" else "camera lost, reconnecting"


class CameraSource(ReconnectingSource[CameraFeed]):
    """A camera, opened with a requested size and frame rate; `describe()` says what it actually gives.

    If it is unplugged or hangs, the iteration waits until it is back.

    Args:
        device: the camera's number, or on Linux its node: `/dev/video0`, or a link to one.
        size: requested (width, height) in pixels; None for 1280×720, or less if that is slow.
        fps: requested frames per second; None for 30.
        backend: OpenCV's capture backend: `v4l2`, `avfoundation`, `msmf`, `dshow`, `any`; None for the best.

    Raises:
        SourceError: there is no such camera, it is in use, or access is denied.
        SettingsError: a size, rate or backend is invalid.
    """

    is_device = True

    def __init__(
        self,
        device: int | str = 0,
        *,
        size: tuple[int, int] | None = None,
        fps: float | None = None,
        backend: str | None = None,
    ) -> None:
        _check(size, fps)
        self._backends = backends(backend)
        self._asked = (size, fps)
        self._locator = CameraLocator(device, self._backends[0])
        self._was_open = False
        self.name = f"camera {self._locator.number}"
        feeds = Reconnecting(
            self._connect,
            Wording(
                name=self.name,
                lost=_LOST,
                hangs="camera hangs, reconnecting",
                no_picture=f"{self.name} gives no frames: another program may be using it. Close that one, try again.",
                only_damage=f"{self.name} sends only damaged frames. Try another cable or another USB port.",
            ),
            pause=RETRY_EVERY,
            # macOS asks for permission, which works in the main thread only (opencv#16427).
            open_here=sys.platform == "darwin",
        )
        super().__init__(feeds)
        mode = feeds.first.mode
        self.size = mode.size
        self.fps = mode.fps
        known = self._locator.camera
        asked_size, asked_fps = size or DEFAULT_SIZES[0], fps or DEFAULT_FPS
        differs = mode.size != asked_size or (mode.fps is not None and round(mode.fps) < round(asked_fps))
        self._description = (
            f"{self.name}: "
            + (f"{known.name}, " if known is not None else "")
            + str(mode)
            + (f" (asked for {asked_size[0]}×{asked_size[1]} at {asked_fps:g} fps)" if differs else "")
        )

    def describe(self) -> str:
        """Return the name and the negotiated mode: `camera 0: 1280×720 at 30 fps, MJPG`."""
        return self._description

    def _connect(self) -> CameraFeed:
        number = self._locator.find() if self._was_open else self._locator.number
        if number is None:
            raise SourceError(camera_failure(self._locator.number))
        feed = CameraFeed(number, self._backends, *self._asked)
        self._was_open = True
        return feed


def _check(size: tuple[int, int] | None, fps: float | None) -> None:
    if size is not None and min(size) < 1:
        raise SettingsError(
            f"the camera's size is {size[0]}×{size[1]}: both must be at least 1, as in 1280x720."
        )
    if fps is not None and not 0 < fps < 1000:
        raise SettingsError(f"the camera's rate is {fps:g} fps: it must be more than 0 and less than 1000.")
