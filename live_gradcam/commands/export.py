"""`export`: write an explained network as one file for other programs, or as a page."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Annotated, Any

import typer

from live_gradcam.commands.options import given, takes_settings
from live_gradcam.commands.positional_source import WrongUsage
from live_gradcam.config import ExplainSettings, Settings
from live_gradcam.errors import SinkError
from live_gradcam.escaping import shown
from live_gradcam.process.stderr_filter import native_stderr_filtered
from live_gradcam.setting import REQUIRED, in_output

_WITHOUT = ("fit", "device", "engine", "precision", "alpha", "colormap")
"""Settings that a file does not depend on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOutput:
    """The settings of `export` besides those of the explanation."""

    out: Path = in_output(
        REQUIRED,
        "The file: .onnx; .xml for OpenVINO's format, which puts the weights into a .bin beside it; or .html for "
        "a page that explains a camera in any browser, without a server.",
        metavar="FILE.onnx|.xml|.html",
        short="-o",
    )
    overwrite: bool = in_output(False, "Allow --out to replace a file.")


@takes_settings(ExportOutput, ExplainSettings, without=_WITHOUT)
def export(
    context: typer.Context,
    bare: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", help="The model, the same as --model.", show_default=False),
    ] = None,
    **typed: Any,  # noqa: ANN401 - each of its setting's kind
) -> None:
    """Write a MODEL with its explanation as one file: a picture in, scores and heat map out."""
    if bare is not None:
        if getattr(context.get_parameter_source("model"), "name", "") == "COMMANDLINE":
            raise WrongUsage(
                f"the model is given twice: '{bare}' and --model '{typed['model']}'. Give one of them."
            )
        typed["model"] = bare
    output = ExportOutput(**given(ExportOutput, typed))
    settings = ExplainSettings(**given(ExplainSettings, typed))

    from live_gradcam.settings_check import refuse_typos

    refuse_typos(settings)
    try:
        line = _exported(settings, output)
    except KeyboardInterrupt:
        # Unlike a show, which may end at any time: whoever waits for the file must not go on without it.
        raise SinkError(f"interrupted: '{output.out}' was not written.") from None
    typer.echo(line)


@native_stderr_filtered()
def _exported(settings: ExplainSettings, output: ExportOutput) -> str:
    """Write the file, and return a line about it."""
    if output.out.suffix.lower() == ".html":
        from live_gradcam.server.own_page import write_page

        chosen = Settings(**{each.name: getattr(settings, each.name) for each in dataclass_fields(settings)})
        size = write_page(chosen, output.out, overwrite=output.overwrite)
        return f"{shown(output.out)}: {size / 1e6:.1f} MB. Open it in a browser: it needs no server and no network"
    from live_gradcam.explain.export.exporter import export as export_file

    return _line(export_file(settings, output.out, overwrite=output.overwrite))


def _line(done: Any) -> str:  # noqa: ANN401 - an Export, whose module loads OpenCV
    count = "N" if done.any_batch else "1"
    parts = {
        name: f"{name} {number} ({', '.join(map(str, (count, *shape)))})"
        for name, (number, shape) in done.shapes.items()
    }
    image = parts.pop("image")
    files = " and ".join(shown(file) for file in done.files)
    apart = max(done.differences.values())
    one = "" if done.any_batch else f"; one picture at a time, because {done.reason}"
    return (
        f"{files}: {done.size / 1e6:.1f} MB, {image} RGB to {', '.join(parts.values())}; "
        f"at most {apart:.1e} from TensorFlow's{one}"
    )
