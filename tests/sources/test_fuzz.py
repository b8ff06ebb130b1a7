"""Films with damaged headers: each is played or refused in one line; nothing crashes, hangs or floods the memory."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clips import made_by_ffmpeg, write_clip
from programs import TESTS

MOST_SECONDS = 10.0
MOST_MEGABYTES = 1024
LONGEST_LINE = 400

KINDS: dict[str, str] = {
    "clip.mp4": "-c:v libx264",
    "clip.mov": "-c:v prores_ks -vf setsar=4/3",
    "clip.mkv": "-c:v libx264 -flags +ildct+ilme",
    "clip.webm": "-c:v libvpx-vp9 -cpu-used 8 -deadline realtime",
    "clip.avi": "-c:v mpeg4 -bf 2",
    "clip.ts": "-c:v mpeg2video -bf 2",
    "clip.vob": "-c:v mpeg2video",
    "clip.flv": "-c:v flv",
    "clip.wmv": "-c:v wmv2",
    "clip.y4m": "-pix_fmt yuv420p",
    "clip.ivf": "-c:v libvpx",
    "clip.ogv": "-c:v libtheora -vf noise=alls=40:allf=t",
    "clip.h264": "-c:v libx264",
    "clip.m2v": "-c:v mpeg2video",
    "clip.mxf": "-c:v mpeg2video",
    "clip.3gp": "-c:v mpeg4",
    "clip.gif": "",
    "clip.mjpeg": "-c:v mjpeg",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    return {
        name: made_by_ffmpeg(
            folder / name, *options.split(), source="testsrc2=s=64x48:r=25:d=0.4"
        ).read_bytes()
        for name, options in KINDS.items()
    }


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Return a film with some bytes changed, most of them near its beginning or in its index."""
    data = bytearray(content)
    places = [0, len(data) // 2]
    places += [
        at for name in (b"moov", b"stsd", b"trak", b"\x16\x54\xae\x6b") if (at := data.find(name)) >= 0
    ]
    for _ in range(chance.choice((1, 2, 4, 16, 64))):
        at = chance.choice(places) + int(chance.expovariate(1 / 200))
        if at >= len(data):
            continue
        match chance.randrange(4):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                data[at : at + 4] = chance.choice(
                    (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\1\0\0", bytes(4))
                )
            case _:
                del data[at : at + chance.randrange(1, 9)]
    if chance.random() < 0.2:
        del data[chance.randrange(len(data) + 1) :]
    return bytes(data)


class Worker:
    """The process that plays."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(TESTS / "film_worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def play(self, path: Path) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        # It starts within that time, too.
        timer = threading.Timer(4 * MOST_SECONDS, self._process.kill)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        assert line, f"the process died or hung at {path.name}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    process = Worker()
    yield process
    process.close()


def check(worker: Worker, path: Path) -> None:
    answer = worker.play(path)
    case = f"{path}: {answer}"
    assert "surprise" not in answer, case
    assert answer["seconds"] < MOST_SECONDS, case
    assert answer["megabytes"] < MOST_MEGABYTES, case
    if "error" in answer:
        message = answer["error"]
        assert message.startswith(path.name), case
        assert "\n" not in message, case
        assert len(message) <= LONGEST_LINE, case


def check_seeds(worker: Worker, whole: dict[str, bytes], folder: Path, seeds: range) -> None:
    for seed in seeds:
        name = sorted(whole)[seed % len(whole)]
        path = folder / f"{seed} {name}"
        path.write_bytes(mutated(whole[name], random.Random(seed)))
        check(worker, path)
        path.unlink()


@pytest.mark.fuzz
def test_whole_films_are_played(worker: Worker, whole: dict[str, bytes], tmp_path: Path) -> None:
    for name, content in whole.items():
        (tmp_path / name).write_bytes(content)
        assert worker.play(tmp_path / name).get("frames") == 10, name


def test_films_with_damaged_headers_are_played_or_refused_in_one_line(
    worker: Worker, whole: dict[str, bytes], tmp_path: Path
) -> None:
    check_seeds(worker, whole, tmp_path, range(54))


@pytest.mark.parametrize("seed", [10661, 13055, 19607, 19949])
def test_times_beyond_all_counting_are_no_reason_to_fail(
    worker: Worker, whole: dict[str, bytes], tmp_path: Path, seed: int
) -> None:
    check_seeds(worker, whole, tmp_path, range(seed, seed + 1))


@pytest.mark.fuzz
def test_many_films_with_damaged_headers_are_played_or_refused_in_one_line(
    worker: Worker, whole: dict[str, bytes], tmp_path: Path
) -> None:
    check_seeds(worker, whole, tmp_path, range(54, 754))


@pytest.mark.parametrize(
    ("width", "height"), [(100_000, 100_000), (30_000, 30_000), (16_000, 16_000), (0, 0)]
)
def test_a_header_that_claims_a_huge_picture_takes_no_memory(
    worker: Worker, tmp_path: Path, width: int, height: int
) -> None:
    path = tmp_path / "huge.y4m"
    path.write_bytes(b"YUV4MPEG2 W%d H%d F25:1 Ip A1:1 C420jpeg\nFRAME\n" % (width, height) + bytes(100_000))
    check(worker, path)


def test_a_clip_that_is_cut_at_any_place_is_played_or_refused(worker: Worker, tmp_path: Path) -> None:
    content = write_clip(tmp_path / "clip.mkv", [40 * i for i in range(5)]).read_bytes()
    for end in range(0, len(content), max(1, len(content) // 25)):
        path = tmp_path / "cut.mkv"
        path.write_bytes(content[:end])
        check(worker, path)
    shutil.rmtree(tmp_path)
