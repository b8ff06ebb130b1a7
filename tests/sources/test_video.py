from __future__ import annotations

import logging
import threading
from fractions import Fraction
from pathlib import Path

import cv2
import av
import numpy as np
import pytest
from clips import index_of, write_clip

from live_gradcam.errors import SourceError
from live_gradcam.sources.video import VideoSource


@pytest.mark.parametrize(
    ("name", "codec"),
    [("clip.mp4", "libx264"), ("clip.mkv", "libx264"), ("clip.avi", "ffv1"), ("ö 視.webm", "vp8")],
)
def test_every_frame_comes_in_order_in_every_usual_format(tmp_path: Path, name: str, codec: str) -> None:
    times_ms = [40 * i for i in range(20)]
    with VideoSource(write_clip(tmp_path / name, times_ms, codec=codec)) as source:
        frames = list(source)
    assert [index_of(frame.pixels) for frame in frames] == list(range(20))
    assert [frame.media_time for frame in frames] == pytest.approx([t / 1000 for t in times_ms], abs=0.002)
    assert source.name == name
    assert source.size == (64, 48)


def test_a_varying_rate_keeps_each_frames_own_time(tmp_path: Path) -> None:
    times_ms = [500, 533, 700, 1400, 1410, 3000]
    with VideoSource(write_clip(tmp_path / "phone.mp4", times_ms)) as source:
        times = [frame.media_time for frame in source]
    assert times == pytest.approx([0.0, 0.033, 0.2, 0.9, 0.91, 2.5], abs=0.002)


def test_frames_without_times_follow_the_rate(tmp_path: Path) -> None:
    with VideoSource(write_clip(tmp_path / "raw.h264", [40 * i for i in range(6)])) as source:
        times = [frame.media_time for frame in source]
        assert source.fps == 25
    assert times == pytest.approx([i / 25 for i in range(6)])


@pytest.mark.parametrize("turned", [0, 90, 180, -90])
def test_a_rotation_mark_is_obeyed_as_opencv_obeys_it(tmp_path: Path, turned: int) -> None:
    path = write_clip(tmp_path / "phone.mp4", [0, 40, 80], turned=turned)
    shown, expected = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG).read()
    assert shown
    with VideoSource(path) as source:
        pixels = next(iter(source)).pixels
    assert source.size == ((64, 48) if turned in (0, 180) else (48, 64))
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).max() <= 3


def test_colours_come_as_blue_green_red(tmp_path: Path) -> None:
    path = tmp_path / "red.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=Fraction(25))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj444p"
        red = np.full((48, 64, 3), (10, 20, 220), np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(red, format="bgr24")))
        container.mux(stream.encode(None))
    with VideoSource(path) as source:
        pixels = next(iter(source)).pixels
    assert np.abs(pixels.astype(int) - red).max() <= 6


def test_a_video_says_its_size_rate_and_length(tmp_path: Path) -> None:
    with VideoSource(write_clip(tmp_path / "clip.mkv", [40 * i for i in range(25)])) as source:
        assert source.describe() == "clip.mkv: 64×48 at 25 fps, 1.0 s"


def test_a_text_file_called_mp4_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("milk, eggs, a loaf of bread\n" * 40)
    with pytest.raises(SourceError) as error:
        VideoSource(path)
    assert str(error.value) == (
        "notes.mp4 cannot be opened: it is text, no picture or film. Give a video, a picture or a folder of them."
    )


def test_an_empty_file_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").touch()
    with pytest.raises(SourceError, match=r"^clip\.mp4 cannot be opened: the file is empty\.$"):
        VideoSource(tmp_path / "clip.mp4")


def test_a_recording_that_was_never_finished_names_the_missing_index(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", [40 * i for i in range(20)]).read_bytes()
    torn = tmp_path / "torn.mp4"
    torn.write_bytes(whole[: whole.index(b"moov") - 4])
    with pytest.raises(SourceError) as error:
        VideoSource(torn)
    assert str(error.value) == (
        "torn.mp4 cannot be opened: its index (the 'moov' box) is missing or incomplete: it was cut off. Copy, "
        "download or record it again."
    )


@pytest.mark.parametrize("name", ["clip.mkv", "clip.avi"])
def test_a_torn_video_gives_the_frames_before_the_tear(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    codec = "ffv1" if name.endswith("avi") else "libx264"
    whole = write_clip(tmp_path / name, [40 * i for i in range(25)], codec=codec, size=(320, 240))
    path = tmp_path / f"torn {name}"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    with caplog.at_level(logging.WARNING), VideoSource(path) as source:
        found = [index_of(frame.pixels) for frame in source]
    assert 2 <= len(found) < 25
    assert found == sorted(set(found))


def test_a_torn_video_is_warned_of_once_at_its_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = write_clip(tmp_path / "clip.avi", [40 * i for i in range(25)], codec="ffv1").read_bytes()
    path = tmp_path / "torn.avi"
    path.write_bytes(whole[: len(whole) * 6 // 10])
    with caplog.at_level(logging.WARNING), VideoSource(path) as source:
        count = len(list(source))
    assert caplog.messages == [f"torn.avi is cut short: {count} of its 25 frames could be read"]


@pytest.mark.parametrize(("name", "codec"), [("varying.mp4", "libx264"), ("varying.avi", "ffv1")])
def test_a_whole_video_is_not_warned_of(
    tmp_path: Path, name: str, codec: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_clip(tmp_path / name, [0, 40, 400, 440, 4000], codec=codec)
    with caplog.at_level(logging.WARNING), VideoSource(path) as source:
        assert [index_of(frame.pixels) for frame in source] == list(range(5))
    assert caplog.messages == []


def test_a_file_without_pictures_says_so(tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        assert isinstance(stream, av.AudioStream)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(SourceError, match=r"^song\.wav has no video in it\. Give a video, a picture or"):
        VideoSource(path)


def test_closing_while_frames_are_read_elsewhere_ends_the_reading(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mkv", [40 * i for i in range(25)], size=(640, 480))
    for _ in range(5):
        source = VideoSource(path)
        reader = threading.Thread(target=list, args=(source,))
        reader.start()
        source.close()
        source.close()
        reader.join(1)
        assert not reader.is_alive()


VARYING = [0, 40, 80, 500, 520, 540, 1500, 1540, 1580, 1620]


@pytest.mark.parametrize("times_ms", [[40 * i for i in range(29)], VARYING], ids=["even", "varying"])
def test_seeking_is_exact_to_the_frame(tmp_path: Path, times_ms: list[int]) -> None:
    with VideoSource(write_clip(tmp_path / "clip.mp4", times_ms)) as source:
        indices = []
        for number in [*range(len(times_ms) - 1, -1, -1), *range(len(times_ms))]:
            source.seek(times_ms[number] / 1000 - 0.002)
            found = next(iter(source))
            assert index_of(found.pixels) == number
            assert found.media_time == pytest.approx(times_ms[number] / 1000, abs=0.002)
            indices.append(found.index)
        assert indices == sorted(set(indices)), "an index is never given twice"


@pytest.mark.parametrize("times_ms", [[40 * i for i in range(29)], VARYING], ids=["even", "varying"])
def test_stepping_back_goes_to_the_very_frame_before(tmp_path: Path, times_ms: list[int]) -> None:
    with VideoSource(write_clip(tmp_path / "clip.mp4", times_ms)) as source:
        *_, last = source
        seen = []
        for _ in times_ms:
            assert last.media_time is not None
            source.step_back(last.media_time)
            last = next(iter(source))
            seen.append(index_of(last.pixels))
    assert seen == [*range(len(times_ms) - 2, -1, -1), 0], "the first is the end of it"


def test_seeking_past_the_end_gives_the_last_frame_and_before_the_start_the_first(tmp_path: Path) -> None:
    with VideoSource(write_clip(tmp_path / "clip.mp4", [100 + 40 * i for i in range(10)])) as source:
        assert len(list(source)) == 10
        source.seek(100.0)
        assert [index_of(frame.pixels) for frame in source] == [9]
        source.seek(-5.0)
        assert [index_of(frame.pixels) for frame in source] == list(range(10))


def test_after_seeking_a_whole_file_is_not_said_to_be_torn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with VideoSource(write_clip(tmp_path / "clip.mp4", [40 * i for i in range(20)])) as source:
        source.seek(0.7)
        assert len(list(source)) < 20
    assert caplog.messages == []


def test_seeking_in_a_closed_file_does_nothing(tmp_path: Path) -> None:
    source = VideoSource(write_clip(tmp_path / "clip.mp4", [0, 40, 80]))
    source.close()
    source.seek(0.0)
    source.step_back(0.04)
    assert list(source) == []
