"""What the page's tests share: a browser with a pretend camera, a server, and a page that must not complain.

A test module takes it with `pytest_plugins = ["page_fixtures"]`, and may have a `camera` or `served` of its own. None
lives longer than a module: Playwright's loop would be in the way of other tests' loops.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import chromium, require_chromium, write_camera
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright
from served import Served, small_service


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    require_chromium()
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pretend camera shows: noise."""
    pixels = np.random.default_rng(1).integers(0, 256, (720, 1280, 3)).astype(np.uint8)
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
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1000, "height": 640}, has_touch=True)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """An empty page that must throw nothing."""
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    assert faults == []
