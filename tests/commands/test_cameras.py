from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fakecam.webcam import PretendWebcam

from live_gradcam.commands.cameras import cameras
from live_gradcam.sources.camera import discovery as camera_names
from live_gradcam.sources.camera.discovery import CameraName

LIST = "from live_gradcam.commands.cameras import cameras; cameras()"
NONE = "No camera found. Plug one in, or try the demo: live-gradcam --source demo\n"


@pytest.fixture
def listed(webcam: PretendWebcam, tmp_path: Path) -> Callable[[str], str]:
    """What is listed where the pretend webcam is in this state."""

    def run(word: str) -> str:
        control = tmp_path / "control"
        control.write_text(word)
        done = subprocess.run(
            [sys.executable, "-c", LIST],
            env={**webcam.environment(control=control), "COLUMNS": "100"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    return run


def test_a_camera_is_listed_with_what_it_can_do_and_what_to_type(listed: Callable[[str], str]) -> None:
    assert listed("plug").splitlines() == [
        "0  Pretend Webcam  /dev/video0",
        "   YUYV  640×480 at 30, 1280×720 at 10 fps",
        "   MJPG  640×480 at 30, 1280×720 at 30 fps",
        '   live-gradcam --source 0   or   --source "camera:Pretend Webcam"',
    ]


def test_without_a_camera_the_demo_is_named(listed: Callable[[str], str]) -> None:
    assert listed("unplug") == NONE


def test_a_camera_that_may_not_be_used_is_listed_with_the_reason(listed: Callable[[str], str]) -> None:
    said = " ".join(listed("denied").split())
    assert said.startswith(
        "0 camera 0 /dev/video0 permission to use camera 0 (/dev/video0) is denied. Join the group"
    )


def test_cameras_of_one_name_are_told_apart_by_number_and_a_system_that_tells_no_formats_is_fine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    twins = tuple(CameraName(number, "HD Webcam", f"usb#{number}", "046d:082d") for number in (0, 1))
    monkeypatch.setattr(camera_names, "list_cameras", lambda _: twins)
    monkeypatch.setattr("live_gradcam.commands.cameras.sys.platform", "win32")
    cameras()
    assert capsys.readouterr().out.splitlines() == [
        "0  HD Webcam  usb#0  046d:082d",
        "   live-gradcam --source 0",
        "1  HD Webcam  usb#1  046d:082d",
        "   live-gradcam --source 1",
    ]
