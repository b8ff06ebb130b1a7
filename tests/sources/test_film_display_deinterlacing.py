from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from clips import bgr_by_ffmpeg, made_by_ffmpeg

from live_gradcam.sources.video import VideoSource

MOVING = "testsrc2=s=160x120:r=50:d=0.6"


def combing(pixels: np.ndarray) -> float:
    """Return how much more each line differs from its neighbours than from the lines next to those."""
    grey = pixels.mean(axis=2)
    return float(np.abs(grey[1:-1] - grey[:-2]).mean() - np.abs(grey[2:] - grey[:-2]).mean())


def interlaced(path: Path, *options: str, first: str = "tff") -> Path:
    """Write a film of 15 frames, each of two fields of the 30 that were taken."""
    return made_by_ffmpeg(
        path, "-vf", f"interlace=scan={first}:lowpass=off", "-flags", "+ildct+ilme", *options, source=MOVING
    )


@pytest.mark.parametrize("first", ["tff", "bff"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("clip.mpg", ("-c:v", "mpeg2video", "-q:v", "2")),
        ("clip.mp4", ("-c:v", "libx264", "-qp", "4")),
        pytest.param("clip.mov", ("-c:v", "prores_ks"), marks=pytest.mark.peers),
    ],
)
def test_interlaced_frames_are_deinterlaced_as_ffmpegs_bwdif_does_it(
    tmp_path: Path, name: str, options: tuple[str, ...], first: str
) -> None:
    x264 = ("-x264-params", f"{first}=1") if name == "clip.mp4" else ()
    path = interlaced(tmp_path / name, *options, *x264, first=first)
    expected = bgr_by_ffmpeg(path, (160, 120), "-vf", "bwdif=mode=send_frame:deint=interlaced")
    combed = bgr_by_ffmpeg(path, (160, 120))
    with VideoSource(path) as source:
        frames = list(source)
    assert len(frames) == len(combed)
    # Versions of FFmpeg differ in what they make of the first and the last frame, which have one neighbour each.
    for frame, right in list(zip(frames, expected, strict=False))[1:-1]:
        assert np.abs(frame.pixels.astype(int) - right).mean() < 1
        assert np.abs(frame.pixels.astype(int) - combed[frame.index]).mean() > 1
    assert combing(frames[7].pixels) < combing(combed[7]) - 0.3
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert [frame.time for frame in frames] == pytest.approx([0.04 * i for i in range(len(frames))], abs=1e-3)


def test_a_progressive_film_is_left_as_it_is(tmp_path: Path) -> None:
    path = made_by_ffmpeg(tmp_path / "clip.mp4", "-c:v", "libx264", source=MOVING)
    with VideoSource(path) as source:
        for frame, right in zip(source, bgr_by_ffmpeg(path, (160, 120)), strict=True):
            assert np.array_equal(frame.pixels, right)


def test_a_film_that_becomes_interlaced_and_larger_keeps_all_frames(tmp_path: Path) -> None:
    parts = [
        made_by_ffmpeg(tmp_path / "a.m2v", "-c:v", "mpeg2video", source=MOVING),
        interlaced(tmp_path / "b.m2v", "-c:v", "mpeg2video"),
        made_by_ffmpeg(tmp_path / "c.m2v", "-c:v", "mpeg2video", source="testsrc2=s=96x64:r=25:d=0.4"),
    ]
    (tmp_path / "all.m2v").write_bytes(b"".join(part.read_bytes() for part in parts))
    with VideoSource(tmp_path / "all.m2v") as source:
        frames = list(source)
    with av.open(str(tmp_path / "all.m2v")) as container:
        count = len(list(container.decode(video=0)))
    assert [frame.index for frame in frames] == list(range(count))
    assert count >= 30 + 15 + 10 - 1  # where the size changes, FFmpeg loses one
    assert frames[-1].size == (96, 64)


def test_seeking_in_an_interlaced_film_is_exact(tmp_path: Path) -> None:
    path = interlaced(tmp_path / "clip.mp4", "-c:v", "libx264", "-g", "5")
    with VideoSource(path) as source:
        frames = list(source)
        for number in (9, 3, 12):
            source.seek(frames[number].time - 0.002)
            again = next(iter(source))
            assert again.time == pytest.approx(frames[number].time)
            assert np.abs(again.pixels.astype(int) - frames[number].pixels).mean() < 3
