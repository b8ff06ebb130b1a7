"""`methods`: list the explanation methods, and measure their cost on this machine."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer
from rich.console import Console

from live_gradcam.commands import options
from live_gradcam.commands.columns import Columns, print_columns
from live_gradcam.config import DEFAULT_METHOD, DEFAULT_MODEL
from live_gradcam.errors import LiveGradcamError
from live_gradcam.process.stderr_filter import native_stderr_filtered
from live_gradcam.timing import interleaved_ms


def methods(
    model: Annotated[
        str, typer.Option("--model", "-m", metavar="NAME|FILE", help="Model to measure the cost with.")
    ] = DEFAULT_MODEL,
    measure: Annotated[
        bool,
        typer.Option("--measure/--no-measure", help="Whether to measure the cost of each: about a minute."),
    ] = False,
    seconds: Annotated[float, typer.Option(metavar="SECONDS", help="How long to measure each method.")] = 2.0,
    debug: options.Debug = False,  # noqa: ARG001 - read by main
) -> None:
    """List the methods for --method: passes and paper; with --measure their cost on this machine, too."""
    from live_gradcam.settings_check import refuse_unknown_model  # which loads OpenCV

    refuse_unknown_model(model)
    with native_stderr_filtered():
        from live_gradcam.explain.methods.method import method_named, method_names

        known = [method_named(name) for name in method_names()]
        if not measure:
            print_columns(
                ("method", "passes", "paper"), [(each.name, each.passes, each.paper) for each in known]
            )
            typer.echo(
                "--measure adds the cost of each on this machine, compared with Grad-CAM: about a minute.",
                err=True,
            )
            return
        from live_gradcam.explain.explainer import Explainer
        from live_gradcam.models.loading import load_model
        from live_gradcam.sources.demo.demo import DemoSource

        # On stderr, because stdout may be a pipe.
        with Console(stderr=True).status("loading the model") as progress:
            loaded = load_model(model)
            plain = Explainer(loaded, DEFAULT_METHOD)
            with DemoSource(live=False) as demo:
                picture = next(iter(demo)).pixels
            widest = [
                max((str(getattr(each, name)) for each in known), key=len) for name in ("name", "passes")
            ]
            header = ("method", "ms", f"÷ {DEFAULT_METHOD}", "passes", "paper")
            columns = Columns(header, (widest[0], "10000.0", "", widest[1], ""), right=(1, 2))
            for number, method in enumerate(known, start=1):
                progress.update(f"measuring {method.name}, {number} of {len(known)}")
                try:
                    explainer = Explainer(loaded, method.name)
                    runs = {
                        "plain": partial(plain.explain, picture),
                        method.name: partial(explainer.explain, picture),
                    }
                    medians, _ = interleaved_ms(runs, seconds, least=1)
                except LiveGradcamError as error:
                    columns.row(method.name, "–", "–", method.passes, f"{method.paper}; {error}")
                    continue
                ratio = medians[method.name] / medians["plain"]
                columns.row(
                    method.name, f"{medians[method.name]:.1f}", f"{ratio:.2f}", method.passes, method.paper
                )
