"""What a converted graph is checked with: parts of photographs, random fields, and made-up heads."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.explain.array_types import Numbers, Pictures

Picture = npt.NDArray[np.uint8]
"""(H, W, 3) uint8 BGR."""

_PHOTOGRAPHS = ("chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg", "motorcycle_left.png")
"""Photographs that scikit-image's package holds."""

_STEEPNESS = 1.0
"""Amplitude falls with this power of the frequency, as in natural scenes (Field 1987, JOSA A 4(12))."""


def check_pictures(count: int, height: int, width: int) -> Pictures:
    """Return pictures (N, H, W, 3) uint8 BGR, always the same.

    They are parts of scikit-image's photographs; without that package, random fields with the spectrum of natural
    scenes.
    """
    random = np.random.default_rng(0)
    photographs = _photographs()
    if not photographs:
        return np.stack([_field(random, height, width) for _ in range(count)])
    found = []
    for number in range(count):
        photograph = photographs[number % len(photographs)]
        rows, columns = photograph.shape[:2]
        side = int(min(rows, columns) * random.uniform(0.5, 1.0))
        top, left = random.integers(rows - side + 1), random.integers(columns - side + 1)
        part = photograph[top : top + side, left : left + side]
        found.append(cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA))
    return np.stack(found).astype(np.uint8)


def _photographs() -> list[Picture]:
    package = importlib.util.find_spec("skimage")
    if package is None or not package.submodule_search_locations:
        return []
    folder = Path(package.submodule_search_locations[0]) / "data"
    read = [cv2.imread(str(folder / name)) for name in _PHOTOGRAPHS if (folder / name).is_file()]
    return [np.asarray(picture, np.uint8) for picture in read if picture is not None]


def _field(random: np.random.Generator, height: int, width: int) -> Picture:
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    amplitude = 1.0 / np.maximum(frequency, 1.0 / max(height, width)) ** _STEEPNESS
    channels = []
    for _ in range(3):
        phase = np.exp(2j * np.pi * random.random(frequency.shape))
        values = np.fft.irfft2(amplitude * phase, (height, width))
        channels.append(127.5 + 64.0 * (values - values.mean()) / max(values.std(), 1e-9))
    return np.asarray(np.clip(np.stack(channels, axis=-1), 0, 255), np.uint8)


def example_heads(count: int, features: int, slots: int) -> tuple[Numbers, ...]:
    """Return kernels (N, F, K) and biases (N, K) of made-up heads, always the same; nothing where K is 0."""
    if not slots:
        return ()
    random = np.random.default_rng(2)
    kernel = random.normal(0.0, 1.0, (count, features, slots)).astype(np.float32)
    return kernel, np.zeros((count, slots), np.float32)
