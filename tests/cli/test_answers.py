"""Networks that are no classifiers, on the command line: picture, sidecar, table and statistics."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
from networks import headed_network
from PIL import Image

from live_gradcam.cli import main


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    noise = np.random.default_rng(3).integers(0, 256, (120, 160, 3), np.uint8)
    (tmp_path / "photos").mkdir()
    path = tmp_path / "photos" / "photo.png"
    cv2.imwrite(str(path), noise)
    return path


def saved(tmp_path: Path, network: Any) -> str:
    path = tmp_path / "model.keras"
    network.save(path)
    return str(path)


def age_network(tmp_path: Path) -> tuple[str, Any]:
    network = headed_network(
        1, activation="relu", name="age_years", bias_initializer=keras.initializers.Constant(30.0)
    )
    return saved(tmp_path, network), network


def said_of(network: Any, photo: Path) -> float:
    image = np.asarray(cv2.imread(str(photo)), np.uint8)[:, 20:140, ::-1]
    small = cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA)
    return float(network(small[None].astype(np.float32) / 255)[0, 0])


def test_an_age_is_a_number_of_years_in_picture_text_table_and_statistics(
    photo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, network = age_network(tmp_path)
    picture, stats = tmp_path / "age.png", tmp_path / "stats.json"
    typed = ("--source", str(photo), "--model", model, "--preprocess", "unit", "--no-window", "--frames", "1")
    assert main((*typed, "--snapshot", str(picture), "--stats", str(stats))) == 0
    told = capfd.readouterr()
    assert "1 frame explained: age [years] 3" in told.out
    assert "%" not in told.out + told.err
    report = json.loads(stats.read_text("utf-8"))
    age = report["values"]["age [years]"]["mean"]
    assert age == pytest.approx(said_of(network, photo), abs=0.2)  # the fit may sample pixels otherwise
    assert report["top"] == {}
    with Image.open(picture) as opened:
        text: Any = opened.info
    assert text["Description"].startswith("age 3")
    assert text["Description"].endswith(" years")
    row = json.loads(text["live_gradcam"])
    assert (row["top"], row["target"]) == ([], "age")
    assert row["values"] == [["age", pytest.approx(age, rel=1e-5), "years"]]


def test_the_table_of_values_has_a_column_for_each(photo: Path, tmp_path: Path) -> None:
    network = headed_network(2, activation="tanh")
    labels = tmp_path / "labels.txt"
    labels.write_text("x [px]\ny [px]\n", "utf-8")
    table, lines = tmp_path / "all.csv", tmp_path / "all.jsonl"
    typed = (
        "annotate",
        str(photo.parent),
        "--out",
        str(tmp_path / "out"),
        "--csv",
        str(table),
        "--jsonl",
        str(lines),
    )
    model = ("--model", saved(tmp_path, network), "--labels", str(labels), "--preprocess", "unit")
    assert main((*typed, *model, "--target", "y -")) == 0
    with table.open(encoding="utf-8", newline="") as file:
        (cells,) = csv.DictReader(file)
    row = json.loads(lines.read_text("utf-8"))
    assert list(cells)[:7] == ["file", "frame", "seconds", "x [px]", "y [px]", "target", "method"]
    assert [float(cells["x [px]"]), float(cells["y [px]"])] == [value for _, value, _ in row["values"]]
    assert (cells["target"], row["target"], row["top"]) == ("y −", "y −", [])


def test_a_network_that_gives_nan_says_so_once_and_writes_valid_json(
    photo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    network = headed_network(3, activation="softmax")
    dense = network.layers[-1]
    dense.set_weights([dense.get_weights()[0], np.full(3, np.nan, np.float32)])
    for number in range(3):
        (photo.parent / f"{number}.png").write_bytes(photo.read_bytes())
    table, lines = tmp_path / "all.csv", tmp_path / "all.jsonl"
    typed = (
        "annotate",
        str(photo.parent),
        "--out",
        str(tmp_path / "out"),
        "--csv",
        str(table),
        "--jsonl",
        str(lines),
    )
    assert main((*typed, "--model", saved(tmp_path, network), "--preprocess", "unit")) == 0
    told = capfd.readouterr()
    assert told.err.count("gives NaN or infinity") == 1
    assert "nan%" not in (told.out + told.err).casefold()
    for line in lines.read_text("utf-8").splitlines():
        row = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        assert (row["top"], row["has_evidence"], row["heat_box"]) == ([], False, None)
    assert "nan" not in table.read_text("utf-8").casefold()


def test_a_task_that_there_is_none_of_is_wrong_usage(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(("--source", "demo", "--task", "guess")) == 2
    assert "classes" in capfd.readouterr().err
