"""The page's teach panel: buttons and digits that are held, names, and what is said; each visitor teaches alone."""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import close_page, new_page, of_page, start_camera, until_page, write_camera
from playwright.sync_api import Browser, Dialog, Page, expect
from served import Served, small_service

pytest_plugins = ["page_fixtures"]

DONE = "!page.teaching.state.learning && page.teaching.state.recording === null"


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A camera that sees red for eight seconds, and then blue; no two pictures are the same."""
    random = np.random.default_rng(1)
    frames = [
        np.asarray(np.array(colour) + random.integers(0, 50, (9, 16, 3)), np.uint8)
        .repeat(20, axis=0)
        .repeat(20, axis=1)
        for colour in ((20, 20, 200), (200, 20, 20))
        for _ in range(80)
    ]
    return write_camera(tmp_path_factory.mktemp("camera") / "two.y4m", frames)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served(small_service(teach=True)) as served:
        yield served


@pytest.fixture
def taught(browser: Browser, served: Served) -> Iterator[Page]:
    page = new_page(browser, viewport={"width": 1280, "height": 720})
    start_camera(page, served.url())
    yield page
    close_page(page)


def until_camera_sees(page: Page, colour: str) -> None:
    """Wait until the camera begins to see a colour."""
    sees = (
        "(() => { const canvas = document.createElement('canvas'), context = canvas.getContext('2d');"
        " canvas.width = canvas.height = 1; context.drawImage(page.grid.drawable, 0, 0, 1, 1);"
        " const [red, , blue] = context.getImageData(0, 0, 1, 1).data; return red > blue ? 'red' : 'blue'; })()"
    )
    until_page(page, f"{sees} !== '{colour}'")
    until_page(page, f"{sees} === '{colour}'")


def teach_by_key(page: Page, number: int, colour: str) -> None:
    until_camera_sees(page, colour)
    page.keyboard.down(str(number))
    until_page(page, f"page.teaching.state.classes.find((each) => each.number === {number})?.count > 2")
    page.keyboard.up(str(number))
    until_page(page, DONE)


@pytest.mark.screens
def test_a_digit_and_a_button_that_are_held_teach_and_the_picture_has_the_typed_names(taught: Page) -> None:
    page = taught
    expect(page.locator("#teach")).to_be_visible()
    expect(page.locator("#teach-line")).to_have_text("hold 1 while the camera sees your first thing")
    teach_by_key(page, 1, "red")
    expect(page.locator("#teach-line")).to_have_text("hold 2 while it sees something else, or nothing")
    until_camera_sees(page, "blue")
    box = page.get_by_role("button", name="hold 2: a new class").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    until_page(page, "page.teaching.state.recording === 2")
    assert page.get_by_role("button", name="hold 2: class 2").get_attribute("aria-pressed") == "true"
    page.mouse.up()
    until_page(page, DONE)
    for number, name in ((1, "my mug"), (2, "sky")):
        page.get_by_label(f"Name of class {number}").fill(name)
        page.keyboard.press("Enter")
    until_page(page, "page.teaching.state.classes.map((each) => each.name).join() === 'my mug,sky'")
    until_camera_sees(page, "red")
    expect(page.locator("#label")).to_have_text("my mug")
    until_camera_sees(page, "blue")
    expect(page.locator("#label")).to_have_text("sky")
    assert of_page(page, "page.setup.labels") == ["my mug", "sky"]
    pixel = page.evaluate(
        "Array.from(document.querySelector('#taught canvas').getContext('2d').getImageData(48, 48, 1, 1).data)"
    )
    assert pixel[0] > 2 * pixel[2]  # the page's own picture of the red thing
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "taught.zip"
    with zipfile.ZipFile(download.value.path()) as file:
        assert b"my mug" in file.read("taught/taught.labels.json")
    page.get_by_role("button", name="forget sky").click()
    until_page(page, f"page.teaching.state.classes.length === 1 && {DONE}")
    page.get_by_role("button", name="Begin again").click()
    until_page(page, f"page.teaching.state.classes.length === 0 && {DONE}")
    until_page(page, "page.answer.top.length === 4")  # the network's own classes
    assert of_page(page, "page.setup.labels") == ["red", "green", "blue", "grey"]


@pytest.mark.screens
def test_the_button_that_was_held_before_does_not_end_what_another_one_begins(taught: Page) -> None:
    page = taught
    for name, number in (("hold 1: a new class", 1), ("hold 2: a new class", 2)):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        until_page(page, f"page.teaching.state.recording === {number}")
        page.wait_for_timeout(300)  # the focus has moved by now
        assert of_page(page, "page.teaching.held") == number
        page.mouse.up()
        until_page(page, DONE)


@pytest.mark.screens
def test_keys_alone_reach_everything_and_a_digit_in_a_name_teaches_nothing(taught: Page) -> None:
    page = taught
    page.get_by_role("button", name="hold 1: a new class").focus()
    page.keyboard.down(" ")
    until_page(page, "page.teaching.state.recording === 1")
    assert of_page(page, "page.grid.frozen === null")  # the space bar freezes elsewhere
    page.keyboard.up(" ")
    until_page(page, DONE)
    page.get_by_label("Name of class 1").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("mug 2")
    page.keyboard.press("Enter")
    until_page(page, "page.teaching.state.classes[0].name === 'mug 2'")
    assert of_page(page, "page.teaching.state.classes.length") == 1
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Teach", exact=True).click()
    expect(page.locator("#teach")).to_be_hidden()
    page.locator("body").press("2")  # pins a class, as without the panel
    assert of_page(page, "page.teaching.held") is None
    page.get_by_role("button", name="Teach", exact=True).click()
    page.get_by_role("button", name="Undo").click()
    until_page(page, f"page.teaching.state.classes.length === 0 && {DONE}")


def test_a_click_of_a_screen_reader_teaches_for_a_second(taught: Page) -> None:
    page = taught
    page.evaluate("document.querySelector('#taught .hold').click()")
    until_page(page, f"page.teaching.state.classes[0]?.count > 1 && {DONE}")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.mouse.click(5, 5)  # browsers ask only somebody who has used the page
    page.evaluate("setTimeout(() => location.reload(), 0)")
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    of_page(
        page, "page.teaching.downloaded = JSON.stringify([['class 1', page.teaching.state.classes[0].count]])"
    )
    assert not of_page(page, "page.teaching.losesSomething")


@pytest.mark.screens
def test_a_broken_connection_says_that_what_was_taught_is_gone(taught: Page) -> None:
    page = taught
    teach_by_key(page, 1, "red")
    of_page(page, "page.connection.socket.close() ?? 0")
    expect(page.locator("#teach-line")).to_have_text(
        "the connection broke, and what was taught is gone: begin again"
    )
    until_page(page, "page.connection.opened && page.teaching.state.classes.length === 0")


@pytest.mark.screens
@pytest.mark.parametrize("size", [(1280, 720), (390, 844), (844, 390)])
def test_everything_is_in_the_window_and_the_picture_keeps_room(taught: Page, size: tuple[int, int]) -> None:
    page = taught
    page.set_viewport_size({"width": size[0], "height": size[1]})
    teach_by_key(page, 1, "red")
    expect(page.locator("#teach-line")).to_be_in_viewport(ratio=1)
    for name in ("hold 1: class 1", "Undo", "Begin again", "Download"):
        expect(page.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    frame = page.locator(".frame").first.bounding_box()
    assert frame is not None
    # In a wide window the panel stands beside the picture.
    assert frame["height"] > (0.7 if size[0] >= 1000 else 0.25) * size[1]
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


@pytest.mark.screens
@pytest.mark.skipif(
    importlib.util.find_spec("axe_playwright_python") is None,
    reason="no axe: pip install axe-playwright-python",
)
def test_axe_finds_nothing_while_something_is_taught(taught: Page) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = taught
    teach_by_key(page, 1, "red")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_without_the_setting_there_is_no_panel(browser: Browser) -> None:
    with Served(small_service()) as served:
        page = new_page(browser)
        start_camera(page, served.url())
        expect(page.locator("#teach")).to_be_hidden()
        assert page.locator("#teach-open").count() == 0
        close_page(page)
