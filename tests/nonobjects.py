"""Pictures of nothing in particular: what a camera sees before anything is held up to it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from live_gradcam.frame import Pixels

WIDTH, HEIGHT = 640, 360


def nonobjects(seed: int = 0) -> dict[str, Pixels]:
    """Return sheets, walls, gradients, noise, patterns and pages of text, (360, 640, 3) each, by name."""
    rng = np.random.default_rng(seed)
    return {**_sheets(rng), **_gradients(rng), **_noise(rng), **_patterns(), **_pages(rng)}


def _sheet(colour: tuple[int, int, int]) -> Pixels:
    return _picture(np.array(colour))


def _picture(values: Any) -> Pixels:
    return np.asarray(np.clip(np.broadcast_to(values, (HEIGHT, WIDTH, 3)), 0, 255), np.uint8)


def _sheets(rng: np.random.Generator) -> dict[str, Pixels]:
    colours = {
        "black": (0, 0, 0),
        "white": (255, 255, 255),
        "grey": (128, 128, 128),
        "dark": (40, 40, 40),
        "light": (210, 210, 210),
        "red": (40, 40, 200),
        "green": (60, 160, 60),
        "blue": (190, 90, 30),
        "wall": (190, 205, 215),
        "skin": (150, 170, 210),
    }
    sheets = {name: _sheet(colour) for name, colour in colours.items()}
    for name in ("black", "grey", "wall", "blue"):
        sheets[f"noisy {name}"] = _picture(sheets[name] + rng.normal(0, 8, (HEIGHT, WIDTH, 3)))
    sheets["lens cap"] = _picture(rng.normal(8, 6, (HEIGHT, WIDTH, 3)))
    return sheets


def _gradients(rng: np.random.Generator) -> dict[str, Pixels]:
    across = np.linspace(0, 1, WIDTH)[None, :, None]
    down = np.linspace(0, 1, HEIGHT)[:, None, None]
    ends = {
        "shade": ((60, 60, 60), (220, 220, 220)),
        "dusk": ((120, 60, 20), (60, 120, 240)),
        "corner": ((200, 200, 200), (150, 150, 150)),
    }
    gradients = {}
    for name, (begin, end) in ends.items():
        step = np.subtract(end, begin)
        gradients[f"{name} across"] = _picture(begin + step * across)
        noisy = begin + step * down + rng.normal(0, 5, (HEIGHT, WIDTH, 3))
        gradients[f"{name} down"] = _picture(noisy)
    gradients["vignette"] = _picture(220 - 250 * np.hypot(across - 0.5, down - 0.5))
    gradients["two walls"] = _picture(np.where(across < 0.5, 200, 170))
    return gradients


def _noise(rng: np.random.Generator) -> dict[str, Pixels]:
    noise = {}
    for grain in (1, 3, 8, 24):
        cells = HEIGHT // grain + 1, WIDTH // grain + 1
        coloured = rng.integers(0, 256, (*cells, 3), dtype=np.uint8)
        grey = rng.integers(0, 256, cells, dtype=np.uint8)
        size = WIDTH, HEIGHT
        noise[f"noise of {grain}"] = np.asarray(
            cv2.resize(coloured, size, interpolation=cv2.INTER_CUBIC), np.uint8
        )
        noise[f"grey noise of {grain}"] = _picture(cv2.resize(grey, size)[..., None])
    clouds = sum(
        grain * cv2.resize(rng.normal(0, 1, (HEIGHT // grain + 2, WIDTH // grain + 2)), (WIDTH, HEIGHT))
        for grain in (4, 16, 64)
    )
    noise["clouds"] = _picture(128 + 1.5 * np.asarray(clouds)[..., None])
    noise["overexposed"] = _picture(230 + 1.5 * np.asarray(clouds)[..., None])
    noise["out of focus"] = np.asarray(cv2.GaussianBlur(noise["noise of 24"], (0, 0), 25), np.uint8)
    return noise


def _patterns() -> dict[str, Pixels]:
    patterns = {}
    columns, rows = np.arange(WIDTH)[None, :, None], np.arange(HEIGHT)[:, None, None]
    for step in (32, 96):
        patterns[f"stripes of {step}"] = _picture(np.where(columns // step % 2, 200, 60))
        patterns[f"squares of {step}"] = _picture(np.where((columns // step + rows // step) % 2, 225, 30))
    return patterns


def _pages(rng: np.random.Generator) -> dict[str, Pixels]:
    pages = {}
    for name, paper, ink, scale in (
        ("slide", (255, 255, 255), (80, 40, 20), 1.2),
        ("blackboard", (60, 70, 40), (230, 230, 230), 1.0),
    ):
        page = _sheet(paper)
        for base in range(50, HEIGHT, round(34 * scale)):
            line = " ".join("".join(rng.choice(list("etaoinshrdlu"), rng.integers(2, 8))) for _ in range(12))
            cv2.putText(page, line, (12, base), cv2.FONT_HERSHEY_SIMPLEX, scale, ink, 2, cv2.LINE_AA)
        pages[name] = page
    return pages
