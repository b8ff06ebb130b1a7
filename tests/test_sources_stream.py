from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clips import index_of, write_clip
from fakes import MjpegServer

from live_gradcam.errors import SourceError
from live_gradcam.sources.opening import open_source
from live_gradcam.sources.stream import StreamSource, without_password


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


def test_a_stream_that_the_server_ends_is_the_end_of_the_iteration(server: MjpegServer) -> None:
    with StreamSource(server.url("/short")) as source:
        indices = [frame.index for frame in source]
    assert indices[-1] == source.frames_captured - 1
    assert 15 <= source.frames_captured <= 20


def test_a_stream_that_falls_silent_is_an_error_after_its_timeout(server: MjpegServer) -> None:
    url = server.url("/stalling")
    with StreamSource(url, read_timeout=1.0) as source, pytest.raises(SourceError) as error:
        for _ in source:
            pass
    assert str(error.value) == f"{url} sent nothing for 1 s. Check the network and start again."


def test_a_video_file_behind_an_address_is_played_in_full(server: MjpegServer) -> None:
    with open_source(server.url("/clip.mp4")) as source:
        assert not source.live
        assert [index_of(frame.pixels) for frame in source] == list(range(12))


def test_what_cannot_be_opened_says_why(server: MjpegServer) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}/video"
        for url, reason in (
            (server.url("/page"), "its content is no video that FFmpeg knows"),
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
    began = time.monotonic()
    with pytest.raises(SourceError) as error:
        StreamSource(url, open_timeout=1.0)
    assert time.monotonic() - began < 3
    assert str(error.value) == f"{url} could not be opened: no answer within 1 s. Check the address."


def test_a_password_is_shown_nowhere() -> None:
    assert without_password("rtsp://anna:s3cret@10.0.0.7/live?x=1@2") == "rtsp://10.0.0.7/live?x=1@2"
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
