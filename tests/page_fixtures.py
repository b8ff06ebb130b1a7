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
    SHARED,
    SIZE,
    chromium,
    close_page,
    close_shared,
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
    """What the pretend camera shows: noise, coarse enough to be encoded quickly."""
    noise = np.random.default_rng(1).integers(0, 256, (9, 16, 3)).astype(np.uint8)
    pixels = noise.repeat(40, axis=0).repeat(40, axis=1)
    return write_camera(tmp_path_factory.mktemp("camera") / "noise.y4m", [pixels] * 2)


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
def shared(browser: Browser, served: Served) -> Iterator[list[Page]]:
    """The page that `page` gives to one test after another: it is closed before its server ends."""
    del browser, served
    yield SHARED
    close_shared()


@pytest.fixture
def page(browser: Browser, served: Served, shared: list[Page]) -> Iterator[Page]:
    """A page with a running camera, as at the beginning; tests that follow one another share it."""
    if shared and not is_reset(shared[0]):
        close_shared()
    if not shared:
        page = new_page(browser)
        start_camera(page, served.url())
        shared.append(page)
    page = shared[0]
    page.set_viewport_size(SIZE)
    yield page
    faults = list(FAULTS[page])
    FAULTS[page].clear()
    assert faults == []
