"""Names of files, as odd as a file system allows, read and written everywhere."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from clips import write_clip
from fakes import ShadeExplainer
from PIL import Image

from live_gradcam.archive.annotate_job import ArchiveFile, Outcome
from live_gradcam.archive.annotate_settings import AnnotateSettings
from live_gradcam.archive.inputs import find_entries
from live_gradcam.archive.pictures import annotate_pictures
from live_gradcam.archive.summary import write_csv, write_jsonl
from live_gradcam.archive.video import annotate_video
from live_gradcam.errors import SourceError
from live_gradcam.escaping import json_text, shown
from live_gradcam.file_names import expanded, fitting, fixed_part, marked, matches
from live_gradcam.frame import Frame
from live_gradcam.rendered_picture import Rendered
from live_gradcam.session.journal import FILE, Journal, read_journal
from live_gradcam.sinks.recorder import Recorder
from live_gradcam.sinks.snapshot import TEXT_KEY, Snapshot
from live_gradcam.sources.opening import open_source
from live_gradcam.statistics_file import write_report

if sys.platform == "win32":
    pytest.skip("only on Unix: Windows has no such names", allow_module_level=True)

NOT_UTF8 = os.fsdecode(b"caf\xe9")
LONGEST = 255 - len(".jsonl")

NAMES = {
    "a tilde": "~name",
    "a tilde alone": "~",
    "a colon": "photo:1",
    "a scheme": "http:x",
    "a protocol of FFmpeg": "concat:a|b",
    "a percent sign": "film%04d",
    "a question mark and a star": "a?b*c",
    "brackets": "[1]",
    "a hash": "a#b",
    "quotation marks": 'it\'s "a"',
    "a line break": "line\nbreak",
    "a line separator": "a\u2028b",
    "a dash in front": "-dash",
    "spaces around": " two  spaces ",
    "emoji": "猫 😀",
    "bytes that are not UTF-8": NOT_UTF8,
    "the longest name": "x" * (LONGEST - 4) + "-end",
    "the longest name of two bytes a letter": "é" * (LONGEST // 2 - 1),
}

every_name = pytest.mark.parametrize("stem", NAMES.values(), ids=NAMES.keys())


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_clip(tmp_path_factory.mktemp("film") / "clip.mp4", [0, 40, 80]).read_bytes()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def png() -> bytes:
    return cv2.imencode(".png", np.full((48, 64, 3), 8, np.uint8))[1].tobytes()


def gif() -> Callable[[Path], None]:
    first, second = (Image.new("RGB", (64, 48), colour) for colour in ("red", "blue"))

    def write(path: Path) -> None:
        with path.open("wb") as file:
            first.save(file, "GIF", save_all=True, append_images=[second], duration=200)

    return write


def picture() -> Rendered:
    pixels = np.full((48, 64, 3), 90, np.uint8)
    return Rendered(pixels, Frame(pixels, 0, time.monotonic(), media_time=0.0), None, None)


def is_plain(line: str) -> bool:
    """Whether a terminal can show a line as one."""
    return line.encode().decode() == line and len(line.splitlines()) == 1 and "\n" not in line


@every_name
def test_a_photo_an_animated_picture_and_a_film_are_read(stem: str, here: Path, film: bytes) -> None:
    (here / f"{stem}.png").write_bytes(png())
    gif()(here / f"{stem}.gif")
    (here / f"{stem}.mp4").write_bytes(film)
    for ending, count in ((".png", 1), (".gif", 2), (".mp4", 3)):
        for spec in (stem + ending, here / (stem + ending)):
            with open_source(spec) as source:
                assert len(list(source)) == count
                assert source.name == shown(stem + ending)
                assert is_plain(source.describe())


@every_name
def test_a_folder_and_a_glob_in_it_are_read(stem: str, here: Path) -> None:
    (here / stem).mkdir()
    (here / stem / "1.png").write_bytes(png())
    inside = here / stem if stem == "~" else Path(stem)  # `~/*.png` means a home folder
    for spec in (stem, f"{inside}/*.png", here / stem):
        with open_source(spec) as source:
            assert len(list(source)) == 1
            assert is_plain(source.describe())
    entries, failures = find_entries([f"{inside}/*.png"], here / "out")
    assert [entry.source.name for entry in entries] == ["1.png"]
    assert failures == []


@every_name
@pytest.mark.long
def test_annotate_mirrors_the_names_and_writes_valid_tables(stem: str, here: Path, film: bytes) -> None:
    tree = here / "in" / stem
    tree.mkdir(parents=True)
    (tree / f"{stem}.png").write_bytes(png())
    gif()(tree / f"{stem}.gif")
    (tree / f"{stem}.mkv").write_bytes(film)
    entries, failures = find_entries(["in"], here / "out")
    assert failures == []
    done = [annotated(entry) for entry in entries]
    assert done == [2, 3, 1]
    written = sorted(path.name for path in (here / "out" / stem).iterdir())
    assert written == sorted([f"{stem}.mkv", f"{stem}.mp4", f"{stem}.png"])
    write_csv(entries, here / f"{stem}.csv")
    write_jsonl(entries, here / f"{stem}.jsonl")
    with (here / f"{stem}.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    names = [shown(f"{stem}/{stem}{ending}") for ending in (".gif", ".mkv", ".png")]
    assert list(dict.fromkeys(row["file"] for row in rows)) == names
    lines = (here / f"{stem}.jsonl").read_text("utf-8").split("\n")[:-1]
    assert list(dict.fromkeys(strict(line)["file"] for line in lines)) == names
    assert [path for path in here.rglob("*") if ".part" in path.name] == []


def annotated(entry: ArchiveFile) -> int:
    outcomes: list[Outcome] = []
    if entry.kind == "picture":
        annotate_pictures(
            [entry],
            ShadeExplainer(),
            AnnotateSettings(),
            batch=1,
            advance=lambda _: None,
            ended=outcomes.append,
        )
    else:
        outcomes.append(
            annotate_video(entry, ShadeExplainer(), AnnotateSettings(), batch=2, advance=lambda _: None)
        )
    assert outcomes[0].failure is None
    return int(outcomes[0].frames)


def strict(text: str) -> Any:
    """Parse JSON as a reader does that takes no half characters."""
    found = json.loads(text)
    json.dumps(found, ensure_ascii=False).encode("utf-8")
    return found


@every_name
def test_a_recording_its_sidecar_and_its_statistics_are_written(stem: str, here: Path) -> None:
    path = here / f"{stem}.mp4"
    with Recorder(path, wait=True, about=lambda: {"source": f"{stem}.png"}) as recorder:
        recorder.write(picture())
    assert recorder.written == [path]
    with open_source(path) as source:
        assert len(list(source)) == 1
    (sidecar,) = (each for each in here.iterdir() if each.suffix == ".jsonl")
    header = strict(sidecar.read_text("utf-8").splitlines()[0])
    assert header["video"] == shown(f"{stem}.mp4")
    write_report({"recordings": [recorder.report()], "source": stem}, here / f"{stem}.json")
    report = strict((here / f"{stem}.json").read_bytes().decode())
    assert report["recordings"][0]["file"] == shown(path)


@every_name
def test_a_snapshot_is_written_with_its_text(stem: str, here: Path) -> None:
    path = here / f"{stem}.png"
    with Snapshot(path, about=lambda: {"source": f"{stem}.png"}) as snapshot:
        snapshot.write(picture())
    assert len(list(here.iterdir())) == 3
    with Image.open(path) as image:
        text = image.text[TEXT_KEY]  # type: ignore[attr-defined]
    assert strict(text)["source"].startswith(strict(json_text(stem)))


@every_name
def test_a_session_is_begun_with_the_very_names(stem: str, here: Path) -> None:
    folder = here / stem
    folder.mkdir()
    journal = Journal(folder, {"source": f"{stem}.png", "labels": f"{stem}.txt"})
    journal.announce(f"saved {stem}.png")
    journal.close()
    (folder / FILE).read_bytes().decode("utf-8")
    settings, lines = read_journal(folder)
    assert settings["source"] == f"{stem}.png"
    assert lines == [{"announce": f"saved {stem}.png"}]


@every_name
def test_a_file_that_is_not_there_is_told_in_one_line(stem: str, here: Path) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(f"{stem}.png")
    assert is_plain(str(caught.value))
    assert shown(stem)[:20] in str(caught.value)
    (here / f"{stem}.png").write_bytes(b"\x89PNG\r\n\x1a\n no more")
    with pytest.raises(SourceError) as caught:
        open_source(f"{stem}.png")
    assert is_plain(str(caught.value))


def test_a_list_of_names_on_stdin_may_hold_any_bytes(here: Path) -> None:
    for name in (b"caf\xe9.png", b"a\xe2\x80\xa8b.png", b"a\x0bb.png"):
        Path(os.fsdecode(os.fsencode(here) + b"/" + name)).write_bytes(png())
    listed = io.TextIOWrapper(
        io.BytesIO(b"caf\xe9.png\na\xe2\x80\xa8b.png\r\na\x0bb.png\n"), encoding="utf-8"
    )
    entries, failures = find_entries(["-"], here / "out", listed)
    assert failures == []
    assert [entry.name for entry in entries] == ["caf\\xe9.png", "a\\u2028b.png", "a\\x0bb.png"]


def test_a_name_that_is_not_utf8_is_shown_with_its_bytes() -> None:
    assert shown(NOT_UTF8) == "caf\\xe9"
    assert shown("two\nlines\x1b[31m\u202e") == "two\\nlines\\x1b[31m\\u202e"
    assert shown("猫 😀 é") == "猫 😀 é"


def test_json_holds_no_half_characters() -> None:
    assert json_text({"a": NOT_UTF8 + "\n猫"}) == '{"a": "caf\\\\xe9\\n猫"}'
    assert json.loads(json_text([NOT_UTF8, "猫"], ascii_only=True)) == ["caf\\xe9", "猫"]
    assert json_text("猫", ascii_only=True).isascii()


def test_a_tilde_names_a_home_folder_unless_there_is_a_file_of_that_name(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/of/somebody")
    assert expanded("~/clip.mp4") == Path("/home/of/somebody/clip.mp4")
    assert expanded("~nobody-of-this-name.jpg") == Path("~nobody-of-this-name.jpg")
    (here / "~").touch()
    assert expanded("~") == Path("~")


def test_a_name_that_would_be_too_long_is_shortened_and_stays_apart() -> None:
    path = Path("/folder") / ("x" * 251 + ".mp4")
    part = marked(path, "part")
    assert len(os.fsencode(part.name)) == 255
    assert part.name.endswith(".part.mp4")
    assert part != marked(path.with_name("x" * 250 + "y.mp4"), "part")
    assert marked(Path("/folder/cat.mp4"), "part") == Path("/folder/cat.part.mp4")
    assert len(os.fsencode(fitting(Path("é" * 200)).name)) <= 255
    assert fitting(Path("猫.jpg")) == Path("猫.jpg")


def test_brackets_of_a_folder_that_exists_are_no_glob(here: Path) -> None:
    (here / "photos [2024]").mkdir()
    (here / "photos [2024]" / "1.png").touch()
    assert list(matches("photos [2024]/*.png")) == [Path("photos [2024]/1.png")]
    assert fixed_part("photos [2024]/*.png") == Path("photos [2024]")
    assert fixed_part("photos */[1].png") == Path()
