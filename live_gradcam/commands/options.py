"""The options that several commands have: declared once, with their help.

`live` has all that say what is seen and how, and tells their defaults; other commands take theirs from it
(`settings.take_options`).
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any

import typer

from live_gradcam.commands.settings import known_settings, settings_of
from live_gradcam.commands.spelling import one_of
from live_gradcam.config import Fit, Following, Fusion, Lang, Scale, Score, Smooth, Task

SOURCE, MODEL, EXPLANATION, PICTURE, OUTPUT = "Source", "Model", "Explanation", "Picture", "Output"
"""The panels of the help."""

CameraSize = Annotated[
    str | None,
    typer.Option(
        metavar="WIDTHxHEIGHT",
        help="Picture size to ask a camera for.  \\[default: 1280x720]",
        rich_help_panel=SOURCE,
    ),
]
CameraFps = Annotated[
    float | None,
    typer.Option(
        metavar="FPS", help="Frame rate to ask a camera for.  \\[default: 30]", rich_help_panel=SOURCE
    ),
]
BackendName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="OpenCV's capture backend: v4l2, avfoundation, msmf, dshow or any.",
        rich_help_panel=SOURCE,
    ),
]
Mirror = Annotated[
    bool,
    typer.Option(
        "--mirror/--no-mirror",
        show_default=False,
        help="Flip the picture left to right, like a mirror.",
        rich_help_panel=SOURCE,
    ),
]

ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|FILE|MODULE:FACTORY",
        help="A name from `live-gradcam models`, a Keras file, a SavedModel folder, a frozen .pb, or a function "
        "that returns a model.",
        rich_help_panel=MODEL,
    ),
]
LabelsFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Names of your own model's classes or values: text, CSV, JSON or YAML. Without it, a file beside the "
        "model is taken. Values may have units: age (years).",
        rich_help_panel=MODEL,
    ),
]
LangName = Annotated[
    Lang,
    typer.Option(
        parser=one_of("--lang", Lang),
        help="Language of the words on the picture and of ImageNet's class names: English or Simplified Chinese.",
        rich_help_panel=MODEL,
    ),
]
PreprocessName = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="How pixels are scaled: auto, imagenet-caffe, tf, torch, unit, none or MODULE:FUNCTION.",
        rich_help_panel=MODEL,
    ),
]
OutputName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|INDEX", help="Output to explain, where the model has several.", rich_help_panel=MODEL
    ),
]
TaskName = Annotated[
    Task | None,
    typer.Option(
        "--task",
        parser=one_of("--task", Task),
        help="Meaning of the outputs: classes of which one is right, labels of which several can be right, or plain "
        "values such as an age.  \\[default: detected]",
        rich_help_panel=MODEL,
    ),
]
InputValues = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="NAME=VALUE",
        help="A number, numbers (1,2,3) or .npy file for an input besides the picture; may be repeated.",
        rich_help_panel=MODEL,
    ),
]
AllowUnsafe = Annotated[
    bool,
    typer.Option(
        "--allow-unsafe",
        help="Allow a model file to run its own code, and to read and write files.",
        rich_help_panel=MODEL,
    ),
]
DeviceName = Annotated[
    str,
    typer.Option(metavar="auto|cpu|gpu:N", help="Device to compute on.", rich_help_panel=MODEL),
]
MethodName = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Explanation method: gradcam, hirescam, … (`live-gradcam methods`).",
        rich_help_panel=EXPLANATION,
    ),
]
LayerPath = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        help="Layer to explain, such as block5_conv3, or several: a,b.  \\[default: the last feature map]",
        rich_help_panel=EXPLANATION,
    ),
]
TargetName = Annotated[
    str | None,
    typer.Option(
        "--target",
        "-t",
        metavar="CLASS",
        help="Class to explain, by name or number. '#2': the second most probable. 'tabby - tiger cat': what "
        "speaks for the first rather than the second. 'tabby -': what speaks for it rather than for its strongest "
        "rivals. lock: the most probable class, kept until another clearly leads. Of a value, 'age' shows what raises "
        "it and 'age -' what lowers it (useful where the picture says 'nothing raises it'). MODULE:FUNCTION: your own "
        "score function.  "
        "\\[default: the most probable]",
        rich_help_panel=EXPLANATION,
    ),
]
FitName = Annotated[
    Fit,
    typer.Option(
        parser=one_of("--fit", Fit),
        help="Part of the frame that the network sees: crop: its central part; wide: the whole frame, undistorted; "
        "stretch: the whole frame, squeezed into the input; pad: the whole frame, with borders.",
        rich_help_panel=EXPLANATION,
    ),
]
ScoreName = Annotated[
    Score,
    typer.Option(
        parser=one_of("--score", Score),
        help="Score to explain: the logit before the softmax, or the probability after it.",
        rich_help_panel=EXPLANATION,
    ),
]
FusionName = Annotated[
    Fusion,
    typer.Option(
        parser=one_of("--fusion", Fusion),
        help="How to combine the maps of several layers.",
        rich_help_panel=EXPLANATION,
    ),
]
SmoothName = Annotated[
    Smooth,
    typer.Option(
        parser=one_of("--smooth", Smooth),
        help="augment: the mean over flipped and enlarged copies, at six times the cost.",
        rich_help_panel=EXPLANATION,
    ),
]
TokenGrid = Annotated[
    str | None,
    typer.Option(
        metavar="HEIGHTxWIDTH",
        help="Rows and columns of a transformer's tokens.  \\[default: detected]",
        rich_help_panel=EXPLANATION,
    ),
]
Strength = Annotated[
    float | None,
    typer.Option(
        metavar="NUMBER",
        help="How much of the strongest rivals' score to subtract.  \\[default: 0.6]",
        rich_help_panel=EXPLANATION,
    ),
]
Rivals = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Number of strongest rivals to subtract.  \\[default: 3]",
        rich_help_panel=EXPLANATION,
    ),
]
Alpha = Annotated[
    float,
    typer.Option(metavar="0..1", help="Opacity of the heat.", rich_help_panel=PICTURE),
]
ColormapName = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Any OpenCV colour map: jet, turbo, viridis, inferno, …",
        rich_help_panel=PICTURE,
    ),
]
MotionName = Annotated[
    Following,
    typer.Option(
        parser=one_of("--motion", Following),
        help="Whether the heat moves with the picture between two explanations.",
        rich_help_panel=PICTURE,
    ),
]
SmoothingSeconds = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        help="Time in which the heat changes by two thirds; 0: at once.",
        rich_help_panel=PICTURE,
    ),
]
ScaleName = Annotated[
    Scale,
    typer.Option(
        parser=one_of("--scale", Scale),
        help="How heat is normalised: by a slowly moving maximum, or by each map's own maximum.",
        rich_help_panel=PICTURE,
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Print more: what is compiled, and how.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def _read_config(context: typer.Context, path: Path | None) -> Path | None:
    """Put what a file says below what was typed and above the defaults, before anything else is looked at."""
    if path is not None and not context.resilient_parsing:
        from live_gradcam.commands.settings_file import read_settings

        tree: Any = context.find_root().command
        commands = {name: inspect.unwrap(each.callback) for name, each in tree.commands.items()}
        name = str(context.command.name)
        context.default_map = read_settings(path, settings_of(name, commands[name]), known_settings(commands))
    return path


ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE.toml",
        help="Read settings from a file (`live-gradcam config > FILE.toml` writes one). Options on the command line "
        "override them.",
        is_eager=True,
        callback=_read_config,
    ),
]
