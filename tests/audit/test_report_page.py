"""The report in a browser: on a phone, on a laptop and printed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import replace

import cv2
import pytest
from audit_findings import report_of, with_comparison
from browser import chromium, require_chromium
from playwright.sync_api import Browser, Page, sync_playwright

from live_gradcam.audit.findings import CauseFinding, DuplicateFinding
from live_gradcam.audit.report import write_report
from live_gradcam.sources.demo.lesson_scene import photograph

pytestmark = pytest.mark.screens
PHONE, LAPTOP = (390, 844), (1280, 720)
A4 = (718, 1047)
"""The part of a page that Chromium prints on, in CSS pixels."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    require_chromium()
    with sync_playwright() as playwright, chromium(playwright) as browser:
        yield browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    names = ["cat", "a very long name of a class that goes on and on", "W" * 60, "owl"]
    report = replace(
        report_of(names, photos_each=24, method="gradcam"),
        causes=(
            CauseFinding(name="blur", accuracy=0.9, baseline=0.5, sentence="blur alone tells them apart."),
        ),
        duplicates=tuple(
            DuplicateFinding(
                first="a", second="b", sentence=f"{'a' * 90}{number} and b show the same picture."
            )
            for number in range(7)
        ),
        failures=("x" * 300,),
        interrupted=True,
    )
    path = folder / "coffee.jpg"
    cv2.imwrite(str(path), photograph("coffee.png"))
    write_report(with_comparison(report), folder, {each.name: path for each in report.photos})
    return (folder / "index.html").as_uri()


def opened(browser: Browser, address: str, size: tuple[int, int], scheme: str) -> Page:
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    requests: list[str] = []
    page.on("request", lambda each: requests.append(each.url))
    page.goto(address)
    assert [each for each in requests if not each.startswith(("file:", "data:"))] == []
    return page


@pytest.mark.parametrize("size", [PHONE, LAPTOP])
def test_nothing_scrolls_sideways_but_tables(browser: Browser, address: str, size: tuple[int, int]) -> None:
    page = opened(browser, address, size, "light")
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    boxes = page.evaluate(
        """[...document.querySelectorAll(".scroll")].map((each) => [
            each.scrollWidth > each.clientWidth,
            getComputedStyle(each.querySelector(".wide")).display === "block",
        ])"""
    )
    assert len(boxes) == 3
    assert all(wider == told for wider, told in boxes)
    assert size != PHONE or [told for _, told in boxes] == [True] * 3
    verdict = page.locator("#compare th", has_text="Verdict").bounding_box()
    assert verdict is not None
    assert verdict["x"] + verdict["width"] < LAPTOP[0] / 2
    assert page.evaluate("[...document.images].every((each) => each.complete && each.naturalWidth > 0)")
    page.close()


@pytest.mark.skipif(
    importlib.util.find_spec("axe_playwright_python") is None,
    reason="no axe: pip install axe-playwright-python",
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, LAPTOP])
def test_axe_finds_nothing(browser: Browser, address: str, size: tuple[int, int], scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = opened(browser, address, size, scheme)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    found = Axe().run(page).response["violations"]
    assert [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]] == []
    page.close()


@pytest.fixture(scope="module")
def many_classes(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("many")
    names = [f"golden retriever number {number}" for number in range(24)]
    causes = tuple(
        CauseFinding(name=each, accuracy=0.9, baseline=0.5, sentence=f"{each} alone tells them apart.")
        for each in ("contrast", "file size", "saturation", "mean colour")
    )
    write_report(replace(report_of(names, clusters=False), causes=causes, places={"mask": 288}), folder, {})
    return (folder / "index.html").as_uri()


def test_the_first_screen_of_a_phone_has_two_verdicts(browser: Browser, many_classes: str) -> None:
    page = opened(browser, many_classes, PHONE, "light")
    box = page.locator(".verdicts li").nth(1).bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < PHONE[1]
    page.close()


def test_printed_no_table_of_two_dozen_classes_is_cut(browser: Browser, many_classes: str) -> None:
    page = opened(browser, many_classes, A4, "light")
    assert page.evaluate("document.querySelector('.matrix').scrollWidth") > A4[0]
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") == A4[0]
    page.close()


def test_printed_the_comparison_has_gaps_between_its_cells_and_no_dead_link(
    browser: Browser, address: str
) -> None:
    page = opened(browser, address, A4, "light")
    page.emulate_media(media="print")
    gaps = page.evaluate(
        """[...document.querySelectorAll("#compare td")].map((each) => {
            const words = document.createRange();
            words.selectNodeContents(each);
            return words.getBoundingClientRect().left - each.getBoundingClientRect().left;
        })"""
    )
    assert min(gaps) >= 4
    assert page.evaluate("document.querySelector('#compare table').scrollWidth") <= A4[0]
    assert not page.locator(".notice .screen").first.is_visible()
    page.close()


def test_printed_it_shows_what_is_folded(browser: Browser, address: str) -> None:
    page = opened(browser, address, LAPTOP, "light")
    folded = page.locator("details:not([open]) h3").first
    assert not folded.is_visible()
    page.emulate_media(media="print")
    assert folded.evaluate("(each) => each.getBoundingClientRect().height") > 0
    assert len(page.pdf(format="A4")) > 50_000
    page.close()


def test_the_keyboard_reaches_tables_and_folded_parts(browser: Browser, address: str) -> None:
    page = opened(browser, address, LAPTOP, "light")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.tagName + ' ' + (document.activeElement.ariaLabel ?? '')")
        )
    assert {"DIV Both models", "DIV Table of numbers", "DIV Confusion matrix", "SUMMARY "} <= reached
    page.close()
