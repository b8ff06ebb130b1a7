"""`live-gradcam evaluate`: its table, its files, and its errors."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import pytest
from networks import picture

from live_gradcam.cli import main
from live_gradcam.commands import evaluate_files
from live_gradcam.config import ExplainSettings
from live_gradcam.errors import ModelError
from live_gradcam.explain import loading
from live_gradcam.frame import Pixels
from live_gradcam.metrics.photo_test import PhotoTest
from live_gradcam.render import interval_plot

SMALL = ("--model", "networks:flattened_network", "--preprocess", "unit", "--engine", "tensorflow")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for number in range(3):
        cv2.imwrite(f"photos/{number}.png", picture(16, 16, number))
    return tmp_path


def evaluate(*typed: str) -> int:
    return main(["evaluate", "photos", *SMALL, "--steps", "4", *typed])


def test_it_prints_a_table_and_writes_what_the_design_names(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ("--json", "a.json", "--csv", "a.csv", "--plot", "a.png")
    assert evaluate("--methods", "gradcam,layercam", *files) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "method    metric (better)      mean  95% interval    photos  shifted  shuffled  central" in lines
    at = next(number for number, line in enumerate(lines) if line.startswith("method"))
    assert [line.split()[:2] for line in lines[at + 1 : at + 5]] == [
        ["gradcam", "deletion"],
        ["gradcam", "insertion"],
        ["layercam", "deletion"],
        ["layercam", "insertion"],
    ]
    assert lines[at + 5].startswith("deletion: ")
    assert lines[at + 6].startswith("insertion: ")
    assert lines[-1] == "3 photos"
    tree: Any = json.loads((folder / "a.json").read_text())
    assert (tree["model"], tree["count"], len(tree["rows"])) == ("networks:flattened_network", 3, 16)
    assert set(tree["rows"][0]) == {"method", "metric", "mean", "low", "high", "count", "control"}
    assert {row["control"] for row in tree["rows"]} == {None, "shifted", "shuffled", "central"}
    with (folder / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 16
    own = [
        float(row["value"])
        for row in rows
        if (row["method"], row["metric"], row["control"]) == ("gradcam", "deletion", "")
    ]
    assert sum(own) / 3 == pytest.approx(tree["rows"][0]["mean"], abs=1e-4)
    drawn = cv2.imread("a.png")
    assert drawn is not None
    assert drawn.shape[1] == 1200


def test_a_second_run_loads_nothing_and_says_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--json", "a.json") == 0
    first = json.loads((folder / "a.json").read_text())
    capsys.readouterr()
    assert evaluate("--json", "a.json") == 0
    out = capsys.readouterr().out
    assert "loading" not in out
    assert out.splitlines()[-1] == "3 photos; 3 of them known from an earlier run"
    assert json.loads((folder / "a.json").read_text()) == first


def test_several_models_have_a_table_each_of_the_photos_that_stdin_lists(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("photos/0.png\nphotos/2.png\n"))
    more = ("--model", "networks:pooled_network", "--json", "a.json", "--controls", "none", "--steps", "4")
    assert main(["evaluate", "-", *SMALL, *more]) == 0
    out = capsys.readouterr().out.splitlines()
    assert {"networks:flattened_network", "networks:pooled_network"} <= set(out)
    tree = json.loads((folder / "a.json").read_text())
    assert [(each["model"], each["count"]) for each in tree["evaluations"]] == [
        ("networks:flattened_network", 2),
        ("networks:pooled_network", 2),
    ]


def test_a_model_that_cannot_be_loaded_is_told_whole_and_the_others_have_their_tables(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = folder / ("b" * 60) / ("c" * 60)
    url = f"https://storage.example.org/{'d' * 100}/weights.h5"
    load = loading.load_explainer

    def some(settings: ExplainSettings, *others: Any) -> Any:
        if settings.model_name == "vgg16":
            raise ModelError(f"the weights are not on this machine: fetch {url} and put it into {home}")
        return load(settings, *others)

    monkeypatch.setattr(loading, "load_explainer", some)
    typed = (
        "--model",
        "vgg16",
        "--model",
        "networks:pooled_network",
        "--controls",
        "none",
        "--json",
        "a.json",
    )
    assert evaluate(*typed) == 1
    out, err = capsys.readouterr()
    assert {"networks:flattened_network", "networks:pooled_network"} <= set(out.splitlines())
    assert out.count("gradcam  deletion (lower)") == 2
    tree = json.loads((folder / "a.json").read_text())
    assert [each["model"] for each in tree["evaluations"]] == [
        "networks:flattened_network",
        "networks:pooled_network",
    ]
    line = err.splitlines()[-1]
    assert line == f"live-gradcam: the weights are not on this machine: fetch {url} and put it into {home}"


def test_quiet_prints_the_table_only(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del folder
    assert evaluate("--quiet", "--metrics", "complexity", "--controls", "none") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["method", "gradcam"]


def test_a_photo_that_cannot_be_read_is_named_and_the_others_are_evaluated(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "photos" / "bad.jpg").write_bytes(b"no photo")
    assert evaluate("--metrics", "complexity") == 1
    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == "3 photos; 1 fault, named below"
    assert told.err.startswith("live-gradcam: bad.jpg cannot be read")


@pytest.mark.usefixtures("folder")
def test_the_number_of_photos_of_the_controls_is_told_where_it_is_smaller(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert evaluate("--control-photos", "2") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "3 photos; controls on 2 of them"
    assert evaluate("--control-photos", "3") == 0
    assert "controls on" not in capsys.readouterr().out


def test_it_is_told_where_boxes_are_of_fewer_photos(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "two.csv").write_text("file,x,y,width,height\n0.png,0,0,8,8\n2.png,0,0,8,8\n", "utf-8")
    (folder / "all.csv").write_text(
        "file,x,y,width,height\n" + "".join(f"{number}.png,0,0,8,8\n" for number in range(3)), "utf-8"
    )
    assert evaluate("--boxes", "two.csv", "--metrics", "inside,complexity", "--controls", "none") == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == "3 photos; boxes for 2 of them, so that metrics of the place are of no others"
    assert told[-3:-1] == [
        "inside: only 2 photos: a hint, for the intervals are too narrow",
        "complexity: only 3 photos: a hint, for the intervals are too narrow",
    ]
    assert evaluate("--boxes", "two.csv", "--metrics", "inside", "--controls", "none") == 0
    assert capsys.readouterr().out.splitlines()[-2] == (
        "only 2 photos: a hint, for the intervals are too narrow"
    )
    assert evaluate("--boxes", "all.csv", "--metrics", "inside", "--controls", "none") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "3 photos"


def test_metrics_without_any_value_are_told_even_where_little_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite("photos/tall.png", picture(64, 16, 9))
    (folder / "boxes.csv").write_text("file,x,y,width,height\ntall.png,0,0,3,3\n", "utf-8")
    typed = ("--boxes", "boxes.csv", "--metrics", "inside,pointing", "--controls", "none", "--quiet")
    assert evaluate(*typed) == 0
    assert capsys.readouterr().out == (
        "inside, pointing: no photograph has a box in the part that the network sees; --fit wide, stretch or pad "
        "shows it more\n"
    )
    assert evaluate(*typed, "--fit", "stretch") == 0
    assert "no photograph" not in capsys.readouterr().out


def test_boxes_that_no_metric_asks_for_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "boxes.csv").write_text("file,x,y,width,height\n0.png,0,0,8,8\n", "utf-8")
    unused = "the boxes are not used: of the metrics only pointing, inside, rank-accuracy ask for them. Name these "
    assert evaluate("--boxes", "boxes.csv", "--metrics", "complexity") == 0
    assert unused in capsys.readouterr().out
    assert evaluate("--boxes", "boxes.csv", "--metrics", "inside") == 0
    assert unused not in capsys.readouterr().out


def test_the_plot_says_which_direction_is_better_and_of_how_many_photos(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "boxes.csv").write_text("file,x,y,width,height\n0.png,0,0,8,8\n2.png,0,0,8,8\n", "utf-8")
    groups: list[str] = []
    whole = interval_plot.interval_plot

    def watched(bars: Sequence[interval_plot.Bar]) -> Pixels:
        groups.extend(bar.group for bar in bars)
        return whole(bars)

    monkeypatch.setattr(interval_plot, "interval_plot", watched)
    typed = ("--boxes", "boxes.csv", "--metrics", "inside,complexity", "--control-photos", "1")
    assert evaluate(*typed, "--plot", "a.png") == 0
    assert [*dict.fromkeys(groups)] == [
        "inside, higher is better, 1 to 2 photos",
        "complexity, lower is better, 1 to 3 photos",
    ]


def test_an_interrupted_run_says_so_in_its_file(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    assert evaluate("--json", "a.json", "--metrics", "complexity") == 0
    assert json.loads((folder / "a.json").read_text())["interrupted"] is False
    monkeypatch.setattr(PhotoTest, "values", interrupted)
    assert evaluate("--json", "a.json", "--metrics", "complexity,deletion") == 0
    assert "interrupted: run the same command again" in capsys.readouterr().out
    assert json.loads((folder / "a.json").read_text())["interrupted"] is True


@pytest.mark.parametrize("name", ["a.json", "a.csv", "a.png"])
def test_only_files_of_an_evaluation_are_replaced(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    option = {"json": "--json", "csv": "--csv", "png": "--plot"}[name[2:]]
    typed = ("--metrics", "complexity", "--controls", "none", option, name)
    (folder / name).write_text('{"photo.jpg": [[0, 0, 8, 8]]}')
    assert evaluate(*typed) == 1
    assert capsys.readouterr().err == (
        f"live-gradcam: cannot write '{name}': it exists and is no file of an evaluation. Choose another name, or use "
        "--overwrite.\n"
    )
    assert (folder / name).read_text() == '{"photo.jpg": [[0, 0, 8, 8]]}'
    assert evaluate(*typed, "--overwrite") == 0
    assert evaluate(*typed) == 0
    if name == "a.png":
        assert cv2.imread(name) is not None


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (("--metrics", "delection"), "unknown metric 'delection'. Did you mean deletion?"),
        (("--metrics", "pointing"), "the metric pointing compares the heat with the place of the thing"),
        (("--metrics", ","), "--metrics is ',': it must be names separated by commas."),
        (("--methods", "gradcm"), "unknown method 'gradcm'. Did you mean gradcam"),
        (("--controls", "shifty"), "unknown control 'shifty'. Did you mean shifted"),
        (("--boxes", "nowhere.csv"), "there is no file 'nowhere.csv' of boxes."),
        (("--json", "a.txt"), "cannot write 'a.txt': the name must end in .json."),
        (("--csv", "no/a.csv"), "cannot write 'no/a.csv': there is no folder 'no'."),
        (("--fit", "scan"), "fit is 'scan': an evaluation needs one input of the network"),
        (("--steps", "0"), "steps is 0: it must lie between 1 and 10000."),
    ],
)
def test_wrong_settings_are_told_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], typed: tuple[str, ...], told: str
) -> None:
    del folder
    assert evaluate(*typed) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"live-gradcam: {told}")


def test_benchmark_takes_several_models_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "--model", "efficientnet-lite0", "--model", "vgg61", "--no-start"]) == 1
    assert "unknown model 'vgg61'. Did you mean vgg16" in capsys.readouterr().err


def test_a_file_that_cannot_be_completed_leaves_the_former_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.json"
    path.write_text("former")

    def full(part: Path, content: bytes) -> int:
        with part.open("wb") as file:
            file.write(content[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        evaluate_files._put(path, b"new")
    assert path.read_text() == "former"
    assert list(tmp_path.iterdir()) == [path]
