"""Measures how often the badge is green: for the heat itself, and for maps that have nothing to do with the answer.

.venv/bin/python scripts/badge.py [PHOTOS] [--photos 200] [--share 0.3] [--engine auto]

PHOTOS is a folder of photographs, such as a clone of github.com/EliSchwartz/imagenet-sample-images. Without it the
demo and the photographs that scikit-image ships are tested. Only recognised pictures count. The table stands in
docs/faithfulness.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data

import live_gradcam as lg
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explanation import WHOLE, Explanation, HeatMap
from live_gradcam.faithfulness import DEFAULT_SHARE
from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import Scores, seen_part
from live_gradcam.metrics.controls import central, shifted, shuffled
from live_gradcam.metrics.masking import faithfulness

DEMO_FRAMES, EVERY = 600, 9
"""How many frames of the demo are watched, and each of how many is tested."""

SHIPPED = ("astronaut", "camera", "chelsea", "coffee", "rocket")
"""Photographs of scikit-image's package."""


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--share", type=float, default=DEFAULT_SHARE)
    parser.add_argument("--engine", default="auto")
    given = parser.parse_args()
    explainer = lg.Explainer(lg.load_model("efficientnet-lite0"), engine=given.engine)
    print("| pictures | recognised | heat | shifted | shuffled | central |\n|---|---:|---:|---:|---:|---:|")
    if given.folder is not None:
        files = sorted(path for path in given.folder.iterdir() if path.suffix.lower() in (".jpeg", ".jpg"))
        chosen = files[:: max(1, len(files) // given.photos)][: given.photos]
        print(row(f"{len(chosen)} photographs", explainer, (read(path) for path in chosen), given.share))
        return
    print(row("the demo", explainer, demo(), given.share))
    print(row("scikit-image's photographs", explainer, map(shipped, SHIPPED), given.share))


def row(name: str, explainer: Explainer, images: Iterator[Pixels], share: float) -> str:
    """Return the row of a table: how often the badge is green for each kind of map."""
    green: list[list[bool]] = []
    for image in images:
        explanation = explainer.explain(image)
        best = explanation.best
        if best is None or (best.probability or 0.0) < explanation.needed or not explanation.has_evidence:
            continue
        green.append([holds(explainer, image, explanation, each, share) for each in maps_of(explanation)])
    rates = " | ".join(f"{rate:.2f}" for rate in np.mean(green, axis=0))
    return f"| {name} | {len(green)} | {rates} |"


def maps_of(explanation: Explanation) -> list[HeatMap]:
    """Return the explanation's map, and the three that have nothing to do with the answer."""
    heatmap = explanation.heatmap
    return [
        heatmap,
        shifted(heatmap),
        shuffled(heatmap, seed=1),
        central((heatmap.shape[0], heatmap.shape[1])),
    ]


def holds(
    explainer: Explainer, image: Pixels, explanation: Explanation, heatmap: HeatMap, share: float
) -> bool:
    """Return whether the badge would be green for a map."""
    target: Any = explanation.target
    picture, part = seen_part(image, explainer.fit, explainer.model.input_size)

    def score_of(pictures: Sequence[Pixels]) -> Scores:
        found = explainer.explain_batch(pictures, targets=[target.class_id] * len(pictures))
        targets: list[Any] = [each.target for each in found]
        return np.array([each.probability for each in targets], np.float64)

    tested = replace(explanation, heatmap=heatmap, region=part, inset=WHOLE)
    return faithfulness(picture, part, tested, score_of, share=share).holds is True


def demo() -> Iterator[Pixels]:
    """Yield frames of the demo."""
    with lg.open_source("demo") as source:
        for number, frame in enumerate(source):
            if number >= DEMO_FRAMES:
                return
            if number % EVERY == 0:
                yield frame.pixels


def shipped(name: str) -> Pixels:
    """Return a photograph of scikit-image's, (H, W, 3) uint8 BGR."""
    image = np.asarray(getattr(skimage.data, name)())
    colour = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image[..., 2::-1]
    return np.ascontiguousarray(colour)


def read(path: Path) -> Pixels:
    """Return a photograph, (H, W, 3) uint8 BGR."""
    image = cv2.imread(str(path))
    if image is None:
        raise SystemExit(f"{path} is no photograph that OpenCV reads.")
    return np.asarray(image, np.uint8)


if __name__ == "__main__":
    main()
