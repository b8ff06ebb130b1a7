"""Recordings: what comes back from the file, and what becomes of it when things go wrong."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import av
import numpy as np
import pytest

from live_gradcam.errors import SinkError
from live_gradcam.frame import Frame, Pixels
from live_gradcam.sinks.encoder import Encoder
from live_gradcam.sinks.recorder import Recorder

BOTH = pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
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


def record(path: Path, pictures: list[Pixels], seconds: list[float] | None = None) -> Film:
    with Recorder(path, wait=True) as recorder:
        for picture, moment in zip(
            pictures, seconds or [index / 30 for index in range(len(pictures))], strict=True
        ):
            recorder.write(picture, at(moment))
    return play(path)


@BOTH
def test_each_picture_comes_back_at_its_own_time(tmp_path: Path, name: str) -> None:
    moments = [5000.0, 5000.033, 5000.1, 5000.103, 5000.5, 5002.0]
    film = record(tmp_path / name, [plain((40 * index, 90, 90)) for index in range(6)], moments)
    assert film.seconds == pytest.approx([moment - 5000 for moment in moments], abs=0.001)
    assert [int(picture[9, 9, 0]) for picture in film.pictures] == pytest.approx(
        [0, 40, 80, 120, 160, 200], abs=6
    )


def test_the_last_picture_is_shown_as_long_as_the_one_before_it(tmp_path: Path) -> None:
    assert record(tmp_path / "out.mp4", [plain()] * 3, [0, 0.5, 1.0]).length == pytest.approx(1.5, abs=0.01)


def test_a_file_keeps_its_own_clock(tmp_path: Path) -> None:
    with Recorder(tmp_path / "out.mp4", wait=True) as recorder:
        for index in range(4):
            recorder.write(plain(), Frame(plain(), index, captured_at=77.0, media_time=index / 10))
    assert play(tmp_path / "out.mp4").seconds == pytest.approx([0, 0.1, 0.2, 0.3], abs=0.001)


@BOTH
def test_times_that_do_not_rise_still_give_every_picture(tmp_path: Path, name: str) -> None:
    film = record(tmp_path / name, [plain()] * 5, [1.0, 1.0, 1.0, 0.5, 2.0])
    assert len(film.pictures) == 5
    assert film.seconds == sorted(film.seconds)
    assert film.seconds[-1] == pytest.approx(1.0, abs=0.001)


@BOTH
def test_saturated_red_comes_back_within_four_levels(tmp_path: Path, name: str) -> None:
    film = record(tmp_path / name, [plain()] * 5)
    for picture in film.pictures:
        assert np.abs(picture.astype(int) - RED).max() <= 4


@BOTH
def test_it_is_h264_yuv420p_tagged_as_bt709(tmp_path: Path, name: str) -> None:
    record(tmp_path / name, [plain()] * 3)
    with av.open(str(tmp_path / name)) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
        assert (codec.colorspace, codec.color_primaries, codec.color_trc) == (1, 1, 1)
        assert codec.color_range == 1  # 16 to 235


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (63, 48), (64, 47), (5, 7)])
def test_odd_sizes_are_made_even_by_repeating_the_edge(tmp_path: Path, size: tuple[int, int]) -> None:
    width, height = size
    film = record(tmp_path / "out.mp4", [plain(RED, width, height)] * 2)
    assert film.pictures[0].shape == (height + height % 2, width + width % 2, 3)
    assert np.abs(film.pictures[0].astype(int) - RED).max() <= 4


def test_a_picture_of_another_size_is_fitted_in_with_borders(tmp_path: Path) -> None:
    film = record(tmp_path / "out.mp4", [plain(), plain(RED, 200, 400), plain(RED, 33, 10)])
    assert [picture.shape for picture in film.pictures] == [(48, 64, 3)] * 3
    tall, wide = film.pictures[1:]
    assert tall[24, 32].tolist() == pytest.approx(RED, abs=8)
    assert tall[24, [4, 60]].max() < 16
    assert wide[24, 4].tolist() == pytest.approx(RED, abs=8)
    assert wide[[4, 44], 32].max() < 16


def test_a_waiting_recorder_keeps_every_picture(tmp_path: Path) -> None:
    assert len(record(tmp_path / "out.mp4", [plain(width=640, height=480)] * 60).pictures) == 60


def test_a_live_recorder_drops_and_counts_what_it_cannot_keep_up_with(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)
    with Recorder(tmp_path / "out.mp4", wait=False) as recorder:
        for index in range(60):
            recorder.write(noise, at(index / 30))
    assert recorder.dropped > 0
    assert len(play(tmp_path / "out.mp4").pictures) + recorder.dropped == 60


@BOTH
def test_it_has_a_part_name_until_it_is_closed(tmp_path: Path, name: str) -> None:
    stem, dot, extension = name.partition(".")
    with Recorder(tmp_path / name, wait=True) as recorder:
        recorder.write(plain(), at(0))
        assert [file.name for file in tmp_path.iterdir()] == [f"{stem}.part{dot}{extension}"]
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["OUT.MP4", "cat.and.dog.mkv"])
def test_names_with_capitals_and_dots_are_fine(tmp_path: Path, name: str) -> None:
    assert len(record(tmp_path / name, [plain()]).pictures) == 1
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_without_a_picture_there_is_no_file(tmp_path: Path) -> None:
    with Recorder(tmp_path / "out.mp4", wait=True):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("precious")
    with pytest.raises(
        SinkError, match=r"cannot record to '.*out\.mp4': it exists\. Choose another name, or use"
    ):
        Recorder(path, wait=True)
    assert path.read_text() == "precious"
    assert [file.name for file in tmp_path.iterdir()] == ["out.mp4"]


def test_an_existing_file_is_replaced_on_request_and_only_when_the_new_one_is_complete(
    tmp_path: Path,
) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("old")
    with Recorder(path, overwrite=True, wait=True) as recorder:
        recorder.write(plain(), at(0))
        assert path.read_text() == "old"
    assert len(play(path).pictures) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["out.mp4"]


def test_with_overwrite_and_without_a_picture_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("old")
    Recorder(path, overwrite=True, wait=True).close()
    assert path.read_text() == "old"


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    recorder = Recorder(path, wait=True)
    recorder.write(plain(), at(0))
    path.write_text("precious")
    with pytest.raises(SinkError, match=r"out\.mp4 appeared while .* kept as .*out\.part\.mp4"):
        recorder.close()
    recorder.close()
    assert path.read_text() == "precious"
    assert len(play(tmp_path / "out.part.mp4").pictures) == 1


def test_an_unfinished_recording_is_not_overwritten(tmp_path: Path) -> None:
    part = tmp_path / "out.part.mp4"
    part.write_text("what a killed run left")
    with pytest.raises(
        SinkError, match=r"an unfinished recording, '.*out\.part\.mp4', is in the way\. Rename it"
    ):
        Recorder(tmp_path / "out.mp4", wait=True)
    assert part.read_text() == "what a killed run left"


def test_an_empty_part_file_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "out.part.mp4").touch()
    assert len(record(tmp_path / "out.mp4", [plain()]).pictures) == 1


@pytest.mark.parametrize("name", ["out.avi", "out", "out.mp4.txt"])
def test_another_extension_is_refused_with_the_valid_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        SinkError, match=rf"cannot record to '.*{name}': the name must end in \.mp4, \.mkv, \.webm\."
    ):
        Recorder(tmp_path / name, wait=True)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"there is no folder '.*nowhere'\. Make it first\."):
        Recorder(tmp_path / "nowhere" / "out.mp4", wait=True)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").mkdir()
    with pytest.raises(SinkError, match="it is a folder"):
        Recorder(tmp_path / "out.mp4", overwrite=True, wait=True)


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


@pytest.mark.skipif(sys.platform == "win32", reason="only on Unix: permissions are bits there")
def test_a_place_where_one_may_not_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with (
            not_root(),
            pytest.raises(SinkError, match=r"Permission denied\. Choose a place where you may write\."),
        ):
            Recorder(tmp_path / "out.mp4", wait=True)
    finally:
        tmp_path.chmod(0o700)


def test_a_closed_recorder_takes_no_picture(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mp4", wait=True)
    recorder.close()
    with pytest.raises(SinkError, match=r"out\.mp4 is closed: make a new Recorder"):
        recorder.write(plain(), at(0))


class DiskFillsUp:
    """Lets an encoder write a few pictures and then fails as a full disk does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pictures: int) -> None:
        self._left = pictures
        encode = Encoder.encode

        def failing(encoder: Encoder, picture: Pixels, seconds: float) -> None:
            if self._left == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._left -= 1
            encode(encoder, picture, seconds)

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
            recorder.write(plain(), at(index / 30))
        except SinkError as error:
            told.append(str(error))
        time.sleep(0.005)
    recorder.close()
    part = tmp_path / "out.part.mp4"
    assert told == [
        f"the recording out.mp4 stopped: No space left on device. What was recorded until then is in {part}."
    ]
    assert [file.name for file in tmp_path.iterdir()] == ["out.part.mp4"]
    assert set(threading.enumerate()) <= before


def test_a_disk_that_is_full_at_the_very_end_is_told_by_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: Encoder) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Encoder, "finish", failing)
    recorder = Recorder(tmp_path / "out.mp4", wait=True)
    recorder.write(plain(), at(0))
    with pytest.raises(SinkError, match=r"out\.mp4 stopped: No space left on device"):
        recorder.close()
    assert [file.name for file in tmp_path.iterdir()] == ["out.part.mp4"]


def test_an_error_that_is_a_bug_comes_through_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Encoder, picture: Pixels, seconds: float) -> None:
        raise ZeroDivisionError(f"{picture.shape} at {seconds}")

    monkeypatch.setattr(Encoder, "encode", broken)
    recorder = Recorder(tmp_path / "out.mp4", wait=True)
    recorder.write(plain(), at(0))
    with pytest.raises(ZeroDivisionError, match="at 0"):
        recorder.close()


LIMITED = """
import resource, sys
import numpy as np
from live_gradcam.errors import SinkError
from live_gradcam.frame import Frame
from live_gradcam.sinks.recorder import Recorder

resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
rng = np.random.default_rng(0)
recorder = Recorder(sys.argv[1], wait=True)
for index in range(200):
    picture = rng.integers(0, 256, (240, 320, 3), np.uint8)
    try:
        recorder.write(picture, Frame(picture, index, index / 30))
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
    assert [file.name for file in tmp_path.iterdir()] == ["out.part.mp4"]
    assert readable(tmp_path / "out.part.mp4") >= 3


def readable(path: Path) -> int:
    """How many pictures OpenCV gets from a file, whatever state it is in."""
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    count = 0
    while video.read()[0]:
        count += 1
    video.release()
    return count


KILLED = """
import sys, time
import numpy as np
from live_gradcam.frame import Frame
from live_gradcam.sinks.recorder import Recorder

rng = np.random.default_rng(0)
recorder = Recorder(sys.argv[1], wait=False)
for index in range(90):
    picture = rng.integers(0, 256, (120, 160, 3), np.uint8)
    recorder.write(picture, Frame(picture, index, index / 30))
    time.sleep(0.01)
time.sleep(0.3)
print("recorded", recorder.dropped, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="only on Unix: SIGKILL")
@BOTH
def test_a_killed_recording_can_be_played_but_for_the_last_moments(tmp_path: Path, name: str) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / name)], stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    dropped = int(program.stdout.readline().removeprefix("recorded "))
    program.send_signal(signal.SIGKILL)
    program.communicate(timeout=10)
    part = tmp_path / name.replace(".", ".part.")
    assert [file.name for file in tmp_path.iterdir()] == [part.name]
    assert readable(part) >= 90 - dropped - 30  # at most a second is lost
