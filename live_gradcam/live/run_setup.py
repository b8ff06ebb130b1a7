"""The setup of a run: checks of outputs and window, the models, the menu, and the facts that files record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from live_gradcam.closeable import Closeable
from live_gradcam.concurrency.worker_thread import WorkerThread, run_in_background
from live_gradcam.config import Settings
from live_gradcam.errors import SinkError
from live_gradcam.file_names import expanded
from live_gradcam.live.choice import Menu
from live_gradcam.live.initial_view import turned_by_hand
from live_gradcam.number_format import counted
from live_gradcam.process.stderr_filter import native_stderr_filtered
from live_gradcam.settings_json import as_json
from live_gradcam.sinks.display_check import find_display
from live_gradcam.sinks.recorder import refuse_recording
from live_gradcam.sinks.snapshot import refuse_snapshot
from live_gradcam.sinks.virtual_camera import refuse_without_library
from live_gradcam.sources.source import Film, Slides, Source
from live_gradcam.statistics_file import refuse_report
from live_gradcam.stream_address import stream_of
from live_gradcam.taught_head import TaughtHead

if TYPE_CHECKING:
    from live_gradcam.explain.engine import Engine

Tell = Callable[[str], None]


def refuse_outputs(settings: Settings) -> None:
    """Refuse files and folders that cannot be written, before anything slow begins.

    Raises:
        SinkError: a file exists that may not be replaced, a folder is not there, or the source itself would be
            replaced.
    """
    _refuse_to_write_over_source(settings)
    if settings.record is not None and stream_of(settings.record) is None:
        refuse_recording(Path(settings.record), overwrite=settings.overwrite)
    if settings.snapshot is not None:
        refuse_snapshot(Path(settings.snapshot), overwrite=settings.overwrite)
    if settings.uses_virtual_camera:
        refuse_without_library()
    if settings.stats is not None:
        refuse_report(Path(settings.stats), overwrite=settings.overwrite)


def _refuse_to_write_over_source(settings: Settings) -> None:
    if not isinstance(settings.source, str):
        return
    source = expanded(settings.source)
    for done, path in (("record to", settings.record), ("save the snapshot to", settings.snapshot)):
        if path is not None and Path(path).exists() and source.exists() and source.samefile(path):
            raise SinkError(f"cannot {done} '{path}': it is the source itself. Choose another name.")


def has_window(settings: Settings, source: Source, say: Tell) -> bool:
    """Return whether the run has a window.

    Raises:
        SinkError: a window was asked for and cannot be opened, or the run would have neither output nor end.
    """
    reason = "no window was asked for" if settings.window is False else find_display()
    if reason is None:
        return True
    if settings.window:
        raise SinkError(f"cannot open a window: {reason}")
    saved = settings.record is not None or settings.save_session is not None or bool(settings.sinks)
    saved |= settings.uses_virtual_camera
    saved |= settings.snapshot is not None and not source.live
    if not saved and settings.frames is None and settings.duration is None:
        if settings.snapshot is not None:
            raise SinkError(
                "--snapshot saves the last picture, and this source does not end, nor is there a window to end it in "
                f"({reason.rstrip('.')}). Add --duration 5, or --frames N."
            )
        raise SinkError(
            f"nothing to show the picture on: {reason.rstrip('.')}. "
            "Use --record FILE.mp4 to record it, --snapshot FILE.png with --duration 5 to save a picture, or "
            "--frames N or --duration SECONDS to run without a window."
        )
    if settings.window is None:
        say(f"no window: {reason}")
    return False


def how_it_ends(settings: Settings, source: Source, *, windowed: bool) -> str:
    """Return how the viewer ends a run, and when it ends by itself; empty for one photo, which ends at once.

    Args:
        settings: the settings of the run.
        source: the open source.
        windowed: whether the run has a window.
    """
    ends = _own_ends(settings, source, windowed=windowed)
    if not windowed and isinstance(source, Slides) and source.single:
        return ""
    said = "h in the window shows the keys; q ends it" if windowed else "Ctrl-C ends it"
    return f"{said}; else it ends {' or '.join(ends)}" if ends else said


def _own_ends(settings: Settings, source: Source, *, windowed: bool) -> list[str]:
    """Return when a run ends though nobody ends it."""
    ends = []
    if settings.frames is not None:
        ends.append(f"after {counted(settings.frames, 'explained frame')}")
    if settings.duration is not None:
        ends.append(f"after {settings.duration:g} s")
    if source.live or turned_by_hand(source, settings, in_window=windowed):
        return ends
    if isinstance(source, Slides):
        stays = source.single and windowed  # until the viewer ends it, or a setting
        return ends if stays else [*ends, "after the last picture"]
    return [*ends, "with the film" if isinstance(source, Film) else f"with {source.name}"]


def load(settings: Settings, size: tuple[int, int], say: Tell, head: TaughtHead | None = None) -> Engine:
    """Load the models and compile the first question, in a thread, so that Ctrl-C works while TensorFlow loads.

    Args:
        settings: the settings of the run.
        size: (width, height) in pixels of the frames to come.
        say: receives each message for the user.
        head: takes the place of the first model's own; None: its own.

    Raises:
        LiveGradcamError: a setting is wrong, or a model cannot be loaded or explained.
    """
    say(f"loading {settings.model_name} …")

    @native_stderr_filtered()
    def do() -> Engine:
        # Here, not above: TensorFlow takes seconds to load, and a typo must be found without it.
        from live_gradcam.explain.loading import load_engine

        beside = () if settings.beside is None else (settings.beside,)
        return load_engine(settings, size, say, others=beside, head=head)

    return run_in_background(do, name="loading the model")


class Preloading(Closeable):
    """Imports what the engine needs in a thread of its own, while the source is opened.

    Args:
        settings: say which library computes. TensorFlow is left alone: it takes both cores for seconds.
    """

    def __init__(self, settings: Settings) -> None:
        self._worker = WorkerThread(partial(_preload, settings), name="preload", then=lambda _: None)

    def close(self) -> None:
        """Join the thread."""
        self._worker.close()


def _preload(settings: Settings) -> None:
    from live_gradcam.explain.loading import preload

    preload(settings)


def menu_of(engine: Engine, settings: Settings) -> Menu:
    """Return the menu: methods (a slow one only if the settings name it), layers, classes and models."""
    from live_gradcam.explain.methods.method import method_named, method_names

    known = [method_named(name) for name in method_names()]
    methods = [each.name for each in known if not each.slow or each.name == settings.method.casefold()]
    layers = [
        (path, "×".join("?" if length is None else str(length) for length in shape))
        for path, shape in engine.layers_of()
    ]
    labels = engine.labels_of()
    return Menu(
        methods=tuple(methods),
        together=tuple(each.name for each in known if each.together),
        layers=tuple(layers),
        labels=labels.names,
        other_names=labels.other_names,
        values=engine.task_of() == "values",
        models=tuple(model.name for model in engine.models),
    )


def about(settings: Settings, source: Source, engine: Engine) -> dict[str, Any]:
    """Return the facts about a run that recordings and snapshots store."""
    model = engine.models[0]
    chosen = as_json(settings)
    chosen["source"] = str(chosen["source"])
    if not isinstance(settings.model, str):
        chosen["model"] = model.name
    layers = engine.layers_of()
    return {
        "source": source.name,
        "model": model.name,
        "model_sha256": model.weights_sha256(),
        "method": settings.method.casefold(),
        "layer": settings.layer or (layers[-1][0] if layers else None),
        "settings": chosen,
    }


@contextmanager
def half_of_opencvs_threads() -> Iterator[None]:
    """Let OpenCV compute with half of its threads, which are as many as there are cores.

    The network takes every core, too. If a step of the drawing is divided among all of them, it waits for the one that
    the network holds.
    """
    usual = cv2.getNumThreads()
    cv2.setNumThreads(max(1, usual // 2))
    try:
        yield
    finally:
        cv2.setNumThreads(usual)
