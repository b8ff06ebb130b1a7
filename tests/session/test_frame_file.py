"""The film of a session: every frame comes back bit for bit, and a disk that fails is told once."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from films import files, play

from live_gradcam.errors import SinkError
from live_gradcam.frame import Pixels
from live_gradcam.session import frame_file as film_module
from live_gradcam.session.frame_file import FrameFile, reel_name


@pytest.fixture(autouse=True)
def no_thread_is_left_over() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def noise(width: int, height: int, count: int) -> list[Pixels]:
    random = np.random.default_rng(width * height)
    return [random.integers(0, 256, (height, width, 3)).astype(np.uint8) for _ in range(count)]


def keep(folder: Path, pictures: list[Pixels]) -> None:
    film = FrameFile(folder)
    for picture in pictures:
        film.add(picture)
    film.close()
    film.close()


@pytest.mark.parametrize("size", [(64, 48), (63, 47), (17, 33), (160, 2)])
def test_every_frame_comes_back_bit_for_bit_also_of_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    pictures = noise(*size, 20)
    keep(tmp_path, pictures)
    kept = play(tmp_path / "frames.mkv").pictures
    assert len(kept) == len(pictures)
    assert all(np.array_equal(one, other) for one, other in zip(kept, pictures, strict=True))


def test_frames_of_another_size_go_into_another_file(tmp_path: Path) -> None:
    reels = [noise(64, 48, 3), noise(32, 48, 2), noise(64, 48, 4)]
    keep(tmp_path, [picture for reel in reels for picture in reel])
    assert files(tmp_path) == ["frames-2.mkv", "frames-3.mkv", "frames.mkv"]
    for number, reel in enumerate(reels, start=1):
        kept = play(tmp_path / reel_name(number)).pictures
        assert all(np.array_equal(one, other) for one, other in zip(kept, reel, strict=True))


def test_a_film_without_frames_leaves_no_file(tmp_path: Path) -> None:
    keep(tmp_path, [])
    assert files(tmp_path) == []


def told_by(film: FrameFile, pictures: list[Pixels]) -> list[str]:
    told = []
    for picture in pictures:
        try:
            film.add(picture)
        except SinkError as error:
            told.append(str(error))
        time.sleep(0.002)
    try:
        film.close()
    except SinkError as error:
        told.append(str(error))
    return told


def test_a_disk_that_fails_is_told_once_and_leaves_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(film_module._Reel, "add", failing)
    monkeypatch.setattr(film_module._Reel, "close", failing)  # on a full disk it fails too
    told = told_by(FrameFile(tmp_path), noise(64, 48, 60))
    assert told == ["the session is no longer saved: No space left on device."]


def test_a_disk_that_is_really_full_is_told_in_words(small_disk: Path) -> None:
    told = told_by(FrameFile(small_disk), noise(320, 240, 40))
    assert told == ["the session is no longer saved: No space left on device."]


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    told = told_by(FrameFile(tmp_path / "gone"), noise(64, 48, 60))
    assert told == ["the session is no longer saved: No such file or directory."]


def test_what_was_kept_before_the_end_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    film = FrameFile(tmp_path)
    for picture in noise(64, 48, 60):
        film.add(picture)
    deadline = time.monotonic() + 10
    count = 0
    while count < 15 and time.monotonic() < deadline:  # the last half second may be on its way
        time.sleep(0.05)
        try:
            count = len(play(tmp_path / "frames.mkv").pictures)
        except av.error.FFmpegError:
            continue  # its header is not there yet
    film.close()
    assert count >= 15
