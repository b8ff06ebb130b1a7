from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from live_gradcam.archive.inputs import find_entries
from live_gradcam.errors import SourceError
from live_gradcam.sources.file_listing import numbered_files
from live_gradcam.sources.opening import open_source
from live_gradcam.sources.slides import ImagesSource


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "f_0002.png",
        "f_0010.png",
        "f_0001.png",
        "f_12345.png",
        "f_3.png",
        "f_0004.txt",
        "100% 7.png",
    ):
        cv2.imwrite(str(tmp_path / f"{Path(name).stem}.png"), np.zeros((20, 30, 3), np.uint8))
        (tmp_path / f"{Path(name).stem}.png").rename(tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("f_%04d.png", ["f_0001.png", "f_0002.png", "f_0010.png", "f_12345.png"]),
        ("f_%d.png", ["f_3.png", "f_12345.png"]),
        ("f_%03d.png", ["f_12345.png"]),
        ("100%% %d.png", ["100% 7.png"]),
        ("f_0001.png", []),
        ("f_%s.png", []),
        ("%d_%d.png", []),
        ("nowhere/%d.png", []),
    ],
)
def test_a_pattern_stands_for_the_files_with_its_numbers_in_their_order(
    folder: Path, pattern: str, names: list[str]
) -> None:
    assert [file.name for file in numbered_files(folder / pattern)] == names


def test_a_pattern_opens_as_pictures(folder: Path) -> None:
    with open_source(str(folder / "f_%04d.png")) as source:
        assert isinstance(source, ImagesSource)
        assert source.name == "f_%04d.png"
        assert len(list(source)) == 4
    entries, failures = find_entries([str(folder / "f_%04d.png")], folder / "out")
    assert [entry.name for entry in entries] == ["f_0001.png", "f_0002.png", "f_0010.png", "f_12345.png"]
    assert failures == []


def test_a_file_that_has_the_name_itself_comes_first(folder: Path) -> None:
    (folder / "f_3.png").rename(folder / "f_%04d.png")
    with open_source(folder / "f_%04d.png") as source:
        assert len(list(source)) == 1


def test_a_pattern_that_matches_nothing_is_no_file(folder: Path) -> None:
    with pytest.raises(SourceError, match=r"^there is no file '.*g_%04d\.png'\."):
        open_source(folder / "g_%04d.png")
