"""Converts a graph: it is traced and frozen here or in a process of its own, and tried in another."""

from __future__ import annotations

import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from live_gradcam.errors import LiveGradcamError, ModelError
from live_gradcam.explain.graph_spec import GraphSpec
from live_gradcam.explain.layer_rows import LayerMemory
from live_gradcam.explain.map_geometry import COVERING
from live_gradcam.explain.openvino.store import KNOWN, NETWORK, GraphRecord, Ports, Trial, read_record
from live_gradcam.explain.runtime import GraphFacts
from live_gradcam.models.model_key import ModelKey

if TYPE_CHECKING:
    from live_gradcam.explain.tensorflow_graph import TensorFlowCompiler

logger = logging.getLogger(__name__)

_LONGEST_TRIAL = 300.0
"""Seconds after which a process counts as stuck."""

_CRASHES = frozenset(
    {signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGFPE, getattr(signal, "SIGBUS", 0)}
)
"""Signals that end a process because of its own fault."""

_LEAST_CRASH_ON_WINDOWS = 0xC0000000
"""Exit codes from here on are exceptions of Windows, such as an access violation."""

_ON_WINDOWS = ("CREATE_NEW_PROCESS_GROUP", "IDLE_PRIORITY_CLASS")
"""Flags of `subprocess` for what `process_group` and `setpriority` do elsewhere."""

_LOOK_SECONDS = 0.1

PRIORITY = 19
"""Niceness of the processes, the lowest priority: the picture comes first."""

Ended = Callable[[], bool]
"""Returns whether the program ends, so that the conversion is to stop."""


class StoppedError(LiveGradcamError):
    """The program ended while a graph was converted."""


class FailedError(Exception):
    """A process crashed, or did not end: its work is not tried again."""


def convert(
    source: TensorFlowCompiler | ModelKey, spec: GraphSpec, folder: Path, ended: Ended, *, checks_half: bool
) -> GraphRecord:
    """Convert one graph into a folder and try it there.

    Args:
        source: a compiler traces the graph in this process; a key, in a process of its own that loads the model again.
        spec: what the graph computes; one pass.
        folder: new; receives the files that the store keeps.
        ended: is asked now and then.
        checks_half: whether bfloat16 is compared with float32.

    Returns:
        The record of the graph; its trial says whether the graph may be used.

    Raises:
        LiveGradcamError: it cannot be traced or frozen, or the program ended meanwhile.
        OSError: the folder cannot be written to.
    """
    record = GraphRecord(Ports({}, {}, {}), GraphFacts("", None, 0, (), COVERING), 0, Trial())
    try:
        if isinstance(source, ModelKey):
            _freeze(source, spec, folder, ended)
        else:
            from live_gradcam.explain.openvino.freezing import freeze  # it loads TensorFlow

            freeze(source, spec, folder)
        record = read_record(folder)
        trial = _tried(folder, ended, checks_half=checks_half)
    except FailedError as error:
        trial = Trial(refused=str(error))
    kept = () if trial.refused else (NETWORK, Path(NETWORK).with_suffix(".bin").name, KNOWN)
    for file in folder.iterdir():
        if file.name not in kept:
            file.unlink()
    return replace(record, trial=trial)


def _freeze(key: ModelKey, spec: GraphSpec, folder: Path, ended: Ended) -> None:
    """Trace and freeze a graph in a process of its own (`freezing`).

    Raises:
        ModelError: it cannot be traced or frozen, or the process cannot be started, or somebody ended it.
    """
    names = [method.name for method in spec.methods]
    request = pickle.dumps((key, replace(spec, methods=(), pace=None), names, LayerMemory()))
    reason = run_apart(f"{__package__}.freezing", [str(folder)], ended, "conversion", given=request)
    if reason:
        raise ModelError(reason)


def _tried(folder: Path, ended: Ended, *, checks_half: bool) -> Trial:
    """Run the trial in a process of its own (`trial`).

    Raises:
        ModelError: the process cannot be started, or somebody ended it.
    """
    run_apart(f"{__package__}.trial", [str(folder), *(["half"] if checks_half else [])], ended, "trial")
    return Trial.from_json(json.loads((folder / "trial.json").read_text(encoding="utf-8")))


def run_apart(
    module: str,
    arguments: Sequence[str],
    ended: Ended,
    what: str,
    *,
    given: bytes = b"",
    longest: float | None = None,
) -> str:
    """Run a module in a process of its own, at the lowest priority, and return what it wrote to standard output.

    Args:
        module: its full name.
        arguments: of the command line.
        ended: is asked now and then.
        what: the process in a sentence.
        given: standard input; few enough bytes for a pipe.
        longest: seconds after which it counts as stuck; None: as long as a trial may take.

    Raises:
        StoppedError: the program ended meanwhile.
        ModelError: the process cannot be started, or somebody ended it. That says nothing about the graph, so it is
            tried again at the next start.
        FailedError: it crashed, or did not end.
    """
    # -P: a file of the user's in the current folder must not hide a module.
    command = [sys.executable, "-P", "-m", module, *arguments]
    paths = [str(Path(__file__).parents[3]), *filter(None, sys.path)]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "CUDA_VISIBLE_DEVICES": "-1"},
            # Ctrl-C in the terminal is for the program, which ends the process itself. A session of its own would do
            # that, too, but Linux shares the processor out among sessions, whatever the priority inside them.
            process_group=0,
            creationflags=sum(getattr(subprocess, flag, 0) for flag in _ON_WINDOWS),
        )
    except OSError as error:
        raise ModelError(f"the {what} of its graph cannot be started: {error}") from error
    if hasattr(os, "setpriority"):
        with suppress(OSError):  # it has ended
            os.setpriority(os.PRIO_PROCESS, process.pid, PRIORITY)
    longest = _LONGEST_TRIAL if longest is None else longest
    until = time.monotonic() + longest
    written: bytes | None = given
    try:
        while True:
            try:
                said, _ = process.communicate(written, _LOOK_SECONDS)
                break
            except subprocess.TimeoutExpired:
                written = None  # it is being written
                if ended():
                    raise StoppedError("the program ends.") from None
                if time.monotonic() > until:
                    raise FailedError(f"its {what} did not end within {longest:.0f} s") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    code = process.returncode
    if -code in _CRASHES or code >= _LEAST_CRASH_ON_WINDOWS:
        raise FailedError(f"its {what} crashed ({signal.Signals(-code).name if code < 0 else hex(code)})")
    if code != 0:
        raise ModelError(f"the {what} of its graph was ended ({code}); it is tried again at the next start.")
    return said.decode(errors="replace").strip()
