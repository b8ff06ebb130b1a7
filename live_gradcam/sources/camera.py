"""A camera on this machine."""

from __future__ import annotations

import errno
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from live_gradcam.errors import SourceError
from live_gradcam.frame import Frame
from live_gradcam.sources.newest import NewestFrame

PATIENCE = 0.5
"""Seconds of failing reads after which a camera counts as lost; a single failure happens in ordinary use."""

RETRY_PAUSE = 0.05
"""Seconds between reads that failed at once."""

STALL = 1.0
"""A read that took longer than these seconds and failed was a camera that hangs, not one that is gone."""

OLDEST_STAMP = 10.0
"""Seconds: a driver's timestamp that is older, or in the future, is on some other clock."""


def backends(platform: str = sys.platform) -> tuple[int, ...]:
    """Return OpenCV's capture backends for a platform, the one to try first at the front.

    They are named because `CAP_ANY` goes through backends that know nothing of cameras, at length.
    """
    if platform.startswith("linux"):
        return (cv2.CAP_V4L2,)
    if platform == "darwin":
        return (cv2.CAP_AVFOUNDATION,)
    if platform == "win32":
        return (cv2.CAP_MSMF, cv2.CAP_DSHOW)
    return (cv2.CAP_ANY,)


class CameraSource:
    """A camera, asked for 1280×720 at 30 fps; it gives what it can, and `describe()` says what that is.

    Args:
        device: the camera's number, or on Linux its node: `/dev/video0`, or a link to one.
        size: (width, height) in pixels to ask for.
        fps: frames per second to ask for.

    Raises:
        SourceError: there is no such camera, it is in use, or it may not be used.
    """

    live = True

    def __init__(
        self, device: int | str = 0, *, size: tuple[int, int] = (1280, 720), fps: float = 30.0
    ) -> None:
        self._number = _number(device)
        self.name = f"camera {self._number}"
        self._capture = self._open()
        try:
            self._ask_for(size, fps)
            self.size = (
                int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
                int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            )
            negotiated = float(self._capture.get(cv2.CAP_PROP_FPS))
            self.fps = negotiated if negotiated > 0 else None
            self._description = self._negotiated(size, fps)
            self._driver_stamps = self._capture.getBackendName() == "V4L2"
        except BaseException:
            self._capture.release()
            raise
        self._index = 0
        self._stop = threading.Event()
        self._newest = NewestFrame(
            self._read, name=f"reader of {self.name}", stop=self._stop, release=self._capture.release
        )

    @property
    def frames_captured(self) -> int:
        """How many frames the camera delivered so far."""
        return self._newest.captured

    def describe(self) -> str:
        """Return the name and what was negotiated: `camera 0: 1280×720 at 30 fps, MJPG`."""
        return self._description

    def __iter__(self) -> Iterator[Frame]:
        """Yield the newest frame each time.

        Raises:
            SourceError: the camera was unplugged or hangs.
        """
        return iter(self._newest)

    def close(self) -> None:
        """Stop the reader, which lets go of the camera."""
        self._newest.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> cv2.VideoCapture:
        for backend in backends():
            capture = cv2.VideoCapture(self._number, backend)
            if capture.isOpened():
                return capture
            capture.release()
        raise SourceError(why_not(self._number))

    def _ask_for(self, size: tuple[int, int], fps: float) -> None:
        # The order matters, and all of it comes before the first read: with the size first a USB camera
        # stays with uncompressed pictures and 10 fps at 1280×720. AVFoundation knows no pixel formats
        # (opencv#23368).
        if self._capture.getBackendName() != "AVFOUNDATION":
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
        self._capture.set(cv2.CAP_PROP_FPS, fps)

    def _negotiated(self, asked_size: tuple[int, int], asked_fps: float) -> str:
        got = f"{self.size[0]}×{self.size[1]}"
        if self.fps is not None:
            got += f" at {self.fps:g} fps"
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
        pixel_format = code.to_bytes(4, "little").decode("ascii", "replace").strip()
        if pixel_format.isalnum():
            got += f", {pixel_format}"
        if self.size != asked_size or (self.fps is not None and round(self.fps) < round(asked_fps)):
            got += f" (asked for {asked_size[0]}×{asked_size[1]} at {asked_fps:g} fps)"
        return f"{self.name}: {got}"

    def _read(self) -> Frame | None:
        began = time.monotonic()
        while not self._stop.is_set():
            if self._capture.grab():
                arrived = time.monotonic()  # before decoding, which takes some ms
                decoded, pixels = self._capture.retrieve()
                if decoded:
                    frame = Frame(np.asarray(pixels, np.uint8), self._index, self._stamp(arrived))
                    self._index += 1
                    return frame
            waited = time.monotonic() - began
            if waited > PATIENCE or not _is_there(self._number):
                raise SourceError(self._why_lost(waited))
            self._stop.wait(RETRY_PAUSE)
        return None

    def _stamp(self, arrived: float) -> float:
        if self._driver_stamps:
            stamp = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
            if 0 <= arrived - stamp < OLDEST_STAMP:
                return stamp
        return arrived

    def _why_lost(self, waited: float) -> str:
        if not _is_there(self._number):
            return f"{self.name} was unplugged. Plug it in and start again."
        if self._index == 0:
            return f"{self.name} gives no frames: another program may be using it. Close that one, try again."
        if waited > STALL:
            return f"{self.name} hangs: no frame for {waited:.0f} s. Unplug it, plug it in and start again."
        return f"{self.name} was unplugged, or its driver gave up. Plug it in and start again."


def why_not(number: int, platform: str = sys.platform) -> str:
    """Find out why a camera could not be opened: to OpenCV missing, busy and forbidden look the same.

    Args:
        number: the camera's number.
        platform: as `sys.platform` names it.

    Returns:
        One line: what is wrong and what to do.
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
    node = _node(number)
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
        # Most webcams come with a second node that carries no pictures.
        return (
            f"{name} ({node}) is in use by another program, or gives no pictures. Close that program, name "
            "another camera, or try --source demo."
        )
    return f"{name} ({node}) is in use by another program. Close that one, or try --source demo."


def _number(device: int | str) -> int:
    if isinstance(device, int):
        number = device
    else:
        # Links such as /dev/v4l/by-id/… lead to the node with the number.
        node = re.fullmatch(r"/dev/video(\d+)", str(Path(device).resolve()))
        if node is None:
            raise SourceError(
                f"there is no camera '{device}'. Give its number, such as 0, or try --source demo."
            )
        number = int(node[1])
    if number < 0:
        raise SourceError(f"there is no camera {number}: cameras are counted from 0.")
    return number


def _node(number: int) -> Path:
    return Path(f"/dev/video{number}")


def _is_there(number: int, platform: str = sys.platform) -> bool:
    return not platform.startswith("linux") or _node(number).exists()
