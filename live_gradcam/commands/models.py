"""`models`: list the networks that have a name."""

from __future__ import annotations

import typer

from live_gradcam.commands.columns import print_columns
from live_gradcam.process.stderr_filter import native_stderr_filtered


def models() -> None:
    """List the names of networks for --model."""
    with native_stderr_filtered():
        from live_gradcam.models.zoo import CATALOGUE

    rows = []
    for entry in CATALOGUE:
        weights = "here" if entry.builder is None else "Keras downloads them once"
        rows.append((entry.name, f"{entry.size}×{entry.size}", entry.layer or "last feature map", weights))
    print_columns(("model", "input", "layer explained", "weights"), rows)
    typer.echo("Your own .keras or .h5 file, SavedModel folder or frozen .pb works too: --model FILE.")
