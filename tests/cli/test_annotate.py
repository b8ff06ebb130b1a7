"""`annotate` as a user meets it: what is typed, what is said, and the exit code."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import av
import numpy as np
import pytest
from clips import write_clip

from live_gradcam.cli import main
from live_gradcam.commands.annotate import with_ray_address
from live_gradcam.commands.progress import AnnotateProgress

MODEL = ("--model", "networks:colour_network")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    write_clip(folder / "a.mp4", [40 * number for number in range(6)])
    (folder / "b.png").write_bytes(cv2.imencode(".png", np.full((48, 64, 3), 200, np.uint8))[1].tobytes())
    return folder


def frames_of(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_an_archive_is_annotated_and_the_same_again_is_quickly_done(
    archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = archive.parent / "out"
    table = out / "all.csv"  # in a folder that is not there yet
    typed = ("annotate", str(archive), "--out", str(out), "--csv", str(table), *MODEL)
    assert main(typed) == 0
    said = capfd.readouterr()
    assert "a.mp4: 6 frames" in said.out.splitlines()
    assert said.out.splitlines()[-1].startswith("2 files, 7 frames (")
    assert frames_of(out / "a.mp4") == 6
    assert len(table.read_text("utf-8").splitlines()) == 8
    assert main(typed) == 0
    assert capfd.readouterr().out == "2 files were there already\n"


def test_quiet_says_only_what_failed(archive: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (archive / "broken.mp4").touch()
    typed = (
        "annotate",
        str(archive),
        "--out",
        str(archive.parent / "out"),
        "--quiet",
        "--preprocess",
        "unit",
    )
    assert main((*typed, *MODEL)) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err == "live-gradcam: broken.mp4 cannot be opened: the file is empty.\n"
    assert main((*(word for word in typed if word != "--quiet"), *MODEL)) == 1
    assert capfd.readouterr().out.splitlines()[-1] == "2 files were there already; 1 fault, named below"


def test_a_single_input_may_name_its_output(archive: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = archive.parent / "new" / "heat.webm"
    assert main(("annotate", str(archive / "a.mp4"), "-o", str(out), "--batch", "4", *MODEL)) == 0
    assert frames_of(out) == 6
    assert "1 file, 6 frames" in capfd.readouterr().out


def test_a_list_is_read_from_stdin(
    archive: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(archive)
    listed = archive.parent / "list.txt"
    listed.write_text("b.png\nnothing.png\n", "utf-8")
    with listed.open(encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert main(("annotate", "-", "--out", "../out", *MODEL)) == 1
    assert (archive.parent / "out" / "b.png").exists()
    assert "there is no file 'nothing.png'" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("nothing.mp4",), "there is no file 'nothing.mp4'"),
        (("{archive}", "--every", "0"), "every is 0: it must be at least 1"),
        (("{archive}", "--fps", "-3"), "fps is -3.0: it must lie between 0 and 1000"),
        (("{archive}", "--every", "2", "--fps", "3"), "give one of them"),
        (("{archive}", "--batch", "0"), "batch is 0: it must lie between 1 and 1024"),
        (("{archive}", "--colormap", "jett"), "unknown colour map 'jett'. Did you mean jet"),
        (("{archive}", "--model", "vgg61"), "unknown model 'vgg61'. Did you mean vgg"),
        (("{archive}", "--alpha", "2"), "alpha is 2.0"),
        (("{archive}", "--csv", "all.txt"), "the name must end in .csv"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_1(
    archive: Path, capfd: pytest.CaptureFixture[str], typed: tuple[str, ...], said: str
) -> None:
    arguments = [each.format(archive=archive) for each in typed]
    assert main(("annotate", *arguments, "--out", str(archive.parent / "out"))) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("live-gradcam: ")
    assert said in line


def test_without_an_output_it_is_wrong_usage(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(("annotate", "a.mp4")) == 2
    assert "--out" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("typed", "becomes"),
    [
        (["--ray", "in", "-o", "out"], ["--ray=local", "in", "-o", "out"]),
        (["in", "--ray"], ["in", "--ray=local"]),
        (["in", "--ray", "auto"], ["in", "--ray", "auto"]),
        (["--ray", "10.0.0.1:6379", "in"], ["--ray", "10.0.0.1:6379", "in"]),
        (["--ray", "ray://head:10001", "in"], ["--ray", "ray://head:10001", "in"]),
        (["--ray=auto", "in"], ["--ray=auto", "in"]),
        (["--ray", "C:\\clips", "-o", "out"], ["--ray=local", "C:\\clips", "-o", "out"]),
    ],
)
def test_ray_needs_no_address(typed: list[str], becomes: list[str]) -> None:
    assert with_ray_address(typed) == becomes


@pytest.mark.runs
@pytest.mark.skipif(sys.platform == "win32", reason="only on Unix: SIGKILL")
def test_a_run_that_is_killed_at_any_moment_goes_on_where_it_was(
    archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (archive / "a.mp4").unlink()
    for name in "xyz":
        write_clip(archive / f"{name}.mp4", [40 * number for number in range(100)])
    out = archive.parent / "out"
    typed = ("annotate", str(archive), "-o", str(out), *MODEL)
    command = [sys.executable, "-m", "live_gradcam", *typed]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 60
        while not (out / "y.part.mp4").exists():  # one file is finished, one begun, one untouched
            assert running.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.002)
        running.send_signal(signal.SIGKILL)
    finished = [file for file in out.glob("*.mp4") if not file.stem.endswith(".part")]
    assert len(finished) >= 1
    assert all(frames_of(file) == 100 for file in finished)
    before = {file: file.stat().st_mtime_ns for file in finished}
    assert main(typed) == 0
    assert {file: file.stat().st_mtime_ns for file in finished} == before
    assert [frames_of(out / f"{name}.mp4") for name in "xyz"] == [100] * 3
    assert re.search(r"files? (was|were) there already", capfd.readouterr().out)
    assert not list(out.rglob("*.part*"))


def test_figures_that_would_be_in_no_table_are_not_computed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ("annotate", str(tmp_path), "--out", str(tmp_path / "out"), "--faithfulness", *MODEL)
    assert main(typed) == 1
    message = "live-gradcam: --faithfulness writes its figures into tables: add --csv FILE or --jsonl FILE.\n"
    assert capsys.readouterr().err == message
    assert not (tmp_path / "out").exists()


def test_an_interrupted_run_is_a_clean_end_and_says_how_to_go_on(
    archive: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(AnnotateProgress, "end", interrupted)
    typed = ("annotate", str(archive), "--out", str(archive.parent / "out"), *MODEL)
    assert main(typed) == 0
    assert "interrupted: run the same command again to continue" in capfd.readouterr().out
    monkeypatch.undo()
    assert main(typed) == 0
