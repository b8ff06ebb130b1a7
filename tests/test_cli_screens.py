"""Slides of every shape on a pretend screen, with and without a window manager: the whole window is on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import cv2
import numpy as np
import pytest
from programs import Program
from screen import HEIGHT, WIDTH, Screen, require_screen
from test_cli_show import surroundings

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
    scale = min(1.0, WIDTH / width, 0.92 * HEIGHT / height)
    return round(width * scale), round(height * scale)


def close(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(abs(this - that) <= 3 for this, that in zip(one, other, strict=True))


def part(seen: Pixels, place: tuple[int, int, int, int]) -> Pixels:
    x, y, width, height = place
    return seen[max(0, y) : y + height, max(0, x) : x + width]


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
            wanted = window_for(SIZES[number])
            program.until(
                lambda wanted=wanted: close(screen.geometry(window)[2:], wanted), f"{SIZES[number]}"
            )
            x, y, width, height = screen.geometry(window)
            assert x >= 0
            assert y >= 0
            assert y + height <= HEIGHT
            assert x + width <= WIDTH
            assert min(width, height) >= 230, "large enough for words"
            screen.press(
                "v", window
            )  # two panes: each has its name, in white letters on plain ground, above it
            seen = screen.photograph_when(lambda seen: has_titles(part(seen, screen.geometry(window))), 60)
            assert has_titles(part(seen, screen.geometry(window)))
            screen.press("z", window)
            screen.press("Right", window)
        screen.press("q", window)
        program.wait(60)
    assert program.process.returncode == 0


def has_titles(window: Pixels) -> bool:
    """Whether there is a strip at the top in the colour of the ground, with white letters in it."""
    strip = window[4 : max(10, min(window.shape[:2]) // 18)].astype(int)
    ground = (np.abs(strip - INK).max(axis=2) < 4).mean()
    return bool(ground > 0.6 and (strip.min(axis=2) > 200).any())
