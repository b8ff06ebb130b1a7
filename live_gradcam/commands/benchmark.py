"""`benchmark`: what an explained frame costs on this machine, beside the bare network and the usual way."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from live_gradcam.commands import options
from live_gradcam.config import DEFAULT_METHOD, DEFAULT_MODEL
from live_gradcam.errors import LiveGradcamError, SettingsError, SinkError
from live_gradcam.native import native_stderr_filtered
from live_gradcam.timing import interleaved_ms

SEED = 0
"""Of the random weights of networks whose own would have to be downloaded: the cost is the same."""

_FRAME_SIZE = (1280, 720)

_START = """
import json, os, sys, time
began = time.perf_counter()
import tensorflow
imported = time.perf_counter()
from live_gradcam.pipeline import run
run(source="demo", window=False, frames=1)
json.dump({"tensorflow": imported - began, "picture": time.perf_counter() - imported}, sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one network costs, in milliseconds for a frame: medians of one interleaved run."""

    model: str
    frozen: bool
    """Whether the explainer's graph is frozen to constants, as shipped."""

    rounds: int
    forward_ms: float
    """The network alone, as a `tf.function`."""

    forward_alike_ms: float
    """The same, frozen if the explainer's graph is."""

    explained_ms: float
    """Prediction and map, from a picture of the network's size."""

    article_ms: float
    """The seed article's procedure on a 1280×720 frame, picture included."""

    end_to_end_ms: float
    """A 1280×720 frame in, the finished picture out."""

    @property
    def ratios(self) -> dict[str, float]:
        """The figures that do not depend on how fast the machine is."""
        return {
            "explained / forward": self.explained_ms / self.forward_ms,
            "explained / forward, like for like": self.explained_ms / self.forward_alike_ms,
            "article / end to end": self.article_ms / self.end_to_end_ms,
        }


def benchmark(
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            help="Network to measure; may be repeated.  \\[default: efficientnet-lite0, vgg16]",
            show_default=False,
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long to measure each network.")
    ] = 20.0,
    start: Annotated[
        bool, typer.Option("--start/--no-start", help="Whether to measure the time to the first picture.")
    ] = True,
    device: Annotated[str, typer.Option(metavar="auto|cpu|gpu:N", help="What it is computed on.")] = "auto",
    methods: Annotated[
        bool,
        typer.Option(
            "--methods/--no-methods",
            show_default=False,
            help="Also what the methods of one pass, top 5 and a contrast cost.",
        ),
    ] = False,
    pipeline: Annotated[
        bool,
        typer.Option(
            "--pipeline/--no-pipeline",
            show_default=False,
            help="Instead run a pretend camera through the whole loop, for each network.",
        ),
    ] = False,
    size: Annotated[
        str, typer.Option(metavar="WIDTHxHEIGHT", help="Of the pretend camera, with --pipeline.")
    ] = "1280x720",
    camera_fps: Annotated[
        float, typer.Option(metavar="FPS", help="Of the pretend camera, with --pipeline.")
    ] = 30.0,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures to a file, too.")
    ] = None,
    config: options.ConfigFile = None,  # noqa: ARG001 - read before the other options are
    debug: options.Debug = False,  # noqa: ARG001 - read by main
) -> None:
    """Measure what explaining costs here: ratios first, since they hold on other machines too."""
    console = Console()
    with native_stderr_filtered():
        from live_gradcam.models.devices import choose_device, describe_host

        name = choose_device(device)
    if pipeline:
        reports = [
            _run_pipeline(each, seconds, size_of(size), camera_fps, console)
            for each in model or [DEFAULT_MODEL]
        ]
        if json_file is not None:
            _write(json_file, {"device": name, "host": describe_host(), "pipeline": reports})
        return
    began = _time_to_first_picture() if start else None
    costs = [_measure(each, seconds, console) for each in model or [DEFAULT_MODEL, "vgg16"]]
    _print(console, name, costs, began)
    beside = _measure_methods(3 * seconds, console) if methods else None
    if json_file is not None:
        figures: dict[str, Any] = {
            "device": name,
            "host": describe_host(),
            "first_picture_s": began,
            "beside_gradcam": beside,
            "models": [{**asdict(cost), "ratios": cost.ratios} for cost in costs],
        }
        _write(json_file, figures)


def size_of(text: str) -> tuple[int, int]:
    """Return (width, height) of `1280x720`.

    Raises:
        SettingsError: it has another form.
    """
    width, _, height = text.replace("×", "x").partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise SettingsError(
            f"--size is '{text}': it must be WIDTHxHEIGHT in pixels, such as --size 1280x720."
        )
    return int(width), int(height)


def _write(path: Path, figures: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise SinkError(f"cannot write the figures to {path}: {error.strerror}.") from error


def _run_pipeline(
    name: str, seconds: float, size: tuple[int, int], fps: float, console: Console
) -> dict[str, Any]:
    """Run the demo as a pretend camera through the whole loop, and return what `--stats` would write."""
    from live_gradcam.models.zoo import with_random_weights
    from live_gradcam.pipeline import run
    from live_gradcam.sinks.display import find_display

    window = find_display() is None
    with native_stderr_filtered():
        model = with_random_weights(name, SEED)
    done = run(source="demo", size=size, camera_fps=fps, model=model, window=window, duration=seconds)
    report = done.report()
    table = Table(f"{name}, {size[0]}×{size[1]} at {fps:g} fps", "", box=None)
    for label, key in (("shown fps", "shown_fps"), ("explained fps", "explained_fps")):
        table.add_row(label, f"{report[key]:.1f}")
    for label, key in (("latency ms", "latency_ms"), ("age of the heat ms", "explanation_age_ms")):
        spread = report[key] or {}
        table.add_row(label, ", ".join(f"{each} {value:.1f}" for each, value in spread.items()))
    for stage, spread in report["stage_ms"].items():
        table.add_row(f"{stage} ms", ", ".join(f"{each} {value:.1f}" for each, value in spread.items()))
    table.add_row("window", "yes" if window else "no")
    console.print(table)
    return report


def _measure(name: str, seconds: float, console: Console) -> Cost:
    import cv2

    from live_gradcam.explain.article import ArticleGradCAM, BareForward
    from live_gradcam.explain.explainer import Explainer
    from live_gradcam.models.zoo import with_random_weights
    from live_gradcam.render.picture import draw
    from live_gradcam.sources.demo import DemoSource

    model = with_random_weights(name, SEED)
    explainer = Explainer(model)
    with DemoSource(live=False, size=_FRAME_SIZE) as demo:
        frame = next(iter(demo)).pixels
    small = cv2.resize(frame, model.input_size[::-1]).astype("uint8", copy=False)
    article = ArticleGradCAM(model, str(explainer.layer))
    forward = BareForward(model, small, frozen=False)
    alike = BareForward(model, small, frozen=True) if explainer.frozen else forward
    runs: dict[str, Callable[[], Any]] = {
        "forward": forward,
        "alike": alike,
        "explained": lambda: explainer.explain(small),
        "article": lambda: article.picture(frame),
        "end to end": lambda: draw(frame, explainer.explain(frame)),
    }
    with console.status(f"measuring {model.name}"):
        medians, rounds = interleaved_ms(runs, seconds)
    return Cost(
        model=model.name,
        frozen=explainer.frozen,
        rounds=rounds,
        forward_ms=medians["forward"],
        forward_alike_ms=medians["alike"],
        explained_ms=medians["explained"],
        article_ms=medians["article"],
        end_to_end_ms=medians["end to end"],
    )


def _measure_methods(seconds: float, console: Console) -> dict[str, float]:
    """Return what other explanations cost beside Grad-CAM of the top class, on the default network."""
    import cv2

    from live_gradcam.explain.explainer import Explainer
    from live_gradcam.explain.methods.method import METHODS, method_named
    from live_gradcam.models.loading import load_model
    from live_gradcam.sources.demo import DemoSource

    model = load_model(DEFAULT_MODEL)
    with DemoSource(live=False, size=_FRAME_SIZE) as demo:
        picture = cv2.resize(next(iter(demo)).pixels, model.input_size[::-1]).astype("uint8", copy=False)
    plain = Explainer(model)
    runs: dict[str, Callable[[], Any]] = {DEFAULT_METHOD: partial(plain.explain, picture)}
    for name in METHODS:
        if name != DEFAULT_METHOD and method_named(name).family in ("gradient", "activation"):
            runs[name] = partial(Explainer(model, name).explain, picture)
    runs["top 5 maps"] = partial(plain.explain_top, picture, 5)
    runs["contrast"] = partial(Explainer(model, target="#1 - #2").explain, picture)
    with console.status("measuring the methods"):
        medians, rounds = interleaved_ms(runs, seconds)
    ratios = {name: each / medians[DEFAULT_METHOD] for name, each in medians.items()}
    table = Table(f"on {model.name}", f"÷ {DEFAULT_METHOD}", "median ms", box=None)
    for name, ratio in ratios.items():
        table.add_row(name, f"{ratio:.2f}", f"{medians[name]:.1f}")
    console.print()
    console.print(table)
    console.print(f"{rounds} rounds")
    return ratios


def _time_to_first_picture() -> dict[str, float]:
    """Return the seconds that TensorFlow's import took in a fresh process, and from there to the first picture."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", _START], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode != 0:
        raise LiveGradcamError(f"the demo did not start: {done.stderr.strip().splitlines()[-1]}")
    seconds: dict[str, float] = json.loads(done.stdout)
    return seconds


def _print(console: Console, device: str, costs: list[Cost], began: dict[str, float] | None) -> None:
    ratios = Table("ratio", *(cost.model for cost in costs), box=None)
    for name in costs[0].ratios:
        ratios.add_row(name, *(f"{cost.ratios[name]:.2f}" for cost in costs))
    console.print(ratios)
    console.print()
    table = Table("median ms for a frame", *(cost.model for cost in costs), box=None)
    for name, field in (
        ("forward pass alone", "forward_ms"),
        ("forward pass, compiled alike", "forward_alike_ms"),
        ("explained", "explained_ms"),
        ("1280×720 to picture, the article's way", "article_ms"),
        ("1280×720 to picture", "end_to_end_ms"),
    ):
        table.add_row(name, *(f"{getattr(cost, field):.1f}" for cost in costs))
    table.add_row("graph frozen", *("yes" if cost.frozen else "no" for cost in costs))
    table.add_row("rounds", *(str(cost.rounds) for cost in costs))
    console.print(table)
    if began is not None:
        console.print(
            f"\nfirst picture of the demo: {began['picture']:.1f} s after TensorFlow's import, "
            f"which took {began['tensorflow']:.1f} s"
        )
    console.print(
        f"{device}, {platform.machine()}, {os.cpu_count()} cores; random weights but for {DEFAULT_MODEL}"
    )
