"""The service: one model that answers everybody, whatever way the question came."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from live_gradcam.concurrency.worker_thread import PATIENCE
from live_gradcam.config import DEFAULT_METHOD, Settings
from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explain.layer_table import LayerRow, layer_table
from live_gradcam.explain.layers import paths_in, whole_path
from live_gradcam.explain.loading import explainer_for
from live_gradcam.explain.methods.method import METHODS, method_named
from live_gradcam.explain.targets import parse_target
from live_gradcam.frame import Pixels
from live_gradcam.models.labels import Labels
from live_gradcam.models.model import Model
from live_gradcam.question import Question
from live_gradcam.render.heat import PALETTES, palette
from live_gradcam.server.batch_queue import BatchQueue, Done, QueuedWork
from live_gradcam.server.compile_queue import BATCHES, CompileQueue
from live_gradcam.server.errors import RequestError
from live_gradcam.server.monitoring import Memory, Metrics
from live_gradcam.server.pass_slices import PassSlices
from live_gradcam.translations import table_of
from live_gradcam.version import __version__
from live_gradcam.viewer_input import ACTIONS

_ONE_PASS = ("gradient", "activation")
"""Families of methods that take one pass, and several pictures at once. The others take seconds, and wait elsewhere."""

_LONGEST_SECONDS = 120.0
"""What a program waits at most for its question to be compiled, and then for its picture to be explained."""

_CHANNELS = 1280
"""Of a layer of which nothing is known yet."""


class Service:
    """Answers questions about pictures, for any number of visitors.

    Args:
        model: what is asked.
        settings: how it explains, and what is explained where nobody asks for anything else.
        memory: watches how much is used; None: by its own default.
    """

    def __init__(self, model: Model, settings: Settings, memory: Memory | None = None) -> None:
        self.model = model
        self.settings = settings
        self.tally = Metrics()
        rows, columns = model.input_size
        self.graphs = CompileQueue(self._explainer, (columns, rows), takes_batches, memory or Memory())
        self._quick = BatchQueue(self.graphs, BATCHES, name="explain", explained=self.tally.explained)
        self._slow = BatchQueue(self.graphs, (1,), name="explain slowly", explained=self.tally.explained)
        self.layers: tuple[tuple[str, str], ...] = ()
        """Path and shape of the layers to walk, from shallow to deep; empty until they were found out."""

        self._rows: tuple[LayerRow, ...] = ()
        """All layers, likewise."""
        self._ending: list[Callable[[], None]] = []
        self._first: Explainer | None = None
        """Knows, once it is compiled, what the outputs are and what they are called."""
        self.default = Question(methods=(settings.method,), layer=settings.layer, targets=(settings.target,))

    @property
    def labels(self) -> Labels:
        """The names of the classes, labels or values; none as long as they are not known."""
        return self.model.labels if self._first is None else self._first.labels

    def start(self) -> None:
        """Compile what is asked for by default.

        Raises:
            LiveGradcamError: the settings are wrong for this model.
        """
        self.graphs.keep(self.default)
        for future in self.graphs.prepare(self.default, "default"):
            future.result()
        self.graphs.later(self._find_layers)

    def checked(self, question: Question) -> Question:
        """Return a question that makes sense for this model.

        Raises:
            Refusal: a method, a layer, a class or the number of targets is wrong (400).
        """
        try:
            for method in question.methods:
                method_named(method)
            for target in question.targets:
                if not callable(target) and len(self.labels):
                    parse_target(target, self.labels, rivals=False, strength=1.0)
        except LiveGradcamError as error:
            raise RequestError(400, str(error)) from error
        if len(question.methods) * len(question.targets) > 4:
            raise RequestError(400, "at most 4 heat maps can be asked for at once.")
        return question if question.layer is None else replace(question, layer=self._layer(question.layer))

    def is_quick(self, question: Question) -> bool:
        """Whether one pass of the network is enough for a question."""
        return all(takes_batches(method) for method in question.methods)

    def submit(self, work: QueuedWork) -> Future[Done]:
        """Let a picture wait for its turn.

        Raises:
            Refusal: too much waits.
        """
        work = replace(work, passes=self._passes(work.question))
        return self._lane(work.question).submit(work)

    async def compiled(self, question: Question, asker: Hashable, payer: Hashable) -> None:
        """Make sure that a question may wait, and wait until it is compiled: for programs, which do not ask again.

        Raises:
            Refusal: it cannot be explained so, or too much waits, or it takes too long.
        """
        self._lane(question).admit(
            QueuedWork(asker, question, _no_picture, payer=payer, passes=self._passes(question))
        )
        try:
            await self._wait_for(self.graphs.prepare(question, asker, payer))
        finally:
            self.graphs.forget(asker)

    async def sized(
        self, question: Question, size: tuple[int, int], asker: Hashable, payer: Hashable = None
    ) -> None:
        """Wait until a question that is compiled can be answered for pictures of (width, height), too.

        Only the fit `wide` makes inputs of several shapes: none of them is compiled in the thread that explains.

        Raises:
            Refusal: the network does not take that shape, or too much waits, or it takes too long.
        """
        if self.settings.fit == "wide":
            await self._wait_for(self.graphs.prepare_size(question, size, asker, payer))

    async def explained(self, work: QueuedWork) -> Done:
        """Return what comes of a picture, for a question that is compiled; who stops waiting has it given up.

        Raises:
            Refusal: too much waits, or it takes too long.
        """
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                return await asyncio.wrap_future(self.submit(work))
        except TimeoutError as error:
            raise _too_long() from error
        finally:
            self.forget(work.asker)

    def forget(self, asker: Hashable) -> None:
        """Do nothing more for an asker who has gone."""
        self.graphs.forget(asker)
        self._quick.forget(asker)
        self._slow.forget(asker)

    def shape(self, size: tuple[int, int]) -> Hashable:
        """Return what pictures of (width, height) must have in common to go together."""
        return size if self.settings.fit == "wide" else None

    def setup(self, *, camera: str | None) -> dict[str, Any]:
        """Return what the page has to know.

        Args:
            camera: the server's own, where it has one.
        """
        settings = self.settings
        return {
            "version": __version__,
            "model": self.model.name,
            "input": list(self.model.input_size),
            "fit": settings.fit,
            "methods": [
                {"name": name, "quick": takes_batches(name), "paper": method_named(name).paper}
                for name in METHODS
            ],
            "layers": [{"path": path, "shape": shape} for path, shape in self.layers],
            "labels": list(self.labels),
            "values": self._first is not None and self._first.task == "values",
            "method": settings.method,
            "usual_method": DEFAULT_METHOD,
            "layer": settings.layer,
            "target": settings.target,
            "alpha": settings.alpha,
            "colormap": settings.colormap,
            "smoothing": settings.smoothing,
            "scale": settings.scale,
            "palettes": {name: palette(name) for name in dict.fromkeys((settings.colormap, *PALETTES))},
            "camera": camera,
            "lang": settings.lang,
            "words": table_of(settings.lang),
            "actions": [
                {"name": action.name, "key": action.key, "text": action.text}
                for action in ACTIONS
                if action.place == "both"
            ],
        }

    def at_end(self, call: Callable[[], None]) -> None:
        """Call something when the service stops."""
        self._ending.append(call)

    def stop(self) -> None:
        """Explain and compile nothing more, and give up what is under way; from any thread, and at once."""
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

    async def _wait_for(self, compiling: Sequence[Future[None]]) -> None:
        # Shielded: who gives up must not cancel what others wait for, too.
        waiting = [asyncio.shield(asyncio.wrap_future(each)) for each in compiling]
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                await asyncio.gather(*waiting)
        except TimeoutError as error:
            raise _too_long() from error

    def _find_layers(self) -> None:
        """Find out which layers there are to walk: the last of each size, and the one that is taken by itself."""
        table = layer_table(self.model)
        rows = [row for row in table if row.explainable]
        following = [row.shape for row in rows[1:]] + [""]
        self.layers = tuple(
            (row.path, row.shape)
            for row, after in zip(rows, following, strict=True)
            if row.automatic or row.shape != after
        )
        self._rows = tuple(table)

    def _layer(self, layer: str) -> str | None:
        """Return the whole paths of the layers that are named; None for the one that is taken by itself.

        Raises:
            Refusal: there is no such layer (400).
        """
        if not self._rows:  # not known yet: compiling tells
            return layer
        called = [row.path for row in self._rows]
        usable = [row.path for row in self._rows if row.explainable]
        try:
            paths = [whole_path(path, called, usable, self.model.name) for path in paths_in(layer)]
        except LiveGradcamError as error:
            raise RequestError(400, str(error)) from error
        automatic = [row.path for row in self._rows if row.automatic]
        return None if self.default.layer is None and paths == automatic else ",".join(paths)

    def _passes(self, question: Question) -> float:
        """Return how many passes of the network a question takes."""
        shapes = {row.path: row.shape for row in self._rows}
        automatic = next((row.path for row in self._rows if row.automatic), "")
        paths = [automatic] if question.layer is None else paths_in(question.layer)
        channels = 0
        for path in paths:
            last = shapes.get(path, "").rpartition("×")[2]
            channels = max(channels, int(last) if last.isdecimal() else _CHANNELS)
        each = sum(method_named(method).pass_count(channels) for method in question.methods)
        return float(each * len(question.targets))

    def _lane(self, question: Question) -> BatchQueue:
        return self._quick if self.is_quick(question) else self._slow

    def _explainer(self, method: str, layer: str | None) -> Explainer:
        began = time.monotonic()
        # The default's alone is worth the memory that weights as constants take: all others share the network's,
        # and so do the many shapes of `wide`.
        default = (method, layer) == (self.default.methods[0], self.default.layer)
        explainer = explainer_for(
            self.model,
            self.settings,
            method=method,
            layer=layer,
            freeze=default and self.settings.fit != "wide",
            pace=PassSlices(self._slow, self._quick),
        )
        self._first = self._first or explainer
        self.tally.compiled(time.monotonic() - began)
        return explainer


def takes_batches(method: str) -> bool:
    """Whether a method takes one pass, and several pictures at once."""
    return method_named(method).family in _ONE_PASS


def _no_picture() -> Pixels:
    raise RequestError(500, "nothing was asked.")


def _too_long() -> RequestError:
    return RequestError(503, "this takes too long: try again later, or a quicker method.", retry_after=30)
