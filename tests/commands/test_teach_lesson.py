"""`teach --lesson`: what is refused before anything loads, and which source and guide a run gets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from live_gradcam import pipeline
from live_gradcam.cli import main
from live_gradcam.config import Settings
from live_gradcam.sources.source import Source
from live_gradcam.teach.lesson_guide import LessonGuide


def test_a_lesson_begins_with_nothing_taught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mug-examples").mkdir()
    assert main(["teach", "--source", "demo", "--lesson", "--out", "mug.keras"]) == 1
    assert capsys.readouterr().err == (
        "live-gradcam: mug-examples exists already, and the lesson begins with nothing taught. "
        "Choose another --out, or remove that folder.\n"
    )


def test_a_lesson_from_folders_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mug", "cup"):
        Path("photos", name).mkdir(parents=True)
        cv2.imwrite(f"photos/{name}/1.png", np.zeros((8, 8, 3), np.uint8))
    assert main(["teach", "photos", "--lesson"]) == 1
    assert (
        "--lesson needs a window and a camera, and photos is a folder of pictures" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "typed", [["--source", "demo", "--size", "320x240"], ["demo", "--size", "320x240"], ["3"]]
)
def test_the_demo_plays_the_lesson_and_a_camera_leaves_it_to_the_viewer(
    typed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []

    def noted(
        settings: Settings,
        say: Callable[[str], None],
        teach: object,
        *,
        lesson: LessonGuide,
        open_source: Callable[[Settings], Source] | None = None,
    ) -> None:
        del say, teach
        source: Any = None if open_source is None else open_source(settings)
        runs.append((lesson.line(), None if source is None else (source.name, source.size)))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline, "run_with", noted)
    assert main(["teach", *typed, "--lesson"]) == 0
    ((line, opened),) = runs
    if "3" in typed:
        assert opened is None
        assert "your first thing in front of the first background" in line
    else:
        assert opened == ("lesson", (320, 240))
        assert "your first" not in line
