"""A small vision transformer, trained from nothing on drawn shapes, because no package has the weights of one.

.venv/bin/python scripts/small_transformer.py [--train-again]

It prints how well the maps of AttnLRP, LeGrad and Grad-CAM find 200 drawn shapes whose masks are known; the figures
stand in docs/faithfulness.md. site_pictures.py makes AttnLRP's and LeGrad's pictures with it. The first run trains the
network, which takes three to six minutes on two cores, and keeps it in the user's cache folder.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import cv2
import drawn
import keras
import numpy as np
import numpy.typing as npt
import platformdirs

import live_gradcam as lg
from live_gradcam.frame import Pixels
from live_gradcam.models.model import Model
from live_gradcam.sources.demo.lesson_scene import BACKGROUNDS, photograph

SIDE = 80
"""Of the pictures that the network sees, in pixels. Four convolutions make 10 × 10 tokens of it."""

AREA = (0.06, 0.16)
"""Share of the picture that a shape covers: from, to."""

WIDTH, HEADS, BLOCKS = 48, 3, 3
"""Numbers for each token, and how many heads and blocks the transformer has."""

STEPS, BATCH, RATE = 1600, 32, 3e-3
TRAINING_SEED, FRESH_SEED = 20, 21
ENOUGH = 0.9
"""Share of fresh pictures that the network must recognise."""

COUNT = 200
"""How many pictures the maps are evaluated on."""

METHODS = ("attnlrp", "legrad", "gradcam")
METRICS = ("pointing", "inside", "rank-accuracy")


@dataclass(frozen=True)
class Drawing:
    """A shape in front of a photograph."""

    pixels: Pixels
    """(side, side, 3) uint8 BGR."""

    mask: npt.NDArray[np.bool_]
    """(side, side): where the shape is."""

    shape: int
    """Its place in `drawn.SHAPES`."""


def drawing(random: np.random.Generator, side: int = SIDE) -> Drawing:
    """Return a shape of random kind, colour, size, place and tilt, in front of a random part of a photograph."""
    number = int(random.integers(len(drawn.SHAPES)))
    background = _background(BACKGROUNDS[random.integers(len(BACKGROUNDS))], side)
    opacity = drawn.placed(drawn.shape(drawn.SHAPES[number]), random.uniform(*AREA), random, side)
    colour = 0.4 * random.uniform(0, 255, 3) + 0.6 * random.choice([0, 255])
    behind = drawn.part(background, random, side)
    pixels = behind * (1 - opacity[..., None]) + colour * opacity[..., None]
    pixels += random.normal(0, 3, pixels.shape)
    return Drawing(np.clip(np.rint(pixels), 0, 255).astype(np.uint8), opacity > 0.5, number)


@cache
def _background(name: str, side: int) -> Pixels:
    """Return a photograph that is at least twice as high and wide as the pictures, so that its parts are cut fast."""
    whole = photograph(name)
    share = min(1.0, 2 * side / min(whole.shape[:2]))
    return np.asarray(cv2.resize(whole, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), np.uint8)


def model(*, again: bool = False) -> Model:
    """Return the trained network with the names of the shapes, from the cache folder if it is there.

    Raises:
        SystemExit: it recognises too few fresh pictures.
    """
    recipe = [inspect.getsource(each) for each in (drawing, _background, _trained, _batch, _untrained, drawn)]
    recipe.append(repr((SIDE, AREA, WIDTH, HEADS, BLOCKS, STEPS, BATCH, RATE, TRAINING_SEED, BACKGROUNDS)))
    name = f"small-transformer-{hashlib.sha256(''.join(recipe).encode()).hexdigest()[:12]}.keras"
    path = platformdirs.user_cache_path("live-gradcam", appauthor=False) / "scripts" / name
    if not path.exists() or again:
        made = _trained()
        right = accuracy(made)
        print(f"It recognises {right:.1%} of fresh pictures.", flush=True)
        if right < ENOUGH:
            raise SystemExit(
                f"The network recognises {right:.1%} of fresh pictures; {ENOUGH:.0%} are needed."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        made.save(path)
    return lg.load_model(path, labels=list(drawn.SHAPES), preprocess="none")


def accuracy(of: Any, count: int = 400) -> float:  # noqa: ANN401
    """Return the share of fresh pictures whose shape a network recognises."""
    random = np.random.default_rng(FRESH_SEED)
    found = [drawing(random) for _ in range(count)]
    scores = np.asarray(of.predict(_batch(found), verbose=0))
    return float(np.mean(scores.argmax(axis=1) == [each.shape for each in found]))


def _trained() -> Any:  # noqa: ANN401
    keras.utils.set_random_seed(TRAINING_SEED)
    made = _untrained()
    rate = keras.optimizers.schedules.CosineDecay(0.0, STEPS, warmup_target=RATE, warmup_steps=STEPS // 10)
    made.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-2),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    random = np.random.default_rng(TRAINING_SEED)
    begun = time.monotonic()
    for step in range(1, STEPS + 1):
        found = [drawing(random) for _ in range(BATCH)]
        shapes = np.array([each.shape for each in found])
        loss, right = made.train_on_batch(_batch(found), shapes)
        if step % 100 == 0:
            seconds = time.monotonic() - begun
            print(f"step {step}: loss {loss:.3f}, {right:.1%} since the start, {seconds:.0f} s", flush=True)
            made.reset_metrics()
    return made


def _batch(found: list[Drawing]) -> npt.NDArray[np.float32]:
    return np.stack([each.pixels[..., ::-1] for each in found]).astype(np.float32)


def _untrained() -> Any:  # noqa: ANN401
    """Return a vision transformer whose patches are embedded by convolutions, which need far fewer pictures."""
    layers = keras.layers
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Rescaling(1 / 127.5, -1)(image)
    for channels, strides in ((WIDTH // 3, 2), (WIDTH // 2, 2), (WIDTH, 2), (WIDTH, 1)):
        x = layers.Conv2D(channels, 3, strides=strides, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ReLU()(x)
    # The zeros beyond the edge tell each token where it is.
    x = layers.Add()([x, layers.DepthwiseConv2D(3, padding="same", name="positions")(x)])
    patches = layers.Reshape((-1, WIDTH), name="patches")(x)
    # The class token begins as the mean patch, so that the file needs no layer of its own.
    first = layers.Reshape((1, WIDTH))(layers.Dense(WIDTH)(layers.GlobalAveragePooling1D()(patches)))
    x = layers.Concatenate(axis=1, name="tokens")([first, patches])
    for number in range(BLOCKS):
        normed = layers.LayerNormalization(name=f"block{number}_norm1")(x)
        attended = layers.MultiHeadAttention(HEADS, WIDTH // HEADS, name=f"block{number}_attention")(
            normed, normed
        )
        x = layers.Add(name=f"block{number}_add1")([x, attended])
        normed = layers.LayerNormalization(name=f"block{number}_norm2")(x)
        hidden = layers.Dense(2 * WIDTH, activation="gelu", name=f"block{number}_mlp1")(normed)
        x = layers.Add(name=f"block{number}_add2")(
            [x, layers.Dense(WIDTH, name=f"block{number}_mlp2")(hidden)]
        )
    x = layers.LayerNormalization(name="norm")(x)
    x = layers.Dense(len(drawn.SHAPES), activation="softmax", name="head")(x[:, 0])
    return keras.Model(image, x, name="small-transformer")


def main() -> None:
    """Print the table of docs/faithfulness.md."""
    random = np.random.default_rng(FRESH_SEED + 1)
    found = [drawing(random) for _ in range(COUNT)]
    explainer = lg.Explainer(model(again="--train-again" in sys.argv[1:]), fit="stretch", engine="tensorflow")
    print(f"Its maps have the layer {explainer.layer}.")
    right = [explainer.explain(each.pixels).target.label == drawn.SHAPES[each.shape] for each in found]
    print(f"{np.mean(right):.1%} of {COUNT} pictures are recognised.")
    print(f"The shapes cover {np.mean([each.mask.mean() for each in found]):.1%} of the pictures.")
    evaluation = lg.evaluate(
        explainer,
        [each.pixels for each in found],
        METRICS,
        boxes=[each.mask for each in found],
        methods=METHODS,
        controls=("shifted", "shuffled", "central"),
    )
    print("| map | pictures |", *(f"{metric} |" for metric in METRICS))
    for control in (None, "shifted", "shuffled", "central"):
        for method in METHODS:
            rows = [evaluation.of(metric, control)[method] for metric in METRICS]
            cells = (f"{row.mean:.3f} ({row.low:.3f}–{row.high:.3f}) |" for row in rows)
            print(f"| {method}{f', {control}' if control else ''} | {rows[0].count} |", *cells)
    print(*(evaluation.words(metric) for metric in METRICS), sep="\n")


if __name__ == "__main__":
    main()
