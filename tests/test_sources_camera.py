"""The camera, through OpenCV's real V4L2 code and a pretend webcam."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest
from fakecam.webcam import PretendWebcam

from live_gradcam.errors import SourceError
from live_gradcam.sources.camera import CameraSource, backends, why_not

LOOK = """
import json, sys, threading, time
from pathlib import Path
from live_gradcam.errors import SourceError
from live_gradcam.sources.opening import open_source

spec, control, then = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
report = {"frames": 0, "error": None, "described": None, "ages_ms": []}
try:
    with open_source(spec) as source:
        report["described"] = source.describe()
        report["size"], report["fps"], report["name"] = source.size, source.fps, source.name
        for frame in source:
            report["ages_ms"].append(1000 * (time.monotonic() - frame.captured_at))
            report["frames"] += 1
            report["mean"] = float(frame.pixels.mean())
            if report["frames"] == 3:
                control.write_text(then)
                told = time.monotonic()
            if report["frames"] == 8:
                break
except SourceError as error:
    report["error"] = str(error)
    if report["frames"]:
        report["noticed_after"] = time.monotonic() - told
report["threads"] = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
print(json.dumps(report))
"""

Look = Callable[..., dict[str, Any]]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def look(webcam: PretendWebcam, tmp_path: Path, log: Path) -> Look:
    """Open the pretend webcam in a process of its own, and report what came of it."""

    def run(spec: str = "0", *, at_first: str = "plug", then: str = "plug", **extra: str) -> dict[str, Any]:
        control = tmp_path / "control"
        control.write_text(at_first)
        done = subprocess.run(
            [sys.executable, "-c", LOOK, spec, str(control), then],
            env={**webcam.environment(control=control, log=log), **extra},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    return run


def test_the_camera_keeps_the_contract_of_every_source(webcam: PretendWebcam) -> None:
    suite = Path(__file__).with_name("test_sources_contract.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "camera]", str(suite)],
        env=webcam.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_compressed_pictures_at_720p_are_asked_for_before_the_first_frame(look: Look, log: Path) -> None:
    report = look()
    assert report["described"] == "camera 0: 1280×720 at 30 fps, MJPG"
    assert report["size"] == [1280, 720]
    assert report["fps"] == 30
    requests = log.read_text().splitlines()
    assert requests.index("format MJPG 1280x720") < requests.index("stream on MJPG 1280x720@30")
    assert requests[-1] == "close"


def test_frames_show_what_stands_before_the_camera(look: Look) -> None:
    report = look()
    assert report["frames"] == 8
    assert 60 < report["mean"] < 200


def test_frames_carry_the_drivers_own_timestamp(look: Look) -> None:
    ages_ms = look()["ages_ms"]
    assert all(0 < age_ms < 1000 for age_ms in ages_ms)


def test_a_camera_that_cannot_do_what_was_asked_says_what_it_does(look: Look) -> None:
    report = look(FAKECAM_FPS="15")
    assert report["described"] == "camera 0: 1280×720 at 15 fps, MJPG (asked for 1280×720 at 30 fps)"


def test_a_camera_without_compressed_pictures_works_too(
    look: Look, webcam: PretendWebcam, tmp_path: Path
) -> None:
    frames = tmp_path / "raw only"
    frames.mkdir()
    (frames / "frames-640x480.yuyv").symlink_to(webcam.frames / "frames-640x480.yuyv")
    report = look(FAKECAM_DIR=str(frames))
    assert report["described"] == "camera 0: 640×480 at 30 fps, YUYV (asked for 1280×720 at 30 fps)"
    assert report["frames"] == 8


def test_a_camera_can_be_named_by_its_node(look: Look) -> None:
    assert look("/dev/video0")["name"] == "camera 0"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("unplug", "there is no camera 0 (/dev/video0 does not exist). Plug one in, or try --source demo."),
        (
            "busy",
            "camera 0 (/dev/video0) is in use by another program. Close that one, or try --source demo.",
        ),
        (
            "denied",
            "permission to use camera 0 (/dev/video0) is denied. Join the group it belongs to, most often with "
            "'sudo usermod -aG video $USER', and log in again; or try --source demo.",
        ),
    ],
)
def test_a_camera_that_cannot_be_opened_says_why_in_one_line(look: Look, word: str, message: str) -> None:
    report = look(at_first=word)
    assert report["error"] == message
    assert report["threads"] == []


def test_an_unplugged_camera_is_told_from_one_that_hangs(look: Look) -> None:
    unplugged = look(then="unplug")
    assert unplugged["error"] == "camera 0 was unplugged. Plug it in and start again."
    assert unplugged["frames"] >= 3
    assert unplugged["noticed_after"] < 1
    assert unplugged["threads"] == []


def test_a_camera_that_hangs_is_noticed_within_a_few_seconds(look: Look) -> None:
    hanging = look(then="stall")
    assert hanging["error"] == "camera 0 hangs: no frame for 2 s. Unplug it, plug it in and start again."
    assert hanging["noticed_after"] < 4
    assert hanging["threads"] == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="camera nodes are Linux's")
def test_a_camera_that_is_not_there_names_the_demo() -> None:
    with pytest.raises(SourceError) as error:
        CameraSource(97)
    assert str(error.value) == (
        "there is no camera 97 (/dev/video97 does not exist). Plug one in, or try --source demo."
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="camera nodes are Linux's")
def test_a_name_that_leads_to_no_camera_is_refused() -> None:
    with pytest.raises(SourceError, match=r"there is no camera '/dev/v4l/by-id/none'. Give its number"):
        CameraSource("/dev/v4l/by-id/none")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="camera nodes are Linux's")
def test_a_link_to_a_camera_is_followed(tmp_path: Path) -> None:
    link = tmp_path / "by-id"
    link.symlink_to("/dev/video97")
    with pytest.raises(SourceError, match=r"there is no camera 97 \("):
        CameraSource(str(link))


def test_negative_camera_numbers_are_refused() -> None:
    with pytest.raises(SourceError, match=r"there is no camera -1: cameras are counted from 0\."):
        CameraSource(-1)


def test_each_platform_has_its_own_backends() -> None:
    assert backends("linux") == (cv2.CAP_V4L2,)
    assert backends("darwin") == (cv2.CAP_AVFOUNDATION,)
    assert backends("win32") == (cv2.CAP_MSMF, cv2.CAP_DSHOW)


def test_macos_and_windows_name_the_settings_pane() -> None:
    assert "System Settings > Privacy & Security > Camera" in why_not(0, "darwin")
    assert "Settings > Privacy & security > Camera" in why_not(0, "win32")
    assert "--source demo" in why_not(0, "darwin")
    assert "--source demo" in why_not(0, "win32")


def test_opencv_is_set_up_before_it_is_imported() -> None:
    code = (
        "import live_gradcam, os, sys; assert 'cv2' not in sys.modules;"
        "print(os.environ['OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT'], os.environ['OPENCV_LOG_LEVEL'])"
    )
    told = {**os.environ, "OPENCV_LOG_LEVEL": "DEBUG"}
    told.pop("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", None)
    done = subprocess.run([sys.executable, "-c", code], env=told, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "DEBUG"]
