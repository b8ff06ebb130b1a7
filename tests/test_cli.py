"""The command line as a user meets it: what is typed, what comes back, and the exit code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import av
import numpy as np
import pytest
from clips import write_clip
from fakecam.webcam import PretendWebcam
from limits import within
from networks import picture
from programs import PATIENCE, Program

from live_gradcam.cli import main
from live_gradcam.models import efficientnet_lite

DEMO = ("--source", "demo", "--no-window")
SMALL = ("--model", "networks:colour_network", "--preprocess", "unit")
"""A network that is there at once."""


@pytest.fixture(autouse=True)
def without_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


def one_line(capfd: pytest.CaptureFixture[str], *typed: str) -> str:
    """Run a command that cannot be done and return its one line on stderr."""
    assert main(typed) == 1
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("live-gradcam: ")
    assert "Traceback" not in lines[0]
    return lines[0]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("--source", "77"), "camera 77"),
        (("--source", "no/such/clip.mp4"), "there is no file 'no/such/clip.mp4'"),
        (("--source", "gopher://x"), "unknown kind of address 'gopher://'"),
        ((*DEMO, "--frames", "1", "--model", "vgg61"), "unknown model 'vgg61'. Did you mean vgg"),
        ((*DEMO, "--frames", "1", "--target", "expresso"), "unknown class 'expresso'. Did you mean espresso"),
        ((*DEMO, "--frames", "1", "--colormap", "jett"), "unknown colour map 'jett'. Did you mean jet"),
        ((*DEMO, "--frames", "1", "--method", "gradcan"), "unknown method 'gradcan'. Did you mean gradcam"),
        ((*DEMO, "--frames", "1", "--layer", "haed"), "unknown layer 'haed'. Did you mean head"),
        ((*DEMO, "--frames", "1", "--preprocess", "tff"), "unknown preprocessing 'tff'. Did you mean tf"),
        ((*DEMO, "--frames", "1", "--device", "gpu:9"), "there is no device gpu:9"),
        ((*DEMO, "--frames", "0"), "frames is 0: it must be at least 1"),
        ((*DEMO, "--duration", "-1"), "duration is -1.0: it must be more than 0 seconds"),
        ((*DEMO, "--frames", "1", "--alpha", "1.5"), "alpha is 1.5: it must lie between 0"),
        ((*DEMO, "--frames", "1", "--labels", "nothing.txt"), "there is no file of labels 'nothing.txt'"),
        ((*DEMO, "--record", "no/such/folder/out.mp4"), "no/such/folder"),
        ((*DEMO, "--record", "out.gif"), "the name must end in .mp4, .mkv, .webm"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_1(
    capfd: pytest.CaptureFixture[str], typed: tuple[str, ...], said: str
) -> None:
    assert said in one_line(capfd, *typed)


def test_no_camera_names_the_demo(capfd: pytest.CaptureFixture[str]) -> None:
    if Path("/dev/video0").exists():
        pytest.skip("this machine has a camera")
    assert "--source demo" in one_line(capfd)


def test_a_text_file_named_mp4_is_no_video(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("hello " * 100)
    assert "text.mp4" in one_line(capfd, "--source", str(path), "--no-window", "--frames", "1")


def test_an_empty_folder_has_no_pictures(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert str(tmp_path) in one_line(capfd, "--source", str(tmp_path), "--no-window", "--frames", "1")


def test_a_truncated_video_without_a_readable_frame_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole, torn = tmp_path / "whole.mp4", tmp_path / "torn.mp4"
    write_clip(whole, range(0, 800, 40))
    torn.write_bytes(whole.read_bytes()[:200])
    assert "torn.mp4" in one_line(capfd, "--source", str(torn), "--no-window", "--frames", "1")


def test_swapped_weights_are_told_by_their_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    swapped = tmp_path / "weights.pth"
    swapped.write_bytes(b"not the weights" * 1000)
    monkeypatch.setattr(efficientnet_lite, "checkpoint_path", lambda _: swapped)
    monkeypatch.setattr(efficientnet_lite, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    assert "its SHA-256 is" in one_line(capfd, *DEMO, "--frames", "1")


def test_without_a_display_and_without_an_end_it_says_what_to_do(capfd: pytest.CaptureFixture[str]) -> None:
    line = one_line(capfd, "--source", "demo")
    assert "nothing to show the picture on" in line
    assert "--record FILE.mp4" in line
    assert "--frames N or --duration SECONDS" in line


@pytest.mark.long
def test_without_a_display_a_limited_run_says_so_and_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(("--source", "demo", "--frames", "3", *SMALL)) == 0
    said = capfd.readouterr()
    assert "no window: " in said.out
    assert "3 frames explained" in said.out
    assert said.err == ""


def test_a_window_that_is_asked_for_and_cannot_be_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert "cannot open a window" in one_line(capfd, "--source", "demo", "--window", "--frames", "1")


@pytest.mark.parametrize(
    "typed", [("--fit", "round"), ("--nonsense",), ("nonsense",), ("live", "a.jpg", "b.jpg")]
)
def test_wrong_usage_is_exit_code_2(capfd: pytest.CaptureFixture[str], typed: tuple[str, ...]) -> None:
    assert main(typed) == 2
    assert "Usage: live-gradcam" in capfd.readouterr().err


def test_the_help_says_what_lowers_a_value_and_what_overrides_a_file(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["live", "--help"]) == 0
    said = " ".join(re.sub(r"[│\n]", " ", capfd.readouterr().out).split())
    assert "For a value: 'age' shows what raises it, 'age -' what lowers it" in said
    assert "Options on the command line override them." in said


def test_debug_shows_the_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(("--source", "no.mp4", "--debug")) == 1
    assert "Traceback" in capfd.readouterr().err


def test_classes_searches_the_names(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(("classes", "cat")) == 0
    assert "285  Egyptian cat\n" in capfd.readouterr().out
    assert main(("classes", "282")) == 0
    assert capfd.readouterr().out == " 282  tiger cat\n"
    assert main(("classes", "person")) == 1
    assert "person, for one, is not among them" in capfd.readouterr().err


def test_classes_lists_the_chinese_names_with_the_english_ones_behind(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main(("classes", "--lang", "zh", "虎")) == 0
    assert "292  老虎  (tiger, Panthera tigris)\n" in capfd.readouterr().out
    assert main(("classes", "老虎")) == 0
    assert "292  tiger  (Panthera tigris)\n" in capfd.readouterr().out


@pytest.fixture
def coffee(tmp_path: Path) -> tuple[str, ...]:
    """Options that show a cup of coffee twice: of the demo a busy machine may see what the network is not sure of."""
    data = pytest.importorskip("skimage.data", reason="no scikit-image")
    folder = tmp_path / "coffee"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / name), data.coffee()[..., ::-1])
    return ("--source", str(folder), "--no-window")


@pytest.mark.long
def test_a_run_in_chinese_names_its_classes_so_and_takes_a_target_in_either_language(
    coffee: tuple[str, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stats = tmp_path / "stats.json"
    typed = (*coffee, "--frames", "2", "--lang", "zh", "--stats", str(stats))
    assert main((*typed, "--target", "analog clock - 挂钟")) == 0
    assert re.search(r"2 frames explained.*: [\u4e00-\u9fff]+ in \d frames", capfd.readouterr().out)
    assert re.search(r'"top": {\s*"[\u4e00-\u9fff]', stats.read_text(encoding="utf-8"))


@pytest.mark.long
def test_a_models_own_names_are_not_translated(
    coffee: tuple[str, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "names.txt").write_text("\n".join(f"thing {i}" for i in range(1000)))
    typed = (*coffee, "--frames", "1", "--labels", str(tmp_path / "names.txt"), "--lang", "zh")
    assert main(typed) == 0
    assert re.search(r"1 frame explained.*: thing 967\b", capfd.readouterr().out)


def test_models_lists_the_zoo(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(("models",)) == 0
    out = capfd.readouterr().out
    assert "efficientnet-lite0" in out
    assert "block5_conv3" in out


@pytest.mark.long
def test_a_clip_is_recorded_frame_for_frame(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    clip, out = tmp_path / "clip.mp4", tmp_path / "out.mp4"
    write_clip(clip, [0, 40, 80, 200, 220, 300, 310, 400])
    assert main(("--source", str(clip), "--record", str(out), "--no-window", *SMALL)) == 0
    assert f"recorded {out}" in capfd.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "out.jsonl", "out.mp4"]
    with av.open(str(out)) as recorded, av.open(str(clip)) as original:
        times = [frame.time for frame in recorded.decode(video=0)]
        expected = [frame.time for frame in original.decode(video=0)]
    assert times == pytest.approx(expected, abs=1e-3)

    before = out.read_bytes()
    assert "it exists" in one_line(capfd, "--source", str(clip), "--record", str(out), "--no-window")
    assert out.read_bytes() == before
    assert main(("--source", str(clip), "--record", str(out), "--no-window", "--overwrite", *SMALL)) == 0


def test_a_users_own_model_is_explained_from_the_command_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from networks import colour_network

    colour_network().save(tmp_path / "colours.keras")
    (tmp_path / "colours.txt").write_text("red\nblue\n")
    blue = np.zeros((40, 60, 3), np.uint8)
    blue[..., 0] = 255
    cv2.imwrite(str(tmp_path / "blue.png"), blue)
    typed = [
        "--source",
        str(tmp_path / "blue.png"),
        "--model",
        str(tmp_path / "colours.keras"),
        "--no-window",
    ]
    typed += ["--labels", str(tmp_path / "colours.txt"), "--preprocess", "unit", "--frames", "5"]
    assert main(typed) == 0
    assert "1 frame explained: blue\n" in capfd.readouterr().out


def run_process(*typed: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "live_gradcam", *typed],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.mark.runs
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_a_full_disk_is_told_once_the_part_is_kept_and_the_exit_code_is_1(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    limited = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (130_000, 130_000)); "
        "from live_gradcam.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            limited,
            *DEMO,
            *SMALL,
            "--size",
            "640x360",
            "--record",
            str(out),
            "--duration",
            "3",
        ],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 1
    (told,) = done.stderr.splitlines()
    assert "the recording out.mp4 stopped: File too large" in told
    assert "frames explained" in done.stdout  # the show went on
    assert not out.exists()
    with av.open(str(tmp_path / "out.part.mp4")) as kept:
        try:
            frames = 0
            for _ in kept.decode(video=0):
                frames += 1
        except av.error.InvalidDataError:  # the torn tail
            pass
    assert frames > 5


def test_the_pretend_webcam_is_explained_and_recorded(webcam: PretendWebcam, tmp_path: Path) -> None:
    out, log, stats = tmp_path / "out.mp4", tmp_path / "log", tmp_path / "stats.json"
    program = Program(
        tmp_path,
        *("live", "--source", "0", "--no-window", "--duration", "2"),
        *("--record", str(out), "--stats", str(stats)),
        environment=webcam.environment(log=log),
    )
    program.wait(PATIENCE)
    assert (program.process.returncode, program.complained_otherwise) == (0, "")
    assert "camera 0: 1280×720 at 30 fps, MJPG" in program.said
    assert ": espresso " in program.said
    asked = log.read_text().splitlines()
    assert asked.index("fps 30") < asked.index("stream on MJPG 1280x720@30")
    with av.open(str(out)) as recorded:
        times = [float(frame.time or 0) for frame in recorded.decode(video=0)]
        assert (recorded.streams.video[0].width, recorded.streams.video[0].height) == (1280, 720)
    # Two seconds of camera are two seconds of film, however many frames were explained: each has the camera's time.
    _, *rows = (json.loads(line) for line in out.with_suffix(".jsonl").read_text().splitlines())
    stamps = [row["captured_at"] for row in rows]
    assert times == pytest.approx([stamp - stamps[0] for stamp in stamps], abs=1e-3)
    assert times == sorted(set(times))
    report = json.loads(stats.read_text())
    assert len(times) == report["frames_shown"] - program.lacking
    assert report["seconds"] >= 2
    assert within(1.5, times[-1])
    assert within(times[-1], 4)
    assert within(5, (len(times) - 1) / times[-1])


@pytest.mark.parametrize(
    ("word", "said"), [("busy", "in use"), ("denied", "permission"), ("unplug", "--source demo")]
)
def test_a_camera_that_does_not_open_says_why(
    webcam: PretendWebcam, tmp_path: Path, word: str, said: str
) -> None:
    control = tmp_path / "control"
    control.write_text(word)
    process = run_process(
        *("--no-window", "--frames", "1", "--record", str(tmp_path / "out.mp4")),
        **webcam.environment(control=control),
    )
    _, complained = process.communicate(timeout=60)
    assert process.returncode == 1
    assert len(complained.splitlines()) == 1
    assert said in complained.lower()
    assert list(tmp_path.iterdir()) == [control]


@pytest.mark.long
def test_a_picture_of_another_size_in_a_folder_is_fitted_into_the_recording(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, size in enumerate([(48, 64), (64, 48), (31, 33)]):
        cv2.imwrite(str(folder / f"{number}.png"), picture(*size))
    out = tmp_path / "out.mkv"
    assert main(("--source", str(folder), "--record", str(out), "--no-window", *SMALL)) == 0
    with av.open(str(out)) as recorded:
        frames = list(recorded.decode(video=0))
    assert [(frame.width, frame.height) for frame in frames] == [(64, 48)] * 3
    assert [frame.time for frame in frames] == pytest.approx([0, 2, 4], abs=1e-3)


def test_a_recording_never_replaces_its_own_source(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    clip = write_clip(tmp_path / "clip.mp4", range(0, 400, 40))
    before = clip.read_bytes()
    line = one_line(capfd, "--source", str(clip), "--record", str(clip), "--overwrite", "--no-window")
    assert "it is the source itself" in line
    assert clip.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_layers_marks_the_one_that_is_explained(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from networks import nested_network

    nested_network(2).save(tmp_path / "nested.keras")
    assert main(("layers", str(tmp_path / "nested.keras"))) == 0
    (marked,) = (
        line for line in capfd.readouterr().out.splitlines() if "Conv2D" in line and "\u25b6" in line
    )
    assert "level1/base/features" in marked
    assert "8×8×6" in marked


def test_layers_are_those_of_the_default_network_if_no_model_is_named(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main(("layers",)) == 0
    (marked,) = (line for line in capfd.readouterr().out.splitlines() if line.startswith("▶  "))
    assert marked.split()[1:] == ["head", "Conv2D", "7×7×1280"]


def test_methods_lists_every_method_with_its_paper(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(("methods",)) == 0
    out = capfd.readouterr().out
    assert "arXiv:1610.02391" in out
    assert "K + 1 forward" in out
    assert main(("methods", "--seconds", "0.1", "--model", "vgg61")) == 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("--grid", "14"), "--grid is '14': it must be HEIGHTxWIDTH"),
        (("--input", "age"), "--input is 'age': it must be NAME=VALUE"),
        (("--rivals", "0"), "rivals is 0: it must be at least 1"),
        (("--target", "tabby - lyon"), "unknown class 'lyon'"),
        (("--target", "no_such:thing"), "there is no module no_such"),
        (("--model", "no_such:thing"), "no_such"),
    ],
)
@pytest.mark.long
def test_a_mistyped_explanation_is_one_clear_line(
    capfd: pytest.CaptureFixture[str], typed: tuple[str, ...], said: str
) -> None:
    assert said in one_line(capfd, *DEMO, "--frames", "1", *typed)


@pytest.mark.long
def test_a_method_of_many_passes_says_its_cost_first(capfd: pytest.CaptureFixture[str]) -> None:
    assert main((*DEMO, *SMALL, "--frames", "1", "--method", "ablationcam", "--target", "#2")) == 0
    assert "ablationcam takes 1 forward, K from the layer on passes" in capfd.readouterr().out
