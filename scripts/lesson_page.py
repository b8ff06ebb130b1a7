"""Plays the lesson on the page: Chromium's pretend camera sees the lesson's scenes in turns, and a hand holds its keys.

.venv/bin/python scripts/lesson_page.py [--pictures FOLDER]

It teaches each thing in front of a background of its own, swaps the backgrounds, and teaches both things in front of
both. It prints a table in Markdown, with what is to be reached beside what was. `--pictures` keeps a picture of each
step, at the size of a projector and of a phone. It needs Linux and Chromium.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import numpy as np
from browser import chromium, close_page, new_page, of_page, start_camera, until_page, write_camera
from lesson import Figure
from playwright.sync_api import Page, ViewportSize, sync_playwright
from programs import Program

from live_gradcam.frame import Pixels
from live_gradcam.sources.demo.lesson_demo import LessonDemo, Scene, find_props

SIZE = (640, 480)
FPS, SECONDS = 10, 12
SCENES: tuple[Scene, ...] = ((0, 0), (1, 1), (0, 1), (1, 0))
MARK = 40
"""Side in pixels of the mark that tells the scene; it lies beside the square that the network sees."""

PICTURES = 25
TRIED = 12
START_SECONDS = 120.0
PROJECTOR: ViewportSize = {"width": 1280, "height": 720}
PHONE: ViewportSize = {"width": 390, "height": 844}
DONE = "!page.teaching.state.learning && page.teaching.state.recording === null"
SCENE = (
    "(() => { const canvas = document.createElement('canvas'), context = canvas.getContext('2d');"
    " canvas.width = 640; canvas.height = 480; context.drawImage(page.grid.drawable, 0, 0, 640, 480);"
    " return Math.round((context.getImageData(15, 15, 1, 1).data[1] - 40) / 50); })()"
)


def main() -> None:
    """Play the lesson, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=Path, help="folder for a picture of each step")
    arguments = parser.parse_args()
    if arguments.pictures is not None:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
    print("| what | measured | to be reached | reached |\n|---|---:|---:|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        camera = write_camera(Path(folder, "lesson.y4m"), list(seen()), fps=FPS)
        program = Program(Path(folder), "serve", "--port", "0", "--teach")
        try:
            program.until_said("Ctrl-C ends it", START_SECONDS)
            link = re.search(r"https?://\S+", program.said)
            assert link is not None, program.said
            with chromium(playwright, camera) as browser:
                page = new_page(browser, viewport=PROJECTOR)
                start_camera(page, link[0])
                for figure in lesson_on(page, keeper(arguments.pictures, page)):
                    print(figure.row(), flush=True)
                close_page(page)
        finally:
            program.end(signal.SIGINT)


def seen() -> Iterator[Pixels]:
    """Yield what the camera sees: each scene for some seconds, with its mark."""
    with LessonDemo(size=SIZE, props=find_props()) as demo:
        demo.close()  # only its pictures are needed
        for number, scene in enumerate(SCENES):
            for place in range(FPS * SECONDS):
                pixels = demo.look_at(3 * (number * FPS * SECONDS + place), scene)[0].copy()
                pixels[:MARK, :MARK] = 40 + 50 * number
                yield pixels


def keeper(folder: Path | None, page: Page) -> Callable[[str], None]:
    """Return what keeps a picture of the page at both sizes."""

    def keep(name: str) -> None:
        for kind, size in (("phone", PHONE), ("projector", PROJECTOR)):
            if folder is not None:
                page.set_viewport_size(size)
                page.wait_for_timeout(700)
                page.screenshot(path=folder / f"{name}-{kind}.png")

    return keep


def lesson_on(page: Page, keep: Callable[[str], None]) -> Iterator[Figure]:
    """Play the lesson, and give its figures."""
    began, _ = (teach(page, number, scene) for number, scene in enumerate(SCENES[:2], 1))
    for number, name in ((1, "red cup"), (2, "green cup")):
        page.get_by_label(f"Name of class {number}").fill(name)
        page.keyboard.press("Enter")
    until_page(page, "page.teaching.state.classes.every(({ name }) => name.endsWith('cup'))")
    with page.expect_download():
        page.get_by_role("button", name="Download").click()
    yield Figure(
        "first key to a saved model of two classes, s",
        (page.evaluate("performance.now()") - began) / 1000,
        most=60,
    )
    until_page(page, "page.teaching.state.warning !== ''")
    yield Figure("warns of the background (1: yes)", 1.0, least=1)
    by_background = [
        named(page, scene, keep, "swapped") == scene[1] for scene in SCENES[2:] for _ in range(TRIED)
    ]
    yield Figure(
        "after the swap: named by the background, share of answers", float(np.mean(by_background)), least=0.9
    )
    before = heat_on_thing(page)
    for scene in SCENES[2:]:
        teach(page, scene[0] + 1, scene)
    right = [named(page, scene, keep, "both") == scene[0] for scene in SCENES for _ in range(TRIED)]
    yield Figure("taught on both: named by the thing, share of answers", float(np.mean(right)), least=0.95)
    after = heat_on_thing(page)
    yield Figure("heat on the thing that the strip names, before: mean", before)
    yield Figure("heat on the thing that the strip names, taught on both: mean", after)


def teach(page: Page, number: int, scene: Scene) -> float:
    """Hold a digit while the camera sees a scene, from its beginning; return when, in milliseconds."""
    place = SCENES.index(scene)
    until_page(page, f"{SCENE} !== {place}", patience=60)
    until_page(page, f"{SCENE} === {place}", patience=60)
    count = f"(page.teaching.state.classes.find((each) => each.number === {number})?.count ?? 0)"
    already = int(of_page(page, count))
    began = float(page.evaluate("performance.now()"))
    page.keyboard.down(str(number))
    until_page(page, f"{count} >= {already + PICTURES} || {SCENE} !== {place}")
    page.keyboard.up(str(number))
    until_page(page, DONE, patience=60)
    return began


def named(page: Page, scene: Scene, keep: Callable[[str], None], step: str) -> int | None:
    """Return the class of a new answer about a scene; None if it is none of both."""
    place = SCENES.index(scene)
    if of_page(page, SCENE) != place:
        until_page(page, f"{SCENE} === {place}", patience=60)
        page.wait_for_timeout(1200)  # no answer about the scene before is left
        keep(f"{step}-{scene[0]}-on-{scene[1]}")
        if of_page(page, SCENE) != place:
            return named(page, scene, keep, step)
    page.wait_for_timeout(300)
    label = page.locator("#label").inner_text()
    return next((number for number, name in enumerate(("red cup", "green cup")) if name in label), None)


def heat_on_thing(page: Page) -> float:
    """Return the mean of the shares of the heat that the page names."""
    line = page.locator("#teach-line").inner_text()
    shares = [int(each.strip("%,")) for each in line.partition("heat on the thing")[2].split() if "%" in each]
    return float(np.mean(shares)) / 100 if shares else float("nan")


if __name__ == "__main__":
    main()
