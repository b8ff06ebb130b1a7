"""Addresses to stream to, and their keys, which no text shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from live_gradcam.commands.settings_file import read_settings, write_settings
from live_gradcam.config import Settings
from live_gradcam.errors import SinkError
from live_gradcam.redaction import without_secrets
from live_gradcam.setting import settings_of
from live_gradcam.settings_check import refuse_typos
from live_gradcam.settings_json import as_json
from live_gradcam.stream_address import remember_stream, stream_format, stream_name, stream_of

KNOWN = {setting.name: setting for setting in settings_of(Settings).values()}


@pytest.mark.parametrize(
    ("record", "address"),
    [
        ("rtmp://host/live/key", "rtmp://host/live/key"),
        (Path("rtmp://host/live/key"), "rtmp://host/live/key"),
        ("RTMPS://host:443/app/key?a=b", "rtmps://host:443/app/key?a=b"),
        (Path("udp://127.0.0.1:5000"), "udp://127.0.0.1:5000"),
        ("out.mp4", None),
        (Path("/folder/a:b.mp4"), None),
        ("C:/shows/out.mp4", None),
        (None, None),
    ],
)
def test_an_address_is_told_from_a_file_also_as_a_path(
    record: str | Path | None, address: str | None
) -> None:
    assert stream_of(record) == address


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("rtmp://a.rtmp.youtube.com/live2/abcd-efgh-1234", "rtmp://a.rtmp.youtube.com/live2/***"),
        ("rtmps://host:443/app/key/more?token=x", "rtmps://host:443/app/***"),
        ("rtmp://ann:pass@host/app/key", "rtmp://host/app/***"),
        ("rtmp://host/app?key=secret1", "rtmp://host/app/***"),
        ("udp://127.0.0.1:5000", "udp://127.0.0.1:5000"),
    ],
)
def test_the_name_of_a_stream_has_no_key(address: str, name: str) -> None:
    assert stream_name(address) == name


def test_a_key_is_hidden_in_any_text() -> None:
    remember_stream("rtmp://host/live2/wxyz-9876?backup=1")
    assert "wxyz" not in without_secrets(
        "Error opening rtmp://host/live2/wxyz-9876?backup=1: wxyz-9876 is refused"
    )


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("http://host/live/key", "rtmp://, rtmps://, udp:// are possible, or a file to record to."),
        ("srt://host:9000", "PyAV's FFmpeg has no SRT. Send it through another FFmpeg: --record udp://"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_anything_starts(address: str, told: str) -> None:
    with pytest.raises(SinkError) as error:
        refuse_typos(Settings(record=address))
    assert str(error.value).startswith(f"cannot stream to '{address}': ")
    assert told in str(error.value)


def test_each_scheme_has_its_container() -> None:
    assert [stream_format(f"{each}://host/a/b") for each in ("rtmp", "rtmps", "udp")] == [
        "flv",
        "flv",
        "mpegts",
    ]


def test_a_settings_file_takes_an_address_as_it_is_and_is_written_without_the_key(tmp_path: Path) -> None:
    file = tmp_path / "show.toml"
    file.write_text('record = "rtmp://host/live/s3cr3t"\n')
    read = read_settings(file, KNOWN, KNOWN)
    assert read == {"record": "rtmp://host/live/s3cr3t"}
    text = write_settings(KNOWN, {"record": Path("rtmp://host/live/s3cr3t")})
    assert 'record = "rtmp://host/live/***"' in text
    assert "s3cr3t" not in text
    assert as_json(Settings(record="rtmp://host/live/s3cr3t"))["record"] == "rtmp://host/live/***"
