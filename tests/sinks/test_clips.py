"""Clips: the last seconds of the picture, as a file that holds just these pictures at their own times."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import av
import numpy as np
import pytest
from films import files
from limits import until

from live_gradcam.errors import SinkError
from live_gradcam.frame import Frame
from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks import clips as module
from live_gradcam.sinks.clips import Clips, CompressedPicture, write_clip
from live_gradcam.sinks.encoder import Encoder

JPEG = cv2.imencode(".jpg", np.full((48, 64, 3), 80, np.uint8))[1].tobytes()


def shown(time: float, *, grey: int = 90, size: tuple[int, int] = (96, 64)) -> Rendered:
    width, height = size
    pixels = np.full((height, width, 3), grey, np.uint8)
    return Rendered(pixels, Frame(pixels, 0, captured_at=time))


def keep(clips: Clips, *pictures: Rendered) -> None:
    """Hand over pictures, none before the one before it is kept."""
    for picture in pictures:
        clips.write(picture)
        until(lambda time=picture.frame.time: clips._kept and clips._kept[-1].time == time)  # type: ignore[misc]


def decoded(path: Path) -> list[tuple[float, float, tuple[int, int]]]:
    """Return time in seconds, mean grey and (width, height) of each picture of a video."""
    with av.open(str(path)) as container:
        return [
            (
                float(frame.pts * frame.time_base),
                float(frame.to_ndarray(format="gray").mean()),
                (frame.width, frame.height),
            )
            for frame in container.decode(video=0)
            if frame.pts is not None and frame.time_base is not None
        ]


def test_a_clip_holds_the_last_seconds_and_the_times_of_the_pictures(tmp_path: Path) -> None:
    times = [100.0, 101.0, 103.0, 103.4, 104.5, 106.0]
    with Clips(3.0, tmp_path) as clips:
        assert clips.save() == "there is nothing to save yet"
        keep(clips, *(shown(time, grey=40 + 30 * index) for index, time in enumerate(times)))
        assert clips.save() == "saving the last 3 s …"
        until(lambda: clips.written)
        assert clips.notice == f"saved {clips.written[0].name}"
    (path,) = clips.written
    assert files(tmp_path) == [path.name]
    assert path.name.startswith("clip-20")
    seen = decoded(path)
    assert [time for time, _, _ in seen] == pytest.approx([0, 0.4, 1.5, 3.0], abs=1e-4)
    assert [grey for _, grey, _ in seen] == pytest.approx([100, 130, 160, 190], abs=3)


def test_a_clip_is_an_ordinary_mp4_with_its_index_at_the_beginning(tmp_path: Path) -> None:
    write_clip([CompressedPicture(index / 10, JPEG) for index in range(5)], tmp_path / "clip.mp4")
    content = (tmp_path / "clip.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    assert b"moof" not in content


def test_a_large_picture_is_kept_with_640_pixels_and_a_small_one_as_it_is(tmp_path: Path) -> None:
    for size, kept in (((1280, 720), (640, 360)), ((720, 1280), (360, 640)), ((320, 240), (320, 240))):
        with Clips(1.0, tmp_path / f"{size[0]}") as clips:
            (tmp_path / f"{size[0]}").mkdir()
            keep(clips, shown(1.0, size=size))
            clips.save()
        assert [found for _, _, found in decoded(clips.written[0])] == [kept]


def test_of_30_pictures_a_second_every_second_one_is_kept(tmp_path: Path) -> None:
    with Clips(10.0, tmp_path) as clips:
        for index in range(7):
            clips.write(shown(index / 30))
            until(lambda index=index: len(clips._kept) == index // 2 + 1)  # type: ignore[misc]
        assert [kept.time for kept in clips._kept] == [0, 2 / 30, 4 / 30, 6 / 30]


def test_the_pictures_never_take_more_memory_than_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES", 60_000)
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    with Clips(10.0, tmp_path) as clips:
        for index in range(20):
            keep(clips, Rendered(noise, Frame(noise, index, captured_at=index / 10)))
            assert clips.bytes_kept == sum(len(kept.jpeg) for kept in clips._kept) <= 60_000
        assert 1 < len(clips._kept) < 10
        assert clips._kept[-1].time == 1.9


def test_a_source_that_is_wound_back_begins_a_new_clip(tmp_path: Path) -> None:
    with Clips(10.0, tmp_path) as clips:
        keep(clips, shown(50.0), shown(51.0), shown(3.0), shown(4.0))
        assert [kept.time for kept in clips._kept] == [3.0, 4.0]


def test_pictures_that_come_too_fast_are_left_out_and_writing_one_never_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    monkeypatch.setattr(module, "compressed", lambda _: goes_on.wait(10) and JPEG)
    with Clips(100.0, tmp_path) as clips:
        for time in range(20):
            clips.write(shown(float(time)))  # would wait for ever here
        goes_on.set()
        until(lambda: not clips._pictures._items)
    assert 1 <= len(clips._kept) <= 4


def test_two_clips_of_one_second_have_two_names(tmp_path: Path) -> None:
    with Clips(10.0, tmp_path) as clips:
        keep(clips, shown(1.0))
        for count in (1, 2):
            clips.save()
            until(lambda count=count: len(clips.written) == count)  # type: ignore[misc]
    assert len(set(clips.written)) == 2
    assert len(files(tmp_path)) == 2


def test_a_clip_that_cannot_be_written_leaves_no_file_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(self: Encoder, *, last_shown: float | None = None) -> None:  # noqa: ARG001
        raise OSError(28, "No space left on device")

    with pytest.raises(SinkError, match="No such file or directory"):
        write_clip([CompressedPicture(0.0, JPEG)], tmp_path / "no" / "clip.mp4")
    monkeypatch.setattr(Encoder, "finish", full)
    with Clips(10.0, tmp_path) as clips:
        keep(clips, shown(1.0))
        clips.save()
        until(lambda: clips.notice)
        assert clips.notice == "the clip cannot be written"
    assert files(tmp_path) == []
    assert clips.written == []
    assert "cannot be written: No space left on device. Free some space, or start" in caplog.text


def test_closing_completes_the_clip_that_is_being_written_and_leaves_no_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    clips = Clips(10.0, tmp_path)
    keep(clips, *(shown(index / 10) for index in range(30)))
    clips.save()
    clips.close()
    assert set(threading.enumerate()) <= before
    assert len(decoded(clips.written[0])) == 30
