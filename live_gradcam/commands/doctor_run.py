"""A trial run of the whole program for some seconds, for `doctor`."""

from __future__ import annotations

import importlib.util
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from live_gradcam.commands.doctor_findings import (
    SHORTEST_RUN,
    Finding,
    fault,
    judge_engine,
    judge_networks,
    judge_plugins,
    judge_recording,
    judge_space,
    judge_speed,
)
from live_gradcam.config import ExplainSettings, Settings
from live_gradcam.errors import LiveGradcamError, SinkError, SourceError
from live_gradcam.explain.compilers import runtime_for
from live_gradcam.explain.engine import Engine
from live_gradcam.explain.loading import load_engine
from live_gradcam.explain.methods.method import method_named
from live_gradcam.explain.openvino.library import installed_version
from live_gradcam.models.devices import describe_gpu
from live_gradcam.models.efficientnet_lite import LITE_NETWORKS
from live_gradcam.models.model_key import key_of
from live_gradcam.models.remembered_model import ModelMemory
from live_gradcam.models.zoo import no_downloads
from live_gradcam.pipeline import play
from live_gradcam.question import Question
from live_gradcam.run_statistics import RunStatistics
from live_gradcam.sinks.display_check import find_display
from live_gradcam.sinks.recorder import Recorder
from live_gradcam.sinks.sink import NullSink, SinkGroup
from live_gradcam.sinks.window import Window
from live_gradcam.sources.opening import open_source
from live_gradcam.sources.source import Source
from live_gradcam.stream_address import stream_of
from live_gradcam.timing import interleaved_ms

SECONDS = 5.0
"""Length of the loop."""

_AT_LEAST, _AT_MOST = 2.0, 13.0
"""Minimum length of the loop after a slow start, and maximum length of the whole check, in seconds."""

_SETTLE = 5.0
"""Seconds to wait for a network that OpenVINO has not tried yet."""

_MEASURED_SECONDS = 0.3
"""How long each network is measured."""

_USUAL_RATE = 30.0
"""Frames a second of a camera, where there is none."""

Report = Callable[[Finding], None]


def trial_run(settings: Settings, report: Report, *, began: float, seconds: float = SECONDS) -> str:
    """Run the loop with source, network, drawing, recording and, if possible, a window.

    If the source cannot be opened, the demo replaces it. The recording is deleted, and nothing is downloaded.

    Args:
        settings: the settings to check.
        report: receives each finding at once.
        began: monotonic seconds at which the whole check began; it shortens the loop after a slow start.
        seconds: length of the loop.

    Returns:
        The speed that was reached: `30 fps at 1280×720 with efficientnet-lite0`.

    Raises:
        LiveGradcamError: a setting is wrong.
    """
    for finding in judge_plugins():
        report(finding)
    with ExitStack() as stack:
        source = stack.enter_context(_open(settings, report))
        windowed = _look_for_display(settings, report)
        engine = _load(settings, source, report)
        if engine is None:
            return ""
        stack.callback(engine.close)
        to_stream = stream_of(settings.record) is not None
        target = Path("recording.mp4" if to_stream else settings.record or "recording.mp4").absolute()
        folder = stack.enter_context(_folder_for_trial(target.parent, report))
        sinks = stack.enter_context(SinkGroup())
        now = time.monotonic()
        length = max(_AT_LEAST, min(seconds, began + _AT_MOST - now))
        statistics = RunStatistics()
        try:
            recorder = Recorder(folder / target.name, wait=not source.live)
            sinks.add(recorder)
            if windowed:
                sinks.add(Window(f"live_gradcam: {source.name}", fullscreen=settings.fullscreen))
            sinks.add(_Deadline(now + length))
            play(source, engine, sinks, replace(settings, duration=length, frames=None), statistics)
        except (SourceError, SinkError) as error:
            report(fault("camera" if isinstance(error, SourceError) else "encoder", str(error)))
            return ""
        sinks.close()
        engine.settle(_SETTLE)
        report(judge_engine(engine.describe(), installed_version()))
        times = measured_networks(settings, source.size, until=began + _AT_MOST)
        if times:
            report(judge_networks(times, source.fps if source.live and source.fps else _USUAL_RATE))
        for failure in sinks.failures:
            report(fault("display" if failure.startswith("the window") else "encoder", failure))
        slow_method = not method_named(settings.method).one_pass
        for finding in judge_speed(statistics, source, settings, windowed=windowed, slow_method=slow_method):
            report(finding)
        if (folder / target.name).exists():
            written = (folder / target.name).stat().st_size / max(statistics.seconds, SHORTEST_RUN)
            report(judge_recording(statistics.frames_shown, recorder.dropped, written))
            if folder.parent == target.parent:
                report(judge_space(target.parent, shutil.disk_usage(folder).free, written))
        width, height = source.size
        rate = f"{statistics.shown_fps:.0f} fps" if statistics.shown_fps >= 1 else "pictures"
        return f"{rate} at {width}×{height} with {engine.models[0].name}"


def measured_networks(
    settings: Settings, size: tuple[int, int], *, until: float = math.inf
) -> dict[str, float | None]:
    """Measure how long an explained frame takes, with each size of the default network that is installed.

    With OpenVINO, only networks whose graphs are kept are measured: the others would be converted for many seconds.

    Args:
        settings: fit, library and device.
        size: (width, height) of a frame in pixels.
        until: monotonic seconds from which on no network is loaded any more.

    Returns:
        Name → median in milliseconds; None: it was not measured.
    """
    found: dict[str, float | None] = {}
    width, height = size
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    for lite in LITE_NETWORKS:
        if importlib.util.find_spec(lite.package) is None:
            continue
        found[lite.name] = None
        own = ExplainSettings(
            model=lite.name,
            fit=settings.fit,
            device=settings.device,
            engine=settings.engine,
            precision=settings.precision,
        )
        computed_by = runtime_for(own.engine, own.device)
        if time.monotonic() > until or (computed_by != "tensorflow" and not ModelMemory().knows(key_of(own))):
            continue
        with suppress(LiveGradcamError), load_engine(own, size, lambda _: None) as engine:
            asked = Question(methods=(own.method,))
            times, _ = interleaved_ms({"": partial(engine.answer, noise, asked)}, _MEASURED_SECONDS)
            found[lite.name] = times[""]
    return found


class _Deadline(NullSink):
    """Ends the loop at a clock time. `duration` alone counts a file's own time, and a file may run slower than that."""

    def __init__(self, until: float) -> None:
        self._until = until

    @property
    def finished(self) -> bool:
        return time.monotonic() >= self._until


@contextmanager
def _folder_for_trial(beside: Path, report: Report) -> Iterator[Path]:
    """Make a folder beside the recordings, or in the system's folder for temporary files if that fails."""
    with ExitStack() as stack:
        try:
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix=".live-gradcam-", dir=beside))
        except OSError as error:
            what = f"nothing can be recorded in {beside} ({error.strerror})"
            report(Finding("disk", "fault", what, "Choose a folder that is yours: --record FOLDER/out.mp4."))
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="live-gradcam-"))
        yield Path(name)


def _look_for_display(settings: Settings, report: Report) -> bool:
    if settings.window is False:
        report(Finding("display", "good", "no window is asked for"))
        return False
    reason = find_display()
    if reason is None:
        report(Finding("display", "good", "a window can be opened"))
    elif settings.window is None and settings.record is not None:
        report(Finding("display", "note", f"no window, only the recording: {reason}"))
    else:
        report(fault("display", reason))
    return reason is None


def _open(settings: Settings, report: Report) -> Source:
    size, fps = settings.size, settings.camera_fps
    try:
        source = open_source(settings.source, size=size, fps=fps, backend=settings.backend)
    except SourceError as error:
        report(fault("camera", str(error)))
        return open_source("demo", size=size, fps=fps)
    report(Finding("camera", "good", source.describe()))
    return source


def _load(settings: Settings, source: Source, report: Report) -> Engine | None:
    told: list[str] = []
    began = time.monotonic()
    engine = None
    try:
        with no_downloads():
            engine = load_engine(settings, source.size, told.append)
    except LiveGradcamError as error:
        report(fault("model", str(error)))
    else:
        lasted = time.monotonic() - began
        report(Finding("model", "good", f"{'; '.join(told)} (weights are here, ready in {lasted:.1f} s)"))
    report(Finding("gpu", "good", describe_gpu()))
    return engine
