"""The server's own camera: captured once, shown to many."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import cv2
import numpy as np
import pytest
from limits import at_most, until
from served import Served, read_answer, small_service

from live_gradcam.frame import Pixels
from live_gradcam.server.settings import ServerSettings
from live_gradcam.sources.demo.demo import DemoSource


def small_demo() -> DemoSource:
    return DemoSource(live=True, size=(320, 180), fps=30)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served(small_service(alpha=0.5), source=small_demo) as served:
        yield served


class Viewer:
    """Reads the MJPEG stream, as an image in a page or a player does."""

    def __init__(self, served: Served) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
        self._connection.request("GET", "/video.mjpg")
        self.reply = self._connection.getresponse()

    def picture(self) -> Pixels:
        assert self.reply.readline() == b"--frame\r\n"
        assert self.reply.readline() == b"Content-Type: image/jpeg\r\n"
        length = int(self.reply.readline().split(b":")[1])
        assert self.reply.readline() == b"\r\n"
        data = self.reply.read(length)
        assert self.reply.read(2) == b"\r\n"
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert pixels is not None
        return np.asarray(pixels, np.uint8)

    def close(self) -> None:
        self.reply.close()
        self._connection.close()


def test_several_viewers_see_the_annotated_picture(served: Served) -> None:
    viewers = [Viewer(served) for _ in range(3)]
    assert viewers[0].reply.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
    for viewer in viewers:
        pictures = [viewer.picture() for _ in range(8)]
        assert {picture.shape for picture in pictures} == {(180, 320, 3)}
        middle, margin = pictures[-1][:, 90:230], pictures[-1][:, :60]
        # Heat lies between the viewfinder's corners and not beside them: the desk is brown, no heat is.
        assert middle[..., 0].mean() > margin[..., 0].mean() + 10
    assert served.camera_stream.viewers == 3
    for viewer in viewers:
        viewer.close()
    until(lambda: not served.camera_stream.viewers)


def test_a_camera_far_longer_than_wide_ends_with_one_line() -> None:
    with Served(
        small_service(fit="wide"), source=lambda: DemoSource(live=True, size=(640, 100), fps=30)
    ) as served:
        until(lambda: served.camera_stream.error is not None)
        assert str(served.camera_stream.error) == (
            "demo cannot be shown: the picture has 640×100 pixels, and its longer side may be at most 4 times the "
            "shorter one here (--fit wide): cut out the part that matters."
        )


def test_nothing_is_drawn_while_nobody_looks(served: Served) -> None:
    explained = served.get("/metrics").body.decode().split("live_gradcam_explained_total ")[1].split("\n")[0]
    time.sleep(0.5)
    after = served.get("/metrics").body.decode().split("live_gradcam_explained_total ")[1].split("\n")[0]
    assert explained == after


def test_pages_get_the_frame_with_its_map_and_each_its_own_question(served: Served) -> None:
    with served.socket() as first, served.socket() as second:
        second.send('{"ask": 3, "methods": ["gradcam"], "targets": [2]}')
        for number in range(5):
            pictures = []
            for socket in (first, second):
                socket.send(f'{{"next": {number}}}')
            for socket in (first, second):
                answer = read_answer(socket.recv(10))
                picture = cv2.imdecode(np.frombuffer(answer.picture, np.uint8), cv2.IMREAD_COLOR)
                assert picture is not None
                assert picture.shape == (180, 320, 3)
                left, _, right, _ = answer.header["maps"][0]["region"]
                assert (left, right) == pytest.approx(((320 - 180) / 640, 1 - (320 - 180) / 640), abs=0.01)
                pictures.append(answer.header["maps"][0]["target"]["label"])
        assert pictures[1] == "blue"


def test_the_setup_names_the_camera(served: Served) -> None:
    assert served.get("/setup").json["camera"] == "demo"


def test_a_server_without_a_camera_says_so() -> None:
    with Served(small_service()) as served:
        reply = served.get("/video.mjpg")
        assert reply.status == 404
        assert reply.detail == "this server has no camera of its own: start it with --source 0."


def test_no_more_viewers_than_may_be() -> None:
    with Served(small_service(), ServerSettings(visitors=1), source=small_demo) as served:
        viewer = Viewer(served)
        viewer.picture()
        assert served.get("/video.mjpg").status == 503
        viewer.close()


def test_leaving_ends_streams_and_threads_within_a_second() -> None:
    before = set(threading.enumerate())
    served = Served(small_service(), source=small_demo)
    with ExitStack() as stack:
        stack.enter_context(served)
        viewer = Viewer(served)
        viewer.picture()
        served.wait_until_idle()
        with at_most(2):
            stack.close()
    viewer.close()
    assert [thread.name for thread in set(threading.enumerate()) - before] == []
