"""A whole audit: folders in, verdicts out; what is known is kept, and what is damaged is left out."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from audited import SIDE, AuditListener, findings_of, green_model, green_photographs
from networks import picture

import live_gradcam as lg
from live_gradcam.audit.audit import AuditJob, AuditRun, audit_photos
from live_gradcam.audit.mask_faults import fault_counts, mask_fault_lines
from live_gradcam.audit.photo_values import PhotoAudit
from live_gradcam.audit.report_texts import known_places, unknown_places
from live_gradcam.audit.thing_masks import read_mask
from live_gradcam.config import ExplainSettings
from live_gradcam.errors import LiveGradcamError, SettingsError, SourceError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audited")
    green_model(folder / "green.keras")
    green_photographs(folder, 24)
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A folder with `green.keras`, `photos` and `masks` that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "own"))


def run(place: Path, listener: AuditListener | None = None, **changes: Any) -> AuditRun:
    settings = ExplainSettings(model=str(place / "green.keras"), preprocess="none", engine="tensorflow")
    job = {"masks": place / "masks", "keep": place / "kept", **changes}
    return audit_photos(
        [str(place / "photos")], settings, AuditJob(**job), progress=listener or AuditListener()
    )


@pytest.mark.audits
def test_the_network_that_sees_only_the_middle_recognises_the_things(place: Path) -> None:
    report = run(place).report
    assert {each.name: each.verdict for each in report.classes} == {"bright": "thing", "dark": "thing"}
    bright = report.of("bright")
    assert (bright.count, bright.accuracy) == (24, 1.0)
    assert bright.share is not None
    assert bright.share.mean == pytest.approx(0, abs=1e-3)
    assert bright.exchange_need is not None
    assert bright.exchange_need.mean > 0.9
    assert report.failures == ()
    assert len(report.photos) == 48


@pytest.mark.audits
def test_the_public_function_finds_the_same(place: Path) -> None:
    found = lg.audit(
        place / "green.keras",
        place / "photos",
        labels=["bright", "dark"],
        masks=place / "masks",
        preprocess="none",
        engine="tensorflow",
    )
    assert isinstance(found, lg.AuditReport)
    assert findings_of(found) == findings_of(run(place).report)
    model = lg.load_model(place / "green.keras", preprocess="none")
    truths = {"bright/000.png": "bright", "dark/000.png": "dark"}
    loaded = lg.audit(model, place / "photos", truths=truths, out=place / "own", engine="tensorflow")
    assert [each.truth for each in loaded.photos] == ["bright", "dark"]
    assert not (place / "own").exists()  # another network may have its name


@pytest.mark.audits
def test_boxes_do_for_masks(place: Path) -> None:
    boxes = place / "boxes"
    for mask in (place / "masks").rglob("*.png"):
        file = (boxes / mask.relative_to(place / "masks")).with_suffix(".txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("0 0.5 0.5 0.625 0.625\n", "utf-8")
    assert findings_of(run(place, masks=None, boxes=boxes).report) == findings_of(run(place).report)


@pytest.mark.audits
def test_without_places_nothing_is_told_but_accuracy(place: Path) -> None:
    report = run(place, masks=None).report
    assert {each.verdict for each in report.classes} == {"cannot tell"}
    assert all("nobody said where the thing is" in each.sentence for each in report.classes)
    assert [each.accuracy for each in report.classes] == [1.0, 1.0]


@pytest.mark.audits
def test_eight_photographs_of_each_class_cannot_tell(place: Path) -> None:
    for file in (place / "photos").rglob("*.png"):
        if int(file.stem) >= 8:
            file.unlink()
    report = run(place).report
    assert [each.verdict for each in report.classes] == ["cannot tell", "cannot tell"]
    assert all(
        "8 photographs with a known thing, and 20 are needed" in each.sentence for each in report.classes
    )


@pytest.mark.audits
def test_a_second_run_computes_only_what_is_missing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[str] = []
    findings = PhotoAudit.findings

    def watched(self: PhotoAudit, photos: Any) -> Any:
        computed.extend(each.photo.name for each in photos)
        return findings(self, photos)

    monkeypatch.setattr(PhotoAudit, "findings", watched)
    first = run(place)
    assert len(computed) == 48
    again = run(place)
    assert len(computed) == 48
    assert (first.kept, again.kept) == (0, 48)
    assert findings_of(again.report) == findings_of(first.report)
    assert again.report.classes == first.report.classes
    (kept,) = (place / "kept").glob("audit-*.jsonl")
    text = kept.read_text("utf-8")
    kept.write_text(text[: len(text) - 30], "utf-8")  # a killed run's last line
    run(place)
    assert len(computed) == 49
    assert findings_of(run(place).report) == findings_of(first.report)
    run(place, backgrounds=2)
    assert len(computed) == 97


@pytest.mark.audits
def test_a_changed_mask_is_computed_again(place: Path) -> None:
    before = run(place).report
    file = place / "masks/bright/003.png"
    mask = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    assert mask is not None
    mask[:16] = 0
    cv2.imwrite(str(file), mask)
    after = run(place).report
    name = "bright/003.png"
    (old,) = (each for each in before.photos if each.name == name)
    (new,) = (each for each in after.photos if each.name == name)
    assert new.thing_need != old.thing_need


def command(place: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "live_gradcam", "audit", str(place / "photos"), "--model"),
        *(str(place / "green.keras"), "--preprocess", "none", "--engine", "tensorflow"),
        *("--masks", str(place / "masks"), "--out", str(place / "report")),
    ]


@pytest.mark.audits
def test_a_killed_run_goes_on_where_it_was(place: Path) -> None:
    green_photographs(place, 150)
    whole = run(place, keep=None)
    process = subprocess.Popen(command(place), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    folder = place / "report/.live-gradcam"
    until = time.monotonic() + 240
    while time.monotonic() < until and process.poll() is None:
        if any(each.stat().st_size > 20_000 for each in folder.glob("audit-*.jsonl")):
            break
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (place / "report/audit.json").exists()
    listener = AuditListener()
    rest = run(place, listener, keep=folder)
    assert 0 < rest.kept < 300
    assert listener.photos == 300 - rest.kept
    assert findings_of(rest.report) == findings_of(whole.report)
    assert rest.report.classes == whole.report.classes


def test_one_broken_photograph_costs_no_other(place: Path) -> None:
    (place / "photos/bright/000.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    listener = AuditListener()
    report = run(place, listener).report
    assert len(report.photos) == 47
    (failure,) = report.failures
    assert failure.startswith("bright/000.png cannot be read: ")
    assert listener.done == 48
    assert report.of("bright").count == 23


def test_masks_that_cannot_be_used_are_counted_in_one_line_and_their_photographs_stay(place: Path) -> None:
    for number in range(3):
        cv2.imwrite(str(place / f"masks/bright/{number:03}.png"), picture(SIDE, 2 * SIDE))
    (place / "masks/dark/000.png").write_bytes(b"\x89PNG nothing")
    cv2.imwrite(str(place / "masks/dark/001.png"), np.full((SIDE, SIDE), 255, np.uint8))
    report = run(place).report
    assert (len(report.photos), report.failures, report.places) == (48, (), {"mask": 43})
    assert mask_fault_lines(report.photos) == [
        "3 masks have another size than their photographs, such as bright/000.png (64×32 pixels, the photograph "
        "32×32), bright/001.png (64×32 pixels, the photograph 32×32). Give masks of the size of the upright "
        "photograph.",
        "1 mask cannot be read: dark/000.png (it is no picture). Give PNG files.",
        "1 mask covers its whole photograph, which leaves no background: dark/001.png (100% of it). Give masks that "
        "are black beside the thing. Until then, these photographs count as ones whose thing is unknown.",
    ]
    assert unknown_places(report).startswith("It is unknown in 3 of 24 of bright, 2 of 24 of dark: ")
    assert [report.of(name).lenders for name in ("bright", "dark")] == [20, 20]
    assert findings_of(run(place).report) == findings_of(report)  # from the file


@pytest.mark.audits
def test_masks_that_may_be_inverted_are_used_and_named(place: Path) -> None:
    for file in [*(place / "masks/bright").glob("*.png"), place / "masks/dark/007.png"]:
        cv2.imwrite(str(file), 255 * (~read_mask(file)).astype(np.uint8))
    report = run(place).report
    assert report.places == {"mask": 48}
    assert mask_fault_lines(report.photos) == [
        "25 masks cover the edges of their photographs and leave out the middle (24 of bright, 1 of dark): are they "
        "inverted? Look at bright/000.png and bright/001.png. The thing is what is not black; if it is black, "
        "exchange black and white."
    ]
    assert fault_counts(report.photos) == {"inverted": 25}
    assert findings_of(run(place).report) == findings_of(report)  # from the file


def test_where_no_mask_can_be_used_the_audit_ends_before_it_computes(place: Path) -> None:
    for file in (place / "masks").rglob("*.png"):
        cv2.imwrite(str(file), np.zeros((SIDE // 2, SIDE), np.uint8))
    listener = AuditListener()
    with pytest.raises(SettingsError) as caught:
        run(place, listener)
    assert str(caught.value) == (
        "no mask can be used: 48 masks have another size than their photographs, such as bright/000.png (32×16 "
        "pixels, the photograph 32×32), bright/001.png (32×16 pixels, the photograph 32×32). Give masks of the "
        "size of the upright photograph."
    )
    assert listener.done == 0
    assert list((place / "kept").iterdir()) == []


def test_a_photograph_that_is_cut_short_is_named_with_its_folder(place: Path) -> None:
    file = place / "photos/bright/000.png"
    file.unlink()
    whole = cv2.imencode(".jpg", picture(SIDE, SIDE), [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    file.with_suffix(".jpg").write_bytes(whole[: len(whole) * 2 // 3])
    report = run(place).report
    assert report.failures == ("bright/000.jpg: the photograph is cut short. Give the whole of it.",)
    assert report.of("bright").count == 23


@pytest.mark.audits
def test_missing_masks_are_counted_for_each_class(place: Path) -> None:
    for number in range(10):
        (place / f"masks/bright/{number:03}.png").unlink()
    report = run(place).report
    assert unknown_places(report) == (
        "It is unknown in 10 of 24 of bright: these photographs lend no background to the other classes."
    )
    assert known_places(report) == (
        f"The place of the thing is known in 38 of 48 photographs: 38 by a mask. {unknown_places(report)}"
    )
    assert unknown_places(run(place, masks=None).report) == ""


def test_bad_input_is_one_clear_line(place: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        SettingsError, match=r"looked for .*empty/bright/000.png, and the folder has no files"
    ):
        run(place, masks=tmp_path / "empty")
    with pytest.raises(SettingsError, match="masks and boxes are given: give one of them"):
        run(place, boxes=tmp_path / "boxes.csv")
    (place / "photos/dark").rename(place / "photos/darck")
    with pytest.raises(SourceError, match=r"unknown class 'darck'. Did you mean dark\?"):
        run(place, masks=None)
    shutil.rmtree(place / "photos/darck")
    with pytest.raises(SourceError, match="all photographs are of one class, 'bright'"):
        run(place)
    for file in (place / "photos").rglob("*.png"):
        file.unlink()
    with pytest.raises(SourceError, match="has no videos or pictures in it"):
        run(place)


def test_where_every_photograph_is_broken_the_first_is_named(place: Path) -> None:
    for file in (place / "photos").rglob("*.png"):
        file.write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    with pytest.raises(SettingsError, match=r"no photograph could be audited. The first: .*000.png"):
        run(place)


@pytest.mark.audits
def test_an_interrupted_run_keeps_what_is_done(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    findings = PhotoAudit.findings
    left = [3]

    def interrupted(self: PhotoAudit, photos: Any) -> Any:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return findings(self, photos)

    monkeypatch.setattr(PhotoAudit, "findings", interrupted)
    report = run(place).report
    assert report.interrupted
    assert report.failures == ("not looked at yet: dark",)
    done = len(report.photos)
    assert done <= 12  # the last may not have been written yet
    left[0] = 100
    rest = run(place)
    assert rest.report.failures == ()
    assert (rest.report.interrupted, len(rest.report.photos), rest.kept) == (False, 48, done)


@pytest.mark.audits
def test_a_photograph_that_the_network_fails_on_is_left_out(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = PhotoAudit.findings

    def failing(self: PhotoAudit, photos: Any) -> Any:
        if any(each.photo.name == "dark/005.png" for each in photos):
            raise LiveGradcamError("the network failed.")
        return findings(self, photos)

    monkeypatch.setattr(PhotoAudit, "findings", failing)
    report = run(place).report
    assert report.failures == ("dark/005.png: the network failed.",)
    assert len(report.photos) == 47


def test_copies_in_two_classes_and_in_the_training_folder_and_dull_causes_are_told(place: Path) -> None:
    photos, training = place / "photos", place / "training"
    pixels = picture(SIDE, SIDE, seed=5)
    training.mkdir()
    for path in (photos / "bright/copy.png", photos / "dark/copy.png", training / "seen.png"):
        cv2.imwrite(str(path), pixels)
    (training / "broken.png").write_text("no picture")
    found = run(place, masks=None, training=training)
    told = {(each.first, each.second) for each in found.report.duplicates}
    assert ("bright/copy.png", "dark/copy.png") in told
    assert {second for _, second in told} >= {"seen.png"}
    (failure,) = found.report.failures
    assert failure.startswith(f"{training.as_posix()}/broken.png cannot be read: ")
    assert "brightness" in {each.name for each in found.report.causes}
    assert found.paths["dark/copy.png"] == photos / "dark/copy.png"
