from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from networks import colour_network

from live_gradcam.archive.annotate_job import ArchiveFile, Outcome
from live_gradcam.archive.annotate_settings import AnnotateSettings
from live_gradcam.archive.file_worker import PICTURES_AT_ONCE, FileWorker, file_groups
from live_gradcam.archive.inputs import find_entries
from live_gradcam.archive.record import read_rows
from live_gradcam.sinks.encoder import Encoder


@pytest.fixture(scope="module")
def network() -> Any:
    return colour_network()


def entries(tmp_path: Path, *names: str) -> list[ArchiveFile]:
    for name in names:
        (tmp_path / name).touch()
    return find_entries([str(tmp_path / name) for name in names], tmp_path / "out")[0]


def test_pictures_are_done_many_at_once_and_videos_one_by_one(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(PICTURES_AT_ONCE + 1)]
    groups = file_groups(entries(tmp_path, "a.mp4", *names, "b.mkv"))
    assert [[entry.name for entry in group] for group in groups] == [
        names[:-1],
        names[-1:],
        ["a.mp4"],
        ["b.mkv"],
    ]


def test_a_lock_follows_the_frames_one_by_one_and_lets_go_at_the_next_file(
    tmp_path: Path, network: Any
) -> None:
    settings = AnnotateSettings(model=network, preprocess="unit", target="lock", batch=8)
    worker = FileWorker(settings, size=(64, 48), frames=20)
    assert worker.batch == 1
    targets = []
    for name, colour in (("red.mp4", (0, 0, 255)), ("blue.mp4", (255, 0, 0))):
        (entry,) = entries(tmp_path, name)
        encoder = Encoder(entry.source, "file")
        for index in range(3):
            encoder.encode(np.full((48, 64, 3), colour, np.uint8), index / 25)
        encoder.finish()
        worker.annotate([entry], advance=lambda _: None, ended=lambda _: None)
        targets.append([row["target"] for row in read_rows(entry.record)])
    photos = entries(tmp_path, "blue.png", "red.png")
    for entry, colour in zip(photos, ((255, 0, 0), (0, 0, 255)), strict=True):
        cv2.imwrite(str(entry.source), np.full((48, 64, 3), colour, np.uint8))
    worker.annotate(photos, advance=lambda _: None, ended=lambda _: None)
    targets.append([row["target"] for entry in photos for row in read_rows(entry.record)])
    # Held on to, the first file's class would have lasted for five frames of the second.
    assert targets == [["class 0"] * 3, ["class 1"] * 3, ["class 1", "class 0"]]


def test_an_error_that_nobody_foresaw_ends_one_file_and_is_named(
    tmp_path: Path, network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr("live_gradcam.archive.file_worker.annotate_video", broken)
    worker = FileWorker(AnnotateSettings(model=network, preprocess="unit"), size=(64, 48), frames=3)
    outcomes: list[Outcome] = []
    worker.annotate(entries(tmp_path, "a.mp4"), advance=lambda _: None, ended=outcomes.append)
    assert [str(outcome.failure) for outcome in outcomes] == [
        "a.mp4: unexpected ZeroDivisionError: by nothing"
    ]
