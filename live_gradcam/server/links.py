"""The addresses of this machine, by which other machines may reach it."""

from __future__ import annotations

import io
import ipaddress
import socket
from collections.abc import Iterable, Mapping

Interfaces = Mapping[str, Iterable[str]]
"""Name of a network interface → its addresses, IPv4 and IPv6."""

_VIRTUAL = (
    "docker",
    "br-",
    "veth",
    "vethernet",
    "virbr",
    "vmnet",
    "vmware",
    "virtualbox",
    "vboxnet",
    "tun",
    "utun",
    "tap",
    "wg",
    "zt",
    "tailscale",
    "ipsec",
    "ppp",
)
"""Beginnings of the names of interfaces that lead to virtual machines, containers or a VPN, where no phone is."""


def own_addresses() -> tuple[str, ...]:
    """Return the addresses of this machine, the one that a phone is most likely to reach first.

    Loopback and link-local addresses are left out: the former lead nowhere, a browser takes no interface's name with
    the latter.
    """
    return ordered(_interfaces(), _of_default_route())


def ordered(interfaces: Interfaces, of_default_route: str | None) -> tuple[str, ...]:
    """Return the addresses of interfaces, best first.

    Real interfaces come before virtual ones, IPv4 before IPv6, the address of the default route before others: a VPN's
    is often the default route, but a phone in the same Wi-Fi is not in the VPN.

    Args:
        interfaces: of this machine.
        of_default_route: the address that this machine uses towards the internet; None: it has no such route.
    """
    found: list[tuple[tuple[bool, bool, bool], str]] = []
    for name, addresses in interfaces.items():
        for text in addresses:
            address = ipaddress.ip_address(text.partition("%")[0])
            if address.is_loopback or address.is_link_local or address.is_unspecified:
                continue
            virtual = name.casefold().startswith(_VIRTUAL)
            rank = (virtual, address.version == 6, str(address) != of_default_route)
            found.append((rank, str(address)))
    return tuple(dict.fromkeys(text for _, text in sorted(found, key=lambda each: each[0])))


def _interfaces() -> dict[str, list[str]]:
    import psutil  # of the extra `web`; only needed where the server is open to other machines

    families = (socket.AF_INET, socket.AF_INET6)
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    return {
        name: [each.address for each in addresses if each.family in families]
        for name, addresses in psutil.net_if_addrs().items()
        if name in up
    }


def _of_default_route() -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent: the system only looks up which way it would go
        except OSError:
            return None
        return str(probe.getsockname()[0])


_MARGIN = 2
"""Modules of white around the code. The standard wants 4; phones read 2, and a terminal has few lines."""

_WHITE_ON_BLACK, _AS_BEFORE = "\x1b[97;40m", "\x1b[0m"


def qr_code(text: str, *, coloured: bool) -> str:
    """Return a QR code of block characters, two modules in each; a link of 70 characters takes 19 lines.

    Args:
        text: what it says.
        coloured: whether the terminal takes colours; else light modules have the colour of its text, and on a white
            terminal the code is inverted, which most phones read too.
    """
    import segno  # of the extra `web`; only needed where a phone is to read the link

    out = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(out, border=_MARGIN, compact=True)
    lines = out.getvalue().rstrip("\n").split("\n")
    if coloured:
        lines = [f"{_WHITE_ON_BLACK}{line}{_AS_BEFORE}" for line in lines]
    return "\n".join(lines)
