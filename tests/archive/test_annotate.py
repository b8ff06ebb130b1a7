"""Whole archives: what is missing is done, what is there is kept, and what fails is told."""

from __future__ import annotations

import csv
import json
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import av
import numpy as np
import pytest
from clips import write_clip
from films import not_root
from networks import colour_network

from live_gradcam.archive.annotate import Report, annotate
from live_gradcam.archive.annotate_job import AnnotateJob, Outcome
from live_gradcam.archive.annotate_settings import AnnotateSettings
from live_gradcam.errors import LiveGradcamError


class Told:
    """Notes what a watch is told."""

    def __init__(self, *, interrupt_at: int | None = None) -> None:
        self.lines: list[str] = []
        self.work: AnnotateJob | None = None
        self.frames = 0
        self.outcomes: list[Outcome] = []
        self._interrupt_at = interrupt_at

    def say(self, line: str) -> None:
        self.lines.append(line)

    def begin(self, work: AnnotateJob) -> None:
        self.work = work

    def advance(self, frames: int) -> None:
        self.frames += frames

    def end(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if len(self.outcomes) == self._interrupt_at:
            raise KeyboardInterrupt

    @property
    def names(self) -> list[str]:
        return [outcome.entry.name for outcome in self.outcomes]


@pytest.fixture(scope="module")
def network() -> Any:
    return colour_network()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two videos of 12 and 8 frames, a picture, and a file that is no video."""
    folder = tmp_path / "archive"
    (folder / "deep").mkdir(parents=True)
    write_clip(folder / "a.mp4", [40 * number for number in range(12)])
    write_clip(folder / "deep" / "b 'two' 視.mkv", [40 * number for number in range(8)])
    (folder / "c.png").write_bytes(
        cv2.imencode(".png", np.full((48, 64, 3), (0, 0, 255), np.uint8))[1].tobytes()
    )
    return folder


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert {thread for thread in threading.enumerate() if thread.name in ("read", "write")} <= before


def run(
    archive: Path,
    network: Any,
    *,
    progress: Told | None = None,
    csv: Path | None = None,
    jsonl: Path | None = None,
    **options: Any,
) -> tuple[Report, Told]:
    told = progress or Told()
    settings = AnnotateSettings(model=network, **options)
    return annotate(
        [str(archive)], archive.parent / "out", settings, progress=told, csv=csv, jsonl=jsonl
    ), told


def outputs(archive: Path) -> dict[str, bytes]:
    out = archive.parent / "out"
    return {
        file.relative_to(out).as_posix(): file.read_bytes()
        for file in out.rglob("*")
        if file.is_file() and ".live-gradcam" not in file.parts
    }


def frames_of(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_an_archive_is_annotated_file_by_file(archive: Path, network: Any) -> None:
    report, told = run(archive, network)
    assert report.failures == []
    assert not report.interrupted
    assert {outcome.entry.name: outcome.frames for outcome in report.finished} == {
        "a.mp4": 12,
        "c.png": 1,
        "deep/b 'two' 視.mkv": 8,
    }
    assert told.work is not None
    assert (told.work.frames, told.frames) == (21, 21)
    assert sorted(outputs(archive)) == ["a.mp4", "c.png", "deep/b 'two' 視.mkv"]
    assert frames_of(archive.parent / "out" / "a.mp4") == 12


def test_the_same_again_does_nothing_and_loads_no_model(archive: Path, network: Any) -> None:
    run(archive, network)
    before = outputs(archive)
    report, told = run(archive, network)
    assert [outcome.kept for outcome in report.finished] == [True] * 3
    assert (told.lines, told.names, report.failures) == ([], [], [])
    assert outputs(archive) == before


def test_only_what_is_missing_is_done(archive: Path, network: Any) -> None:
    run(archive, network)
    (archive.parent / "out" / "a.mp4").unlink()
    write_clip(archive / "new.mp4", [0, 40])
    report, told = run(archive, network)
    assert told.names == ["a.mp4", "new.mp4"]
    assert len(report.finished) == 4


def test_after_ctrl_c_the_same_command_goes_on(archive: Path, network: Any) -> None:
    report, _ = run(archive, network, progress=Told(interrupt_at=2), csv=archive.parent / "all.csv")
    assert report.interrupted
    assert len(outputs(archive)) == 2
    with (archive.parent / "all.csv").open(encoding="utf-8") as file:
        assert len({row["file"] for row in csv.DictReader(file)}) == 2
    report, told = run(archive, network)
    assert len(told.names) == 1
    assert len(report.finished) == 3


def test_what_a_killed_run_left_is_no_result(archive: Path, network: Any) -> None:
    out = archive.parent / "out"
    (out / ".live-gradcam").mkdir(parents=True)
    (out / "a.part.mp4").write_bytes(b"half a video")
    (out / ".live-gradcam" / "a.mp4.jsonl.part").write_text('{"file": "a.mp4"', "utf-8")
    report, _ = run(archive, network)
    assert report.failures == []
    assert frames_of(out / "a.mp4") == 12
    assert not list(out.rglob("*.part*"))


def test_other_settings_need_overwrite_and_then_everything_is_done_again(archive: Path, network: Any) -> None:
    run(archive, network)
    before = outputs(archive)
    report, told = run(archive, network, colormap="viridis")
    assert told.names == []
    assert outputs(archive) == before
    assert str(report.failures[0]) == (
        f"a.mp4: {archive.parent / 'out' / 'a.mp4'} exists and was made with other settings: colormap was jet, not "
        "viridis. Use --overwrite, or another --out."
    )
    report, told = run(archive, network, colormap="viridis", overwrite=True)
    assert len(told.names) == 3
    assert all(outputs(archive)[name] != before[name] for name in before)
    report, told = run(archive, network, colormap="viridis", overwrite=True)
    assert told.names == []


def test_a_strangers_file_is_left_alone(archive: Path, network: Any) -> None:
    out = archive.parent / "out"
    out.mkdir()
    (out / "a.mp4").write_bytes(b"my holidays")
    report, told = run(archive, network)
    assert [failure.name for failure in report.failures] == ["a.mp4"]
    assert "exists and was not made by this command" in str(report.failures[0])
    assert told.lines[0] == (  # before the model is loaded
        f"1 file will be left out: {out / 'a.mp4'} exists and was not made by this command. Use "
        "--overwrite, or another --out."
    )
    assert (out / "a.mp4").read_bytes() == b"my holidays"
    assert len(told.names) == 2


def test_a_broken_file_is_told_and_the_others_are_done(archive: Path, network: Any) -> None:
    (archive / "broken.mp4").write_text("no video", "utf-8")
    report, _ = run(archive, network)
    assert [str(failure) for failure in report.failures] == [
        "broken.mp4 cannot be opened: it is text, no picture or film. Give a video, a picture or a folder of them."
    ]
    assert len(report.finished) == 3


def test_a_torn_video_is_told_each_time_but_done_once(archive: Path, network: Any) -> None:
    whole = write_clip(archive / "torn.avi", [40 * n for n in range(12)], codec="mjpeg", size=(320, 240))
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    report, _ = run(archive, network)
    again, told = run(archive, network)
    assert told.names == []
    assert [str(failure) for failure in again.failures] == [str(failure) for failure in report.failures]
    assert str(again.failures[0]).startswith("torn.avi is ")


def test_the_summaries_have_one_row_for_each_frame_of_all_files_in_order(archive: Path, network: Any) -> None:
    folder = archive.parent
    run(archive, network, csv=folder / "first.csv", every=4)
    (folder / "out" / "a.mp4").unlink()
    run(archive, network, csv=folder / "all.csv", jsonl=folder / "all.jsonl", every=4)
    assert (folder / "all.csv").read_bytes() == (folder / "first.csv").read_bytes()
    rows = [json.loads(line) for line in (folder / "all.jsonl").read_text("utf-8").splitlines()]
    assert [(row["file"], row["frame"], row["seconds"]) for row in rows] == [
        ("a.mp4", 0, 0.0),
        ("a.mp4", 4, 0.16),
        ("a.mp4", 8, 0.32),
        ("c.png", 0, 0.0),
        ("deep/b 'two' 視.mkv", 0, 0.0),
        ("deep/b 'two' 視.mkv", 4, 0.16),
    ]
    with (folder / "all.csv").open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    assert len(cells) == 6
    picture = cells[3]
    assert (picture["file"], picture["class_1"], picture["target"]) == ("c.png", "class 0", "class 0")
    assert (picture["method"], picture["has_evidence"], picture["class_3"]) == ("gradcam", "True", "")
    assert float(picture["probability_1"]) > 0.9
    assert [float(picture[name]) for name in ("heat_x", "heat_y")] == rows[3]["heat_centre"]
    assert [int(picture[f"box_{name}"]) for name in ("x", "y", "width", "height")] == rows[3]["heat_box"]


def test_a_summary_that_cannot_be_written_is_told_at_once(archive: Path, network: Any) -> None:
    folder = archive.parent
    with pytest.raises(LiveGradcamError, match=r"the name must end in \.csv"):
        run(archive, network, csv=folder / "clip.mp4")
    with pytest.raises(LiveGradcamError, match=r"the name must end in \.jsonl"):
        run(archive, network, jsonl=folder / "all.csv")
    with pytest.raises(LiveGradcamError, match="there is no folder"):
        run(archive, network, csv=folder / "no" / "folder" / "all.csv")
    assert not (folder / "out").exists()


def test_a_summary_replaces_an_older_one_and_no_other_file(archive: Path, network: Any) -> None:
    table, lines = archive.parent / "all.csv", archive.parent / "all.jsonl"
    for mine in (table, lines):
        mine.write_text("my,own\n1,2\n", "utf-8")
        with pytest.raises(LiveGradcamError, match=r"exists and is no summary of annotate\. Use --overwrite"):
            run(archive, network, csv=table, jsonl=lines)
        assert mine.read_text("utf-8") == "my,own\n1,2\n"
        mine.unlink()
    run(archive, network, csv=table, jsonl=lines)
    written = table.read_bytes(), lines.read_bytes()
    report, _ = run(archive, network, csv=table, jsonl=lines, method="hirescam")
    assert len(report.failures) == 3  # nothing was annotated
    assert (table.read_bytes(), lines.read_bytes()) == written
    table.write_text("my,own\n1,2\n", "utf-8")
    run(archive, network, csv=table, jsonl=lines, overwrite=True, method="hirescam")
    assert table.read_bytes() != written[0]
    assert ",hirescam," in table.read_text("utf-8")


def test_an_output_folder_that_cannot_be_made_is_told_at_once(archive: Path) -> None:
    with pytest.raises(LiveGradcamError, match=r"a\.mp4.* Choose another --out, where you may write"):
        annotate([str(archive)], archive / "a.mp4" / "out", AnnotateSettings(), progress=Told())


@pytest.mark.skipif(sys.platform == "win32", reason="only on Unix: permissions are bits there")
def test_where_one_may_not_write_or_read_it_is_told_at_once() -> None:
    with tempfile.TemporaryDirectory() as name:  # not tmp_path, which nobody else may enter
        folder = Path(name)
        write_clip(folder / "a.mp4", [0, 40])
        (folder / "secret").mkdir(mode=0)
        folder.chmod(0o555)
        with not_root():
            with pytest.raises(LiveGradcamError, match=r"Permission denied\. Choose another --out"):
                annotate([str(folder / "a.mp4")], folder / "out", AnnotateSettings(), progress=Told())
            with pytest.raises(LiveGradcamError, match=r"secret.* cannot be read: Permission denied\."):
                annotate([str(folder / "secret")], folder / "out", AnnotateSettings(), progress=Told())
        folder.chmod(0o700)
        (folder / "secret").chmod(0o700)


def test_a_disk_that_is_full_ends_a_file_and_leaves_room_for_the_others(
    archive: Path, network: Any, small_disk: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    for number in range(3):
        (archive / f"{number}.bmp").write_bytes(cv2.imencode(".bmp", noise)[1].tobytes())
    report = annotate(
        [str(archive)], small_disk / "out", AnnotateSettings(model=network, alpha=0), progress=Told()
    )
    assert [str(failure) for failure in report.failures] == [
        "2.bmp: cannot be written: No space left on device"
    ]
    assert len(report.finished) == 5
    assert not list(small_disk.rglob("*.part*"))


def test_with_faithfulness_the_tables_say_what_the_hottest_part_keeps(archive: Path, network: Any) -> None:
    folder = archive.parent
    run(archive, network, csv=folder / "all.csv", jsonl=folder / "all.jsonl", every=4, faithfulness=True)
    with (folder / "all.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    objects = [json.loads(line) for line in (folder / "all.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == len(objects) == 6
    tested = 0
    for row, each in zip(rows, objects, strict=True):
        found = each.get("faithfulness")
        assert (found is None) is (row["alone"] == "")
        if found is None:
            assert not each["has_evidence"]
            continue
        tested += 1
        assert [float(row[name]) for name in ("alone", "without", "margin", "share")] == [
            found[name] for name in ("alone", "without", "margin", "share")
        ]
        assert (row["holds"], row["baseline"]) == (str(found["holds"]), "blur")
    assert tested > 0


def test_outputs_of_a_run_without_the_test_are_those_of_earlier_versions(archive: Path, network: Any) -> None:
    run(archive, network, every=4)
    kept, _ = run(archive, network, every=4)
    assert kept.outcomes
    assert all(outcome.kept for outcome in kept.outcomes)
    again, _ = run(archive, network, every=4, faithfulness=True, overwrite=True)
    assert not any(outcome.kept for outcome in again.outcomes)
