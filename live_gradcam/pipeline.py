"""The loop: a frame enters, an explanation is attached, a picture leaves."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from live_gradcam.config import Settings
from live_gradcam.errors import SinkError
from live_gradcam.explain.worker import Explains, ExplainWorker
from live_gradcam.native import native_stderr_filtered
from live_gradcam.program import requests_ignored
from live_gradcam.render.colormaps import colormap_code
from live_gradcam.render.presenter import Presenter
from live_gradcam.render.steady import Steady
from live_gradcam.show import Pacing, Show
from live_gradcam.sinks.display import find_display
from live_gradcam.sinks.recorder import Recorder
from live_gradcam.sinks.several import SeveralSinks
from live_gradcam.sinks.snapshot import Snapshot
from live_gradcam.sinks.snapshots import Snapshots
from live_gradcam.sinks.window import Window
from live_gradcam.slot import Slot
from live_gradcam.sources.capture import Capture
from live_gradcam.sources.opening import open_source
from live_gradcam.sources.source import Source
from live_gradcam.sources.stream import without_password
from live_gradcam.sources.video import VideoSource
from live_gradcam.statistics import Statistics, write_report

if TYPE_CHECKING:
    from live_gradcam.explain.explainer import Explainer

logger = logging.getLogger(__name__)

Tell = Callable[[str], None]
Result = TypeVar("Result")

_STILL_FPS = 5
"""Below this rate a file is a row of single pictures: nothing is carried or smoothed from one to the next."""

_GLANCE_SECONDS = 0.2

_NOTICE_AFTER_SECONDS = 0.25
"""Without a new frame for so long, the last picture is shown again, with what the source has to say."""


@dataclass(slots=True)
class Run:
    """What a run came to."""

    statistics: Statistics
    failures: list[str] = field(default_factory=list)
    """What went wrong without ending the run, one line each: a recording that broke off."""

    source: str = ""
    model: str = ""
    method: str = ""

    writers: list[Recorder | Snapshot | Snapshots] = field(default_factory=list)
    """What wrote files."""

    @property
    def written(self) -> list[Path]:
        """The recordings and snapshots that are complete."""
        return [file for writer in self.writers for file in writer.written]

    def report(self) -> dict[str, Any]:
        """Return the object that `--stats` writes."""
        counted = self.statistics.report(source=self.source, model=self.model, method=self.method)
        recordings = [writer.report() for writer in self.writers if isinstance(writer, Recorder)]
        return {**counted, "recordings": recordings}


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
    done = Run(Statistics())
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        # What is quick to fail comes first: a mistyped name should not have to wait for TensorFlow.
        colormap_code(chosen.colormap)
        source = stack.enter_context(
            open_source(chosen.source, size=chosen.size, fps=chosen.camera_fps, backend=chosen.backend)
        )
        done.source = source.name
        windowed = _has_window(chosen, source, say)
        say(source.describe())
        _refuse_to_write_over(chosen)
        sinks = SeveralSinks()
        done.failures = sinks.failures
        stack.callback(_finish, sinks, done, chosen.stats)
        # Asked when there is a model, at the first picture.
        about = cache(lambda: _about(chosen, source, explainer))
        if chosen.record is not None:
            recorder = Recorder(
                chosen.record,
                overwrite=chosen.overwrite,
                wait=not source.live,
                about=about,
                audio_from=source.path if isinstance(source, VideoSource) else None,
            )
            sinks.add(recorder)
            done.writers.append(recorder)
        if chosen.snapshot is not None:
            last = Snapshot(Path(chosen.snapshot), overwrite=chosen.overwrite, about=about)
            sinks.add(last)
            done.writers.append(last)
        snapshots = None
        if windowed:
            sinks.add(Window(f"live_gradcam: {source.name}", fullscreen=chosen.fullscreen))
            snapshots = stack.enter_context(Snapshots(about))
            done.writers.append(snapshots)
        say(f"loading {getattr(chosen.model, 'name', chosen.model)} …")
        explainer = _in_background(lambda: _load_explainer(chosen, source.size, say), "loading the model")
        done.model, done.method = explainer.model.name, explainer.method.name
        say("q or Esc in the window ends it" if windowed else "Ctrl-C ends it")
        if chosen.record is not None:
            about()  # now, for to look at all the weights of a large model takes a moment
        play(source, explainer, sinks, chosen, done.statistics, snapshots)
    return done


def play(
    source: Source,
    explainer: Explains,
    sinks: SeveralSinks,
    settings: Settings,
    statistics: Statistics,
    snapshots: Snapshots | None = None,
) -> None:
    """Run the loop until the source, the viewer or the settings end it.

    Args:
        source: open; a live one is closed at the end.
        explainer: what explains.
        sinks: open; they stay so.
        settings: how it looks and when it ends.
        statistics: where everything is counted.
        snapshots: what the key s saves to.
    """
    still = not source.live and (source.fps is None or source.fps < _STILL_FPS)
    steady = Steady(
        smoothing=0.0 if still else settings.smoothing, scale="frame" if still else settings.scale
    )
    presenter = Presenter(
        alpha=settings.alpha,
        colormap=settings.colormap,
        motion="off" if still else settings.motion,
        steady=steady,
        statistics=statistics,
        show_statistics=settings.show_stats,
    )
    show = Show(source, sinks, presenter, settings, statistics, snapshots)
    if source.live:
        _play_live(source, explainer, show, statistics)
    else:
        _play_file(source, explainer, show, statistics)


def _play_live(source: Source, explainer: Explains, show: Show, statistics: Statistics) -> None:
    """Show every frame as it comes, with the newest explanation there is."""
    # The worker is closed before the capture: what it works on was captured.
    with Capture(source) as capture, ExplainWorker(explainer, statistics, limit=show.limit) as worker:
        while not show.ended:
            frame = capture.newest(_NOTICE_AFTER_SECONDS)
            if frame is None:
                if capture.ended:
                    return
                show.wait(source.notice)
                continue
            frame = show.mirrored(frame)
            worker.offer(frame)
            if (found := worker.newest()) is not None:
                show.presenter.explained(*found)
            finished = worker.finished  # asked before it is shown: what was taken is on this picture
            show.frame(frame, source.notice)
            if finished:
                return


def _play_file(source: Source, explainer: Explains, show: Show, statistics: Statistics) -> None:
    """Explain and show every frame in order, in a window at the file's own pace."""
    pacing = None if show.window is None else Pacing(show, show.window)
    for each in source:
        frame = show.mirrored(each)
        if show.is_over(frame):
            break
        began = time.monotonic()
        explanation = explainer.explain(frame.pixels)
        now = time.monotonic()
        statistics.stage("explain", 1000 * (now - began))
        statistics.explained(explanation.top[0].label if explanation.top else None, now)
        statistics.traces = explainer.traces
        if pacing is not None:
            pacing.wait_for(frame)
        show.presenter.explained(frame, explanation)
        show.frame(frame, None)
        if show.ended:
            return
    if pacing is not None:
        pacing.hold(source, statistics.frames_explained, endless=show.endless)


def _finish(sinks: SeveralSinks, done: Run, stats: Path | None) -> None:
    """Finish the recording and write the statistics, which a second Ctrl-C must not cut short."""
    with requests_ignored():
        sinks.close()
        if stats is None:
            return
        try:
            write_report(done.report(), stats)
        except SinkError as error:
            done.failures.append(str(error))
            logger.warning("%s", error)


def _refuse_to_write_over(settings: Settings) -> None:
    """Make sure that what is being read would not be replaced.

    Raises:
        SinkError: it would.
    """
    if isinstance(settings.source, int):
        return
    source = Path(settings.source)
    for done, path in (("record to", settings.record), ("save the snapshot to", settings.snapshot)):
        if path is not None and Path(path).exists() and source.exists() and source.samefile(path):
            raise SinkError(f"cannot {done} '{path}': it is the source itself. Choose another name.")


def _about(settings: Settings, source: Source, explainer: Explainer) -> dict[str, Any]:
    """Return what all pictures of a run have in common, as recordings and snapshots tell it."""
    from live_gradcam.models.fingerprint import weights_sha256

    chosen = {each.name: getattr(settings, each.name) for each in fields(settings)}
    chosen["source"] = without_password(str(settings.source))
    chosen["model"] = explainer.model.name if not isinstance(settings.model, str) else settings.model
    return {
        "source": source.name,
        "model": explainer.model.name,
        "model_sha256": weights_sha256(explainer.model.network),
        "method": explainer.method.name,
        "layer": explainer.layer,
        "settings": json.loads(json.dumps(chosen, default=str)),
    }


def _has_window(settings: Settings, source: Source, say: Tell) -> bool:
    """Decide whether a window is opened.

    Raises:
        SinkError: one is wanted and cannot be, or there would be nothing to see and no end.
    """
    reason = "no window was asked for" if settings.window is False else find_display()
    if reason is None:
        return True
    if settings.window:
        raise SinkError(f"cannot open a window: {reason}")
    saved = settings.record is not None or (settings.snapshot is not None and not source.live)
    if not saved and settings.frames is None and settings.duration is None:
        raise SinkError(
            f"nothing to show the picture on: {reason.rstrip('.')}. "
            "Say --record FILE.mp4 to record it, or --frames N or --duration SECONDS to run without."
        )
    if settings.window is None:
        say(f"no window: {reason}")
    return False


def _in_background(work: Callable[[], Result], name: str) -> Result:
    """Do something in a thread and wait for it, so that Ctrl-C need not; then the thread is left behind.

    TensorFlow takes seconds in native code to load and to trace, and drops or rewords a KeyboardInterrupt that
    comes to it meanwhile.
    """
    done: Slot[Result] = Slot()

    def do() -> None:
        try:
            done.put(work())
        except BaseException as error:  # whatever it is, whoever waits is told
            done.close(error)

    thread = threading.Thread(target=do, name=name, daemon=True)
    thread.start()
    try:
        while (result := done.take(_GLANCE_SECONDS)) is None:  # on Windows Ctrl-C cannot end a longer wait
            pass
    except KeyboardInterrupt:
        logger.info("the thread '%s' is left behind", name)
        raise
    thread.join()
    return result


@native_stderr_filtered()
def _load_explainer(settings: Settings, size: tuple[int, int], say: Tell) -> Explainer:
    # Here, not above: TensorFlow takes seconds, and what a user has mistyped is found without it.
    from live_gradcam.explain.loading import load_explainer

    return load_explainer(settings, size, say)
