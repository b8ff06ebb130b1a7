"""The WebSocket of one page: receives frames and questions, and sends answers."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from live_gradcam.errors import LiveGradcamError
from live_gradcam.escaping import shown
from live_gradcam.question import Question
from live_gradcam.render.heat_smoothing import RelativePeaks
from live_gradcam.server.camera_stream import CameraStream
from live_gradcam.server.connections import RateLimit
from live_gradcam.server.decode_limits import check_shape
from live_gradcam.server.decoders import Decoders
from live_gradcam.server.errors import RequestError, log_line
from live_gradcam.server.heat_testing import CurveMeasuring, SpareTesting, tested
from live_gradcam.server.messages import answer_message, question_of
from live_gradcam.server.page_messages import (
    FrameRequest,
    QuestionMessage,
    TeachMessage,
    read_frame,
    read_text,
)
from live_gradcam.server.picture_decoding import MOST_FRAME_PIXELS, size_of
from live_gradcam.server.queued_work import QueuedWork
from live_gradcam.server.service import Service
from live_gradcam.server.teaching import VisitorTeaching
from live_gradcam.server.teaching_room import TeachingRoom
from live_gradcam.taught_head import TaughtHead

logger = logging.getLogger(__name__)

IDLE_SECONDS = 60.0
"""A socket without a message for this time is closed; an idle page sends keep-alive messages."""

_RATE, _BURST = 90.0, 180.0
"""Rate limit and burst of the messages of one socket: a page sends at most 60 a second."""

_WRONG, _IDLE = 1007, 1001
"""WebSocket close codes."""

_MOST_FAULTS = 20
"""Number of invalid messages after which the socket is closed; the others are answered with an error."""


class PageSocket:
    """Serves one socket until one side closes it.

    Args:
        socket: the accepted socket.
        service: explains the frames.
        decoders: decode the frames.
        camera_stream: the server's own camera; None: there is none.
        room: what the visitors share who teach; None: nothing can be taught here.
    """

    def __init__(
        self,
        socket: WebSocket,
        service: Service,
        decoders: Decoders,
        camera_stream: CameraStream | None,
        room: TeachingRoom | None = None,
    ) -> None:
        self._socket = socket
        self._service = service
        self._decoders = decoders
        self._camera_stream = camera_stream
        self._ask = 0
        self._wanted = service.default
        self._current = service.default
        self._current_ask = 0
        self._share: float | None = None
        self._badge = self._curves = False
        self._spare = SpareTesting(service, self, self._send)
        self._measuring = CurveMeasuring(service, self, self._send)
        self._teaching = VisitorTeaching(room, self, self._send)
        self._frame: tuple[int, bytes | None, float] | None = None
        self._arrived = asyncio.Event()
        self._rate_limit = RateLimit(_RATE, _BURST)
        self._faults = 0
        self._seen = 0
        self._relative_peaks = RelativePeaks()
        self._head: TaughtHead | None = None

    async def run(self) -> None:
        """Receive and answer concurrently."""
        answering = asyncio.create_task(self._answer(), name="answer a visitor")
        listening = asyncio.create_task(self._listen(), name="listen to a visitor")
        try:
            await asyncio.wait((answering, listening), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (answering, listening):
                task.cancel()
            self._spare.close()
            self._measuring.close()
            self._teaching.stop()
            results = await asyncio.gather(answering, listening, return_exceptions=True)
            self._service.forget(self)
            # The batch queue remembers its payers: nothing that was taught or sent may stay with them.
            self._current = self._wanted = self._service.default
            self._head = self._frame = None
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
                # Closed between two messages, or an error of the server: log it, the other sockets go on.
                logger.info("%s", log_line("visit-ended", reason=result))

    async def _listen(self) -> None:
        while True:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    message = await self._socket.receive()
            except TimeoutError:
                await self._close(_IDLE, "no message came for a minute")
                return
            if message["type"] == "websocket.disconnect":
                return
            # Read less often from a client that sends too often: unread messages fill its own buffers.
            if wait := self._rate_limit.spend():
                await asyncio.sleep(wait)
            try:
                self._take(message.get("bytes"), message.get("text"))
            except RequestError as refusal:
                self._service.tally.refused.labels(str(refusal.status)).inc()
                self._faults += 1
                if self._faults >= _MOST_FAULTS:
                    await self._close(_WRONG, "too many invalid messages")
                    return
                await self._send({"error": str(refusal)})

    def _take(self, data: bytes | None, text: str | None) -> None:
        """Handle one message.

        Raises:
            RequestError: the message is not valid.
        """
        if data is not None:
            number, picture = read_frame(data)
            self._offer(number, picture)
            return
        message = read_text(text or "")
        if isinstance(message, QuestionMessage):
            self._ask = message.ask
            self._wanted = question_of(message.methods, message.layer, list(message.targets))
            self._share, self._badge, self._curves = message.share, message.badge, message.curves
            self._arrived.set()
        elif isinstance(message, FrameRequest):
            if self._camera_stream is None:
                raise RequestError(400, "this server has no camera of its own.")
            self._offer(message.next, None)
        elif isinstance(message, TeachMessage):
            self._teaching.take(message)

    def _offer(self, number: int, picture: bytes | None) -> None:
        self._frame = (number, picture, time.monotonic())
        self._arrived.set()

    async def _answer(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            compiling = await self._choose()
            if self._frame is None:
                continue
            (number, picture, came), self._frame = self._frame, None
            try:
                await self._explain(number, picture, compiling)
            except RequestError as refusal:
                self._service.tally.refused.labels(str(refusal.status)).inc()
                await self._send({"error": str(refusal), "frame": number})
            except LiveGradcamError as error:
                await self._send({"error": str(error), "frame": number})
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                # The batch queue cancelled the frame.
                await self._send({"error": "the server is ending.", "frame": number})
            self._service.tally.answered(time.monotonic() - came)

    async def _choose(self) -> str | None:
        """Switch to the wanted question once it is compiled; return the name of what is still being compiled."""
        try:
            wanted = self._service.checked(self._teaching.asked(self._wanted))
            waiting = self._service.graphs.prepare(wanted, self)
        except RequestError as refusal:
            self._wanted, self._current_ask = self._current, self._ask
            await self._send({"refused": str(refusal), "ask": self._ask})
            return None
        if not waiting:
            self._current, self._current_ask = wanted, self._ask
            return None
        self._current = self._teaching.asked(self._current)
        if not self._service.graphs.ready(self._current):
            self._current = self._teaching.asked(self._service.default)  # the unused graph was dropped
        return _question_text(wanted)

    async def _explain(self, number: int, picture: bytes | None, compiling: str | None) -> None:
        service = self._service
        if picture is None:
            assert self._camera_stream is not None
            frame = await self._camera_stream.frame_after(self._seen)
            self._seen = frame.number
            came, pixels = time.monotonic(), frame.pixels
        else:
            size_of(picture, MOST_FRAME_PIXELS)
            came, pixels = time.monotonic(), await self._decoders.frame(picture)
        height, width = pixels.shape[:2]
        check_shape(width, height, service.settings.fit)
        await service.sized(self._current, (width, height), self)
        work = QueuedWork(self, self._current, pixels, service.shape((width, height)), came)
        done = await asyncio.wrap_future(service.submit(work))
        done = await self._teaching.see(done)
        if self._share is not None:
            done = await tested(service, done, self._share, self, self)
        jpeg = (
            b""
            if picture is not None or self._camera_stream is None
            else await self._camera_stream.jpeg(frame)
        )
        now, head = time.monotonic(), done.answer.question.head
        if head is not self._head:  # another head's maps have another scale
            self._head, self._relative_peaks = head, RelativePeaks()
        relative_peaks = [self._relative_peaks.of(each, now) for each in done.answer.explanations]
        message = answer_message(
            number, self._current_ask, done, compiling=compiling, relative_peaks=relative_peaks, jpeg=jpeg
        )
        await self._socket.send_bytes(message)
        if self._badge:
            self._spare.offer(done, self._current_ask)
        if self._curves and self._current_ask == self._ask:  # else another answer follows
            self._measuring.offer(done, self._current_ask)

    async def _send(self, message: dict[str, Any]) -> None:
        # An error may quote the client's message, which may hold any character.
        said = {name: shown(value) if isinstance(value, str) else value for name, value in message.items()}
        await self._socket.send_json(said)

    async def _close(self, code: int, reason: str) -> None:
        if self._socket.application_state is WebSocketState.CONNECTED:
            with suppress(RuntimeError, WebSocketDisconnect):
                await self._socket.close(code, reason)


def _question_text(question: Question) -> str:
    where = "" if question.layer is None else f" at {question.layer}"
    return f"{', '.join(question.methods)}{where}"
