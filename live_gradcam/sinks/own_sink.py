"""Sinks of other people, each in a thread of its own: one that is slow or fails never holds up the show."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from live_gradcam.closeable import Closeable
from live_gradcam.concurrency.bounded_queue import BoundedQueue
from live_gradcam.concurrency.worker_thread import WorkerThread
from live_gradcam.errors import SinkError
from live_gradcam.number_format import counted
from live_gradcam.plugins import GUIDE, Plugin, called, failure, unknown_plugin
from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks.sink import Sink

logger = logging.getLogger(__name__)

_WAITING_PICTURES = 8
_PATIENCE_SECONDS = 2.0
"""How long `close` waits for a sink without progress; where every picture counts, five times as long."""

_MEMBERS = ("name", "finished", "notice", "write", "close")


def sink_named(text: str) -> tuple[Plugin, str]:
    """Return the sink of an installed package that `NAME` or `NAME:REST` names, and the rest; import nothing.

    Raises:
        SinkError: there is none of that name, or there are two.
    """
    found = called("sink", text)
    if found is None:
        raise SinkError(unknown_plugin("sink", text.partition(":")[0]))
    return found


def open_sink(sink: str | Sink, *, wait: bool) -> OwnSink:
    """Open a sink of an installed package, or take one that is open.

    Args:
        sink: `NAME` or `NAME:REST`; or an open sink.
        wait: as in `OwnSink`.

    Raises:
        SinkError: there is none of that name, it cannot be opened, or it lacks something.
    """
    if not isinstance(sink, str):
        return OwnSink(lambda: sink, f"the sink {type(sink).__name__}", wait=wait)
    plugin, rest = sink_named(sink)
    return OwnSink(lambda: plugin.load()(rest), str(plugin), wait=wait)


class OwnSink(Closeable):
    """Passes pictures through a bounded queue to a sink of somebody else, which lives in a thread of its own.

    The sink is opened, called and closed in that thread. Its arrays cannot be written to, because other sinks have the
    same ones.

    Args:
        opened: returns the open sink.
        named: its name in messages: `the sink 'console' of live-gradcam-example 0.1.0`.
        wait: whether `write` waits while the queue is full (a file that nobody watches: every picture counts), or drops
            the picture and counts it.

    Raises:
        SinkError: it cannot be opened, or it lacks something that a `Sink` has.
    """

    def __init__(self, opened: Callable[[], Sink], named: str, *, wait: bool) -> None:
        self.name = named
        self.finished = False
        """Whether the sink asked to end."""

        self.notice: str | None = None
        self._named = named
        self._open = opened
        self._wait = wait
        self._given = self._done = 0
        self._failed = self._closed = False
        self._failure: SinkError | None = None
        self._waiting: BoundedQueue[Rendered] = BoundedQueue(_WAITING_PICTURES)
        self._ready: BoundedQueue[str] = BoundedQueue(1)
        self._worker = WorkerThread(self._write_all, name=named, then=self._end)
        try:
            self.name = "".join(self._ready.take())
        except BaseException:
            self._closed = True
            self._waiting.close()  # a sink that opens late is closed at once
            raise

    def write(self, shown: Rendered) -> None:
        """Pass one picture to the sink's thread.

        Raises:
            SinkError: the sink failed; raised once.
        """
        self._raise_failure()
        self._given += self._worker.running
        if not self._wait:
            self._waiting.offer(shown)
        elif not self._waiting.put(shown):
            self._worker.join()
            self._raise_failure()

    def close(self) -> None:
        """Let the sink take the pictures that wait, for 2 s unless every picture counts, and close it.

        Raises:
            SinkError: it failed, or has made no progress for 2 s (10 s if every picture counts).
        """
        if self._closed:
            return
        self._closed = True
        self._waiting.close()
        patience = _PATIENCE_SECONDS * (5 if self._wait else 1)
        if not self._wait and not self._worker.join(patience):
            self._waiting.abandon()
        seen = -1
        while seen != self._done:
            seen = self._done
            if self._worker.join(patience):
                break
        else:
            raise SinkError(
                f"{self._named} has not answered for {patience:.0f} s, and its thread is left behind."
            )
        self._raise_failure()
        if (lacking := self._given - self._done) and not self._failed:
            pictures = counted(lacking, "picture")
            logger.warning("%s was too slow: it lacks %s of %d.", self._named, pictures, self._given)

    def _write_all(self) -> None:
        """Open the sink, hand it the pictures until the queue is closed and empty, and close it."""
        doing = "cannot be opened"
        sink = None
        try:
            sink = self._open()
            if missing := [member for member in _MEMBERS if not hasattr(sink, member)]:
                lacks = f"lacks '{missing[0]}' (its type is {type(sink).__name__}): {GUIDE}"
                raise failure("sink", self._named, lacks)
            doing = "failed"
            self._ready.put(str(sink.name))
            for shown in self._waiting:
                sink.write(_read_only(shown))
                self._done += 1
                self.finished, self.notice = bool(sink.finished), sink.notice
            doing = "could not be closed"
            closing, sink = sink, None
            closing.close()
        except SinkError as error:
            raise self._as_ours(doing, error) from error
        except (Exception, SystemExit) as error:
            raise failure("sink", self._named, doing, error) from error
        finally:
            if sink is not None and hasattr(sink, "close"):
                with suppress(Exception):  # it has failed already
                    sink.close()

    def _as_ours(self, doing: str, error: SinkError) -> SinkError:
        """Return an error that names the sink and its package."""
        if str(error).startswith(self._named):
            return error
        return SinkError(f"{self._named} {doing}: {error}")

    def _end(self, error: BaseException | None) -> None:
        """Keep the error for the owner, and wake it."""
        self._failed = error is not None
        if isinstance(error, SinkError):
            self._failure = error
        self._ready.close(error)
        self._waiting.abandon()

    def _raise_failure(self) -> None:
        error, self._failure = self._failure, None
        if error is not None:
            raise error


def _read_only(shown: Rendered) -> Rendered:
    """Return a picture whose arrays cannot be written to."""
    pixels, frame, heatmap = shown.pixels.view(), shown.frame.pixels.view(), shown.heatmap
    pixels.flags.writeable = frame.flags.writeable = False
    if heatmap is not None:
        heatmap = heatmap.view()
        heatmap.flags.writeable = False
    return replace(shown, pixels=pixels, frame=replace(shown.frame, pixels=frame), heatmap=heatmap)
