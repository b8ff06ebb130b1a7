"""Makes the pictures of the documentation site: of each method, of the tutorial, the moving one, and the page.

scripts/make_pictures.py calls this; alone, with the names of the groups:

.venv/bin/python scripts/site_pictures.py [methods] [tutorial] [moving] [browser] [notebook]
"""

from __future__ import annotations

import datetime as dt
import io
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data
from method_pages import picture as method_picture
from PIL import Image
from playwright.sync_api import sync_playwright

import live_gradcam as lg
from live_gradcam.explain.engine import Engine
from live_gradcam.explain.methods.method import METHODS, method_named
from live_gradcam.explanation import Explanation
from live_gradcam.fixed_choices import View
from live_gradcam.frame import Frame, Pixels
from live_gradcam.metrics.proofs import ProvedAnswers
from live_gradcam.models.model import Model
from live_gradcam.question import Answer, Question
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.renderer import Renderer
from live_gradcam.sources.demo.demo import DemoSource
from live_gradcam.sources.demo.lesson_demo import LessonDemo, Scene, drawn_props

DOCS = Path(__file__).resolve().parent.parent / "docs"
MOST_BYTES = 30_000
MOST_BYTES_MOVING = 1_500_000
PORT = "8731"
GAP = 6
"""White pixels between two pictures."""

MOVING_SIZE = (640, 360)
MOVING_EVERY = 4
"""Of the demo's 30 frames a second, every fourth is shown."""

DRAWING_SIDE, DRAWINGS = 300, (1, 12)
"""Pixels and seeds of the drawn shapes."""

LAYERS = ("block3_expand", "block10_add", "head")
"""The layers that the tutorial compares."""

STRIDE = 6
"""Frames from one example to the next: a burst takes six seconds, in which the mug moves through the picture."""

FINE_LOOK: dict[str, Any] = {"alpha": 0.85, "colormap": "inferno"}
"""How a map of pixels is drawn: its points are too small for a pale overlay."""

BURST = 30
"""Frames of each scene that the tutorial teaches."""


def write_methods(model: Model) -> None:
    """Write the picture of each method: of a transformer's, two drawn shapes; of all others, the cat."""
    image = cat()
    for name in METHODS:
        method = method_named(name)
        if method.needs_attention or name == "attnlrp":
            write(method_picture(name), beside(*map(shape_with_heat(name), DRAWINGS)))
            continue
        explanation = lg.Explainer(model, name, engine="tensorflow").explain(image)
        drawn = lg.draw(image, explanation, **(FINE_LOOK if method.maps_pixels else {}))
        write(method_picture(name), drawn)


def shape_with_heat(method: str) -> Callable[[int], Pixels]:
    """Return a function that draws a shape by its seed, with the heat of a transformer that was trained on such."""
    from small_transformer import drawing, model

    explainer = lg.Explainer(model(), method, engine="tensorflow")
    look = FINE_LOOK if method_named(method).maps_pixels else {}

    def shown(seed: int) -> Pixels:
        image = drawing(np.random.default_rng(seed), DRAWING_SIDE).pixels
        return lg.draw(image, explainer.explain(image), **look)

    return shown


def write_tutorial(model: Model) -> None:
    """Write the pictures of docs/tutorial.md."""
    folder = DOCS / "pictures" / "tutorial"
    image = as_jpeg(cat())
    plain = lg.Explainer(model, engine="tensorflow")
    usual = plain.explain(image)
    article = lg.Explainer(model, score="probability", fit="stretch", engine="tensorflow")
    write(
        folder / "article.jpg",
        beside(as_in_the_article(image, article.explain(image)), lg.draw(image, usual)),
    )
    black = np.zeros_like(image)
    write(
        folder / "black.jpg",
        beside(as_in_the_article(black, article.explain(black)), lg.draw(black, plain.explain(black))),
    )
    found = [lg.Explainer(model, layer=layer, engine="tensorflow").explain(image) for layer in LAYERS]
    write(folder / "layers.jpg", beside(*(lg.draw(image, each) for each in found)))
    several = plain.explain_targets(image, ["#1", "#2", "#1 - #2"])
    write(folder / "contrast.jpg", beside(*(lg.draw(image, each) for each in several)))
    # Of twice its size, so that the figures of the proof can be read.
    large = np.asarray(cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
    write(folder / "proof.jpg", viewed(large, model, Question(proof=0.3), "proof"))
    several_methods = Question(methods=methods_of_the_view())
    write(folder / "methods.jpg", viewed(image, model, several_methods, "methods"))
    write_taught(folder, model)


def viewed(image: Pixels, model: Model, question: Question, view: View) -> Pixels:
    """Return a view of an image, as `--view` begins with it."""
    with Engine([model]) as engine:
        answer = ProvedAnswers(engine, "crop", [model.input_size]).answer(image, question)
    renderer = Renderer(Appearance(view=view))
    frame = Frame(image, 0, 0.0, None)
    renderer.add_answer(frame, answer)
    return renderer.picture(frame)[0]


def methods_of_the_view() -> tuple[str, ...]:
    """Return the methods that `--view methods` begins with: four that share one pass."""
    return tuple(name for name in METHODS if method_named(name).together)[:4]


def write_taught(folder: Path, model: Model) -> None:
    """Write the pictures of a network that was taught two mugs, each before a background of its own; then both."""
    from live_gradcam.teach.examples import Examples, burst_of
    from live_gradcam.teach.feature_extractor import FeatureExtractor
    from live_gradcam.teach.learner import lesson_from
    from live_gradcam.teach.saved_model import save_taught_model

    with (
        LessonDemo(size=(480, 360), props=drawn_props()) as demo,
        Engine([model]) as engine,
        tempfile.TemporaryDirectory() as place,
    ):
        demo.close()  # no camera is needed
        extractor = FeatureExtractor(engine, model.input_size)
        names = tuple(name.removeprefix("the ") for name in demo.props.thing_names)
        examples = Examples()

        def teach(scene: Scene, start: int) -> Examples:
            squares = [square(demo.look_at(start + STRIDE * number, scene)[0]) for number in range(BURST)]
            burst = burst_of(extractor, np.stack([extractor.seen(each) for each in squares]), float(start))
            return examples.with_burst(names[scene[0]], burst)

        def shown(name: str, scenes: Sequence[Scene]) -> None:
            path = Path(place, f"{name}.keras")
            save_taught_model(model, lesson_from(examples).head, path)
            explainer = lg.Explainer(lg.load_model(path), engine="tensorflow")
            views = [square(demo.look_at(20_000, scene)[0]) for scene in scenes]
            write(folder / f"{name}.jpg", beside(*(lg.draw(each, explainer.explain(each)) for each in views)))

        examples = teach((0, 0), 0)
        examples = teach((1, 1), 200)
        shown("taught", [(0, 0), (0, 1)])
        examples = teach((0, 1), 400)
        examples = teach((1, 0), 600)
        shown("taught-both", [(0, 0), (0, 1)])


def write_moving(model: Model) -> None:
    """Write the moving picture: one tour of the demo's camera, as the window shows it."""
    explainer = lg.Explainer(model, engine="tensorflow")
    renderer = Renderer(Appearance())
    shown = []
    with DemoSource(
        live=False, size=MOVING_SIZE, wall_time=lambda: dt.datetime(2026, 1, 1, 10, 9, 36)
    ) as demo:
        for frame in demo:
            renderer.add_answer(frame, Answer(Question(), (explainer.explain(frame.pixels),)))
            drawn, _ = renderer.picture(frame)
            if frame.index % MOVING_EVERY == 0:
                shown.append(Image.fromarray(drawn[..., ::-1]))
        rate = demo.fps or 30.0
    data = io.BytesIO()
    shown[0].save(
        data,
        "WEBP",
        save_all=True,
        append_images=shown[1:],
        duration=round(1000 * MOVING_EVERY / rate),
        loop=0,
        quality=40,
        method=6,
    )
    keep(DOCS / "demo.webp", data.getvalue(), MOST_BYTES_MOVING)


def write_browser(model: Model) -> None:
    """Write the picture of the page in Chromium, with the server's own camera: the demo, at its cup of coffee."""
    del model  # the server loads its own
    command = [sys.executable, "-m", "live_gradcam", "serve", "--source", "demo", "--port", PORT]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server, sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            wait_for_server()
            page.goto(f"http://127.0.0.1:{PORT}/")
            page.locator("#label", has_text="espresso").wait_for(timeout=120_000)
            page.wait_for_timeout(1000)  # the camera arrives
            page.keyboard.press("Space")
            page.wait_for_timeout(1500)
            image = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
        finally:
            server.terminate()
    if image is None:
        raise SystemExit("Chromium gave no picture of the page.")
    write(DOCS / "browser.jpg", np.asarray(image, np.uint8))


def write_notebook(model: Model) -> None:
    """Write the picture of the camera in a notebook's cell: a cup of coffee before the reader's camera."""
    sys.path.insert(0, str(DOCS.parent / "tests"))
    import browser
    from widget_page import WidgetPage

    coffee = np.ascontiguousarray(skimage.data.coffee()[..., ::-1])
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        camera = browser.write_camera(Path(place, "camera.y4m"), [browser.coffee_frame(coffee)] * 3)
        with browser.chromium(playwright, camera) as opened:
            page = opened.new_page(viewport={"width": 760, "height": 670})
            WidgetPage(lg.CameraWidget(model)).show(page)
            page.get_by_role("button", name="Start the camera").click()
            page.locator(".label", has_text="espresso").wait_for(timeout=60_000)
            page.wait_for_timeout(3000)
            data = np.frombuffer(page.screenshot(), np.uint8)
    write(DOCS / "pictures/notebook-camera.jpg", np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8))


def chromium() -> str | None:
    """Return the path of the installed Chromium; None for Playwright's own."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def wait_for_server() -> None:
    """Wait until the server answers; for a minute at most."""
    for _ in range(120):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/healthz", timeout=5).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise SystemExit("The server did not answer within a minute.")


def cat() -> Pixels:
    """Return scikit-image's photograph of a cat, (300, 451, 3) uint8 BGR. It is in the public domain (CC0)."""
    return np.ascontiguousarray(skimage.data.chelsea()[..., ::-1])


def as_jpeg(image: Pixels) -> Pixels:
    """Return a picture as a JPEG file of OpenCV's usual quality holds it: `cat.jpg` of the tutorial."""
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", image)[1], cv2.IMREAD_COLOR), np.uint8)


def square(image: Pixels) -> Pixels:
    """Return the square in the middle, which the network sees."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return np.ascontiguousarray(image[top : top + side, left : left + side])


def as_in_the_article(image: Pixels, explanation: Explanation) -> Pixels:
    """Return the picture as the article draws it: the raw map divided by its maximum, whatever that is."""
    raw = explanation.raw_heatmap
    heat = cv2.resize(raw / raw.max() if raw.max() > 0 else raw, image.shape[1::-1])
    coloured = cv2.applyColorMap(np.asarray(255 * heat).astype(np.uint8), cv2.COLORMAP_JET)
    return np.asarray(cv2.addWeighted(image, 0.6, coloured, 0.4, 0), np.uint8)


def beside(*pictures: Pixels) -> Pixels:
    """Return pictures of one height side by side."""
    gap = np.full((pictures[0].shape[0], GAP, 3), 255, np.uint8)
    parts = [part for each in pictures for part in (gap, each)]
    return np.ascontiguousarray(np.hstack(parts[1:]))


def write(path: Path, shown: Pixels) -> None:
    """Write a picture as a JPEG of the best quality that is small enough."""
    path.parent.mkdir(parents=True, exist_ok=True)
    panes = max(1, round(shown.shape[1] / 480))
    for quality in range(86, 40, -4):
        data = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(data) <= MOST_BYTES * panes:
            break
    keep(path, data, MOST_BYTES * panes)


def keep(path: Path, data: bytes, most: int) -> None:
    """Write a file, and say how small it is."""
    if len(data) > most:
        raise SystemExit(f"{path} would have {len(data)} bytes; {most} are the most.")
    path.write_bytes(data)
    print(f"{path.relative_to(DOCS.parent)}: {len(data) // 1024} KB", flush=True)


GROUPS: dict[str, Callable[[Model], None]] = {
    "methods": write_methods,
    "tutorial": write_tutorial,
    "moving": write_moving,
    "browser": write_browser,
    "notebook": write_notebook,
}


def main() -> None:
    """Make the groups that are named, or all."""
    model = lg.load_model("efficientnet-lite0")
    for name in sys.argv[1:] or GROUPS:
        GROUPS[name](model)


if __name__ == "__main__":
    main()
