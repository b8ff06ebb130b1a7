"""The loop: a frame enters, an explanation is attached, a picture leaves."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from live_gradcam.config import Settings
from live_gradcam.errors import SinkError
from live_gradcam.frame import Frame, Pixels
from live_gradcam.native import native_stderr_filtered
from live_gradcam.render.colormaps import colormap_code
from live_gradcam.render.picture import draw
from live_gradcam.sinks.display import find_display
from live_gradcam.sinks.recorder import Recorder
from live_gradcam.sinks.sink import Sink
from live_gradcam.sinks.window import Window
from live_gradcam.sources.opening import open_source
from live_gradcam.sources.source import Source

if TYPE_CHECKING:
    from live_gradcam.explain.explainer import Explainer
    from live_gradcam.explanation import Explanation

logger = logging.getLogger(__name__)

Tell = Callable[[str], None]


@dataclass(slots=True)
class Run:
    """What a run came to; it counts while the run goes on."""

    frames_captured: int = 0
    """Frames that the source had, those passed over included."""

    frames_explained: int = 0
    seconds: float = 0.0
    """From the first picture to the last, on the clock on the wall."""

    top: Counter[str] = field(default_factory=Counter)
    """Label → how many explained frames had it on top."""

    traces: int = 0
    """How often the network was traced."""

    _began: float | None = None

    failures: list[str] = field(default_factory=list)
    """What went wrong without ending the run, one line each: a recording that broke off."""

    def count(self, source: Source, explainer: Explainer, explanation: Explanation) -> None:
        """Count one explained frame."""
        self.frames_captured = source.frames_captured
        self.frames_explained += 1
        now = time.monotonic()
        self._began = now if self._began is None else self._began
        self.seconds = now - self._began
        self.traces = explainer.traces
        if explanation.top:
            self.top[explanation.top[0].label] += 1

    @property
    def explained_fps(self) -> float:
        """Explained frames per second."""
        return (self.frames_explained - 1) / self.seconds if self.seconds > 0 else 0.0


def run(*, tell: Tell | None = None, **settings: Any) -> Run:  # noqa: ANN401 - the fields of Settings
    """Do what the command line does: capture, explain, show and record, until it is ended.

    It ends with the source, after `frames` or `duration`, when the viewer presses q or Esc or closes the window,
    or on Ctrl-C; whatever the way, the recording is finished first.

    Args:
        tell: takes each line that is worth telling; None logs them.
        settings: fields of `Settings`, such as `source=0, model="vgg16", record="out.mp4"`.

    Raises:
        LiveGradcamError: it cannot be done; the message says why, and what to do.
    """
    chosen = Settings(**settings)
    say = tell or logger.info
    done = Run()
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        # What is quick to fail comes first: a mistyped name should not have to wait for TensorFlow.
        colormap_code(chosen.colormap)
        source = stack.enter_context(open_source(chosen.source))
        windowed = _has_window(chosen, say)
        say(source.describe())
        _refuse_to_record_over(chosen)
        sinks = _Sinks(stack, done)
        if chosen.record is not None:
            sinks.add(Recorder(chosen.record, overwrite=chosen.overwrite, wait=not source.live))
        if windowed:
            sinks.add(Window(f"live_gradcam: {source.name}", fullscreen=chosen.fullscreen))
        with native_stderr_filtered():
            explainer = _load_explainer(chosen, source.size, say)
        say("q or Esc in the window ends it" if windowed else "Ctrl-C ends it")
        _loop(source, explainer, sinks, chosen, done)
    return done


def _refuse_to_record_over(settings: Settings) -> None:
    """Make sure that the recording would not replace what is being read.

    Raises:
        SinkError: it would.
    """
    if settings.record is None or isinstance(settings.source, int):
        return
    record, source = Path(settings.record), Path(settings.source)
    if record.exists() and source.exists() and record.samefile(source):
        raise SinkError(f"cannot record to '{record}': it is the source itself. Choose another name.")


def _has_window(settings: Settings, say: Tell) -> bool:
    """Decide whether a window is opened.

    Raises:
        SinkError: one is wanted and cannot be, or there would be nothing to see and no end.
    """
    reason = "no window was asked for" if settings.window is False else find_display()
    if reason is None:
        return True
    if settings.window:
        raise SinkError(f"cannot open a window: {reason}")
    if settings.record is None and settings.frames is None and settings.duration is None:
        raise SinkError(
            f"nothing to show the picture on: {reason.rstrip('.')}. "
            "Say --record FILE.mp4 to record it, or --frames N or --duration SECONDS to run without."
        )
    if settings.window is None:
        say(f"no window: {reason}")
    return False


def _load_explainer(settings: Settings, size: tuple[int, int], say: Tell) -> Explainer:
    """Load the model and compile it for frames of (width, height) pixels."""
    say(f"loading {settings.model} …")
    # Here, not above: TensorFlow takes seconds, and what a user has mistyped is found without it.
    from live_gradcam.explain.explainer import Explainer
    from live_gradcam.models.devices import choose_device
    from live_gradcam.models.loading import load_model

    device = choose_device(settings.device)
    model = load_model(
        settings.model,
        settings.labels,
        settings.preprocess,
        output=settings.output,
        inputs=settings.inputs,
        allow_unsafe=settings.allow_unsafe,
    )
    explainer = Explainer(
        model,
        method=settings.method,
        layer=settings.layer,
        target=settings.target,
        fit=settings.fit,
        score=settings.score,
        fusion=settings.fusion,
        smooth=settings.smooth,
        grid=settings.grid,
        strength=settings.strength,
        rivals=settings.rivals,
    )
    explainer.prepare(size)
    say(f"{model.name} on {device}: {explainer.method.name} at {explainer.layer}")
    if explainer.method.family in ("perturbation", "pixel"):
        say(
            f"{explainer.method.name} takes {explainer.method.passes} passes for each explanation: it will be slow"
        )
    return explainer


class _Sinks:
    """The sinks of one run. One that fails is left and told of, and the others go on."""

    def __init__(self, stack: ExitStack, done: Run) -> None:
        self._open: list[Sink] = []
        self._stack = stack
        self._done = done

    def add(self, sink: Sink) -> None:
        self._open.append(sink)
        self._stack.callback(self._close, sink)

    @property
    def window(self) -> Window | None:
        return next((sink for sink in self._open if isinstance(sink, Window)), None)

    @property
    def finished(self) -> bool:
        return any(sink.finished for sink in self._open)

    @property
    def none_left(self) -> bool:
        """Whether every sink that there was has failed."""
        return not self._open and bool(self._done.failures)

    def write(self, picture: Pixels, frame: Frame) -> None:
        for sink in tuple(self._open):
            try:
                sink.write(picture, frame)
            except SinkError as error:
                self._open.remove(sink)
                self._fail(error)

    def _close(self, sink: Sink) -> None:
        try:
            sink.close()
        except SinkError as error:
            self._fail(error)

    def _fail(self, error: SinkError) -> None:
        self._done.failures.append(str(error))
        logger.warning("%s", error)


def _loop(source: Source, explainer: Explainer, sinks: _Sinks, settings: Settings, done: Run) -> None:
    first: Frame | None = None
    endless = settings.frames is None and settings.duration is None
    pacing = _Pacing(sinks.window) if sinks.window is not None and not source.live else None
    for frame in source:
        first = first or frame
        if settings.duration is not None and frame.time - first.time >= settings.duration:
            break
        seen = (
            replace(frame, pixels=np.ascontiguousarray(frame.pixels[:, ::-1])) if settings.mirror else frame
        )
        explanation = explainer.explain(seen.pixels)
        picture = draw(seen.pixels, explanation, settings.alpha, settings.colormap)
        if pacing is not None:
            pacing.wait_for(seen)
        sinks.write(picture, seen)
        done.count(source, explainer, explanation)
        if sinks.finished or done.frames_explained == settings.frames or (endless and sinks.none_left):
            return
    if pacing is not None:
        pacing.hold(
            source, done.frames_explained, endless=settings.frames is None and settings.duration is None
        )


class _Pacing:
    """Shows a file's pictures at the pace of the file, the window alive meanwhile."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._began: float | None = None

    def wait_for(self, frame: Frame) -> None:
        """Wait until a frame is due; one that is late is shown at once, and the rest follows it."""
        now = time.monotonic()
        if self._began is None or self._began + frame.time < now:
            self._began = now - frame.time
        self._wait(self._began + frame.time)

    def hold(self, source: Source, frames: int, *, endless: bool) -> None:
        """Leave the last picture on the screen for as long as it lasts; a single one until the viewer ends it."""
        if frames == 1 and endless:
            self._wait(float("inf"))
        elif source.fps:
            self._wait(time.monotonic() + 1 / source.fps)

    def _wait(self, until: float) -> None:
        while not self._window.finished and (left := until - time.monotonic()) > 0:
            self._window.poll(max(1, int(1000 * min(left, 0.05))))
