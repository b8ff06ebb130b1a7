"""Recordings that the tests make, and what a player gets from them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import av
import numpy as np

from live_gradcam.frame import Frame, Pixels
from live_gradcam.shown import Shown
from live_gradcam.sinks.recorder import Recorder

RED = (20, 30, 220)


@dataclass(frozen=True, slots=True)
class Film:
    """What a player gets from a recording."""

    pictures: list[Pixels]
    seconds: list[float]
    length: float


def play(path: Path) -> Film:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        length = (container.duration or 0) / 1e6
        seconds = [float(frame.time) for frame in frames if frame.time is not None]
        pictures = [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in frames]
        return Film(pictures, seconds, length)


def plain(colour: tuple[int, int, int] = RED, width: int = 64, height: int = 48) -> Pixels:
    return np.full((height, width, 3), colour, np.uint8)


def at(seconds: float) -> Frame:
    return Frame(plain(), 0, captured_at=seconds)


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def record(path: Path, pictures: list[Pixels], seconds: list[float] | None = None) -> Film:
    with Recorder(path, wait=True) as recorder:
        for picture, moment in zip(
            pictures, seconds or [index / 30 for index in range(len(pictures))], strict=True
        ):
            recorder.write(Shown(picture, at(moment)))
    return play(path)


def lines(sidecar: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The header of a sidecar, and its rows."""
    header, *rows = [json.loads(line) for line in sidecar.read_text("utf-8").splitlines()]
    assert header["kind"] == "header"
    assert all(row["kind"] == "frame" for row in rows)
    return header, rows


def readable(path: Path) -> int:
    """How many pictures OpenCV gets from a file, whatever state it is in."""
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    count = 0
    while video.read()[0]:
        count += 1
    video.release()
    return count


@contextmanager
def not_root() -> Iterator[None]:
    """Be a user who may not do everything, where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
