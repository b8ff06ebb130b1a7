"""The sidecar: a header, and a line for each picture that is in the video, at the time it has there."""

from __future__ import annotations

import random
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from fakes import explained, valued
from films import at, files, lines, plain, play, write_talkie

from live_gradcam import __version__
from live_gradcam.escaping import Json
from live_gradcam.frame import Frame
from live_gradcam.prediction import Lowered, Prediction
from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks.encoder import CONTAINERS
from live_gradcam.sinks.recorder import Recorder
from live_gradcam.sinks.sidecar import row_of

EVERY = pytest.mark.parametrize("extension", list(CONTAINERS))


@EVERY
@pytest.mark.long
def test_pictures_of_a_jittery_clock_keep_their_times_in_the_video_and_in_the_sidecar(
    tmp_path: Path, extension: str
) -> None:
    chance = random.Random(7)
    moments = [4711.0]
    for _ in range(119):
        moments.append(moments[-1] + chance.choice([0.004, 0.017, 0.033, 0.034, 0.041, 0.06, 0.25]))
    path = tmp_path / f"out{extension}"
    with Recorder(path, wait=True) as recorder:
        for index, moment in enumerate(moments):
            recorder.write(Rendered(plain(), Frame(plain(), 10 + index, moment)))
    film = play(path)
    _, rows = lines(tmp_path / "out.jsonl")
    assert len(film.pictures) == len(rows) == len(moments) == recorder.recorded
    expected = [moment - moments[0] for moment in moments]
    assert film.seconds == pytest.approx(expected, abs=1e-3)
    assert [row["seconds"] for row in rows] == pytest.approx(film.seconds, abs=1e-3)
    assert [row["captured_at"] for row in rows] == pytest.approx(moments, abs=1e-6)
    assert [row["index"] for row in rows] == list(range(10, 130))
    assert film.length == pytest.approx(expected[-1] + (moments[-1] - moments[-2]), abs=0.04)


def test_what_was_dropped_has_no_line(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)
    with Recorder(tmp_path / "out.mp4", wait=False) as recorder:
        for index in range(60):
            recorder.write(Rendered(noise, Frame(noise, index, index / 30)))
    film = play(tmp_path / "out.mp4")
    _, rows = lines(tmp_path / "out.jsonl")
    assert recorder.dropped > 0
    assert len(rows) == len(film.pictures) == recorder.recorded == 60 - recorder.dropped
    assert [row["index"] / 30 for row in rows] == pytest.approx(film.seconds, abs=1e-3)
    assert recorder.report() == {
        "file": str(tmp_path / "out.mp4"),
        "codec": "libx264",
        "frames": len(rows),
        "frames_dropped": recorder.dropped,
    }


def test_the_header_says_what_all_pictures_have_in_common(tmp_path: Path) -> None:
    asked = []

    def about() -> dict[str, Json]:
        asked.append(1)
        return {"model": "lenet", "layer": "conv5", "settings": {"target": "Ägyptische Katze"}}

    with Recorder(tmp_path / "out.mp4", wait=True, about=about) as recorder:
        for index in range(3):
            recorder.write(Rendered(plain(), at(index)))
    header, rows = lines(tmp_path / "out.jsonl")
    assert header.pop("began")[:2] == "20"
    assert header == {
        "kind": "header",
        "version": __version__,
        "video": "out.mp4",
        "codec": "libx264",
        "model": "lenet",
        "layer": "conv5",
        "settings": {"target": "Ägyptische Katze"},
    }
    assert (len(asked), len(rows)) == (1, 3)


def test_a_line_says_what_is_on_the_picture() -> None:
    region = (280, 0, 720, 720)
    explanation = explained(
        region,
        top=(("Egyptian cat", 0.62), ("tabby", 0.18), ("lynx", 0.05), ("a", 0.04), ("b", 0.03), ("c", 0.02)),
        target=Prediction(1, "tabby", 0.18),
    )
    frame = Frame(plain(width=1280, height=720), 41, 1000.5)
    row = row_of(Rendered(frame.pixels, frame, explanation, explanation.heatmap, 23.456))
    centre, box = row.pop("heat_centre"), row.pop("heat_box")
    assert row == {
        "index": 41,
        "captured_at": 1000.5,
        "media_time": None,
        "top": [["Egyptian cat", 0.62], ["tabby", 0.18], ["lynx", 0.05], ["a", 0.04], ["b", 0.03]],
        "target": "tabby",
        "method": "gradcam",
        "has_evidence": True,
        "latency_ms": 23.5,
    }
    assert centre == pytest.approx([640, 360], abs=2)
    assert [box[0] + box[2] / 2, box[1] + box[3] / 2] == pytest.approx([640, 360], abs=5)
    assert 100 < box[2] < 400


def test_without_heat_or_an_explanation_there_is_null() -> None:
    frame = Frame(plain(), 0, 1.0, media_time=0.0)
    row = row_of(Rendered(plain(), frame))
    assert (row["top"], row["media_time"], row["latency_ms"]) == ([], 0.0, None)
    unknown = ("target", "method", "has_evidence", "heat_centre", "heat_box")
    assert [row[name] for name in unknown] == [None] * 5
    blind = explained((0, 0, 64, 48), has_evidence=False)
    row = row_of(Rendered(plain(), frame, blind, None))
    assert (row["has_evidence"], row["heat_centre"], row["heat_box"]) == (False, None, None)


@EVERY
@pytest.mark.parametrize(
    "kind",
    [pytest.param("silent", marks=pytest.mark.runs), "with sound", "of changing sizes", "of one picture"],
)
def test_ffprobe_has_nothing_to_complain_of(tmp_path: Path, extension: str, kind: str) -> None:
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed (apt install ffmpeg)")
    sound = None
    if kind == "with sound":
        sound = write_talkie(tmp_path / "film.mkv", "libopus" if extension == ".webm" else "aac", seconds=4.0)
    path = tmp_path / f"out{extension}"
    count = 1 if kind == "of one picture" else 100
    with Recorder(path, wait=True, audio_from=sound) as recorder:
        for index in range(count):
            size = (64, 48) if kind != "of changing sizes" or index % 3 else (33 + index, 90)
            picture = plain((index, 90, 2 * index), *size)
            recorder.write(Rendered(picture, Frame(picture, index, 0.0, media_time=index / 25)))
    count_frames = [
        "ffprobe",
        "-v",
        "warning",
        "-count_frames",
        "-show_entries",
        "stream=nb_read_frames",
        str(path),
    ]
    decode = ["ffmpeg", "-v", "warning", "-i", str(path), "-f", "null", "-"]
    for command in (count_frames, decode):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == count
    assert {"out.jsonl", path.name} <= set(files(tmp_path))


def test_of_a_network_that_is_no_classifier_the_line_has_values_and_no_probability() -> None:
    frame = Frame(plain(), 0, 1.0)
    found = valued((0, 0, 64, 48), ("age", 31.62000083923340, "years"), ("size", None, ""))
    row = row_of(Rendered(plain(), frame, found, found.heatmap))
    assert (row["top"], row["values"]) == ([], [["age", 31.62, "years"], ["size", None, ""]])
    assert (row["target"], row["has_evidence"]) == ("age", True)
    lowered = replace(found, target=Lowered(found.top[0]))
    assert row_of(Rendered(plain(), frame, lowered, None))["target"] == "age −"
