"""Snapshots: three PNGs, read back to the last value, with all that made them in their text."""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from fakes import explained, uneven
from films import files, not_root
from limits import until
from PIL import Image

from live_gradcam import __version__
from live_gradcam.errors import SinkError
from live_gradcam.escaping import Json
from live_gradcam.frame import Frame
from live_gradcam.heatmap import over_region
from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks.snapshot import Snapshot, Snapshots, heat_of_frame, snapshot_files, write_snapshot

ABOUT: dict[str, Json] = {"model": "lenet", "settings": {"target": "Ägyptische Katze"}}


def shown(index: int = 0) -> Rendered:
    random = np.random.default_rng(index)
    frame = Frame(random.integers(0, 256, (90, 160, 3), np.uint8), index, captured_at=1000.0)
    picture = random.integers(0, 256, (90, 160, 3), np.uint8)
    return Rendered(picture, frame, explained((35, 5, 80, 80)), uneven(), 12.0)


def values(path: Path) -> npt.NDArray[Any]:
    """What OpenCV, a reader of other make, finds in a PNG."""
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return np.asarray(found)


def text_of(path: Path) -> dict[str, Any]:
    with Image.open(path) as image:
        image.load()
        return {str(key): value for key, value in image.info.items()}


def test_picture_frame_and_heat_come_back_as_they_were(tmp_path: Path) -> None:
    seen = shown()
    write_snapshot(seen, tmp_path / "cat.png", ABOUT)
    assert files(tmp_path) == ["cat.frame.png", "cat.heat.png", "cat.png"]
    assert np.array_equal(values(tmp_path / "cat.png"), seen.pixels)
    assert np.array_equal(values(tmp_path / "cat.frame.png"), seen.frame.pixels)
    heat = values(tmp_path / "cat.heat.png")
    assert (str(heat.dtype), heat.shape) == ("uint16", (90, 160))
    assert heat[5:85, 35:115] / 65535 == pytest.approx(over_region(uneven(), (80, 80)), abs=1e-5)
    outside = heat.copy()
    outside[5:85, 35:115] = 0
    assert not outside.any()
    assert heat.max() > 60_000


def test_the_text_says_why_there_is_no_test_of_the_heat(tmp_path: Path) -> None:
    for untested in ("", "no test: there is no heat"):
        write_snapshot(replace(shown(), untested=untested), tmp_path / "cat.png", ABOUT)
        made_by = json.loads(text_of(tmp_path / "cat.png")["live_gradcam"])
        assert made_by.get("untested", "") == untested


def test_the_text_of_each_says_how_it_was_made(tmp_path: Path) -> None:
    write_snapshot(shown(3), tmp_path / "cat.png", ABOUT)
    for file in snapshot_files(tmp_path / "cat.png"):
        text = text_of(file)
        assert text["Software"] == f"live_gradcam {__version__}"
        assert text["Description"] == "Egyptian cat 62%"
        assert text["Creation Time"][:2] == "20"
        said = json.loads(text["live_gradcam"])
        assert (said["model"], said["settings"]) == ("lenet", {"target": "Ägyptische Katze"})
        assert (said["index"], said["target"], said["latency_ms"]) == (3, "Egyptian cat", 12.0)
        assert len(said["heat_box"]) == 4


def test_without_an_explanation_the_heat_is_black(tmp_path: Path) -> None:
    frame = Frame(np.full((9, 16, 3), 7, np.uint8), 0, 0.0)
    nothing_yet = Rendered(frame.pixels, frame)
    assert not heat_of_frame(nothing_yet).any()
    write_snapshot(nothing_yet, tmp_path / "cat.png", {})
    assert "Description" not in text_of(tmp_path / "cat.png")


def test_at_the_end_the_newest_picture_is_saved(tmp_path: Path) -> None:
    with Snapshot(tmp_path / "cat.png", about=lambda: ABOUT) as snapshot:
        for index in range(3):
            snapshot.write(shown(index))
        assert files(tmp_path) == []
    assert snapshot.written == [tmp_path / "cat.png"]
    assert json.loads(text_of(tmp_path / "cat.png")["live_gradcam"])["index"] == 2


@pytest.mark.parametrize("taken", ["cat.png", "cat.frame.png", "cat.heat.png"])
def test_existing_files_are_only_replaced_on_request(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("precious")
    with pytest.raises(SinkError, match=rf"'.*{taken}' exists\. Choose another name, or use --overwrite\."):
        Snapshot(tmp_path / "cat.png")
    assert (tmp_path / taken).read_text() == "precious"
    with Snapshot(tmp_path / "cat.png", overwrite=True) as snapshot:
        snapshot.write(shown())
    assert files(tmp_path) == ["cat.frame.png", "cat.heat.png", "cat.png"]


def test_what_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"the name must end in \.png\."):
        Snapshot(tmp_path / "cat.jpg")
    with pytest.raises(SinkError, match=r"there is no folder '.*nowhere'\. Make it first\."):
        Snapshot(tmp_path / "nowhere" / "cat.png")


def until_said(notice: str, snapshots: Snapshots) -> None:
    until(lambda: (snapshots.notice or "").startswith(notice), notice)


def test_a_key_saves_snapshots_named_by_date_and_time(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with Snapshots(lambda: ABOUT, tmp_path) as snapshots:
        assert snapshots.notice is None
        for index in range(3):
            snapshots.take(shown(index))
        until_said("saved snapshot-20", snapshots)
    assert set(threading.enumerate()) <= before
    assert len(files(tmp_path)) == 9
    assert [json.loads(text_of(path)["live_gradcam"])["index"] for path in snapshots.written] == [0, 1, 2]
    assert all(path.name.startswith("snapshot-20") for path in snapshots.written)


def test_snapshots_that_cannot_be_written_are_told_and_the_show_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Snapshots(lambda: ABOUT, tmp_path / "nowhere") as snapshots:
        snapshots.take(shown())
        until_said("the snapshot cannot be written", snapshots)
    (told,) = caplog.messages
    assert told.endswith("cannot be written: No such file or directory. Choose a place where you may write.")
    assert snapshots.written == []


def test_a_bug_in_what_is_told_of_a_run_comes_through(tmp_path: Path) -> None:
    def broken() -> dict[str, Any]:
        raise ZeroDivisionError("about")

    snapshots = Snapshots(broken, tmp_path)
    snapshots.take(shown())
    with pytest.raises(ZeroDivisionError, match="about"):
        snapshots.close()
    snapshots.close()


@pytest.mark.skipif(sys.platform == "win32", reason="only on Unix: permissions are bits there")
def test_a_folder_without_the_right_to_write_is_told_at_the_end(tmp_path: Path) -> None:
    snapshot = Snapshot(tmp_path / "cat.png")
    snapshot.write(shown())
    tmp_path.chmod(0o500)
    try:
        with (
            not_root(),
            pytest.raises(SinkError, match=r"cannot be written: Permission denied\. Choose a place"),
        ):
            snapshot.close()
    finally:
        tmp_path.chmod(0o700)
    snapshot.close()
    assert files(tmp_path) == []
