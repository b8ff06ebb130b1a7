"""The settings: each with its type, default, help, range and group, declared once.

The command line, `--help`, settings files, `config`, the checks and the keywords of `run` follow from these classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from live_gradcam.errors import SettingsError
from live_gradcam.fixed_choices import (
    Fit,
    Following,
    Fusion,
    Lang,
    Precision,
    Runtime,
    Scale,
    Score,
    Smooth,
    Task,
    View,
)
from live_gradcam.setting import (
    Limits,
    assignments,
    check_settings,
    in_explanation,
    in_model,
    in_output,
    in_picture,
    in_source,
    pixels,
    tokens,
)

FilePath = str | Path

DEFAULT_MODEL = "efficientnet-lite0"
DEFAULT_METHOD = "gradcam"
DEFAULT_ALPHA = 0.4
DEFAULT_COLORMAP = "jet"
DEFAULT_FIT: Fit = "crop"
DEFAULT_SCORE: Score = "logit"
DEFAULT_LANG: Lang = "en"
DEFAULT_SMOOTHING = 0.07  # seconds
DEFAULT_CLIP_SECONDS = 10.0

_MODEL = "NAME|FILE|MODULE:FACTORY"
_FPS = Limits(0, 1000, open=True)


def refuse_bf16(engine: Runtime, precision: Precision) -> None:
    """Refuse to compute in bfloat16 with TensorFlow.

    Raises:
        SettingsError: it is asked for.
    """
    if engine == "tensorflow" and precision == "bf16":
        raise SettingsError("TensorFlow computes in f32. For bf16 take OpenVINO: --engine openvino.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainSettings:
    """The settings of an explanation and of its picture, for every command that explains.

    Raises:
        SettingsError: a number is out of its range, or a text is none of the choices.
    """

    # Also a `keras.Model`.
    model: Any = in_model(
        DEFAULT_MODEL,
        "A name from `live-gradcam models`, a Keras file, a SavedModel folder, a frozen .pb, or a function that "
        "returns a model.",
        metavar=_MODEL,
        short="-m",
    )
    labels: Sequence[str] | FilePath | None = in_model(
        None,
        "Names of your own model's classes or values: text, CSV, JSON or YAML. Without it, a file beside the model is "
        "used. Values may have units: age (years).",
        metavar="FILE",
    )
    lang: Lang = in_model(
        DEFAULT_LANG,
        "Language of the words on the picture and of ImageNet's class names: English or Simplified Chinese.",
    )
    preprocess: str | Callable[[Any], Any] = in_model(
        "auto",
        "How pixels are scaled: auto, imagenet-caffe, tf, torch, unit, none or MODULE:FUNCTION.",
        metavar="NAME",
    )
    output: int | str | None = in_model(
        None, "Output to explain, where the model has several.", metavar="NAME|INDEX"
    )
    task: Task | None = in_model(
        None,
        "Meaning of the outputs: classes (one is right), labels (several can be right) or values such as an age.",
        usual="detected",
    )
    inputs: Mapping[str, Any] | None = in_model(
        None,
        "A number, numbers (1,2,3) or .npy file for an input besides the picture; may be repeated.",
        metavar="NAME=VALUE",
        option="input",
        read=assignments,
    )
    allow_unsafe: bool = in_model(
        False, "Allow a model file to run its own code, and to read and write files.", negatable=False
    )
    device: str = in_model("auto", "Device to compute on.", metavar="auto|cpu|gpu:N")
    engine: Runtime = in_model(
        "auto", "Library that computes: the faster one, or always TensorFlow or OpenVINO (pip extra: fast)."
    )
    precision: Precision = in_model(
        "auto", "Number format that OpenVINO computes in: bf16 is faster and rougher than f32."
    )
    method: str = in_explanation(
        DEFAULT_METHOD, "Explanation method: gradcam, hirescam, … (`live-gradcam methods`).", metavar="NAME"
    )
    layer: str | None = in_explanation(
        None,
        "Layer to explain, such as block5_conv3, or several: a,b.",
        metavar="PATH",
        usual="the last feature map",
    )
    target: int | str | None = in_explanation(
        None,
        "Class to explain, by name or number. '#2': the second most probable. 'tabby - tiger cat': evidence for the "
        "first rather than the second. 'tabby -': evidence for it rather than for its strongest rivals. lock: the "
        "most probable class, kept until another clearly leads. For a value: 'age' shows what raises it, 'age -' "
        "what lowers it (useful if the picture says 'nothing raises it'). MODULE:FUNCTION: your own score function.",
        metavar="CLASS",
        short="-t",
        usual="the most probable",
    )
    fit: Fit = in_explanation(
        DEFAULT_FIT,
        "Part of the frame that the network sees: crop: its central part; wide: the whole frame, undistorted; scan: "
        "all of the frame, window by window, with a name for each thing; stretch: the whole frame, squeezed; pad: the "
        "whole frame, with borders.",
    )
    score: Score = in_explanation(
        DEFAULT_SCORE, "Score to explain: the logit before the softmax, or the probability after it."
    )
    fusion: Fusion = in_explanation("mean", "How to combine the maps of several layers.")
    smooth: Smooth = in_explanation(
        "none", "augment: average the maps of flipped and enlarged copies, at six times the cost."
    )
    grid: tuple[int, int] | None = in_explanation(
        None,
        "Rows and columns of a transformer's tokens.",
        metavar="HEIGHTxWIDTH",
        usual="detected",
        read=tokens,
    )
    strength: float | None = in_explanation(
        None, "How much of the strongest rivals' score to subtract.", metavar="NUMBER", usual="0.6"
    )
    rivals: int | None = in_explanation(
        None, "Number of strongest rivals to subtract.", metavar="N", usual="3", limits=Limits(1)
    )
    alpha: float = in_picture(
        DEFAULT_ALPHA,
        "Opacity of the heat.",
        metavar="0..1",
        limits=Limits(0, 1, "it must lie between 0 (no heat) and 1 (heat only)"),
    )
    colormap: str = in_picture(
        DEFAULT_COLORMAP, "Any OpenCV colour map: jet, turbo, viridis, inferno, …", metavar="NAME"
    )

    @property
    def model_name(self) -> str:
        """The model's name before it is loaded: the name of a `keras.Model`, else the text that the user gave."""
        return str(getattr(self.model, "name", self.model))

    def __post_init__(self) -> None:
        check_settings(self)
        refuse_bf16(self.engine, self.precision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(ExplainSettings):
    """The settings of `live`, and the keywords of `run`."""

    # Also an open `Source`.
    source: Any = in_source(
        0,
        "Camera number, video, picture, folder, glob, rtsp:// or http:// stream, demo, or NAME:… of a plug-in.",
        metavar="0|PATH|URL|demo",
        short="-s",
    )
    also: Sequence[int | str] = in_source(
        (),
        "Another camera, stream or demo; the key Tab switches to it. May be repeated.",
        metavar="SOURCE",
        usual="the other cameras",
    )
    size: tuple[int, int] | None = in_source(
        None,
        "Picture size to ask a camera for.",
        metavar="WIDTHxHEIGHT",
        usual="1280x720",
        limits=Limits(16, text="at least 16x16 pixels are needed"),
        read=pixels,
    )
    camera_fps: float | None = in_source(
        None, "Frame rate to ask a camera for.", metavar="FPS", usual="30", limits=_FPS
    )
    backend: str | None = in_source(
        None, "OpenCV's capture backend: v4l2, avfoundation, msmf, dshow or any.", metavar="NAME"
    )
    mirror: bool = in_source(False, "Flip the picture left to right, like a mirror.")
    beside: Any = in_model(
        None, "A second model, shown beside the first; the same as --model twice.", metavar=_MODEL
    )
    view: View = in_picture(
        "one",
        "The view at the beginning, such as side, methods or proof; the key v changes it (docs/views.md).",
    )
    motion: Following = in_picture("on", "Whether the heat moves with the picture between two explanations.")
    smoothing: float = in_picture(
        DEFAULT_SMOOTHING,
        "Time in which the heat changes by two thirds; 0: at once.",
        metavar="SECONDS",
        limits=Limits(0, text="it must be 0 or more seconds"),
    )
    scale: Scale = in_picture(
        "stable", "How heat is normalised: by a slowly moving maximum, or by each map's own maximum."
    )
    faithfulness: bool | None = in_picture(
        None,
        "Whether the heat is tested: what the network says of its hottest part alone, and without it (key e). Given, "
        "also for each frame of a file without a window.",
        usual="where there is time",
    )
    show_stats: bool = in_picture(False, "Show frame rates and latencies on the picture (key d).")
    window: bool | None = in_output(None, "Whether to open a window.", usual="where there is a display")
    fullscreen: bool = in_output(False, "Open the window in full screen.")
    record: FilePath | None = in_output(
        None,
        "Record the picture as .mp4, .mkv or .webm; a .jsonl file beside it lists what each picture shows. Or "
        "stream it to rtmp://, rtmps:// or udp://.",
        metavar="FILE|URL",
    )
    snapshot: FilePath | None = in_output(
        None,
        "Save the last picture, its frame and its heat map. The key s saves the one on the screen.",
        metavar="FILE.png",
    )
    # Also open `Sink`s.
    sinks: Sequence[Any] = in_output(
        (),
        "Also hand each picture to the sink of a plug-in (`live-gradcam doctor` lists them). May be repeated.",
        metavar="NAME:REST",
        option="sink",
    )
    clip_seconds: float = in_output(
        DEFAULT_CLIP_SECONDS,
        "Length of the clip that the key j saves, at most 30 s; 0: nothing is kept in memory.",
        metavar="SECONDS",
        limits=Limits(0, 30),
    )
    virtual_camera: bool = in_output(
        False, "Give the picture to Zoom, Teams or OBS as a camera (pip extra: virtual-camera)."
    )
    virtual_camera_device: str | None = in_output(
        None,
        "The virtual camera to use if there are several: /dev/video10, or its name.",
        metavar="DEVICE",
        usual="the first one",
    )
    overwrite: bool = in_output(False, "Allow --record and --snapshot to replace files.")
    save_session: FilePath | None = in_output(
        None, "Save frames, keys and explanations, for `live-gradcam replay FOLDER`.", metavar="FOLDER"
    )
    stats: FilePath | None = in_output(None, "Write statistics of the run to a file.", metavar="FILE.json")
    frames: int | None = in_output(None, "Stop after N explained frames.", metavar="N", limits=Limits(1))
    duration: float | None = in_output(
        None,
        "Stop after this many seconds.",
        metavar="SECONDS",
        limits=Limits(0, open=True, text="it must be more than 0 seconds"),
    )

    @property
    def uses_virtual_camera(self) -> bool:
        """Whether the picture is given to a virtual camera: it is asked for, or its device is named."""
        return self.virtual_camera or self.virtual_camera_device is not None
