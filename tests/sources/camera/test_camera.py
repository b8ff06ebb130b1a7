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
import numpy as np
import pytest
from fakecam.webcam import PretendWebcam

from live_gradcam.errors import SettingsError, SourceError
from live_gradcam.sources.camera.camera import CameraSource
from live_gradcam.sources.camera.camera_feed import backends, decode_jpeg
from live_gradcam.sources.camera.discovery import camera_failure

LOOK = """
import json, sys, threading, time
from live_gradcam.errors import SourceError
from live_gradcam.sources.opening import open_source

spec, asked = sys.argv[1], json.loads(sys.argv[2])
if "size" in asked:
    asked["size"] = tuple(asked["size"])
report = {"frames": 0, "error": None, "described": None, "ages_ms": []}
try:
    with open_source(spec, **asked) as source:
        report["described"] = source.describe()
        report["size"], report["fps"], report["name"] = source.size, source.fps, source.name
        for frame in source:
            report["ages_ms"].append(1000 * (time.monotonic() - frame.captured_at))
            report["frames"] += 1
            report["mean"] = float(frame.pixels.mean())
            if report["frames"] == 8:
                break
except SourceError as error:
    report["error"] = str(error)
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

    def run(
        spec: str = "0", *, word: str = "plug", asked: dict[str, Any] | None = None, **extra: str
    ) -> dict[str, Any]:
        control = tmp_path / "control"
        control.write_text(word)
        done = subprocess.run(
            [sys.executable, "-c", LOOK, spec, json.dumps(asked or {})],
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
    suite = Path(__file__).parents[1] / "test_contract.py"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "pytest_timeout",
            "-k",
            "camera]",
            str(suite),
        ],
        # The other plugins, which this suite does not need, take long to load.
        env={**webcam.environment(), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
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


def test_a_size_and_a_rate_can_be_asked_for(look: Look) -> None:
    report = look(asked={"size": [640, 480], "fps": 60}, FAKECAM_FPS="60")
    assert report["described"] == "camera 0: 640×480 at 60 fps, MJPG"
    assert report["size"] == [640, 480]
    report = look(asked={"size": [1920, 1080]})
    assert report["described"] == "camera 0: 1280×720 at 30 fps, MJPG (asked for 1920×1080 at 30 fps)"


def test_small_pictures_are_asked_for_uncompressed_while_that_is_as_fast(look: Look) -> None:
    report = look(asked={"size": [640, 480]}, FAKECAM_FPS="60")
    assert report["described"] == "camera 0: 640×480 at 30 fps, YUYV"
    assert report["frames"] == 8


def test_a_camera_without_compressed_pictures_gives_small_ones_unless_large_ones_were_asked_for(
    look: Look, webcam: PretendWebcam, tmp_path: Path
) -> None:
    frames = tmp_path / "raw only"
    frames.mkdir()
    for size in ("640x480", "1280x720"):
        (frames / f"frames-{size}.yuyv").symlink_to(webcam.frames / f"frames-{size}.yuyv")
    report = look(FAKECAM_DIR=str(frames))
    assert report["described"] == "camera 0: 640×480 at 30 fps, YUYV (asked for 1280×720 at 30 fps)"
    assert report["frames"] == 8
    report = look(FAKECAM_DIR=str(frames), asked={"size": [1280, 720]})
    assert report["described"] == "camera 0: 1280×720 at 10 fps, YUYV (asked for 1280×720 at 30 fps)"


def test_a_camera_can_be_named_by_a_part_of_its_name(look: Look) -> None:
    assert look("camera:pretend")["described"] == "camera 0: 1280×720 at 30 fps, MJPG"
    assert look("camera:Logitech")["error"] == (
        "there is no camera called 'Logitech'. There is 'Pretend Webcam' (--source 0)."
    )
    assert look("camera:Logitech", word="unplug")["error"] == (
        "there is no camera called 'Logitech': there is none at all. Try --source demo."
    )


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
    report = look(word=word)
    assert report["error"] == message
    assert report["threads"] == []


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


def test_damaged_jpegs_are_told_from_whole_ones(capfd: pytest.CaptureFixture[str]) -> None:
    picture = np.random.default_rng(1).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    jpeg = np.asarray(cv2.imencode(".jpg", picture)[1], np.uint8).reshape(1, -1)
    overwritten = jpeg.copy()
    overwritten[:, : jpeg.size // 8] = 0
    for damaged in (jpeg[:, : jpeg.size // 2], overwritten, jpeg[:, :1], jpeg[:, :0]):
        assert decode_jpeg(np.ascontiguousarray(damaged)) is None
    whole = decode_jpeg(np.hstack([jpeg, np.zeros((1, 2000), np.uint8)]))  # as drivers pad them
    assert whole is not None
    assert whole.shape == (48, 64, 3)
    assert capfd.readouterr().err == ""


def test_what_libjpeg_says_of_damage_that_it_patched_up_stays_off_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    picture = np.random.default_rng(1).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    jpeg = np.asarray(cv2.imencode(".jpg", picture)[1], np.uint8).reshape(-1)
    torn = np.concatenate([jpeg[: jpeg.size // 2], jpeg[jpeg.size // 2 + 300 :]])
    cv2.imdecode(torn, cv2.IMREAD_COLOR)
    assert "Corrupt JPEG data" in capfd.readouterr().err
    assert decode_jpeg(torn) is not None
    assert capfd.readouterr().err == ""


def test_each_platform_has_its_own_backends() -> None:
    assert backends(platform="linux") == (cv2.CAP_V4L2,)
    assert backends(platform="darwin") == (cv2.CAP_AVFOUNDATION,)
    assert backends(platform="win32") == (cv2.CAP_MSMF, cv2.CAP_DSHOW)
    assert backends("dshow", "win32") == (cv2.CAP_DSHOW,)
    assert backends("any", "linux") == (cv2.CAP_ANY,)
    with pytest.raises(SettingsError) as error:
        backends("dshow", "linux")
    assert str(error.value) == "unknown camera backend 'dshow'. Valid: any, v4l2."


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"size": (0, 720)},
            "the camera's size is 0×720: both must be at least 1, as in 1280x720.",
        ),
        ({"fps": -3.0}, "the camera's rate is -3 fps: it must be more than 0 and less than 1000."),
        ({"backend": "qt"}, "unknown camera backend 'qt'. "),
    ],
)
def test_what_makes_no_sense_is_not_asked_of_a_camera(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as error:
        CameraSource(0, **asked)
    assert str(error.value).startswith(message)


def test_macos_and_windows_name_the_settings_pane() -> None:
    assert "System Settings > Privacy & Security > Camera" in camera_failure(0, "darwin")
    assert "Settings > Privacy & security > Camera" in camera_failure(0, "win32")
    assert "--source demo" in camera_failure(0, "darwin")
    assert "--source demo" in camera_failure(0, "win32")


def test_opencv_is_set_up_before_it_is_imported() -> None:
    code = (
        "import live_gradcam, os, sys; assert 'cv2' not in sys.modules;"
        "print(os.environ['OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT'], os.environ['OPENCV_LOG_LEVEL'])"
    )
    told = {**os.environ, "OPENCV_LOG_LEVEL": "DEBUG"}
    told.pop("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", None)
    done = subprocess.run([sys.executable, "-c", code], env=told, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "DEBUG"]
