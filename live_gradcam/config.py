"""Every setting, and every default, once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from live_gradcam.choices import not_among
from live_gradcam.errors import SettingsError

Fit = Literal["crop", "wide", "stretch", "pad"]
"""How a frame is brought to the network's input: the central square; the whole frame at its own aspect; the
whole frame squeezed to a square; the whole frame with borders."""

Score = Literal["logit", "probability"]
"""The score to differentiate: the logit y^c before the softmax, or the class probability."""

Task = Literal["classes", "multi-label", "values"]
"""What a network's outputs are: scores of classes of which one is right; of labels, each right or not by itself; or
plain numbers, as of a regression."""

Fusion = Literal["mean", "max"]
"""How the maps of several layers become one, after each was divided by its maximum."""

Smooth = Literal["none", "augment"]
"""`augment` averages the maps of flipped and enlarged copies of the picture."""

Following = Literal["on", "off"]
"""Whether the heat follows the picture between explanations, or is held where it was."""

Scale = Literal["stable", "frame"]
"""What full heat is: a slowly moving maximum, or each explanation's own."""

Lang = Literal["en", "zh"]
"""The language of ImageNet's class names: English, or Simplified Chinese."""

DEFAULT_SMOOTHING = 0.07
"""Seconds."""

DEFAULT_MODEL = "efficientnet-lite0"
DEFAULT_METHOD = "gradcam"
DEFAULT_ALPHA = 0.4
DEFAULT_COLORMAP = "jet"
DEFAULT_FIT: Fit = "crop"
DEFAULT_SCORE: Score = "logit"
DEFAULT_LANG: Lang = "en"


def _choices_of(settings: type) -> dict[str, tuple[str, ...]]:
    """Return the fields of a settings class that are one of several texts, and these texts."""
    hints = get_type_hints(settings)
    kinds = {name: [hint, *get_args(hint)] for name, hint in hints.items()}
    return {
        name: get_args(kind)
        for name, several in kinds.items()
        for kind in several
        if get_origin(kind) is Literal
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainSettings:
    """How it is explained and drawn, whatever the command. The field names are the command line's long options."""

    model: Any = DEFAULT_MODEL
    """A name of the zoo (`live-gradcam models`), a .keras or .h5 file, or `module:factory`."""

    allow_unsafe: bool = False
    """Whether a model file may run code of its own."""

    output: int | str | None = None
    """Which of a model's outputs is explained, by name or index."""

    task: Task | None = None
    """What the output's numbers are; None: as the network's last layer and its file say (`models.task`)."""

    inputs: Mapping[str, Any] | None = None
    """Values of a model's inputs besides the picture, by name."""

    method: str = DEFAULT_METHOD
    """How it is explained."""

    layer: str | None = None
    """Path of the target layer, or several, separated by commas; None: the last whose activation is a feature map."""

    target: int | str | None = None
    """What is explained: a class by id or name, `#2`, `tabby - tiger cat`, `lock`, `module:function`; None: the
    most probable class."""

    fusion: Fusion = "mean"
    smooth: Smooth = "none"

    grid: tuple[int, int] | None = None
    """(height, width) of a transformer's tokens; None finds it."""

    strength: float | None = None
    """How much of the strongest rivals' score a contrast takes off; None: as in FinerCAM's paper."""

    rivals: int | None = None
    """How many of the strongest rivals a contrast has; None: as in FinerCAM's paper."""

    fit: Fit = DEFAULT_FIT
    score: Score = DEFAULT_SCORE

    labels: Path | None = None
    """File with the model's class names; None: one beside the model, where there is one that fits."""

    lang: Lang = DEFAULT_LANG
    """Language of the class names, where they are ImageNet's; `en` leaves all others as they are."""

    preprocess: str = "auto"
    """How pixels are scaled for the network."""

    device: str = "auto"
    """`auto`, `cpu` or `gpu:N`."""

    alpha: float = DEFAULT_ALPHA
    """Opacity of the heat, 0 to 1."""

    colormap: str = DEFAULT_COLORMAP
    """Name of an OpenCV colour map."""

    @property
    def model_name(self) -> str:
        """How to call the model before it is loaded: its own name where it is a `keras.Model`, else what names it."""
        return str(getattr(self.model, "name", self.model))

    def __post_init__(self) -> None:
        """Refuse values that make no sense.

        Raises:
            SettingsError: a number is out of its range or a choice is none of the known.
        """
        if not 0.0 <= self.alpha <= 1.0:
            raise SettingsError(f"alpha is {self.alpha}: it must lie between 0 (no heat) and 1 (heat only).")
        if self.rivals is not None and self.rivals < 1:
            raise SettingsError(f"rivals is {self.rivals}: it must be at least 1.")
        for name, choices in _choices_of(type(self)).items():
            received = getattr(self, name)
            if received is not None and received not in choices:
                raise SettingsError(not_among(name.replace("_", "-"), str(received), choices))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(ExplainSettings):
    """What `live` does. The field names are the command line's long options."""

    source: int | str = 0
    """Camera number, path, glob, URL or `demo`."""

    also: Sequence[int | str] = ()
    """Further live sources, which the key Tab turns to; none: the cameras that there are."""

    beside: Any = None
    """A second model, for the view of both."""

    window: bool | None = None
    """Whether to open a window; None: where there is a display."""

    fullscreen: bool = False
    size: tuple[int, int] | None = None
    """(width, height) that a camera is asked for, in pixels; None: 1280×720, or what it can do."""

    camera_fps: float | None = None
    """Rate that a camera is asked for, in frames per second; None: 30."""

    backend: str | None = None
    """OpenCV's capture backend for the camera; None: the platform's default."""

    motion: Following = "on"

    smoothing: float = DEFAULT_SMOOTHING
    """Seconds after which a change of the heat has come through to 63%; 0: at once."""

    scale: Scale = "stable"

    save_session: Path | None = None
    """Folder that the session is saved in, to be played again."""

    stats: Path | None = None
    """JSON file that the statistics of the run are written to at its end."""

    show_stats: bool = False
    """Whether the statistics stand on the picture; the key d changes it."""

    mirror: bool = False
    """Flip the picture left to right, as a mirror does."""

    record: Path | None = None
    """Video file to write the pictures to; what is on them is written beside it."""

    snapshot: Path | None = None
    """PNG file to write the last picture to; the frame and the heat map are written beside it."""

    overwrite: bool = False
    """Whether the recording and the snapshot may replace existing files."""

    frames: int | None = None
    """Stop after this many explained frames."""

    duration: float | None = None
    """Stop after this many seconds."""

    def __post_init__(self) -> None:
        """Refuse values that make no sense.

        Raises:
            SettingsError: a number is out of its range or a choice is none of the known.
        """
        ExplainSettings.__post_init__(self)  # not super(): a class with slots is made twice
        if self.frames is not None and self.frames < 1:
            raise SettingsError(f"frames is {self.frames}: it must be at least 1.")
        if self.duration is not None and not (self.duration > 0 and math.isfinite(self.duration)):
            raise SettingsError(f"duration is {self.duration}: it must be more than 0 seconds.")
        if not (self.smoothing >= 0 and math.isfinite(self.smoothing)):
            raise SettingsError(f"smoothing is {self.smoothing}: it must be 0 or more seconds.")
        if self.camera_fps is not None and not 0 < self.camera_fps <= 1000:
            raise SettingsError(f"camera-fps is {self.camera_fps}: it must lie between 0 and 1000.")
        if self.size is not None and min(self.size) < 16:
            raise SettingsError(f"size is {self.size[0]}x{self.size[1]}: at least 16x16 pixels are needed.")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotateSettings(ExplainSettings):
    """What `annotate` does. The field names are the command line's long options."""

    every: int = 1
    """Annotate one frame of so many of a video."""

    fps: float | None = None
    """Annotate at most so many frames of each second of a video; None: all of them."""

    batch: int | None = None
    """How many frames are explained in one call; None: as many as are quickest here, which is measured."""

    overwrite: bool = False
    """Whether a file may be replaced that is not the result of the same input with the same settings."""

    def __post_init__(self) -> None:
        """Refuse values that make no sense.

        Raises:
            SettingsError: a number is out of its range, or two settings exclude each other.
        """
        ExplainSettings.__post_init__(self)
        if self.every < 1:
            raise SettingsError(f"every is {self.every}: it must be at least 1.")
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise SettingsError(f"fps is {self.fps}: it must lie between 0 and 1000.")
        if self.every > 1 and self.fps is not None:
            raise SettingsError("every and fps both thin out a video: give one of them.")
        if self.batch is not None and not 1 <= self.batch <= 1024:
            raise SettingsError(f"batch is {self.batch}: it must lie between 1 and 1024.")
