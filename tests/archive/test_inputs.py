"""Which files are meant, and where their results go. No file is read: empty ones will do."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from photos import FORMATS
from PIL import Image

from live_gradcam.archive.inputs import find_entries
from live_gradcam.errors import SinkError, SourceError


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with `day 1/a.mp4`, `day 1/b.JPG`, `day 1/notes.txt`, `day 2/a.mp4`, `top.avi`."""
    folder = tmp_path / "tapes"
    for name in (
        "day 1/a.mp4",
        "day 1/b.JPG",
        "day 1/notes.txt",
        "day 1/.hidden.mp4",
        "day 2/a.mp4",
        "top.avi",
    ):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.chdir(folder)
    return folder


def pairs(*typed: str, out: str = "../out", listed: str | None = None) -> dict[str, str]:
    """Return name → output, below the folder of the outputs, for what was typed; nothing may fail."""
    entries, failures = find_entries(typed, Path(out), None if listed is None else io.StringIO(listed))
    assert failures == []
    root = Path(out).resolve()
    return {entry.name: entry.output.relative_to(root).as_posix() for entry in entries}


@pytest.mark.usefixtures("tree")
def test_a_folder_is_mirrored_with_all_videos_and_pictures_in_it() -> None:
    assert pairs(".") == {
        "top.avi": "top.mp4",
        "day 1/a.mp4": "day 1/a.mp4",
        "day 1/b.JPG": "day 1/b.JPG",
        "day 2/a.mp4": "day 2/a.mp4",
    }


@pytest.mark.usefixtures("tree")
def test_several_folders_are_mirrored_from_the_one_that_holds_them_all() -> None:
    assert pairs("day 2", "day 1") == {
        "day 2/a.mp4": "day 2/a.mp4",
        "day 1/a.mp4": "day 1/a.mp4",
        "day 1/b.JPG": "day 1/b.JPG",
    }


@pytest.mark.usefixtures("tree")
def test_a_single_file_lies_in_the_output_folder_or_has_the_name_that_is_given() -> None:
    assert pairs("day 1/a.mp4") == {"a.mp4": "a.mp4"}
    (entry,), _ = find_entries(["day 1/a.mp4"], Path("../new/other.webm"))
    assert entry.output == Path("../new/other.webm").resolve()
    assert entry.record == Path("../new/.live-gradcam/other.webm.jsonl").resolve()
    assert entry.part.name == "other.part.webm"


@pytest.mark.usefixtures("tree")
def test_a_glob_is_mirrored_from_its_fixed_part() -> None:
    assert pairs("day*/*.mp4") == {"day 1/a.mp4": "day 1/a.mp4", "day 2/a.mp4": "day 2/a.mp4"}
    assert list(pairs("**/*")) == ["day 1/a.mp4", "day 1/b.JPG", "day 2/a.mp4", "top.avi"]


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("listed", ["day 1/a.mp4\ntop.avi\n\n", "day 1/a.mp4\0top.avi\0"])
def test_a_list_comes_from_stdin_in_lines_or_separated_by_nul(listed: str) -> None:
    assert pairs("-", listed=listed) == {"day 1/a.mp4": "day 1/a.mp4", "top.avi": "top.mp4"}


@pytest.mark.usefixtures("tree")
def test_a_file_that_is_named_twice_is_done_once() -> None:
    assert list(pairs("top.avi", ".", "day 1")) == ["top.avi", "day 1/a.mp4", "day 1/b.JPG", "day 2/a.mp4"]


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        ("x.mov", "x.mp4"),
        ("x.mkv", "x.mkv"),
        ("x.WebM", "x.WebM"),
        ("x.gif", "x.mp4"),
        ("x.jpeg", "x.jpeg"),
        ("x.avif", "x.png"),
        ("x.pgm", "x.png"),
        ('it\'s "a" 猫.avi', 'it\'s "a" 猫.mp4'),
        ("no ending", "no ending.mp4"),
    ],
)
@pytest.mark.usefixtures("tree")
def test_an_ending_is_kept_where_such_a_file_can_be_written(name: str, becomes: str) -> None:
    if sys.platform == "win32" and '"' in name:
        pytest.skip("only on Unix: Windows has no such names")
    Path(name).touch()
    assert pairs(name) == {name: becomes}


@pytest.mark.usefixtures("tree")
def test_two_files_never_get_the_same_output() -> None:
    Path("day 2/a.avi").touch()
    Path("day 2/a.mov").touch()
    assert pairs("day 2") == {"a.avi": "a.avi.mp4", "a.mov": "a.mov.mp4", "a.mp4": "a.mp4"}


@pytest.mark.usefixtures("tree")
def test_a_missing_folder_comes_with_near_ones_but_no_empty_one_and_none_of_an_earlier_run() -> None:
    for name in ("day 3", "day 4/.live-gradcam", "day 5"):
        Path(name).mkdir(parents=True)
    Path("day 4/index.html").touch()
    Path("day 5/audit.json").touch()
    with pytest.raises(SourceError) as caught:
        pairs("day 6")
    assert str(caught.value).partition(" Did you mean ")[2] == f"day 2{os.sep} or day 1{os.sep}?"
    with pytest.raises(SourceError, match="Give videos, pictures, folders or globs"):
        pairs("day 5/nothing/of/this")


@pytest.mark.usefixtures("tree")
def test_outputs_inside_the_input_folder_are_no_inputs() -> None:
    Path("out").mkdir()
    Path("out/top.mp4").touch()
    assert "out/top.mp4" not in pairs(".", out="out")


def failing(*typed: str, out: str = "../out") -> str:
    with pytest.raises((SourceError, SinkError)) as caught:
        find_entries(typed, Path(out), io.StringIO(""))
    return str(caught.value)


@pytest.mark.usefixtures("tree")
def test_what_cannot_be_done_at_all_is_told_in_one_line() -> None:
    assert (
        failing("nothing.mp4") == "there is no file 'nothing.mp4'. Give videos, pictures, folders or globs."
    )
    assert failing("*.mov") == "no video or picture matches '*.mov'."
    assert failing("-") == "no input is named. Give videos, pictures or folders."
    assert "day 1' is the output, too. Choose another --out." in failing("day 1", out="day 1")
    assert "give the name of a folder" in failing("day 1", out="one.mp4")
    assert failing("top.avi", out="top.mov") == (
        "cannot write the video top.avi to 'top.mov': the name must end in .mkv, .mp4 or .webm."
    )
    assert "cannot write the picture b.JPG to 'b.mp4'" in failing("day 1/b.JPG", out="b.mp4")
    Path("empty").mkdir()
    assert failing("empty") == (
        "the folder 'empty' has no videos or pictures in it. JPEG, HEIC, PNG, WebP, AVIF, GIF, TIFF and BMP are "
        "read, and films such as .mp4, .mov, .mkv, .webm and .avi."
    )


def test_an_input_that_is_its_own_output_is_refused_and_the_others_are_not(tree: Path) -> None:
    entries, failures = find_entries(["day 1/a.mp4", "top.avi", "day 2/a.mp4"], tree)
    assert [entry.name for entry in entries] == ["top.avi"]
    assert [str(failure) for failure in failures] == [
        "day 1/a.mp4: its output would replace itself. Choose another --out.",
        "day 2/a.mp4: its output would replace itself. Choose another --out.",
    ]


def test_an_output_that_is_another_input_is_refused(tree: Path) -> None:
    Path("day 1/top.mp4").touch()
    entries, failures = find_entries(["top.avi", "day 1/top.mp4"], tree / "day 1")
    assert [entry.output for entry in entries] == [tree / "day 1/day 1/top.mp4"]
    assert [str(failure) for failure in failures] == [
        "top.avi: its output would replace the input day 1/top.mp4. Choose another --out."
    ]


@pytest.mark.usefixtures("tree")
def test_what_is_missing_is_told_and_the_rest_is_found() -> None:
    entries, failures = find_entries(["top.avi", "typo.mp4"], Path("../out"))
    assert [entry.name for entry in entries] == ["top.avi"]
    assert [str(failure) for failure in failures] == [
        "there is no file 'typo.mp4'. Give videos, pictures, folders or globs."
    ]


def test_the_content_decides_between_a_picture_and_a_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, kind in (
        ("a.jpg", "WebP"),
        ("b", "HEIC"),
        ("c.mp4", "JPEG"),
        ("d.gif", "GIF"),
        ("e.HEIC", "HEIC"),
    ):
        (tmp_path / name).write_bytes(FORMATS[kind]())
    first, second = (Image.new("RGB", (64, 48), colour) for colour in ("red", "blue"))
    first.save(tmp_path / "f.webp", save_all=True, append_images=[second], duration=100)
    (tmp_path / "README").write_text("neither")
    entries, failures = find_entries(["."], Path("out"))
    assert failures == []
    assert {entry.name: (entry.kind, entry.output.name) for entry in entries} == {
        "a.jpg": ("picture", "a.jpg"),
        "b": ("picture", "b.png"),
        "c.mp4": ("picture", "c.png"),
        "d.gif": ("picture", "d.png"),
        "e.HEIC": ("picture", "e.png"),
        "f.webp": ("video", "f.mp4"),
    }
