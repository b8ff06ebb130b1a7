"""The examples run as their first lines say."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

import live_gradcam as lg
from live_gradcam.frame import Pixels

EXAMPLES = Path(__file__).parent.parent / "examples"
TESTED = {
    "ask_the_endpoint.py",
    "compare_two_networks.py",
    "contact_sheet.py",
    "explain_a_photo.py",
    "own_camera.py",
    "own_network.py",
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


def test_the_pictures_of_another_camera_are_explained(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    run("own_camera.py", out)
    film = cv2.VideoCapture(str(out))
    assert (film.get(cv2.CAP_PROP_FRAME_COUNT), film.get(cv2.CAP_PROP_FRAME_WIDTH)) == (30, 640)
    film.release()


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
