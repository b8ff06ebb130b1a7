"""Recordings that the tests make, and what a player gets from them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import av
import numpy as np

from live_gradcam.frame import Frame, Pixels
from live_gradcam.rendered_picture import Rendered
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
            recorder.write(Rendered(picture, at(moment)))
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


def write_talkie(path: Path, *tracks: str, seconds: float = 2.0, sound_seconds: float | None = None) -> Path:
    """Write a film of 25 pictures a second, with a tone for each track, named by its codec."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sounds: list[Any] = [container.add_stream(name, rate=48_000) for name in tracks]
        for sound, language in zip(sounds, ("deu", "eng"), strict=False):
            sound.layout, sound.metadata["language"] = "mono", language
        for index in range(round(25 * seconds)):
            picture = av.VideoFrame.from_ndarray(plain(), format="bgr24")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        for number, sound in enumerate(sounds):
            count = round(48_000 * (sound_seconds or seconds))
            wave = np.sin(np.arange(count) / 48_000 * 2 * np.pi * 440 * (number + 1)).astype(np.float32)
            tone = av.AudioFrame.from_ndarray(wave[None] / 4, format="fltp", layout="mono")
            tone.sample_rate, tone.pts, tone.time_base = 48_000, 0, Fraction(1, 48_000)
            container.mux(sound.encode(tone))
            container.mux(sound.encode(None))
    return path


def packets(path: Path, track: int) -> list[tuple[float, bytes]]:
    """The time, in seconds, and the bytes of every packet of an audio track."""
    with av.open(str(path)) as container:
        return [
            (float(packet.pts * packet.time_base), bytes(packet))
            for packet in container.demux(container.streams.audio[track])
            if packet.pts is not None
        ]
