"""`live`: show a camera, a film or photos with the heat map."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from live_gradcam.commands import positional_source
from live_gradcam.commands.options import given, takes_settings
from live_gradcam.config import Settings
from live_gradcam.escaping import shown
from live_gradcam.number_format import counted


@takes_settings(Settings)
def live(
    context: typer.Context,
    bare: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE",
            help="The source, the same as --source. The word live may be left out: `live-gradcam photo.jpg`.",
            show_default=False,
        ),
    ] = None,
    **typed: Any,  # noqa: ANN401 - each of its setting's kind
) -> None:
    """Show a camera, a film or photos with the heat map on it.  In the window, h shows the keys and q quits."""
    chosen = given(Settings, {**typed, "source": positional_source.source_of(context, bare, typed["source"])})

    from live_gradcam.pipeline import run

    done = run(tell=typer.echo, **chosen)
    statistics = done.statistics
    if statistics.frames_explained:
        explained, on_screen = statistics.frames_explained, statistics.frames_shown
        rate = f" ({statistics.explained_fps:.1f} a second)" if statistics.explained_fps else ""
        number = counted(explained, "frame")
        more = f", {on_screen} shown ({statistics.shown_fps:.1f} a second)" if on_screen > explained else ""
        found = statistics.mostly()
        typer.echo(f"{number} explained{rate}{more}{f': {found}' if found else ''}")
    for file in done.written:
        typer.echo(f"{'recorded' if file in done.recorded else 'saved'} {shown(file)}")
    if done.failures:
        raise typer.Exit(1)
