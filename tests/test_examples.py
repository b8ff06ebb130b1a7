"""The examples run as their first lines say."""

from __future__ import annotations

import json
import re
import runpy
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from installed import Install, write_package
from networks import stage_network

import live_gradcam as lg
from live_gradcam.frame import Pixels

EXAMPLES = Path(__file__).parent.parent / "examples"
TESTED = {
    "ask_the_endpoint.py",
    "compare_two_networks.py",
    "contact_sheet.py",
    "explain_a_photo.py",
    "own_method.py",
    "own_network.py",
    "own_sink.py",
    "own_source.py",
}


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = pytest.importorskip("skimage.data", reason="only where scikit-image is installed")
    path = tmp_path_factory.mktemp("photo") / "cup.png"
    cv2.imwrite(str(path), data.coffee()[..., ::-1])
    return path


@pytest.fixture(autouse=True)
def arguments_are_as_before() -> Iterator[None]:
    before = sys.argv
    yield
    sys.argv = before


def run(example: str, *arguments: object) -> None:
    sys.argv = [example, *map(str, arguments)]
    runpy.run_path(str(EXAMPLES / example), run_name="__main__")


def read(path: Path) -> Pixels:
    return np.asarray(cv2.imread(str(path)), np.uint8)


def test_every_example_is_tested_and_stands_in_the_reference() -> None:
    found = {path.name for path in EXAMPLES.glob("*.py")}
    assert found == TESTED
    page = (EXAMPLES.parent / "docs" / "api.md").read_text("utf-8")
    assert {name for name in found if f"| `{name}` |" not in page} == set()


def test_a_photo_is_explained(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "explained.png"
    run("explain_a_photo.py", photo, out)
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("espresso ")
    image = read(photo)
    explanation = lg.Explainer(lg.load_model("efficientnet-lite0")).explain(image)
    np.testing.assert_array_equal(read(out), lg.draw(image, explanation, bars=True))


@pytest.mark.runs
def test_a_folder_becomes_a_contact_sheet(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "photos", tmp_path / "sheet.png"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.png").write_bytes(photo.read_bytes())
    (folder / "notes.txt").write_text("no picture")
    run("contact_sheet.py", folder, out)
    sheet = read(out)
    assert sheet.shape == (640, 1280, 3)
    np.testing.assert_array_equal(sheet[:320, :320], sheet[320:, :320])
    assert not sheet[320:, 320:].any()
    assert "notes.txt is no picture" in capsys.readouterr().err
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(SystemExit, match="there is no picture in"):
        run("contact_sheet.py", empty, out)


def test_a_network_of_ones_own_is_explained(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "explained.png"
    run("own_network.py", photo, out)
    assert "giraffe at parts: a map of (23, 23)" in capsys.readouterr().out
    assert read(out).shape == read(photo).shape


@pytest.mark.runs
def test_a_camera_with_an_sdk_of_its_own_is_recorded(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    run("own_source.py", out)
    film = cv2.VideoCapture(str(out))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) >= 10
    assert film.get(cv2.CAP_PROP_FRAME_WIDTH) == 640
    film.release()


@pytest.mark.runs
def test_a_sink_of_ones_own_notes_the_class_on_top(photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "diary.txt"
    run("own_sink.py", photo, out)
    assert out.read_text("utf-8") == "frame 0: espresso\n"


@pytest.mark.runs
def test_a_method_of_ones_own_explains_a_photo(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "explained.png"
    run("own_method.py", photo, out)
    assert "espresso, explained by positive" in capsys.readouterr().out
    assert read(out).shape == read(photo).shape


def test_the_package_adds_a_source_a_sink_and_a_method(tmp_path: Path, install: Install) -> None:
    folder = EXAMPLES / "plugin"
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    code = (folder / "live_gradcam_example.py").read_text("utf-8")
    write_package(
        install("other-one", ""), project["name"], code, project["entry-points"], project["version"]
    )
    diary = tmp_path / "diary.txt"
    settings: dict[str, Any] = {"window": False, "frames": 3, "fit": "stretch"}
    done = lg.run(
        source="pretend:64",
        sinks=[f"diary:{diary}"],
        method="positive",
        model=stage_network(),
        labels=["a", "b", "c", "d", "e", "f"],
        **settings,
    )
    assert done.failures == []
    assert (done.source, done.method, done.statistics.frames_explained) == ("pretended camera", "positive", 3)
    lines = diary.read_text("utf-8").splitlines()
    assert lines
    assert all(re.fullmatch(r"frame \d+: [a-f]", line) for line in lines)
    assert not any(thread.name.startswith(("pretended", "the sink")) for thread in threading.enumerate())


@pytest.mark.runs
def test_two_networks_stand_side_by_side(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "both.png"
    run("compare_two_networks.py", photo, out, "efficientnet-lite0", "efficientnet-lite0")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("efficientnet-lite0: espresso ")
    assert first == second
    left, right = np.hsplit(read(out), 2)
    np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("token", [None, "secret"])
def test_a_program_asks_the_endpoint(
    photo: Path, capsys: pytest.CaptureFixture[str], token: str | None
) -> None:
    from served import Served, small_service

    with Served(small_service(), token=token) as served:
        link = served.url() + ("" if token is None else f"#token={token}")
        run("ask_the_endpoint.py", link, photo)
    said = json.loads(capsys.readouterr().out)
    assert said["task"] == "classes"
    assert {each["label"] for each in said["top"]} <= {"red", "green", "blue", "grey"}
