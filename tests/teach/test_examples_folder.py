"""The folder of examples: whole at any moment, and readable by others."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from live_gradcam.errors import LiveGradcamError, SinkError
from live_gradcam.frame import Pixels
from live_gradcam.teach import examples_folder
from live_gradcam.teach.class_folders import bursts_in, class_folders
from live_gradcam.teach.examples_folder import FILE, ExamplesFolder


def picture(value: int) -> Pixels:
    return np.full((16, 16, 3), value, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mug-examples"


def test_bursts_come_back_in_their_order_with_their_names(folder: Path) -> None:
    kept = ExamplesFolder(folder)
    kept.add(2, "mug", [picture(10), picture(20)])
    kept.add(1, "banana", [picture(200)])
    kept.add(2, "mug", [picture(30)])
    again = ExamplesFolder(folder)
    assert again.names == {1: "banana", 2: "mug"}
    bursts = again.bursts()
    assert [each.number for each in bursts] == [2, 1, 2]
    values = [[round(float(pixels.mean()), -1) for pixels in each.read()] for each in bursts]
    assert values == [[10, 20], [200], [30]]


def test_the_folder_reads_as_a_person_would_lay_it_out(folder: Path) -> None:
    ExamplesFolder(folder).add(1, "my mug", [picture(10), picture(20)])
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert files == [FILE, "my mug/burst-0001/0001.jpg", "my mug/burst-0001/0002.jpg"]


def test_a_program_that_is_killed_leaves_whole_bursts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = ExamplesFolder(folder)
    kept.add(1, "mug", [picture(10)])

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    written = examples_folder._write_picture

    def second_kills(path: Path, pixels: Pixels) -> None:
        written(path, pixels)
        if path.name == "0002.jpg":
            killed()

    monkeypatch.setattr(examples_folder, "_write_picture", second_kills)
    with pytest.raises(KeyboardInterrupt):
        kept.add(1, "mug", [picture(20), picture(30)])
    assert [len(each.pictures) for each in ExamplesFolder(folder).bursts()] == [1]


_ADDS_UNTIL_IT_IS_KILLED = """
import sys
from pathlib import Path
import numpy as np
from live_gradcam.teach.examples_folder import ExamplesFolder

kept = ExamplesFolder(Path(sys.argv[1]))
picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
print("begins", flush=True)
for number in range(1, 10_000):
    kept.add(number % 9 + 1, f"class {number % 9 + 1}", [picture] * 4)
    print("whole", flush=True)
"""


def test_whatever_the_moment_of_the_kill_the_folder_is_taken_up_with_whole_bursts(folder: Path) -> None:
    for milliseconds in (0, 1, 2, 4, 8, 16, 40):
        command = [sys.executable, "-c", _ADDS_UNTIL_IT_IS_KILLED, str(folder)]
        before = len(ExamplesFolder(folder).bursts())
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            assert program.stdout.readline() == "begins\n"
            time.sleep(milliseconds / 1000)
            program.kill()
            whole = program.stdout.read().count("whole")
        again = ExamplesFolder(folder)
        bursts = again.bursts()
        assert before + whole <= len(bursts) <= before + whole + 1  # one may be whole before it is said
        assert all(len(each.pictures) == len(list(each.read())) == 4 for each in bursts)
        assert {each.number for each in bursts} == set(again.names)
    again.add(1, "class 1", [picture(10)])
    assert not list((folder / "class 1").glob(".*"))


def test_a_kill_before_the_first_burst_leaves_a_folder_that_can_be_taught_into(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(examples_folder, "_write_picture", killed)
        patched.setattr(shutil, "rmtree", killed)
        with pytest.raises(SystemExit):
            ExamplesFolder(folder).add(1, "mug", [picture(10)])
    (folder / "tmp123.part").touch()
    again = ExamplesFolder(folder)
    assert again.names == {}
    again.add(1, "cup", [picture(10)])
    assert ExamplesFolder(folder).names == {1: "cup"}


def test_a_burst_that_the_file_does_not_name_yet_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = ExamplesFolder(folder)
    kept.add(1, "mug", [picture(10)])

    def killed() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(kept, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        kept.add(1, "mug", [picture(20)])
    assert [len(each.pictures) for each in ExamplesFolder(folder).bursts()] == [1, 1]


def test_a_full_disk_is_one_line_and_leaves_the_folder_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = ExamplesFolder(folder)
    kept.add(1, "mug", [picture(10)])
    before = sorted(folder.rglob("*"))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(examples_folder, "_write_picture", full)
    with pytest.raises(
        SinkError, match=r"cannot be kept in .*: No space left on device\. They are learned all the same"
    ):
        kept.add(1, "mug", [picture(20)])
    assert sorted(folder.rglob("*")) == before


def test_a_removed_burst_is_gone_and_an_empty_class_with_it(folder: Path) -> None:
    kept = ExamplesFolder(folder)
    first = kept.add(1, "mug", [picture(10)])
    second = kept.add(2, "banana", [picture(20)])
    kept.remove([second])
    assert ExamplesFolder(folder).names == {1: "mug"}
    assert first.exists()
    assert not second.parent.exists()


def test_a_renamed_class_keeps_its_folder(folder: Path) -> None:
    kept = ExamplesFolder(folder)
    burst = kept.add(1, "class 1", [picture(10)])
    kept.rename(1, "mug")
    again = ExamplesFolder(folder)
    assert again.names == {1: "mug"}
    assert [each.folder for each in again.bursts()] == [burst]


@pytest.mark.parametrize("name", ["../up", "a/b", "con:trol", "..", "trailing. ", "日本"])
def test_a_name_of_any_letters_stays_inside_the_folder(folder: Path, name: str) -> None:
    burst = ExamplesFolder(folder).add(1, name, [picture(10)])
    assert burst.resolve().is_relative_to(folder.resolve())
    assert ExamplesFolder(folder).names == {1: name}
    assert len(ExamplesFolder(folder).bursts()) == 1


def test_two_names_that_give_one_folder_get_two(folder: Path) -> None:
    kept = ExamplesFolder(folder)
    kept.add(1, "a/b", [picture(10)])
    kept.add(2, "a:b", [picture(20)])
    assert [each.number for each in ExamplesFolder(folder).bursts()] == [1, 2]


def test_a_folder_with_other_files_is_refused(folder: Path) -> None:
    folder.mkdir()
    (folder / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(SinkError, match="holds other files: give --examples a new folder"):
        ExamplesFolder(folder)


def test_a_file_is_no_folder(folder: Path) -> None:
    folder.write_text("x")
    with pytest.raises(SinkError, match="it is a file"):
        ExamplesFolder(folder)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 9, "classes": [], "bursts": {}}', '{"version": 1}']
)
def test_a_damaged_file_is_one_line_and_nothing_is_deleted(folder: Path, text: str) -> None:
    ExamplesFolder(folder).add(1, "mug", [picture(10)])
    (folder / FILE).write_text(text)
    with pytest.raises(LiveGradcamError, match="cannot be read"):
        ExamplesFolder(folder)
    assert (folder / "mug" / "burst-0001" / "0001.jpg").exists()


def test_a_damaged_picture_is_left_out(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    ExamplesFolder(folder).add(1, "mug", [picture(10), picture(20)])
    (folder / "mug" / "burst-0001" / "0001.jpg").write_bytes(b"broken")
    (burst,) = ExamplesFolder(folder).bursts()
    assert len(list(burst.read())) == 1
    assert "0001.jpg cannot be read: it is left out" in caplog.text


def test_the_names_and_times_are_json(folder: Path) -> None:
    ExamplesFolder(folder).add(3, "Tasse", [picture(10)])
    stored = json.loads((folder / FILE).read_text(encoding="utf-8"))
    assert stored["classes"] == [{"number": 3, "name": "Tasse", "folder": "Tasse"}]
    assert list(stored["bursts"]) == ["Tasse/burst-0001"]


def test_the_folder_is_a_folder_of_classes_too(folder: Path) -> None:
    kept = ExamplesFolder(folder)
    kept.add(1, "mug", [picture(10), picture(20)])
    kept.add(2, "banana", [picture(30)])
    shutil.copytree(folder, folder.with_name("other"))
    found = class_folders(folder.with_name("other"))
    assert [(each.name, len(list(bursts_in(each.files)))) for each in found] == [("banana", 1), ("mug", 2)]
