"""A film at an http address whose index is at its end needs a server that sends any part of it."""

from __future__ import annotations

from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from websites import Answer, content, website

from live_gradcam.errors import SourceError
from live_gradcam.sources.failure_reasons import server_failure
from live_gradcam.sources.opening import open_source

FRAMES = 40


def film(path: Path, options: Mapping[str, str]) -> bytes:
    """Return a film of noise, which fills more than FFmpeg reads at once."""
    random = np.random.default_rng(0)
    with av.open(str(path), "w", options=dict(options)) as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(FRAMES):
            frame = VideoFrame.from_ndarray(random.integers(0, 255, (240, 320, 3), np.uint8), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()


@pytest.fixture(scope="module")
def index_last(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    data = film(tmp_path_factory.mktemp("film") / "film.mp4", {})
    assert data.find(b"mdat") < data.find(b"moov")
    return data


def parts(body: bytes) -> Answer:
    """Answer with the part that a Range asks for."""

    def answer(handler: BaseHTTPRequestHandler, _number: int) -> None:
        wanted = handler.headers.get("Range", "").removeprefix("bytes=")
        first, _, last = wanted.partition("-")
        begin, end = int(first or 0), int(last or len(body) - 1)
        handler.send_response(206 if wanted else 200)
        handler.send_header("Content-Type", "video/mp4")
        handler.send_header("Accept-Ranges", "bytes")
        handler.send_header("Content-Length", str(end - begin + 1))
        if wanted:
            handler.send_header("Content-Range", f"bytes {begin}-{end}/{len(body)}")
        handler.end_headers()
        handler.wfile.write(body[begin : end + 1])

    return answer


@pytest.mark.parametrize("path", ["/film.mp4", "/film"])
def test_a_film_with_its_index_at_the_end_needs_a_server_with_ranges(index_last: bytes, path: str) -> None:
    with website({path: content(index_last, "video/mp4")}) as site:
        with pytest.raises(SourceError) as refused:
            open_source(site.url(path))
        assert str(refused.value) == (
            f"{site.url(path)} has no picture that can be read: its index (the 'moov' box) is at its end, and the "
            "server sends it only from the beginning (no Range). Save it as a file and give that, or rewrite it so "
            "that it begins with its index: ffmpeg -i IN -c copy -movflags +faststart OUT"
        )
    with website({path: parts(index_last)}) as site:
        assert server_failure(site.url(path)) is None
        with open_source(site.url(path)) as source:
            assert len(list(source)) == FRAMES


def test_a_film_that_begins_with_its_index_needs_no_ranges(tmp_path: Path) -> None:
    data = film(tmp_path / "film.mp4", {"movflags": "+faststart"})
    with website({"/film.mp4": content(data, "video/mp4")}) as site:
        assert server_failure(site.url("/film.mp4")) is None
        with open_source(site.url("/film.mp4")) as source:
            assert len(list(source)) == FRAMES


def test_what_is_no_film_and_who_does_not_answer_have_another_reason() -> None:
    with website({"/page": content(b"<html>" + bytes(100), "text/html")}) as site:
        assert server_failure(site.url("/page")) is None
        assert server_failure(site.url("/missing")) is None
    assert server_failure(site.url("/page")) is None
