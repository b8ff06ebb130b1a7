"""The command `audit`: its files, its sentences and its exit codes."""

from __future__ import annotations

import csv
import html
import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from audit_findings import report_of
from audited import green_model, green_photographs

from live_gradcam.audit.audit import AuditRun
from live_gradcam.audit.audit_files import write_audit
from live_gradcam.audit.findings import AuditReport, CauseFinding, DuplicateFinding
from live_gradcam.cli import main
from live_gradcam.commands.audit import AuditSettings, _end, _print
from live_gradcam.errors import SinkError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audited")
    green_model(folder / "green.keras")
    green_photographs(folder, 22)
    return folder


def audit(made: Path, out: Path, *more: str, masks: bool = True) -> int:
    places = ("--masks", str(made / "masks")) if masks else ()
    model = ("--model", str(made / "green.keras"), "--preprocess", "none", "--engine", "tensorflow")
    return main(["audit", str(made / "photos"), *model, "--out", str(out), *places, *more])


def test_it_prints_a_sentence_a_class_and_writes_all_files(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new/report"
    assert audit(made, out, "--quiet") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(": thing: 0% of the effect is the background (95%: 0 to 0)" in each for each in lines)
    tree = json.loads((out / "audit.json").read_text("utf-8"))
    parts = "model places mask_faults interrupted failures classes causes copies"
    assert set(tree) == set(parts.split())
    assert (tree["interrupted"], tree["failures"]) == (False, [])
    assert tree["places"] == {"mask": 44}
    needs = ("background_need", "exchange_need", "thing_need", "neutral_need", "inside", "lift", "pointing")
    keys = "class count known lenders by_background estimated accuracy verdict share interval clusters"
    assert [set(each) for each in tree["classes"]] == [{*keys.split(), *needs}] * 2
    assert {each["class"]: each["verdict"] for each in tree["classes"]} == {
        "bright": "thing",
        "dark": "thing",
    }
    (bright,) = (each for each in tree["classes"] if each["class"] == "bright")
    assert (bright["count"], bright["accuracy"]) == (22, 1.0)
    assert (bright["known"], bright["lenders"], tree["mask_faults"]) == (22, 20, {})
    for each in bright["clusters"]:
        assert set(each) == {"size", "accuracy", "rest_accuracy", "better", "photos", "suspicious"}
        assert each["suspicious"] == ""
        assert all(name.startswith("bright/") for name in each["photos"])
    assert bright["interval"] == pytest.approx([0, 0], abs=1e-3)
    with (out / "photos.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 44
    assert rows[0]["file"] == "bright/000.png"
    assert (rows[0]["truth"], rows[0]["predicted"]) == ("bright", "bright")
    means = [float(each["background_need"]) for each in rows if each["truth"] == "bright"]
    assert bright["background_need"] == pytest.approx(sum(means) / len(means), abs=1e-5)
    assert sorted(each.name for each in out.iterdir()) == [
        ".live-gradcam",
        "audit.json",
        "index.html",
        "photos.csv",
        "photos.jsonl",
    ]
    found = [json.loads(line) for line in (out / "photos.jsonl").read_text("utf-8").splitlines()]
    assert [(each["file"], each["truth"], each["region"]) for each in found] == [
        (each["file"], each["truth"], [0, 0, 32, 32]) for each in rows
    ]
    assert not any(each["mask_around"] for each in found)
    for name in needs:
        assert [each[name] for each in found] == [float(each[name]) if each[name] else None for each in rows]
        assert bright[name] == pytest.approx(np.mean([each[name] for each in found[:22]]), abs=1e-5)

    page = (out / "index.html").read_text("utf-8")
    assert all(html.escape(each.replace(": thing: ", ": ")) in page for each in lines)


@pytest.mark.audits
def test_a_second_run_says_what_was_known(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(made, tmp_path) == 0
    first = (tmp_path / "audit.json").read_bytes(), (tmp_path / "photos.csv").read_bytes()
    capsys.readouterr()
    assert audit(made, tmp_path) == 0
    assert "44 photos; 44 of them known from an earlier run; open " in capsys.readouterr().out
    assert ((tmp_path / "audit.json").read_bytes(), (tmp_path / "photos.csv").read_bytes()) == first


def test_a_background_that_carries_too_much_gives_exit_code_3(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(made, tmp_path, "--fail-background", "0.5") == 0
    assert audit(made, tmp_path, "--fail-background", "0") == 3
    assert "live-gradcam: the background carries 0 of the effect or more (--fail-background): " in (
        capsys.readouterr().err
    )
    assert audit(made, tmp_path, "--fail-background", "0", masks=False) == 0  # nobody can tell
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("to say where the things are, draw boxes on a page:")
    assert shlex.split(lines[at + 1]) == [
        *("live-gradcam", "audit", str(made / "photos"), "--out", str(tmp_path), "--fail-background", "0.0"),
        *("--model", str(made / "green.keras"), "--preprocess", "none", "--engine", "tensorflow", "--mark"),
    ]
    assert audit(made, tmp_path, "--fail-background", "1.5") == 1
    assert "fail-background is 1.5: it must lie between 0 and 1" in capsys.readouterr().err


def test_an_interrupted_audit_ends_with_1_whatever_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    report = replace(report_of(["cat", "cup"]), interrupted=True, failures=("not looked at yet: owl",))
    for most in (None, 0.5):
        with pytest.raises(typer.Exit) as ended:
            _end(report, most)
        assert ended.value.exit_code == 1
    told = capsys.readouterr().err
    assert "not looked at yet: owl" in told
    assert "the background carries 0.5 of the effect or more (--fail-background): cat 0.5, cup 0.5" in told
    with pytest.raises(typer.Exit) as ended:
        _end(replace(report, interrupted=False), 0.5)
    assert ended.value.exit_code == 3


def test_it_names_the_dull_causes_and_says_what_the_effect_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    causes = tuple(
        CauseFinding(name=each, accuracy=0.9, baseline=0.5, sentence=f"{each} alone tells them apart.")
        for each in ("blur", "height", "camera", "contrast", "file size")
    )
    run = AuditRun(report=replace(report_of(["cat", "cup"]), causes=causes, places={"mask": 24}))
    _print(run, AuditSettings(out=tmp_path), "")
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == (
        "“50% of the effect is the background” means: of what the probability of cat loses on other backgrounds and "
        "with other things in its place, 50% is lost on the other backgrounds."
    )
    assert lines[4:7] == [
        "suspicious clusters, which the network treats alike:",
        "    4 of 12 photographs of cat have their heat bottom right, at the border",
        "    4 of 12 photographs of cup have their heat bottom right, at the border",
    ]
    assert lines[7:12] == [
        "the network may have learned one of these dull causes:",
        "    blur alone tells them apart.",
        "    height alone tells them apart.",
        "    camera alone tells them apart.",
        "    and 2 more, in the report",
    ]
    assert "a copy" not in "".join(lines)
    _print(run, AuditSettings(out=tmp_path, train=tmp_path / "train"), "")
    assert f"no photograph is a copy of one in {tmp_path / 'train'}" in capsys.readouterr().out.splitlines()
    copies = tuple(DuplicateFinding(first="a", second=each, sentence=f"a and {each}.") for each in "bcde")
    both = replace(run.report, duplicates=copies)
    _print(AuditRun(report=both), AuditSettings(out=tmp_path, train=tmp_path), "")
    lines = capsys.readouterr().out.splitlines()
    assert lines[12:17] == [
        "4 pairs of photographs show the same picture or nearly so, and should not:",
        "    a and b.",
        "    a and c.",
        "    a and d.",
        "    and 1 more, in the report",
    ]
    write_audit(both, tmp_path)
    tree = json.loads((tmp_path / "audit.json").read_text("utf-8"))
    assert tree["causes"][0] == {"name": "blur", "accuracy": 0.9, "baseline": 0.5}
    assert tree["copies"] == [{"first": "a", "second": each} for each in "bcde"]
    _print(run, AuditSettings(out=tmp_path, quiet=True), "")
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_wrong_input_is_one_line(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(made / "nothing"), "--out", str(tmp_path)]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert main(["audit", str(made / "photos")]) == 2
    assert "--out" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert audit(made, tmp_path / "file") == 1
    assert "Name another with --out" in capsys.readouterr().err


def test_a_run_that_fails_leaves_no_folder_that_it_made(made: Path, tmp_path: Path) -> None:
    assert audit(made, tmp_path / "new/report", "--layer", "none") == 1
    assert audit(made, tmp_path / "other", "--boxes", str(made)) == 1
    assert list(tmp_path.iterdir()) == []
    own = tmp_path / "own"
    own.mkdir()
    assert audit(made, own, "--layer", "none") == 1
    assert own.is_dir()


def test_what_is_wrong_with_masks_and_folders_is_told_of_and_an_earlier_comparison_is_removed(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Path(shutil.copytree(made, tmp_path / "own"))
    (place / "photos" / "grey").mkdir()
    cv2.imwrite(str(place / "masks/bright/000.png"), np.zeros((8, 8), np.uint8))
    others = [place / f"photos.compare.{kind}" for kind in ("csv", "jsonl")]
    for each in others:
        each.touch()
    assert audit(place, place, "--quiet") == 1  # for the class that is left out
    told = capsys.readouterr()
    assert (
        "removed photos.compare.csv and photos.compare.jsonl of an earlier run with --compare, which are no part of "
        "this audit" in told.out
    )
    assert not any(each.exists() for each in others)
    assert [line.removeprefix("live-gradcam: ") for line in told.err.splitlines()][-2:] == [
        "1 mask has another size than its photograph: bright/000.png (8×8 pixels, the photograph 32×32). Give masks of "
        "the size of the upright photograph. Until then, these photographs count as ones whose thing is unknown.",
        "grey: the folder has no photograph and no film that can be audited: this class is left out.",
    ]
    assert json.loads((place / "audit.json").read_text("utf-8"))["mask_faults"] == {"size": 1}


def test_files_appear_complete_or_not_at_all(tmp_path: Path) -> None:
    report = AuditReport(model="m", classes=(), photos=())
    (tmp_path / "photos.csv.part").mkdir()
    with pytest.raises(SinkError, match="Name another folder with --out"):
        write_audit(report, tmp_path)
    assert not (tmp_path / "audit.json").exists()
    assert not (tmp_path / "photos.csv").exists()
