"""A camera on this machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from live_gradcam.errors import SettingsError, SourceError
from live_gradcam.frame import Frame
from live_gradcam.sources.camera.faults import why_not
from live_gradcam.sources.camera.feed import DEFAULT_FPS, DEFAULT_SIZES, CameraFeed, backends
from live_gradcam.sources.camera.names import Whereabouts
from live_gradcam.sources.reconnecting import Reconnecting, Wording

RETRY_EVERY = 0.25
"""Seconds between looks whether a lost camera is back."""

# AVFoundation never gives back a camera that was pulled (opencv#27294).
_LOST = "camera lost: plug it in, start again" if sys.platform == "darwin" else "camera lost, reconnecting"


class CameraSource:
    """A camera that is asked for a size and a rate; it gives what it can, and `describe()` says what that is.

    When it is unplugged or hangs, the iteration waits until it is back.

    Args:
        device: the camera's number, or on Linux its node: `/dev/video0`, or a link to one.
        size: (width, height) in pixels to ask for; None: 1280×720, or less where that is slow.
        fps: frames per second to ask for; None: 30.
        backend: OpenCV's capture backend: `v4l2`, `avfoundation`, `msmf`, `dshow`, `any`; None: the best.

    Raises:
        SourceError: there is no such camera, it is in use, or it may not be used.
        SettingsError: a size, rate or backend that makes no sense.
    """

    live = True
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
        self._whereabouts = Whereabouts(device, self._backends[0])
        self._was_open = False
        self.name = f"camera {self._whereabouts.number}"
        self._feeds = Reconnecting(
            self._connect,
            Wording(
                name=self.name,
                lost=_LOST,
                hangs="camera hangs, reconnecting",
                no_picture=f"{self.name} gives no frames: another program may be using it. Close that one, try again.",
                only_damage=f"{self.name} sends only damaged frames. Try another cable or another USB port.",
            ),
            pause=RETRY_EVERY,
            # macOS asks for permission, which it does in the main thread only (opencv#16427).
            open_here=sys.platform == "darwin",
        )
        mode = self._feeds.first.mode
        self.size = mode.size
        self.fps = mode.fps
        known = self._whereabouts.camera
        asked_size, asked_fps = size or DEFAULT_SIZES[0], fps or DEFAULT_FPS
        differs = mode.size != asked_size or (mode.fps is not None and round(mode.fps) < round(asked_fps))
        self._description = (
            f"{self.name}: "
            + (f"{known.name}, " if known is not None else "")
            + str(mode)
            + (f" (asked for {asked_size[0]}×{asked_size[1]} at {asked_fps:g} fps)" if differs else "")
        )

    @property
    def frames_captured(self) -> int:
        """How many frames the camera delivered so far."""
        return self._feeds.frames_captured

    @property
    def notice(self) -> str | None:
        """What the viewer should be told now: `camera lost, reconnecting`; None when all is well."""
        return self._feeds.notice

    @property
    def reconnects(self) -> int:
        """How often it was lost and came back."""
        return self._feeds.reconnects

    @property
    def measured_fps(self) -> float | None:
        """Frames per second that it gives; None until that is known, and while it gives none."""
        return self._feeds.measured_fps

    def describe(self) -> str:
        """Return the name and what was negotiated: `camera 0: 1280×720 at 30 fps, MJPG`."""
        return self._description

    @property
    def ended(self) -> bool:
        """Whether no frame will come any more: it was closed, or never gave a picture."""
        return self._feeds.ended

    def newest(self, timeout: float) -> Frame | None:
        """Return the newest frame that was not given yet, or None if there is none within `timeout` seconds.

        Raises:
            SourceError: it never gave a picture.
        """
        return self._feeds.newest(timeout)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the newest frame each time, waiting for a camera that is lost.

        Raises:
            SourceError: it never gave a picture.
        """
        return iter(self._feeds)

    def close(self) -> None:
        """Stop the reader, which lets go of the camera."""
        self._feeds.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connect(self) -> CameraFeed:
        number = self._whereabouts.find() if self._was_open else self._whereabouts.number
        if number is None:
            raise SourceError(why_not(self._whereabouts.number))
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
