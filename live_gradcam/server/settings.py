"""How the server is run: everything but what is explained, which `config.Settings` holds."""

from __future__ import annotations

import ipaddress
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from live_gradcam.errors import SettingsError

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000
DEFAULT_VISITORS = 32

SELF_SIGNED = "self-signed"
"""The value of `--tls` that makes a certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How the server is run. The field names are the command line's long options."""

    host: str = DEFAULT_HOST
    """The address that it listens at."""

    port: int = DEFAULT_PORT

    token: str | None = None
    """What a visitor has to know; None: nothing on this machine only, else one that is made up."""

    tls: str | None = None
    """`self-signed`, or None."""

    tls_cert: Path | None = None
    tls_key: Path | None = None

    insecure: bool = False
    """Whether it may be reached from other machines without TLS."""

    allow_host: tuple[str, ...] = ()
    """Further names that it goes by."""

    visitors: int = DEFAULT_VISITORS
    """How many may be connected at once."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense or is not safe.

        Raises:
            SettingsError: the message says which option to change.
        """
        if not 0 <= self.port <= 65535:
            raise SettingsError(
                f"port is {self.port}: it must lie between 1 and 65535, or be 0 for any free one."
            )
        if not 1 <= self.visitors <= 1000:
            raise SettingsError(f"visitors is {self.visitors}: it must lie between 1 and 1000.")
        if self.tls not in (None, SELF_SIGNED):
            raise SettingsError(
                f"tls is '{self.tls}': it must be {SELF_SIGNED}; a certificate of your own goes with "
                "--tls-cert and --tls-key."
            )
        if (self.tls_cert is None) != (self.tls_key is None):
            raise SettingsError("--tls-cert and --tls-key go together: give both files.")
        if self.tls is not None and self.tls_cert is not None:
            raise SettingsError("--tls self-signed and --tls-cert exclude each other: give one of them.")
        if self.token is not None and len(self.token) < 16:
            raise SettingsError(
                "the token is too short to be safe: give at least 16 characters, or leave it out."
            )
        if not self.is_loopback and not self.encrypted and not self.insecure:
            raise SettingsError(
                f"--host {self.host} lets other machines in, and without TLS everybody on the way can look on (nor do "
                "browsers give such a page a camera): add --tls self-signed, or --tls-cert and --tls-key, or "
                "--insecure if that is all right."
            )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host.casefold() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def encrypted(self) -> bool:
        """Whether it speaks TLS."""
        return self.tls is not None or self.tls_cert is not None

    @property
    def is_everywhere(self) -> bool:
        """Whether it listens at every address of this machine."""
        try:
            return ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            return False

    def secret(self) -> str | None:
        """Return the token that visitors need: the given one, or a new one where others can reach it."""
        if self.token is None and not self.is_loopback:
            return secrets.token_urlsafe(24)
        return self.token

    def names(self) -> tuple[str, ...]:
        """Return the names that it goes by."""
        named = [*self.allow_host, self.host]
        if not self.is_loopback:
            own = socket.gethostname()
            named += [own, own.split(".")[0], f"{own.split('.')[0]}.local"]
        if self.is_everywhere:
            named.append(_address())
        return tuple(dict.fromkeys(named))

    def link(self, port: int, token: str | None) -> str:
        """Return the address to open.

        Args:
            port: the one that it got.
            token: behind the `#`, where a browser keeps it to itself.
        """
        host = _address() if self.is_everywhere else self.host
        host = f"[{host}]" if ":" in host else host
        secret = "" if token is None else f"#token={quote(token, safe='')}"
        return f"http{'s' if self.encrypted else ''}://{host}:{port}/{secret}"


def _address() -> str:
    """Return the address by which other machines are most likely to reach this one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent: the system only looks up which way it would go
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
