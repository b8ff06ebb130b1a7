"""Joined recordings: one clock, as long as FFmpeg says, and the sound in step."""

from __future__ import annotations

import subprocess
from pathlib import Path

import av
import numpy as np
import pytest
from clips import index_of, made_by_ffmpeg, write_clip

from live_gradcam.sinks.encoder import Encoder
from live_gradcam.sources.video import VideoSource

FLASHES = "color=black:s=64x48:r=25:d={0},drawbox=c=white:t=fill:enable='lt(mod(t\\,1)\\,0.12)'"
BEEPS = "aevalsrc='if(lt(mod(t,1),0.12),sin(6283*t),0)':s=48000:d={0}"


def times_of(path: Path) -> list[float]:
    with VideoSource(path) as source:
        return [frame.time for frame in source]


def seconds_by_ffmpeg(path: Path, into: Path) -> tuple[int, float]:
    """Return how many frames the ffmpeg command makes of a film, and how long they last."""
    made_by_ffmpeg(into, "-an", "-c:v", "libx264", "-preset", "ultrafast", source=str(path))
    with av.open(str(into)) as container:
        return container.streams.video[0].frames, (container.duration or 0) / av.time_base


@pytest.mark.parametrize("name", ["clip.ts", "clip.vob", "clip.m2ts"])
@pytest.mark.parametrize("parts", [(2.0, 2.0), (1.4, 0.6, 1.0)])
def test_a_joined_file_lasts_as_long_as_ffmpeg_says_and_no_time_comes_twice(
    tmp_path: Path, name: str, parts: tuple[float, ...]
) -> None:
    joined = tmp_path / f"joined{Path(name).suffix}"
    joined.write_bytes(
        b"".join(
            made_by_ffmpeg(
                tmp_path / f"{number} {name}",
                "-g",
                "10",
                "-bf",
                "2",
                source=f"testsrc2=s=64x48:r=25:d={part}",
            ).read_bytes()
            for number, part in enumerate(parts)
        )
    )
    times = times_of(joined)
    count, seconds = seconds_by_ffmpeg(joined, tmp_path / "ffmpeg.mp4")
    assert len(times) == count == round(25 * sum(parts))
    assert times[-1] + 0.04 == pytest.approx(seconds, abs=0.041)
    assert np.diff(times).min() > 0
    with VideoSource(joined) as source:
        assert source.describe() == f"{joined.name}: 64×48 at 25 fps, {sum(parts):.1f} s"
    if not name.endswith(
        "vob"
    ):  # a program stream tells the time of few pictures, and FFmpeg guesses the others
        assert np.diff(times) == pytest.approx(np.full(count - 1, 0.04), abs=1e-4)


def test_a_gap_of_an_hour_in_a_broadcast_is_closed_and_one_of_seconds_is_kept(tmp_path: Path) -> None:
    parts = [
        made_by_ffmpeg(tmp_path / f"{offset}.ts", "-output_ts_offset", str(offset)).read_bytes()
        for offset in (0, 5, 3605)
    ]
    (tmp_path / "joined.ts").write_bytes(b"".join(parts))
    times = times_of(tmp_path / "joined.ts")
    assert len(times) == 75
    assert times[25] - times[24] == pytest.approx(4.04, abs=0.05)
    assert times[50] - times[49] == pytest.approx(0.04, abs=1e-3)


def test_a_clock_of_33_bits_may_run_over(tmp_path: Path) -> None:
    seconds = 2**33 / 90_000
    path = made_by_ffmpeg(tmp_path / "late.ts", "-output_ts_offset", f"{seconds - 2:.3f}")
    assert np.diff(times_of(path)) == pytest.approx(np.full(24, 0.04), abs=1e-4)


def test_frames_of_one_time_get_times_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "stuck.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for moment in (0, 40, 40, 80, 120):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="bgr24")
            for packet in stream.encode(frame):
                packet.pts = packet.dts = moment
                packet.time_base = stream.time_base = packet.time_base.__class__(1, 1000)
                container.mux(packet)
    times = times_of(path)
    assert times == pytest.approx([0, 0.04, 0.06, 0.08, 0.12], abs=1e-3)


def test_a_film_that_begins_in_the_middle_of_its_clock_begins_at_zero(tmp_path: Path) -> None:
    path = made_by_ffmpeg(tmp_path / "late.mkv", "-output_ts_offset", "7")
    assert times_of(path)[:2] == pytest.approx([0, 0.04], abs=1e-3)


def test_an_edit_list_hides_the_frames_before_its_beginning(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", [40 * i for i in range(25)])
    cut = tmp_path / "cut.mp4"
    command = ["ffmpeg", "-v", "error", "-ss", "0.5", "-i", str(whole), "-c", "copy", str(cut)]
    subprocess.run(command, check=True)
    with VideoSource(cut) as source:
        frames = list(source)
    by_ffmpeg, _ = seconds_by_ffmpeg(cut, tmp_path / "ffmpeg.mp4")
    assert [index_of(frame.pixels) for frame in frames] == list(range(25 - by_ffmpeg, 25))
    assert frames[0].time == 0
    assert source.damage is None
    # The library's objects of a closed file hold anything: none is asked.
    del source._file.container, source._file.stream
    assert source.damage is None
    assert source.describe().startswith("cut.mp4: 64×48 at 25 fps")


def flashes_and_beeps(path: Path) -> tuple[list[float], list[float]]:
    """Return when it becomes bright and when it becomes loud, in seconds."""
    with av.open(str(path)) as container:
        loud: list[tuple[float, bool]] = []
    with av.open(str(path)) as container:
        bright = [(f.time, bool(f.to_ndarray(format="gray").mean() > 100)) for f in container.decode(video=0)]
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            assert frame.time is not None
            for number, part in enumerate(np.array_split(np.abs(frame.to_ndarray()[0]), 8)):
                loud.append((frame.time + number * len(part) / frame.sample_rate, bool(part.mean() > 0.1)))
    return rises(bright), rises(loud)


def rises(series: list[tuple[float, bool]]) -> list[float]:
    """Return when something begins."""
    return [
        moment for (moment, now), (_, before) in zip(series[1:], series, strict=False) if now and not before
    ]


@pytest.mark.parametrize("output", ["heat.mp4", pytest.param("heat.mkv", marks=pytest.mark.runs)])
@pytest.mark.parametrize("headless", [False, True])
def test_sound_stays_in_step_where_recordings_are_joined(tmp_path: Path, output: str, headless: bool) -> None:
    parts = []
    for number, seconds in enumerate((3.3, 2.2, 2.7)):
        part = made_by_ffmpeg(
            tmp_path / f"{number}.ts",
            *("-c:v", "libx264", "-g", "25", "-bf", "2", "-c:a", "aac"),
            source=FLASHES.format(seconds),
            again=BEEPS.format(seconds),
        )
        parts.append(part.read_bytes())
    if headless:  # a broadcast is cut anywhere: its first pictures cannot be decoded
        parts[0] = parts[0][188 * (len(parts[0]) // 188 // 3) :]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(parts))
    with VideoSource(joined) as source:
        encoder = Encoder(tmp_path / output, "file", audio_from=joined)
        for frame in source:
            encoder.encode(frame.pixels, frame.time)
        encoder.finish()
    flashes, beeps = flashes_and_beeps(tmp_path / output)
    assert len(flashes) >= 6
    for flash in flashes:
        assert min(abs(beep - flash) for beep in beeps) < 0.025
