"""`methods`: every way to explain, and what it costs here."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from live_gradcam.commands import options
from live_gradcam.config import DEFAULT_METHOD, DEFAULT_MODEL
from live_gradcam.errors import LiveGradcamError
from live_gradcam.native import native_stderr_filtered
from live_gradcam.timing import interleaved_ms


def methods(
    model: Annotated[
        str, typer.Option("--model", "-m", metavar="NAME|FILE", help="Model to measure the cost with.")
    ] = DEFAULT_MODEL,
    measure: Annotated[
        bool, typer.Option("--measure/--no-measure", help="Whether to measure, which takes a minute or two.")
    ] = True,
    seconds: Annotated[float, typer.Option(metavar="SECONDS", help="How long to measure each method.")] = 2.0,
    debug: options.Debug = False,  # noqa: ARG001 - read by main
) -> None:
    """List the methods for --method: paper, passes, and cost on this machine compared with Grad-CAM."""
    with native_stderr_filtered():
        from live_gradcam.explain.explainer import Explainer
        from live_gradcam.explain.methods.method import METHODS, method_named
        from live_gradcam.models.loading import load_model
        from live_gradcam.sources.demo import DemoSource

        table = Table("method", "paper", "passes", box=None)
        if not measure:
            for name in METHODS:
                method = method_named(name)
                table.add_row(name, method.paper, method.passes)
            Console().print(table)
            return
        loaded = load_model(model)
        plain = Explainer(loaded, DEFAULT_METHOD)
        with DemoSource(live=False) as demo:
            picture = next(iter(demo)).pixels
        table.add_column("ms", justify="right")
        table.add_column(f"÷ {DEFAULT_METHOD}", justify="right")
        console = Console()
        for name in METHODS:
            method = method_named(name)
            with console.status(f"measuring {name}"):
                try:
                    explainer = Explainer(loaded, name)
                    runs = {
                        "plain": partial(plain.explain, picture),
                        name: partial(explainer.explain, picture),
                    }
                    medians, _ = interleaved_ms(runs, seconds, least=1)
                except LiveGradcamError as error:
                    table.add_row(name, method.paper, method.passes, "–", str(error).split(":")[0])
                    continue
            ratio = medians[name] / medians["plain"]
            table.add_row(name, method.paper, method.passes, f"{medians[name]:.1f}", f"{ratio:.2f}")
    console.print(table)
