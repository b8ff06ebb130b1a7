"""How the server is run: what is refused as unsafe, and the link that is printed."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from live_gradcam.errors import SettingsError
from live_gradcam.server.settings import ServerSettings


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"host": "0.0.0.0"}, "--host 0.0.0.0 lets other machines in. Without TLS"),
        ({"host": "::"}, "add --tls self-signed, or --tls-cert and --tls-key, or --insecure"),
        ({"host": "teacher.example"}, "--insecure if you accept that"),
        ({"port": 70000}, "port is 70000: it must lie between 1 and 65535"),
        ({"visitors": 0}, "visitors is 0: it must lie between 1 and 1000"),
        ({"tls": "yes"}, "tls is 'yes': it must be self-signed"),
        ({"tls_cert": Path("a.pem")}, "--tls-cert and --tls-key go together"),
        (
            {"tls": "self-signed", "tls_cert": Path("a"), "tls_key": Path("b")},
            "--tls self-signed and --tls-cert exclude each other",
        ),
        ({"token": "short"}, "at least 16 characters"),
        (
            {"token": "ein-sehr-schönes-Wort"},
            "the token holds a character that a link or a header cannot carry",
        ),
        ({"token": "a long token\n with a line"}, "take letters without accents, digits and the signs"),
        ({"token": " a-token-that-is-long "}, "the token holds a character"),
    ],
)
def test_what_is_not_safe_or_makes_no_sense_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as error:
        ServerSettings(**settings)
    assert said in str(error.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_on_this_machine_alone_no_token_is_needed(host: str) -> None:
    assert ServerSettings(host=host).secret() is None


def test_where_others_can_reach_it_a_token_is_made_each_time() -> None:
    settings = ServerSettings(host="0.0.0.0", tls="self-signed")
    first, second = settings.secret(), settings.secret()
    assert first is not None
    assert len(first) >= 32
    assert first != second


def test_a_token_of_ones_own_is_kept() -> None:
    assert ServerSettings(token="correct horse battery").secret() == "correct horse battery"


@pytest.mark.parametrize(
    ("settings", "token", "link"),
    [
        ({}, None, "http://127.0.0.1:8000/"),
        ({"host": "::1"}, None, "http://[::1]:8000/"),
        ({"host": "192.168.1.5", "tls": "self-signed"}, "a b", "https://192.168.1.5:8000/#token=a%20b"),
    ],
)
def test_the_link_can_be_opened_as_it_is(settings: dict[str, Any], token: str | None, link: str) -> None:
    assert ServerSettings(**settings).links(8000, token) == (link,)


@pytest.fixture
def at_two_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live_gradcam.server.settings.own_addresses", lambda: ("192.168.1.5", "fd00::7"))


@pytest.mark.usefixtures("at_two_addresses")
@pytest.mark.parametrize(
    ("host", "links"),
    [
        ("0.0.0.0", ("http://192.168.1.5:8000/#token=secret",)),
        ("::", ("http://192.168.1.5:8000/#token=secret", "http://[fd00::7]:8000/#token=secret")),
    ],
)
def test_the_links_of_a_server_that_is_everywhere_name_the_addresses_at_which_it_listens(
    host: str, links: tuple[str, ...]
) -> None:
    assert ServerSettings(host=host, insecure=True).links(8000, "secret") == links


def test_a_machine_without_a_network_gives_its_name_in_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live_gradcam.server.settings.own_addresses", lambda: ())
    (link,) = ServerSettings(host="0.0.0.0", insecure=True).links(8000, None)
    assert link == f"http://{socket.gethostname()}:8000/"


@pytest.mark.usefixtures("at_two_addresses")
def test_for_phones_it_listens_at_every_address_with_a_certificate_for_all_of_them() -> None:
    settings = ServerSettings.for_phones(port=0)
    assert (settings.host, settings.tls, settings.phone) == ("0.0.0.0", "self-signed", True)
    assert {"192.168.1.5", "fd00::7", "localhost", socket.gethostname()} <= set(settings.certified_names())
    assert "0.0.0.0" not in settings.certified_names()


def test_for_phones_an_address_and_a_certificate_of_ones_own_are_kept() -> None:
    settings = ServerSettings.for_phones(
        host="192.168.1.5", tls_cert=Path("a"), tls_key=Path("b"), token="t" * 16
    )
    assert (settings.host, settings.tls, settings.token) == ("192.168.1.5", None, "t" * 16)
    assert settings.links(8000, settings.secret()) == (f"https://192.168.1.5:8000/#token={'t' * 16}",)


def test_for_phones_an_address_that_no_phone_reaches_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"--phone lets other machines in, and --host localhost does not"):
        ServerSettings.for_phones(host="localhost")
