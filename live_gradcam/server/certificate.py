"""A certificate that this server makes for itself, for the length of its run."""

from __future__ import annotations

import datetime
import ipaddress
import logging
import os
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from live_gradcam.errors import SettingsError
from live_gradcam.server.plain_http import HttpsContext

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
