"""The service: one model that answers everybody, whatever way the question came."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Hashable
from concurrent.futures import Future
from typing import Any

from live_gradcam import __version__
from live_gradcam.actions import ACTIONS
from live_gradcam.config import DEFAULT_METHOD, Settings
from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explain.layer_table import layer_table
from live_gradcam.explain.loading import explainer_for
from live_gradcam.explain.methods.method import METHODS, method_named
from live_gradcam.explain.targets import parse_target
from live_gradcam.models.labels import Labels
from live_gradcam.models.model import Model
from live_gradcam.question import Question
from live_gradcam.server.graphs import BATCHES, Graphs
from live_gradcam.server.lane import Done, Lane, Work
from live_gradcam.server.palettes import PALETTES, palette
from live_gradcam.server.refusal import Refusal
from live_gradcam.server.tally import Tally
from live_gradcam.words import table_of

_ONE_PASS = ("gradient", "activation")
"""Families of methods that take one pass, and several pictures at once. The others take seconds, and wait elsewhere."""

_COMPILING_SECONDS = 120.0
"""What a program waits at most for its question to be compiled."""


class Service:
    """Answers questions about pictures, for any number of visitors.

    Args:
        model: what is asked.
        settings: how it explains, and what is explained where nobody asks for anything else.
    """

    def __init__(self, model: Model, settings: Settings) -> None:
        self.model = model
        self.settings = settings
        self.tally = Tally()
        rows, columns = model.input_size
        self.graphs = Graphs(self._explainer, (columns, rows), _takes_batches)
        self._quick = Lane(self.graphs, BATCHES, name="explain", explained=self.tally.explained)
        self._slow = Lane(self.graphs, (1,), name="explain slowly", explained=self.tally.explained)
        self.layers: tuple[tuple[str, str], ...] = ()
        """Path and shape of the layers to walk, from shallow to deep; empty until they were found out."""

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
            Refusal: a method, a class or the number of targets is wrong (400).
        """
        try:
            for method in question.methods:
                method_named(method)
            for target in question.targets:
                if not callable(target) and len(self.labels):
                    parse_target(target, self.labels, rivals=False, strength=1.0)
        except LiveGradcamError as error:
            raise Refusal(400, str(error)) from error
        if len(question.methods) * len(question.targets) > 4:
            raise Refusal(400, "at most 4 heat maps can be asked for at once.")
        return question

    def submit(self, work: Work) -> Future[Done]:
        """Let a picture wait for its turn.

        Raises:
            Refusal: too many wait.
        """
        quick = all(_takes_batches(method) for method in work.question.methods)
        return (self._quick if quick else self._slow).submit(work)

    async def explained(self, work: Work) -> Done:
        """Compile where needed, and return what comes of a picture: for programs, which do not ask again.

        Raises:
            Refusal: it cannot be explained so, or takes too long.
        """
        try:
            # Shielded: who gives up must not cancel what others wait for, too.
            compiling = self.graphs.prepare(work.question, work.asker)
            waiting = [asyncio.shield(asyncio.wrap_future(each)) for each in compiling]
            async with asyncio.timeout(_COMPILING_SECONDS):
                await asyncio.gather(*waiting)
                return await asyncio.wrap_future(self.submit(work))
        except TimeoutError as error:
            raise Refusal(503, "this takes too long: try again later, or a quicker method.") from error
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
                {"name": name, "quick": _takes_batches(name), "paper": method_named(name).paper}
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

    def close(self) -> None:
        """Explain nothing more; join the threads."""
        # Side by side: one that is stuck in native code is waited for no longer than all of them together.
        closing = [
            threading.Thread(target=each.close, daemon=True)
            for each in (self.graphs, self._quick, self._slow)
        ]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()

    def _find_layers(self) -> None:
        """Find out which layers there are to walk: the last of each size, and the one that is taken by itself."""
        rows = [row for row in layer_table(self.model) if row.explainable]
        following = [row.shape for row in rows[1:]] + [""]
        self.layers = tuple(
            (row.path, row.shape)
            for row, after in zip(rows, following, strict=True)
            if row.automatic or row.shape != after
        )

    def _explainer(self, method: str, layer: str | None) -> Explainer:
        began = time.monotonic()
        explainer = explainer_for(self.model, self.settings, method=method, layer=layer)
        self._first = self._first or explainer
        self.tally.compiled(time.monotonic() - began)
        return explainer


def _takes_batches(method: str) -> bool:
    return method_named(method).family in _ONE_PASS
