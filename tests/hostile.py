"""Conversations with a server that nobody means well with: raw bytes out, and what is looked at of what comes back."""

from __future__ import annotations

import random
import re
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from hostile_frames import hostile_visit
from hostile_requests import hostile_requests

End = Literal["close", "reset", "half", "stay"]

ENDS: tuple[End, ...] = ("close", "reset", "half", "stay")

_PATIENCE_SECONDS = 0.5
_MOST_READ = 1 << 18

KINDS: dict[str, Callable[[random.Random, str, str], list[bytes]]] = {
    "requests": hostile_requests,
    "visit": hostile_visit,
}
"""From a source of chance, the Host header and the token to what is sent, piece by piece."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is sent over one connection."""

    kind: str
    pieces: tuple[bytes, ...]
    """Sent one after another, each in a packet of its own."""

    pause: float
    """Seconds between them."""

    end: End
    """`half` closes the way out and reads on; `stay` says nothing more for a while."""


def conversation(draw: random.Random, host: str, token: str) -> Conversation:
    """Return one conversation: the same for the same state of `draw`."""
    kind = draw.choice(tuple(KINDS))
    pieces = KINDS[kind](draw, host, token)
    if draw.random() < 0.2:  # torn into packets as no library would
        whole = b"".join(pieces)
        places = sorted(draw.randrange(len(whole) + 1) for _ in range(draw.randint(1, 20)))
        pieces = [whole[begin:end] for begin, end in zip([0, *places], [*places, len(whole)], strict=True)]
    if draw.random() < 0.1:
        pieces = [b"".join(pieces)[: draw.randrange(4000)]]  # and then nothing
    return Conversation(kind, tuple(pieces), draw.choice((0, 0, 0.005)), draw.choice(ENDS))


def hold(held: Conversation, port: int) -> bytes:
    """Hold a conversation with the server at a port, and return the beginning of what it said."""
    said = bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_SECONDS) as connection:
        with suppress(OSError):  # the server may hang up at any moment
            for piece in held.pieces:
                connection.sendall(piece)
                if held.pause:
                    time.sleep(held.pause)
            if held.end == "half":
                connection.shutdown(socket.SHUT_WR)
            if held.end == "reset":
                connection.settimeout(0.05)
            until = time.monotonic() + _PATIENCE_SECONDS
            while time.monotonic() < until and len(said) < _MOST_READ and (data := connection.recv(1 << 16)):
                said += data
        if held.end == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return bytes(said)


def statuses(said: bytes) -> list[int]:
    """Return the statuses of all HTTP answers, and the codes of all WebSocket closes (from 1000)."""
    found = [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", said)]
    head, _, rest = said.partition(b"\r\n\r\n")
    return found + close_codes(rest) if head.startswith(b"HTTP/1.1 101") else found


def close_codes(data: bytes) -> list[int]:
    """Return the codes of the close frames among a server's WebSocket frames."""
    found, place = [], 0
    while place + 2 <= len(data):
        opcode, size = data[place] & 0x0F, data[place + 1] & 0x7F
        place += 2
        if size > 125:
            wide = 2 if size == 126 else 8
            size = int.from_bytes(data[place : place + wide], "big")
            place += wide
        if opcode == 8 and size >= 2:
            found.append(int.from_bytes(data[place : place + 2], "big"))
        place += size
    return found
