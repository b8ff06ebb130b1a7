"""A certificate that this server makes for itself, for the length of its run."""

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
    """Make a certificate, and return what a server needs to use it, and its fingerprint.

    Nobody else has signed it, so a browser asks once whether to go on; its SHA-256 fingerprint, compared with the
    one that is printed, shows that it is this one.

    Args:
        names: host names and addresses that it is for.
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
    # OpenSSL reads from files only: this one is the user's alone, and gone before the server starts.
    handle, path = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
        context = tls_context(Path(path), Path(path))
    finally:
        Path(path).unlink()
    return context, certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what a server needs to use a certificate.

    Args:
        certificate: a PEM file, with those that lead to a known one.
        key: a PEM file without a password.

    Raises:
        SettingsError: they cannot be read or do not belong together.
    """
    context = HttpsContext(ssl.PROTOCOL_TLS_SERVER)  # as `ssl.create_default_context` makes it for servers
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
    """Return names as a certificate has them; one that no certificate can have is left out."""
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
