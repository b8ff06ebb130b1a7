"""Chooses for each graph between TensorFlow and OpenVINO, and remembers the choice."""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from live_gradcam.closeable import Closeable
from live_gradcam.concurrency.worker_thread import WorkerThread
from live_gradcam.errors import LiveGradcamError, reason_of
from live_gradcam.explain.graph_spec import GraphSpec
from live_gradcam.explain.openvino.choice import ReplaceableGraph, chosen, timed
from live_gradcam.explain.openvino.conversion import convert
from live_gradcam.explain.openvino.graph import OpenVINOGraph
from live_gradcam.explain.openvino.library import installed_version, processor, reason_in
from live_gradcam.explain.openvino.store import GraphRecord, GraphStore, Trial, no_room, write_record
from live_gradcam.explain.runtime import CompiledGraph
from live_gradcam.fixed_choices import Precision, Runtime
from live_gradcam.models.model_key import ModelKey
from live_gradcam.models.remembered_model import KnownModel, ModelMemory

if TYPE_CHECKING:
    from live_gradcam.explain.tensorflow_graph import TensorFlowCompiler

logger = logging.getLogger(__name__)

_RUNS_BEFORE_FROZEN, _RUNS_BEFORE = 2, 20
"""After how many runs a graph is converted: soon, if it will stay; later, if it may stay for a moment only, as while
the layers are walked. The first run warms it up."""


class OpenVINOCompiler(Closeable):
    """Compiles graphs of one model, with OpenVINO where that is possible and wanted (`runtime.GraphCompiler`).

    With `auto`, a graph that was never tried is traced by TensorFlow, which answers at once. Meanwhile it is converted
    and tried in a process of its own; if it is right and faster, it replaces TensorFlow's and is kept for the next
    start.

    Args:
        model: the model to explain; it is loaded only when something has to be traced.
        runtime: `openvino` converts before the first answer, and says in one line where it cannot.
        precision: the number format; `auto` takes bfloat16 where it passed its check and is faster.
        store: keeps the graphs of a model that has a key; None: in the user's cache folder.
        memory: remembers the model once a graph of it is kept; None: in the user's cache folder.
    """

    def __init__(
        self,
        model: KnownModel,
        *,
        runtime: Runtime,
        precision: Precision,
        store: GraphStore | None = None,
        memory: ModelMemory | None = None,
    ) -> None:
        self._model = model
        self._runtime: Runtime = runtime
        self._precision: Precision = precision
        self._store = store or GraphStore()
        self._memory = memory or ModelMemory()
        self._tensorflow: TensorFlowCompiler | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._waiting: deque[Callable[[], None]] = deque()
        self._worker: WorkerThread | None = None
        self._folders: list[Path] = []

    def compile(self, spec: GraphSpec, *, freeze: bool) -> CompiledGraph:
        """Compile one graph."""
        if not spec.one_pass:
            if self._runtime == "openvino":
                self._model.warn_once(
                    f"{spec.methods[0].name} takes many passes: it is computed by TensorFlow."
                )
            return self._with_tensorflow().compile(spec, freeze=freeze)
        key = self._key(spec)
        found = None if key is None else self._store.find(key)
        if found is not None:
            kept = self._opened(*found, key)
            if kept is not None:
                self._memory.remember(self._model)
                return kept
            if chosen(found[1].trial, self._runtime, self._precision) is None:
                self._tell(spec, found[1].trial)
                return self._with_tensorflow().compile(spec, freeze=freeze)
        if self._runtime == "openvino":
            converted = self._converted_now(spec, key)
            return converted or self._with_tensorflow().compile(spec, freeze=freeze)
        graph = ReplaceableGraph(
            self._with_tensorflow().compile(spec, freeze=freeze),
            lambda: self._later(lambda: self._replace(graph, spec, key)),
            _RUNS_BEFORE_FROZEN if freeze else _RUNS_BEFORE,
        )
        return graph

    def settle(self, seconds: float) -> None:
        """Wait until nothing is converted any more, at most for some seconds."""
        worker = self._worker
        if worker is not None:
            worker.join(seconds)

    def close(self, until: float | None = None) -> None:
        """Stop converting, and delete the graphs that are not kept.

        Args:
            until: when to stop waiting for the conversion, in `time.monotonic()` seconds; None: after 0.8 s.
        """
        self._ended.set()
        worker = self._worker
        if worker is not None:
            worker.close(until)
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)

    def _with_tensorflow(self) -> TensorFlowCompiler:
        with self._lock:
            if self._tensorflow is None:
                from live_gradcam.explain.tensorflow_graph import TensorFlowCompiler  # it loads TensorFlow

                self._tensorflow = TensorFlowCompiler(self._model.loaded())
            return self._tensorflow

    def _key(self, spec: GraphSpec) -> str | None:
        """Return the key of a graph in the store; None if it is not kept."""
        if self._model.key is None or spec.function is not None:
            return None
        if any(method.own is not None for method in spec.methods):
            return None  # its author may change the formula without a new version
        names = tuple(method.name for method in spec.methods)
        parts = replace(spec, methods=(), pace=None), names, self._precision == "f32", installed_version()
        network = self._model.key.network, self._model.evidence.of_labels
        return hashlib.sha256(f"{network} {parts!r} {processor()}".encode()).hexdigest()[:32]

    def _opened(self, folder: Path, record: GraphRecord, key: str | None) -> OpenVINOGraph | None:
        """Return a kept graph, compiled; None if TensorFlow's is to be taken, or this one is damaged."""
        precision = chosen(record.trial, self._runtime, self._precision)
        if precision is None:
            return None
        try:
            return OpenVINOGraph(folder, record, precision, self._model.name)
        except Exception as error:
            logger.info("the kept graph in %s cannot be used: %s", folder, reason_in(error))
            if key is not None:
                self._store.drop(key)
            return None

    def _converted_now(self, spec: GraphSpec, key: str | None) -> OpenVINOGraph | None:
        """Convert a graph while the caller waits; None if TensorFlow's is to be taken."""
        try:
            folder, record = self._convert(spec, key)
        except LiveGradcamError as error:
            self._model.warn_once(f"{self._model.name} is computed by TensorFlow: {error}")
            return None
        self._tell(spec, record.trial)
        return self._opened(folder, record, key)

    def _replace(self, graph: ReplaceableGraph, spec: GraphSpec, key: str | None) -> None:
        """Convert a graph in the background, and let it take the place of TensorFlow's if it is faster."""
        folder, record = self._convert(spec, key, None if key is None else self._model.key)
        converted = self._opened(folder, record, key)
        if converted is not None:
            record = timed(record, spec, graph.graph, converted, self._ended.wait)
            if key is not None:
                with suppress(
                    OSError
                ):  # then the next start takes OpenVINO's without knowing TensorFlow's time
                    write_record(folder, record)
            if chosen(record.trial, self._runtime, self._precision) != converted.precision:
                converted = self._opened(folder, record, key)
        self._tell(spec, record.trial)
        if converted is not None:
            graph.graph = converted

    def _convert(
        self, spec: GraphSpec, key: str | None, elsewhere: ModelKey | None = None
    ) -> tuple[Path, GraphRecord]:
        """Convert and try a graph, and keep it.

        Args:
            spec: what the graph computes.
            key: the graph's key in the store; None: it is kept until `close` only.
            elsewhere: the model's key, if another process is to load it and trace the graph, so that this one can show
                pictures meanwhile. Whoever waits for the graph gets it sooner from here.

        Returns:
            Its folder and record.

        Raises:
            LiveGradcamError: it cannot be converted, or the program ends.
        """
        with ExitStack() as stack:
            try:
                folder = stack.enter_context(self._store.new())
            except OSError as error:
                logger.info("no graph can be kept: %s", error.strerror)
                key, folder = None, self._temporary()
            try:
                record = convert(
                    elsewhere or self._with_tensorflow(),
                    spec,
                    folder,
                    self._ended.is_set,
                    checks_half=self._precision != "f32",
                )
                if key is not None:
                    folder = self._store.keep(key, folder, record)
                elif folder not in self._folders:
                    folder = shutil.copytree(folder, self._temporary(), dirs_exist_ok=True)
            except OSError as error:
                raise LiveGradcamError(no_room(error)) from error
        if key is not None:
            self._memory.remember(self._model)
        return folder, record

    def _temporary(self) -> Path:
        """Return a new folder that `close` deletes, or the end of the program if nobody closes an explainer."""
        folder = Path(tempfile.mkdtemp(prefix="live-gradcam-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._folders.append(folder)
        return folder

    def _tell(self, spec: GraphSpec, trial: Trial) -> None:
        """Log what was chosen for a graph, and why; a wish that cannot be granted is a warning."""
        what = f"{self._model.name}, {', '.join(method.name for method in spec.methods)}"
        if trial.refused:
            line = f"{what}: computed by TensorFlow, because {trial.refused}"
            if self._runtime == "openvino":
                self._model.warn_once(line)
            else:
                logger.info("%s", line)
            return
        times = ", ".join(f"{name} {each:.1f} ms" for name, each in trial.milliseconds.items())
        taken = chosen(trial, self._runtime, self._precision)
        logger.info("%s: computed by %s (%s)", what, f"OpenVINO in {taken}" if taken else "TensorFlow", times)
        if trial.half is not None:
            logger.info("bfloat16 against float32: %s", trial.half.describe())
        if self._precision == "bf16" and "bf16" not in trial.milliseconds:
            self._model.warn_once("this processor does not compute in bfloat16: float32 is taken instead.")

    def _later(self, job: Callable[[], None]) -> None:
        """Do a job in the background, after those that wait already."""
        with self._lock:
            self._waiting.append(job)
            if self._worker is None or not self._worker.running:
                self._worker = WorkerThread(
                    self._work,
                    name="convert",
                    end=self._ended.set,
                    left_behind="is still converting a graph and is left behind",
                    level=logging.INFO,
                )

    def _work(self) -> None:
        while not self._ended.is_set():
            with self._lock:
                if not self._waiting:
                    self._worker = None
                    return
                job = self._waiting.popleft()
            try:
                job()
            except Exception as error:  # the graph of TensorFlow goes on
                logger.info("%s is computed by TensorFlow: %s", self._model.name, reason_of(error))
