"""Connections: clients that say nothing, dawdle, do not read or send thousands of tiny parts harm nobody else."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, Self

import pytest
from limits import at_most, within
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect

from live_gradcam.server import connections
from live_gradcam.server import uvicorn_protocols as protocols
from live_gradcam.server.settings import ServerSettings
from live_gradcam.server.tls import self_signed
from live_gradcam.server.uvicorn_protocols import FRAMES_AT_ONCE
from live_gradcam.server.uvicorn_server import ViewServer, configuration

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADE = (
    b"GET /socket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
EMPTY_FRAGMENT = b"\x00\x80\x00\x00\x00\x00"
PING = b"\x89\x80\x00\x00\x00\x00"
LARGE = 30_000_000


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers `/` at once, `/large` with 30 MB, a POST once its body is here, and each message of a socket."""
    if scope["type"] == "lifespan":
        for name in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{name}.complete"})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send(
                {"type": "websocket.send", "text": str(len(message.get("bytes") or message.get("text")))}
            )
    else:
        size = 0
        more = scope["method"] == "POST"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size, more = size + len(message["body"]), message["more_body"]
        body = bytes(LARGE) if scope["path"] == "/large" else str(size).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Host:
    """A server of `app`, in a thread."""

    def __init__(self, most: int = 256, tls: bool = False) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        begun = threading.Event()
        context = self_signed(["127.0.0.1"])[0] if tls else None
        config = configuration(app, ServerSettings(), context)
        config.limit_concurrency = most
        self.server = ViewServer(config, on_started=begun.set, on_ending=lambda: None)
        self._thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listening]})
        self._thread.start()
        assert begun.wait(10)

    def opened(self, sent: bytes = b"") -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        client.sendall(sent)
        return client

    def seconds(self) -> float:
        """Get `/` over a new connection, and return how long it took."""
        began = time.monotonic()
        with self.opened(GET) as client:
            assert answered(client)
        return time.monotonic() - began

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with at_most(3):
            self.server.should_exit = True
            self._thread.join(10)
            assert not self._thread.is_alive()


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host() as host:
        yield host


def answered(client: socket.socket) -> bool:
    """Read one answer to `GET`, which comes in one or two pieces."""
    received = b""
    while not received.endswith(b"\r\n\r\n0"):
        data = client.recv(1000)
        if not data:
            return False
        received += data
    return received.startswith(b"HTTP/1.1 200")


def until_closed(client: socket.socket) -> None:
    """Read until the server closes a connection."""
    with suppress(ConnectionResetError, BrokenPipeError):
        while client.recv(100_000):
            pass


def is_cut_off(client: socket.socket, data: bytes) -> bool:
    """Send the same again and again; return whether the server closes the connection before long."""
    try:
        for _ in range(1000):
            client.sendall(data)
            time.sleep(0.05)
    except (ConnectionResetError, BrokenPipeError):
        return True
    return False


@pytest.mark.parametrize(
    "sent", [b"", b"G", GET[:-2], GET + b"GET", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1"]
)
def test_who_says_nothing_or_half_of_it_is_cut_off(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(connections, "BODY_SECONDS", 0.3)
    with Host() as host, host.opened(sent) as client, at_most(3):
        until_closed(client)


def test_headers_that_come_byte_by_byte_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    with Host() as host, host.opened() as client, at_most(5):
        assert is_cut_off(client, b"G")


def test_a_rest_of_a_request_that_nobody_reads_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    with Host() as host, host.opened(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n") as client:
        assert answered(client)
        with at_most(5):
            assert is_cut_off(client, b".")


def test_a_client_that_never_begins_tls_is_cut_off_and_others_are_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    context = ssl._create_unverified_context()
    with Host(most=6, tls=True) as host, ExitStack() as stack:
        silent = [stack.enter_context(host.opened()) for _ in range(20)]
        with context.wrap_socket(host.opened(), server_hostname="127.0.0.1") as client:
            client.sendall(GET)
            assert answered(client)
        with at_most(3):
            for each in silent:
                until_closed(each)


def test_hundreds_of_silent_connections_keep_nobody_out() -> None:
    with Host(most=40) as host, ExitStack() as stack:
        honest = stack.enter_context(host.opened(GET))
        assert answered(honest)
        for number in range(150):
            stack.enter_context(host.opened())
            if number % 10 == 0:  # one that speaks is not the one that was silent for longest
                honest.sendall(GET)
                assert answered(honest)
        assert within(host.seconds(), 2)


def test_silent_connections_of_one_address_are_fewer_than_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_SILENT_EACH", 5)
    with Host() as host, ExitStack() as stack:
        silent = [stack.enter_context(host.opened()) for _ in range(12)]
        with at_most(3):
            for each in silent[:7]:
                until_closed(each)
        silent[-1].sendall(GET)
        assert answered(silent[-1])


def test_a_socket_that_is_used_never_gives_way() -> None:
    with Host(most=10) as host, ExitStack() as stack, connect(f"ws://127.0.0.1:{host.port}/socket") as client:
        for _ in range(40):
            stack.enter_context(host.opened())
        client.send("hello")
        assert client.recv(5) == "5"


def test_who_takes_nothing_of_an_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "STALL_SECONDS", 0.5)
    with Host() as host, host.opened(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n") as client:
        time.sleep(2.0)
        received = 0
        with suppress(ConnectionResetError):
            while data := client.recv(1 << 20):
                received += len(data)
        assert received < LARGE


def test_who_takes_an_answer_slowly_gets_it_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "STALL_SECONDS", 0.5)
    with Host() as host, host.opened(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n") as client:
        received = 0
        while received < LARGE:
            data = client.recv(2_000_000)
            assert data
            received += len(data)
            time.sleep(0.05)


def test_small_answers_are_not_held_back(host: Host) -> None:
    seconds = []
    with host.opened() as client:
        for _ in range(30):
            began = time.monotonic()
            client.sendall(GET)
            assert answered(client)
            seconds.append(time.monotonic() - began)
    assert within(statistics.median(seconds), 0.02)  # Nagle's algorithm made it 0.04


@pytest.mark.parametrize(
    "frame", [PING, EMPTY_FRAGMENT, b"\x8a\x80\x00\x00\x00\x00", b"\x82\x81\x00\x00\x00\x00a"]
)
def test_a_flood_of_small_frames_is_read_slowly_and_slows_nobody(host: Host, frame: bytes) -> None:
    stop = threading.Event()
    sent = 0

    def flood() -> None:
        nonlocal sent
        with host.opened(UPGRADE) as client, suppress(OSError):
            assert b"101" in client.recv(1000)
            if frame is EMPTY_FRAGMENT:
                client.sendall(b"\x02\x80\x00\x00\x00\x00")
            client.settimeout(0.2)
            while not stop.is_set():
                with suppress(TimeoutError):
                    sent += client.send(frame * 5000)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        with connect(f"ws://127.0.0.1:{host.port}/socket") as client:
            seconds = []
            for _ in range(30):
                began = time.monotonic()
                client.send("hello")
                assert client.recv(5) == "5"
                seconds.append(time.monotonic() - began)
                time.sleep(0.03)
    finally:
        stop.set()
        thread.join()
    assert within(statistics.median(seconds), 0.05)
    assert sent / len(frame) > FRAMES_AT_ONCE  # it was one


def test_a_message_in_many_fragments_and_large_messages_are_taken(host: Host) -> None:
    with connect(f"ws://127.0.0.1:{host.port}/socket", max_size=None) as client:
        client.send(b"a" * 100 for _ in range(300))
        assert client.recv(5) == "30000"
        for size in (1, 4095, 4096, 4097, 70_000, 500_000):
            client.send(bytes(size))
            assert client.recv(5) == str(size)


def test_frames_beyond_the_allowance_are_answered_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols, "FRAMES_A_SECOND", 50.0)
    monkeypatch.setattr(protocols, "FRAMES_AT_ONCE", 10.0)
    with Host() as host, connect(f"ws://127.0.0.1:{host.port}/socket") as client:
        began = time.monotonic()
        for _ in range(60):
            client.send("x" * 400)
        assert [client.recv(5) for _ in range(60)] == ["400"] * 60
        # However many of them were read together, on credit: the next one waits until all are paid for.
        client.send("y")
        assert client.recv(5) == "1"
        assert time.monotonic() - began > 0.99 * (60 - 10) / 50


def test_wrong_utf8_beside_the_client_s_own_close_is_no_fault_of_ours(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(f"ws://127.0.0.1:{host.port}/socket") as client:
        frames = Frame(Opcode.TEXT, b"\xc0"), Frame(Opcode.CLOSE, (1000).to_bytes(2, "big"))
        client.socket.sendall(b"".join(frame.serialize(mask=True) for frame in frames))
        with pytest.raises(ConnectionClosed):
            client.recv(5)
    assert "data_received" not in caplog.text


def test_thousands_of_tiny_chunks_slow_nobody(host: Host) -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    stop = threading.Event()

    def flood() -> None:
        with host.opened(head) as client, suppress(OSError):
            client.settimeout(0.2)
            while not stop.is_set():
                with suppress(TimeoutError):
                    client.send(b"1\r\na\r\n" * 20_000)

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.5)
        seconds = [host.seconds() for _ in range(20)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert within(statistics.median(seconds), 0.1)


@pytest.mark.parametrize("size", [0, 1, 5000, 3_000_000])
def test_a_body_in_chunks_arrives_whole(host: Host, size: int) -> None:
    body = (
        b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [bytes(997)] * (size // 997)) + b"0\r\n\r\n"
    )
    with host.opened(
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + body + GET
    ) as client:
        received = b""
        while received.count(b"HTTP/1.1 200") < 2:
            received += client.recv(1000)
    assert received.split(b"\r\n\r\n")[1].startswith(str(size // 997 * 997).encode())


def test_it_ends_at_once_whatever_is_open() -> None:
    with Host() as host, ExitStack() as stack:
        for sent in (b"", b"GET", GET, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1"):
            stack.enter_context(host.opened(sent))
        stack.enter_context(host.opened(UPGRADE))
        time.sleep(0.2)


def test_nothing_of_it_is_logged(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for sent in (
        b"\x00\xff\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1",
        b"GET",
        UPGRADE,
    ):
        with host.opened(sent):
            time.sleep(0.05)
    with suppress(ConnectionClosed), connect(f"ws://127.0.0.1:{host.port}/socket") as client:
        client.socket.sendall(b"\x82\xfe\x40\x00\x00\x00\x00\x00half of it")
        client.socket.close()
    assert within(host.seconds(), 5)
    ours = ("asyncio", "live_gradcam", "uvicorn")  # not the client of this test
    told = [record for record in caplog.records if record.name.startswith(ours)]
    assert [record.getMessage() for record in told if record.levelno >= logging.WARNING] == []


def test_of_two_addresses_the_one_with_more_silent_connections_gives_way() -> None:
    class Transport:
        def __init__(self, address: str) -> None:
            self.address, self.aborted = address, False

        def get_extra_info(self, name: str) -> tuple[str, int] | None:
            return (self.address, 1) if name == "peername" else None

        def get_write_buffer_size(self) -> int:
            return 0

        def abort(self) -> None:
            self.aborted = True

    async def check() -> None:
        found = connections.Connections(10, asyncio.get_running_loop())
        honest = [Transport("10.0.0.1") for _ in range(3)]
        hostile = [Transport("10.0.0.2") for _ in range(40)]
        for each in (*honest, *hostile):
            assert found.add(each) is not None  # type: ignore[arg-type]
        assert [each.aborted for each in honest] == [False] * 3
        assert sum(each.aborted for each in hostile) == 33
        assert [each.aborted for each in hostile[-7:]] == [False] * 7
        found.close()

    asyncio.run(check())
