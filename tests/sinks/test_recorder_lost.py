"""Recordings that break off: disks that are full, programs that are killed, and what is left then."""

from __future__ import annotations

import errno
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from films import at, files, lines, plain, play, readable
from limits import at_most

from live_gradcam.errors import SinkError
from live_gradcam.frame import Pixels
from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks import part_files
from live_gradcam.sinks import recorder as recorder_module
from live_gradcam.sinks.encoder import CONTAINERS, Encoder
from live_gradcam.sinks.recorder import Recorder


class DiskFillsUp:
    """Lets an encoder write a few pictures and then fails as a full disk does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pictures: int) -> None:
        self._left = pictures
        encode = Encoder.encode

        def failing(encoder: Encoder, picture: Pixels, seconds: float) -> float:
            if self._left == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._left -= 1
            return encode(encoder, picture, seconds)

        monkeypatch.setattr(Encoder, "encode", failing)


@pytest.mark.parametrize("wait", [True, False])
def test_a_full_disk_is_told_once_and_what_was_recorded_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait: bool
) -> None:
    DiskFillsUp(monkeypatch, pictures=3)
    before = set(threading.enumerate())
    recorder = Recorder(tmp_path / "out.mp4", wait=wait)
    told = []
    for index in range(50):
        try:
            recorder.write(Rendered(plain(), at(index / 30)))
        except SinkError as error:
            told.append(str(error))
        time.sleep(0.005)
    recorder.close()
    part = tmp_path / "out.part.mp4"
    assert told == [
        f"the recording out.mp4 stopped: No space left on device. What was recorded until then is in {part}."
    ]
    assert files(tmp_path) == ["out.part.jsonl", "out.part.mp4"]
    assert set(threading.enumerate()) <= before


def test_a_disk_that_is_full_at_the_very_end_is_told_by_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: Encoder) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Encoder, "finish", failing)
    recorder = Recorder(tmp_path / "out.mp4", wait=True)
    recorder.write(Rendered(plain(), at(0)))
    with pytest.raises(SinkError, match=r"out\.mp4 stopped: No space left on device"):
        recorder.close()
    assert files(tmp_path) == ["out.part.jsonl", "out.part.mp4"]


def test_a_disk_that_does_not_answer_is_given_up_and_the_thread_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()
    encode = Encoder.encode

    def hanging(encoder: Encoder, picture: Pixels, seconds: float) -> float:
        answers.wait()
        return encode(encoder, picture, seconds)

    monkeypatch.setattr(Encoder, "encode", hanging)
    monkeypatch.setattr(recorder_module, "_PATIENCE_SECONDS", 0.3)
    recorder = Recorder(tmp_path / "out.mp4", wait=False)
    for index in range(20):
        with at_most(0.2):
            recorder.write(Rendered(plain(), at(index / 30)))
    with pytest.raises(SinkError, match=r"its disk has not answered .* 'recorder of out.mp4' is left behind"):
        recorder.close()
    answers.set()
    (left,) = (thread for thread in threading.enumerate() if thread.name == "recorder of out.mp4")
    left.join(10)
    assert files(tmp_path) == ["out.part.jsonl", "out.part.mp4"]


def test_a_slow_encoder_is_waited_for_as_long_as_it_gets_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = Encoder.encode

    def slow(encoder: Encoder, picture: Pixels, seconds: float) -> float:
        time.sleep(0.15)
        return encode(encoder, picture, seconds)

    monkeypatch.setattr(Encoder, "encode", slow)
    monkeypatch.setattr(recorder_module, "_PATIENCE_SECONDS", 0.4)
    recorder = Recorder(tmp_path / "out.mp4", wait=False)
    for index in range(8):
        recorder.write(Rendered(plain(), at(index / 30)))
    recorder.close()
    assert len(play(tmp_path / "out.mp4").pictures) == 8


def test_an_error_that_is_a_bug_comes_through_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Encoder, picture: Pixels, seconds: float) -> float:
        raise ZeroDivisionError(f"{picture.shape} at {seconds}")

    monkeypatch.setattr(Encoder, "encode", broken)
    recorder = Recorder(tmp_path / "out.mp4", wait=True)
    recorder.write(Rendered(plain(), at(0)))
    with pytest.raises(ZeroDivisionError, match="at 0"):
        recorder.close()


LIMITED = """
import resource, sys
import numpy as np
from live_gradcam.errors import SinkError
from live_gradcam.frame import Frame
from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks.recorder import Recorder

resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
rng = np.random.default_rng(0)
recorder = Recorder(sys.argv[1], wait=True)
for index in range(200):
    picture = rng.integers(0, 256, (240, 320, 3), np.uint8)
    try:
        recorder.write(Rendered(picture, Frame(picture, index, index / 30)))
    except SinkError as error:
        print(error)
recorder.close()
print("went on")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="only on Unix: file sizes can be limited there")
def test_a_file_that_really_cannot_grow_stops_the_recording_and_not_the_program(tmp_path: Path) -> None:
    program = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "out.mp4")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (program.returncode, program.stderr) == (0, "")
    told, went_on = program.stdout.splitlines()
    assert told.startswith(
        "the recording out.mp4 stopped: File too large. What was recorded until then is in"
    )
    assert went_on == "went on"
    assert files(tmp_path) == ["out.part.jsonl", "out.part.mp4"]
    assert readable(tmp_path / "out.part.mp4") >= 3


@pytest.mark.parametrize("extension", list(CONTAINERS))
def test_a_disk_that_is_really_full_stops_the_recording_and_what_was_written_plays(
    small_disk: Path, extension: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        part_files, "_LOOK_EVERY_SECONDS", math.inf
    )  # a busy machine would look at the disk once more
    noise = np.random.default_rng(0)
    recorder = Recorder(small_disk / f"out{extension}", wait=True)
    told: list[str] = []
    written = 0
    while not told and written < 500:
        try:
            recorder.write(Rendered(noise.integers(0, 256, (240, 320, 3), np.uint8), at(written / 30)))
            written += 1
        except SinkError as error:
            told.append(str(error))
    recorder.write(Rendered(plain(), at(100)))  # the show goes on
    recorder.close()
    part = small_disk / f"out.part{extension}"
    assert told == [
        f"the recording out{extension} stopped: No space left on device. What was recorded until then is in {part}."
    ]
    assert files(small_disk) == sorted(["out.part.jsonl", part.name])
    assert readable(part) > written / 2
    assert caplog.messages == [f"only 2 MB are left on the disk that out{extension} is recorded to."]


KILLED = """
import itertools, sys, time
import numpy as np
from live_gradcam.frame import Frame
from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks.recorder import Recorder

rng = np.random.default_rng(0)
recorders = [Recorder(path, wait=False) for path in sys.argv[1:]]
for index in itertools.count():
    picture = rng.integers(0, 256, (120, 160, 3), np.uint8)
    now = time.monotonic()
    for recorder in recorders:
        recorder.write(Rendered(picture, Frame(picture, index, now)))
    if index == 0:
        print(now, flush=True)
    time.sleep(1 / 30)
"""


@pytest.mark.runs
@pytest.mark.skipif(sys.platform == "win32", reason="only on Unix: SIGKILL")
def test_a_recording_killed_at_any_moment_plays_to_within_a_second_and_a_half(tmp_path: Path) -> None:
    chance = random.Random(0)
    ages = sorted(chance.uniform(1.0, 4.5) for _ in range(5))
    films = [
        [tmp_path / f"{number}{extension[1:]}" / f"out{extension}" for extension in CONTAINERS]
        for number in range(5)
    ]
    for path in chain(*films):
        path.parent.mkdir()
    programs = [
        subprocess.Popen([sys.executable, "-c", KILLED, *map(str, paths)], stdout=subprocess.PIPE, text=True)
        for paths in films
    ]
    begins = [float(program.stdout.readline()) for program in programs if program.stdout is not None]
    lived = []
    for program, began, age in zip(programs, begins, ages, strict=True):
        time.sleep(max(0.0, began + age - time.monotonic()))
        program.send_signal(signal.SIGKILL)
        lived.append(time.monotonic() - began)
        program.communicate(timeout=10)
    for path, seconds in (
        (path, seconds) for paths, seconds in zip(films, lived, strict=True) for path in paths
    ):
        part = path.with_name(f"out.part{path.suffix}")
        assert files(path.parent) == sorted(["out.part.jsonl", part.name])
        count = readable(part)
        _, rows = lines(part.with_name("out.part.jsonl"))
        assert rows[count - 1]["seconds"] > seconds - 1.5
        assert len(rows) >= count
