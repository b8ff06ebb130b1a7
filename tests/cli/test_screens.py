"""Slides of every shape on a pretend screen, with and without a window manager: the whole window is on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from cli.test_show import surroundings
from programs import Program
from screen import HEIGHT, WIDTH, Screen, require_screen

from live_gradcam.frame import Pixels
from live_gradcam.render.canvas import legible_canvas

pytestmark = pytest.mark.screens

SIZES = [(160, 120), (32, 32), (100, 75), (640, 480), (1280, 720), (720, 1280), (3840, 2160), (900, 40)]
INK = (24, 22, 20)


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    require_screen()
    with Screen() as screen:
        yield screen


def window_for(size: tuple[int, int]) -> tuple[int, int]:
    """How large the window of a picture is that leaves room for a title bar and a panel."""
    width, height = legible_canvas(size)
    scale = min(1.0, 0.98 * WIDTH / width, 0.92 * HEIGHT / height)
    return round(width * scale), round(height * scale)


def has_size(screen: Screen, window: int, wanted: tuple[int, int]) -> bool:
    found = screen.geometry(window)[2:]
    return all(abs(this - that) <= 3 for this, that in zip(found, wanted, strict=True))


def has_titles(seen: Pixels, place: tuple[int, int, int, int]) -> bool:
    """Whether there is a strip about the window's upper edge in the colour of the ground, with white letters in it."""
    x, y, width, _ = place
    top = seen[max(0, y - 45) : y + 45, max(0, x) : x + width].astype(int)
    plain = (np.abs(top - INK).max(axis=2) < 4).mean(axis=1) > 0.6
    strip = top[plain]
    return bool(plain.sum() > 8 and (strip.min(axis=2) > 200).any())


def is_on_screen(screen: Screen, window: int, title_bar: int) -> bool:
    x, y, width, height = screen.geometry(window)
    # Of a window in a frame xdotool counts the frame's edges twice.
    return x >= 0 and y >= 0 and x + width <= WIDTH + 2 and y - title_bar + height <= HEIGHT


@pytest.mark.parametrize("managed", [True, False], ids=["with a window manager", "without one"])
def test_slides_of_every_size_are_whole_on_the_screen_and_their_words_can_be_read(
    screen: Screen, tmp_path: Path, managed: bool
) -> None:
    folder = tmp_path / "slides"
    folder.mkdir()
    for number, (width, height) in enumerate(SIZES):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((height, width, 3), 90 + 15 * number, np.uint8))
    typed = ("--model", "networks:stage_network", "--preprocess", "unit")
    with screen.managed() if managed else nullcontext():
        program = Program(tmp_path, str(folder), *typed, environment=surroundings(screen), at=tmp_path)
        window = screen.window("live_gradcam: .*", patience=90)
        for number in range(len(SIZES)):
            size = SIZES[number]
            program.until(partial(has_size, screen, window, window_for(size)), f"window for {size}")
            program.until(
                partial(is_on_screen, screen, window, 20 if managed else 0), f"{size} within the screen"
            )
            _, _, width, height = screen.geometry(window)
            assert min(width, height) >= 230, "large enough for words"
            screen.press(
                "v", window
            )  # two panes: each has its name, in white letters on plain ground, above it
            screen.photograph_when(lambda seen: has_titles(seen, screen.geometry(window)), 60)
            screen.press("z", window)
            screen.press("Right", window)
        screen.press("q", window)
        program.wait(60)
    assert program.process.returncode == 0
