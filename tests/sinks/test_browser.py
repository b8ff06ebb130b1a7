"""Recordings in a browser: Chromium plays them, from the first picture to the last."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from browser import chromium_page
from films import plain, write_talkie
from PIL import Image

from live_gradcam.frame import Frame
from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks.recorder import Recorder

if TYPE_CHECKING:
    from playwright.sync_api import Page

RED, BLUE = (20, 30, 220), (220, 30, 20)
TYPES = {"out.mp4": 'video/mp4; codecs="avc1.64001f"', "out.webm": 'video/webm; codecs="vp9"'}


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium_page() as page:
        yield page


def await_colour(page: Page, colour: tuple[int, int, int]) -> None:
    """Wait until the middle of the page has a colour (BGR): a picture that is there is painted a little later."""
    deadline = time.monotonic() + 5
    while True:
        shot = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
        seen = [int(level) for level in shot[120, 160, ::-1]]
        if seen == pytest.approx(colour, abs=12):
            return
        assert time.monotonic() < deadline, f"{seen} is not {colour}"


def film(folder: Path, name: str, kind: str) -> Path:
    """Three seconds of red, then blue, at a rate that varies, as it comes from a camera or a file with sound."""
    sound = None
    if kind == "with sound":
        sound = write_talkie(folder / "film.mkv", "libopus" if name.endswith("webm") else "aac", seconds=3.0)
    with Recorder(folder / name, wait=True, audio_from=sound) as recorder:
        for index in range(60):
            moment = index / 20 + (0.013 if index % 3 else 0)
            picture = plain(RED if index < 30 else BLUE, 320, 240)
            recorder.write(Rendered(picture, Frame(picture, index, 0.0, media_time=moment)))
        if kind == "while it is made":
            time.sleep(0.5)
            shutil.copy(folder / name.replace(".", ".part."), folder / f"now.{name}")
    return folder / (f"now.{name}" if kind == "while it is made" else name)


@pytest.mark.parametrize(
    "kind", [pytest.param("silent", marks=pytest.mark.screens), "with sound", "while it is made"]
)
@pytest.mark.parametrize("name", list(TYPES))
def test_chromium_plays_it_to_its_end(page: Page, tmp_path: Path, name: str, kind: str) -> None:
    path = film(tmp_path, name, kind)
    assert (
        page.evaluate("kind => document.createElement('video').canPlayType(kind)", TYPES[name]) == "probably"
    )
    (tmp_path / "page.html").write_text(
        f"<body style='margin:0'><video id=v src='{path.name}' width=320 height=240 muted></video>"
    )
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_function("v.readyState >= 2 || v.error")
    assert page.evaluate("v.error && v.error.message") is None
    if kind != "while it is made":  # an unfinished WebM does not know its length
        assert page.evaluate("v.duration") == pytest.approx(3.0, abs=0.1)
    await_colour(page, RED)
    page.evaluate("v.play()")
    page.wait_for_function("v.currentTime > 0.2")
    early = page.evaluate("v.currentTime")
    page.evaluate("v.playbackRate = 4")
    page.wait_for_function("v.ended", timeout=10_000)
    assert page.evaluate("v.currentTime") > early
    await_colour(page, BLUE)
