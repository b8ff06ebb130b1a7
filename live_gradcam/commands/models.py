"""`models`: the networks that can be asked for by name."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.table import Table

from live_gradcam.native import native_stderr_filtered


def models() -> None:
    """List the names of networks for --model."""
    with native_stderr_filtered():
        from live_gradcam.models.zoo import CATALOGUE

    table = Table("model", "input", "layer explained", "weights", box=None)
    for entry in CATALOGUE:
        weights = "here" if entry.builder is None else "Keras downloads them once"
        table.add_row(entry.name, f"{entry.size}×{entry.size}", entry.layer or "last feature map", weights)
    Console().print(table)
    typer.echo("Your own .keras or .h5 file, SavedModel folder or frozen .pb works too: --model FILE.")
