"""What a run says of its end is true of each kind of source, with and without a window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import pytest
from networks import picture

from live_gradcam.config import Settings
from live_gradcam.live.run_setup import how_it_ends
from live_gradcam.pipeline import run
from live_gradcam.sources.opening import open_source

KEYS = "h in the window shows the keys; q ends it"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two").mkdir()
    film = cv2.VideoWriter("film.avi", cv2.VideoWriter.fourcc(*"MJPG"), 10, (32, 32))
    for number in range(2):
        cv2.imwrite(f"two/{number}.png", picture(32, 32, number))
        film.write(picture(32, 32, number))
    film.release()
    return tmp_path


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("source", "chosen", "without", "windowed"),
    [
        ("demo", {}, "Ctrl-C ends it", KEYS),
        ("demo", {"frames": 1}, "Ctrl-C ends it; else it ends after 1 explained frame", ...),
        ("demo", {"frames": 30, "duration": 2.5}, "… after 30 explained frames or after 2.5 s", ...),
        ("two/0.png", {}, "", KEYS),
        ("two/0.png", {"record": "out.mp4"}, "", KEYS),
        ("two/0.png", {"duration": 5}, "", f"{KEYS}; else it ends after 5 s"),
        ("two", {}, "Ctrl-C ends it; else it ends after the last picture", KEYS),
        (
            "two",
            {"record": "out.mp4"},
            "… after the last picture",
            f"{KEYS}; else it ends after the last picture",
        ),
        ("film.avi", {}, "Ctrl-C ends it; else it ends with the film", f"{KEYS}; else it ends with the film"),
        ("film.avi", {"duration": 1}, "Ctrl-C ends it; else it ends after 1 s or with the film", ...),
    ],
)
def test_it_is_told_who_ends_a_run_and_when_it_ends_by_itself(
    source: str, chosen: dict[str, Any], without: str, windowed: str | Any
) -> None:
    settings = Settings(source=source, **chosen)
    without = without.replace("… ", "Ctrl-C ends it; else it ends ")
    with open_source(source) as opened:
        assert how_it_ends(settings, opened, windowed=False) == without
        expected = without.replace("Ctrl-C ends it", KEYS) if windowed is ... else windowed
        assert how_it_ends(settings, opened, windowed=True) == expected


@pytest.mark.usefixtures("files")
def test_a_photo_without_a_window_is_not_said_to_wait_for_ctrl_c() -> None:
    said: list[str] = []
    small: dict[str, Any] = {
        "model": "networks:flattened_network",
        "preprocess": "unit",
        "engine": "tensorflow",
    }
    run(source="two/0.png", window=False, record="out.mp4", tell=said.append, **small)
    assert said
    assert not [line for line in said if "Ctrl-C" in line]
