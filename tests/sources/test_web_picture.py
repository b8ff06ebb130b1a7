"""Pictures at http addresses: photos are fetched once and shown as files are; a camera's are asked for again."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Iterator
from email.message import Message
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import write_clip
from fakes import Notices
from limits import at_most, until
from photos import by_opencv, exif, heic, saved, scene
from PIL import Image
from websites import Answer, basic, content, digest, pictures, redirect, status, website

from live_gradcam.errors import SourceError
from live_gradcam.sources import snapshot_camera, web_picture
from live_gradcam.sources.animation import AnimationSource
from live_gradcam.sources.feed import Shot
from live_gradcam.sources.opening import open_source
from live_gradcam.sources.photo import read_picture
from live_gradcam.sources.slides import ImagesSource
from live_gradcam.sources.snapshot_camera import BETWEEN_PICTURES, SnapshotCamera, SnapshotFeed
from live_gradcam.sources.stream import StreamSource
from live_gradcam.sources.video import VideoSource
from live_gradcam.sources.web_picture import keeping_of, open_answer

JPEG = saved(scene(), "JPEG", quality=95)
DATED = {"Last_Modified": formatdate(0, usegmt=True)}
IP_WEBCAM = {
    "Server": "IP Webcam Server 0.4",
    "Cache_Control": "no-store, no-cache, must-revalidate, pre-check=0, post-check=0, max-age=0",
    "Pragma": "no-cache",
    "Expires": "-1",
}
SHOTS = tuple(saved(np.full((48, 64, 3), 40 * i, np.uint8), "JPEG") for i in range(1, 6))
MANY_SHOTS = tuple(saved(np.full((48, 64, 3), 4 * i, np.uint8), "JPEG") for i in range(64))
"""So many that none comes twice, however many a busy reader passes over."""


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    until(
        lambda: all(each in before or _answers(each) for each in threading.enumerate()), "the end of a thread"
    )


def _answers(thread: threading.Thread) -> bool:
    return "process_request_thread" in thread.name  # the pretended server's own


def refusal(url: str, **limits: float) -> str:
    with pytest.raises(SourceError) as error:
        open_answer(url, **limits)
    line = str(error.value)
    assert len(line) <= 400
    assert len(line.splitlines()) == 1
    return line


def test_a_photo_is_fetched_once_and_is_a_still_with_the_address_as_its_name() -> None:
    with website({"/cat.jpg": content(JPEG, headers=DATED)}) as site:
        with open_source(site.url("/cat.jpg")) as source:
            assert isinstance(source, ImagesSource)
            assert (source.live, source.single, source.notice) == (False, True, None)
            assert source.name == site.url("/cat.jpg")
            assert source.describe() == f"{site.url('/cat.jpg')}: 64×48"
            frames = list(source)
        assert [frame.media_time for frame in frames] == [0.0]
        assert site.count("/cat.jpg") == 1


KINDS = {
    "JPEG, turned": (saved(scene(), "JPEG", quality=95, exif=exif(6)), "image/jpeg"),
    "HEIC": (heic(scene()), "image/heic"),
    "HEIC, type unknown": (heic(scene()), "application/octet-stream"),
    "PNG": (saved(scene(), "PNG"), "image/png"),
    "PNG, type wrong": (saved(scene(), "PNG"), "image/jpeg"),
    "WebP": (saved(scene(), "WEBP", lossless=True), "image/webp"),
    "WebP, no type": (saved(scene(), "WEBP", lossless=True), ""),
    "AVIF": (saved(scene(), "AVIF"), "image/avif"),
    "16 bits": (by_opencv(".png", scene()[..., ::-1].astype(np.uint16) * 257), "image/png"),
    "TIFF": (saved(scene(), "TIFF"), "image/tiff"),
    "JPEG as text": (JPEG, "text/plain"),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("whole", [True, False], ids=["with its length", "without"])
def test_every_kind_of_photo_is_what_it_is_as_a_file(tmp_path: Path, name: str, whole: bool) -> None:
    body, kind = KINDS[name]
    (tmp_path / "photo").write_bytes(body)
    with (
        website({"/photo": content(body, kind, whole=whole, headers={"ETag": '"1"'})}) as site,
        open_source(site.url("/photo")) as source,
    ):
        (frame,) = source
    np.testing.assert_array_equal(frame.pixels, read_picture(tmp_path / "photo"))


@pytest.mark.parametrize(
    ("typed", "asked", "shown"),
    [
        ("/cat%20%231.png", "/cat%20%231.png", "/cat #1.png"),
        ("/why%3F.png", "/why%3F.png", "/why?.png"),
        ("/my cat.png", "/my%20cat.png", "/my cat.png"),
        ("/100%.png", "/100%25.png", "/100%.png"),
        ("/K%C3%A4se.png", "/K%C3%A4se.png", "/Käse.png"),
    ],
)
def test_an_address_is_asked_as_it_is_encoded_and_shown_decoded(typed: str, asked: str, shown: str) -> None:
    body, kind = KINDS["PNG"]
    with (
        website({asked: content(body, kind, headers=DATED)}) as site,
        open_source(site.url(typed)) as source,
    ):
        assert source.name == f"http://{site.host}{shown}"
        assert {path for path, _ in site.asked} == {asked}


def test_a_sign_that_cuts_an_address_is_told_where_the_rest_is_not_found() -> None:
    with website({}) as site, pytest.raises(SourceError, match="write %23 for it in the address"):
        open_source(site.url("/cat#1.png"))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animated_picture_is_a_film(tmp_path: Path, kind: str) -> None:
    moving = [Image.fromarray(np.full((48, 64, 3), 50 * i, np.uint8)) for i in range(4)]
    body = saved(moving[0], kind, save_all=True, append_images=moving[1:], duration=200)
    (tmp_path / "moves").write_bytes(body)
    with (
        website({"/moves.gif": content(body, f"image/{kind.lower()}", headers=DATED)}) as site,
        open_source(site.url("/moves.gif")) as source,
        AnimationSource(tmp_path / "moves") as file,
    ):
        assert isinstance(source, AnimationSource)
        assert source.name == site.url("/moves.gif")
        for frame, same in zip(source, file, strict=True):
            np.testing.assert_array_equal(frame.pixels, same.pixels)
            assert frame.media_time == same.media_time


def headers(**given: str) -> Message:
    message = Message()
    for name, value in given.items():
        message[name.replace("_", "-")] = value
    return message


@pytest.mark.parametrize(
    ("said", "keeping"),
    [
        (IP_WEBCAM, "must not be kept"),
        # thingino's image.cgi, whose ETag is another one each time
        ({"Cache_Control": "no-store", "Pragma": "no-cache", "ETag": '"1b9d"'}, "must not be kept"),
        # Axis
        ({"Cache_Control": "no-cache", "Expires": "Thu, 01 Dec 1994 16:00:00 GMT"}, "must not be kept"),
        ({"Pragma": "no-cache"}, "must not be kept"),
        ({"Cache_Control": "private, max-age=0"}, "must not be kept"),
        ({"Expires": "0"}, "must not be kept"),
        ({"Expires": formatdate(99, usegmt=True), "Date": formatdate(99, usegmt=True)}, "must not be kept"),
        # ESP32-CAM's /capture
        ({"Content_Disposition": "inline; filename=capture.jpg"}, "not told"),
        ({"Cache_Control": "public"}, "not told"),
        # nginx, Apache, Python's http.server
        (DATED, "may be kept"),
        ({"ETag": '"4a65"', "Cache_Control": "max-age=7776000"}, "may be kept"),
        ({"ETag": 'W/"4a65"', "Cache_Control": "no-cache"}, "may be kept"),
        ({"Cache_Control": "public, max-age=2592000, immutable"}, "may be kept"),
        ({"Expires": formatdate(199, usegmt=True), "Date": formatdate(99, usegmt=True)}, "may be kept"),
    ],
)
def test_whether_an_answer_may_be_kept_is_as_its_headers_say(said: dict[str, str], keeping: str) -> None:
    assert keeping_of(headers(**said)) == keeping


def test_a_camera_that_says_so_is_asked_again_and_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked_at: list[float] = []
    read = SnapshotFeed.read

    def noted(feed: SnapshotFeed) -> Shot | None:
        shot = read(feed)
        if shot is not None:
            asked_at.append(shot.captured_at - shot.waited)
        return shot

    monkeypatch.setattr(SnapshotFeed, "read", noted)
    with (
        caplog.at_level(logging.INFO),
        website({"/shot.jpg": pictures(*MANY_SHOTS, headers=IP_WEBCAM)}) as site,
        open_source(site.url("/shot.jpg")) as source,
    ):
        assert isinstance(source, SnapshotCamera)
        assert source.live
        assert source.describe() == f"{site.url('/shot.jpg')}: 64×48, a camera's single pictures"
        greys = []
        for frame in itertools.islice(source, 5):
            greys.append(int(frame.pixels.mean()))
            assert source.notice is None
        assert source.reconnects == 0
        requests = site.count("/shot.jpg")
    assert len(set(greys)) == 5
    assert len(asked_at) >= 5
    assert requests <= 1 + len(asked_at) + 1, "one to see what it is, one for each picture, and one under way"
    # By the reader's own clock: when a busy server takes a request says nothing of when it was sent.
    assert (np.diff(asked_at) >= BETWEEN_PICTURES - 0.001).all()
    assert caplog.messages == []


def test_a_camera_that_says_nothing_is_told_by_its_second_picture() -> None:
    answers = {"/capture": pictures(*SHOTS), "/cat": content(JPEG)}
    with website(answers) as site:
        with open_source(site.url("/capture")) as source:
            assert isinstance(source, SnapshotCamera)
        with open_source(site.url("/cat")) as source:
            assert isinstance(source, ImagesSource)
        assert site.count("/cat") == 2


def test_an_address_that_is_good_for_one_time_is_a_photo() -> None:
    def once(handler: BaseHTTPRequestHandler, number: int) -> None:
        (status(410) if number else content(JPEG))(handler, number)

    with website({"/once": once}) as site, open_source(site.url("/once")) as source:
        assert isinstance(source, ImagesSource)


def test_a_camera_that_fails_for_a_while_is_lost_and_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    on = threading.Event()
    on.set()

    def camera(handler: BaseHTTPRequestHandler, number: int) -> None:
        (pictures(*SHOTS, headers=IP_WEBCAM) if on.is_set() else status(503))(handler, number)

    with website({"/shot.jpg": camera}) as site, open_source(site.url("/shot.jpg")) as source:
        next(iter(source))
        on.clear()
        Notices(source).until("camera lost, reconnecting")
        on.set()
        Notices(source).until(None)
        assert source.reconnects == 1
        name = site.url("/shot.jpg")
    assert caplog.messages[0] == (
        f"{name} gives no picture: the server has an error of its own (503): reconnecting"
    )


def test_a_camera_that_takes_its_time_is_not_said_to_hang() -> None:
    def slow(handler: BaseHTTPRequestHandler, number: int) -> None:
        time.sleep(1.5 if number > 1 else 0)
        pictures(*SHOTS, headers=IP_WEBCAM)(handler, number)

    with website({"/shot.jpg": slow}) as site, open_source(site.url("/shot.jpg")) as source:
        seen = set()
        frames = iter(source)
        next(frames)
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.02):
                seen.add(source.notice)

        watcher = threading.Thread(target=watch)
        watcher.start()
        next(frames)
        done.set()
        watcher.join()
    assert seen == {None}


def test_a_camera_that_does_not_answer_any_more_can_be_closed_at_once() -> None:
    forever = threading.Event()

    def stuck(handler: BaseHTTPRequestHandler, number: int) -> None:
        if number > 1:
            forever.wait()
        pictures(*SHOTS, headers=IP_WEBCAM)(handler, number)

    with website({"/shot.jpg": stuck}) as site:
        source = open_source(site.url("/shot.jpg"))
        next(iter(source))
        while site.count("/shot.jpg") < 3:
            time.sleep(0.02)
        with at_most(0.5):
            source.close()
        assert list(source) == []
        forever.set()


def test_a_damaged_picture_of_a_camera_is_not_shown() -> None:
    torn = SHOTS[1][: len(SHOTS[1]) // 2]
    with (
        website({"/shot.jpg": pictures(SHOTS[0], SHOTS[0], torn, b"nothing", headers=IP_WEBCAM)}) as site,
        open_source(site.url("/shot.jpg")) as source,
    ):
        frames = list(itertools.islice(source, 4))
    assert [frame.damaged for frame in frames] == [False, True, True, False]
    for frame in frames[1:]:
        np.testing.assert_array_equal(frame.pixels, frames[0].pixels)


def test_a_film_without_an_ending_is_played_in_full(tmp_path: Path) -> None:
    body = write_clip(tmp_path / "clip.mp4", [40 * i for i in range(12)]).read_bytes()
    answers = {"/film": content(body, "video/mp4"), "/blob": content(body, "application/octet-stream")}
    with website(answers) as site:
        for path in answers:
            with open_source(site.url(path)) as source:
                assert isinstance(source, VideoSource)
                assert len(list(source)) == 12


def test_jpegs_without_an_end_are_a_stream() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (4, 240, 320, 3)).astype(np.uint8)
    shots = [by_opencv(".jpg", each) for each in noise]

    def row(handler: BaseHTTPRequestHandler, number: int) -> None:
        content(b"", "image/jpeg", whole=False)(handler, number)
        for shot in itertools.cycle(shots):
            handler.wfile.write(shot)
            time.sleep(0.02)

    with website({"/row": row}) as site, open_source(site.url("/row")) as source:
        assert isinstance(source, StreamSource)
        assert not isinstance(source, SnapshotCamera)
        assert len(list(itertools.islice(source, 3))) == 3


def drip(handler: BaseHTTPRequestHandler, number: int) -> None:
    content(JPEG[:300], whole=False, headers=DATED)(handler, number)
    for byte in JPEG[300:]:
        time.sleep(0.05)
        handler.wfile.write(bytes([byte]))


def hangs(_handler: BaseHTTPRequestHandler, _number: int) -> None:
    time.sleep(3)


SAVE = "Try again, or save it as a file first and give that."
CHECK = "Check the address."


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (status(404), f"the server knows no such address (404). {CHECK}"),
        (status(403), f"the server forbids it (403). {CHECK}"),
        (
            status(401),
            f"the server wants a user name and password in the address, or refuses these (401). {CHECK}",
        ),
        (status(418), f"the server refuses the request (418). {CHECK}"),
        (status(502), f"the server has an error of its own (502). {CHECK}"),
        (hangs, f"no answer within 1 s. {CHECK}"),
        (drip, f"it was not complete after 2 s. {SAVE}"),
        (redirect("/photo.jpg"), f"its redirects do not end. {CHECK}"),
        (redirect("file:///etc/passwd"), f"it leads to an address of the kind 'file:'. {CHECK}"),
        (redirect("ftp://127.0.0.1/x.jpg"), f"it leads to an address of the kind 'ftp:'. {CHECK}"),
        (
            content(JPEG, headers={"Content_Length": "250000000", **DATED}, whole=False),
            f"it has 250 MB, and 100 MB are the maximum. {SAVE}",
        ),
        (
            content(JPEG, headers={"Content_Length": str(len(JPEG) + 1000), **DATED}, whole=False),
            f"the connection broke off after {len(JPEG):,} of {len(JPEG) + 1000:,} bytes. {SAVE}",
        ),
        (
            content(b"<!doctype html><p>Not here", "text/html"),
            "it is a web page, not a photo. Open it in a browser and give the address of the photo itself, or save "
            "the photo and give the file.",
        ),
        (
            content(b"<html><p>hotlinked", "image/jpeg", headers=DATED),
            "it is a web page, not a photo. Open it in a browser and give the address of the photo itself, or save "
            "the photo and give the file.",
        ),
        (content(b'{"error": "none"}', "application/json"), f"it is text, no picture and no video. {CHECK}"),
        (content(b"", "image/jpeg", headers=DATED), None),
        (content(b"\x01\x02\x03" * 99, "image/jpeg", headers=DATED), None),
        (content(b"%PDF-1.7", "application/pdf"), None),
        (content(b"8BPS\0\1", "image/vnd.adobe.photoshop", headers=DATED), None),
    ],
    ids=lambda value: "" if value is None or callable(value) else value[:40],
)
def test_what_is_no_photo_is_told_in_one_line(answer: Answer, reason: str | None) -> None:
    with website({"/photo.jpg": answer}) as site:
        url = site.url("/photo.jpg")
        with at_most(3.5):
            line = refusal(url, timeout=1.0, limit=2.0)
    if reason is None:
        assert line.startswith(f"{url} cannot be read: ")
    else:
        assert line == f"{url} could not be opened: {reason}"


def test_an_answer_without_a_length_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_picture, "MOST_BYTES", 1_000_000)

    def endless(handler: BaseHTTPRequestHandler, number: int) -> None:
        content(saved(scene(), "PNG"), "image/png", whole=False, headers=DATED)(handler, number)
        while True:
            handler.wfile.write(bytes(65536))

    with website({"/photo.png": endless}) as site:
        line = refusal(site.url("/photo.png"))
    assert line.endswith(f"could not be opened: it is larger, and 1 MB are the maximum. {SAVE}")
    assert snapshot_camera.MOST_BYTES == 100_000_000


@pytest.mark.parametrize("way", [basic, digest])
def test_a_password_is_sent_and_shown_nowhere(way: object, caplog: pytest.LogCaptureFixture) -> None:
    assert callable(way)
    login = "anna:p#/?@ s3cret"
    answers = {
        "/cat.jpg": way(login, content(JPEG, headers=DATED)),
        "/shot.jpg": way(login, pictures(*SHOTS, headers=IP_WEBCAM)),
        "/torn.jpg": way(login, content(b"nothing", headers=DATED)),
    }
    with caplog.at_level(logging.DEBUG), website(answers) as site:
        with open_source(site.url("/cat.jpg", login)) as source:
            assert source.name == site.url("/cat.jpg")
            (frame,) = source
        assert frame.size == (64, 48)
        with open_source(site.url("/shot.jpg", login)) as source:
            assert len(list(itertools.islice(source, 2))) == 2
            assert "cret" not in source.describe()
        assert "cret" not in refusal(site.url("/torn.jpg", login))
        assert "cret" not in refusal(site.url("/cat.jpg", "anna:wrongs3cret"))
    assert "cret" not in caplog.text


def test_a_password_goes_with_a_redirect_to_the_same_server_only() -> None:
    login = "anna:s3cret"
    with website({"/cat.jpg": content(JPEG, headers=DATED)}) as other:
        answers = {
            "/a": redirect("/b"),
            "/b": basic(login, redirect(other.url("/cat.jpg"))),
        }
        with website(answers) as site, open_source(site.url("/a", login)) as source:
            assert isinstance(source, ImagesSource)
            assert [authorization is not None for _, authorization in site.asked] == [True, True]
        assert other.asked == [("/cat.jpg", None)]


def test_an_address_with_letters_of_any_script_is_asked() -> None:
    with (
        website({"/%D0%BA%D0%BE%D1%82%201.jpg?q=%C3%A9": content(JPEG, headers=DATED)}) as site,
        open_source(site.url("/кот 1.jpg?q=é")) as source,
    ):
        assert source.name == site.url("/кот 1.jpg?q=é")


def test_a_torn_photo_is_shown_as_far_as_it_goes_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    torn = saved(Image.fromarray(cv2.resize(scene(), (640, 480))), "JPEG")[:8000]
    with (
        website({"/torn.jpg": content(torn, headers=DATED)}) as site,
        open_source(site.url("/torn.jpg")) as source,
    ):
        assert source.size == (640, 480)
        assert caplog.messages == [f"{site.url('/torn.jpg')} is cut short: what is missing of it is grey"]
