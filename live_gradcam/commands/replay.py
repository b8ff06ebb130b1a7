"""`replay`: play a saved session again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from live_gradcam.commands import options
from live_gradcam.escaping import shown
from live_gradcam.number_format import counted


def replay(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="A folder that --save-session wrote.", show_default=False),
    ],
    *,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="NAME|FILE", help="Another model.  \\[default: the session's]"),
    ] = None,
    method: Annotated[
        str | None, typer.Option(metavar="NAME", help="Another method.  \\[default: the session's]")
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Play as fast as possible, not at the original speed.")
    ] = False,
    window: Annotated[bool | None, options.shared("window")] = None,
    record: Annotated[Path | None, typer.Option(metavar="FILE", help="Record the pictures.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Allow --record to replace a file.")] = False,
    verbose: options.Verbose = False,  # noqa: ARG001 - read from the command line before anything runs
    debug: options.Debug = False,  # noqa: ARG001 - likewise
) -> None:
    """Play a saved session again, with the same frames and keys; also with another model or method."""
    from live_gradcam.settings_check import refuse_unknown_method, refuse_unknown_model

    if method is not None:
        refuse_unknown_method(method)
    if model is not None:
        refuse_unknown_model(model)

    from live_gradcam.session.replay import replay_session

    changes: dict[str, Any] = {"model": model, "method": method}
    replayed = replay_session(
        folder,
        changes={name: value for name, value in changes.items() if value is not None},
        fast=fast,
        window=window,
        record=record,
        overwrite=overwrite,
        tell=typer.echo,
    )
    typer.echo(f"{counted(replayed.pictures, 'picture')}, SHA-256 {replayed.digest}")
    if record is not None and record.exists() and not replayed.failures:
        typer.echo(f"recorded {shown(record)}")
    if replayed.failures:
        raise typer.Exit(1)
