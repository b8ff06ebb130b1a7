"""What demo.py runs inside the environment: which arguments reach `live-gradcam`, and which picture is kept."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import av
import numpy as np
import pytest

from live_gradcam.frame import Pixels

SHOW = Path(__file__).parents[2] / "scripts" / "show.py"
NO_DISPLAY = "there is no display: buy one."


def flat(colour: tuple[int, int, int]) -> Pixels:
    return np.full((90, 160, 3), colour, np.uint8)


def with_disc(x: int, colour: tuple[int, int, int]) -> Pixels:
    return np.asarray(cv2.circle(flat((90, 90, 90)), (x, 45), 30, colour, cv2.FILLED), np.uint8)


def write_video(path: Path, pictures: list[Pixels]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())


@pytest.fixture
def show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, on a machine without a display, in an empty folder, beside a `live-gradcam` that listens."""
    spec = importlib.util.spec_from_file_location("show", SHOW)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "find_display", lambda: NO_DISPLAY)
    calls: list[list[str]] = []

    def listen(arguments: list[str]) -> int:
        calls.append(arguments)
        if "demo.mp4" in arguments:
            write_video(Path("demo.mp4"), [flat((90, 90, 90)), *[with_disc(80, (0, 0, 255))] * 3])
        return 0 if "--fail" not in arguments else 1

    monkeypatch.setattr(module, "live_gradcam", listen)
    module.__dict__["calls"] = calls
    return module


def run_show(show: ModuleType, *arguments: str, windowless: str = "") -> list[str]:
    """Return what `live-gradcam` was given."""
    show.main(windowless, list(arguments))
    calls: Any = show.__dict__["calls"]
    assert len(calls) == 1
    return list(calls[0])


RECORDED = ["--no-window", "--duration", "12", "--record", "demo.mp4", "--overwrite"]


def test_without_a_display_the_demo_is_recorded_and_says_where(
    show: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_show(show) == ["live", "--source", "demo", *RECORDED]
    assert capsys.readouterr().out == (
        f"No window: {NO_DISPLAY}\nRecording to demo.mp4 instead.\n"
        f"See {tmp_path / 'demo.mp4'}\nand {tmp_path / 'demo.png'}\n"
    )
    picture = cv2.imread(str(tmp_path / "demo.png"))
    assert picture is not None
    assert picture[45, 80, 2] > 200


def test_with_a_display_nothing_is_recorded(show: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show, "find_display", lambda: None)
    assert run_show(show) == ["live", "--source", "demo"]


def test_an_opencv_without_windows_says_its_own_reason(
    show: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_show(show, windowless="install libGL.") == ["live", "--source", "demo", *RECORDED]
    assert capsys.readouterr().out.startswith("No window: install libGL.\n")


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        (["--source", "0"], ["live", "--source", "0", *RECORDED]),
        (["--source=a.mp4"], ["live", "--source=a.mp4", *RECORDED]),
        (["-s0"], ["live", "-s0", *RECORDED]),
        (["live", "--alpha", "1"], ["live", "--source", "demo", "--alpha", "1", *RECORDED]),
        (
            ["--frames", "9"],
            ["live", "--source", "demo", "--frames", "9", "--no-window", *RECORDED[3:]],
        ),
        (
            ["--record", "x.mp4"],
            ["live", "--source", "demo", "--record", "x.mp4", "--no-window", "--duration", "12"],
        ),
        (["--no-window"], ["live", "--source", "demo", *RECORDED]),
        (["--window"], ["live", "--source", "demo", "--window"]),
        (["models"], ["models"]),
        (["classes", "cat"], ["classes", "cat"]),
        (["--help"], ["--help"]),
        (["live", "-h"], ["live", "-h"]),
    ],
)
def test_what_is_typed_is_passed_on(show: ModuleType, typed: list[str], given: list[str]) -> None:
    assert run_show(show, *typed) == given


def test_a_demo_that_fails_keeps_no_picture(show: ModuleType, tmp_path: Path) -> None:
    assert show.main("", ["--fail"]) == 1
    assert not (tmp_path / "demo.png").exists()


def test_the_picture_is_a_colourful_one_of_a_camera_at_rest(show: ModuleType, tmp_path: Path) -> None:
    moving = [with_disc(x, (255, 0, 0)) for x in (20, 140, 30, 120)]
    dull = [with_disc(80, (60, 110, 60))] * 4
    wanted = [with_disc(80, (0, 200, 255))] * 4
    write_video(tmp_path / "tour.mp4", [*moving, *wanted, *dull])
    picture = show.best_picture(tmp_path / "tour.mp4")
    assert np.abs(picture[45, 80].astype(int) - (0, 200, 255)).max() < 30
