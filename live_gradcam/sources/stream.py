"""A network stream: an IP camera, a phone, MJPEG over HTTP."""

from __future__ import annotations

import logging
import re
import socket
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import cv2
import av
import numpy as np

from live_gradcam.errors import SourceError
from live_gradcam.frame import Frame
from live_gradcam.sources.newest import NewestFrame
from live_gradcam.sources.reason import in_words

logger = logging.getLogger(__name__)

OPEN_TIMEOUT = 4.0
"""Seconds that a server has to answer."""

READ_TIMEOUT = 4.0
"""Seconds without a picture after which a stream counts as lost."""

DIAGNOSIS_TIMEOUT = 2.0
"""Seconds for asking a second time, to learn why the first failed."""


class StreamSource:
    """The newest frame of a network stream: rtsp, rtsps, rtmp, http or https.

    There is no timestamp that could be set against this machine's clock, so a frame's `captured_at` is its
    time of arrival; and no rate, since what streams say of it is not to be trusted.

    Args:
        url: the address. A password in it is used, and shown nowhere.
        open_timeout: seconds that the server has to answer.
        read_timeout: seconds without a picture after which the stream counts as lost.

    Raises:
        SourceError: it cannot be reached, or is no video.
    """

    live = True
    fps: float | None = None

    def __init__(
        self, url: str, *, open_timeout: float = OPEN_TIMEOUT, read_timeout: float = READ_TIMEOUT
    ) -> None:
        self.name = without_password(url)
        self._read_timeout = read_timeout
        began = time.monotonic()
        self._capture = cv2.VideoCapture(
            url,
            cv2.CAP_FFMPEG,
            [
                cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
                round(open_timeout * 1000),
                cv2.CAP_PROP_READ_TIMEOUT_MSEC,
                round(read_timeout * 1000),
            ],
        )
        if not self._capture.isOpened():
            self._capture.release()
            timed_out = time.monotonic() - began >= 0.9 * open_timeout
            reason = f"no answer within {open_timeout:g} s" if timed_out else why_not(url)
            raise SourceError(f"{self.name} could not be opened: {reason}. Check the address.")
        self.size = (
            int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        )
        self._index = 0
        self._newest = NewestFrame(self._read, name=f"reader of {self.name}", release=self._capture.release)

    @property
    def frames_captured(self) -> int:
        """How many frames arrived so far."""
        return self._newest.captured

    def describe(self) -> str:
        """Return the address and the size: `http://10.0.0.7:8080/video: 1280×720`."""
        return f"{self.name}: {self.size[0]}×{self.size[1]}"

    def __iter__(self) -> Iterator[Frame]:
        """Yield the newest frame each time, until the server ends the stream.

        Raises:
            SourceError: nothing came for `read_timeout` seconds, or no picture at all.
        """
        return iter(self._newest)

    def close(self) -> None:
        """Stop the reader, which hangs up."""
        self._newest.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> Frame | None:
        began = time.monotonic()
        if self._capture.grab():
            arrived = time.monotonic()
            decoded, pixels = self._capture.retrieve()
            if decoded:
                frame = Frame(np.asarray(pixels, np.uint8), self._index, arrived)
                self._index += 1
                return frame
        waited = time.monotonic() - began
        if waited >= 0.9 * self._read_timeout:
            raise SourceError(
                f"{self.name} sent nothing for {waited:.0f} s. Check the network and start again."
            )
        if self._index == 0:
            raise SourceError(f"{self.name} ended before its first picture. Check the address.")
        logger.info("%s ended after %d frames: the server closed it", self.name, self._index)
        return None


def without_password(url: str) -> str:
    """Return the address with the user name and password taken out, fit to be shown."""
    return re.sub(r"(?<=://)[^/?#]*@", "", url)


def why_not(url: str) -> str:
    """Ask a second time, through PyAV, why an address could not be opened: OpenCV does not say.

    Args:
        url: the address, with its password if it has one.

    Returns:
        The reason, in words that stand after a colon.
    """
    host = urlsplit(url).hostname
    if not host:
        return "it names no host"
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return f"the host '{host}' is not known here"
    try:
        av.open(url, timeout=DIAGNOSIS_TIMEOUT).close()
    except av.error.FFmpegError as error:
        return in_words(error)
    return "there is no video in it"
