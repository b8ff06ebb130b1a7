"""The outputs of a run: opens what the settings ask for, and holds what was written."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from live_gradcam.config import Settings
from live_gradcam.errors import SinkError
from live_gradcam.live.recording import MakeRecorder
from live_gradcam.live.run_setup import Tell
from live_gradcam.run_statistics import RunStatistics
from live_gradcam.sinks.clips import Clips
from live_gradcam.sinks.own_sink import open_sink
from live_gradcam.sinks.recorder import Recorder
from live_gradcam.sinks.sidecar import About
from live_gradcam.sinks.sink import SinkGroup
from live_gradcam.sinks.snapshot import Snapshot, Snapshots
from live_gradcam.sinks.stream import Stream
from live_gradcam.sinks.virtual_camera import VirtualCamera
from live_gradcam.sinks.window import Window
from live_gradcam.sources.source import Film, Source
from live_gradcam.stream_address import stream_of


@dataclass(slots=True)
class Run:
    """The result of a run: statistics, files written, failures."""

    statistics: RunStatistics
    failures: list[str] = field(default_factory=list)
    """Failures that did not end the run, one line each, such as a recording that broke off."""

    source: str = ""
    model: str = ""
    method: str = ""

    recorders: list[Recorder] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    saved: list[Snapshot | Snapshots | Clips] = field(default_factory=list)

    @property
    def recorded(self) -> list[Path]:
        """The complete recordings."""
        return [file for recorder in self.recorders for file in recorder.written]

    @property
    def written(self) -> list[Path]:
        """The complete recordings, snapshots and clips."""
        return [*self.recorded, *(file for writer in self.saved for file in writer.written)]

    def report(self) -> dict[str, Any]:
        """Return the object that `--stats` writes."""
        counted = self.statistics.report(source=self.source, model=self.model, method=self.method)
        outputs: list[Recorder | Stream] = [*self.recorders, *self.streams]
        return {**counted, "recordings": [each.report() for each in outputs]}

    def recorder(self, settings: Settings, source: Source, path: Path, told: About) -> Recorder:
        """Return a new recorder whose files and figures belong to this run."""
        made = Recorder(
            path,
            overwrite=settings.overwrite,
            wait=not source.live,
            about=told,
            audio_from=source.sound_path if isinstance(source, Film) else None,
        )
        self.recorders.append(made)
        return made


@dataclass(frozen=True, slots=True)
class Outputs:
    """What the viewer's keys write to; None: the key does nothing."""

    snapshots: Snapshots | None = None
    """Saves a picture at the key s."""

    clips: Clips | None = None
    """Saves the last seconds at the key j."""

    make_recorder: MakeRecorder | None = None
    """Makes a recorder at the key r."""

    recorder: Recorder | None = None
    """The recording that runs from the start."""


def open_outputs(
    chosen: Settings,
    source: Source,
    sinks: SinkGroup,
    run: Run,
    about: About,
    stack: ExitStack,
    say: Tell,
    *,
    windowed: bool,
) -> Outputs:
    """Open the outputs that the settings ask for.

    Args:
        chosen: the settings of the run.
        source: the open source.
        sinks: receives what takes every picture; its owner closes it.
        run: receives what writes files.
        about: returns the facts that files record.
        stack: closes what the viewer's keys write to.
        say: receives each message for the user.
        windowed: whether there is a window.

    Raises:
        SinkError: an output cannot be opened.
    """
    recorder = snapshots = clips = None
    address = stream_of(chosen.record)
    if address is not None:
        if not source.live and not windowed:
            raise SinkError(
                f"cannot stream {source.name} without a window: it would be played as fast as it can be explained. "
                "Record it to a file, or leave out --no-window."
            )
        stream = Stream(address, source.size)
        sinks.add(stream)
        run.streams.append(stream)
        say(f"streaming to {stream.name}")
    elif chosen.record is not None:
        recorder = run.recorder(chosen, source, Path(chosen.record), about)
        sinks.add(recorder)
    if chosen.snapshot is not None:
        last = Snapshot(Path(chosen.snapshot), overwrite=chosen.overwrite, about=about)
        sinks.add(last)
        run.saved.append(last)
    if chosen.uses_virtual_camera:
        camera = VirtualCamera(source.size, source.fps if source.live else None, chosen.virtual_camera_device)
        sinks.add(camera)
        say(f"virtual camera: {camera.device}, {camera.size[0]}×{camera.size[1]}")
    for each in chosen.sinks:
        sinks.add(open_sink(each, wait=not source.live and not windowed))
    if windowed:
        sinks.add(Window(f"live_gradcam: {source.name}", fullscreen=chosen.fullscreen))
        snapshots = stack.enter_context(Snapshots(about))
        run.saved.append(snapshots)
        if chosen.clip_seconds:
            clips = stack.enter_context(Clips(chosen.clip_seconds))
            run.saved.append(clips)
    return Outputs(snapshots, clips, lambda path: run.recorder(chosen, source, path, about), recorder)
