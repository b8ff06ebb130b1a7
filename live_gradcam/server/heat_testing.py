"""Tests the heat of an answer for a client: the changed pictures wait in the queue as other pictures do."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from starlette.websockets import WebSocketDisconnect

from live_gradcam.errors import LiveGradcamError
from live_gradcam.faithfulness import DEFAULT_SHARE
from live_gradcam.frame import Pixels
from live_gradcam.metrics.heat_test import HeatTest, probability_of, untestable
from live_gradcam.metrics.proofs import ProvedAnswers
from live_gradcam.server.queued_work import Done, QueuedWork
from live_gradcam.server.service import Service

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 1.0
"""From one test of a visitor's to the next at least: figures that change more often cannot be read."""

_PART = 20
"""A visitor's tests take at most one part in so many of the time."""

_BUSY_MS = 50.0
"""A server whose visitors wait longer than this has no time for tests."""


class SpareTesting:
    """Tests the heat of a visitor's answers now and then, while the answers go on. Call it in the event loop.

    Args:
        service: explains the changed pictures.
        client: the visitor.
        send: sends a message of text to the visitor.
    """

    def __init__(
        self, service: Service, client: Hashable, send: Callable[[dict[str, Any]], Awaitable[None]]
    ) -> None:
        self._service = service
        self._client = client
        self._send = send
        self._task: asyncio.Task[None] | None = None
        self._next = 0.0

    def offer(self, done: Done, ask: int) -> None:
        """Begin to test an answer if no test goes on, and if there is time for one.

        Args:
            done: the answer.
            ask: number of the question.
        """
        goes_on = self._task is not None and not self._task.done()
        if goes_on or time.monotonic() < self._next or done.waited_ms > _BUSY_MS:
            return
        if not untestable(done.answer.first):
            self._task = asyncio.create_task(self._test(done, ask), name="test the heat for a visitor")

    def close(self) -> None:
        """Give up the test that goes on."""
        if self._task is not None:
            self._task.cancel()

    async def _test(self, done: Done, ask: int) -> None:
        began = time.monotonic()
        try:
            answer = (await tested(self._service, done, DEFAULT_SHARE, self._client, self._client)).answer
        except LiveGradcamError:  # such as a queue that is full: the next answer is tested
            logger.debug("the heat was not tested", exc_info=True)
            return
        finally:
            now = time.monotonic()
            self._next = now + max(_PAUSE_SECONDS, (_PART - 1) * (now - began))
        if answer.proof is not None:
            found = answer.proof.faithfulness
            with suppress(RuntimeError, WebSocketDisconnect):  # the visitor has gone
                await self._send({"tested": {**found.said, "class_id": found.class_id}, "ask": ask})


async def tested(service: Service, done: Done, share: float, client: Hashable, payer: Hashable) -> Done:
    """Return an answer with the masking test of its first explanation, or with the reason why there is none.

    Args:
        service: explains the changed pictures.
        done: the answer, and the picture that it is about.
        share: of the area that the hottest part takes at most, in (0, 1).
        client: who asks.
        payer: whose share of the network the changed pictures use.

    Raises:
        RequestError: too much waits, or it takes too long (503).
    """
    reason = untestable(done.answer.first)
    if reason:
        return replace(done, answer=replace(done.answer, unproved=reason))
    answers = ProvedAnswers(service.engine, service.settings.fit, [service.model.input_size])

    def changed() -> tuple[HeatTest, list[Pixels]]:
        test = answers.test(done.pixels, done.answer, share)
        return test, test.pictures

    test, pictures = await asyncio.to_thread(changed)
    height, width = pictures[0].shape[:2]
    await service.sized(test.question, (width, height), client, payer)
    shape = service.shape((width, height))
    found = await asyncio.gather(
        *(
            # Each client has one picture waiting at most, so each picture has a client of its own.
            service.explained(QueuedWork((client, number), test.question, picture, shape, payer=payer))
            for number, picture in enumerate(pictures)
        )
    )
    proof = test.proof([probability_of(each.answer.first) for each in found])
    return replace(done, answer=replace(done.answer, proof=proof))
