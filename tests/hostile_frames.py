"""WebSocket visits as no page makes them: frames against RFC 6455, and messages against all sense."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable

from hostile_pictures import hostile_picture

CLOSE_CODES = (0, 999, 1000, 1001, 1004, 1005, 1006, 1007, 1012, 1015, 1016, 2999, 3000, 5000, 65535)

VALUES = (
    *(
        "null",
        "true",
        "-1",
        "0",
        "1.5",
        "1e999",
        "NaN",
        "Infinity",
        "-0",
        "4294967296",
        "9" * 4000,
        "9" * 5000,
        "1e-400",
    ),
    *(
        '""',
        '"gradcam"',
        '"\\u0000"',
        '"\\ud800"',
        '"\\udfff\\ud800"',
        '"top_conv"',
        '"a,b,c,d,e"',
        '"' + "x" * 500 + '"',
    ),
    *(
        '"lock"',
        '"os:system"',
        '"#1"',
        '"#-1"',
        '"#99999999999999999999"',
        '"tabby - tiger cat"',
        '"281"',
        '"١"',
        '"\\u202e"',
    ),
    *(
        "[]",
        "{}",
        "[[]]",
        '["gradcam","gradcam","gradcam","gradcam","gradcam"]',
        "[null,null,null,null]",
        '["eigencam","fem"]',
    ),
    *(
        '[281,"#2"]',
        "[" * 20000 + "]" * 20000,
        '{"a":' * 5000 + "1" + "}" * 5000,
        "[" + "0," * 50000 + "0]",
        '"\\x00"',
        "'",
        "",
    ),
)

NAMES = ("ask", "methods", "layer", "targets", "next", "here", "__class__", "ask", "methods", "", "\\u0061sk")

TEXTS = (
    b"",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"\xed\xa0\x80",  # a surrogate in UTF-8
    b"\xf0\x9f\x98",  # a character that is not whole
    b"\xc0\xaf",  # longer than it need be
    b"\x00" * 1000,
    b"[" * 500_000,
    b'{"ask":' * 60_000,
    b'"' + b"a" * 500_000,
    b"1" * 500_000,
    b'{"here": true}',
    b'{"here": true, "here": {"here": 1}}',
    b'\xef\xbb\xbf{"here": true}',
    b"[1" + b",1" * 200_000 + b"]",
)


def hostile_visit(draw: random.Random, host: str, token: str) -> list[bytes]:
    """Return a handshake and some messages; what is sent at once need not be one message."""
    key = base64.b64encode(draw.randbytes(16)).decode()
    fields = [
        f"Host: {host}",
        f"Authorization: Bearer {token}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
    ]
    if draw.random() < 0.1:
        del fields[draw.randrange(len(fields))]
    if draw.random() < 0.1:
        fields.append(
            draw.choice(
                (
                    "Sec-WebSocket-Key: short",
                    "Sec-WebSocket-Protocol: " + "a, " * 500,
                    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=99",
                    "Sec-WebSocket-Extensions: " + "x; " * 1000,
                    "Sec-WebSocket-Version: 8",
                    "Content-Length: 10",
                    "Transfer-Encoding: chunked",
                    "Origin: null",
                )
            )
        )
    head = "\r\n".join(["GET /socket HTTP/1.1", *fields, "", ""]).encode()
    pieces = [head]
    for _ in range(draw.choice((1, 2, 5, 20))):
        pieces += draw.choice(ACTS)(draw)
    return pieces


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    final: bool = True,
    rsv: int = 0,
    mask: bytes | None = b"\x11\x22\x33\x44",
    size_bytes: int | None = None,
    size: int | None = None,
) -> bytes:
    """Return a frame, right unless told otherwise.

    Args:
        opcode: what it is.
        payload: unmasked.
        final: whether it is the last of its message.
        rsv: the three reserved bits.
        mask: None: it is not masked, as a client's must be.
        size_bytes: 0, 2 or 8: how the length is written; None: as short as it can be.
        size: the length that it tells; None: the payload's.
    """
    told = len(payload) if size is None else size
    if size_bytes is None:
        size_bytes = 0 if told < 126 else 2 if told < 2**16 else 8
    short = told if size_bytes == 0 else 126 if size_bytes == 2 else 127
    head = bytes(
        [(0x80 if final else 0) | rsv << 4 | opcode, (0x80 if mask is not None else 0) | short & 0x7F]
    )
    head += told.to_bytes(size_bytes, "big") if size_bytes else b""
    if mask is None:
        return head + payload
    key = int.from_bytes((mask * (len(payload) // 4 + 1))[: len(payload)], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")


def _picture(draw: random.Random) -> list[bytes]:
    number = draw.randrange(2**32).to_bytes(4, "little")
    return [frame(2, (number + hostile_picture(draw)[1])[: draw.choice((3, 4, 5, 600_000))])]


def _wish(draw: random.Random) -> list[bytes]:
    fields = ",".join(f'"{draw.choice(NAMES)}":{draw.choice(VALUES)}' for _ in range(draw.randint(1, 5)))
    return [frame(1, ("{" + fields + "}").encode())]


def _almost_right_wish(draw: random.Random) -> list[bytes]:
    wish = {"ask": 1, "methods": ["gradcam"], "layer": None, "targets": [None]}
    wish[draw.choice(tuple(wish))] = "?"
    return [frame(1, json.dumps(wish).replace('"?"', draw.choice(VALUES)).encode())]


def _text(draw: random.Random) -> list[bytes]:
    return [frame(draw.choice((1, 1, 2)), draw.choice(TEXTS))]


def _fragments(draw: random.Random) -> list[bytes]:
    data = draw.choice((*TEXTS, hostile_picture(draw)[1]))
    places = sorted(draw.randrange(len(data) + 1) for _ in range(draw.choice((1, 3, 200))))
    parts = [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]
    found = [
        frame(0 if n else draw.choice((1, 2)), part, final=n == len(parts) - 1)
        for n, part in enumerate(parts)
    ]
    if draw.random() < 0.5:  # a control frame may come between, another message may not
        found.insert(
            draw.randrange(len(found)), draw.choice((frame(9, b"x"), frame(10), frame(1, b"{}"), frame(8)))
        )
    return [b"".join(found)]


def _endless(draw: random.Random) -> list[bytes]:
    return [
        frame(draw.choice((1, 2)), b"", final=False) + frame(0, b"", final=False) * draw.choice((10, 5000))
    ]


def _too_large(draw: random.Random) -> list[bytes]:
    return [
        frame(
            draw.choice((1, 2)),
            b"x" * 10,
            size_bytes=8,
            size=draw.choice((2**20, 2**31, 2**32, 2**63 - 1, 2**63)),
        )
    ]


def _against_the_rules(draw: random.Random) -> list[bytes]:
    return [
        draw.choice(
            (
                frame(1, b"{}", rsv=draw.randint(1, 7)),
                frame(draw.choice((3, 4, 5, 6, 7, 11, 12, 13, 14, 15)), b"x"),
                frame(1, b"{}", mask=None),
                frame(1, b'{"here": true}', size_bytes=draw.choice((2, 8))),
                frame(0, b"nothing went before"),
                frame(9, b"x" * 126),
                frame(9, b"x", final=False),
                frame(10, b"x" * 125),
                frame(1, b"{}")[:3],
                draw.randbytes(200),
                b"GET / HTTP/1.1\r\n\r\n",
            )
        )
    ]


def _controls(draw: random.Random) -> list[bytes]:
    return [
        b"".join(
            frame(draw.choice((9, 10)), draw.randbytes(draw.randrange(126)))
            for _ in range(draw.choice((1, 50, 2000)))
        )
    ]


def _close(draw: random.Random) -> list[bytes]:
    code = draw.choice(CLOSE_CODES).to_bytes(2, "big")
    reason = draw.choice((b"", b"bye", b"\xff\xfe", b"x" * 123, b"x" * 124))
    payload = draw.choice((b"", b"\x03", code + reason, code + reason))
    return [frame(8, payload), draw.choice((b"", frame(1, b"{}"), frame(8)))]


ACTS: tuple[Callable[[random.Random], list[bytes]], ...] = (
    *(_picture, _picture, _picture, _wish, _wish, _almost_right_wish, _almost_right_wish, _text, _fragments),
    *(_endless, _too_large, _against_the_rules, _controls, _close),
)
