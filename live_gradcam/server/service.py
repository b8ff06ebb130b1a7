"""The service: answers questions about pictures with one model, for all pages and programs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from live_gradcam.concurrency.worker_thread import PATIENCE
from live_gradcam.config import Settings
from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.graph_spec import paths_in
from live_gradcam.explain.layer_rows import LayerRow, path_in
from live_gradcam.explain.loading import engine_for
from live_gradcam.explain.methods.method import method_named
from live_gradcam.explain.scan import AT_ONCE
from live_gradcam.explain.targets import parse_target
from live_gradcam.frame import Pixels
from live_gradcam.models.labels import Labels
from live_gradcam.models.remembered_model import KnownModel
from live_gradcam.question import Question
from live_gradcam.server.batch_queue import BATCHES, BatchQueue
from live_gradcam.server.compile_queue import CompileQueue
from live_gradcam.server.errors import RequestError
from live_gradcam.server.graph_eviction import ServerLimit
from live_gradcam.server.monitoring import Memory, Metrics
from live_gradcam.server.page_setup import layers_of, layers_to_step, page_setup
from live_gradcam.server.queued_work import Done, QueuedWork
from live_gradcam.server.time_slices import PassSlices
from live_gradcam.taught_head import NOTHING_TAUGHT

_LONGEST_SECONDS = 120.0
"""How long a program waits for its question to be compiled, and then for its picture to be explained."""

_CHANNELS = 1280
"""Channels of a layer whose shape is not known yet."""


class Service:
    """Answers questions about pictures, for any number of clients.

    Args:
        model: the model to explain.
        settings: how to explain, and the default question.
        memory: watches the memory of the process; None: with its default limit.
        teach: whether visitors may teach classes of their own.
    """

    def __init__(
        self, model: KnownModel, settings: Settings, memory: Memory | None = None, *, teach: bool = False
    ) -> None:
        self.model = model
        self.settings = settings
        self.tally = Metrics()
        self.engine = engine_for(
            [model],
            settings,
            pace=lambda: PassSlices(self._slow, self._quick),
            batches=BATCHES,
            limit=ServerLimit(memory or Memory()),
        )
        self.graphs = CompileQueue(self.engine, model.input_size[::-1], compiled=self.tally.compiled)
        sizes = (1,) if settings.fit == "scan" else BATCHES  # the windows of a scan are a batch already
        self._quick = BatchQueue(self.graphs, sizes, name="explain", explained=self.tally.explained)
        self._slow = BatchQueue(self.graphs, (1,), name="explain slowly", explained=self.tally.explained)
        self.layers: tuple[tuple[str, str], ...] = ()
        """Path and shape of the layers to step through, from shallow to deep; empty until they are known."""
        self._rows: tuple[LayerRow, ...] = ()  # all layers of the network; empty until they are known
        self._ending: list[Callable[[], None]] = []
        self.teach = teach
        self.taught_default = Question(head=NOTHING_TAUGHT)
        """The question for what a visitor taught, in its plainest form; its graph is kept if visitors may teach."""
        self.default = Question(methods=(settings.method,), layer=settings.layer, targets=(settings.target,))

    @property
    def labels(self) -> Labels:
        """The names of the classes, labels or values; none until they are known."""
        return self.engine.labels_of()

    def start(self) -> None:
        """Compile the default question, and what is taught with.

        Raises:
            LiveGradcamError: the settings are wrong for this model.
        """
        # Only one graph is worth the memory for weights as constants; the many graphs of `wide` share the weights.
        kept = [self.default]
        if self.teach:
            kept += [replace(self.default, targets=(None,), head=NOTHING_TAUGHT), self.taught_default]
        self.graphs.keep(*kept, freeze=self.settings.fit != "wide")
        for question in kept:
            for future in self.graphs.prepare(question, "default"):
                future.result()
        self.graphs.later(self._find_layers)

    def checked(self, question: Question) -> Question:
        """Check a question for this model, and return it with the whole paths of its layers.

        Raises:
            RequestError: a method, a layer, a class or the number of targets is wrong (400).
        """
        try:
            for method in question.methods:
                method_named(method)
            for target in question.targets:
                if not callable(target) and len(self.labels) and question.head is None:
                    parse_target(target, self.labels, rivals=False, strength=1.0)
        except LiveGradcamError as error:
            raise RequestError(400, str(error)) from error
        if len(question.methods) * len(question.targets) > 4:
            raise RequestError(400, "at most 4 heat maps can be asked for at once.")
        return question if question.layer is None else replace(question, layer=self._layer(question.layer))

    def is_quick(self, question: Question) -> bool:
        """Return whether one pass of the network answers a question."""
        return all(method_named(method).one_pass for method in question.methods)

    def submit(self, work: QueuedWork) -> Future[Done]:
        """Add a picture to the queue.

        Raises:
            RequestError: too much waits (503).
        """
        work = replace(work, passes=self._passes(work.question))
        return self._queue(work.question).submit(work)

    async def compiled(self, question: Question, client: Hashable, payer: Hashable) -> None:
        """Wait until a question is compiled. This is for programs, which do not ask again.

        Raises:
            RequestError: it cannot be answered (400), too much waits, or it takes too long (503).
        """
        self._queue(question).admit(
            QueuedWork(client, question, _no_picture, payer=payer, passes=self._passes(question))
        )
        try:
            await self._wait_for(self.graphs.prepare(question, client, payer))
        finally:
            self.graphs.forget(client)

    async def sized(
        self, question: Question, size: tuple[int, int], client: Hashable, payer: Hashable = None
    ) -> None:
        """Wait until a question that is ready is compiled for pictures of (width, height), too.

        Only the fit `wide` makes inputs of several shapes. They are not compiled in the thread that explains.

        Raises:
            RequestError: the network does not take that shape (400), too much waits, or it takes too long (503).
        """
        if self.settings.fit == "wide":
            await self._wait_for(self.graphs.prepare_size(question, size, client, payer))

    async def explained(self, work: QueuedWork) -> Done:
        """Explain a picture for a question that is ready. If the caller stops waiting, the work is cancelled.

        Raises:
            RequestError: too much waits, or it takes too long (503).
        """
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                return await asyncio.wrap_future(self.submit(work))
        except TimeoutError as error:
            raise _too_long() from error
        finally:
            self.forget(work.client)

    def forget(self, client: Hashable) -> None:
        """Cancel all work for a client who has gone."""
        self.graphs.forget(client)
        self._quick.forget(client)
        self._slow.forget(client)

    def shape(self, size: tuple[int, int]) -> Hashable:
        """Return the key of pictures of (width, height): one call explains pictures with equal keys."""
        return size if self.settings.fit == "wide" else None

    def setup(self, *, camera: str | None) -> dict[str, Any]:
        """Return what the page needs to know.

        Args:
            camera: name of the server's own camera; None: it has none.
        """
        return page_setup(self, camera=camera)

    def at_end(self, call: Callable[[], None]) -> None:
        """Call a function when the service stops."""
        self._ending.append(call)

    def stop(self) -> None:
        """Explain and compile nothing more, and cancel what runs. It returns at once, and any thread may call it."""
        for each in (self.graphs, self._quick, self._slow):
            each.stop()
        for call in self._ending:
            call()

    def close(self) -> None:
        """Explain nothing more; join the threads."""
        self.stop()
        until = time.monotonic() + PATIENCE
        for each in (self.graphs, self._quick, self._slow):
            each.close(until)
        self.engine.close(until)

    async def _wait_for(self, compiling: Sequence[Future[None]]) -> None:
        # Shielded: a client that stops waiting must not cancel what others wait for.
        waiting = [asyncio.shield(asyncio.wrap_future(each)) for each in compiling]
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                await asyncio.gather(*waiting)
        except TimeoutError as error:
            raise _too_long() from error

    def _find_layers(self) -> None:
        """Find the layers of the network, and those to step through."""
        self._rows = layers_of(self.model)
        self.layers = layers_to_step(self._rows)

    def _layer(self, layer: str) -> str | None:
        """Return the whole paths of the named layers; None for the layer that is explained by default.

        Raises:
            RequestError: there is no such layer (400).
        """
        if not self._rows:  # not known yet: the compilation will tell
            return layer
        try:
            paths = [path_in(self._rows, path, self.model.name) for path in paths_in(layer)]
        except LiveGradcamError as error:
            raise RequestError(400, str(error)) from error
        automatic = [row.path for row in self._rows if row.automatic]
        return None if self.default.layer is None and paths == automatic else ",".join(paths)

    def _passes(self, question: Question) -> float:
        """Return how many passes of the network a question takes."""
        shapes = {row.path: row.shape for row in self._rows}
        automatic = next((row.path for row in self._rows if row.automatic), "")
        paths = [automatic] if question.layer is None else paths_in(question.layer)
        lasts = [shapes.get(path, "").rpartition("×")[2] for path in paths]
        channels = max(int(last) if last.isdecimal() else _CHANNELS for last in lasts)
        methods = [method_named(method) for method in question.methods]
        apart = sum(method.pass_count(channels) for method in methods if not method.one_pass)
        # Methods of one pass share the forward pass, and most of them the backward pass, too.
        together = max((method.pass_count(channels) for method in methods if method.one_pass), default=0)
        times = len(question.targets) * (AT_ONCE if self.settings.fit == "scan" else 1)
        return float((apart + together) * times)

    def _queue(self, question: Question) -> BatchQueue:
        return self._quick if self.is_quick(question) else self._slow


def _no_picture() -> Pixels:
    raise RequestError(500, "nothing was asked.")


def _too_long() -> RequestError:
    return RequestError(503, "this takes too long: try again later, or a quicker method.", retry_after=30)
