"""Makes the pictures of README.md and docs/: views and styles of the demo's clocks, then what site_pictures.py makes.

.venv/bin/python scripts/make_pictures.py
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import cv2
import keras
import numpy as np
import site_pictures

import live_gradcam as lg
from live_gradcam.explain.concept_answers import ConceptAnswers
from live_gradcam.explain.engine import Engine
from live_gradcam.explanation import Explanation
from live_gradcam.frame import Frame, Pixels
from live_gradcam.live.choice import CONCEPTS
from live_gradcam.metrics.proofs import ProvedAnswers
from live_gradcam.models.model import Model
from live_gradcam.question import Answer, Channel, Question
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.overlay import Overlay, SearchBox
from live_gradcam.render.renderer import Renderer
from live_gradcam.sources.demo.demo import DemoSource

DOCS = Path(__file__).parent.parent / "docs"
SIZE = (960, 540)
INDEX = 40
"""A frame on which the camera dwells."""

TWO_THINGS = 780
"""A frame with the clock and a pencil."""

QUALITY = 82
MOST_BYTES = 100_000

METHODS = ("gradcam", "hirescam", "layercam", "eigencam")
MINUTE = range(0, 1800, 10)
"""Frames of a minute, three a second."""


def main() -> None:
    """Write all of them."""
    model = lg.load_model("efficientnet-lite0")
    explainers = {name: lg.Explainer(model, method=name) for name in METHODS}
    explainer = explainers["gradcam"]
    with DemoSource(
        live=False, size=SIZE, photographs=False, wall_time=lambda: dt.datetime(2026, 1, 1, 10, 9, 36)
    ) as demo:
        frame = demo.frame_at(INDEX)
        two_things = demo.frame_at(TWO_THINGS)
        minute = [demo.frame_at(index) for index in MINUTE]
    one = answer(explainer.explain(frame.pixels))
    targets = answer(*explainer.explain_top(frame.pixels, 4))
    methods = answer(*(each.explain(frame.pixels) for each in explainers.values()))
    contrast = answer(*explainer.explain_targets(frame.pixels, ["#1 - #2"]))
    channels = Answer(Question(channels=9), one.explanations, strongest(model, frame, one.first))
    folder = DOCS / "pictures"
    folder.mkdir(exist_ok=True)

    write(DOCS / "demo.jpg", picture(frame, one, Appearance()))
    for style in ("fade", "contours", "masked", "heat"):
        write(folder / f"style-{style}.jpg", picture(frame, one, Appearance(style=style, scale_bar=True)))
    for colormap in ("turbo", "viridis", "cividis", "inferno"):
        write(
            folder / f"colormap-{colormap}.jpg",
            picture(frame, one, Appearance(colormap=colormap, scale_bar=True)),
        )
    scanned = answer(lg.Explainer(model, fit="scan").explain(two_things.pixels))
    write(folder / "fit-scan.jpg", picture(two_things, scanned, Appearance()))
    write(folder / "view-side.jpg", picture(frame, one, Appearance(view="side")))
    write(folder / "view-methods.jpg", picture(frame, methods, Appearance(view="methods")))
    write(folder / "view-targets.jpg", picture(frame, targets, Appearance(view="targets")))
    write(folder / "view-channels.jpg", picture(frame, channels, Appearance(view="channels", scale_bar=True)))
    write(folder / "view-history.jpg", after(minute, explainer, Appearance(view="history")))
    with Engine([model]) as engine:
        asked = Question(proof=0.25, curves=True)
        proved = ProvedAnswers(engine, "crop", [model.input_size]).answer(frame.pixels, asked)
        concepts = ConceptAnswers(engine, "single").answer(frame.pixels, Question(concepts=CONCEPTS))
    plain = replace(proved, curves=())
    write(folder / "curves.jpg", picture(frame, proved, Appearance(), Overlay(frozen=True)))
    write(folder / "badge.jpg", picture(frame, plain, Appearance(badge=True)))
    write(folder / "view-proof.jpg", picture(frame, plain, Appearance(view="proof")))
    write(folder / "view-concepts.jpg", picture(frame, concepts, Appearance(view="concepts")))
    busy = Overlay(
        toast="why this, rather than the runner-up",
        busy="compiling hirescam …",
        frozen=True,
        statistics=("shown\t30.0 fps", "explained\t29.8 fps", "latency\t18 ms, 95% 25"),
    )
    write(folder / "signs.jpg", picture(frame, contrast, Appearance(statistics=True), busy, recording=72.0))
    names = ("wall clock", "analog clock", "digital clock", "clog")
    search = Overlay(search_box=SearchBox(typed="clo", completions=names, chosen=1))
    write(folder / "search.jpg", picture(frame, one, Appearance(), search))
    for make in site_pictures.GROUPS.values():
        make(model)


def answer(*explanations: Explanation) -> Answer:
    """Return the answer that has these explanations."""
    return Answer(Question(), explanations)


def picture(
    frame: Frame,
    of_it: Answer,
    look: Appearance,
    overlay: Overlay | None = None,
    *,
    recording: float | None = None,
) -> Pixels:
    """Return the picture of a frame; where it has been recorded for some seconds, as the window shows it."""
    renderer = Renderer(look)
    renderer.add_answer(frame, of_it)
    drawn, _ = renderer.picture(frame, overlay)
    return drawn if recording is None else renderer.with_signs(drawn, seconds=recording)


def after(frames: list[Frame], explainer: lg.Explainer, look: Appearance) -> Pixels:
    """Return the picture of the last of some frames, all of which were shown."""
    renderer = Renderer(look, motion="off")
    for frame in frames:
        renderer.add_answer(frame, answer(explainer.explain(frame.pixels)))
        shown, _ = renderer.picture(frame)
    return shown


def strongest(model: Model, frame: Frame, explanation: Explanation) -> tuple[Channel, ...]:
    """Return the nine strongest channels of the default network's last feature map.

    Behind it stand a mean over space and one dense layer, so that Grad-CAM's weights can be read off: those of the
    dense layer, divided by the number of places.
    """
    x, y, width, height = explanation.region
    side = model.input_size[0]
    seen = cv2.resize(frame.pixels[y : y + height, x : x + width], (side, side), interpolation=cv2.INTER_AREA)
    network = model.network
    pool = network.get_layer("pool")
    features = keras.Model(network.inputs, pool.input)
    activations = np.asarray(features(((seen[None, ..., ::-1] - 127.0) / 128.0).astype(np.float32)))[0]
    kernel = np.asarray(network.get_layer("predictions").kernel)
    class_id = explanation.top[0].class_id
    weights = kernel[:, class_id] / activations[..., 0].size
    order = np.argsort(-np.abs(weights * activations.mean(axis=(0, 1))))[:9]
    return tuple(Channel(int(k), float(weights[k]), activations[..., k].astype(np.float32)) for k in order)


def write(path: Path, shown: Pixels) -> None:
    """Write a picture as a small JPEG, and say how small."""
    data = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
    if len(data) > MOST_BYTES:
        raise SystemExit(f"{path} would have {len(data)} bytes; {MOST_BYTES} are the most.")
    path.write_bytes(data)
    print(f"{path.relative_to(DOCS.parent)}: {len(data) // 1024} KB")


if __name__ == "__main__":
    main()
