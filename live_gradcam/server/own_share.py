"""A visitor's own share of the network, for the pictures that the visitor's examples make."""

from __future__ import annotations

import logging
import threading
from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import replace

from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.question_switch import Size
from live_gradcam.frame import Pixels
from live_gradcam.question import Answer, Question
from live_gradcam.server.errors import RequestError
from live_gradcam.server.queued_work import Done, QueuedWork
from live_gradcam.server.service import Service
from live_gradcam.teach.feature_extractor import MOST_AT_ONCE

logger = logging.getLogger(__name__)

_TRIES, _TRY_SECONDS = 20, 1.0
"""How often the queue is asked to take a picture while it is full, and after how long."""


class OwnShare:
    """Answers questions about the altered copies of a visitor's examples: they wait in the queue, as frames do."""

    def __init__(self, service: Service, client: Hashable) -> None:
        self._service = service
        self._client = client
        self.closed = threading.Event()
        """Whether the visitor teaches no more."""

    @property
    def traces(self) -> int:
        """How often a network was traced."""
        return self._service.graphs.traces

    def ready(self, question: Question, size: Size) -> bool:
        """Return whether a question can be answered without compiling."""
        del size
        return self._service.graphs.ready(question)

    def prepare(self, question: Question, size: Size) -> Iterator[str]:
        """Compile nothing: the graph of the copies is always kept."""
        del question, size
        return iter(())

    def answer(self, pixels: Pixels, question: Question) -> Answer:
        """Answer a question about a picture, (H, W, 3) uint8 BGR."""
        return self.answer_batch([pixels], [question])[0]

    def answer_batch(self, images: Sequence[Pixels], questions: Sequence[Question]) -> list[Answer]:
        """Answer one question about each picture, (H, W, 3) uint8 BGR, all of one size. Only the head is asked for.

        Raises:
            LiveGradcamError: the visitor has gone, or the queue stays full.
        """
        height, width = images[0].shape[:2]
        shape = self._service.shape((width, height))
        question = replace(self._service.taught_default, head=questions[0].head)
        clients = [(self._client, "copy", number) for number in range(len(images))]
        futures = []
        try:
            for image, client in zip(images, clients, strict=True):
                futures.append(
                    self._submitted(QueuedWork(client, question, image, shape, payer=self._client))
                )
            return [each.result().answer for each in futures]
        except CancelledError as error:
            raise LiveGradcamError("the visit has ended.") from error
        finally:
            for each in futures:
                each.cancel()

    def close(self) -> None:
        """Cancel the pictures that wait."""
        self.closed.set()
        for number in range(MOST_AT_ONCE):
            self._service.forget((self._client, "copy", number))

    def _submitted(self, work: QueuedWork) -> Future[Done]:
        """Add a picture to the queue, after a while if it is full.

        Raises:
            LiveGradcamError: it stays full, or the visitor has gone.
        """
        for _ in range(_TRIES):
            if self.closed.is_set():
                break
            try:
                return self._service.submit(work)
            except RequestError as refusal:
                logger.debug("a copy has to wait: %s", refusal)
                self.closed.wait(_TRY_SECONDS)
        raise LiveGradcamError("the server is too busy to learn this: try again in a moment.")
