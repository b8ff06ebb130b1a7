"""The page in a real browser: what it shows, what its controls do, and what it does when things go wrong."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import av
import numpy as np
import pytest
from browser import (
    CUP,
    canvas_pixels,
    chromium,
    close_page,
    coffee_frame,
    in_coffee,
    levels_of,
    new_page,
    of_page,
    start_camera,
    until,
    until_page,
    write_camera,
)
from networks import headed_network
from playwright.sync_api import Browser, Page, Playwright, expect
from served import Served, jpeg, small_service
from spotting import PREPARATIONS, spot, spot_network

from live_gradcam.config import Settings
from live_gradcam.frame import Pixels
from live_gradcam.models.loading import load_model
from live_gradcam.number_format import percent_text
from live_gradcam.render.styles import paint_onto
from live_gradcam.server.service import Service
from live_gradcam.viewer_input import ACTIONS

pytest_plugins = ["page_fixtures"]

data = pytest.importorskip("skimage.data", reason="no scikit-image")


def the_coffee() -> Pixels:
    return np.asarray(data.coffee()[..., ::-1], np.uint8)


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_camera(tmp_path_factory.mktemp("camera") / "coffee.y4m", [coffee_frame(the_coffee())] * 4)


@pytest.fixture(scope="module")
def real() -> Iterator[Served]:
    service = Service(load_model("efficientnet-lite0"), Settings())
    service.start()
    with Served(service) as served:
        yield served


def until_painted(page: Page) -> None:
    """Wait until the heat has faded in, and the canvas shows it as it is chosen now."""
    until_page(
        page,
        "page.grid.panes.every(({ smoothing }) => smoothing.goalOpacity > 0"
        " && Math.abs(smoothing.opacity - smoothing.goalOpacity) < 0.02)",
    )
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def open_page(browser: Browser, served: Served, *, start: bool = True, path: str = "/") -> Page:
    page = new_page(browser)
    if start:
        start_camera(page, served.url(path))
    else:
        page.goto(served.url(path))
        until(page, "!document.querySelector('#start').disabled")
    return page


# What it shows


@pytest.mark.parametrize("heat", ["webgl", pytest.param("2d", marks=pytest.mark.screens)])
def test_pointed_at_coffee_it_says_espresso_and_the_heat_lies_on_the_cup(
    browser: Browser, real: Served, heat: str
) -> None:
    page = open_page(browser, real, path=f"/?heat={heat}")
    expect(page.locator("#label")).to_have_text("espresso")
    assert of_page(page, "page.grid.panes[0].painter.kind") == heat
    for _ in range(4):
        page.keyboard.press("t")  # heat alone: its colours can be read
    until_painted(page)
    levels = levels_of(canvas_pixels(page))
    row, column = np.unravel_index(levels.argmax(), levels.shape)
    left, top, right, bottom = of_page(page, "page.grid.panes[0].region")
    assert (left, top, right, bottom) == pytest.approx((280 / 1280, 0, 1000 / 1280, 1), abs=0.01)
    x, y = in_coffee(left + (column + 0.5) / 64 * (right - left), top + (row + 0.5) / 64 * (bottom - top))
    assert levels.max() > 240
    assert CUP[0] < x < CUP[2]
    assert CUP[1] < y < CUP[3]
    page.close()


def test_the_map_on_the_canvas_is_the_one_that_the_server_made(page: Page) -> None:
    for _ in range(4):
        page.keyboard.press("t")
    until_painted(page)
    levels = levels_of(canvas_pixels(page))
    heat, shape, peak, scale = of_page(
        page,
        "(() => { const { shown, shape, scale } = page.grid.panes[0].smoothing;"
        " return [Array.from(shown), shape, page.answer.maps[0].peak, scale]; })()",
    )
    expected = np.array(heat, np.float32).reshape(shape)
    assert peak == pytest.approx(scale, rel=0.2)
    cells = cv2.resize(levels.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA) / 255
    assert np.corrcoef(cells.ravel(), expected.ravel())[0, 1] > 0.95


@pytest.mark.screens
def test_the_heat_of_a_network_that_cuts_its_input_lies_on_what_it_saw(
    browser: Browser, tmp_path: Path
) -> None:
    network = spot_network(PREPARATIONS["Cropping2D"], (96, 160))
    service = Service(load_model(network, ["red", "blue"], preprocess="none"), Settings(fit="stretch"))
    service.start()
    (tmp_path / "spot.png").write_bytes(jpeg(spot((640, 360), (330, 250), 20), ".png"))
    with Served(service) as served:
        page = open_page(browser, served)
        page.set_input_files("#file", tmp_path / "spot.png")
        until_page(page, "page.source.name === 'spot.png' && page.answered === page.still")
        for _ in range(4):
            page.keyboard.press("t")
        until_painted(page)
        levels = levels_of(canvas_pixels(page)).astype(np.float64)
        left, top, right, bottom = of_page(page, "page.grid.panes[0].region")
        page.close()
    hot = np.where(levels > 128, levels, 0)
    x = left + (hot.sum(axis=0) @ (np.arange(64) + 0.5) / 64 / hot.sum()) * (right - left)
    y = top + (hot.sum(axis=1) @ (np.arange(64) + 0.5) / 64 / hot.sum()) * (bottom - top)
    assert (x * 640, y * 360) == pytest.approx((330, 250), abs=8)  # half a cell
    assert (left, top) == pytest.approx((20 / 160, 40 / 96), abs=0.005)


def test_every_action_of_the_one_table_has_a_handler_and_stands_in_the_help(page: Page) -> None:
    both = [action for action in ACTIONS if action.place == "both"]
    assert set(of_page(page, "Object.keys(page.controls.handlers)")) == {action.name for action in both}
    page.keyboard.press("h")
    expect(page.locator("#help")).to_be_visible()
    for action in both:
        assert action.text in page.inner_text("#help")
    page.keyboard.press("h")
    expect(page.locator("#help")).to_be_hidden()


# What each control does


def test_freeze_keeps_the_picture_and_the_controls_go_on(page: Page) -> None:
    page.keyboard.press(" ")
    assert of_page(page, "page.grid.frozen !== null")
    until_page(page, "page.answered === page.still")
    page.keyboard.press("2")
    until_page(page, "page.answer.maps[0].target.id === page.target && page.answered === page.still")
    page.keyboard.press(" ")
    assert of_page(page, "page.grid.frozen === null")


def test_methods_and_layers_are_walked(page: Page) -> None:
    page.keyboard.press("m")
    until_page(page, "page.answer.maps[0].method === 'gradcam++'")
    assert page.input_value("#methods") == "gradcam++"
    page.keyboard.press("M")
    until_page(page, "page.answer.maps[0].method === 'gradcam'")
    page.select_option("#methods", "hirescam")
    until_page(page, "page.answer.maps[0].method === 'hirescam'")
    until_page(page, "page.setup.layers.length > 0")
    page.keyboard.press("[")
    # There is one: it is asked for as none in particular.
    assert of_page(page, "page.layer") is None
    assert of_page(page, "page.usualLayer") == of_page(page, "page.setup.layers[0].path")
    expect(page.locator("#notice")).to_have_text("features  8×8×6")
    page.keyboard.press("]")
    until_page(page, "page.answer.ask === page.connection.asked")


def test_targets_are_pinned_let_go_locked_and_contrasted(page: Page) -> None:
    page.keyboard.press("2")
    second = of_page(page, "page.answer.top[1][0]")
    until_page(page, f"page.answer.maps[0].target.id === {second}")
    # The tests' network is not sure of what it sees, so the heat's class stands in place of a name.
    expect(page.locator("#label")).to_contain_text("heat for")
    expect(page.locator("#note")).to_contain_text("not sure: perhaps")
    page.keyboard.press("0")
    until_page(page, "page.answer.maps[0].target.id === page.answer.top[0][0] && page.target === null")
    page.keyboard.press("l")
    assert of_page(page, "page.target") == of_page(page, "page.answer.top[0][0]")
    page.keyboard.press("l")
    page.keyboard.press("x")
    until_page(page, "page.answer.maps[0].target.label.includes('−')")
    page.keyboard.press("x")
    until_page(page, "!page.answer.maps[0].target.label.includes('−')")
    page.click("#top li:nth-child(3) button")
    third = of_page(page, "page.target")
    until_page(page, f"page.answer.maps[0].target.id === {third}")
    expect(page.locator("#top button[aria-pressed=true]")).to_have_count(1)


def test_a_class_is_typed_and_a_wrong_one_is_told(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("blue")
    page.keyboard.press("Enter")
    blue = "page.answer.ask === page.connection.asked && page.target === page.setup.labels.indexOf('blue')"
    until_page(page, blue)
    assert of_page(page, "page.answer.maps[0].target.label") == "blue"
    page.fill("#target", "purple")
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_contain_text("unknown class 'purple'")
    until_page(page, blue)
    asked = of_page(page, "page.connection.asked")
    page.keyboard.press("/")
    page.keyboard.type("re")
    page.keyboard.press("Escape")  # what was typed and not entered is forgotten
    assert page.input_value("#target") == "blue"
    assert of_page(page, "page.connection.asked") == asked


def test_the_look_of_the_heat_changes(page: Page) -> None:
    opacity = "page.grid.look.alpha"
    before = of_page(page, opacity)
    page.keyboard.press("+")
    assert of_page(page, opacity) == pytest.approx(before + 0.05)
    page.keyboard.press("-")
    page.keyboard.press("-")
    assert of_page(page, opacity) == pytest.approx(before - 0.05)
    seen = []
    for style in ("fade", "contours", "masked", "heat", "overlay"):
        page.keyboard.press("t")
        assert of_page(page, "page.grid.look.style") == style
        until_painted(page)
        seen.append(canvas_pixels(page)[..., 3].mean())
    fade, contours, masked, heat, overlay = seen
    assert 0 < fade < 200
    assert heat == 255
    assert 0 < contours < 100
    assert overlay == pytest.approx(255 * (before - 0.05), abs=3)
    assert masked > 0
    for _ in range(4):
        page.keyboard.press("t")
    page.keyboard.press("c")
    assert of_page(page, "page.grid.look.colormap") == "turbo"
    until_painted(page)
    pixels = canvas_pixels(page)
    turbo = cv2.applyColorMap(np.arange(256, dtype=np.uint8).reshape(-1, 1), cv2.COLORMAP_TURBO)[:, 0]
    nearest = np.abs(pixels[::40, ::40, None, :3].astype(int) - turbo[None, None].astype(int)).sum(-1).min(-1)
    assert nearest.max() < 12


def test_views_stand_side_by_side(page: Page) -> None:
    for view, panes, maps in (
        ("side", 2, 1),
        ("methods", 4, 4),
        ("targets", 4, 4),
        ("proof", 3, 1),
        ("history", 1, 1),
        ("one", 1, 1),
    ):
        page.keyboard.press("v")
        assert of_page(page, "page.grid.view") == view
        expect(page.locator(".pane")).to_have_count(panes)
        until_page(page, f"page.answer.maps.length === {maps} && page.answer.ask === page.connection.asked")
    expect(page.locator("#history")).to_be_hidden()


def test_a_proof_shows_one_moment_with_its_hottest_part_alone_and_without_it(page: Page) -> None:
    page.keyboard.press("1")  # a class that was asked for is tested, however unsure the network is
    for _ in range(4):
        page.keyboard.press("v")
    until_page(page, "page.answer.test?.mask && page.answer.ask === page.connection.asked && true")
    figures = page.locator(".pane .caption strong")
    expect(figures).to_have_count(3)
    assert all(re.fullmatch(r"(\d+|<1)%", text) for text in figures.all_text_contents())
    expect(page.locator(".pane .caption").nth(1)).to_contain_text("only the hottest 30%")
    expect(page.locator(".pane .caption").nth(0)).to_contain_text("account for the answer")
    boxes = [each.bounding_box() for each in page.locator(".frame").all()]
    assert all(
        box and abs(box["width"] - box["height"]) <= 1 for box in boxes
    )  # what the network saw is square
    # The share of pixels that are as they were: in the second picture, in the third, and in one of them.
    kept, lost, either = of_page(
        page,
        "(() => {"
        " const [own, alone, without] = page.grid.panes.map(({ copy }) =>"
        " new Uint32Array(copy.getContext('2d').getImageData(0, 0, copy.width, copy.height).data.buffer));"
        " const share = (same) => own.reduce((sum, pixel, i) => sum + same(pixel, i), 0) / own.length;"
        " return [share((pixel, i) => pixel === alone[i]), share((pixel, i) => pixel === without[i]),"
        " share((pixel, i) => pixel === alone[i] || pixel === without[i])];"
        "})()",
    )
    assert 0.05 < kept < 0.5  # at most the hottest 30%, and pixels that the blur does not change
    assert lost > 0.3
    assert either > 0.7  # all, but for soft edges: the mask has 16×16 pixels
    outlines = of_page(
        page,
        "page.grid.panes.map(({ outline }) => outline.hidden ? 0 : outline.getContext('2d').getImageData("
        "0, 0, outline.width, outline.height).data.filter((level, i) => i % 4 === 3 && level > 200).length)",
    )
    assert outlines[0] > 50
    assert outlines[1:] == [0, 0]
    page.keyboard.press("p")
    until_page(page, "page.answer.test?.share === 0.4 && page.answer.ask === page.connection.asked")
    expect(page.locator(".pane .caption").nth(2)).to_contain_text("without the hottest 40%")
    of_page(page, "(page.setView('one'), 0)")
    expect(page.locator(".outline")).to_be_hidden()


def test_the_address_names_the_view_at_the_beginning(browser: Browser, served: Served) -> None:
    page = open_page(browser, served, path="/?view=proof")
    until_page(page, "page.answer.test !== null")
    assert of_page(page, "page.grid.view") == "proof"
    page.keyboard.press("v")
    page.keyboard.press("z")
    assert of_page(page, "page.grid.view") == "proof", "reset goes back to the beginning"
    close_page(page)
    page = open_page(browser, served, path="/?view=channels", start=False)
    expect(page.locator("#notice")).to_have_text(
        "There is no view channels on the page. There are: one, side, methods, targets, proof, history."
    )
    assert of_page(page, "page.grid.view") == "one"
    close_page(page)


def test_the_badge_says_what_the_hottest_part_alone_keeps(page: Page) -> None:
    page.keyboard.press("1")
    until_page(page, "page.plate.test !== null && page.plate.test.class_id === page.answer.maps[0].target.id")
    # The tests' network is not sure of what it sees, so the plate names no class: show it as if it did.
    said = of_page(
        page,
        "(() => { page.plate.showTest(page.plate.test.class_id, page.plate.test.at);"
        " return document.querySelector('#badge').textContent; })()",
    )
    assert re.match(r"whole (\d+|<1)% · alone (\d+|<1)% · without (\d+|<1)%", said)
    assert percent_text(of_page(page, "page.plate.test.probability")) == said.split()[1]
    until_page(page, "document.querySelector('#badge').hidden")
    page.keyboard.press("e")
    until_page(page, "page.plate.test === null && page.connection.question.badge === false")


def test_the_curves_stand_beside_the_frozen_picture_with_axes_and_areas(page: Page) -> None:
    page.keyboard.press("1")
    page.locator("button[data-action=curves]").click()
    until_page(page, "page.panel.curves.length === 4")
    assert of_page(page, "page.grid.frozen !== null")
    areas = of_page(
        page,
        "page.panel.curves.map(({ fractions, scores }) => fractions.slice(1).reduce((sum, share, i) =>"
        " sum + (share - fractions[i]) * (scores[i] + scores[i + 1]) / 2, 0))",
    )
    assert of_page(page, "page.panel.curves.map(({ area }) => area)") == pytest.approx(areas, abs=1e-3)
    said = page.locator("#curves canvas").get_attribute("aria-label") or ""
    own, elsewhere = areas[1], areas[3]
    assert said.startswith(f"probability of {of_page(page, 'page.answer.maps[0].target.label')}: ")
    assert "the hottest taken away first (lower is better): gradcam · area " in said
    assert (
        f"the hottest shown first (higher is better): gradcam · area {percent_text(own)}, "
        f"elsewhere · area {percent_text(elsewhere)}" in said
    )
    drawn = canvas_pixels(page, "#curves canvas")
    green = np.abs(drawn[..., :3].astype(int) - (96, 208, 96)).max(axis=-1) < 30
    high = drawn.shape[0] // 2
    assert green[:high].sum() > 200, "the curve of the deletion"
    assert green[high:].sum() > 200, "the curve of the insertion"
    page.keyboard.press("m")  # a former map's curves must not stand beside another's heat
    until_page(page, "page.panel.curves[0]?.name === page.method && page.method !== 'gradcam'")
    page.locator("button[data-action=freeze]").click()
    expect(page.locator("#curves")).to_be_hidden()
    assert of_page(page, "!page.curves && page.grid.frozen === null")


@pytest.mark.screens
@pytest.mark.parametrize("size", [(390, 844), (844, 390), (1280, 720), (1000, 640)])
@pytest.mark.parametrize("view", ["one", "proof", "methods"])
def test_the_curves_cover_no_picture_and_stick_out_of_no_screen(
    page: Page, size: tuple[int, int], view: str
) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.keyboard.press("1")
    of_page(page, f"(page.setView('{view}'), 0)")
    until_page(page, "page.answer.ask === page.connection.asked")
    page.keyboard.press("u")
    until_page(page, "page.panel.curves.length >= 4 && page.answer.ask === page.connection.asked")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    panel = page.locator("#curves").bounding_box()
    assert panel is not None
    assert panel["x"] >= 0
    assert panel["y"] >= 0
    assert panel["x"] + panel["width"] <= size[0] + 1
    for selector in (".frame", "#bar", "#plate"):
        for each in page.locator(selector).all():
            box = each.bounding_box()
            assert box is not None
            beside = box["x"] + box["width"] <= panel["x"] + 1
            above = box["y"] + box["height"] <= panel["y"] + 1
            below = box["y"] >= panel["y"] + panel["height"] - 1
            assert beside or above or below, selector
            assert box["height"] > 20, selector


def test_scale_figures_mirror_and_full_screen_are_switched(page: Page) -> None:
    for key, selector in (("b", "#scale"), ("d", "#statistics")):
        expect(page.locator(selector)).to_be_hidden()
        page.keyboard.press(key)
        expect(page.locator(selector)).to_be_visible()
    expect(page.locator("#statistics")).to_contain_text("capture to heat")
    page.keyboard.press("i")
    expect(page.locator(".turned.mirrored")).to_have_count(1)
    page.keyboard.press("f")
    until(page, "document.fullscreenElement !== null")
    page.keyboard.press("f")
    until(page, "document.fullscreenElement === null")


def test_a_part_of_the_picture_is_looked_at_and_all_of_it_again(page: Page) -> None:
    box = page.locator(".frame").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.1 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.8 * box["height"], steps=4)
    page.mouse.up()
    assert of_page(page, "page.area") == pytest.approx([0.5, 0.1, 0.9, 0.8], abs=0.01)
    left, top, right, bottom = until_page(
        page, "page.grid.panes[0].region[0] > 0.4 && page.grid.panes[0].region"
    )
    assert 0.49 < left < right < 0.91
    assert 0.09 < top < bottom < 0.81
    page.keyboard.press("a")
    assert of_page(page, "page.area") == [0, 0, 1, 1]


def test_a_snapshot_and_a_recording_are_saved(page: Page, tmp_path: Path) -> None:
    page.keyboard.press("1")  # a class that was asked for is drawn in full, however unsure the network is
    until_page(page, "page.answer.maps[0].opacity === 1")
    until_painted(page)
    with page.expect_download() as download:
        page.keyboard.press("s")
    name = download.value.suggested_filename
    assert re.fullmatch(r"live_gradcam \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d\.png", name)
    download.value.save_as(tmp_path / "snapshot.png")
    snapshot = cv2.imread(str(tmp_path / "snapshot.png"))
    assert snapshot is not None
    assert snapshot.shape[:2] == (720, 1280)
    away = np.abs(snapshot.astype(int) - coffee_frame(the_coffee())).mean(axis=-1)
    assert away[:, 300:980].mean() > 2 * away[:300, :250].mean()  # heat within the viewfinder, none beside it
    page.keyboard.press("r")
    encoded = 0
    for _ in range(5):  # a browser that has no time encodes few of the painted pictures; here, one at least
        encoded = until_page(
            page,
            f"page.recorder.bytes > {encoded} ? page.recorder.bytes : page.recorder.recorder.requestData()",
        )
    with page.expect_download() as download:
        page.keyboard.press("r")
    download.value.save_as(tmp_path / "recording.webm")
    with av.open(str(tmp_path / "recording.webm")) as recording:
        frames = [frame.to_ndarray(format="bgr24") for frame in recording.decode(video=0)]
    assert len(frames) > 3
    assert frames[-1].shape == (720, 1280, 3)
    assert frames[-1].std() > 20


def test_a_picture_and_a_video_are_opened(page: Page, tmp_path: Path) -> None:
    (tmp_path / "coffee.jpg").write_bytes(jpeg(the_coffee()))
    page.set_input_files("#file", tmp_path / "coffee.jpg")
    until_page(page, "page.source.name === 'coffee.jpg' && page.answered === page.still")
    assert of_page(page, "page.grid.size") == [600, 400]
    sent = of_page(page, "page.connection.number")
    time.sleep(0.6)  # a still picture is looked at every 0.25 s
    assert of_page(page, "page.connection.number") == sent  # what stands still is explained once
    page.keyboard.press("m")
    until_page(page, "page.answer.maps[0].method === 'gradcam++' && page.answered === page.still")
    with av.open(str(tmp_path / "clip.webm"), "w") as clip:
        stream = clip.add_stream("libvpx", 10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for shade in range(0, 200, 10):
            frame = av.VideoFrame.from_ndarray(np.full((240, 320, 3), shade, np.uint8), "bgr24")
            clip.mux(stream.encode(frame))
        clip.mux(stream.encode())
    page.set_input_files("#file", tmp_path / "clip.webm")
    until_page(page, "page.source.name === 'clip.webm' && page.grid.size[0] === 320")
    until_page(page, "page.answer !== null && page.meter.figures(page.connection).answers > 1")
    (tmp_path / "text.png").write_text("no picture")
    page.set_input_files("#file", tmp_path / "text.png")
    expect(page.locator("#notice")).to_have_text("text.png is no picture that the browser can show.")


def test_everything_is_reached_by_the_keyboard_and_has_a_name(page: Page) -> None:
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, select, input, [role=img]')]
        .filter((each) => !each.closest('[hidden]') && !each.textContent.trim())
        .filter((each) => !each.labels?.length && !each.getAttribute('aria-label'))
        .map((each) => each.outerHTML)"""
    )
    assert nameless == []
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.dataset.action ?? document.activeElement.id"))
    wanted = {
        "freeze",
        "record",
        "snapshot",
        "view",
        "style",
        "colormap",
        "contrast",
        "mirror",
        "fullscreen",
        "help",
    }
    assert wanted | {"methods", "layers", "target", "opacity", "cameras"} <= reached


# When things go wrong


def test_a_camera_that_is_refused_is_told_and_a_picture_can_be_chosen(
    playwright: Playwright, camera: Path, served: Served
) -> None:
    with chromium(playwright, camera, answer="deny") as browser:
        page = open_page(browser, served, start=False)
        page.click("#start")
        expect(page.locator("#notice")).to_contain_text("The camera was refused. Allow it in the address bar")
        expect(page.locator("#start")).to_be_enabled()
        expect(page.locator("#choose")).to_be_enabled()


@pytest.mark.screens
def test_a_camera_that_is_pulled_leaves_its_last_picture_and_goes_on_when_it_is_back(page: Page) -> None:
    of_page(page, "page.source.element.srcObject.getTracks()[0].dispatchEvent(new Event('ended'))")
    expect(page.locator("#notice")).to_contain_text("The camera was unplugged. It goes on when it is back.")
    assert of_page(page, "page.grid.frozen !== null")
    page.evaluate("navigator.mediaDevices.dispatchEvent(new Event('devicechange'))")
    until_page(page, "page.grid.frozen === null && page.source.element.srcObject.active")
    expect(page.locator("#notice")).to_be_empty()
    answered = of_page(page, "page.answer.frame")
    until_page(page, f"page.answer.frame > {answered}")


@pytest.mark.screens
def test_when_the_server_is_started_again_the_page_goes_on_by_itself(browser: Browser) -> None:
    with Served(small_service()) as served:
        page = open_page(browser, served)
        page.keyboard.press("m")
        until_page(page, "page.answer.maps[0].method === 'gradcam++'")
        port = served.port
    expect(page.locator("#notice")).to_have_text("connection lost, trying again …")
    assert of_page(page, "page.grid.drawable !== null")
    with Served(small_service(), port=port):
        answered = of_page(page, "page.answer.frame")
        until_page(page, f"page.answer.frame > {answered} && page.answer.maps[0].method === 'gradcam++'")
        expect(page.locator("#notice")).to_be_empty()
    page.close()


@pytest.mark.screens
def test_a_hidden_tab_sends_nothing(page: Page) -> None:
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    time.sleep(0.2)
    sent = of_page(page, "page.connection.number")
    time.sleep(0.5)
    assert of_page(page, "page.connection.number") <= sent + 1
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    until_page(page, f"page.connection.number > {sent + 3}")


def test_nothing_sticks_out_of_any_screen(page: Page) -> None:
    for size in ((360, 740), (740, 360), (1280, 720), (3840, 2160)):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        until(page, f"innerWidth === {size[0]}")
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        width, height = page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        )
        assert (width, height) == size
        for selector in ("#plate", "#bar", ".frame", "#label", "#top li:first-child"):
            box = page.locator(selector).bounding_box()
            assert box is not None, (size, selector)
            assert box["x"] >= 0, (size, selector)
            assert box["y"] >= 0, (size, selector)
            assert box["x"] + box["width"] <= size[0] + 1, (size, selector)
            assert box["y"] + box["height"] <= size[1] + 1, (size, selector)
        frame = page.locator(".frame").bounding_box()
        assert frame is not None
        assert frame["height"] > 0.25 * min(size), size


def test_the_documentation_page_shows_the_endpoint(empty: Page, served: Served) -> None:
    empty.goto(served.url("/docs"))
    expect(empty.locator("#swagger-ui")).to_contain_text("/explain")


# Networks that are no classifiers


def test_values_are_rows_of_numbers_and_the_key_x_explains_what_lowers_one(browser: Browser) -> None:
    with Served(small_service(headed_network(2, activation="tanh"), ["x [px]", "y"])) as served:
        page = open_page(browser, served)
        top = of_page(page, "page.answer.top")
        expect(page.locator("#label")).to_have_text("x")
        expect(page.locator("#percent")).to_contain_text("px")
        assert "%" not in page.locator("#plate").inner_text()
        rows = page.locator("#top button")
        expect(rows.locator("visible=true")).to_have_count(2)
        assert page.locator("#top .name").all_inner_texts()[:2] == ["x", "y"]
        shown = page.locator("#top .share").all_inner_texts()[1].replace("−", "-")
        assert float(shown) == pytest.approx(top[1][3], rel=6e-3)
        page.keyboard.press("x")
        until_page(page, "page.answer.maps[0].target.lowers")
        expect(page.locator("#note")).to_contain_text("what lowers x")
        page.locator("#top button").nth(1).click()
        until_page(page, "page.answer.maps[0].target.id === 1")
        expect(page.locator("#label")).to_have_text("y")
        close_page(page)


@pytest.mark.screens
def test_a_network_that_gives_nan_is_said_to_do_so(browser: Browser) -> None:
    network = headed_network(3, activation="softmax")
    dense = network.layers[-1]
    dense.set_weights([dense.get_weights()[0], np.full(3, np.nan, np.float32)])
    with Served(small_service(network, None)) as served:
        page = open_page(browser, served)
        expect(page.locator("#label")).to_have_text("no answer")
        expect(page.locator("#note")).to_have_text("the network gives NaN or infinity")
        assert "NaN%" not in page.locator("#plate").inner_text()
        close_page(page)


@pytest.mark.parametrize("heat", ["webgl", "2d"])
def test_heat_that_fades_is_as_opaque_as_in_the_window(browser: Browser, served: Served, heat: str) -> None:
    page = new_page(browser)
    page.goto(served.url(f"/?heat={heat}"))
    levels = np.linspace(0, 1, 11, dtype=np.float32)
    opacities = page.evaluate(
        """async (levels) => {
            const { createPainter, colours } = await import('/page/heat_painter.js');
            const { page } = await import('/page/main.js');
            const made = createPainter(), side = 40, palette = colours(page.setup.palettes.jet);
            return levels.map((level) => {
              const mesh = { values: new Float32Array(side * side).fill(level), rows: side, columns: side };
              made.paint(mesh, palette, 'fade', 0.4, [side, side]);
              const copy = Object.assign(document.createElement('canvas'), { width: side, height: side });
              copy.getContext('2d').drawImage(made.canvas, 0, 0);
              return copy.getContext('2d').getImageData(20, 20, 1, 1).data[3] / 255;
            });
        }""",
        levels.tolist(),
    )
    # The window's, over black and over white: what of the picture is kept is one minus the opacity.
    shown = []
    for level in levels:
        grounds = [np.full((40, 40, 3), ground, np.uint8) for ground in (0, 255)]
        painted = []
        for ground in grounds:
            out = np.empty_like(ground)
            paint_onto(
                out,
                ground,
                np.full((4, 4), level, np.float32),
                (0, 0, 40, 40),
                style="fade",
                alpha=0.4,
                colormap=cv2.COLORMAP_JET,
            )
            painted.append(out[20, 20].astype(float))
        shown.append(1 - float((painted[1] - painted[0]).mean()) / 255)
    assert opacities == pytest.approx(shown, abs=0.02)
    close_page(page)
