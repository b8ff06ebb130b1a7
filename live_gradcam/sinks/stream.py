"""Streams: the picture, sent to an address such as that of YouTube, Twitch or a server of one's own."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Any

import numpy as np

from live_gradcam.closeable import Closeable
from live_gradcam.concurrency.latest_item import Latest
from live_gradcam.concurrency.worker_thread import WorkerThread
from live_gradcam.errors import SinkError
from live_gradcam.frame import Pixels
from live_gradcam.number_format import counted
from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks.letterbox import fitted
from live_gradcam.sinks.stream_sender import TIME
from live_gradcam.stream_address import remember_stream, stream_format, stream_name

_LOG = logging.getLogger(__name__)

_AGAIN_SECONDS = 0.5
"""Time after which the same picture is sent again: servers end a stream that is silent."""

_STUCK_SECONDS = 10.0
"""Time after which a sender that takes no picture is ended."""

_CLOSE_SECONDS = 2.0
_PAUSES = (1.0, 2.0, 5.0)
"""Seconds before the first, second and each later try to connect again."""

_NEVER = "it was never reached"


class Stream(Closeable):
    """Sends pictures to an address as H.264 without sound, through a process of its own, and reconnects.

    The newest picture counts: if the network is slow, pictures are left out. The size of a stream is fixed: pictures of
    another size are scaled and get black bars. When the connection breaks, one line says so, and the stream is
    connected again until `close`, which raises if it is broken then. The key in the address is never shown.

    Args:
        address: `rtmp://`, `rtmps://` or `udp://`.
        size: (width, height) in pixels; it is made even.

    Raises:
        SinkError: nothing can be sent to such an address.
    """

    def __init__(self, address: str, size: tuple[int, int]) -> None:
        remember_stream(address)
        self.name = stream_name(address)
        self._size = (size[0] + size[0] % 2, size[1] + size[1] % 2)
        self._told = {
            "address": address,
            "format": stream_format(address),
            "width": self._size[0],
            "height": self._size[1],
        }
        self._newest: Latest[Pixels] = Latest()
        self._closing = threading.Event()
        self._sender: StreamSender | None = None
        self._busy_since: float | None = None
        self._sent = 0
        self._taken = 0
        self._breaks = 0
        self._reason = ""
        self._closed = False
        self._worker = WorkerThread(self._stream_all, name=f"stream to {self.name}", end=self._newest.close)

    @property
    def finished(self) -> bool:
        """Always False: who watches a stream does not end it."""
        return False

    @property
    def notice(self) -> str | None:
        """A warning while the stream is broken."""
        return "the stream is not connected" if self._reason else None

    def report(self) -> dict[str, Any]:
        """Return the entries for `--stats`: `file` (the address), `codec`, `frames`, `frames_dropped`, `reconnects`."""
        return {
            "file": self.name,
            "codec": "libx264",
            "frames": self._sent,
            "frames_dropped": max(0, self._newest.count - self._taken),
            "reconnects": self._breaks,
        }

    def write(self, shown: Rendered) -> None:
        """Send a picture soon, unless a newer one comes before."""
        self._newest.put(shown.pixels)
        busy, sender = self._busy_since, self._sender
        if busy is not None and time.monotonic() - busy > _STUCK_SECONDS and sender is not None:
            sender.kill("it does not answer")

    def close(self) -> None:
        """Send what waits, and end the stream within two seconds.

        Raises:
            SinkError: the stream is broken.
        """
        if self._closed:
            return
        self._closed = True
        self._closing.set()
        self._newest.close()
        if not self._worker.join(_CLOSE_SECONDS) and self._sender is not None:
            self._sender.kill("it does not answer")
        self._worker.close()
        if self._reason:
            sent = counted(self._sent, "picture")
            raise SinkError(
                f"the stream to {self.name} is broken: {self._reason}. {sent} were sent. Check the address and its "
                "key, and that the server takes the stream."
            )

    def _stream_all(self) -> None:
        """Connect and send, again and again, until the stream is closed."""
        tries = 0
        while True:
            reason, connected = self._stream_once()
            if reason:
                self._break_off(reason, connected=connected)
            tries = 0 if connected else tries + 1
            if self._closing.wait(_PAUSES[min(tries, len(_PAUSES) - 1)]):
                return

    def _stream_once(self) -> tuple[str, bool]:
        """Return why the connection ended, empty if it was closed, and whether there was one."""
        try:
            sender = self._sender = StreamSender(self._told, self.name)
        except OSError as error:
            return error.strerror or str(error), False
        with suppress(OSError):  # the sender has ended; it says why
            self._feed(sender)
        self._busy_since = None
        return sender.end(), sender.connected

    def _feed(self, sender: StreamSender) -> None:
        """Hand pictures to a sender until the stream is closed.

        Raises:
            OSError: the sender has ended.
        """
        began = time.monotonic()
        picture: Pixels | None = None
        handed = 0  # pictures that were not sent yet
        while not self._newest.closed:
            newer = self._newest.take(_AGAIN_SECONDS)
            if newer is not None:
                self._taken += 1
                picture = np.ascontiguousarray(fitted(newer, self._size))
            if picture is None:
                continue
            self._busy_since = time.monotonic()
            sender.send(self._busy_since - began, picture)
            self._busy_since = None
            handed += 1
            if not sender.connected:
                continue
            self._sent, handed = self._sent + handed, 0
            if self._reason:
                _LOG.warning("the stream to %s is connected again.", self.name)
                self._reason = ""

    def _break_off(self, reason: str, *, connected: bool) -> None:
        """Keep the reason, and say the first time that the stream is broken."""
        self._breaks += connected
        if not self._reason and not self._closing.is_set():
            what = "broke off" if connected else "cannot be connected"
            _LOG.warning(
                "the stream to %s %s (%s): it is tried again until the end.", self.name, what, reason
            )
        self._reason = reason


class StreamSender:
    """The process that sends a stream; `live_gradcam.sinks.stream_sender` describes what passes between them.

    Args:
        told: the first line of its input.
        name: the stream's name in messages.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, told: dict[str, Any], name: str) -> None:
        self.connected = False
        """Whether pictures arrive."""
        self._reason = ""
        # -P: do not import modules from the folder in which the program was started.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "live_gradcam.sinks.stream_sender"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # FFmpeg's messages contain the address
        )
        self._listener = WorkerThread(self._listen, name=f"sender of {name}", end=self._process.kill)
        self._write(json.dumps(told).encode() + b"\n")

    def send(self, seconds: float, picture: Pixels) -> None:
        """Hand over a picture; wait while the sender is busy.

        Raises:
            OSError: the sender has ended.
        """
        self._write(TIME.pack(seconds) + picture.tobytes())

    def kill(self, reason: str) -> None:
        """End the process at once."""
        self._reason = self._reason or reason
        self._process.kill()

    def end(self) -> str:
        """Let the process send what it has, within two seconds, and return why it failed; empty if it did not."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            failed = self._process.wait(_CLOSE_SECONDS) != 0
        except subprocess.TimeoutExpired:
            self.kill("it does not answer" if self.connected else _NEVER)
            failed = True
        self._listener.join(_CLOSE_SECONDS)
        self._listener.close()
        return (self._reason or "its process ended") if failed else ""

    def _write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def _listen(self) -> None:
        """Read what the process says, in a thread, until it ends."""
        assert self._process.stdout is not None
        with self._process.stdout as said:
            for line in said:
                text = line.decode("utf-8", "replace").strip()
                if text == "connected":
                    self.connected = True
                else:
                    self._reason = self._reason or text
