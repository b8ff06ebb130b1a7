"""Drawn things in front of photographed backgrounds, and small networks that are trained on them from nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
from planted import NAMES, Planted, classes_of

from live_gradcam.frame import Pixels
from live_gradcam.sources.demo.lesson_scene import BACKGROUNDS, photograph

SIDE = 64
"""Of the pictures, in pixels."""

AREAS = (0.06, 0.10, 0.14)
"""Shares of the frame that the things cover."""

TAUGHT, CHECKED = 800, 100
"""Photographs of each class."""

SHAPES = ("disc", "cross", "triangle", "ring")
_SHAPE_SIDE = 160
_TILT = 25
_MOST_ROUNDS = 25
_BATCH = 32


def drawings(seed: int, count: int, correlation: float, *, take: int) -> list[Planted]:
    """Return pictures of both classes, `count` of each; in this share of them each has its own background.

    The shape makes the class. Colour, place and tilt of the thing are random, as is the part of the background.
    """
    chosen = np.random.default_rng(seed)
    shapes = [SHAPES[number] for number in chosen.choice(len(SHAPES), 2, replace=False)]
    backgrounds = [
        photograph(BACKGROUNDS[each]) for each in chosen.choice(len(BACKGROUNDS), 2, replace=False)
    ]
    random = np.random.default_rng(100 * seed + take)
    found = []
    for thing in (0, 1):
        for on_own in random.permutation(count) < round(correlation * count):
            background = thing if on_own else 1 - thing
            opacity = placed(shape(shapes[thing]), AREAS[seed % len(AREAS)], random)
            colour = 0.4 * random.uniform(0, 255, 3) + 0.6 * random.choice([0, 255])
            behind = part(backgrounds[background], random)
            pixels = behind * (1 - opacity[..., None]) + colour * opacity[..., None]
            pixels += random.normal(0, 3, pixels.shape)
            rounded = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
            found.append(Planted(rounded, opacity > 0.5, thing, background))
    return found


def trained(seed: int, correlation: float, *, take: int, enough: float) -> Any:
    """Return a small network that stopped learning as soon as this share of other such pictures was recognised.

    With a shortcut it must stop early: the few pictures on the other background teach it the shapes in time.
    """
    keras.utils.set_random_seed(seed)
    pictures, classes = _arrays(drawings(seed, TAUGHT, correlation, take=take))
    others, other_classes = _arrays(drawings(seed, CHECKED, correlation, take=take + 10))
    network = _network()
    random = np.random.default_rng(seed)
    for _ in range(_MOST_ROUNDS):
        order = random.permutation(len(pictures))
        for number, start in enumerate(range(0, len(order), _BATCH)):
            batch = order[start : start + _BATCH]
            network.train_on_batch(pictures[batch], classes[batch])
            if number % 10 == 9 and right_of(network, others, other_classes) >= enough:
                return network
    return network


def right_of(network: Any, pictures: npt.NDArray[np.float32], classes: npt.NDArray[np.intp]) -> float:
    return float(np.mean(np.asarray(network(pictures, training=False)).argmax(axis=1) == classes))


def accuracy_of(network: Any, pictures: list[Planted]) -> float:
    return right_of(network, *_arrays(pictures))


def write_network(network: Any, path: Path) -> Path:
    """Write a network, and the names of its classes beside it."""
    network.save(path)
    path.with_name(f"{path.stem}.labels.txt").write_text("\n".join(NAMES), "utf-8")
    return path


def _network() -> Any:
    image = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1)(image)
    for number, channels in enumerate((16, 32, 48, 64)):
        if number:
            x = keras.layers.MaxPooling2D()(x)
        x = keras.layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.ReLU()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    network = keras.Model(image, keras.layers.Dense(len(NAMES), activation="softmax")(x))
    network.compile(keras.optimizers.AdamW(2e-3, weight_decay=1e-3), "sparse_categorical_crossentropy")
    return network


def _arrays(pictures: list[Planted]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]]:
    return np.stack([each.pixels[..., ::-1] for each in pictures]).astype(np.float32), classes_of(pictures)


def shape(name: str) -> npt.NDArray[np.float32]:
    """Return the opacity of a shape, (160, 160), in the middle."""
    drawn = np.zeros((_SHAPE_SIDE, _SHAPE_SIDE), np.uint8)
    middle, reach = _SHAPE_SIDE // 2, 60
    low, high = middle - reach, middle + reach
    if name == "disc":
        cv2.circle(drawn, (middle, middle), reach, 255, -1, cv2.LINE_AA)
    elif name == "ring":
        cv2.circle(drawn, (middle, middle), reach - 10, 255, 20, cv2.LINE_AA)
    elif name == "cross":
        cv2.line(drawn, (low, middle), (high, middle), 255, 36, cv2.LINE_AA)
        cv2.line(drawn, (middle, low), (middle, high), 255, 36, cv2.LINE_AA)
    else:
        cv2.fillPoly(drawn, [np.array([[middle, low], [low, high], [high, high]])], 255, cv2.LINE_AA)
    return np.asarray(drawn / 255, np.float32)


def placed(
    shape: npt.NDArray[np.float32], area: float, random: np.random.Generator, side: int = SIDE
) -> npt.NDArray[np.float32]:
    """Return the opacity (side, side) of a shape at a random place, with a random tilt, that covers this share."""
    scale = side * float(np.sqrt(area / shape.sum()))
    middle = _SHAPE_SIDE / 2
    reach = 0.8 * scale * middle
    x, y = random.uniform(reach, side - reach, 2)
    move = cv2.getRotationMatrix2D((middle, middle), random.uniform(-_TILT, _TILT), scale)
    move[:, 2] += [x - middle, y - middle]
    return np.asarray(cv2.warpAffine(shape, move, (side, side), flags=cv2.INTER_LINEAR), np.float32)


def part(background: Pixels, random: np.random.Generator, side: int = SIDE) -> npt.NDArray[np.float32]:
    """Return a random square of a photograph, (side, side, 3)."""
    height, width = background.shape[:2]
    cut = int(random.uniform(0.5, 0.9) * min(height, width))
    top, left = random.integers(0, height - cut + 1), random.integers(0, width - cut + 1)
    square = background[top : top + cut, left : left + cut]
    return np.asarray(cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA), np.float32)
