"""Links to the server: the addresses of this machine, and a link as a QR code."""

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
"""Name prefixes of interfaces to virtual machines, containers or a VPN: no phone is behind them."""


def own_addresses() -> tuple[str, ...]:
    """Return the addresses of this machine, the one that a phone most likely reaches first.

    Loopback and link-local addresses are left out: another machine cannot reach the former, and a link-local IPv6
    address needs an interface name, which browsers do not accept.
    """
    return ordered(_interfaces(), _of_default_route())


def ordered(interfaces: Interfaces, of_default_route: str | None) -> tuple[str, ...]:
    """Return the addresses of interfaces, best first.

    Real interfaces come before virtual ones, then IPv4 before IPv6, then the address of the default route before
    others. Virtual ones come last even on the default route: that is often a VPN, and a phone in the same Wi-Fi is not
    in the VPN.

    Args:
        interfaces: the interfaces of this machine.
        of_default_route: this machine's address towards the internet; None: it has no such route.
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
    import psutil  # from the extra `web`; only needed if other machines may connect

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
            probe.connect(("192.0.2.1", 9))  # sends nothing: the system only looks up the route
        except OSError:
            return None
        return str(probe.getsockname()[0])


_MARGIN = 2
"""White modules around the code. The standard asks for 4; phones read 2, and a terminal has few lines."""

_WHITE_ON_BLACK, _AS_BEFORE = "\x1b[97;40m", "\x1b[0m"


def qr_code(text: str, *, coloured: bool) -> str:
    """Return a QR code of block characters, two modules in each; a link of 70 characters takes 19 lines.

    Args:
        text: the content.
        coloured: whether the terminal shows colours. If not, light modules have the colour of its text; on a white
            terminal the code is then inverted, which most phones can read.
    """
    import segno  # from the extra `web`; only needed for a phone

    out = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(out, border=_MARGIN, compact=True)
    lines = out.getvalue().rstrip("\n").split("\n")
    if coloured:
        lines = [f"{_WHITE_ON_BLACK}{line}{_AS_BEFORE}" for line in lines]
    return "\n".join(lines)
