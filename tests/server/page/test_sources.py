"""Where the page's picture comes from: what is sent while it is frozen, goes on, or becomes another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import av
import numpy as np
import pytest
from browser import (
    FAULTS,
    canvas_pixels,
    chromium,
    close_page,
    new_page,
    of_page,
    until,
    until_page,
    write_camera,
)
from browser import start_camera as start_page
from playwright.sync_api import Browser, Page, Playwright, WebSocket, expect
from served import Served, jpeg, small_service

from live_gradcam.frame import Pixels
from live_gradcam.sources.demo.demo import DemoSource

pytest_plugins = ["page_fixtures"]

STEP = 8
"""Grey levels from one frame of the camera and of the clip to the next."""


def grey(level: int, size: tuple[int, int] = (320, 240)) -> Pixels:
    return np.full((size[1], size[0], 3), level, np.uint8)


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pretend camera shows: grey that grows lighter from frame to frame."""
    path = tmp_path_factory.mktemp("camera") / "grey.y4m"
    return write_camera(path, [grey(level) for level in range(16, 240, STEP)], fps=30)


@pytest.fixture(scope="module")
def browser_of_two_cameras(playwright: Playwright) -> Iterator[Browser]:
    """A browser with two pretend cameras of Chromium's own: each a picture that moves."""
    with chromium(playwright, cameras=2) as browser:
        yield browser


@pytest.fixture
def of_two_cameras(browser_of_two_cameras: Browser) -> Iterator[Page]:
    page = new_page(browser_of_two_cameras)
    yield page
    close_page(page)


@pytest.fixture(scope="module")
def with_camera() -> Iterator[Served]:
    """A server with a camera of its own."""
    with Served(small_service(), source=lambda: DemoSource(live=True, size=(320, 180), fps=20)) as served:
        yield served


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of grey that grows lighter."""
    path = tmp_path_factory.mktemp("clip") / "clip.webm"
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libvpx", 10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for level in range(16, 240, STEP):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(grey(level), "bgr24")))
        film.mux(stream.encode())
    return path


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own, for fingers too: what it sends is counted from its first frame."""
    page = new_page(browser, has_touch=True)
    yield page
    close_page(page)


class Sent:
    """The grey levels of the frames that a page sends."""

    def __init__(self, page: Page) -> None:
        self.levels: list[float] = []
        self.pictures: set[bytes] = set()
        page.on("websocket", self._listen)

    def _listen(self, websocket: WebSocket) -> None:
        websocket.on("framesent", self._take)

    def _take(self, payload: str | bytes) -> None:
        if isinstance(payload, bytes):
            picture = cv2.imdecode(np.frombuffer(payload[4:], np.uint8), cv2.IMREAD_COLOR)
            assert picture is not None
            self.levels.append(float(picture.mean()))
            self.pictures.add(payload[4:])

    def until_they_change(self, page: Page) -> None:
        """Wait until five frames more are sent that differ."""
        self.pictures.clear()
        deadline = time.monotonic() + 20
        while len(self.pictures) < 5:
            assert time.monotonic() < deadline, "the pictures that are sent stay the same"
            page.wait_for_timeout(50)


def start_camera(page: Page, served: Served) -> Sent:
    sent = Sent(page)
    start_page(page, served.url())
    return sent


def open_clip(page: Page, served: Served, clip: Path) -> Sent:
    sent = Sent(page)
    page.goto(served.url())
    until(page, "!document.querySelector('#choose').disabled")
    page.set_input_files("#file", clip)
    until_page(page, "page.answer !== null")
    return sent


# Freeze and go on


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("camera", ""),
        *(
            pytest.param(kind, keys, marks=pytest.mark.screens)
            for kind, keys in (
                ("camera", "vvvvvf"),
                ("camera", "v"),
                ("camera", "m"),
                ("video", "vfm"),
                ("video", ""),
                ("video", "vvvvv"),
            )
        ),
    ],
)
def test_frozen_one_picture_is_sent_whatever_is_done_and_then_it_goes_on(
    page: Page, served: Served, clip: Path, kind: str, keys: str
) -> None:
    sent = start_camera(page, served) if kind == "camera" else open_clip(page, served, clip)
    sent.until_they_change(page)
    page.keyboard.press(" ")
    until_page(page, "page.answered === page.still")
    sent.levels.clear()
    for key in [*keys, "2"]:
        page.keyboard.press(key)
    until_page(page, "page.answered === page.still && page.answer.ask === page.connection.asked")
    shown = of_page(
        page, "page.grid.drawable.getContext('2d').getImageData(160, 120, 1, 1).data[0]"
    )  # of the frozen canvas
    page.wait_for_timeout(400)
    assert sent.levels
    assert sent.levels == pytest.approx([shown] * len(sent.levels), abs=2)
    page.keyboard.press(" ")
    sent.until_they_change(page)
    assert of_page(page, "!page.source.element.paused && page.grid.frozen === null")


def test_a_video_goes_on_where_it_was_frozen(page: Page, served: Served, clip: Path) -> None:
    open_clip(page, served, clip)
    page.keyboard.press(" ")
    at = of_page(page, "page.source.element.currentTime")
    page.wait_for_timeout(300)
    assert of_page(page, "page.source.element.currentTime") == at


@pytest.mark.screens
def test_a_camera_goes_on_through_every_view_and_in_full_screen(page: Page, served: Served) -> None:
    sent = start_camera(page, served)
    for key in "vvfvvvf":
        page.keyboard.press(key)
        sent.until_they_change(page)


def test_the_frozen_picture_is_the_one_that_is_explained_not_an_answer_that_was_under_way(
    page: Page, served: Served
) -> None:
    start_camera(page, served)
    before = of_page(page, "(page.freeze(true), [page.connection.number, page.answered])")
    assert before[1] == ""
    until_page(page, "page.answered === page.still")
    assert of_page(page, "page.answer.frame") >= before[0]


# Cameras


@pytest.mark.screens
def test_cameras_are_switched_live_and_frozen_one_open_at_a_time(
    of_two_cameras: Page, served: Served
) -> None:
    page = of_two_cameras
    sent = start_camera(page, served)
    devices = page.evaluate("[...document.querySelector('#cameras').options].map((each) => each.value)")
    assert len(devices) == 2
    for frozen in (False, True):
        if frozen:
            page.keyboard.press(" ")
        first = of_page(page, "(globalThis.former = page.source, page.source.deviceId)")
        other = next(each for each in devices if each != first)
        page.select_option("#cameras", other)
        until_page(page, f"page.source.deviceId === '{other}' && page.grid.frozen === null")
        assert page.evaluate("former.gone && former.element.srcObject === null")
        sent.until_they_change(page)


@pytest.mark.screens
def test_where_another_camera_cannot_be_opened_the_former_one_goes_on_and_the_page_says_why(
    of_two_cameras: Page, served: Served
) -> None:
    page = of_two_cameras
    sent = start_camera(page, served)
    page.evaluate(
        """() => {
            const { mediaDevices } = navigator, open = mediaDevices.getUserMedia.bind(mediaDevices);
            const first = document.querySelector('#cameras').value;
            mediaDevices.getUserMedia = (wanted) => wanted.video.deviceId.exact === first
              ? open(wanted) : Promise.reject(new DOMException('busy', 'NotReadableError'));
        }"""
    )
    first = page.input_value("#cameras")
    devices = page.evaluate("[...document.querySelector('#cameras').options].map((each) => each.value)")
    page.select_option("#cameras", next(each for each in devices if each != first))
    expect(page.locator("#notice")).to_contain_text("The camera is in use by another program.")
    sent.until_they_change(page)
    assert page.input_value("#cameras") == first


# Files


@pytest.mark.screens
def test_a_file_is_opened_by_touch_while_the_camera_runs_and_the_camera_is_had_back(
    page: Page, served: Served, tmp_path: Path
) -> None:
    sent = start_camera(page, served)
    (tmp_path / "grey.png").write_bytes(jpeg(grey(100), ".png"))
    with page.expect_file_chooser() as chooser:
        page.locator("#open").tap()
    chooser.value.set_files(tmp_path / "grey.png")
    until_page(page, "page.source.name === 'grey.png' && page.answered === page.still")
    assert sent.levels[-1] == pytest.approx(100, abs=2)
    assert page.locator("#cameras option:checked").inner_text() == "grey.png"
    page.select_option("#cameras", index=1)
    sent.until_they_change(page)


# The server's camera


def test_the_servers_own_camera_is_shown_with_every_control(page: Page, with_camera: Served) -> None:
    page.goto(with_camera.url())
    until_page(page, "page.answer !== null && page.grid.size[0] === 320")
    answered = of_page(page, "page.answer.frame")
    until_page(page, f"page.answer.frame > {answered + 5}")
    page.keyboard.press("m")
    until_page(page, "page.answer.maps[0].method === 'gradcam++'")
    assert page.evaluate("document.querySelector('.media').tagName") == "CANVAS"
    assert canvas_pixels(page, ".media")[..., :3].std() > 10


def test_the_servers_camera_is_had_back_after_a_file(page: Page, with_camera: Served, tmp_path: Path) -> None:
    (tmp_path / "grey.png").write_bytes(jpeg(grey(100), ".png"))
    page.goto(with_camera.url())
    until_page(page, "page.answer !== null && page.source.remote")
    page.set_input_files("#file", tmp_path / "grey.png")
    until_page(page, "page.source.name === 'grey.png' && page.answered === page.still")
    page.select_option("#cameras", "the server's camera")
    frame = of_page(page, "page.answer.frame")
    until_page(page, f"page.source.remote && page.answer.frame > {frame + 3}")


def test_the_servers_annotated_picture_is_shown_in_a_tab_and_refused_to_other_sites_pages(
    page: Page, with_camera: Served
) -> None:
    other = f'<img src="{with_camera.url("/video.mjpg")}">'
    page.route("http://127.0.0.1:9/", lambda route: route.fulfill(content_type="text/html", body=other))
    page.goto("http://127.0.0.1:9/")  # another port of the same machine
    until(page, "document.images[0].complete")
    assert with_camera.get("/video.mjpg", Sec_Fetch_Site="same-site").status == 403
    assert page.evaluate("document.images[0].naturalWidth") == 0
    page.goto(with_camera.url("/video.mjpg"), wait_until="commit")
    until(page, "document.images[0]?.naturalWidth === 320")
    page.goto("about:blank")
    assert any("video.mjpg" in fault for fault in FAULTS[page])
    FAULTS[page].clear()


# Which of several files is shown

SLOW = """
const decode = createImageBitmap;
window.createImageBitmap = async (...given) => {
  const bitmap = await decode(...given);
  if (given[0].name === 'slow.png') {
    await new Promise((done) => setTimeout(done, 500));
    setTimeout(() => (window.decoded = (window.decoded ?? 0) + 1), 50);
  }
  return bitmap;
};
"""
"""A picture that takes long to be decoded."""


@pytest.mark.screens
def test_the_file_that_was_chosen_last_is_shown_not_the_one_that_was_decoded_last(
    page: Page, served: Served, tmp_path: Path
) -> None:
    page.add_init_script(SLOW)
    for name in ("slow.png", "quick.png"):
        (tmp_path / name).write_bytes(jpeg(grey(100), ".png"))
    sent = start_camera(page, served)
    page.set_input_files("#file", tmp_path / "slow.png")
    page.set_input_files("#file", tmp_path / "quick.png")
    until_page(page, "page.source.name === 'quick.png' && page.answered === page.still")
    until(page, "window.decoded === 1")
    assert of_page(page, "page.source.name") == "quick.png"
    page.set_input_files("#file", tmp_path / "slow.png")
    page.select_option("#cameras", index=1)  # a camera, chosen after it
    sent.until_they_change(page)
    until(page, "window.decoded === 2")
    assert of_page(page, "page.source.isCamera")


@pytest.mark.screens
@pytest.mark.parametrize("size", [(65500, 1), (1, 65500), (900, 3)])
def test_a_picture_that_is_too_narrow_to_be_shown_is_told(
    page: Page, served: Served, tmp_path: Path, size: tuple[int, int]
) -> None:
    sent = start_camera(page, served)
    (tmp_path / "line.png").write_bytes(jpeg(grey(100, size), ".png"))
    page.set_input_files("#file", tmp_path / "line.png")
    long, short = ("wide", "high") if size[0] > size[1] else ("high", "wide")
    expect(page.locator("#notice")).to_have_text(
        f"line.png has {size[0]}×{size[1]} pixels: it is too narrow to be shown. Cut out a part that is at most "
        f"64 times as {long} as it is {short}."
    )
    sent.until_they_change(page)


@pytest.mark.screens
def test_a_file_of_which_nothing_is_known_is_tried_as_a_picture_and_as_a_video(
    page: Page, served: Served, clip: Path, tmp_path: Path
) -> None:
    open_clip(page, served, clip)
    (tmp_path / "clip").write_bytes(clip.read_bytes())
    page.set_input_files("#file", tmp_path / "clip")
    until_page(page, "page.source.name === 'clip' && page.source.live")
    (tmp_path / "text").write_text("no picture")
    page.set_input_files("#file", tmp_path / "text")
    expect(page.locator("#notice")).to_have_text("text is no picture that the browser can show.")
    assert of_page(page, "page.source.name") == "clip"


# A scene that becomes another

TWO_SCENES = """
const canvas = document.createElement('canvas');
Object.assign(canvas, { width: 640, height: 360 });
const context = canvas.getContext('2d');
window.scene = 'cat';
setInterval(() => {
  const cat = window.scene === 'cat';
  context.fillStyle = cat ? '#d8c8a0' : '#203040';
  context.fillRect(0, 0, 640, 360);
  context.fillStyle = cat ? '#503010' : '#e0e0f0';
  if (cat) context.fillRect(180, 60, 200, 240);
  else for (let x = 0; x < 640; x += 160) context.fillRect(x, 40 + x / 4, 80, 100);
  context.fillRect(Math.random() * 4, 0, 2, 2);
}, 30);
navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(30);
"""
"""A camera that looks at one of two things."""


@pytest.mark.screens
@pytest.mark.parametrize("view", ["one", "methods"])
def test_heat_and_words_of_a_scene_that_is_gone_fade_and_come_back_with_it_or_with_the_next_answer(
    page: Page, served: Served, view: str
) -> None:
    page.add_init_script(TWO_SCENES)
    start_camera(page, served)
    page.keyboard.press("1")
    if view == "methods":
        of_page(page, "page.setView('methods')")
    until_page(
        page,
        "page.answer.ask === page.connection.asked && page.grid.panes.every((p) => p.smoothing.opacity > 0.95)",
    )
    of_page(
        page,
        "Object.defineProperty(page.connection, 'ready', { get: () => globalThis.on, configurable: true })",
    )
    page.wait_for_timeout(600)
    assert of_page(
        page, "page.grid.panes.every((pane) => pane.smoothing.opacity > 0.95)"
    )  # late, but the same scene
    shown = "Number(getComputedStyle(document.querySelector('#plate')).opacity)"
    assert page.evaluate(shown) == 1
    page.evaluate("scene = 'mug'")
    until_page(page, "page.grid.panes.every((pane) => pane.smoothing.opacity < 0.05)")
    until(page, f"{shown} === 0")
    expect(page.locator("#notice")).to_have_text("looking …")
    target = of_page(page, "page.target")
    page.keyboard.press("3")
    assert of_page(page, "page.target") == target  # no row stands there
    page.evaluate("scene = 'cat'")
    until_page(page, "page.grid.panes.every((pane) => pane.smoothing.opacity > 0.95)")
    page.evaluate("scene = 'mug'")
    until(page, f"{shown} === 0")
    page.evaluate("on = true")
    until(page, f"{shown} === 1")
    expect(page.locator("#notice")).to_have_text("")


def test_heat_of_another_part_or_another_picture_is_never_stretched_into_the_new_one(
    page: Page, served: Served, tmp_path: Path
) -> None:
    start_camera(page, served)
    heat = "page.grid.panes[0].smoothing"
    until_page(page, f"{heat}.shown !== null")
    assert of_page(page, f"(page.setArea([0.5, 0.1, 0.9, 0.8]), {heat}.shown)") is None
    until_page(page, f"{heat}.shown !== null")
    left, _, right, _ = of_page(page, "page.grid.panes[0].region")
    assert 0.49 < left < right < 0.91  # an answer about the whole picture, which was under way, was not taken
    (tmp_path / "tall.png").write_bytes(jpeg(grey(100, (200, 400)), ".png"))
    page.evaluate(
        """async () => {
            const { page } = await import('/page/main.js'), use = page.use.bind(page);
            page.use = (source) => (use(source), (globalThis.dropped = page.grid.panes[0].smoothing.shown === null),
              (globalThis.faded = document.querySelector('#plate').classList.contains('old')));
        }"""
    )
    page.set_input_files("#file", tmp_path / "tall.png")
    until_page(page, "page.source.name === 'tall.png' && page.answered === page.still")
    assert page.evaluate("dropped && faded")
    assert page.evaluate("!document.querySelector('#plate').classList.contains('old')")


SLOW_ANSWERS = """
const { exchange, grid, connection } = page, take = exchange.take.bind(exchange), { listener } = connection;
const answer = listener.answer;
listener.answer = (...given) => setTimeout(() => answer(...given), 400);
Object.assign(globalThis, { wrong: [], shownAreas: new Set(), latest: exchange.shown });
exchange.take = async (answer, memory) => {
  const before = grid.panes[0].smoothing.goal;
  await take(answer, memory);
  if (grid.panes[0].smoothing.goal !== before) globalThis.latest = memory.shown;
};
const look = () => {
  const { smoothing, region } = grid.panes[0];
  if (smoothing.shown !== null && smoothing.opacity > 0.01) {
    const area = (shown) => shown.split('|')[1];
    if (area(latest) !== area(exchange.shown)) wrong.push([latest, exchange.shown]);
    if (region.some((edge, i) => Math.abs(edge - page.region()[i]) > 0.011)) wrong.push([region, page.region()]);
    shownAreas.add(exchange.shown);
  }
  requestAnimationFrame(look);
};
look();
"""
"""Answers that come late; each picture on the screen is looked at: whose heat is it?"""


def test_while_answers_come_late_no_heat_is_ever_seen_on_a_part_that_it_is_not_about(
    page: Page, served: Served
) -> None:
    start_camera(page, served)
    page.evaluate(f"async () => {{ const {{ page }} = await import('/page/main.js'); {SLOW_ANSWERS} }}")
    box = page.locator(".frame").bounding_box()
    assert box is not None
    corners = [(0.1, 0.1, 0.6, 0.6), (0.4, 0.2, 0.9, 0.9), (0.2, 0.3, 0.5, 0.8), (0.1, 0.1, 0.9, 0.5)]
    for number, (left, top, right, bottom) in enumerate(corners):
        page.mouse.move(box["x"] + left * box["width"], box["y"] + top * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + right * box["width"], box["y"] + bottom * box["height"], steps=3)
        page.mouse.up()
        if number == 2:
            page.keyboard.press(" ")
        if number != 1:  # it is drawn again before any answer comes
            until_page(page, "shownAreas.has(page.exchange.shown)")
    page.keyboard.press(" ")
    page.keyboard.press("a")
    until_page(page, "shownAreas.has(page.exchange.shown)")
    assert page.evaluate("wrong") == []
    assert page.evaluate("shownAreas.size") >= 5


def test_answers_to_the_question_of_before_leave_no_older_heat_in_the_other_panes(
    page: Page, served: Served
) -> None:
    page.add_init_script(TWO_SCENES)
    start_camera(page, served)
    of_page(page, "page.setView('methods')")
    until_page(page, "page.answer.maps.length === 4 && page.grid.panes.every((pane) => pane.smoothing.shown)")
    left = of_page(
        page,
        "(page.grid.explained({ ...page.answer, maps: page.answer.maps.slice(0, 1) },"
        " { regions: [page.grid.panes[0].region], things: [null], captions: ['gradcam'] }, 0),"
        " page.grid.panes.map((pane) => pane.smoothing.shown !== null))",
    )
    assert left == [True, False, False, False]
