"""What the page's tests share: a browser with a pretend camera, a server, and pages that must not complain.

A test module takes it with `pytest_plugins = ["page_fixtures"]`, and may have a `camera` or `served` of its own. None
lives longer than a module: Playwright's loop would be in the way of other tests' loops.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import (
    FAULTS,
    SIZE,
    chromium,
    close_page,
    is_reset,
    new_page,
    require_chromium,
    start_camera,
    write_camera,
)
from playwright.sync_api import Browser, Page, Playwright, sync_playwright
from served import Served, small_service


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    require_chromium()
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pretend camera shows: noise."""
    pixels = np.random.default_rng(1).integers(0, 256, (360, 640, 3)).astype(np.uint8)
    return write_camera(tmp_path_factory.mktemp("camera") / "noise.mjpeg", [pixels] * 2)


@pytest.fixture(scope="module")
def browser(playwright: Playwright, camera: Path) -> Iterator[Browser]:
    with chromium(playwright, camera) as browser:
        yield browser


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served(small_service()) as served:
        yield served


@pytest.fixture
def empty(browser: Browser) -> Iterator[Page]:
    """A page of its own, on which nothing was opened yet."""
    page = new_page(browser)
    yield page
    close_page(page)


@pytest.fixture(scope="module")
def opened() -> Iterator[list[Page]]:
    """The page that `page` gives to one test after another."""
    pages: list[Page] = []
    yield pages
    for page in pages:
        close_page(page)


@pytest.fixture
def page(browser: Browser, served: Served, opened: list[Page]) -> Iterator[Page]:
    """A page with a running camera, as at the beginning; the tests of a module share it."""
    if opened and not is_reset(opened[-1]):
        close_page(opened.pop())
    if not opened:
        opened.append(new_page(browser))
        start_camera(opened[-1], served.url())
    opened[-1].set_viewport_size(SIZE)
    yield opened[-1]
    faults = list(FAULTS[opened[-1]])
    FAULTS[opened[-1]].clear()
    assert faults == []
