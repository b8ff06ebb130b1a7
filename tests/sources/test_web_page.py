"""Addresses that lead to a web page: what is said of the stream behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from fakes import MjpegServer

from live_gradcam.errors import SourceError
from live_gradcam.sources.opening import open_source
from live_gradcam.sources.web_page import page_at


@contextmanager
def phone(page: str, *streams: str, server: str = "camera", password: str | None = None) -> Iterator[str]:
    """A phone's camera app: its page, and streams at some paths; give its address without a path."""

    class Handler(BaseHTTPRequestHandler):
        server_version = server
        sys_version = ""

        def do_GET(self) -> None:
            if password is not None and self.headers.get("Authorization") != f"Basic {password}":
                self.send_error(401)
            elif self.path == "/":
                self._answer("text/html; charset=utf-8", page.encode())
            elif self.path in streams:
                self._answer("multipart/x-mixed-replace; boundary=x", b"--x\r\n")
            else:
                self.send_error(404)

        def _answer(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the terminal quiet."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join(5)


@pytest.mark.parametrize(
    ("app", "page", "server"),
    [
        ("IP Webcam", "<title>IP Webcam</title>", "nginx"),
        ("IP Webcam", "<title>camera</title>", "IP Webcam Server 0.4"),
        ("DroidCam", "<html><head><title>DroidCam</title></head></html>", "x"),
        ("IP Camera Lite", "<h1>IP Camera Lite</h1>", "x"),
    ],
)
def test_the_page_of_a_phone_app_leads_to_its_stream(app: str, page: str, server: str) -> None:
    with phone(page, "/video", server=server) as host, pytest.raises(SourceError) as error:
        open_source(f"http://{host}/")
    assert str(error.value) == (
        f"http://{host}/ could not be opened: it is a web page. "
        f"The stream of {app} is at http://{host}/video: give that."
    )


def test_an_app_whose_camera_is_not_on_is_named_all_the_same() -> None:
    with phone("<title>IP Webcam</title>") as host:
        assert page_at(f"http://{host}/", timeout=1.0) == (
            f"it is the web page of IP Webcam. Start the camera in the app and give http://{host}/video."
        )


def test_a_stream_that_is_embedded_in_a_page_is_found_there() -> None:
    page = "<p><img src='/cam/stream.cgi?x=1'><a href='http://elsewhere.invalid/video'>more</a>"
    with phone(page, "/cam/stream.cgi?x=1") as host:
        assert page_at(f"http://{host}/", timeout=1.0) == (
            f"it is a web page. The stream is at http://{host}/cam/stream.cgi?x=1: give that."
        )


def test_any_other_page_is_said_to_be_one() -> None:
    with MjpegServer() as server, pytest.raises(SourceError) as error:
        open_source(server.url("/page"))
    # The server has a stream at one of the usual places.
    assert str(error.value).endswith(f"it is a web page. The stream is at {server.url('/video')}: give that.")
    with phone("<p>hello") as host:
        assert page_at(f"http://{host}/", timeout=1.0) == (
            "it is a web page, not a stream. Give the address of the stream itself: of a phone's camera app mostly "
            f"http://{host}/video."
        )


@pytest.mark.parametrize(
    ("page", "streams", "said"),
    [
        (
            "<title>IP Webcam</title>",
            ("/video",),
            "it is a web page. The stream of IP Webcam is at {place}: give that, with your user and password.",
        ),
        (
            "<title>IP Webcam</title>",
            (),
            "it is the web page of IP Webcam. Start the camera in the app and give {place}, with your user and "
            "password.",
        ),
        (
            "<p>hello",
            (),
            "it is a web page, not a stream. Give the address of the stream itself: of a phone's camera app mostly "
            "{place}, with your user and password.",
        ),
    ],
)
def test_a_page_behind_a_password_is_asked_with_it_and_the_hint_has_a_place_for_it(
    page: str, streams: tuple[str, ...], said: str
) -> None:
    with phone(page, *streams, password="YW5uYTpwIy8/QA==") as host:  # anna:p#/?@
        place = f"http://USER:PASSWORD@{host}/video"
        found = page_at(f"http://anna:p#/?@@{host}/", timeout=1.0)
        assert found == said.format(place=place)
        assert str(SourceError(found)) == found  # the last net for secrets leaves it
        if streams:  # what is shown is what works, once it is filled in
            typed = place.replace("USER:PASSWORD", "anna:p#/?@")
            assert page_at(typed, timeout=1.0) is None


def test_what_is_no_page_is_none() -> None:
    with MjpegServer() as server:
        assert page_at(server.url("/video"), timeout=1.0) is None
        assert page_at(server.url("/nowhere"), timeout=1.0) is None
    assert page_at("http://127.0.0.1:9/", timeout=1.0) is None
    assert page_at("rtsp://127.0.0.1:9/", timeout=1.0) is None


@pytest.mark.parametrize(
    "address",
    [
        "https://www.youtube.com/watch?v=abc",
        "https://youtu.be/abc",
        "http://m.twitch.tv/someone",
        "https://vimeo.com/1",
    ],
)
def test_the_page_of_a_video_site_is_refused_without_asking_it(address: str) -> None:
    with pytest.raises(SourceError) as error:
        open_source(address)
    assert str(error.value) == (
        f"{address} is a page that plays a video, not the video. Save it as a file first, for example with yt-dlp, and "
        "give that file."
    )


@pytest.mark.parametrize(
    "address", ["10.0.0.7:8080/video", "http:/10.0.0.7/video", "anna:geheim@10.0.0.7/video"]
)
def test_an_address_without_its_beginning_is_told_how_one_begins(address: str) -> None:
    with pytest.raises(
        SourceError, match=r"there is no file '.*10\.0\.0\.7.*video'\. An address begins with"
    ) as error:
        open_source(address)
    assert "geheim" not in str(error.value)
