"""A camera with single pictures: IP Webcam's `/shot.jpg`, `snapshot.cgi`, ESP32-CAM's `/capture`."""

from __future__ import annotations

import io
import threading
import time

from live_gradcam.errors import SourceError
from live_gradcam.frame import Pixels
from live_gradcam.sources.feed import Feed, FeedLost, Shot
from live_gradcam.sources.file_kind import kind_of
from live_gradcam.sources.photo import decode_photo
from live_gradcam.sources.reconnecting import Wording
from live_gradcam.sources.stream import OPEN_TIMEOUT, StreamSource
from live_gradcam.sources.web_request import RequestControl, WebError, answer_of

BETWEEN_PICTURES = 0.25
"""Minimum seconds between two requests."""

MOST_BYTES = 100_000_000
"""Largest size of an answer in bytes."""

_PICTURE_LIMIT = 10.0
"""Seconds that a picture may take from the request to its last byte."""


class SnapshotCamera(StreamSource):
    """A camera that is requested for single pictures, at most four per second.

    Args:
        url: the address. A password in it is used and never shown.
        open_timeout: seconds that the camera has to answer.

    Raises:
        SourceError: it cannot be reached, or gives no picture.
    """

    def __init__(self, url: str, *, open_timeout: float = OPEN_TIMEOUT) -> None:
        self._closing = threading.Event()
        self._feed: SnapshotFeed | None = None
        super().__init__(url, open_timeout=open_timeout)

    def describe(self) -> str:
        """Return address, size and kind: `http://10.0.0.7/shot.jpg: 640×480, a camera's single pictures`."""
        return f"{super().describe()}, a camera's single pictures"

    def close(self) -> None:
        """Stop the reader, and cancel its request."""
        self._closing.set()
        if self._feed is not None:
            self._feed.cancel()
        super().close()

    def _wording(self) -> Wording:
        no_picture = f"{self.name} gave no picture. Check the address."
        return Wording(
            name=self.name,
            lost="camera lost, reconnecting",
            hangs="camera hangs",
            no_picture=no_picture,
            only_damage=no_picture,
        )

    def _silence(self) -> float:
        return self._open_timeout

    def _connect(self) -> Feed:
        self._feed = feed = SnapshotFeed(self._url, self.name, self._open_timeout, self._closing)
        try:
            feed.size = feed.ask()
        except WebError as error:
            raise SourceError(f"{self.name} could not be opened: {error}. {error.remedy}") from error
        return feed


class SnapshotFeed:
    """Single pictures of a camera as a `Feed`.

    Args:
        url: the address.
        name: its name in messages.
        timeout: seconds that the camera has to answer.
        closing: set when no more pictures are wanted.
    """

    fps: float | None = None
    size: tuple[int, int] = (0, 0)

    def __init__(self, url: str, name: str, timeout: float, closing: threading.Event) -> None:
        self._url = url
        self._name = name
        self._timeout = timeout
        self._closing = closing
        self._control: RequestControl | None = None
        self._asked_at = 0.0
        self._ahead: Shot | None = None
        self._before: Pixels | None = None

    def ask(self) -> tuple[int, int]:
        """Fetch the first picture, which the next `read` returns, and return its (width, height).

        Raises:
            WebError, SourceError: there is none.
        """
        shot = self._shot()
        assert shot.pixels is not None
        self._ahead = shot
        return shot.pixels.shape[1], shot.pixels.shape[0]

    def read(self) -> Shot | None:
        """Wait until the next picture is due, and fetch it.

        Raises:
            FeedLost: the camera does not answer.
        """
        shot, self._ahead = self._ahead, None
        if shot is not None:
            return shot
        if self._closing.wait(max(0.0, self._asked_at + BETWEEN_PICTURES - time.monotonic())):
            return None
        try:
            return self._shot()
        except SourceError:
            return Shot(self._before, time.monotonic(), 0.0, damaged=True)
        except WebError as error:
            if self._closing.is_set():
                return None
            raise FeedLost(f"gives no picture: {error}") from error

    def cancel(self) -> None:
        """Cancel the current request. Thread-safe."""
        if self._control is not None:
            self._control.cancel()

    def close(self) -> None:
        """Do nothing, because each picture has its own connection."""

    def _shot(self) -> Shot:
        began = self._asked_at = time.monotonic()
        self._control = control = RequestControl(self._timeout, _PICTURE_LIMIT)
        if self._closing.is_set():
            control.cancel()
        with answer_of(self._url, control=control) as answer:
            data = answer.content(MOST_BYTES)
        arrived = time.monotonic()
        photo = decode_photo(data, self._name, kind_of(io.BytesIO(data)))
        if photo.damage is not None and self._before is not None:
            return Shot(self._before, arrived, arrived - began, damaged=True)
        self._before = photo.pixels
        return Shot(photo.pixels, arrived, arrived - began)
