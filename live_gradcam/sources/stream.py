"""Network streams: an IP camera, a phone, MJPEG over HTTP."""

from __future__ import annotations

import socket
import time

import cv2
import av
import numpy as np

from live_gradcam.errors import SourceError
from live_gradcam.redaction import address_name
from live_gradcam.source_address import host_of, opened_address
from live_gradcam.sources.failure_reasons import ffmpeg_reason
from live_gradcam.sources.feed import Feed, FeedLost, Shot
from live_gradcam.sources.reconnecting import Reconnecting, Wording
from live_gradcam.sources.reconnecting_source import ReconnectingSource

OPEN_TIMEOUT = 4.0
"""Seconds that a server has to answer."""

READ_TIMEOUT = 2.0
"""Seconds without a picture after which a stream counts as lost."""

RETRY_EVERY = 0.5
"""Seconds between attempts to reach a lost stream."""

DIAGNOSIS_TIMEOUT = 2.0
"""Seconds for a second connection, which finds out why the first one failed."""


class StreamSource(ReconnectingSource[Feed]):
    """Gives the newest frame of a network stream: rtsp, rtsps, rtmp, http or https.

    A frame's `captured_at` is its time of arrival, since the stream's own time stamps do not refer to this machine's
    clock. There is no rate, since the rates that streams declare are often wrong. If the stream breaks off or the
    server ends it, the iteration waits until it is back.

    Args:
        url: the address. A password in it, percent-encoded or not, is used and never shown.
        open_timeout: seconds that the server has to answer.
        read_timeout: seconds without a picture after which the stream counts as lost.

    Raises:
        SourceError: it cannot be reached, or is no video.
    """

    fps: float | None = None

    def __init__(
        self, url: str, *, open_timeout: float = OPEN_TIMEOUT, read_timeout: float = READ_TIMEOUT
    ) -> None:
        self.name = address_name(url)
        self._url = url
        self._open_timeout, self._read_timeout = open_timeout, read_timeout
        self._was_open = False
        feeds: Reconnecting[Feed] = Reconnecting(
            self._connect, self._wording(), pause=RETRY_EVERY, silence=self._silence()
        )
        super().__init__(feeds)
        self.size = feeds.first.size

    def describe(self) -> str:
        """Return the address and the size: `http://10.0.0.7:8080/video: 1280×720`."""
        return f"{self.name}: {self.size[0]}×{self.size[1]}"

    def _wording(self) -> Wording:
        no_picture = f"{self.name} ended before its first picture. Check the address."
        return Wording(
            name=self.name,
            lost="stream lost, reconnecting",
            hangs="stream hangs, reconnecting",
            no_picture=no_picture,
            only_damage=no_picture,
        )

    def _silence(self) -> float | None:
        """Return after how many seconds without a picture the viewer is told; None: 1 second."""
        return None

    def _connect(self) -> Feed:
        began = time.monotonic()
        feed = StreamFeed(self._url, self._open_timeout, self._read_timeout)
        if feed.is_open:
            self._was_open = True
            return feed
        reason = "no answer"
        if not self._was_open:
            timed_out = time.monotonic() - began >= 0.9 * self._open_timeout
            reason = f"no answer within {self._open_timeout:g} s" if timed_out else stream_failure(self._url)
        hint = "" if reason.endswith(".") else ". Check the address."
        raise SourceError(f"{self.name} could not be opened: {reason}{hint}")


class StreamFeed:
    """One connection to a network stream; see `Feed`.

    Args:
        url: the address.
        open_timeout: seconds that the server has to answer.
        read_timeout: seconds without a picture after which the stream counts as lost.
    """

    fps: float | None = None

    def __init__(self, url: str, open_timeout: float, read_timeout: float) -> None:
        self._read_timeout = read_timeout
        limits = {
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: open_timeout,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC: read_timeout,
        }
        settings = [number for key, seconds in limits.items() for number in (key, round(seconds * 1000))]
        self._capture = cv2.VideoCapture(opened_address(url), cv2.CAP_FFMPEG, settings)
        self.size = (
            int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        )

    @property
    def is_open(self) -> bool:
        """Whether the server answered with a video."""
        return self._capture.isOpened()

    def read(self) -> Shot:
        """Wait for the next picture.

        Raises:
            FeedLost: none came in time, or the server ended the stream.
        """
        began = time.monotonic()
        if self._capture.grab():
            arrived = time.monotonic()
            decoded, pixels = self._capture.retrieve()
            if decoded:
                return Shot(np.asarray(pixels, np.uint8), arrived, arrived - began)
        waited = time.monotonic() - began
        if waited >= 0.9 * self._read_timeout:
            raise FeedLost(f"sent nothing for {waited:.0f} s")
        raise FeedLost("ended")

    def close(self) -> None:
        """Close the connection."""
        self._capture.release()


def stream_failure(url: str) -> str:
    """Find out why an address could not be opened, by a second connection through PyAV: OpenCV does not tell.

    Args:
        url: the address, with its password if it has one.

    Returns:
        The reason, to be written after a colon; with a remedy if one is known.
    """
    host = host_of(url)
    if not host:
        return "it names no host"
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return f"the host '{host}' is not known here"
    reason = "there is no video in it"
    try:
        av.open(opened_address(url), timeout=DIAGNOSIS_TIMEOUT).close()
    except (av.error.ConnectionRefusedError, av.error.HTTPUnauthorizedError, av.error.ExitError) as error:
        return ffmpeg_reason(error)
    except av.error.FFmpegError as error:
        reason = ffmpeg_reason(error)
    # Imported here: urllib's client takes a moment to load and is seldom needed.
    from live_gradcam.sources.web_page import page_at

    return page_at(url, timeout=DIAGNOSIS_TIMEOUT) or reason
