from __future__ import annotations

import itertools
import logging
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clips import index_of, write_clip
from fakes import MjpegServer, Notices
from limits import at_most, within

from live_gradcam.errors import SourceError
from live_gradcam.sources.opening import open_source
from live_gradcam.sources.stream import StreamSource


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MjpegServer]:
    clip = write_clip(tmp_path_factory.mktemp("server") / "clip.mp4", [40 * i for i in range(12)])
    with MjpegServer(clip=clip.read_bytes()) as server:
        yield server


def test_a_network_camera_is_read_and_says_its_size(server: MjpegServer) -> None:
    url = server.url("/video")
    with open_source(url) as source:
        assert source.describe() == f"{url}: 320×240"
        assert len(list(itertools.islice(source, 5))) == 5


def test_a_stream_that_the_server_ends_is_opened_again(
    server: MjpegServer, caplog: pytest.LogCaptureFixture
) -> None:
    url = server.url("/short")
    with caplog.at_level(logging.WARNING), StreamSource(url) as source:
        indices = [frame.index for frame in itertools.islice(source, 45)]
        assert source.reconnects >= 1
    assert indices == sorted(set(indices))
    assert caplog.messages[0] == f"{url} ended: reconnecting"
    assert re.fullmatch(rf"{re.escape(url)} is back after \d\.\d s", caplog.messages[1])


@pytest.mark.long
def test_a_stream_that_falls_silent_is_said_to_hang_and_opened_again(
    server: MjpegServer, caplog: pytest.LogCaptureFixture
) -> None:
    url = server.url("/stalling")
    with StreamSource(url, read_timeout=1.5) as source, caplog.at_level(logging.WARNING):
        frames = iter(source)
        while source.frames_captured < 20:
            next(frames)
        fell_silent = time.monotonic()
        notices = Notices(source)
        assert within(notices.until("stream hangs, reconnecting") - fell_silent, 2)
        assert within(notices.until(None) - fell_silent, 5)
        assert source.reconnects == 1
        assert caplog.messages[0] == f"{url} sent nothing for 2 s: reconnecting"


def test_a_server_that_goes_away_is_waited_for_and_found_again() -> None:
    with MjpegServer() as server:
        port = server.port
        source = StreamSource(server.url("/video"))
        frames = iter(source)
        before = next(frames)
        assert source.notice is None
    with source:
        Notices(source).until("stream lost, reconnecting")
        assert source.reconnects == 0
        with MjpegServer(port=port):
            with at_most(2):
                after = next(frame for frame in frames if source.reconnects)
            assert after.index > before.index
            assert after.captured_at > before.captured_at
            assert source.notice is None


def test_a_stream_that_is_being_waited_for_can_be_closed() -> None:
    with MjpegServer() as server:
        source = StreamSource(server.url("/video"))
        next(iter(source))
    Notices(source).until("stream lost, reconnecting")
    with at_most(1):
        source.close()
    assert list(source) == []
    assert source.notice is None


def test_a_video_file_behind_an_address_is_played_in_full(server: MjpegServer) -> None:
    with open_source(server.url("/clip.mp4")) as source:
        assert not source.live
        assert [index_of(frame.pixels) for frame in source] == list(range(12))


def test_what_cannot_be_opened_says_why(server: MjpegServer) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}/video"
        for url, reason in (
            (server.url("/nowhere"), "the server knows no such address (404)"),
            (closed, "nothing listens there (connection refused)"),
            (closed.replace("http", "rtsp"), "nothing listens there (connection refused)"),
            ("http://no-such-host.invalid/", "the host 'no-such-host.invalid' is not known here"),
        ):
            with pytest.raises(SourceError) as error:
                open_source(url)
            assert str(error.value) == f"{url} could not be opened: {reason}. Check the address."


def test_a_file_that_the_server_does_not_have_says_so(server: MjpegServer) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.mp4 cannot be opened: the server knows no such address"):
        open_source(server.url("/nowhere.mp4"))


def test_a_server_that_never_answers_is_given_up(server: MjpegServer) -> None:
    url = server.url("/silent")
    with at_most(3), pytest.raises(SourceError) as error:
        StreamSource(url, open_timeout=1.0)
    assert str(error.value) == f"{url} could not be opened: no answer within 1 s. Check the address."


def test_a_password_is_shown_nowhere() -> None:
    with pytest.raises(SourceError) as error:
        open_source("rtsp://anna:s3cret@127.0.0.1:9/live")
    assert "s3cret" not in str(error.value)
    assert str(error.value).startswith("rtsp://127.0.0.1:9/live could not be opened: ")


def test_ffmpeg_keeps_quiet(server: MjpegServer, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for spec in (server.url("/page"), "http://127.0.0.1:9/video", str(tmp_path / "text.mp4")):
        (tmp_path / "text.mp4").write_text("no video")
        with pytest.raises(SourceError):
            open_source(spec)
    assert capfd.readouterr().err == ""
