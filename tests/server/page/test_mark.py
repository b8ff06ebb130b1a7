"""The page for marking in a browser: by mouse, by finger and by keys, and the report in the live view."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
from audit_findings import report_of
from browser import chromium, close_page, new_page, require_chromium, until, until_page
from marked import drawn_photograph, drawn_photographs
from marking_client import TOKEN, MarkingClient, marking
from playwright.sync_api import Browser, Page, expect, sync_playwright
from served import Served, small_service

from live_gradcam.audit.marks import Marks
from live_gradcam.audit.report import write_report
from live_gradcam.server.marking import AuditTurn
from live_gradcam.server.settings import ServerSettings

PHONE, LAPTOP = (390, 844), (1280, 720)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    require_chromium()
    with sync_playwright() as playwright, chromium(playwright) as browser:
        yield browser


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[MarkingClient, Marks, AuditTurn]]:
    with marking(drawn_photographs(tmp_path), tmp_path / "report") as found:
        yield found


def open_page(
    browser: Browser, client: MarkingClient, size: tuple[int, int] = LAPTOP, **options: Any
) -> Page:
    page = new_page(browser, viewport={"width": size[0], "height": size[1]}, **options)
    page.goto(client.link)
    expect(page.locator("#mark-photo")).to_be_visible()
    return page


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag from one place of the photograph to another, given as shares of it."""
    box = page.locator("#mark-photo").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
    page.mouse.down()
    for step in (0.5, 1.0):
        x, y = (one + step * (other - one) for one, other in zip(start, end, strict=True))
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.mouse.up()


def written(marks: Marks, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until the boxes on disk are as wanted, and return them."""
    deadline = time.monotonic() + 20
    while True:
        found: dict[str, Any] = json.loads(marks.boxes.read_bytes()) if marks.boxes.exists() else {}
        if wanted(found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def test_a_box_is_drawn_corrected_and_taken_back(
    browser: Browser, served: tuple[MarkingClient, Marks, AuditTurn]
) -> None:
    client, marks, _ = served
    page = open_page(browser, client)
    names = [each.name for each in marks.photos]
    expect(page.locator("#mark-title")).to_have_text("Draw a box around: cats")
    expect(page.locator("#mark-left")).to_have_text("5 boxes left")
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_have_text("Draw a box first, or say that there is no thing here.")
    drag(page, (0.3, 0.2), (0.7, 0.8))
    (box,) = written(marks, lambda found: names[0] in found)[names[0]]
    assert box == pytest.approx([36, 16, 48, 48], abs=1)
    drag(page, (0.5, 0.5), (0.6, 0.5))  # its inside moves it
    written(marks, lambda found: found[names[0]][0] == pytest.approx([48, 16, 48, 48], abs=1))
    drag(page, (0.8, 0.8), (0.9, 0.9))  # a corner sizes it
    written(marks, lambda found: found[names[0]][0] == pytest.approx([48, 16, 60, 56], abs=1))
    expect(page.locator("#mark-left")).to_have_text("4 boxes left")
    page.keyboard.press("Enter")
    expect(page.locator("#mark-title")).to_have_text("Draw a box around: dogs")
    expect(page.locator("#mark-photo")).to_be_focused()
    page.keyboard.press("n")
    written(marks, lambda found: found.get(names[1]) == [])
    expect(page.locator("#mark-classes")).to_contain_text("dogs: 0/1, too few for a verdict")
    until(page, "document.activeElement.id === 'mark-photo'")
    page.keyboard.press("Backspace")  # back to the photograph before, whose refusal is taken back
    expect(page.locator("#mark-title")).to_have_text("Draw a box around: dogs")
    written(marks, lambda found: names[1] not in found)
    expect(page.locator("#mark-classes")).to_contain_text("dogs: 0/2")
    page.keyboard.press("Backspace")  # back to the first one, whose box is seen again and stays
    expect(page.locator("#mark-box")).to_be_visible()
    assert list(written(marks, lambda _: True)) == [names[0]]
    page.keyboard.press("Backspace")
    written(marks, lambda found: found == {})
    close_page(page)


def test_what_keys_mark_counts_only_when_it_was_accepted(
    browser: Browser, served: tuple[MarkingClient, Marks, AuditTurn]
) -> None:
    client, marks, turn = served
    page = open_page(browser, client)
    name = marks.photos[0].name
    spoken = page.locator("#mark-spoken")
    expect(spoken).to_have_text("No box yet.")
    page.keyboard.press("ArrowRight")
    expect(spoken).to_have_text("box: left 25%, top 25%, width 50%, height 50%")
    expect(page.locator("#mark-box")).to_have_css("border-style", "dashed")
    for _ in range(4):
        page.keyboard.press("Shift+ArrowDown")
    for _ in range(8):
        page.keyboard.press("ArrowUp")
    expect(spoken).to_have_text("box: left 25%, top 21%, width 50%, height 52%")
    page.keyboard.press("o")
    expect(page.locator("#mark-outline")).to_be_visible()
    expect(page.locator("#mark-cut")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("o")
    expect(page.locator("#mark-outline")).to_be_hidden()
    page.click("#mark-audit")
    expect(page.locator("#notice")).to_have_text(
        "This box is not accepted yet: Next accepts it, Undo takes it back."
    )
    assert (marks.state(0), turn.as_json()["state"]) == ("", "marking")
    expect(page.locator("#mark-left")).to_have_text("5 boxes left")
    page.keyboard.press("o")
    expect(page.locator("#mark-outline")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#mark-title")).to_have_text("Draw a box around: dogs")
    expect(spoken).to_have_text("No box yet.")
    (box,) = json.loads(marks.boxes.read_bytes())[name]
    assert (marks.state(0), box) == ("outline", pytest.approx([30, 17, 60, 41], abs=1))
    close_page(page)


def test_the_audit_is_followed_and_its_report_shown(
    browser: Browser, served: tuple[MarkingClient, Marks, AuditTurn]
) -> None:
    client, marks, turn = served
    page = open_page(browser, client)
    page.click("#mark-audit")
    turn.wait()
    turn.say("loading a network …")
    expect(page.locator("#mark-line")).to_have_text("loading a network …")
    turn.begin(5)
    turn.advance(2)
    expect(page.locator("#mark-line")).to_have_text("2 of 5 photographs")
    turn.end("no photograph could be audited.")
    expect(page.locator("#mark-run-title")).to_have_text("The audit failed")
    expect(page.locator("#mark-line")).to_have_text("no photograph could be audited.")
    page.click("#mark-back")
    expect(page.locator("#mark-photo")).to_be_visible()
    page.click("#mark-audit")
    turn.wait()
    write_report(report_of(["cat", "dog"]), marks.boxes.parent, {})
    turn.end()
    expect(page.locator("h1")).to_have_text("By what does mine.keras recognise each class?")
    assert page.locator("nav a").first.inner_text() == "Mark more photographs"
    assert page.locator("a.live").count() == 0  # there is no live view
    page.click("text=Verdicts")
    assert page.url.endswith(f"/report#token={client.token}")  # the token is still there for a reload
    page.click("text=Mark more photographs")
    expect(page.locator("#mark-photo")).to_be_visible()
    close_page(page)


@pytest.mark.screens
def test_a_photograph_of_the_report_opens_in_the_live_view(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "1.png"
    cv2.imwrite(str(path), drawn_photograph())
    report = report_of(["cat", "dog"])
    write_report(report, tmp_path, {each.name: path for each in report.photos})
    settings = ServerSettings(port=0, report=tmp_path)
    with Served(small_service(), settings, token=TOKEN) as served:
        page = new_page(browser)
        page.goto(served.url(f"/report#token={TOKEN}"))
        links = page.get_by_role("link", name="open in the live view")
        expect(links.first).to_be_visible()
        assert page.locator("figure[data-photo] a.live").count() == page.locator("figure[data-photo]").count()
        links.first.click()
        until_page(page, "page.answer !== null && page.source.name.startsWith('photo ')")
        assert page.locator("#report").get_attribute("href") == f"/report#token={TOKEN}"
        page.click("#report")
        expect(page.locator("h1")).to_have_text("By what does mine.keras recognise each class?")
        page.goto(served.url(f"/?photo=999#token={TOKEN}"))
        expect(page.locator("#notice")).to_have_text("the report has no photograph 999.")
        page.close()


@pytest.mark.screens
@pytest.mark.parametrize("size", [PHONE, LAPTOP, (844, 390), (320, 568)])
def test_everything_is_on_the_screen_and_large_enough_for_a_finger(
    browser: Browser, served: tuple[MarkingClient, Marks, AuditTurn], size: tuple[int, int]
) -> None:
    touch = min(size) < 480
    page = open_page(browser, served[0], size, has_touch=touch, is_mobile=touch)
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    for button in page.locator("#mark-buttons button").all():
        box = button.bounding_box()
        assert box is not None
        assert (box["x"] >= 0, box["x"] + box["width"] <= size[0], box["y"] + box["height"] <= size[1]) == (
            True,
        ) * 3
        assert not touch or box["height"] >= 43.9
    photo = page.locator("#mark-photo").bounding_box()
    assert photo is not None
    assert photo["width"] / photo["height"] == pytest.approx(1.5, abs=0.02)
    assert photo["width"] > 0.4 * min(size)
    close_page(page)


@pytest.mark.screens
def test_a_finger_draws_a_box(browser: Browser, served: tuple[MarkingClient, Marks, AuditTurn]) -> None:
    client, marks, _ = served
    page = open_page(browser, client, PHONE, has_touch=True, is_mobile=True)
    box = page.locator("#mark-photo").bounding_box()
    assert box is not None
    session = page.context.new_cdp_session(page)
    for kind, share in (("touchStart", 0.25), ("touchMove", 0.5), ("touchMove", 0.75), ("touchEnd", None)):
        points = []
        if share is not None:
            points = [{"x": box["x"] + share * box["width"], "y": box["y"] + share * box["height"]}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    name = marks.photos[0].name
    (found,) = written(marks, lambda found: name in found)[name]
    assert found == pytest.approx([30, 20, 60, 40], abs=1)
    close_page(page)


@pytest.mark.screens
@pytest.mark.skipif(
    importlib.util.find_spec("axe_playwright_python") is None,
    reason="no axe: pip install axe-playwright-python",
)
@pytest.mark.parametrize("size", [PHONE, LAPTOP])
def test_axe_finds_nothing(
    browser: Browser, served: tuple[MarkingClient, Marks, AuditTurn], size: tuple[int, int]
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    client, marks, turn = served
    page = open_page(browser, client, size)

    def faults() -> list[str]:
        found = Axe().run(page).response["violations"]
        return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]

    drag(page, (0.3, 0.2), (0.7, 0.8))
    page.keyboard.press("o")
    expect(page.locator("#mark-outline")).to_be_visible()
    assert faults() == []
    page.click("#mark-audit")
    turn.wait()
    turn.begin(5)
    expect(page.locator("#mark-line")).to_have_text("0 of 5 photographs")
    assert faults() == []
    write_report(report_of(["cat", "dog"]), marks.boxes.parent, {})
    turn.end()
    expect(page.locator("h1")).to_have_text("By what does mine.keras recognise each class?")
    assert faults() == []
    close_page(page)
