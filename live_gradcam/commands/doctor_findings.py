"""Findings of `doctor` about a machine: what was found, and what to change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from live_gradcam.config import DEFAULT_MODEL, Settings
from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.methods.method import METHODS
from live_gradcam.plugins import Kind, plugin_faults, plugins_of
from live_gradcam.run_statistics import RunStatistics
from live_gradcam.sources.source import Device, Source

SHORTEST_RUN = 1.0
"""Seconds that the loop must run before its speed can be judged."""

_EXPLAINED_FPS = 10
"""Explanations a second below which the heat visibly lags behind moving objects."""

_RECORDING_MINUTES = 10
_LEFT_OUT = 0.02

# Our messages say first what failed, then what to do.
_BEFORE_THE_REMEDY = re.compile(r"(?<=\)): |\. (?=[A-Z])")

State = Literal["good", "note", "fault"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The finding about one part of the machine."""

    subject: str
    """`plug-ins`, `camera`, `display`, `model`, `gpu`, `engine`, `networks`, `speed`, `encoder` or `disk`."""

    state: State
    text: str
    """The finding in one line."""

    change: str = ""
    """The remedy; only of a fault."""


def fault(subject: str, message: str) -> Finding:
    """Return a fault from an error message, split into fault and remedy."""
    what, *remedy = _BEFORE_THE_REMEDY.split(message, maxsplit=1)
    change = remedy[0] if remedy else message
    return Finding(subject, "fault", what, change[0].upper() + change[1:])


def judge_plugins() -> Iterator[Finding]:
    """Import the plug-ins of other packages, and yield what is found: one for each package, and one for each fault."""
    kinds: tuple[Kind, ...] = ("source", "sink", "method")
    names: dict[str, list[str]] = {}
    for plugin in (plugin for kind in kinds for plugin in plugins_of(kind)):
        if plugin.kind == "method" and plugin.name in METHODS:
            continue
        try:
            plugin.load()
        except LiveGradcamError as error:
            yield fault("plug-ins", str(error))
        else:
            names.setdefault(plugin.package, []).append(f"{plugin.kind} {plugin.name}")
    for package, found in names.items():
        yield Finding("plug-ins", "good", f"{package}: {', '.join(found)}")
    for kind in kinds:
        for line in plugin_faults(kind, METHODS if kind == "method" else ()):
            yield Finding("plug-ins", "note", line)


def judge_speed(
    statistics: RunStatistics, source: Source, settings: Settings, *, windowed: bool, slow_method: bool
) -> Iterator[Finding]:
    """Yield the findings about the loop's speed.

    Args:
        statistics: the loop's statistics.
        source: the loop's source.
        settings: the loop's settings.
        windowed: whether there was a window; without one a file runs at any speed.
        slow_method: whether the method needs many passes.
    """
    shown, explained, seconds = statistics.shown_fps, statistics.explained_fps, statistics.seconds
    text = f"{shown:.1f} pictures a second, {explained:.1f} of them explained"
    middle, high = statistics.latency.quantile(0.5), statistics.latency.quantile(0.95)
    if middle is not None and high is not None:
        text += f"; shown {middle:.0f} ms after they were taken (95%: {high:.0f} ms)"
    if not source.live and (not windowed or source.fps is None):
        yield Finding("speed", "good", text)
        return
    if source.live and seconds < SHORTEST_RUN:
        what = f"it ended after {seconds:.1f} s, too early to tell"
        yield Finding("speed", "fault", what, "Start it again, and let it run.")
        return
    wanted = source.fps or shown
    if isinstance(source, Device):
        captured = (statistics.frames_captured - 1) / seconds
        if captured < 0.8 * wanted:
            what = f"it gives {captured:.0f} of the {wanted:.0f} pictures a second that it promised"
            remedy = "Give it more light, another USB port, or less to do: --size 640x480."
            yield Finding("camera", "fault", what, remedy)
            wanted = captured
    if explained < min(_EXPLAINED_FPS, 0.8 * wanted):
        yield Finding("speed", "fault", text, _faster(settings, slow_method=slow_method))
    elif shown < 0.9 * wanted:
        yield Finding("speed", "fault", text, "Close other programs, or choose a smaller --size.")
    else:
        yield Finding("speed", "good", text)


def judge_engine(graphs: Sequence[str], installed: str | None) -> Finding:
    """Return which library computes.

    Args:
        graphs: what `Engine.describe` says.
        installed: OpenVINO's version; None if it is not installed.
    """
    text = "; ".join(graphs)
    if "OpenVINO" in text or installed is not None:
        return Finding("engine", "good", text if "OpenVINO" in text else f"TensorFlow: {text}")
    return Finding("engine", "note", "TensorFlow. OpenVINO may be faster: pip install 'live-gradcam[fast]'")


def judge_networks(times: Mapping[str, float | None], rate: float) -> Finding:
    """Return which networks can explain every frame of a camera.

    Args:
        times: name → milliseconds of an explained frame; None: it was not measured.
        rate: the camera's frames a second.
    """
    said = []
    for name, milliseconds in times.items():
        if milliseconds is None:
            said.append(f"{name} was not measured: start `live-gradcam --model {name}` once")
        else:
            keeps_up = "keeps up" if milliseconds * rate <= 1000 else "does not keep up"
            said.append(f"{name} {keeps_up} with {rate:g} frames a second ({milliseconds:.0f} ms)")
    return Finding("networks", "good", "; ".join(said))


def judge_recording(shown: int, dropped: int, written: float) -> Finding:
    """Return the finding about the encoder.

    Args:
        shown: number of pictures to record.
        dropped: number of pictures that the encoder left out.
        written: bytes a second.
    """
    text = f"{shown - dropped} pictures recorded at {8e-6 * written:.1f} Mbit/s"
    if dropped > _LEFT_OUT * shown:
        return Finding(
            "encoder",
            "fault",
            f"{text}, {dropped} left out",
            "Close other programs, or choose a smaller --size. Otherwise the recording is not smooth.",
        )
    return Finding("encoder", "good", f"{text}, {dropped or 'none'} left out")


def judge_space(folder: Path, free: int, written: float) -> Finding:
    """Return the finding about the time that can be recorded.

    Args:
        folder: the folder of the recordings.
        free: free bytes in it.
        written: bytes a second.
    """
    minutes = free / max(written, 1.0) / 60
    lasting = f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.0f} hours"
    text = f"{free / 1e9:.1f} GB free in {folder}: {lasting} of recording"
    if minutes < _RECORDING_MINUTES:
        return Finding("disk", "fault", text, "Make room, or record elsewhere: --record FOLDER/out.mp4.")
    return Finding("disk", "good", text)


def _faster(settings: Settings, *, slow_method: bool) -> str:
    if slow_method:
        return "Choose a method of one pass: --method gradcam."
    if settings.model != DEFAULT_MODEL:
        return f"Choose a smaller model, such as --model {DEFAULT_MODEL}, or a machine with a GPU."
    return "Close other programs, or choose a machine with a GPU."
