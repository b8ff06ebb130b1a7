"""The command line and what it leaves: recordings, their sidecars, sound, snapshots, and what is said of them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import av
import numpy as np
import pytest
from clips import write_clip
from films import files, lines, play, write_talkie
from networks import colour_network

from live_gradcam import __version__
from live_gradcam.cli import main

DEMO = ("--source", "demo", "--no-window")


@pytest.fixture(autouse=True)
def without_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Options for a model that knows red and blue, and is there at once."""
    folder = tmp_path_factory.mktemp("colours")
    colour_network().save(folder / "colours.keras")
    (folder / "colours.txt").write_text("red\nblue\n")
    labels = ("--labels", str(folder / "colours.txt"))
    return ("--model", str(folder / "colours.keras"), *labels, "--preprocess", "unit", "--no-window")


def blue(path: Path) -> Path:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[..., 0] = 255
    cv2.imwrite(str(path), pixels)
    return path


def test_a_recording_comes_with_a_line_for_each_picture(tmp_path: Path, colours: tuple[str, ...]) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [0, 40, 80, 200, 220, 300, 310, 400])
    out, stats = tmp_path / "out.mp4", tmp_path / "stats.json"
    assert main(("--source", str(clip), "--record", str(out), "--stats", str(stats), *colours)) == 0
    header, rows = lines(tmp_path / "out.jsonl")
    assert [row["media_time"] for row in rows] == pytest.approx(play(out).seconds, abs=1e-3)
    assert [row["index"] for row in rows] == list(range(8))
    assert {row["method"] for row in rows} == {"gradcam"}
    assert {len(row["top"]) for row in rows} == {2}
    assert all(row["has_evidence"] == (row["heat_box"] is not None) for row in rows)
    assert (header["version"], header["source"], header["video"]) == (__version__, "clip.mp4", "out.mp4")
    assert (header["method"], header["codec"]) == ("gradcam", "libx264")
    assert len(header["model_sha256"]) == 64
    assert header["layer"]
    assert header["settings"]["source"] == str(clip)
    assert header["settings"]["preprocess"] == "unit"
    assert json.loads(stats.read_text())["recordings"] == [
        {"file": str(out), "codec": "libx264", "frames": 8, "frames_dropped": 0}
    ]


@pytest.mark.long
def test_a_files_sound_is_carried_over_for_as_long_as_it_was_recorded(
    tmp_path: Path, colours: tuple[str, ...]
) -> None:
    film = write_talkie(tmp_path / "film.mp4", "aac", "aac", seconds=3.0)
    for name, more in (("all.mp4", ()), ("part.mkv", ("--duration", "1"))):
        assert main(("--source", str(film), "--record", str(tmp_path / name), *more, *colours)) == 0

    def sound(name: str, track: int) -> list[bytes]:
        with av.open(str(tmp_path / name)) as container:
            return [bytes(p) for p in container.demux(container.streams.audio[track]) if p.pts is not None]

    for track in (0, 1):
        whole = sound("film.mp4", track)
        assert sound("all.mp4", track) == whole
        part = sound("part.mkv", track)
        assert part == whole[: len(part)]
        assert len(part) == pytest.approx(len(whole) / 3, abs=3)


def test_a_photo_is_explained_and_saved(
    tmp_path: Path, colours: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    photo, out = blue(tmp_path / "photo.png"), tmp_path / "out.png"
    assert main(("--source", str(photo), "--snapshot", str(out), *colours)) == 0
    said = capfd.readouterr()
    assert (f"saved {out}" in said.out, said.err) == (True, "")
    assert files(tmp_path) == ["out.frame.png", "out.heat.png", "out.png", "photo.png"]
    frame, heat = (cv2.imread(str(tmp_path / f"out.{name}.png"), -1) for name in ("frame", "heat"))
    assert frame is not None
    assert heat is not None
    assert np.array_equal(np.asarray(frame), np.asarray(cv2.imread(str(photo))))
    assert (str(heat.dtype), heat.shape) == ("uint16", (40, 60))
    assert main(("--source", str(photo), "--snapshot", str(out), *colours)) == 1
    assert "exists. Choose another name, or use --overwrite." in capfd.readouterr().err
    assert main(("--source", str(photo), "--snapshot", str(out), "--overwrite", *colours)) == 0


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("--snapshot", "out.gif"), "the name must end in .png."),
        (("--snapshot", "no/such/out.png"), "there is no folder 'no/such'. Make it first."),
        (("--snapshot", "photo.png", "--overwrite"), "'photo.png': it is the source itself."),
        (("--record", "out.mov"), "the name must end in .mp4, .mkv, .webm."),
    ],
)
def test_where_nothing_can_be_saved_that_is_told_first(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    typed: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = blue(Path("photo.png")).read_bytes()
    assert main(("--source", "photo.png", "--no-window", *typed)) == 1
    assert said in capfd.readouterr().err
    assert Path("photo.png").read_bytes() == before
    assert files(tmp_path) == ["photo.png"]


def test_a_camera_without_an_end_is_not_watched_for_a_snapshot_alone(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main((*DEMO, "--snapshot", "out.png")) == 1
    line = capfd.readouterr().err
    assert "--snapshot saves the last picture, and this source does not end" in line
    assert line.rstrip().endswith("Add --duration 5, or --frames N.")


def test_after_a_kill_the_same_command_keeps_what_there_is_and_records_again(
    tmp_path: Path, colours: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    clip, out = write_clip(tmp_path / "clip.mp4", range(0, 400, 40)), tmp_path / "out.webm"
    (tmp_path / "out.part.webm").write_text("what a killed run left")
    (tmp_path / "out.part.jsonl").write_text("its lines")
    assert main(("--source", str(clip), "--record", str(out), *colours)) == 0
    said = capfd.readouterr()
    aside = tmp_path / "out.unfinished.webm"
    assert said.err.splitlines() == [
        f"live-gradcam: an earlier recording to out.webm broke off: it is kept as {aside}, and can be played."
    ]
    assert f"recorded {out}" in said.out
    assert aside.read_text() == "what a killed run left"
    expected = ["clip.mp4", "out.jsonl", "out.unfinished.jsonl", "out.unfinished.webm", "out.webm"]
    assert files(tmp_path) == expected
