"""`doctor` as a user meets it: one line for each part of the machine, and what there is to change."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import keras
import pytest
from clips import write_clip
from fakecam.webcam import PretendWebcam
from programs import TESTS
from screen import Screen, require_screen

from live_gradcam import pipeline
from live_gradcam.cli import main
from live_gradcam.commands import doctor_run
from live_gradcam.commands.doctor_run import measured_networks
from live_gradcam.config import Settings
from live_gradcam.explain.loading import load_engine
from live_gradcam.explain.openvino import store
from live_gradcam.explain.question_switch import Answers
from live_gradcam.models import remembered_model
from live_gradcam.models.efficientnet_lite import LITE0
from live_gradcam.models.zoo import REFUSED, no_downloads
from live_gradcam.rendered_picture import Rendered
from live_gradcam.run_statistics import RunStatistics
from live_gradcam.sinks.sink import SinkGroup
from live_gradcam.sources.source import Source

DEMO = ("--source", "demo", "--size", "320x240", "--no-window")
SMALL = ("--model", "networks:colour_network", "--preprocess", "unit")
"""A network that is there at once."""


def play_well(
    source: Source, answers: Answers, sinks: SinkGroup, settings: Settings, statistics: RunStatistics
) -> None:
    """What a machine comes to that has nothing else to do: 5 s at 30 fps, in no time."""
    assert settings.duration is not None
    assert answers.traces == 1
    frame = next(iter(source))
    for index in range(151):
        if index < 8:  # as many as wait for the encoder at most, so that it leaves none out
            sinks.write(Rendered(frame.pixels, frame))
        statistics.explained("espresso", index / 30)
        statistics.shown(index / 30, latency_ms=20.0, age_ms=30.0)
    statistics.frames_captured = 151


@pytest.fixture(autouse=True)
def a_machine_at_leisure_without_a_display(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(doctor_run, "play", play_well)
    monkeypatch.setattr(doctor_run, "LITE_NETWORKS", ())  # they take seconds
    monkeypatch.chdir(tmp_path)


def told(capfd: pytest.CaptureFixture[str], *typed: str, code: int) -> tuple[dict[str, str], list[str]]:
    """Run doctor; return its findings, subject → mark and text, and what it ends with."""
    assert main(("doctor", *typed)) == code
    said = capfd.readouterr()
    assert said.err == ""
    return read(said.out)


def read(out: str) -> tuple[dict[str, str], list[str]]:
    lines = out.splitlines()
    end = next(at for at, line in enumerate(lines) if line.startswith(("ready: ", "not ready. ")))
    findings = [re.fullmatch(r"(ok|note|FIX) +(\w+) +(.+)", line) for line in lines[:end]]
    return {found[2]: f"{found[1]}: {found[3]}" for found in findings if found}, lines[end:]


@pytest.mark.long
def test_a_machine_that_is_ready_is_told_so_with_one_line_for_each_part(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    findings, end = told(capfd, *DEMO, code=0)
    assert list(findings) == ["camera", "display", "model", "gpu", "engine", "speed", "encoder", "disk"]
    assert findings["camera"].startswith("ok: demo: 320×240 at 30 fps")
    assert findings["display"] == "ok: no window is asked for"
    assert "efficientnet-lite0 on " in findings["model"]
    assert findings["speed"].startswith(
        "ok: 30.0 pictures a second, 30.0 of them explained; shown 20 ms after"
    )
    assert findings["encoder"].endswith(" none left out")
    assert f"GB free in {tmp_path}: " in findings["disk"]
    assert end == ["ready: 30 fps at 320×240 with efficientnet-lite0"]
    assert list(tmp_path.iterdir()) == []  # the trial recording is gone


@pytest.mark.long
def test_everything_that_is_wrong_is_told_at_once(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.touch()
    typed = ("--source", "77", *DEMO[2:-1], *SMALL, "--window", "--record", str(folder / "out.mp4"))
    findings, end = told(capfd, *typed, code=1)
    assert findings["camera"].startswith("FIX: there is no camera 77") or "camera 77" in findings["camera"]
    assert findings["display"] == "FIX: there is no display (DISPLAY is not set)"
    assert findings["disk"].startswith(f"FIX: nothing can be recorded in {folder}")
    assert findings["speed"].startswith("ok: ")  # the demo took the camera's place
    assert end[0] == "not ready. What to change:"
    assert [line.split()[0] for line in end[1:]] == ["camera", "display", "disk"]
    assert end[1].endswith("try --source demo.")
    assert end[2].endswith("Start it on a desktop, or log in with ssh -X.")
    assert end[3].endswith("Choose a folder that is yours: --record FOLDER/out.mp4.")


def test_a_mistake_in_the_model_is_told_after_what_else_can_be_known(
    capfd: pytest.CaptureFixture[str],
) -> None:
    findings, end = told(capfd, *DEMO, "--target", "expresso", code=1)
    assert list(findings) == ["camera", "display", "model", "gpu"]
    assert findings["model"] == "FIX: unknown class 'expresso'"
    assert "Did you mean espresso" in end[1]


@pytest.mark.long
def test_it_takes_a_file_of_settings(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "show.toml").write_text(
        'source = "demo"\nsize = "320x240"\nrecord = "out.mkv"\nmethod = "hirescam"\nframes = 1\n'
        'model = "networks:colour_network"\npreprocess = "unit"\n'
    )
    findings, end = told(capfd, "--config", "show.toml", code=0)
    assert ": hirescam at " in findings["model"]
    assert findings["display"].startswith("note: no window, only the recording: there is no display")
    assert end == ["ready: 30 fps at 320×240 with networks:colour_network"]


@pytest.mark.long
def test_a_clip_is_tried_too(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor_run, "play", pipeline.play)
    clip = write_clip(tmp_path / "clip.mp4", range(0, 600, 40))
    findings, end = told(capfd, "--source", str(clip), "--no-window", *SMALL, code=0)
    assert re.fullmatch(r"ok: \d+\.\d pictures a second, \d+\.\d of them explained", findings["speed"])
    assert end[0].startswith("ready: ")


@pytest.mark.long
def test_interrupted_it_does_not_say_that_the_machine_is_ready(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor_run, "play", interrupted)
    assert main(("doctor", *DEMO, *SMALL)) == 1
    assert "ready" not in capfd.readouterr().out.splitlines()[-1]


@pytest.mark.long
def test_it_says_which_networks_the_machine_can_show_at_the_cameras_rate(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = replace(LITE0, name="efficientnet-lite0")
    missing = replace(LITE0, name="efficientnet-lite9")
    monkeypatch.setattr(doctor_run, "LITE_NETWORKS", (there, missing))
    findings, _ = told(capfd, *DEMO, *SMALL, code=0)
    said = r"ok: efficientnet-lite0 (keeps up|does not keep up) with 30 frames a second \((\d+) ms\)"
    found = re.fullmatch(said, findings["networks"])
    assert found is not None
    assert int(found[2]) >= 1


def test_only_networks_that_openvino_keeps_are_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(remembered_model, "user_cache_path", lambda *_, **__: tmp_path)
    monkeypatch.setattr(doctor_run, "LITE_NETWORKS", (LITE0,))
    monkeypatch.setattr(doctor_run, "load_engine", None)
    settings = Settings(engine="openvino")
    assert measured_networks(settings, (320, 240)) == {"efficientnet-lite0": None}
    late = time.monotonic() - 1
    assert measured_networks(Settings(engine="tensorflow"), (320, 240), until=late) == {
        "efficientnet-lite0": None
    }


@pytest.mark.runtimes
def test_a_kept_network_is_measured_with_openvino(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    for module in (remembered_model, store):
        monkeypatch.setattr(module, "user_cache_path", lambda *_, **__: folder)
    monkeypatch.setattr(doctor_run, "LITE_NETWORKS", (LITE0,))
    settings = Settings(engine="openvino", precision="f32")
    load_engine(settings, (320, 240), lambda _: None).close()
    described: list[str] = []

    def measured(runs: Mapping[str, Callable[[], object]], _: float) -> tuple[dict[str, float], int]:
        (answer,) = runs.values()
        answer()
        described.extend(answer.func.__self__.describe())  # type: ignore[attr-defined]
        return {"": 7.0}, 1

    monkeypatch.setattr(doctor_run, "interleaved_ms", measured)
    assert measured_networks(settings, (320, 240)) == {"efficientnet-lite0": 7.0}
    assert "OpenVINO" in described[0]


def test_a_setting_that_makes_no_sense_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(("doctor", "--alpha", "3")) == 1
    assert capfd.readouterr().err.startswith("live-gradcam: alpha is 3.0: ")


def test_weights_that_are_not_here_are_told_and_not_downloaded(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing(**_: object) -> None:
        url = "https://storage.googleapis.com/tensorflow/mobilenet.h5"
        keras.utils.get_file("mobilenet.h5", url, cache_dir=str(tmp_path / "keras"))

    monkeypatch.setattr("live_gradcam.models.zoo._builder", lambda _: missing)
    findings, end = told(capfd, *DEMO, "--model", "mobilenet", code=1)
    assert findings["model"] == "FIX: the weights of mobilenet are not on this machine"
    assert "`live-gradcam --model mobilenet` fetches them once" in end[1]
    assert "fetch https://storage.googleapis.com/tensorflow/mobilenet.h5 elsewhere" in end[1]


def test_downloads_fail_at_once_and_are_allowed_again_afterwards(tmp_path: Path) -> None:
    page = tmp_path / "page"
    page.write_text("here")
    with no_downloads(), pytest.raises(urllib.error.URLError, match=REFUSED):
        urllib.request.urlopen(page.as_uri())
    with urllib.request.urlopen(page.as_uri()) as answer:
        assert answer.read() == b"here"


def test_a_gpu_that_is_asked_for_and_not_there_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    findings, end = told(capfd, *DEMO, "--device", "gpu:9", code=1)
    assert findings["model"].startswith("FIX: there is no device gpu:9")
    assert end[1].endswith("Use --device cpu or auto.")


@pytest.mark.screens
def test_the_webcam_and_a_window_are_tried_together(webcam: PretendWebcam, tmp_path: Path) -> None:
    require_screen()
    with Screen() as screen:
        command = [sys.executable, "-m", "live_gradcam", "doctor", *SMALL]
        environment = {**os.environ, **screen.environment, **webcam.environment()}
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        )
        process = subprocess.Popen(
            command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        window = screen.window("live_gradcam: camera 0", patience=60)
        assert window
        out, complained = process.communicate(timeout=60)
    assert complained == ""
    findings, end = read(out)
    assert findings["display"] == "ok: a window can be opened"
    assert "camera 0: 1280×720 at 30 fps, MJPG" in out
    assert findings["disk"].startswith("ok: ")
    assert set(findings) == {
        "camera",
        "display",
        "model",
        "gpu",
        "engine",
        "networks",
        "speed",
        "encoder",
        "disk",
    }
    # Whether it is ready is a question of how busy this machine is; that it says so is not.
    assert (process.returncode == 0) == end[0].startswith("ready: ")
