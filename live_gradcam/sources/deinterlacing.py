"""Deinterlacing: whole frames from frames that were captured as two fields."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Generic, TypeVar

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av
import av.error
import av.filter

Tag = TypeVar("Tag")


def deinterlaced(frames: Iterable[tuple[av.VideoFrame, Tag]]) -> Iterator[tuple[av.VideoFrame, Tag]]:
    """Deinterlace the frames that are marked as interlaced; other frames are not changed.

    FFmpeg's `bwdif` does it, with each frame's field order. It makes one frame of each frame, not of each field, so
    that frames keep their numbers, times and rate. Telecined film, whole frames marked as repeating a field, is not
    changed.

    Args:
        frames: in order, each with a tag.

    Yields:
        The same in the same order; from the first interlaced frame on, one frame late.
    """
    bwdif: _Bwdif[Tag] | None = None
    for frame, tag in frames:
        if bwdif is not None and not bwdif.fits(frame):
            yield from bwdif.end()
            bwdif = None
        if bwdif is None:
            if not frame.interlaced_frame:
                yield frame, tag
                continue
            bwdif = _Bwdif(frame)
        yield from bwdif.feed(frame, tag)
    if bwdif is not None:
        yield from bwdif.end()


class _Bwdif(Generic[Tag]):
    """FFmpeg's `bwdif` filter for frames of one size and format."""

    def __init__(self, like: av.VideoFrame) -> None:
        self._shape = (like.width, like.height, like.format.name)
        self._tags: deque[Tag] = deque()
        self._count = 0
        graph = av.filter.Graph()
        self._in = graph.add_buffer(
            width=like.width, height=like.height, format=like.format, time_base=Fraction(1, 1000)
        )
        bwdif = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
        self._out = graph.add("buffersink")
        self._in.link_to(bwdif)
        bwdif.link_to(self._out)
        graph.configure()
        self._graph = graph

    def fits(self, frame: av.VideoFrame) -> bool:
        return (frame.width, frame.height, frame.format.name) == self._shape

    def feed(self, frame: av.VideoFrame, tag: Tag) -> Iterator[tuple[av.VideoFrame, Tag]]:
        # The frame's own time is in its tag: some frames have none, and the filter needs one.
        frame.pts, frame.time_base = self._count, Fraction(1, 1000)
        self._count += 1
        self._tags.append(tag)
        self._in.push(frame)
        yield from self._finished()

    def end(self) -> Iterator[tuple[av.VideoFrame, Tag]]:
        self._in.push(None)
        yield from self._finished()

    def _finished(self) -> Iterator[tuple[av.VideoFrame, Tag]]:
        while self._tags:
            try:
                frame = self._out.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(frame, av.VideoFrame)
            yield frame, self._tags.popleft()
