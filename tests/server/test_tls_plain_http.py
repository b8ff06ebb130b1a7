"""Plain http at the https port: one answer, and TLS works as before."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from urllib.request import HTTPSHandler, build_opener

import pytest
from served import Served, small_service

from live_gradcam.server.settings import ServerSettings
from live_gradcam.server.tls import answer_to


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served(small_service(), ServerSettings(tls="self-signed")) as served:
        yield served


def reply_to(served: Served, *parts: bytes) -> bytes:
    """Send a request in parts, and read until the server hangs up or has said what it announced."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as client:
        for part in parts:
            client.sendall(part)
            time.sleep(0.05)
        said = b""
        while b"\r\n\r\n" not in said and (more := client.recv(4096)):
            said += more
        return said


def test_a_browser_that_asks_in_plain_http_is_sent_to_https(served: Served) -> None:
    host = f"127.0.0.1:{served.port}"
    head = f"GET /?heat=2d HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n".encode()
    for parts in ((head,), (head[:1], head[1:9], head[9:])):
        said = reply_to(served, *parts)
        assert said.startswith(b"HTTP/1.1 307 Temporary Redirect\r\n")
        assert f"\r\nLocation: https://{host}/?heat=2d\r\n".encode() in said
        assert said.endswith(f"\r\n\r\nuse https://{host}/?heat=2d\n".encode())


def test_a_redirect_that_is_followed_reaches_the_page(served: Served) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with build_opener(HTTPSHandler(context=trusting)).open(
        f"http://127.0.0.1:{served.port}/healthz", timeout=5
    ) as reply:
        assert reply.url == served.url("/healthz")
        assert reply.status == 200


@pytest.mark.parametrize(
    "head",
    [
        b"POST /explain HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nAccept: */*\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n",
        b"GET http://other/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"HELLO\r\n\r\n",
    ],
)
def test_what_cannot_be_redirected_is_told_to_use_https(head: bytes) -> None:
    said = answer_to(head)
    assert said.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert said.endswith(b"\r\n\r\nthis port speaks https: begin the address with https://\n")
    assert b"Location" not in said


def test_the_answer_to_head_has_no_body() -> None:
    said = answer_to(b"HEAD / HTTP/1.0\nhost: [::1]:8000\n\n")
    assert b"\r\nLocation: https://[::1]:8000/\r\n" in said
    assert b"\r\nContent-Length: 0\r\n" in said
    assert said.endswith(b"\r\n\r\n")


def test_a_request_without_an_end_is_answered_after_8_kilobytes(served: Served) -> None:
    said = reply_to(served, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 9000)
    assert said.startswith(b"HTTP/1.1 307 ")


def test_what_is_neither_http_nor_tls_is_hung_up_on(served: Served) -> None:
    assert reply_to(served, b"\x00\x01\x02\x03\x04\x05\x06\x07").count(b"HTTP") == 0
