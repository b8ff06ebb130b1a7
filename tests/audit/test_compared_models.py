"""A whole comparison: a network that sees the border against one that sees the middle, from folders to files."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from audited import AuditListener, findings_of, green_model, green_photographs

import live_gradcam as lg
from live_gradcam.audit.audit import AuditJob, AuditRun, audit_photos
from live_gradcam.audit.photo_values import PhotoAudit
from live_gradcam.cli import main
from live_gradcam.config import ExplainSettings
from live_gradcam.errors import SettingsError

FELL = ": the background's share fell from 100% to 0% (difference −100 points, 95%: −100 to −100)"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compared")
    green_model(folder / "mine.keras")
    green_model(folder / "before.keras", sees="border", labels=False)
    green_photographs(folder, 22, own_backgrounds=True)
    return folder


def run(made: Path, keep: Path | None, **changes: Any) -> AuditRun:
    listener = changes.pop("listener", AuditListener())
    settings = ExplainSettings(
        model=changes.pop("model", str(made / "mine.keras")), preprocess="none", engine="tensorflow"
    )
    job = {"masks": made / "masks", "keep": keep, "compare": str(made / "before.keras"), **changes}
    return audit_photos([str(made / "photos")], settings, AuditJob(**job), progress=listener)


@pytest.mark.audits
def test_a_lost_shortcut_is_told_of(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[str] = []
    findings = PhotoAudit.findings

    def watched(self: PhotoAudit, photos: Any) -> Any:
        computed.extend(each.photo.name for each in photos)
        return findings(self, photos)

    monkeypatch.setattr(PhotoAudit, "findings", watched)
    listener = AuditListener()
    both = run(made, tmp_path, listener=listener).report
    assert both.comparison is not None
    assert {each.name: each.verdict for each in both.classes} == {"bright": "thing", "dark": "thing"}
    assert {each.sentence for each in both.comparison.classes} == {f"bright{FELL}", f"dark{FELL}"}
    for each in both.comparison.classes:
        assert (each.other_verdict, each.verdict, each.count) == ("background", "thing", 22)
        assert each.accuracy.difference.mean == 0
        assert each.background_need is not None
        assert each.background_need.difference.mean < -0.9
        assert each.exchange_need is not None
        assert each.exchange_need.difference.mean > 0.9
    assert any(
        "before.keras has no labels: those of the first model are taken" in each for each in listener.lines
    )
    assert (listener.photos, listener.done, len(computed)) == (88, 88, 88)
    # Each model's findings are kept: alone, neither is computed again, and they are the same.
    alone = run(made, tmp_path, compare=None)
    assert (alone.kept, len(computed), alone.report.comparison) == (44, 88, None)
    assert findings_of(alone.report) == findings_of(both)
    assert alone.report.classes == both.classes
    again = run(made, tmp_path)
    assert (again.kept, len(computed)) == (44, 88)
    assert again.report.comparison is not None
    assert again.report.comparison.classes == both.comparison.classes


@pytest.mark.audits
def test_the_public_function_compares(made: Path) -> None:
    other = lg.load_model(made / "before.keras", ["bright", "dark"], preprocess="none")
    found = lg.audit(
        made / "mine.keras",
        made / "photos",
        masks=made / "masks",
        compare=other,
        preprocess="none",
        engine="tensorflow",
    )
    assert found.comparison is not None
    assert {each.name for each in found.comparison.classes} == {"bright", "dark"}
    assert all(each.sentence.endswith(FELL) for each in found.comparison.classes)


@pytest.mark.audits
def test_the_command_writes_both_side_by_side(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["audit", str(made / "photos"), "--preprocess", "none", "--engine", "tensorflow"]
    typed += ["--masks", str(made / "masks"), "--out", str(tmp_path), "--model", str(made / "mine.keras")]
    # The audited model's background carries nothing, however much the other's does.
    assert main([*typed, "--compare", str(made / "before.keras"), "--quiet", "--fail-background", "0.5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[2] == "from before.keras to mine.keras:"
    assert all(each.endswith(FELL) for each in lines[3:])
    tree = json.loads((tmp_path / "audit.json").read_text("utf-8"))
    compare = tree["compare"]
    assert compare["model"] == str(made / "before.keras")
    assert [each["verdict"] for each in compare["classes"]] == ["background", "background"]
    assert [set(each) for each in compare["classes"]] == [set(tree["classes"][0])] * 2
    (bright,) = (each for each in compare["differences"] if each["class"] == "bright")
    assert (bright["compare_class"], bright["count"]) == ("bright", 22)
    assert bright["share"]["model"] == pytest.approx(0, abs=1e-3)
    assert bright["share"]["compare"] == pytest.approx(1, abs=1e-3)
    assert bright["share"]["interval"] == pytest.approx([-1, -1], abs=1e-3)
    tables = []
    for name in ("photos.csv", "photos.compare.csv"):
        with (tmp_path / name).open(encoding="utf-8", newline="") as file:
            tables.append({row["file"]: row for row in csv.DictReader(file)})
    assert tables[0].keys() == tables[1].keys()
    own = [float(tables[0][name]["background_need"]) for name in tables[0] if name.startswith("bright")]
    beside = [float(tables[1][name]["background_need"]) for name in tables[0] if name.startswith("bright")]
    assert bright["background_need"]["difference"] == pytest.approx((sum(own) - sum(beside)) / 22, abs=1e-5)
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "Compared with before.keras" in page
    assert "background → thing" in page
    # A later audit of one model leaves no table of the other behind.
    assert main([*typed, "--quiet"]) == 0
    assert not (tmp_path / "photos.compare.csv").exists()
    assert "Compared with" not in (tmp_path / "index.html").read_text("utf-8")


@pytest.mark.audits
def test_a_photograph_that_fails_for_one_model_is_left_out_of_the_pairs(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = PhotoAudit.findings

    def failing(self: PhotoAudit, photos: Any) -> Any:
        if "before" in self._explainer.model.name and any(
            each.photo.name == "dark/005.png" for each in photos
        ):
            raise lg.LiveGradcamError("the network failed.")
        return findings(self, photos)

    monkeypatch.setattr(PhotoAudit, "findings", failing)
    found = run(made, None).report
    assert found.comparison is not None
    assert {each.name: each.count for each in found.comparison.classes} == {"bright": 22, "dark": 21}
    assert len(found.photos) == 44
    (failure,) = found.failures
    assert failure == f"dark/005.png: the network failed. (with {made / 'before.keras'})"


def test_a_model_that_cannot_be_compared_is_told_of_before_any_work(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(PhotoAudit, "findings", nothing)
    assert main(["audit", str(made / "photos"), "--out", str(tmp_path), "--compare", "befor.keras"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "befor.keras" in line
    with pytest.raises(SettingsError, match="the audited model itself"):
        run(made, None, compare=str(made / "mine.keras"))
    other = tmp_path / "other.keras"
    shutil.copy(made / "before.keras", other)
    (tmp_path / "other.labels.json").write_text('["brigt", "light"]', "utf-8")
    with pytest.raises(SettingsError, match=r"compare is '.*other.keras': .*'dark'.* Did you mean") as error:
        run(made, None, compare=str(other))
    assert "\n" not in str(error.value)


@pytest.mark.audits
def test_an_interrupted_comparison_covers_what_both_have(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings, left = PhotoAudit.findings, [14]

    def interrupted(self: PhotoAudit, photos: Any) -> Any:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return findings(self, photos)

    monkeypatch.setattr(PhotoAudit, "findings", interrupted)
    found = run(made, tmp_path).report
    assert found.interrupted
    assert found.comparison is not None
    assert len(found.photos) == 44
    assert found.comparison.report.interrupted
    assert sum(each.count for each in found.comparison.classes) <= 12
    left[0] = 2
    early = run(made, None).report
    assert early.interrupted
    assert early.comparison is None
