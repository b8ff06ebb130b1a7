"""The server's own camera: one capture for any number of pages and viewers."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

import cv2
import numpy as np

from live_gradcam.concurrency.worker_thread import WorkerThread
from live_gradcam.config import Settings
from live_gradcam.errors import LiveGradcamError, SourceError
from live_gradcam.frame import Frame, Pixels
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.heat_smoothing import HeatSmoothing
from live_gradcam.render.overlay import Overlay
from live_gradcam.render.renderer import Renderer
from live_gradcam.server.decode_limits import check_shape
from live_gradcam.server.errors import RequestError
from live_gradcam.server.queued_work import Done, QueuedWork
from live_gradcam.server.service import Service
from live_gradcam.sources.source import LiveSource
from live_gradcam.translations import words_of

logger = logging.getLogger(__name__)

BOUNDARY = "frame"
"""Boundary between the pictures of the MJPEG stream."""

_QUALITY = (cv2.IMWRITE_JPEG_QUALITY, 80)
_NOTICE_AFTER_SECONDS = 0.25
_FRAME_SECONDS = 5.0

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, eq=False)
class CameraShot:
    """One frame of the server's camera."""

    number: int
    """Position in the order of capture, from 1."""

    pixels: Pixels
    """(H, W, 3) uint8 BGR."""


class AsyncLatest(Generic[Item]):
    """The newest item from a thread, for any number of waiting coroutines.

    Args:
        loop: the event loop of the coroutines.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._number = 0
        self._item: Item | None = None
        self._changed = asyncio.Event()

    def publish(self, item: Item) -> None:
        """Replace the item; may be called from any thread."""
        self._item, self._number = item, self._number + 1
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    async def after(self, number: int) -> tuple[int, Item]:
        """Wait for an item newer than `number`, and return its number and the item.

        Raises:
            TimeoutError: no item came within `_FRAME_SECONDS`.
        """
        async with asyncio.timeout(_FRAME_SECONDS):
            while self._number <= number or self._item is None:
                await self._changed.wait()
        return self._number, self._item

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class CameraStream:
    """Reads the camera; draws the picture with the heat while it has viewers.

    Args:
        source: an open, live source; `close` closes it.
        service: explains the frames.
        settings: the appearance of the picture.
        ended: called in the stream's thread when the source ends or fails.
    """

    def __init__(
        self, source: LiveSource, service: Service, settings: Settings, *, ended: Callable[[], None]
    ) -> None:
        self.name = source.name
        self.viewers = 0
        """Number of viewers of the annotated picture."""
        self.error: BaseException | None = None
        """The error with which the source failed."""
        self._source = source
        self._service = service
        self._ended = ended
        self._mirror = settings.mirror
        self._renderer = Renderer(
            Appearance(alpha=settings.alpha, colormap=settings.colormap),
            motion=settings.motion,
            smoothing=HeatSmoothing(seconds=settings.smoothing, scale=settings.scale),
            words=words_of(settings.lang),
        )
        loop = asyncio.get_running_loop()
        self._shots: AsyncLatest[CameraShot] = AsyncLatest(loop)
        self._pictures: AsyncLatest[bytes] = AsyncLatest(loop)
        self._encoded: tuple[int, asyncio.Task[bytes]] | None = None
        self._requested: tuple[Frame, Future[Done]] | None = None
        self._closing = threading.Event()
        self._worker = WorkerThread(
            self._read_all,
            name=f"stream of {source.name}",
            end=self._closing.set,
            then=self._has_ended,
        )

    async def frame_after(self, number: int) -> CameraShot:
        """Wait for a frame newer than `number`, and return the newest.

        Raises:
            RequestError: no frame comes (503).
        """
        try:
            _, shot = await self._shots.after(number)
        except TimeoutError as error:
            raise RequestError(503, self._source.notice or f"{self.name} gives no picture.") from error
        return shot

    async def jpeg(self, shot: CameraShot) -> bytes:
        """Return a frame as a JPEG; each frame is encoded once for all viewers."""
        if self._encoded is None or self._encoded[0] != shot.number:
            self._encoded = (shot.number, asyncio.create_task(asyncio.to_thread(_jpeg, shot.pixels)))
        return await asyncio.shield(self._encoded[1])

    async def pictures(self) -> AsyncIterator[bytes]:
        """Yield the annotated pictures as parts of an MJPEG stream; a slow viewer misses some."""
        self.viewers += 1
        try:
            number = 0
            while not self._closing.is_set():
                try:
                    number, picture = await self._pictures.after(number)
                except TimeoutError:
                    continue
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                yield head.encode() + picture + b"\r\n"
        finally:
            self.viewers -= 1

    def stop(self) -> None:
        """End the streams; may be called from any thread."""
        self._closing.set()

    def close(self) -> None:
        """Close the source and join the thread."""
        self._closing.set()
        self._source.close()
        self._worker.close()

    def _read_all(self) -> None:
        last: Frame | None = None
        number = 0
        while not self._closing.is_set():
            frame = self._source.newest(_NOTICE_AFTER_SECONDS)
            if frame is None:
                if self._source.ended:
                    return
                if last is not None and self._source.notice and self.viewers:
                    self._draw(last)
                continue
            if last is None or last.size != frame.size:
                self._check_shape(*frame.size)
            number += 1
            last = self._mirrored(frame)
            self._shots.publish(CameraShot(number, last.pixels))
            if self.viewers:
                self._explain(last)
                self._draw(last)

    def _has_ended(self, error: BaseException | None) -> None:
        if not self._closing.is_set():  # while the stream is being closed, an error does not matter
            self.error = error
            self._ended()

    def _explain(self, frame: Frame) -> None:
        """Take the last explanation if it is ready, and submit the next frame: one frame at a time."""
        if self._requested is not None:
            asked, future = self._requested
            if not future.done():
                return
            self._requested = None
            if not future.cancelled():
                try:
                    self._renderer.add_answer(asked, future.result().answer)
                except LiveGradcamError as error:
                    logger.warning("%s", error)
        shape = self._service.shape(frame.size)
        work = QueuedWork(self, self._service.default, frame.pixels, shape, time.monotonic())
        self._requested = (frame, self._service.submit(work))

    def _draw(self, frame: Frame) -> None:
        picture, _ = self._renderer.picture(frame, Overlay(notice=self._source.notice))
        self._pictures.publish(_jpeg(picture))

    def _check_shape(self, width: int, height: int) -> None:
        try:
            check_shape(width, height, self._service.settings.fit)
        except RequestError as refusal:
            raise SourceError(f"{self.name} cannot be shown: {refusal}") from refusal

    def _mirrored(self, frame: Frame) -> Frame:
        if not self._mirror:
            return frame
        pixels = np.ascontiguousarray(frame.pixels[:, ::-1])
        return Frame(pixels, frame.index, frame.captured_at, frame.media_time)


def _jpeg(pixels: Pixels) -> bytes:
    return bytes(cv2.imencode(".jpg", pixels, _QUALITY)[1])
