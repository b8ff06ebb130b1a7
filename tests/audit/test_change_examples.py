"""Examples of the causal check: the pictures that the network was asked about, with texts that tell the truth."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from audit_findings import photo, spot
from audited import AuditListener, green_model, green_photographs

from live_gradcam.audit import change_examples
from live_gradcam.audit.audit import AuditJob, AuditRun, audit_photos
from live_gradcam.audit.change_examples import median_photo, sheet
from live_gradcam.audit.findings import PhotoFinding
from live_gradcam.audit.needs import ChangedPhoto
from live_gradcam.audit.photo_folders import AuditPhoto
from live_gradcam.audit.photo_values import PhotoAudit, PreparedPhoto
from live_gradcam.audit.report import write_report
from live_gradcam.config import ExplainSettings
from live_gradcam.explain.loading import load_explainer
from live_gradcam.frame import Pixels
from live_gradcam.number_format import percent_text
from live_gradcam.prediction import Prediction

Asked = dict[str, ChangedPhoto]


def settings_of(folder: Path) -> ExplainSettings:
    return ExplainSettings(model=str(folder / "green.keras"), preprocess="none", engine="tensorflow")


def audited(folder: Path, asked: Asked, patch: pytest.MonkeyPatch) -> AuditRun:
    """Audit photographs, and keep the changed pictures about which the network is asked."""
    prepared = PhotoAudit.prepared

    def keep(self: PhotoAudit, photo: AuditPhoto, *more: object) -> PreparedPhoto:
        found = prepared(self, photo, *more)  # type: ignore[arg-type]
        if found.changed is not None:
            asked[photo.name] = found.changed
        return found

    patch.setattr(PhotoAudit, "prepared", keep)
    job = AuditJob(masks=folder / "masks")
    return audit_photos([str(folder / "photos")], settings_of(folder), job, progress=AuditListener())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, AuditRun, Asked]:
    folder = tmp_path_factory.mktemp("examples")
    green_model(folder / "green.keras")
    green_photographs(folder, 9)
    # A photograph and a mask that would lend cannot be used, so that the next ones lend.
    (folder / "photos/dark/002.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    (folder / "masks/bright/003.png").write_bytes(b"nothing")
    asked: Asked = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("live_gradcam.audit.photo_work.MOST_LENDERS", 12)
        run = audited(folder, asked, patch)
    return folder, run, asked


@pytest.fixture
def few_lenders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live_gradcam.audit.photo_work.MOST_LENDERS", 12)


@pytest.mark.usefixtures("few_lenders")
def test_an_example_has_the_pictures_that_the_network_was_asked_about(
    made: tuple[Path, AuditRun, Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, run, asked = made
    assert run.examples is not None
    explainer = load_explainer(settings_of(folder), (32, 32), lambda _: None)

    def mean(pictures: tuple[Pixels, ...], name: str) -> float:
        targets = [explainer.explain_targets(each, [name])[0].target for each in pictures]
        return float(np.mean([each.probability for each in targets if isinstance(each, Prediction)]))

    found = None
    for finding in run.report.photos:
        monkeypatch.setattr(change_examples, "median_photo", lambda _, chosen=finding: chosen)
        if finding.mask_fault is not None:
            continue
        found = run.examples.of(finding.truth, run.report)
        assert found is not None
        wanted = asked[finding.name]
        assert len(found.on_backgrounds) == len(found.exchanged) == 4
        for own, other in zip(
            (found.removed, *found.on_backgrounds, *found.exchanged),
            (wanted.removed, *wanted.on_backgrounds, *wanted.exchanged),
            strict=True,
        ):
            np.testing.assert_array_equal(own, other)
    assert found is not None
    p = [mean(each, found.photo.truth) for each in ((found.removed,), found.on_backgrounds, found.exchanged)]
    texts = [caption for _, caption in found.shown]
    assert [re.findall(r"<?\d+%", each) for each in texts[1:]] == [[percent_text(each)] for each in p]
    assert texts[0] == f"the photograph: {percent_text(found.photo.truth_probability)}"
    assert texts[2].startswith("on 4 other backgrounds: ")
    assert texts[3].startswith("4 other things in its place: ")
    needs = [float(each.rpartition(" ")[2].rstrip(")").replace("−", "-")) for each in texts[1:]]
    assert needs == pytest.approx([found.photo.truth_probability - each for each in p], abs=0.0051)


@pytest.mark.usefixtures("few_lenders")
def test_where_the_same_pictures_cannot_be_made_there_is_no_example(
    made: tuple[Path, AuditRun, Asked], tmp_path: Path
) -> None:
    _, run, _ = made
    assert run.examples is not None
    assert run.examples.of("bright", run.report) is not None
    assert run.examples.of("no such class", run.report) is None
    others = tuple(replace(each, lenders=7) for each in run.report.photos)
    assert run.examples.of("bright", replace(run.report, photos=others)) is None
    found = median_photo([each for each in run.report.photos if each.truth == "bright"])
    assert found is not None
    file = run.paths[found.name]
    moved = file.rename(tmp_path / "moved.png")
    assert run.examples.of("bright", run.report) is None
    moved.rename(file)


@pytest.mark.usefixtures("few_lenders")
def test_the_page_shows_the_check_of_each_class_in_four_small_pictures(
    made: tuple[Path, AuditRun, Asked], tmp_path: Path
) -> None:
    _, run, _ = made
    write_report(run.report, tmp_path / "without", run.paths)
    write_report(run.report, tmp_path / "with", run.paths, run.examples)
    without, page = ((tmp_path / each / "index.html").read_text("utf-8") for each in ("without", "with"))
    assert "The check on one photograph" not in without
    assert page.count("The check on one photograph") == 2
    assert page.count("<img") == without.count("<img") + 8
    assert (
        page.count("its thing removed: ") == 2 * 2
    )  # in the caption, and for those who do not see the picture


def test_the_median_photograph_is_a_recognised_one_in_the_middle() -> None:
    def of(name: str, need: float, *, right: bool = True) -> PhotoFinding:
        found = photo(name, spot(3, 3), predicted=None if right else "dog")
        return replace(found, background_need=need, exchange_need=0.1, thing_need=0.2)

    photos = [of("a", 0.9), of("b", 0.1), of("d", 0.4), of("c", 0.4), of("e", 0.45, right=False)]
    assert median_photo(photos) is photos[3]
    assert median_photo(photos[4:]) is photos[4]
    assert median_photo([photo("a", spot(3, 3))]) is None


def test_pictures_of_one_sheet_stand_in_rows() -> None:
    pictures = [np.full((2, 3, 3), level, np.uint8) for level in (10, 20, 30)]
    found = sheet(pictures)[..., 0]
    assert found.tolist() == [[10] * 3 + [20] * 3] * 2 + [[30] * 3 + [128] * 3] * 2
    np.testing.assert_array_equal(sheet(pictures[:1]), pictures[0])
