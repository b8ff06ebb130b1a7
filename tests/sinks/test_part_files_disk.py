"""Little room on the disk: said before a recording, and during it."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from films import at, plain

from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks import part_files
from live_gradcam.sinks.part_files import Disk
from live_gradcam.sinks.recorder import Recorder
from live_gradcam.sinks.sink import SinkGroup

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes are left: the last one of the list."""
    free = [10**12]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, free[-1]))
    monkeypatch.setattr(part_files, "_LOOK_EVERY_SECONDS", 0.0)
    return free


def test_with_room_enough_nothing_is_said(left: list[int], caplog: pytest.LogCaptureFixture) -> None:
    left.append(1_000_000_000)
    watched = Disk(Path(), "out.mp4")
    watched.look()
    assert (watched.notice, caplog.messages) == (None, [])


def test_little_room_is_said_before_and_very_little_room_once_during(
    left: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    left.append(940_000_000)
    watched = Disk(Path(), "out.mp4")
    watched.look()
    assert watched.notice is None
    assert caplog.messages == ["only 940 MB are left on the disk that out.mp4 is recorded to."]
    for free, notice in (
        (199_000_000, "disk nearly full: 199 MB left"),
        (150_000_000, "disk nearly full: 150 MB left"),
        (2_000_000_000, None),  # somebody made room
        (90_000_000, "disk nearly full: 90 MB left"),
    ):
        left.append(free)
        watched.look()
        assert watched.notice == notice
    assert caplog.messages[1:] == [
        "the disk is nearly full: 199 MB are left for the recording out.mp4.",
    ]


def test_a_disk_that_is_gone_is_not_called_full(
    monkeypatch: pytest.MonkeyPatch, left: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    watched = Disk(Path(), "out.mp4")

    def gone(_: object) -> Usage:
        raise FileNotFoundError

    monkeypatch.setattr(shutil, "disk_usage", gone)
    watched.look()
    assert (watched.notice, caplog.messages) == (None, [])
    assert len(left) == 1


def test_the_picture_is_told_while_it_is_recorded(tmp_path: Path, left: list[int]) -> None:
    sinks = SinkGroup()
    recorder = Recorder(tmp_path / "out.mp4", wait=True)
    sinks.add(recorder)
    assert sinks.notice is None
    left.append(120_000_000)
    sinks.write(Rendered(plain(), at(0)))
    sinks.write(Rendered(plain(), at(1)))
    sinks.remove(recorder)
    assert recorder.notice == "disk nearly full: 120 MB left"
    assert recorder.written == [tmp_path / "out.mp4"]
    assert sinks.notice is None
    sinks.remove(recorder)
    assert sinks.failures == []
