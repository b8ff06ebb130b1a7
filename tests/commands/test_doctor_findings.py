"""What is said of a machine: what was found, and what there is to change about it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from live_gradcam.commands.doctor_findings import (
    Finding,
    fault,
    judge_networks,
    judge_recording,
    judge_space,
    judge_speed,
)
from live_gradcam.config import Settings
from live_gradcam.run_statistics import RunStatistics
from live_gradcam.sources.camera.camera import CameraSource
from live_gradcam.sources.camera.discovery import camera_failure
from live_gradcam.sources.source import Source


class Camera(CameraSource):
    """A camera that promises 30 fps, and of which nothing else is asked."""

    def __init__(self) -> None:
        self.name, self.size, self.fps = "camera 0", (1280, 720), 30.0
        self._feeds: Any = SimpleNamespace(frames_captured=0, notice=None, reconnects=0, measured_fps=None)


class Clip(Camera):
    live = False


class Picture(Clip):
    def __init__(self) -> None:
        self.fps = None


def counted(*, shown: int, explained: int, captured: int, seconds: float = 5.0) -> RunStatistics:
    """The statistics of a loop that reached so many a second."""
    statistics = RunStatistics()
    for index in range(round(shown * seconds) + 1):
        statistics.shown(index / shown, latency_ms=20.0, age_ms=None)
    for index in range(round(explained * seconds) + 1):
        statistics.explained("espresso", index / explained)
    statistics.frames_captured = round(captured * seconds) + 1
    return statistics


def judged(
    statistics: RunStatistics,
    source: Source | None = None,
    *,
    model: str = "efficientnet-lite0",
    slow_method: bool = False,
    windowed: bool = True,
) -> list[Finding]:
    settings = Settings(model=model)
    return list(
        judge_speed(statistics, source or Camera(), settings, windowed=windowed, slow_method=slow_method)
    )


def test_a_loop_that_keeps_up_is_good() -> None:
    (speed,) = judged(counted(shown=30, explained=28, captured=30))
    assert (speed.subject, speed.state, speed.change) == ("speed", "good", "")
    assert speed.text == (
        "30.0 pictures a second, 28.0 of them explained; shown 20 ms after they were taken (95%: 20 ms)"
    )


@pytest.mark.parametrize(
    ("model", "slow_method", "change"),
    [
        (
            "vgg16",
            False,
            "Choose a smaller model, such as --model efficientnet-lite0, or a machine with a GPU.",
        ),
        ("efficientnet-lite0", False, "Close other programs, or choose a machine with a GPU."),
        ("vgg16", True, "Choose a method of one pass: --method gradcam."),
    ],
)
def test_a_slow_network_says_what_is_faster(model: str, slow_method: bool, change: str) -> None:
    statistics = counted(shown=30, explained=8, captured=30)
    (speed,) = judged(statistics, model=model, slow_method=slow_method)
    assert (speed.state, speed.change) == ("fault", change)
    assert "8.0 of them explained" in speed.text


def test_a_picture_that_lags_behind_the_camera_is_a_fault() -> None:
    (speed,) = judged(counted(shown=20, explained=18, captured=30))
    assert (speed.state, speed.change) == ("fault", "Close other programs, or choose a smaller --size.")


def test_a_camera_in_the_dark_is_told_and_the_loop_is_not_blamed_for_it() -> None:
    camera, speed = judged(counted(shown=11, explained=11, captured=11))
    assert (camera.subject, camera.state) == ("camera", "fault")
    assert camera.text == "it gives 11 of the 30 pictures a second that it promised"
    assert camera.change == "Give it more light, another USB port, or less to do: --size 640x480."
    assert speed.state == "good"


def test_a_loop_that_the_viewer_ended_at_once_tells_nothing() -> None:
    (speed,) = judged(counted(shown=30, explained=30, captured=30, seconds=0.5))
    assert (speed.state, speed.text) == ("fault", "it ended after 0.5 s, too early to tell")


def test_files_have_a_pace_to_keep_in_a_window_only_and_pictures_none() -> None:
    slow = counted(shown=5, explained=5, captured=5)
    assert [each.state for each in judged(slow, Clip(), windowed=False)] == ["good"]
    assert "fault" in [each.state for each in judged(slow, Clip())]
    assert [each.state for each in judged(slow, Picture())] == ["good"]


@pytest.mark.parametrize(
    ("dropped", "state", "text"),
    [
        (0, "good", "150 pictures recorded at 4.0 Mbit/s, none left out"),
        (2, "good", "148 pictures recorded at 4.0 Mbit/s, 2 left out"),
        (30, "fault", "120 pictures recorded at 4.0 Mbit/s, 30 left out"),
    ],
)
def test_an_encoder_that_leaves_out_pictures_is_told(dropped: int, state: str, text: str) -> None:
    found = judge_recording(150, dropped, 500_000)
    assert (found.subject, found.state, found.text) == ("encoder", state, text)


@pytest.mark.parametrize(
    ("free", "state", "text"),
    [
        (270_000_000, "fault", "0.3 GB free in shows: 9 minutes of recording"),
        (1_500_000_000, "good", "1.5 GB free in shows: 50 minutes of recording"),
        (90_000_000_000, "good", "90.0 GB free in shows: 50 hours of recording"),
    ],
)
def test_the_space_is_told_as_time(free: int, state: str, text: str) -> None:
    found = judge_space(Path("shows"), free, 500_000)
    assert (found.subject, found.state, found.text) == ("disk", state, text)


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_no_camera_is_one_line_with_what_to_do_on_the_platform(platform: str) -> None:
    found = fault("camera", camera_failure(77, platform))
    assert "camera 77" in found.text
    assert "demo" not in found.text
    assert found.change.endswith("--source demo.")
    assert found.change[0].isupper()


def test_a_message_without_a_remedy_of_its_own_is_told_whole() -> None:
    assert fault("display", "what is it").change == "What is it"


def test_a_network_keeps_up_if_it_explains_a_frame_before_the_next_comes() -> None:
    found = judge_networks({"small": 5.2, "middle": 40.0, "large": 40.1, "new": None}, 25.0)
    assert found == Finding(
        "networks",
        "good",
        "small keeps up with 25 frames a second (5 ms); middle keeps up with 25 frames a second (40 ms); large does "
        "not keep up with 25 frames a second (40 ms); new was not measured: start `live-gradcam --model new` once",
    )
    assert "(5 ms)" in judge_networks({"small": 5.2}, 29.97).text
