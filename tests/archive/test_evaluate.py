"""Evaluating photographs of an archive: what is known is kept, what is damaged is left out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import pytest
from networks import flattened_network, picture

import live_gradcam as lg
from live_gradcam.archive.evaluate import EvaluateJob, EvaluateReport, evaluate_photos
from live_gradcam.archive.places_file import read_places
from live_gradcam.audit.audit_files import write_audit
from live_gradcam.audit.findings import AuditReport
from live_gradcam.commands.evaluate_files import write_files
from live_gradcam.config import ExplainSettings
from live_gradcam.errors import SettingsError, SourceError
from live_gradcam.metrics.photo_test import MapName, PhotoTest


class Told:
    """A listener that keeps what it is told, and may interrupt."""

    def __init__(self, *, interrupted_after: int | None = None) -> None:
        self.lines: list[str] = []
        self.photos = 0
        self.done = 0
        self._last = interrupted_after

    def say(self, line: str) -> None:
        self.lines.append(line)

    def begin(self, photos: int) -> None:
        self.photos = photos

    def advance(self, photos: int) -> None:
        self.done += photos


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.keras"
    flattened_network().save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(4):
        cv2.imwrite(str(folder / f"{number}.png"), picture(16, 16, number))
    return folder


def run(folder: Path, model: Path, told: Told | None = None, **changes: Any) -> EvaluateReport:
    settings = ExplainSettings(model=str(model), preprocess="unit", engine="tensorflow")
    options = {"methods": ("gradcam",), "steps": 4, "beside": model.with_name("table.json"), **changes}
    return evaluate_photos([str(folder)], settings, EvaluateJob(**options), progress=told or Told())


def test_the_values_are_those_of_the_pictures(photos: Path, model: Path) -> None:
    report = run(photos, model, metrics=("deletion",), controls=())
    explainer = lg.Explainer(lg.load_model(model, preprocess="unit"))
    wanted = lg.evaluate(explainer, [picture(16, 16, number) for number in range(4)], ["deletion"], steps=4)
    assert report.evaluation.of("deletion")["gradcam"].mean == pytest.approx(
        wanted.of("deletion")["gradcam"].mean, abs=1e-6
    )
    assert [name for name, _ in report.photos] == ["0.png", "1.png", "2.png", "3.png"]
    assert report.evaluation.count == 4


def test_a_second_run_computes_only_what_is_missing(
    photos: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[Sequence[MapName]] = []
    values = PhotoTest.values

    def watched(self: PhotoTest, image: Any, place: Any, wanted: Any) -> Any:
        computed.append(wanted)
        return values(self, image, place, wanted)

    monkeypatch.setattr(PhotoTest, "values", watched)
    first = run(photos, model, metrics=("deletion",), controls=())
    assert len(computed) == 4
    again = run(photos, model, metrics=("deletion",), controls=())
    assert len(computed) == 4
    assert again.evaluation == first.evaluation
    assert again.kept == 4
    run(photos, model, metrics=("deletion", "complexity"), controls=())
    assert computed[4:] == [[MapName("gradcam", "complexity")]] * 4
    cv2.imwrite(str(photos / "4.png"), picture(16, 16, 9))
    cv2.imwrite(str(photos / "0.png"), picture(18, 18, 8))  # has changed
    run(photos, model, metrics=("deletion",), controls=())
    assert len(computed) == 10
    run(photos, model, metrics=("deletion",), controls=(), steps=5)
    assert len(computed) == 15


def test_an_interrupted_run_keeps_what_is_done_and_goes_on_later(
    photos: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = PhotoTest.values
    left = [2]

    def interrupted(self: PhotoTest, image: Any, place: Any, wanted: Any) -> Any:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return values(self, image, place, wanted)

    monkeypatch.setattr(PhotoTest, "values", interrupted)
    report = run(photos, model, metrics=("deletion",), controls=())
    assert report.interrupted
    done = report.evaluation.count
    assert done <= 2  # the last may not have been written yet
    left[0] = 4 - done
    report = run(photos, model, metrics=("deletion",), controls=())
    assert (report.interrupted, report.evaluation.count, report.kept) == (False, 4, done)


def test_a_killed_run_s_last_line_is_computed_again(photos: Path, model: Path) -> None:
    run(photos, model, metrics=("deletion",), controls=())
    (kept,) = (model.parent / ".live-gradcam").glob("evaluate-*.jsonl")
    text = kept.read_text("utf-8")
    kept.write_text(text[: len(text) - 30], "utf-8")
    told = Told()
    report = run(photos, model, told, metrics=("deletion",), controls=())
    assert told.photos == 1
    assert report.evaluation.count == 4


def test_damaged_photos_are_left_out_with_a_line_each(photos: Path, model: Path) -> None:
    whole = cv2.imencode(".jpg", picture(64, 64))[1].tobytes()
    (photos / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (photos / "none.jpg").write_bytes(b"\xff\xd8\xff nothing")
    told = Told()
    report = run(photos, model, told, metrics=("deletion",), controls=())
    assert report.evaluation.count == 4
    assert sorted(failure.name for failure in report.failures) == ["cut.jpg", "none.jpg"]
    assert all("c" in str(failure) for failure in report.failures)
    assert told.done == 6
    assert {"cut.jpg: left out", "none.jpg: left out"} <= set(told.lines)


def test_controls_are_tested_on_as_many_photos_as_wanted_and_a_limit_spreads_the_photos(
    photos: Path, model: Path
) -> None:
    report = run(photos, model, metrics=("deletion",), controls=("shifted", "central"), most_controls=2)
    counts = {row.control: row.count for row in report.evaluation.rows}
    assert counts == {None: 4, "shifted": 2, "central": 2}
    report = run(photos, model, metrics=("deletion",), controls=(), limit=2)
    assert [name for name, _ in report.photos] == ["1.png", "3.png"]


def test_boxes_belong_to_the_photos_that_they_name(photos: Path, model: Path, tmp_path: Path) -> None:
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("file,x,y,width,height\n0.png,0,0,8,8\n2.png,0,0,16,16\n", "utf-8")
    places = read_places(boxes)
    report = run(photos, model, metrics=("inside", "complexity"), controls=(), places=places)
    rows = report.evaluation.rows
    assert {row.metric: row.count for row in rows} == {"inside": 2, "complexity": 4}
    inside = [values.values[MapName("gradcam", "inside")] for _, values in report.photos]
    assert inside[1] is None
    assert inside[2] == pytest.approx(1)
    boxes.write_text("file,x,y,width,height\nother.png,0,0,8,8\n", "utf-8")
    with pytest.raises(SettingsError, match=r"the boxes name none of the photographs, such as 0.png"):
        run(photos, model, metrics=("inside",), controls=(), places=read_places(boxes))


def test_videos_are_no_photographs(tmp_path: Path, model: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(b"film")
    with pytest.raises(SourceError, match="there are only videos"):
        run(folder, model)


def test_boxes_of_one_name_for_several_photos_are_told(
    tmp_path: Path, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "named alike"
    for each in ("a", "b"):
        (folder / each).mkdir(parents=True)
        cv2.imwrite(str(folder / each / "x.png"), picture(16, 16, 1))
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("file,x,y,width,height\nx.png,0,0,8,8\n", "utf-8")
    run(folder, model, metrics=("inside",), controls=(), places=read_places(boxes))
    told = [each for each in caplog.messages if each.startswith("the boxes of")]
    assert told == [
        "the boxes of x.png are used for 2 photographs, such as a/x.png and b/x.png. If these differ, write the folder "
        "before the name"
    ]
    caplog.clear()
    boxes.write_text("file,x,y,width,height\na/x.png,0,0,8,8\nb/x.png,0,0,4,4\n", "utf-8")
    run(folder, model, metrics=("inside",), controls=(), places=read_places(boxes))
    assert not [each for each in caplog.messages if each.startswith("the boxes of")]


def test_a_file_that_is_typed_and_is_no_picture_is_not_called_a_video(tmp_path: Path, model: Path) -> None:
    (tmp_path / "notes.md").write_text("# Notes\n", "utf-8")
    with pytest.raises(SourceError, match=r"'notes.md': no photograph by its ending\. Give photographs\."):
        run(tmp_path / "notes.md", model)


def test_names_are_checked_before_anything_is_loaded(photos: Path, model: Path) -> None:
    with pytest.raises(SettingsError, match="unknown metric"):
        run(photos, model, metrics=("nothing",))
    with pytest.raises(lg.LiveGradcamError, match="unknown method"):
        run(photos, model, methods=("gradcamm",))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "file,x,y,width,height\nf/1.jpg,1,2,3,4\n2.jpg,5,6,7,8\nf/1.jpg,0,0,1,1\n"),
        ("b.csv", "height,width,y,x,file\n4,3,2,1,f/1.jpg\n8,7,6,5,2.jpg\n1,1,0,0,f/1.jpg\n"),
        ("c.json", json.dumps({"f/1.jpg": [[1, 2, 3, 4], [0, 0, 1, 1]], "2.jpg": [[5, 6, 7, 8]]})),
        (
            "d.json",
            json.dumps(
                {
                    "images": [{"id": 7, "file_name": "f/1.jpg"}, {"id": 9, "file_name": "2.jpg"}],
                    "annotations": [
                        {"image_id": 7, "bbox": [1, 2, 3, 4], "category_id": 1},
                        {"image_id": 9, "bbox": [5, 6, 7, 8]},
                        {"image_id": 7, "bbox": [0, 0, 1, 1]},
                    ],
                }
            ),
        ),
    ],
)
def test_boxes_are_read_from_every_form(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    places = read_places(tmp_path / name)
    assert places.of(Path("/any/f/1.jpg"), (100, 50)) == [(1, 2, 3, 4), (0, 0, 1, 1)]
    assert places.of(Path("/any/2.jpg"), (100, 50)) == [(5, 6, 7, 8)]
    assert places.of(Path("/any/g/1.jpg"), (100, 50)) is None


def test_controls_are_tested_first_on_photos_that_have_boxes(
    photos: Path, model: Path, tmp_path: Path
) -> None:
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("file,x,y,width,height\n0.png,0,0,8,8\n3.png,0,0,16,16\n", "utf-8")
    for most, expected in ((1, {"3.png"}), (2, {"0.png", "3.png"}), (3, {"0.png", "2.png", "3.png"})):
        found = run(photos, model, metrics=("inside",), places=read_places(boxes), most_controls=most)
        controlled = {name for name, photo in found.photos if any(each.control for each in photo.values)}
        assert controlled == expected


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.csv", "file,x,y,width\n", "a.csv has no column 'height'"),
        ("a.csv", "file,x,y,width,height\n1.jpg,1,2,3\n", "a.csv, line 2: '1.jpg, 1, 2, 3, ' is no box"),
        ("a.csv", "file,x,y,width,height\n1.jpg,1,2,0,4\n", "width and height are more than 0"),
        ("a.csv", "file,x,y,width,height\n", "a.csv has no boxes"),
        ("a.json", "{", "a.json is no JSON"),
        ("a.json", "[1]", "a.json holds [1], and no boxes by file name. Give CSV"),
        ("a.json", "[" * 99999, "a.json is no JSON"),
        (
            "a.json",
            '{"model": "m", "count": 3, "rows": [], "differences": []}',
            "a.json is a table of `evaluate",
        ),
        (
            "a.json",
            '{"evaluations": []}',
            "a.json is a file with tables of `evaluate --json`, and has no boxes.",
        ),
        (
            "a.json",
            '{"model": "m", "places": {}, "classes": []}',
            "a.json is the result of an audit, and has",
        ),
        (
            "a.csv",
            "model,file,class,probability,method,metric,control,value\n",
            "a.csv is a table of `evaluate",
        ),
        (
            "a.csv",
            "file,truth,predicted,probability,inside,lift\n",
            "a.csv is a table of an audit, and has no",
        ),
        (
            "a.json",
            '{"1.jpg": [1, 2, 3, 4]}',
            "a.json has [1, 2, 3, 4] for '1.jpg', and no list of boxes. Give",
        ),
        ("a.json", '{"made by": "hand"}', """a.json has "hand" for 'made by', and no list of boxes."""),
        ("a.json", '{"images": [{"id": 1}], "annotations": []}', "a.json: each of `images` needs `id` and"),
        (
            "a.json",
            '{"images": [], "annotations": [{"image_id": 7, "bbox": [1, 2, 3, 4]}]}',
            "a.json, annotation 1: it needs `image_id`, the id of one of `images`, and `bbox`, and is "
            '{"image_id": 7, "bbox": [1, 2, 3, 4]}. Give CSV',
        ),
        ("a.json", '{"1.jpg": [[1, 2, 3]]}', "a.json, box 1: '1.jpg, 1, 2, 3' is no box"),
    ],
)
def test_boxes_of_another_form_are_refused_with_the_place(
    tmp_path: Path, name: str, text: str, told: str
) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(SourceError) as caught:
        read_places(tmp_path / name)
    assert told in str(caught.value)


def test_what_evaluate_and_audit_wrote_is_known_from_boxes(photos: Path, model: Path, tmp_path: Path) -> None:
    report = run(photos, model, metrics=("complexity",), controls=())
    tables = tmp_path / "table.json", tmp_path / "values.csv"
    write_files([report], json_file=tables[0], csv_file=tables[1], plot=None)
    both = tmp_path / "both.json"
    write_files([report, report], json_file=both, csv_file=None, plot=None)
    write_audit(AuditReport(model="m", photos=(), classes=()), tmp_path)
    for file in (*tables, both, tmp_path / "audit.json", tmp_path / "photos.csv"):
        with pytest.raises(
            SourceError, match=f"{file.name} is .*(evaluate|audit).*, and has no boxes. Give CSV"
        ):
            read_places(file)


def test_a_missing_file_of_boxes_names_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").touch()
    with pytest.raises(
        SourceError, match=r"there is no file '.*boxs.csv' of boxes. Did you mean .*boxes.csv"
    ):
        read_places(tmp_path / "boxs.csv")
