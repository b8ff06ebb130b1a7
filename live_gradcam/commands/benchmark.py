"""`benchmark`: measure the cost of an explained frame beside the network alone and the article's procedure."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from live_gradcam.commands.options import given, takes_settings
from live_gradcam.config import DEFAULT_METHOD, DEFAULT_MODEL, ExplainSettings
from live_gradcam.errors import LiveGradcamError, SinkError
from live_gradcam.process.stderr_filter import native_stderr_filtered
from live_gradcam.setting import in_options, pixels

if TYPE_CHECKING:
    from live_gradcam.commands.benchmark_cost import Cost

_START = """
import json, os, sys, time
began = time.perf_counter()
import tensorflow
imported = time.perf_counter()
from live_gradcam.pipeline import run
run(source="demo", window=False, frames=1)
json.dump({"tensorflow": imported - began, "picture": time.perf_counter() - imported}, sys.stdout)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkSettings:
    """The settings of `benchmark`."""

    model: Sequence[str] = in_options(
        (),
        "Network to measure; may be repeated.",
        metavar="NAME",
        short="-m",
        usual="efficientnet-lite0, vgg16",
    )
    seconds: float = in_options(20.0, "How long to measure each network.", metavar="SECONDS")
    start: bool = in_options(True, "Whether to measure the time to the first picture.")
    device: str = in_options.like(ExplainSettings, "device")
    methods: bool = in_options(False, "Measure the one-pass methods, the top five and a contrast, too.")
    pipeline: bool = in_options(
        False, "Instead run the whole program with a simulated camera, for each network."
    )
    size: tuple[int, int] = in_options(
        (1280, 720),
        "Picture size of the simulated camera (--pipeline).",
        metavar="WIDTHxHEIGHT",
        read=pixels,
    )
    camera_fps: float = in_options(30.0, "Frame rate of the simulated camera (--pipeline).", metavar="FPS")
    json_file: Path | None = in_options(
        None, "Write the figures to a file, too.", metavar="FILE", option="json"
    )


@takes_settings(BenchmarkSettings, verbose=False)
def benchmark(**typed: Any) -> None:  # noqa: ANN401 - each of its setting's kind
    """Measure the cost of an explanation on this machine, also relative to that of a prediction."""
    from live_gradcam.settings_check import refuse_unknown_device, refuse_unknown_model

    settings = BenchmarkSettings(**given(BenchmarkSettings, typed))
    console = Console()
    for each in settings.model:
        refuse_unknown_model(each)
    refuse_unknown_device(settings.device)
    file = settings.json_file
    if file is not None and not file.absolute().parent.is_dir():
        raise SinkError(
            f"cannot write the figures to '{file}': there is no folder '{file.parent}'. Make it first."
        )
    with native_stderr_filtered():
        from live_gradcam.commands.benchmark_cost import measure
        from live_gradcam.models.devices import choose_device, describe_host

        name = choose_device(settings.device)
    if settings.pipeline:
        reports = [_run_pipeline(each, settings, console) for each in settings.model or [DEFAULT_MODEL]]
        if file is not None:
            _write(file, {"device": name, "host": describe_host(), "pipeline": reports})
        return
    began = _time_to_first_picture() if settings.start else None
    costs = [measure(each, settings.seconds, console) for each in settings.model or [DEFAULT_MODEL, "vgg16"]]
    _print(console, name, costs, began)
    beside = _compare_methods(3 * settings.seconds, console) if settings.methods else None
    if file is not None:
        figures: dict[str, Any] = {
            "device": name,
            "host": describe_host(),
            "first_picture_s": began,
            "beside_gradcam": beside,
            "models": [{**asdict(cost), "ratios": cost.ratios} for cost in costs],
        }
        _write(file, figures)


def _write(path: Path, figures: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise SinkError(f"cannot write the figures to {path}: {error.strerror}.") from error


def _run_pipeline(name: str, settings: BenchmarkSettings, console: Console) -> dict[str, Any]:
    """Run the whole program with the demo as a simulated camera, and return the report that `--stats` writes."""
    from live_gradcam.commands.benchmark_cost import SEED
    from live_gradcam.models.zoo import with_random_weights
    from live_gradcam.pipeline import run
    from live_gradcam.sinks.display_check import find_display

    window = find_display() is None
    with native_stderr_filtered():
        model = with_random_weights(name, SEED)
    size, fps = settings.size, settings.camera_fps
    done = run(
        source="demo", size=size, camera_fps=fps, model=model, window=window, duration=settings.seconds
    )
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


def _compare_methods(seconds: float, console: Console) -> dict[str, float]:
    """Print the cost of other explanations relative to Grad-CAM of the top class, and return the ratios."""
    from live_gradcam.commands.benchmark_cost import measure_methods

    medians, rounds = measure_methods(seconds, console)
    ratios = {name: each / medians[DEFAULT_METHOD] for name, each in medians.items()}
    table = Table(f"on {DEFAULT_MODEL}", f"÷ {DEFAULT_METHOD}", "median ms", box=None)
    for name, ratio in ratios.items():
        table.add_row(name, f"{ratio:.2f}", f"{medians[name]:.1f}")
    console.print()
    console.print(table)
    console.print(f"{rounds} rounds")
    return ratios


def _time_to_first_picture() -> dict[str, float]:
    """Return the seconds in a fresh process for TensorFlow's import, and from there to the first picture."""
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
        f"{device}, {platform.machine()}, {os.cpu_count()} cores; random weights except for {DEFAULT_MODEL}"
    )
