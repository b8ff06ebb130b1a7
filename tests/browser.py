"""A real browser, Chromium, without a window and, where one is wanted, with a pretend camera."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import (
    Browser,
    BrowserType,
    Error,
    Page,
    Playwright,
    ViewportSize,
    expect,
    sync_playwright,
)

from live_gradcam.frame import Pixels

expect.set_options(timeout=30_000)  # for a busy machine
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CUP = (172, 19, 408, 208)
"""(left, top, right, bottom) of the cup in scikit-image's coffee, in pixels."""

_SCALE, _LEFT = 1.8, 100
_SIZE = (1280, 720)


def require_chromium() -> str:
    """Return the path of a Chromium; skip where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium: apt-get install chromium")
    return found


def coffee_frame(coffee: Pixels) -> Pixels:
    """scikit-image's coffee as a camera of 1280×720 would see it."""
    height = _SIZE[1]
    frame = cv2.GaussianBlur(cv2.resize(coffee, _SIZE), (0, 0), 40)
    frame[:, _LEFT : _LEFT + 1080] = cv2.resize(coffee, (1080, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(frame, np.uint8)


def in_coffee(x: float, y: float) -> tuple[float, float]:
    """Return where in the coffee's own pixels a place (fractions of the frame) lies."""
    return (x * _SIZE[0] - _LEFT) / _SCALE, y * _SIZE[1] / _SCALE


def write_camera(path: Path, frames: Sequence[Pixels], *, fps: int = 10) -> Path:
    """Write what Chromium's pretend camera shows again and again: a Y4M file, which tells its rate.

    Args:
        path: where to; ends in .y4m.
        frames: (H, W, 3) uint8 BGR, all of one size, even in height and width.
        fps: frames per second; with 30, a page takes nearly twice the processor.
    """
    height, width = frames[0].shape[:2]
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F{fps}:1 Ip A1:1 C420\n".encode())
        for frame in frames:
            file.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420).tobytes())
    return path


@contextmanager
def chromium(
    kind: Playwright | BrowserType, camera: Path | None = None, *, answer: str = "accept", cameras: int = 0
) -> Iterator[Browser]:
    """Start a Chromium that may have this camera; asked whether a page may use it, it says `accept` or `deny`.

    Without a camera of one's own it may have several that Chromium makes up.
    """
    arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
    if camera is not None or cameras:
        arguments.append(f"--use-fake-ui-for-media-stream{'=deny' if answer == 'deny' else ''}")
    if camera is not None:
        arguments += ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera}"]
    elif cameras:
        arguments.append(f"--use-fake-device-for-media-stream=device-count={cameras}")
    chosen = kind if isinstance(kind, BrowserType) else kind.chromium
    browser = chosen.launch(executable_path=require_chromium(), args=arguments)
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def chromium_page() -> Iterator[Page]:
    """Give an empty page of 320×240; skip the test where there is no Chromium."""
    require_chromium()
    with sync_playwright() as playwright, chromium(playwright) as browser:
        yield browser.new_page(viewport={"width": 320, "height": 240})


def until(page: Page, expression: str, *, patience: float = 30) -> Any:
    """Wait until a JavaScript expression is true, and return its value; the policy forbids Playwright's own way."""
    deadline = time.monotonic() + patience
    while not (value := page.evaluate(expression)):
        assert time.monotonic() < deadline, f"{expression} stayed {value}"
        time.sleep(0.05)
    return value


def of_page(page: Page, expression: str) -> Any:
    """Return the value of an expression about `page`, the object that the page's modules share."""
    return page.evaluate(
        f"async () => {{ const {{ page }} = await import('/page/main.js'); return {expression}; }}"
    )


def until_page(page: Page, expression: str, *, patience: float = 30) -> Any:
    """Wait until an expression about `page` is true."""
    return until(
        page,
        f"async () => {{ const {{ page }} = await import('/page/main.js'); return {expression}; }}",
        patience=patience,
    )


SIZE: ViewportSize = {"width": 1000, "height": 640}
"""Of a page, where a test wants no other."""

FAULTS: dict[Page, list[str]] = {}
"""What each page that is open complained of."""


SHARED: list[Page] = []
"""The page that several tests share, while it is open: it is closed before another is opened, for it would go on
sending and painting beside it."""


def new_page(browser: Browser, **options: Any) -> Page:
    """Open an empty page whose complaints `close_page` looks at."""
    close_shared()
    page = browser.new_page(**{"viewport": SIZE, **options})
    faults = FAULTS[page] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    return page


def close_page(page: Page) -> None:
    """Close a page, and assert that it never complained."""
    page.close()
    faults = FAULTS.pop(page)
    assert faults == []


def close_shared() -> None:
    """Close the page that tests share; the next test that wants it opens another."""
    while SHARED:
        close_page(SHARED.pop())


def is_reset(page: Page) -> bool:
    """Take a page with a running camera back to the beginning; return False where it has none any more."""
    state = "page.source?.isCamera && !page.source.gone"
    clean = (
        "document.fullscreenElement && document.exitFullscreen(), document.querySelector('#help').close(),"
        f" document.activeElement.blur(), page.reset(), page.say(''), {state} && page.answer.frame"
    )
    try:
        answered = of_page(page, f"({clean})")
        if answered is False or answered is None:
            return False
        until_page(
            page, f"page.answer.frame > {answered} && page.answer.ask === page.connection.asked", patience=5
        )
        return bool(of_page(page, state))
    except (Error, AssertionError):
        return False


def start_camera(page: Page, url: str) -> None:
    """Go to the page, start the camera and wait for the first answer."""
    page.goto(url)
    page.click("#start")
    until_page(page, "page.answer !== null")


def canvas_pixels(page: Page, selector: str = "canvas.heat") -> Any:
    """Read a canvas: (H, W, 4) uint8 BGRA."""
    url = page.evaluate(f"document.querySelector('{selector}').toDataURL('image/png')")
    data = np.frombuffer(base64.b64decode(url.split(",")[1]), np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels


def levels_of(pixels: Any, colormap: int = cv2.COLORMAP_JET) -> Any:
    """Return which of the 256 colours of a colour map each pixel of an opaque canvas has."""
    colours = cv2.applyColorMap(np.arange(256, dtype=np.uint8).reshape(-1, 1), colormap)[:, 0].astype(int)
    small = cv2.resize(pixels[..., :3], (64, 64), interpolation=cv2.INTER_AREA).astype(int)
    distance = np.abs(small[:, :, None] - colours[None, None]).sum(axis=-1)
    return distance.argmin(axis=-1)
