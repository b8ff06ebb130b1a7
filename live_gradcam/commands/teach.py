"""`teach`: teach a classifier of your own things in front of the camera, and see what it really learned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from live_gradcam.commands import positional_source
from live_gradcam.commands.options import given, takes_settings
from live_gradcam.config import FilePath, Settings
from live_gradcam.escaping import shown
from live_gradcam.setting import in_output

if TYPE_CHECKING:
    from live_gradcam.explain.engine import Engine
    from live_gradcam.taught_head import TaughtHead
    from live_gradcam.teach.teacher import Teacher

_WITHOUT = ("beside", "save_session", "snapshot")


@dataclass(frozen=True, slots=True, kw_only=True)
class TeachSettings:
    """The settings of `teach` besides those of `live`."""

    out: FilePath = in_output(
        "taught.keras", "Model file to write, with the key w and at the end.", metavar="FILE.keras"
    )


@takes_settings(TeachSettings, Settings, without=_WITHOUT)
def teach(
    context: typer.Context,
    bare: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE", help="The camera or other source, the same as --source.", show_default=False
        ),
    ] = None,
    **typed: Any,  # noqa: ANN401 - each of its setting's kind
) -> None:
    """Teach a classifier your own things: hold 1 to 9 in the window while the camera sees them."""
    typed = {**typed, "source": positional_source.source_of(context, bare, typed["source"])}
    own = TeachSettings(**given(TeachSettings, typed))
    out = Path(own.out)

    from live_gradcam.pipeline import run_with
    from live_gradcam.teach.learn_thread import LearnThread

    with LearnThread() as thread:

        def make(engine: Engine) -> Teacher:
            from live_gradcam.teach.teacher import Teacher

            def save(head: TaughtHead) -> str:
                from live_gradcam.teach.saved_model import save_taught_model

                save_taught_model(engine.models[0].loaded(), head, out)
                return out.name

            return Teacher(engine, engine.models[0].input_size, save=save, do=thread.do)

        run_with(Settings(**given(Settings, typed)), typer.echo, make)
    typer.echo(f"saved {shown(out)}" if out.exists() else "nothing was saved: teach two classes, and press w")
