"""Tests the heat of an answer for a client: the changed pictures wait in the queue as other pictures do."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from dataclasses import replace

from live_gradcam.metrics.heat_test import probability_of, untestable
from live_gradcam.metrics.proofs import ProvedAnswers
from live_gradcam.server.queued_work import Done, QueuedWork
from live_gradcam.server.service import Service


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
    test = await asyncio.to_thread(answers.test, done.pixels, done.answer, share)
    pictures = await asyncio.to_thread(lambda: test.pictures)
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
