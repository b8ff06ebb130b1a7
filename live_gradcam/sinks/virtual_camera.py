"""The virtual camera: the picture as a camera of this machine, for Zoom, Teams, OBS and browsers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from live_gradcam.closeable import Closeable
from live_gradcam.concurrency.latest_item import Latest
from live_gradcam.concurrency.worker_thread import WorkerThread
from live_gradcam.errors import SinkError
from live_gradcam.frame import Pixels
from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks.letterbox import fitted

if TYPE_CHECKING:
    from pyvirtualcam import Camera

_AGAIN_SECONDS = 0.2
"""Time after which the same picture is sent again: programs give up a camera that sends nothing."""

_MOST = (1920, 1080)
_USUAL_FPS = 30.0
_MISSING = (
    "the virtual camera needs pyvirtualcam, which is not installed. Type: pip install "
    "'live-gradcam[virtual-camera]'"
)


def refuse_without_library() -> None:
    """Refuse a virtual camera if the package that writes to it is not installed.

    Raises:
        SinkError: it is not installed; the message says what to type.
    """
    try:
        import pyvirtualcam  # noqa: F401 - an extra
    except ImportError as error:
        raise SinkError(_MISSING) from error


class VirtualCamera(Closeable):
    """Sends each picture to a virtual camera of the system, through pyvirtualcam, in a thread of its own.

    The newest picture counts: if the device is slow, pictures are left out. The last picture is sent again five times a
    second while no other comes. When the device fails, one call of `write` raises.

    The size of a camera is fixed. It is that of the source, made even, and 1920×1080 at most; pictures of another size
    are scaled and get black bars.

    Args:
        source_size: (width, height) of the source in pixels.
        fps: the rate to announce; None: 30.
        device: the camera, as pyvirtualcam names it: `/dev/video10`, `OBS Virtual Camera`. None: the first one.

    Raises:
        SinkError: pyvirtualcam is not installed, or there is no such camera; the message says what to type.
    """

    name = "virtual camera"
    notice: str | None = None

    def __init__(
        self, source_size: tuple[int, int], fps: float | None = None, device: str | None = None
    ) -> None:
        refuse_without_library()
        self._size = _camera_size(source_size)
        self._camera = _opened(self._size, fps or _USUAL_FPS, device)
        self.device: str = self._camera.device
        """The camera's name in other programs."""
        self._newest: Latest[Pixels] = Latest()
        self._worker = WorkerThread(
            self._send_all,
            name=f"virtual camera {self.device}",
            end=self._newest.close,
            left_behind="is still inside the driver of the virtual camera",
        )

    @property
    def finished(self) -> bool:
        """Always False: a camera has no viewer here."""
        return False

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the camera in pixels."""
        return self._size

    def write(self, shown: Rendered) -> None:
        """Send a picture soon, unless a newer one comes before.

        Raises:
            SinkError: the device has failed; raised once.
        """
        self._raise_failure()
        self._newest.put(shown.pixels)

    def close(self) -> None:
        """Stop sending, and release the device.

        Raises:
            SinkError: the device has failed, and nobody was told.
        """
        self._newest.close()
        try:
            self._worker.close()
        except Exception as error:
            raise self._failure(error) from error

    def _send_all(self) -> None:
        """Send the newest picture each time, in the thread; then release the device."""
        picture: Pixels | None = None
        try:
            while not self._newest.closed:
                newer = self._newest.take(_AGAIN_SECONDS)
                if newer is not None:
                    picture = np.ascontiguousarray(fitted(newer, self._size))
                if picture is not None and not self._newest.closed:
                    self._camera.send(picture)
        finally:
            self._camera.close()

    def _raise_failure(self) -> None:
        error = self._worker.take_error()
        if error is not None:
            raise self._failure(error) from error

    def _failure(self, error: BaseException) -> SinkError:
        return SinkError(
            f"the virtual camera {self.device} takes no more pictures ({_cause(error)}). The show goes on without it; "
            "start it again to use the camera again."
        )


def _camera_size(source_size: tuple[int, int]) -> tuple[int, int]:
    """Return the camera's size for a source: even, and within 1920×1080."""
    width, height = source_size
    scale = min(1.0, _MOST[0] / width, _MOST[1] / height)
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def _opened(size: tuple[int, int], fps: float, device: str | None) -> Camera:
    import pyvirtualcam

    width, height = size
    try:
        return pyvirtualcam.Camera(width, height, fps, fmt=pyvirtualcam.PixelFormat.BGR, device=device)
    except Exception as error:  # a backend raises what it likes
        which = (
            "no virtual camera can be used" if device is None else f"there is no virtual camera '{device}'"
        )
        raise SinkError(f"{which} ({_cause(error)}). {_remedy()}") from error


def _remedy() -> str:
    """Return what to type or install on this system."""
    if sys.platform == "win32":
        return "Install OBS Studio (obsproject.com), start its virtual camera once, stop it, and start this again."
    if sys.platform == "darwin":
        return (
            "Install OBS Studio (obsproject.com), press 'Start Virtual Camera' in it once, allow the extension in "
            "System Settings, stop it, and start this again."
        )
    return (
        "Type: sudo apt install v4l2loopback-dkms && sudo modprobe v4l2loopback exclusive_caps=1 video_nr=10 "
        "card_label=live-gradcam"
    )


def _cause(error: BaseException) -> str:
    """Return the first sentence of an error."""
    line = str(error).strip().partition("\n")[0] or type(error).__name__
    return line.partition(". ")[0].rstrip(".")
