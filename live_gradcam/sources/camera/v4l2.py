"""Video4Linux: a camera's name, sizes and frame rates, from the kernel."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# linux/videodev2.h: the requests, and the beginning of their structures; the rest is reserved or not needed here.
_QUERY_CAPABILITIES = 0x80685600
_CAPABILITIES = struct.Struct("=16s32s32sIII12x")
_ENUMERATE_FORMATS = 0xC0405602
_FORMAT = struct.Struct("=III32sI16x")
_ENUMERATE_SIZES = 0xC02C564A
_SIZE = struct.Struct("=IIIIIIIII8x")
_ENUMERATE_INTERVALS = 0xC034564B
_INTERVAL = struct.Struct("=IIIIIIIIIII8x")

_VIDEO_CAPTURE = 0x1
"""Capability, and buffer type, of a node that gives pictures."""

_DISCRETE = 1

MOST = 256
"""Number of list entries after which a driver counts as broken."""


@dataclass(frozen=True, slots=True)
class Mode:
    """A picture format that a camera offers."""

    pixel_format: str
    """Four letters: MJPG, YUYV."""

    width: int
    height: int
    fps: float | None
    """The highest rate at this size; None if the driver does not tell."""


def card_and_captures(node: Path) -> tuple[str, bool]:
    """Return a camera's name, and whether this node gives pictures: most cameras have a second node that does not.

    Raises:
        OSError: it cannot be opened, or is no camera.
    """
    with _opened(node) as handle:
        answer = bytearray(_CAPABILITIES.size)
        fcntl.ioctl(handle, _QUERY_CAPABILITIES, answer)
    _, card, _, _, _, of_node = _CAPABILITIES.unpack(answer)
    return card.split(b"\0")[0].decode("utf-8", "replace").strip(), bool(of_node & _VIDEO_CAPTURE)


def modes(node: Path) -> tuple[Mode, ...]:
    """Return a camera's formats, in the driver's order.

    Raises:
        OSError: it cannot be opened.
    """
    with _opened(node) as handle:
        return tuple(
            Mode(code.to_bytes(4, "little").decode("ascii", "replace").strip(), width, height, fps)
            for code in _formats(handle)
            for width, height in _sizes(handle, code)
            for fps in [_highest_fps(handle, code, width, height)]
        )


def _formats(handle: int) -> Iterator[int]:
    for answer in _answers(handle, _ENUMERATE_FORMATS, _FORMAT, _VIDEO_CAPTURE):
        yield answer[4]


def _sizes(handle: int, code: int) -> Iterator[tuple[int, int]]:
    for _, _, kind, first, second, _, *rest in _answers(handle, _ENUMERATE_SIZES, _SIZE, code):
        # A range has minimum and maximum width, step, minimum and maximum height, step.
        yield (first, second) if kind == _DISCRETE else (second, rest[1])
        if kind != _DISCRETE:
            return


def _highest_fps(handle: int, code: int, width: int, height: int) -> float | None:
    # The first interval of a range is also the shortest.
    rates = [
        denominator / numerator
        for *_, numerator, denominator in (
            answer[:7] for answer in _answers(handle, _ENUMERATE_INTERVALS, _INTERVAL, code, width, height)
        )
        if numerator
    ]
    return max(rates, default=None)


def _answers(handle: int, request: int, layout: struct.Struct, *asked: int) -> Iterator[tuple[int, ...]]:
    """Yield the entries of a driver's list."""
    for index in range(MOST):
        buffer = bytearray(struct.pack(f"={1 + len(asked)}I", index, *asked).ljust(layout.size, b"\0"))
        try:
            fcntl.ioctl(handle, request, buffer)
        except OSError:
            return
        yield layout.unpack(buffer)


@contextmanager
def _opened(node: Path) -> Iterator[int]:
    handle = os.open(node, os.O_RDWR | os.O_NONBLOCK)
    try:
        yield handle
    finally:
        os.close(handle)
