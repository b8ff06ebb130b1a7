"""`layers`: list the layers of a model that can be explained."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from live_gradcam.commands.columns import print_columns
from live_gradcam.commands.options import Debug, shared
from live_gradcam.config import DEFAULT_MODEL, ExplainSettings
from live_gradcam.process.stderr_filter import native_stderr_filtered


def layers(
    model: Annotated[
        str, typer.Argument(metavar="NAME|FILE|MODULE:FACTORY", help="The model, as for --model.")
    ] = DEFAULT_MODEL,
    every: Annotated[
        bool, typer.Option("--all", help="List the layers that cannot be explained, too.")
    ] = False,
    output: Annotated[str | None, shared("output")] = None,
    allow_unsafe: Annotated[bool, shared("allow_unsafe")] = False,
    debug: Debug = False,  # noqa: ARG001 - read by main
) -> None:
    """List the layers of a model that can be explained, and mark the one that is explained by default."""
    from live_gradcam.settings_check import refuse_unknown_model  # which loads OpenCV

    refuse_unknown_model(model)
    with native_stderr_filtered():
        from live_gradcam.explain.layer_rows import LayerMemory
        from live_gradcam.models.model_key import key_of

        settings = ExplainSettings(model=model, output=output, allow_unsafe=allow_unsafe)
        key = key_of(settings)
        rows = LayerMemory().recall(key)
        if not rows:
            from live_gradcam.explain.layer_table import layer_table  # these load TensorFlow
            from live_gradcam.models.loading import load_named

            rows = tuple(layer_table(replace(load_named(settings), key=key)))
    shown = [
        ("▶" if row.automatic else "", row.path, row.kind, row.shape)
        for row in rows
        if row.explainable or every
    ]
    print_columns(("", "layer", "type", "shape"), shown)
    typer.echo("▶ is explained unless --layer names another; several, separated by commas, are fused.")
