"""Discovery of cameras: find them by name, find an unplugged one again, and say why one cannot be opened."""

from __future__ import annotations

import errno
import logging
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from live_gradcam.errors import SourceError

logger = logging.getLogger(__name__)

MOST_NODES = 64
"""Camera numbers that are tried on Linux."""

SYSFS = Path("/sys/class/video4linux")
"""Where Linux tells a camera's name without opening it."""


@dataclass(frozen=True, slots=True)
class CameraName:
    """A camera as the system describes it."""

    number: int
    """OpenCV's number; it may change when the camera is plugged in again."""

    name: str
    """The maker's name: `HD Pro Webcam C920`."""

    path: str = ""
    """Its device file or system path; empty if there is none."""

    usb: str | None = None
    """Vendor and product, `046d:082d`; None for a camera that is not on USB."""

    port: str | None = None
    """The port that it is plugged into, on Linux: `1-2:1.0`."""

    stream: int = 0
    """Index of the node among the camera's nodes, on Linux."""

    @property
    def place(self) -> str | None:
        """Distinguishes it from another camera of the same make."""
        return self.port or self.path or None

    def is_like(self, other: CameraName) -> bool:
        """Return whether it is of the same make, as far as is known."""
        return (self.name, self.usb, self.stream) == (other.name, other.usb, other.stream)


def list_cameras(backend: int) -> tuple[CameraName, ...]:
    """Return the connected cameras that give pictures, in the order of their numbers.

    Args:
        backend: OpenCV's number of the capture backend, which numbers the cameras.
    """
    if sys.platform.startswith("linux"):
        return tuple(camera for number in range(MOST_NODES) if (camera := _look_at(number)) is not None)
    return _enumerate(backend)


def camera_called(part: str, backend: int) -> CameraName:
    """Return the one camera whose name contains `part`; letter case is ignored.

    Raises:
        SourceError: there is none, or several; the message lists the names.
    """
    cameras = list_cameras(backend)
    if not cameras:
        raise SourceError(f"there is no camera called '{part}': there is none at all. Try --source demo.")
    listed = ", ".join(f"'{camera.name}' (--source {camera.number})" for camera in cameras)
    matching = [camera for camera in cameras if part.casefold() in camera.name.casefold()]
    exact = [camera for camera in matching if camera.name.casefold() == part.casefold()]
    if len(exact) == 1:
        return exact[0]
    if not part or not matching:
        raise SourceError(f"there is no camera called '{part}'. There is {listed}.")
    if len(matching) > 1:
        raise SourceError(f"'{part}' is the name of {len(matching)} cameras. There is {listed}.")
    return matching[0]


class CameraLocator:
    """Finds a camera again, although its number changes when it is plugged in again.

    It is the camera of the same make on the same port; or on another port if it was the only one of its make. A camera
    that was named by a link, such as those in `/dev/v4l/by-id`, is wherever the link leads.

    Args:
        device: the camera's number, or on Linux its node or a link to one.
        backend: OpenCV's number of the capture backend.

    Raises:
        SourceError: that cannot be a camera.
    """

    def __init__(self, device: int | str, backend: int) -> None:
        self._backend = backend
        self._link = device if isinstance(device, str) else None
        number = device if isinstance(device, int) else number_of_node(device)
        if number is None:
            raise SourceError(
                f"there is no camera '{device}'. Give its number, such as 0, or try --source demo."
            )
        if number < 0:
            raise SourceError(f"there is no camera {number}: cameras are counted from 0.")
        self.number = number
        """Its number when this was created."""

        present = _present(backend)
        self.camera = next((camera for camera in present if camera.number == number), None)
        """What the system tells of it; None if nothing."""

        self._twins = frozenset(
            camera.place
            for camera in present
            if self.camera is not None and camera != self.camera and camera.is_like(self.camera)
        )

    def find(self) -> int | None:
        """Return its current number; None while it is not connected."""
        if self._link is not None:
            number = number_of_node(self._link)
            return number if number is not None and is_there(number) else None
        if self.camera is None:
            return self.number if is_there(self.number) else None
        return same_camera(self.camera, self._twins, _present(self._backend))


def same_camera(
    camera: CameraName, twins: frozenset[str | None], present: tuple[CameraName, ...]
) -> int | None:
    """Return the number of this camera among those present, excluding others of the same make; None if not found."""
    alike = [other for other in present if other.is_like(camera)]
    in_place = [other for other in alike if other.place == camera.place]
    moved = [other for other in alike if other.place not in twins]
    found = in_place or moved
    return found[0].number if found else None


def number_of_node(path: str) -> int | None:
    """Return the number of a camera's node on Linux, or of the node that a link leads to; None for other paths."""
    node = re.fullmatch(r"/dev/video(\d+)", str(Path(path).resolve()))
    return int(node[1]) if node is not None else None


def _present(backend: int) -> tuple[CameraName, ...]:
    """Return the connected cameras, without opening any."""
    if not sys.platform.startswith("linux"):
        return _enumerate(backend)
    there = (number for number in range(MOST_NODES) if is_there(number))
    return tuple(known for number in there if (known := _in_sysfs(number)) is not None)


def _look_at(number: int) -> CameraName | None:
    """Return the camera of a node on Linux; None if there is none, or it gives no pictures."""
    from live_gradcam.sources.camera.v4l2 import card_and_captures  # uses fcntl, which Windows lacks

    node = node_of(number)
    if not node.exists():
        return None
    known = _in_sysfs(number)
    try:
        card, captures = card_and_captures(node)
    except OSError:  # it exists but cannot be opened
        return known or CameraName(number, f"camera {number}", str(node))
    if not captures:
        return None
    return known or CameraName(number, card, str(node))


def _in_sysfs(number: int) -> CameraName | None:
    folder = SYSFS / f"video{number}"
    name = _line(folder / "name")
    if name is None:
        return None
    interface = (folder / "device").resolve()
    # The ids belong to the device, one level above its interfaces.
    vendor, product = _line(interface.parent / "idVendor"), _line(interface.parent / "idProduct")
    stream = _line(folder / "index") or "0"
    return CameraName(
        number,
        name,
        str(node_of(number)),
        f"{vendor}:{product}" if vendor and product else None,
        interface.name,
        int(stream) if stream.isdecimal() else 0,
    )


def _line(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return None


def _enumerate(backend: int) -> tuple[CameraName, ...]:
    try:
        from cv2_enumerate_cameras import enumerate_cameras

        found = enumerate_cameras(backend)
    except (ImportError, NotImplementedError, OSError) as error:
        logger.info("the names of cameras are not known: %s", error)
        return ()
    return tuple(
        CameraName(
            each.index,
            each.name,
            each.path or "",
            f"{each.vid:04x}:{each.pid:04x}" if each.vid is not None and each.pid is not None else None,
        )
        for each in sorted(found, key=lambda each: int(each.index))
    )


def node_of(number: int) -> Path:
    """Return a camera's device file on Linux."""
    return Path(f"/dev/video{number}")


def is_there(number: int, platform: str = sys.platform) -> bool:
    """Return whether a camera may exist; False only if it certainly does not."""
    return not platform.startswith("linux") or node_of(number).exists()


def camera_failure(number: int, platform: str = sys.platform) -> str:
    """Return why a camera could not be opened.

    Args:
        number: the camera's number.
        platform: as `sys.platform` names it.

    Returns:
        One line: the reason and what to do.
    """
    name = f"camera {number}"
    if platform == "darwin":
        return (
            f"{name} could not be opened: there is none, or this program may not use it. Allow it in System "
            "Settings > Privacy & Security > Camera, or try --source demo."
        )
    if platform == "win32":
        return (
            f"{name} could not be opened: there is none, another program uses it, or it is switched off in "
            "Settings > Privacy & security > Camera. Try --source demo."
        )
    node = node_of(number)
    if not node.exists():
        return f"there is no {name} ({node} does not exist). Plug one in, or try --source demo."
    try:
        os.close(os.open(node, os.O_RDWR | os.O_NONBLOCK))
    except PermissionError:
        return (
            f"permission to use {name} ({node}) is denied. Join the group it belongs to, most often with "
            "'sudo usermod -aG video $USER', and log in again; or try --source demo."
        )
    except OSError as error:
        if error.errno != errno.EBUSY:
            return f"{name} ({node}) could not be opened: {error.strerror}. Try --source demo."
    else:
        # Most webcams have a second node that gives no pictures.
        return (
            f"{name} ({node}) is in use by another program, or gives no pictures. Close that program, name "
            "another camera, or try --source demo."
        )
    return f"{name} ({node}) is in use by another program. Close that one, or try --source demo."
