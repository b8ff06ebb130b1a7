"""The settings of `annotate`."""

from __future__ import annotations

from dataclasses import dataclass

from live_gradcam.config import ExplainSettings
from live_gradcam.errors import SettingsError
from live_gradcam.setting import Limits, in_explanation, in_frames, in_output


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotateSettings(ExplainSettings):
    """The settings of `annotate` that its results depend on."""

    faithfulness: bool = in_explanation(
        False,
        "Test the heat of each frame, for --csv or --jsonl: what the network says of its hottest part alone, and "
        "without it; the rest is blurred.",
        negatable=False,
    )
    overwrite: bool = in_output(False, "Replace existing files that other inputs or settings made.")
    every: int = in_frames(1, "Annotate one in N frames of a video.", metavar="N", limits=Limits(1))
    fps: float | None = in_frames(
        None,
        "Annotate at most this many frames a second of a video.",
        metavar="FPS",
        limits=Limits(0, 1000, open=True),
    )
    batch: int | None = in_frames(
        None,
        "Frames to explain in one call.",
        metavar="N",
        usual="measured, the fastest here",
        limits=Limits(1, 1024),
    )

    def __post_init__(self) -> None:
        ExplainSettings.__post_init__(self)  # `slots=True` makes a second class, for which super() fails
        if self.every > 1 and self.fps is not None:
            raise SettingsError("every and fps both reduce the frames of a video: give one of them.")
