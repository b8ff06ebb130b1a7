"""TLS: certificates, also the server's own, and a redirect for plain HTTP at the same port."""

from __future__ import annotations

import datetime
import ipaddress
import logging
import os
import re
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from live_gradcam.errors import SettingsError

logger = logging.getLogger(__name__)

_DAYS = 30


def self_signed(names: Sequence[str]) -> tuple[ssl.SSLContext, str]:
    """Make a self-signed certificate; return a TLS context with it, and its SHA-256 fingerprint.

    A browser warns once, because nobody else has signed it. The user can compare the fingerprint that the browser shows
    with the printed one.

    Args:
        names: host names and addresses of the server.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "live_gradcam")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(_general(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # OpenSSL reads from files only. Only the user can read this one; it is removed before the server starts.
    handle, path = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
        context = tls_context(Path(path), Path(path))
    finally:
        Path(path).unlink()
    return context, certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a TLS context with a certificate.

    Args:
        certificate: a PEM file with the certificate and its chain.
        key: a PEM file without a password.

    Raises:
        SettingsError: the files cannot be read or do not belong together.
    """
    context = HttpsContext(ssl.PROTOCOL_TLS_SERVER)  # as in `ssl.create_default_context` for servers
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
        raise SettingsError(
            f"the certificate {certificate} with the key {key} cannot be used: {reason}. Give PEM files that belong "
            "together, the key without a password."
        ) from error
    return context


def _general(names: Sequence[str]) -> list[x509.GeneralName]:
    """Return names for a certificate; invalid host names are left out."""
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            try:
                found.append(x509.DNSName(name.encode("idna").decode("ascii")))
            except ValueError:
                logger.info("the certificate leaves out '%s', which is no host name", name)
    return found


_MOST_BYTES = 8192
"""Maximum size of the head of a plain HTTP request that is read."""

_PATH = re.compile(rb"(GET|HEAD) (/[!-~]*) HTTP/1\.[01]\r?\n")
_HOST = re.compile(rb"\nhost:[ \t]*([A-Za-z0-9.:\[\]-]{1,255})[ \t]*\r?\n", re.IGNORECASE)


def answer_to(head: bytes) -> bytes:
    """Return the response to a plain HTTP request: a redirect to https for GET and HEAD, else one line of text.

    A browser keeps the part after `#`, such as a token, when it follows the redirect.

    Args:
        head: the request's head, or the beginning of it.
    """
    path, host = _PATH.match(head), _HOST.search(head)
    if path is None or host is None:
        return _reply("400 Bad Request", "", b"this port speaks https: begin the address with https://\n")
    address = f"https://{host[1].decode('ascii')}{path[2].decode('ascii')}"
    text = b"" if path[1] == b"HEAD" else f"use {address}\n".encode("ascii")
    # A temporary redirect: browsers remember permanent ones, and another server may later use the port without TLS.
    return _reply("307 Temporary Redirect", f"Location: {address}\r\n", text)


def _reply(status: str, headers: str, text: bytes) -> bytes:
    return (
        f"HTTP/1.1 {status}\r\n{headers}Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
    ).encode("ascii") + text


class _Handshake(ssl.SSLObject):
    """A TLS handshake that answers plain HTTP: if the first byte is a letter, it is HTTP, never TLS."""

    incoming: ssl.MemoryBIO | None = None
    outgoing: ssl.MemoryBIO
    head = b""

    def do_handshake(self) -> None:
        """Continue the handshake, or answer plain HTTP."""
        if self.incoming is not None:
            came = self.incoming.read()
            if not came or self.head or came[:1].isupper():
                self._read_plain(came)
            self.incoming.write(came)
            self.incoming = None  # this is TLS
        super().do_handshake()

    def _read_plain(self, came: bytes) -> None:
        """Read more of a plain HTTP request, and answer it when its head is complete.

        Raises:
            ssl.SSLWantReadError: always, so that the answer is sent; then the client closes the connection.
        """
        answered = self._is_complete()
        self.head += came[: _MOST_BYTES - len(self.head)]
        if self._is_complete() and not answered:
            self.outgoing.write(answer_to(self.head))
        raise ssl.SSLWantReadError

    def _is_complete(self) -> bool:
        return len(self.head) >= _MOST_BYTES or b"\r\n\r\n" in self.head or b"\n\n" in self.head


class HttpsContext(ssl.SSLContext):
    """A TLS context of a server that also answers plain HTTP at its port.

    It works with TLS over memory buffers, as in asyncio. A socket that the context wraps refuses plain HTTP.
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
        """Return a TLS object over two memory buffers."""
        handshake = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        assert isinstance(handshake, _Handshake)
        handshake.incoming, handshake.outgoing = incoming, outgoing
        return handshake
