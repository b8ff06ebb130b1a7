"""A browser view that is served for the length of a test, in a thread of this process."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import cv2
import numpy as np
from networks import pooled_network
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from live_gradcam.config import Settings
from live_gradcam.frame import Pixels
from live_gradcam.models.loading import load_model
from live_gradcam.server.app import create_app
from live_gradcam.server.camera_stream import CameraStream
from live_gradcam.server.run import listening_socket
from live_gradcam.server.service import Service
from live_gradcam.server.settings import ServerSettings
from live_gradcam.server.tls import self_signed
from live_gradcam.server.uvicorn_server import ViewServer, configuration
from live_gradcam.sources.source import LiveSource


def small_service(
    network: Any = None,
    labels: Any = ("red", "green", "blue", "grey"),
    *,
    teach: bool = False,
    **settings: Any,
) -> Service:
    """A service over a network of three layers, which answers at once."""
    model = load_model(pooled_network() if network is None else network, labels, preprocess="unit")
    service = Service(model, Settings(**settings), teach=teach)
    service.start()
    return service


def jpeg(pixels: Pixels | None = None, ending: str = ".jpg") -> bytes:
    """A small picture file."""
    if pixels is None:
        pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    return bytes(cv2.imencode(ending, pixels)[1])


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def detail(self) -> str:
        return str(self.json["detail"])


class Served:
    """The application at a port of its own; leaving it ends it, and asserts that it ended."""

    def __init__(
        self,
        service: Service,
        settings: ServerSettings | None = None,
        *,
        token: str | None = None,
        port: int = 0,
        source: Callable[[], LiveSource] | None = None,
    ) -> None:
        self.service = service
        self._settings = settings or ServerSettings(port=port)
        self._camera_streams: list[CameraStream] = []
        context = self_signed(["127.0.0.1", "localhost"])[0] if self._settings.tls else None

        def open_camera_stream() -> CameraStream:
            assert source is not None
            self._camera_streams.append(CameraStream(source(), service, service.settings, ended=lambda: None))
            return self._camera_streams[0]

        app = create_app(
            service,
            self._settings,
            token=token,
            open_camera_stream=None if source is None else open_camera_stream,
        )
        self._socket = listening_socket(ServerSettings(port=port))
        self.port = int(self._socket.getsockname()[1])
        begun = threading.Event()
        self._server = ViewServer(
            configuration(app, self._settings, context), on_started=begun.set, on_ending=self._end_streams
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="served"
        )
        self._thread.start()
        assert begun.wait(20)

    def _end_streams(self) -> None:
        for camera_stream in self._camera_streams:
            camera_stream.stop()
        self.service.stop()

    @property
    def camera_stream(self) -> CameraStream:
        return self._camera_streams[0]

    def url(self, path: str = "/") -> str:
        return f"http{'s' if self._settings.tls else ''}://127.0.0.1:{self.port}{path}"

    def get(self, path: str, data: bytes | None = None, **headers: str) -> Reply:
        """Fetch something; underscores in the names of headers stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(self.url(path), data, named)
        try:
            with urlopen(request, timeout=60) as reply:
                return Reply(reply.status, dict(reply.headers), reply.read())
        except HTTPError as error:
            with error:
                return Reply(error.code, dict(error.headers), error.read())

    def explain(self, query: str = "", data: bytes | None = None, kind: str = "image/jpeg") -> Reply:
        return self.get(f"/explain{query}", jpeg() if data is None else data, Content_Type=kind)

    @contextmanager
    def socket(self, query: str = "", **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with connect(
            f"ws://127.0.0.1:{self.port}/socket{query}",
            additional_headers=named,
            max_size=None,
            open_timeout=10,
            close_timeout=2,
        ) as socket:
            yield socket

    def refused_socket(self, query: str = "", **headers: str) -> Reply:
        """Try to open a socket that is refused, and return the reply."""
        try:
            with self.socket(query, **headers):
                raise AssertionError("the socket was opened")
        except InvalidStatus as error:
            response = error.response
            return Reply(response.status_code, dict(response.headers), bytes(response.body or b""))

    def wait_until_idle(self) -> None:
        """Wait until the start has found the network's layers: TensorFlow cannot be interrupted and is left behind."""
        idle = threading.Event()
        self.service.graphs.later(idle.set)
        assert idle.wait(30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()
        assert not self._thread.is_alive()


def send_frame(socket: ClientConnection, number: int, picture: bytes) -> None:
    socket.send(number.to_bytes(4, "little") + picture)


@dataclass(frozen=True, slots=True)
class SocketAnswer:
    header: dict[str, Any]
    maps: list[Any]
    picture: bytes
    mask: Any = None
    """(h, w) bool: the hottest part of a test; None if nothing was tested."""


def read_answer(message: bytes | str) -> SocketAnswer:
    """Take an answer apart, as the page does."""
    assert isinstance(message, bytes), message
    length = int.from_bytes(message[:4], "little")
    header = json.loads(message[4 : 4 + length])
    offset, maps = 4 + length, []
    for each in header["maps"]:
        rows, columns = each["shape"]
        data = np.frombuffer(message, np.uint8, rows * columns, offset)
        maps.append(data.reshape(rows, columns))
        offset += rows * columns
    mask = None
    if header["test"] and "mask" in header["test"]:
        rows, columns = header["test"]["mask"]
        bits = np.frombuffer(message, np.uint8, -(-rows * columns // 8), offset)
        mask = np.unpackbits(bits, count=rows * columns).reshape(rows, columns).astype(bool)
        offset += len(bits)
    assert len(message) == offset + header["jpeg"]
    return SocketAnswer(header, maps, message[offset:], mask)


def answer_to(socket: ClientConnection, number: int, picture: bytes) -> SocketAnswer:
    send_frame(socket, number, picture)
    return read_answer(socket.recv(20))


def said(socket: ClientConnection) -> dict[str, Any]:
    """Read a message of text."""
    message = socket.recv(20)
    assert isinstance(message, str)
    found: dict[str, Any] = json.loads(message)
    return found
