"""Concepts of a live view: fitted on the last frames in the background, and found in every frame.

Deep Feature Factorization (Collins, Achanta and Süsstrunk, ECCV 2018, arXiv 1806.10206): the activations of a layer for
several pictures are one matrix, A (n·h·w, C) ≈ H W with H, W ≥ 0. A row of W is a concept, a mixture of channels; a
column of H says how strong it is at each place. A is the ReLU of the activation, because a linear bottleneck has
negative ones.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from live_gradcam.closeable import Closeable
from live_gradcam.concurrency.latest_item import Latest
from live_gradcam.concurrency.worker_thread import WorkerThread
from live_gradcam.explain.concept_fit import ConceptFit, fitted, maps_of, places_of, unexplained
from live_gradcam.explain.factorization import Matrix
from live_gradcam.explain.question_switch import Answers, WrappedAnswers
from live_gradcam.frame import Pixels
from live_gradcam.question import Answer, LayerActivation, Question

Waits = Literal["never", "first", "always", "single"]
"""Whether an answer waits for a fit that is due. `never`: all are done in the background. `first`: the first one only.
`always`: every one. `single`: each picture has a fit of its own, which its answer waits for."""

SAMPLES = 8
"""How many frames a fit is about at most."""

EVERY = 12
"""One of so many frames is sampled: at 30 frames a second, a fit is about the last 3.2 s."""

MOST_PLACES = 4096
"""How many places a fit is about at most; of large layers fewer frames are kept."""

REFIT = 48
"""After how many frames the concepts are fitted again; sooner at first, when few frames are known."""

SURPRISE = 0.15
"""A frame is of another scene if the concepts leave this much more of it unexplained than of the fitted frames, as a
share of ‖A‖². Then the fit starts anew with this frame, and until it ends there are no concepts."""

_FEWEST = 3
"""How many frames come between two fits, whatever happens."""

_REST = 0.003
"""Seconds that the worker rests before each update, so that the network has the processor."""

Subject = tuple[int, str, int, int]
"""What concepts belong to: the model, the layer, its number of channels, and the number of concepts."""


class StoppedFitError(Exception):
    """The program ended while concepts were fitted."""


class ConceptAnswers(WrappedAnswers[Answers], Closeable):
    """Answers questions, and finds the concepts that they ask for.

    One thread calls `answer`. Another one fits the concepts; for each frame only H is solved for, with W fixed. A new
    fit starts from the former one, and each concept keeps its place.

    Args:
        answers: answers questions, with the activation where concepts are asked for. `close` leaves it open.
        waits: whether an answer waits for a fit.
    """

    def __init__(self, answers: Answers, waits: Waits = "never") -> None:
        super().__init__(answers)
        self._waits: Waits = waits
        self._subject: Subject | None = None
        self._samples: deque[Matrix] = deque(maxlen=SAMPLES)
        self._fit: ConceptFit | None = None
        self._seen = 0
        self._since = 0
        self._fitted = 0
        self._is_outdated = False
        self._busy = False
        self._jobs: Latest[tuple[Subject, Matrix, LayerActivation, ConceptFit | None]] = Latest()
        self._fits: Latest[tuple[Subject, ConceptFit]] = Latest()
        self._ended = threading.Event()
        self._worker: WorkerThread | None = None

    def answer(self, pixels: Pixels, question: Question) -> Answer:
        """Answer a question about a frame, with its concepts if they are asked for and known.

        Args:
            pixels: (H, W, 3) uint8 BGR.
            question: the question.

        Raises:
            LiveGradcamError: the question cannot be answered, or a network fails.
        """
        answer = self._answers.answer(pixels, question)
        activation = answer.activation
        if not question.concepts or activation is None:
            return answer
        places = places_of(activation)
        subject = question.models[0], activation.layer, places.shape[1], question.concepts
        if subject != self._subject:
            self._subject, self._fit, self._seen, self._is_outdated = subject, None, 0, False
            self._samples.clear()
        self._take_fit(subject)
        self._sample(places)
        if self._is_due():
            self._begin(subject, activation)
        # The activation itself has done its work: it takes a hundred times the room of the maps.
        fit = None if self._is_outdated else self._fit
        concepts = None if fit is None else maps_of(activation, fit)
        return replace(answer, activation=None, concepts=concepts)

    def close(self) -> None:
        """Stop fitting and join the thread."""
        self._end()
        if self._worker is not None:
            self._worker.close()

    def _take_fit(self, subject: Subject) -> None:
        """Take over the worker's newest fit, if it is of the present subject."""
        if self._worker is not None:
            self._worker.check()
        found = self._fits.take(0)
        if found is not None:
            self._busy = False
            if found[0] == subject:
                self._fit, self._is_outdated = found[1], False

    def _sample(self, places: Matrix) -> None:
        """Keep a frame now and then; one that is a surprise is kept alone."""
        most = max(1, MOST_PLACES // len(places))
        self._since += 1
        is_surprise = self._is_surprise(places)
        if self._waits == "single" or is_surprise:
            self._samples.clear()
            self._seen = 0
        self._is_outdated |= is_surprise
        if self._seen % EVERY == 0:
            self._samples.append(places)
            while len(self._samples) > most:
                self._samples.popleft()
        self._seen += 1

    def _is_surprise(self, places: Matrix) -> bool:
        fit = self._fit
        if fit is None or self._is_outdated or self._busy or self._since < _FEWEST:
            return False
        return unexplained(places, fit) > fit.unexplained + SURPRISE

    def _is_due(self) -> bool:
        if self._fit is None or self._waits == "single":
            return not self._busy
        wanted = _FEWEST if self._seen == 1 else min(REFIT, EVERY * self._fitted)
        return not self._busy and self._since >= wanted

    def _begin(self, subject: Subject, activation: LayerActivation) -> None:
        """Fit the concepts of the sampled frames: now if answers wait, else in the background."""
        rows = sampled_rows(tuple(self._samples))
        self._since, self._fitted = 0, len(self._samples)
        count = subject[3]
        if self._waits in ("always", "single") or (self._waits == "first" and self._fit is None):
            before = None if self._waits == "single" else self._fit
            self._fit, self._is_outdated = fitted(rows, count, activation.head, before), False
            return
        self._busy = True
        self._jobs.put((subject, rows, activation, self._fit))
        if self._worker is None:
            self._worker = WorkerThread(self._work, name="concepts", end=self._end)

    def _work(self) -> None:
        while (job := self._jobs.take()) is not None:
            subject, rows, activation, before = job
            try:
                fit = fitted(rows, subject[3], activation.head, before, pause=self._rest)
            except StoppedFitError:
                return
            self._fits.put((subject, fit))

    def _rest(self) -> None:
        if self._ended.wait(_REST):
            raise StoppedFitError

    def _end(self) -> None:
        self._ended.set()
        self._jobs.close()


def sampled_rows(samples: Sequence[Matrix]) -> Matrix:
    """Return the places of all samples as one matrix; of more than `MOST_PLACES`, evenly chosen ones."""
    rows = np.concatenate(samples)
    step = -(-len(rows) // MOST_PLACES)
    return rows[::step]
