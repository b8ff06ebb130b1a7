"""Videos of every kind come out with every frame at its time, upright, and with their sound."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import av
import numpy as np
import pytest
from clips import complaints, write_clip
from fakes import ShadeExplainer
from films import packets, write_talkie
from limits import at_most

from live_gradcam.archive.annotate_job import ArchiveFile, Outcome
from live_gradcam.archive.annotate_settings import AnnotateSettings
from live_gradcam.archive.inputs import find_entries
from live_gradcam.archive.record import read_rows
from live_gradcam.archive.video import annotate_video
from live_gradcam.errors import ModelError, SourceError
from live_gradcam.frame import Pixels
from live_gradcam.sinks.encoder import Encoder

STEADY = [40 * number for number in range(12)]
AS_IT_WAS = AnnotateSettings(alpha=0)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def entry_of(path: Path) -> ArchiveFile:
    (entry,), _ = find_entries([str(path)], path.parent / "out")
    return entry


def annotated(
    path: Path,
    settings: AnnotateSettings = AS_IT_WAS,
    explainer: ShadeExplainer | None = None,
    *,
    batch: int = 5,
) -> Outcome:
    advanced: list[int] = []
    outcome = annotate_video(
        entry_of(path), explainer or ShadeExplainer(), settings, batch=batch, advance=advanced.append
    )
    assert sum(advanced) == outcome.frames
    return outcome


def played(path: Path) -> tuple[list[Pixels], list[float]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in frames], [
            float(frame.time or 0) for frame in frames
        ]


def numbers(pictures: list[Pixels]) -> list[int]:
    """Return which frames of a clip these are, the first of them frame 0.

    Each conversion to 4:2:0 and back makes all of them darker by some levels, so only differences tell.
    """
    greys = [float(picture[picture.shape[0] // 2, picture.shape[1] // 2].mean()) for picture in pictures]
    return [round((grey - greys[0]) / 8) for grey in greys]


@pytest.mark.parametrize(
    ("name", "codec", "becomes"),
    [
        ("clip.mp4", "libx264", "clip.mp4"),
        ("h265 – 視 'quoted'.mp4", "libx265", "h265 – 視 'quoted'.mp4"),
        ("motion jpeg.avi", "mjpeg", "motion jpeg.mp4"),
        ("clip.webm", "libvpx-vp9", "clip.webm"),
        ("clip.mkv", "ffv1", "clip.mkv"),
        ("clip.mov", "libx264", "clip.mp4"),
    ],
)
def test_every_frame_of_every_kind_comes_out_in_order_at_its_time(
    tmp_path: Path, name: str, codec: str, becomes: str
) -> None:
    path = write_clip(tmp_path / name, STEADY, codec=codec)
    outcome = annotated(path)
    assert outcome.frames == 12
    assert outcome.failure is None
    assert [file.name for file in (tmp_path / "out").iterdir() if file.is_file()] == [becomes]
    pictures, seconds = played(outcome.entry.output)
    assert numbers(pictures) == list(range(12))
    assert seconds == pytest.approx([moment / 1000 for moment in STEADY], abs=1e-3)
    rows = list(read_rows(outcome.entry.record))
    assert [row["frame"] for row in rows] == list(range(12))
    assert [row["top"][0][0] for row in rows] == [f"frame {number}" for number in range(12)]
    assert [row["seconds"] for row in rows] == pytest.approx(seconds, abs=1e-3)
    assert complaints(outcome.entry.output) == ""


def test_a_varying_rate_keeps_each_frames_own_time(tmp_path: Path) -> None:
    times_ms = [0, 33, 200, 900, 901, 2500]
    outcome = annotated(write_clip(tmp_path / "phone.mp4", times_ms))
    assert played(outcome.entry.output)[1] == pytest.approx([moment / 1000 for moment in times_ms], abs=1e-3)
    assert complaints(outcome.entry.output) == ""


@pytest.mark.parametrize("turned", [90, 180, -90])
def test_a_phones_video_comes_out_upright(tmp_path: Path, turned: int) -> None:
    path = write_clip(tmp_path / "phone.mp4", STEADY, turned=turned)
    expected = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG).read()[1]
    outcome = annotated(path)
    # OpenCV would turn it once more, if it still had the mark.
    shown = cv2.VideoCapture(str(outcome.entry.output), cv2.CAP_FFMPEG).read()[1]
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).mean() < 3
    assert complaints(outcome.entry.output) == ""


def test_an_odd_size_becomes_even_and_nothing_else_changes(tmp_path: Path) -> None:
    outcome = annotated(write_clip(tmp_path / "odd.avi", STEADY, codec="ffv1", size=(63, 47)))
    pictures, _ = played(outcome.entry.output)
    assert pictures[0].shape == (48, 64, 3)
    assert numbers(pictures) == list(range(12))
    assert complaints(outcome.entry.output) == ""


def test_a_video_whose_size_changes_in_the_middle_keeps_all_frames(tmp_path: Path) -> None:
    small = write_clip(tmp_path / "small.h264", STEADY)
    large = write_clip(tmp_path / "large.h264", STEADY, size=(96, 96))
    both = tmp_path / "both.h264"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    outcome = annotated(both)
    pictures, _ = played(outcome.entry.output)
    assert numbers(pictures) == [*range(12), *range(12)]
    assert {picture.shape for picture in pictures} == {(48, 64, 3)}
    assert pictures[-1][:, :4].max() < 24  # black at the sides of the square ones
    assert complaints(outcome.entry.output) == ""


@pytest.mark.parametrize("tracks", [("aac",), ("aac", "libmp3lame")])
def test_all_sound_is_kept_as_it_is(tmp_path: Path, tracks: tuple[str, ...]) -> None:
    path = write_talkie(tmp_path / "film.mp4", *tracks)
    outcome = annotated(path, AnnotateSettings(every=10))
    for track in range(len(tracks)):
        before, after = packets(path, track), packets(outcome.entry.output, track)
        assert [data for _, data in after] == [data for _, data in before]
        assert [moment for moment, _ in after] == pytest.approx([moment for moment, _ in before], abs=1e-3)
    assert complaints(outcome.entry.output) == ""


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        (AnnotateSettings(alpha=0, every=5), [0, 5, 10]),
        (AnnotateSettings(alpha=0, fps=6.25), [0, 4, 8]),
    ],
)
def test_thinned_frames_keep_their_numbers_and_times(
    tmp_path: Path, settings: AnnotateSettings, kept: list[int]
) -> None:
    outcome = annotated(write_clip(tmp_path / "clip.mp4", STEADY), settings)
    pictures, seconds = played(outcome.entry.output)
    assert numbers(pictures) == kept
    assert seconds == pytest.approx([STEADY[index] / 1000 for index in kept], abs=1e-3)
    assert [row["frame"] for row in read_rows(outcome.entry.record)] == kept


def test_frames_are_explained_in_batches_of_the_size_asked_for(tmp_path: Path) -> None:
    explainer = ShadeExplainer()
    annotated(write_clip(tmp_path / "clip.mp4", STEADY), explainer=explainer, batch=5)
    assert explainer.batches == [5, 5, 2]


def test_the_heat_is_that_of_a_single_picture(tmp_path: Path) -> None:
    outcome = annotated(write_clip(tmp_path / "clip.mp4", STEADY), AnnotateSettings(alpha=1))
    picture = played(outcome.entry.output)[0][6]
    assert picture[24, 32].argmax() == 2  # red where it is hottest,
    assert picture[2, 60].argmax() == 0  # blue where there is none: each frame has its own full scale
    row = list(read_rows(outcome.entry.record))[6]
    assert row["heat_centre"] == pytest.approx([32, 24], abs=0.5)
    x, y, width, height = row["heat_box"]
    assert (x + width / 2, y + height / 2) == pytest.approx((32, 24), abs=1)


def test_a_torn_video_gives_what_can_be_read_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = write_clip(tmp_path / "whole.avi", STEADY, codec="mjpeg", size=(320, 240))
    torn = tmp_path / "torn.avi"
    torn.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    outcome = annotated(torn)
    assert 0 < outcome.frames < 12
    assert str(outcome.failure).startswith("torn.avi is ")
    assert f"{outcome.frames} " in str(outcome.failure)
    assert len(played(outcome.entry.output)[0]) == outcome.frames
    assert [record.message for record in caplog.records] == [str(outcome.failure)]


def files_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100])
def test_what_is_no_video_leaves_nothing_behind(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"clip\.mp4 cannot be opened"):
        annotated(path)
    assert files_in(tmp_path) == ["clip.mp4"]


def test_a_video_without_frames_is_told(tmp_path: Path) -> None:
    path = tmp_path / "none.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    with pytest.raises(SourceError, match=r"none\.mkv"):
        annotated(path)
    assert files_in(tmp_path) == ["none.mkv"]


def test_a_network_that_fails_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", STEADY)
    with at_most(2), pytest.raises(ModelError, match="the network fails at frame 7"):
        annotated(path, explainer=ShadeExplainer(fails_at=7), batch=1)
    assert files_in(tmp_path) == ["clip.mp4"]


def test_a_disk_that_is_full_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> float:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Encoder, "encode", full)
    with pytest.raises(OSError, match="No space left on device"):
        annotated(write_clip(tmp_path / "clip.mp4", STEADY))
    assert files_in(tmp_path) == ["clip.mp4"]


def test_the_record_ends_with_what_the_output_was_made_of(tmp_path: Path) -> None:
    outcome = annotated(write_clip(tmp_path / "clip.mp4", STEADY))
    last = json.loads(outcome.entry.record.read_text("utf-8").splitlines()[-1])
    assert last["frames"] == 12
    assert last["bytes"] == outcome.entry.output.stat().st_size
    assert last["source"] == [outcome.entry.source.stat().st_size, outcome.entry.source.stat().st_mtime_ns]
    assert last["settings"]["method"] == "gradcam"
    assert last["damage"] is None
