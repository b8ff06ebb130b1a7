"""Marks: what a person says about a photograph is on disk at once, and an earlier run is gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from marked import disc_mask, drawn_photographs, marks_of

from live_gradcam.archive.places_file import read_places
from live_gradcam.audit.marks import Marks, in_pixels, in_turn, mask_file
from live_gradcam.audit.photo_folders import AuditPhoto
from live_gradcam.audit.thing_masks import MasksOrBoxes, read_mask
from live_gradcam.errors import LiveGradcamError, SinkError, SourceError

DISC_BOX = (0.3, 0.2, 0.4, 0.6)


def test_a_box_is_written_in_the_form_that_the_audit_reads(tmp_path: Path) -> None:
    marks = marks_of(drawn_photographs(tmp_path), tmp_path / "report")
    assert [marks.state(number) for number in range(5)] == [""] * 5
    marks.save(0, DISC_BOX)
    photo = marks.photos[0]
    assert read_places(marks.boxes).of(photo.path, (120, 80)) == [(36, 16, 48, 48)]
    assert marks.box(0) == pytest.approx(DISC_BOX)
    assert (marks.state(0), marks.has_boxes) == ("box", True)


def test_a_second_run_goes_on_where_the_first_stopped(tmp_path: Path) -> None:
    photos = drawn_photographs(tmp_path)
    first = marks_of(photos, tmp_path / "report")
    first.save(0, DISC_BOX)
    first.save(1, DISC_BOX, outlined=True)
    first.save(2, None)
    second = marks_of(photos, tmp_path / "report")
    assert [second.state(number) for number in range(5)] == ["box", "outline", "none", "", ""]
    assert second.box(1) == pytest.approx(DISC_BOX)
    second.forget(1)
    assert [first.state(1), marks_of(photos, tmp_path / "report").state(1)] == ["box", ""]
    assert not list((tmp_path / "report" / "masks").rglob("*.png"))


def test_the_entries_of_other_photographs_stay(tmp_path: Path) -> None:
    photos, out = drawn_photographs(tmp_path), tmp_path / "report"
    out.mkdir()
    (out / "boxes.json").write_text('{"birds/1.jpg": [[1, 2, 3, 4], [5, 6, 7, 8]]}', "utf-8")
    marks = marks_of(photos, out)
    marks.save(0, DISC_BOX)
    assert json.loads(marks.boxes.read_text("utf-8"))["birds/1.jpg"] == [[1, 2, 3, 4], [5, 6, 7, 8]]


def test_an_accepted_outline_is_an_estimate_and_goes_with_its_box(tmp_path: Path) -> None:
    marks = marks_of(drawn_photographs(tmp_path), tmp_path / "report")
    marks.save(0, DISC_BOX, outlined=True)
    photo = marks.photos[0]
    file = mask_file(marks.masks, photo)
    assert file.name == f"{photo.path.name}.png"  # --masks takes none of these for a mask that somebody drew
    assert (read_mask(file) == disc_mask()).mean() > 0.99
    places = MasksOrBoxes(boxes=read_places(marks.boxes), estimates=marks.masks)
    found = places.of(photo, marks.picture(0))
    assert (read_mask(file) == found).all()
    assert [places.kind_of(each) for each in marks.photos[:2]] == ["estimated", None]
    before = places.key_of(photo)
    marks.save(0, DISC_BOX)  # the outline is refused after all
    assert not file.exists()
    assert places.kind_of(photo) == "box"
    assert places.key_of(photo) != before
    assert places.of(photo, marks.picture(0)) == [(36, 16, 48, 48)]


def test_a_new_box_takes_the_outline_of_the_old_one_away(tmp_path: Path) -> None:
    marks = marks_of(drawn_photographs(tmp_path), tmp_path / "report")
    marks.save(0, DISC_BOX, outlined=True)
    marks.save(0, (0.1, 0.1, 0.2, 0.2))
    assert marks.state(0) == "box"


KILLED = """
import sys
from pathlib import Path
from live_gradcam.audit.marks import Marks
from live_gradcam.audit.photo_folders import photos_in_folders
marks = Marks(photos_in_folders(sys.argv[1:2])[0], Path(sys.argv[2]))
for turn in range(10**6):
    number = turn % len(marks.photos)
    marks.save(number, (0.3, 0.2, 0.4 + 0.1 * (turn // len(marks.photos) % 3), 0.6), outlined=turn % 2 == 0)
    print(turn, flush=True)
"""


def test_a_kill_loses_nothing_that_was_written(tmp_path: Path) -> None:
    photos, out = drawn_photographs(tmp_path), tmp_path / "report"
    command = [sys.executable, "-c", KILLED, str(photos), str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 12:
                break
        os.kill(process.pid, signal.SIGKILL)
    marks = marks_of(photos, out)
    assert all(marks.state(number) in ("box", "outline") for number in range(5))
    assert read_places(marks.boxes).key
    for file in marks.masks.rglob("*.png"):
        assert read_mask(file).shape == (80, 120)


@pytest.mark.parametrize(
    "box",
    [
        (-0.1, 0, 0.5, 0.5),
        (0, 0, 1.1, 0.5),
        (0.6, 0, 0.5, 0.5),
        (0, 0.9, 0.1, 0.2),
        (0, 0, 0, 0.5),
        (float("nan"), 0, 0.5, 0.5),
        (0, 0, float("inf"), 0.5),
    ],
)
def test_a_box_outside_the_picture_is_refused(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(LiveGradcamError, match="is not within the picture"):
        in_pixels(box, (120, 80))


def test_a_box_has_whole_pixels_and_at_least_one() -> None:
    assert in_pixels((0, 0, 1, 1), (120, 80)) == (0, 0, 120, 80)
    assert in_pixels((0.9999, 0.9999, 0.0001, 0.0001), (120, 80)) == (119, 79, 1, 1)
    assert in_pixels((0.25, 0.5, 0.1, 0.1), (120, 80)) == (30, 40, 12, 8)


def test_classes_take_turns_and_the_order_depends_on_names_alone() -> None:
    photos = [
        AuditPhoto(Path(f"{name}/{number}.jpg"), f"{name}/{number}.jpg", name)
        for name, count in (("cats", 30), ("dogs", 5), ("owls", 12))
        for number in range(count)
    ]
    turns = in_turn(photos)
    assert in_turn(photos[::-1]) == turns
    assert set(turns) == set(photos)
    for end in range(1, 16):
        counts = [sum(each.truth == name for each in turns[:end]) for name in ("cats", "dogs", "owls")]
        assert max(counts) - min(counts) <= 1
    assert [each.name for each in turns if each.truth == "cats"] != [f"cats/{n}.jpg" for n in range(30)]


def test_names_that_are_no_text_are_kept(tmp_path: Path) -> None:
    folder = drawn_photographs(tmp_path) / "cats"
    name = os.fsdecode(b' odd \xe9"\n.png')
    (folder / "0.png").rename(folder / name)
    marks = marks_of(tmp_path / "photos", tmp_path / "report")
    number = next(at for at, each in enumerate(marks.photos) if each.path.name == name)
    marks.save(number, DISC_BOX, outlined=True)
    again = marks_of(tmp_path / "photos", tmp_path / "report")
    assert again.state(number) == "outline"
    assert read_places(marks.boxes).of(marks.photos[number].path, (120, 80)) == [(36, 16, 48, 48)]


def test_a_photograph_that_is_gone_or_cut_short_is_told(tmp_path: Path) -> None:
    marks = marks_of(drawn_photographs(tmp_path), tmp_path / "report")
    marks.photos[0].path.unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        marks.save(0, DISC_BOX)
    assert not marks.boxes.exists()
    marks.save(0, None)  # nothing is needed for that
    assert marks.state(0) == "none"


def test_wrong_boxes_of_an_earlier_run_are_told(tmp_path: Path) -> None:
    photos = drawn_photographs(tmp_path)
    for text in (
        "{",
        "[]",
        '{"a": 1}',
        '{"a": [[1, 2]]}',
        '{"a": [[0, 0, -1, 2]]}',
        '{"a": [[0, 0, NaN, 2]]}',
    ):
        (tmp_path / "boxes.json").write_text(text, "utf-8")
        with pytest.raises(SourceError, match="Mend the file, or move it away"):
            marks_of(photos, tmp_path)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    photos = drawn_photographs(tmp_path)
    (tmp_path / "file").touch()
    marks = Marks(marks_of(photos, tmp_path).photos, tmp_path / "file")
    with pytest.raises(SinkError, match="Name another folder with --out"):
        marks.save(0, DISC_BOX)
    assert marks.state(0) == ""
