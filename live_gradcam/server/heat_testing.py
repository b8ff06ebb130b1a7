"""Tests the heat of an answer for a client, and measures its curves: the changed pictures wait in the queue."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any

from starlette.websockets import WebSocketDisconnect

from live_gradcam.errors import LiveGradcamError
from live_gradcam.faithfulness import DEFAULT_SHARE, HeatCurve
from live_gradcam.frame import Pixels
from live_gradcam.metrics.heat_test import HeatTest, probability_of, untestable
from live_gradcam.metrics.proofs import ProvedAnswers
from live_gradcam.question import Question
from live_gradcam.server.queued_work import Done, QueuedWork
from live_gradcam.server.service import Service

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 1.0
"""From one test of a visitor's to the next at least: figures that change more often cannot be read."""

_PART = 20
"""A visitor's tests take at most one part in so many of the time."""

_AT_ONCE = 4
"""How many changed pictures of a curve a visitor has in the queue at once: others wait for no more than these."""

_BUSY_MS = 50.0
"""A server whose visitors wait longer than this has no time for tests."""


Send = Callable[[dict[str, Any]], Awaitable[None]]
"""Sends a message of text to a visitor."""


class _VisitorTask:
    """Work for a visitor that goes on beside the answers. Call it in the event loop.

    Args:
        service: explains the changed pictures.
        client: the visitor.
        send: sends a message of text to the visitor.
    """

    def __init__(self, service: Service, client: Hashable, send: Send) -> None:
        self._service = service
        self._client = client
        self._send = send
        self._task: asyncio.Task[None] | None = None

    def close(self) -> None:
        """Give up what goes on."""
        if self._task is not None:
            self._task.cancel()


class SpareTesting(_VisitorTask):
    """Tests the heat of a visitor's answers now and then, while the answers go on. Call it in the event loop.

    Args:
        service: explains the changed pictures.
        client: the visitor.
        send: sends a message of text to the visitor.
    """

    def __init__(self, service: Service, client: Hashable, send: Send) -> None:
        super().__init__(service, client, send)
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


class CurveMeasuring(_VisitorTask):
    """Measures the curves of a visitor's newest answer, while the answers go on. Call it in the event loop.

    The changed pictures come out of the visitor's own share of the network, a few at a time.

    Args:
        service: explains the changed pictures.
        client: the visitor.
        send: sends a message of text to the visitor.
    """

    def __init__(self, service: Service, client: Hashable, send: Send) -> None:
        super().__init__(service, client, send)
        self._waiting: tuple[Done, int] | None = None

    def offer(self, done: Done, ask: int) -> None:
        """Measure the curves of an answer, and give up those of an earlier one.

        Args:
            done: the answer.
            ask: number of the question.
        """
        self._waiting = done, ask
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._measure_waiting(), name="measure curves for a visitor")

    async def _measure_waiting(self) -> None:
        while (waiting := self._waiting) is not None:
            self._waiting = None
            done, ask = waiting
            curves: tuple[HeatCurve, ...] | None = ()
            reason = untestable(done.answer.first)
            if not reason:
                try:
                    curves = await self._measured(done)
                except LiveGradcamError as error:  # such as a queue that is full
                    curves, reason = (), str(error)
            if curves is None:
                continue
            with suppress(RuntimeError, WebSocketDisconnect):  # the visitor has gone
                said = [each.said for each in curves]
                await self._send({"curves": said, "reason": reason, "ask": ask})

    async def _measured(self, done: Done) -> tuple[HeatCurve, ...] | None:
        """Return the curves of an answer; None if a newer answer waits.

        Raises:
            RequestError: too much waits, or it takes too long (503).
        """
        service, client = self._service, (self._client, "curves")  # apart from the visitor's frames and tests
        test = await asyncio.to_thread(_proved_answers(service).curve_test, done.pixels, done.answer)
        changed, scores = test.pictures(), list[float]()
        try:
            while pictures := await asyncio.to_thread(lambda: list(islice(changed, _AT_ONCE))):
                if self._waiting is not None:
                    return None
                scores += await _scored(service, test.question, pictures, client, self._client)
        finally:
            service.forget(client)
        return test.curves(scores)


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
    answers = _proved_answers(service)

    def changed() -> tuple[HeatTest, list[Pixels]]:
        test = answers.test(done.pixels, done.answer, share)
        return test, test.pictures

    test, pictures = await asyncio.to_thread(changed)
    proof = test.proof(await _scored(service, test.question, pictures, client, payer))
    return replace(done, answer=replace(done.answer, proof=proof))


def _proved_answers(service: Service) -> ProvedAnswers:
    return ProvedAnswers(service.engine, service.settings.fit, [service.model.input_size])


async def _scored(
    service: Service, question: Question, pictures: Sequence[Pixels], client: Hashable, payer: Hashable
) -> list[float]:
    """Return the probability of the explained class for changed pictures of one size, which wait in the queue.

    Raises:
        RequestError: too much waits, or it takes too long (503).
    """
    height, width = pictures[0].shape[:2]
    await service.sized(question, (width, height), client, payer)
    shape = service.shape((width, height))
    found = await asyncio.gather(
        *(
            # Each client has one picture waiting at most, so each picture has a client of its own.
            service.explained(QueuedWork((client, number), question, picture, shape, payer=payer))
            for number, picture in enumerate(pictures)
        )
    )
    return [probability_of(each.answer.first) for each in found]
