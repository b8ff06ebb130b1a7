"""A raw connection to the server: HTTP and WebSocket bytes as they are given, which no library corrects."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import struct
import sys
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

TEXT, BINARY, CONTINUATION, CLOSE, PING = 1, 2, 0, 8, 9
"""Opcodes of WebSocket frames (RFC 6455, section 5.2)."""


class RefusedError(Exception):
    """The server answered with another status than the one that was hoped for.

    Args:
        status: of HTTP.
        detail: the first line of the body.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status} {detail}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Address:
    """The server's address and token."""

    host: str
    port: int
    token: str | None = None
    source: str | None = None
    """Local address to connect from; None: the system chooses."""

    @classmethod
    def of(cls, link: str, source: str | None = None) -> Address:
        """Read a link as the server prints it: `http://127.0.0.1:8000/#token=TEXT`."""
        parts = urlsplit(link)
        if parts.scheme != "http" or parts.hostname is None:
            sys.exit(f"the address is '{link}': give the link that `live-gradcam serve` prints, without TLS.")
        token = parse_qs(parts.fragment).get("token", [None])[0]
        return cls(parts.hostname, parts.port or 80, token, source)

    @property
    def place(self) -> str:
        """Host and port, as the Host header has them."""
        return f"{self.host}:{self.port}"

    @property
    def link(self) -> str:
        """The link that `of` reads."""
        return f"http://{self.place}/" + ("" if self.token is None else f"#token={self.token}")

    def head(self, method: str, path: str, headers: dict[str, str], *, with_token: bool = True) -> bytes:
        """Return the head of a request, without the empty line that ends it."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.place}"]
        if self.token is not None and with_token:
            lines.append(f"Authorization: Bearer {self.token}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, ""]).encode("latin-1")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to a request."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """One TCP connection; leaving it closes it.

    Args:
        reader: of the stream.
        writer: of the stream.
        address: of the server.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: Address) -> None:
        self.reader = reader
        self.writer = writer
        self._address = address

    @classmethod
    async def open(cls, address: Address) -> Self:
        """Connect."""
        local = None if address.source is None else (address.source, 0)
        reader, writer = await asyncio.open_connection(
            address.host, address.port, local_addr=local, limit=2**20
        )
        return cls(reader, writer, address)

    async def send(self, data: bytes) -> None:
        """Send bytes, and wait while the server takes no more."""
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self) -> Reply:
        """Read one answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        headers = {
            name.casefold(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }
        body = b""
        if headers.get("transfer-encoding") == "chunked":
            while size := int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16):
                body += (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readuntil(b"\r\n")
        else:
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Reply(int(first.split(" ")[1]), headers, body)

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        with_token: bool = True,
    ) -> Reply:
        """Send a request and read the answer."""
        named = {**(headers or {}), **({"Content-Length": str(len(body))} if body else {})}
        head = self._address.head(method, path, named, with_token=with_token)
        await self.send(head + b"\r\n" + body)
        return await self.reply()

    async def upgrade(self) -> None:
        """Make it a WebSocket.

        Raises:
            RefusedError: the server does not want it.
        """
        key = base64.b64encode(os.urandom(16)).decode()
        headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        reply = await self.ask("GET", "/socket", headers={**headers, "Sec-WebSocket-Key": key})
        if reply.status != 101:
            raise RefusedError(reply.status, reply.body.decode(errors="replace").split("\n")[0])

    async def message(self) -> tuple[int, bytes]:
        """Read one frame of a WebSocket: its opcode and its payload."""
        first, second = await self.reader.readexactly(2)
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
        return first & 0x0F, await self.reader.readexactly(size)

    def reset(self) -> None:
        """Hang up at once, with an RST instead of a FIN."""
        found = self.writer.get_extra_info("socket")
        if found is not None:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.transport.abort()


def frame(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    """Return a WebSocket frame of a client, masked with zeros: the payload stands in it as it is."""
    first = bytes([opcode | (0x80 if final else 0)])
    length = len(payload)
    if length < 126:
        size = bytes([0x80 | length])
    elif length < 2**16:
        size = b"\xfe" + length.to_bytes(2, "big")
    else:
        size = b"\xff" + length.to_bytes(8, "big")
    return first + size + bytes(4) + payload
