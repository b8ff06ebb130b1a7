"""What of an address may be shown, and how FFmpeg is given it."""

from __future__ import annotations

import io
import logging
import re
import string
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from live_gradcam.redaction import (
    SecretsHidden,
    address_name,
    address_to_type,
    remember_address,
    shown_address,
    without_secrets,
)
from live_gradcam.source_address import credentials_of, host_of, opened_address

PASSWORDS = st.text(
    string.ascii_letters + string.digits + "#/?@:% &=+;,!$'()*_-.äß中", min_size=6, max_size=20
)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://anna:s3cret@10.0.0.7/live?x=1@2", "rtsp://10.0.0.7/live?x=1@2"),
        ("rtsp://anna:s3#c/r?e@t@10.0.0.7:554/live", "rtsp://10.0.0.7:554/live"),
        ("rtsp://anna:123?4=@10.0.0.7:554/live", "rtsp://10.0.0.7:554/live"),
        ("rtsp://anna:p@ss/word@cam.example.org/live", "rtsp://cam.example.org/live"),
        ("rtsp://anna:12/34@10.0.0.7/live", "rtsp://10.0.0.7/live"),
        ("rtsp://anna:a b c@10.0.0.7/live", "rtsp://10.0.0.7/live"),
        ("rtsp://anna:a%2Fb@[fe80::1]:554/live", "rtsp://[fe80::1]:554/live"),
        ("http://anna@camera/video", "http://camera/video"),
        ("http://anna:@camera/video", "http://camera/video"),
        ("http://anna:x#y@camera/video", "http://camera/video"),
        ("http://camera:8080/video?mail=a@b.org", "http://camera:8080/video?mail=a@b.org"),
        ("http://10.0.0.7/@home/video", "http://10.0.0.7/@home/video"),
        (
            "http://c/v.cgi?loginuse=admin&loginpas=abc&resolution=32",
            "http://c/v.cgi?loginuse=***&loginpas=***&resolution=32",
        ),
        ("http://c/v?user=admin&pwd=a#b/c?d&x=1", "http://c/v?user=***&pwd=***&x=1"),
        ("http://c/v?x=1;pwd=abc;y=2", "http://c/v?x=1;pwd=***;y=2"),
        ("http://c/v?access_token=eyJ_ab=&n=1#api_key=1234", "http://c/v?access_token=***&n=1#api_key=***"),
        ("http://c/v#token=abc", "http://c/v#token=***"),
        (
            "https://b.s3.amazonaws.com/a.mp4?X-Amz-Date=20260101&X-Amz-Credential=AK/1&X-Amz-Signature=ab12",
            "https://b.s3.amazonaws.com/a.mp4?X-Amz-Date=20260101&X-Amz-Credential=***&X-Amz-Signature=***",
        ),
        ("https://a.blob/x.mp4?sv=2022&sig=ab%2Fcd%3D", "https://a.blob/x.mp4?sv=2022&sig=***"),
        ("http://c/v?p%61ss=abc", "http://c/v?p%61ss=***"),
        (
            "rtsp://10.0.0.7:554/user=admin_password=a/b_c?d_channel=1_stream=0.sdp?real_stream",
            "rtsp://10.0.0.7:554/user=***_password=***_channel=1_stream=0.sdp?real_stream",
        ),
        (
            "rtsp://10.0.0.7/user=admin&password=abc&channel=1&stream=0.sdp?",
            "rtsp://10.0.0.7/user=***&password=***&channel=1&stream=0.sdp?",
        ),
        ("http://c/live/token/abcdef/index.m3u8", "http://c/live/token/***/index.m3u8"),
        ("http://proxy:80/?url=rtsp://u:geheim@10.0.0.7/", "http://proxy:80/?url=rtsp://10.0.0.7/"),
        (
            "http://proxy/?url=rtsp%3A%2F%2Fu%3Ageheim%4010.0.0.7%2F&a=1",
            "http://proxy/?url=rtsp%3A%2F%2F10.0.0.7%2F&a=1",
        ),
        ("http:/anna:geheim@10.0.0.7/video", "http:/10.0.0.7/video"),  # as a path is written
        ("anna:geheim@10.0.0.7/video", "10.0.0.7/video"),
        ("http://c/v?jpg=eyJhbGciOi.eyJzdWIiOi.SflKxwRJ", "http://c/v?jpg=***"),
        (
            "rtsp://10.0.0.7:554/cam/realmonitor?channel=1&subtype=0",
            "rtsp://10.0.0.7:554/cam/realmonitor?channel=1&subtype=0",
        ),
        ("http://10.0.0.7:8080/video?640x480", "http://10.0.0.7:8080/video?640x480"),
        ("photos/me@home.jpg", "photos/me@home.jpg"),
        ("rtsp://anna:0/?0=@10.0.0.7/live", "rtsp://10.0.0.7/live"),  # no port is 0
        ("demo", "demo"),
    ],
)
def test_an_address_is_shown_without_what_is_secret_in_it(address: str, shown: str) -> None:
    assert shown_address(address) == shown
    assert shown_address(shown) == shown


@given(password=PASSWORDS, encoded=st.booleans(), scheme=st.sampled_from(["rtsp", "http", "rtmp"]))
@settings(max_examples=300, deadline=None)
def test_no_password_is_shown_and_ffmpeg_gets_it_whole(password: str, encoded: bool, scheme: str) -> None:
    typed = quote(password, safe="") if encoded else password
    address = f"{scheme}://anna:{typed}@10.11.12.13:554/live"
    shown = shown_address(address)
    assert shown == f"{scheme}://10.11.12.13:554/live"
    # `anna:554/?mail=a@10.0.0.7`, `anna:p@host/?mail=a@10.0.0.7`: nothing tells such a password from a port or a host,
    # a path and a value.
    assume(not re.match(r"(?:[1-9]\d{0,4}|[^/?#]*@[\w.\-]+(?::\d*)?)?/[^?]*\?[\w.\-]+=", typed))
    opened = urlsplit(opened_address(address))
    assert (opened.hostname, opened.port, opened.path) == ("10.11.12.13", 554, "/live")
    assert unquote(opened.password or "") == (
        unquote(typed) if "%" in typed and _is_encoded(typed) else typed
    )
    assert credentials_of(address) == ("anna", unquote(opened.password or ""))
    assert host_of(address) == "10.11.12.13"


@pytest.mark.parametrize(
    ("address", "credentials", "opened"),
    [
        ("rtsp://anna:?0=@10.0.0.7/live", ("anna", "?0="), "rtsp://anna:%3F0=@10.0.0.7/live"),
        ("rtsp://anna:#a=b@10.0.0.7/live", ("anna", "#a=b"), "rtsp://anna:%23a=b@10.0.0.7/live"),
        ("rtsp://anna:1?000=@10.0.0.7/live", ("anna", "1?000="), "rtsp://anna:1%3F000=@10.0.0.7/live"),
        ("rtsp://anna:1?a=b@10.0.0.7:554", ("anna", "1?a=b"), "rtsp://anna:1%3Fa=b@10.0.0.7:554"),
        ("http://camera:80?mail=a@b.com", None, "http://camera:80?mail=a@b.com"),
        ("http://camera:/live?mail=a@10.0.0.7", None, "http://camera:/live?mail=a@10.0.0.7"),
    ],
)
def test_after_a_colon_without_a_port_and_a_path_comes_a_password(
    address: str, credentials: tuple[str, str] | None, opened: str
) -> None:
    assert credentials_of(address) == credentials
    assert opened_address(address) == opened


def _is_encoded(text: str) -> bool:
    pieces = text.split("%")[1:]
    return all(len(piece) >= 2 and set(piece[:2]) <= set(string.hexdigits) for piece in pieces)


@given(
    name=st.sampled_from(
        ["pwd", "pass", "password", "token", "access_token", "key", "api_key", "auth", "sig", "signature"]
        + ["secret", "session", "X-Amz-Signature", "PASSWD", "streamKey", "_sid", "usr_pwd"]
    ),
    value=st.text(string.ascii_letters + string.digits + "#/?@:%=+,!_-.~", min_size=1, max_size=20),
    after=st.sampled_from(["", "&channel=1"]),
)
@settings(max_examples=300, deadline=None)
def test_no_value_that_a_name_calls_secret_is_shown(name: str, value: str, after: str) -> None:
    assert shown_address(f"http://10.0.0.7/video?x=1&{name}={value}{after}") == (
        f"http://10.0.0.7/video?x=1&{name}=***{after}"
    )


def test_a_long_address_is_shown_at_once() -> None:
    for piece in ("@", "a=", "/user=", "://", "_password=", "eyJa.", "%3A%2F%2F", "ab://", "___", "ab://x@"):
        shown_address("http://" + piece * 3000)


def test_every_address_in_a_text_is_shown_without_its_secrets() -> None:
    text = "[Errno 111] Connection refused: 'http://u:geheim@127.0.0.1:9/x?pwd=abc', see https://keras.io."
    assert without_secrets(text) == (
        "[Errno 111] Connection refused: 'http://127.0.0.1:9/x?pwd=***', see https://keras.io."
    )


def test_the_parts_of_a_remembered_address_are_found_in_any_text() -> None:
    remember_address("rtsp://anna:tü ck/isch@10.0.0.7/live")
    assert without_secrets("header tü ck/isch or t%C3%BC%20ck%2Fisch") == "header *** or ***"
    assert without_secrets("no rtsp://anna:tü ck/isch@10.0.0.7/live here") == "no rtsp://10.0.0.7/live here"


def test_a_password_that_is_a_usual_word_leaves_the_program_its_words() -> None:
    remember_address("rtsp://anna:video@10.0.0.8/live?token=snap")
    assert without_secrets("video snapshot of rtsp://anna:video@10.0.0.8/live?token=snap, snap") == (
        "video snapshot of rtsp://10.0.0.8/live?token=***, ***"
    )


def test_a_log_with_a_traceback_hides_secrets() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(SecretsHidden("%(message)s"))
    log = logging.Logger("net")
    log.addHandler(handler)
    try:
        raise OSError("refused: 'http://u:geheim@h.org/'")
    except OSError:
        log.exception("at %s", "rtsp://u:geheim@10.0.0.7/")
    assert "geheim" not in stream.getvalue()
    assert stream.getvalue().startswith("at rtsp://10.0.0.7/\nTraceback")


def test_an_address_to_type_has_a_place_for_user_and_password_and_is_shown_as_it_is() -> None:
    typed = address_to_type("http://anna:p#/?@@10.0.0.7:8080/video?token=abcd")
    assert typed == "http://USER:PASSWORD@10.0.0.7:8080/video?token=***"
    assert without_secrets(f"give {typed}.") == f"give {typed}."
    assert address_to_type("http://10.0.0.7/video") == "http://10.0.0.7/video"
    assert shown_address("http://USER:geheim@10.0.0.7/video") == "http://10.0.0.7/video"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("http://10.0.0.7/cat%20%231.jpg", "http://10.0.0.7/cat #1.jpg"),
        ("http://10.0.0.7/why%3F.jpg?size=2%20x", "http://10.0.0.7/why?.jpg?size=2 x"),
        ("http://10.0.0.7/K%C3%A4se%20%E7%8C%AB.png", "http://10.0.0.7/Käse 猫.png"),
        ("http://10.0.0.7/100%25.jpg", "http://10.0.0.7/100%.jpg"),
        ("http://10.0.0.7/plain.jpg", "http://10.0.0.7/plain.jpg"),
        ("http://10.0.0.7/latin%E9.jpg", "http://10.0.0.7/latin%E9.jpg"),
        ("http://10.0.0.7/line%0Abreak.jpg", "http://10.0.0.7/line\\nbreak.jpg"),
        ("http://10.0.0.7/cat%40home.org/a.jpg", "http://10.0.0.7/cat@home.org/a.jpg"),
        ("http://anna:p%23w@10.0.0.7/a%20b.jpg?token=x%20y", "http://10.0.0.7/a b.jpg?token=***"),
    ],
)
def test_a_name_is_decoded_and_holds_no_secret(address: str, name: str) -> None:
    assert address_name(address) == name


@given(PASSWORDS, st.text(string.ascii_letters + "#?@:% /äß中", max_size=12))
@settings(max_examples=200, deadline=None)
def test_a_name_never_holds_a_password(password: str, path: str) -> None:
    address = f"http://anna:{quote(password, safe='')}@10.0.0.7/{quote(path, safe='')}"
    assert password not in address_name(address).removeprefix("http://10.0.0.7/") or password in path


def test_a_percent_sign_that_encodes_nothing_is_asked_for_as_one() -> None:
    assert opened_address("http://10.0.0.7/100%.jpg") == "http://10.0.0.7/100%25.jpg"
    assert opened_address("http://10.0.0.7/a%20b.jpg") == "http://10.0.0.7/a%20b.jpg"
