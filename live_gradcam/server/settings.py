"""Settings of the server: address, TLS, token and limits. `config.Settings` holds what is explained."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from live_gradcam.errors import SettingsError
from live_gradcam.server.links import own_addresses
from live_gradcam.setting import Limits, check_settings, in_server, in_source

DEFAULT_HOST = "127.0.0.1"
EVERYWHERE = "0.0.0.0"
PAGE = "page"
"""The value of `--source` for which each page uses its own camera."""

SELF_SIGNED = "self-signed"
"""The value of `--tls` for which the server makes its own certificate."""

LEAST_BYTES = 1_500_000_000
"""Minimum of `--memory`: TensorFlow, the default network and one graph take a gigabyte."""

_TOKEN = re.compile(r"[!-~]([ -~]*[!-~])?")
"""Printable ASCII without spaces at its ends, so that an `Authorization` header carries it unchanged."""

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 2**10, "MI": 2**20, "GI": 2**30}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMG]I?|)B?\s*", re.IGNORECASE)


def bytes_in(text: str) -> int:
    """Return the number of bytes of a size such as `3GB`, `1500 MB` or `2.5GiB`.

    Raises:
        SettingsError: it is not a size, or less than the server needs.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise SettingsError(f"memory is '{text}': give a size, such as 3GB or 2500MB.")
    size = int(float(match[1]) * _UNITS[match[2].upper()])
    if size < LEAST_BYTES:
        raise SettingsError(
            f"memory is '{text}': the server needs at least {LEAST_BYTES / 1e9:g}GB, for TensorFlow and one network."
        )
    return size


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Settings of the server, which `serve` takes beside those of an explanation."""

    phone: bool = in_server(
        False,
        "For a phone's camera: listen on the network with TLS, and print the link as a QR code.",
    )
    host: str = in_server(
        DEFAULT_HOST,
        "Address to listen at: this machine only, or 0.0.0.0 for all that can reach it.",
        metavar="ADDRESS",
        usual=DEFAULT_HOST,
    )
    port: int = in_server(
        8000,
        "Port; 0: any free one.",
        metavar="N",
        limits=Limits(0, 65535, "it must lie between 1 and 65535, or be 0 for any free one"),
    )
    tls: str | None = in_server(
        None,
        "Serve https with a certificate made by this machine; browsers ask about it once.",
        metavar=SELF_SIGNED,
    )
    tls_cert: Path | None = in_server(None, "Your own certificate (PEM).", metavar="FILE")
    tls_key: Path | None = in_server(None, "The certificate's key (PEM).", metavar="FILE")
    token: str | None = in_server(
        None,
        "Password for visitors.",
        metavar="TEXT",
        usual="random where other machines can reach the server",
    )
    insecure: bool = in_server(False, "Accept other machines without TLS.")
    allow_host: tuple[str, ...] = in_server(
        (), "Another name of this server; may be repeated.", metavar="NAME"
    )
    in_browser: bool = in_server(
        False,
        "Let each visitor's browser run the network: the server sends one page, and no picture leaves a device.",
    )
    teach: bool = in_server(
        False,
        "Let visitors teach classes of their own on the page; each has a classifier of their own.",
    )
    report: Path | None = in_server(
        None,
        "Show the report of an audit, too: the folder that `audit` wrote. Its photographs open in the live view.",
        metavar="DIR",
    )
    visitors: int = in_server(32, "Maximum number of visitors at once.", metavar="N", limits=Limits(1, 1000))
    memory: int | None = in_server(
        None,
        "Memory above which compiled methods are discarded, such as 3GB.",
        metavar="SIZE",
        usual="half of the machine's",
        read=lambda _, size: bytes_in(size),
    )
    source: str = in_source(
        PAGE,
        "page: each visitor's own camera; else a source on this machine for all of them.",
        metavar="page|0|URL|demo",
        short="-s",
    )

    @classmethod
    def typed(cls, *, phone: bool = False, **fields: Any) -> ServerSettings:  # noqa: ANN401 - each of its field's kind
        """Return the settings for the options of `serve`; with `--phone` those of `for_phones`."""
        return cls.for_phones(**fields) if phone else cls(**fields)

    @classmethod
    def for_phones(cls, **fields: Any) -> ServerSettings:  # noqa: ANN401 - each of its field's kind
        """Return settings for phones: listen at every address, with TLS, which browsers require for the camera.

        Args:
            fields: fields of the class. A given host, certificate or token is kept.

        Raises:
            SettingsError: no other machine can connect to the host.
        """
        fields.setdefault("host", EVERYWHERE)
        if fields.get("tls_cert") is None and fields.get("tls_key") is None:
            fields["tls"] = SELF_SIGNED
        settings = cls(**fields, phone=True)
        if settings.is_loopback:
            raise SettingsError(
                f"--phone lets other machines in, and --host {settings.host} does not: leave --host out, or name an "
                "address of this machine in the phone's network."
            )
        return settings

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            SettingsError: a setting is invalid or not safe; the message names the option to change.
        """
        check_settings(self)
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
        if self.token is not None and not _TOKEN.fullmatch(self.token):
            raise SettingsError(
                "the token holds a character that a link or a header cannot carry: take letters without accents, "
                "digits and the signs of an English keyboard."
            )
        if self.in_browser:
            self._check_in_browser()
        if not self.is_loopback and not self.encrypted and not self.insecure:
            raise SettingsError(
                f"--host {self.host} lets other machines in. Without TLS everybody on the network path can watch, and "
                "browsers give the page no camera: add --tls self-signed, or --tls-cert and --tls-key, or --insecure "
                "if you accept that."
            )

    def _check_in_browser(self) -> None:
        """Raise a SettingsError if a setting needs the server's own network or camera."""
        others = {
            "--teach": self.teach,
            "--report": self.report is not None,
            "--token": self.token is not None,
            "--source": self.source != PAGE,
        }
        for option, given in others.items():
            if given:
                raise SettingsError(
                    f"--in-browser and {option} exclude each other: the server sends the page, and does nothing more. "
                    "Leave one of them out."
                )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host.casefold() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def encrypted(self) -> bool:
        """Whether the server uses TLS."""
        return self.tls is not None or self.tls_cert is not None

    @property
    def is_everywhere(self) -> bool:
        """Whether the server listens at every address of this machine."""
        try:
            return ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            return False

    def secret(self) -> str | None:
        """Return the token: the given one, or a new one if other machines can connect."""
        if self.in_browser:  # the page is all there is
            return None
        if self.token is None and not self.is_loopback:
            import secrets  # here: every command loads this module, and few make a token

            return secrets.token_urlsafe(24)
        return self.token

    def names(self) -> tuple[str, ...]:
        """Return the names of the server."""
        named = [*self.allow_host, self.host]
        if not self.is_loopback:
            own = socket.gethostname()
            named += [own, own.split(".")[0], f"{own.split('.')[0]}.local"]
        return tuple(dict.fromkeys(named))

    def certified_names(self) -> tuple[str, ...]:
        """Return the names and addresses for the server's own certificate."""
        named = [name for name in self.names() if name != self.host or not self.is_everywhere]
        if not self.is_loopback:
            named += own_addresses() if self.is_everywhere else ()
            named += ["localhost", "127.0.0.1", "::1"]
        return tuple(dict.fromkeys(named))

    def links(self, port: int, token: str | None, path: str = "/") -> tuple[str, ...]:
        """Return the links to open, the one that most likely works first.

        Args:
            port: the port of the server.
            token: the token. It is placed after `#`, which a browser does not send.
            path: of the page.
        """
        hosts = self._reached_at() if self.is_everywhere else (self.host,)
        secret = "" if token is None else f"#token={quote(token, safe='')}"
        scheme = "https" if self.encrypted else "http"
        return tuple(
            f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{path}{secret}" for host in hosts
        )

    def _reached_at(self) -> tuple[str, ...]:
        """Return the addresses at which the server listens, or the machine's name if there are none."""
        both = ":" in self.host
        return tuple(each for each in own_addresses() if both or ":" not in each) or (socket.gethostname(),)
