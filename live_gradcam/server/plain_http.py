"""Plain http that arrives at the https port: it is answered with the address that works."""

from __future__ import annotations

import re
import ssl

_MOST_BYTES = 8192
"""Of a request's head that are read for the address in it."""

_PATH = re.compile(rb"(GET|HEAD) (/[!-~]*) HTTP/1\.[01]\r?\n")
_HOST = re.compile(rb"\nhost:[ \t]*([A-Za-z0-9.:\[\]-]{1,255})[ \t]*\r?\n", re.IGNORECASE)


def answer_to(head: bytes) -> bytes:
    """Return the reply to a plain request: a redirect to https where it asks for a page, else one line of text.

    A browser keeps what stands behind the `#`, such as a token, when it follows the redirect.

    Args:
        head: the request up to its empty line, or the first of it.
    """
    path, host = _PATH.match(head), _HOST.search(head)
    if path is None or host is None:
        return _reply("400 Bad Request", "", b"this port speaks https: begin the address with https://\n")
    address = f"https://{host[1].decode('ascii')}{path[2].decode('ascii')}"
    text = b"" if path[1] == b"HEAD" else f"use {address}\n".encode("ascii")
    # Temporary: a browser remembers a permanent one, and another server may use the port with plain http later.
    return _reply("307 Temporary Redirect", f"Location: {address}\r\n", text)


def _reply(status: str, headers: str, text: bytes) -> bytes:
    return (
        f"HTTP/1.1 {status}\r\n{headers}Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
    ).encode("ascii") + text


class _Handshake(ssl.SSLObject):
    """A TLS handshake that looks at the first byte: a letter is the beginning of plain http, never of TLS."""

    incoming: ssl.MemoryBIO | None = None
    outgoing: ssl.MemoryBIO
    head = b""

    def do_handshake(self) -> None:
        """Go on with the handshake, or answer plain http."""
        if self.incoming is not None:
            came = self.incoming.read()
            if not came or self.head or came[:1].isupper():
                self._read_plain(came)
            self.incoming.write(came)
            self.incoming = None  # it is TLS
        super().do_handshake()

    def _read_plain(self, came: bytes) -> None:
        """Take in more of a plain request, and answer it when its head is complete.

        Raises:
            ssl.SSLWantReadError: always: what was answered is sent then, and the client closes the connection.
        """
        answered = self._is_complete()
        self.head += came[: _MOST_BYTES - len(self.head)]
        if self._is_complete() and not answered:
            self.outgoing.write(answer_to(self.head))
        raise ssl.SSLWantReadError

    def _is_complete(self) -> bool:
        return len(self.head) >= _MOST_BYTES or b"\r\n\r\n" in self.head or b"\n\n" in self.head


class HttpsContext(ssl.SSLContext):
    """The TLS settings of a server that answers plain http at its port, too.

    It works where TLS is spoken over memory, as asyncio does; a socket that it wraps itself refuses plain http.
    """

    sslobject_class = _Handshake

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Return what speaks TLS over two buffers."""
        handshake = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        assert isinstance(handshake, _Handshake)
        handshake.incoming, handshake.outgoing = incoming, outgoing
        return handshake
