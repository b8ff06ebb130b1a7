"""The addresses of this machine: which of them a phone is told first."""

from __future__ import annotations

import ipaddress

from live_gradcam.server.links import ordered, own_addresses


def test_the_address_in_the_wifi_comes_before_those_of_containers_and_of_a_vpn() -> None:
    interfaces = {
        "lo": ["127.0.0.1", "::1"],
        "docker0": ["172.17.0.1"],
        "tun0": ["10.8.0.2"],
        "eth1": ["192.168.56.4"],
        "wlan0": ["192.168.1.5", "fe80::1%wlan0", "fd00::7"],
    }
    found = ordered(interfaces, "192.168.1.5")
    assert found == ("192.168.1.5", "192.168.56.4", "fd00::7", "172.17.0.1", "10.8.0.2")
    assert ordered(interfaces, "10.8.0.2")[0] in ("192.168.1.5", "192.168.56.4")


def test_without_any_network_there_is_none() -> None:
    assert ordered({"lo": ["127.0.0.1"], "wlan0": ["169.254.3.4"]}, None) == ()


def test_those_of_this_machine_are_addresses_that_others_can_reach() -> None:
    for text in own_addresses():
        address = ipaddress.ip_address(text)
        assert not address.is_loopback
        assert not address.is_link_local
