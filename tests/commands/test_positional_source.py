"""A bare argument of the command line is the source, and a typo of a command is told as one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from installed import Install

from live_gradcam.cli import COMMANDS, main
from live_gradcam.commands.positional_source import may_be_source, with_command

SMALL = ("--model", "networks:colour_network", "--preprocess", "unit", "--no-window")


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("photo.jpg", np.full((60, 80, 3), 90, np.uint8))
    Path("holiday").mkdir()
    cv2.imwrite("holiday/a.png", np.full((60, 80, 3), 90, np.uint8))
    return "photo.jpg"


@pytest.mark.long
@pytest.mark.parametrize(
    ("typed", "source"),
    [
        (("photo.jpg", *SMALL, "--frames", "1"), "photo.jpg"),
        (("live", "photo.jpg", *SMALL, "--frames", "1"), "photo.jpg"),
        ((*SMALL, "--frames", "1", "photo.jpg"), "photo.jpg"),
        (("holiday", *SMALL, "--frames", "1"), "holiday"),
        (("demo", *SMALL, "--frames", "1"), "demo"),
        (("--source", "photo.jpg", *SMALL, "--frames", "1"), "photo.jpg"),
    ],
)
def test_a_bare_argument_is_the_source(
    photo: str, capfd: pytest.CaptureFixture[str], typed: tuple[str, ...], source: str
) -> None:
    assert Path(photo).exists()
    assert main(typed) == 0
    assert capfd.readouterr().out.startswith(f"{source}: ")


def test_a_bare_argument_goes_before_the_file_of_settings(
    photo: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("show.toml").write_text('source = "holiday"\n')
    assert main(("--config", "show.toml", photo, *SMALL, "--frames", "1")) == 0
    assert capfd.readouterr().out.startswith("photo.jpg: ")
    assert main(("--config", "show.toml", *SMALL, "--frames", "1")) == 0
    assert capfd.readouterr().out.startswith("holiday: ")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (
            ("anotate", "x.mp4", "--out", "heat"),
            "'anotate' is no command, and there is no file of that name.",
        ),
        (("anotate", "x.mp4", "--out", "heat"), "Did you mean annotate?"),
        (("method",), "Did you mean methods?"),
        (("dmeo",), "Did you mean demo?"),
        (("holyday",), "Did you mean holiday?"),
        (("live", "dmeo"), "Did you mean demo?"),
        (("--mirror", "anotate"), "Did you mean annotate?"),
        (("xyzzy",), "Give a camera's number, a file, a folder, an address or demo."),
        (("--debug", "annotate", "x.mp4"), "the command comes first: live-gradcam annotate"),
        (("demo", "--source", "0"), "the source is given twice: 'demo' and --source '0'"),
        (("a.jpg", "b.jpg"), "2 sources are given, 'a.jpg' and 'b.jpg' first"),
    ],
)
def test_wrong_bare_arguments_are_told_with_the_nearest_right_one(
    photo: str, capfd: pytest.CaptureFixture[str], typed: tuple[str, ...], said: str
) -> None:
    assert Path(photo).exists()
    assert main(typed) == 2
    usage, line = capfd.readouterr().err.splitlines()
    assert usage.startswith("Usage: live-gradcam [SOURCE] [OPTIONS]")
    assert said in line
    assert len(line) <= 400


def test_a_mistyped_file_is_told_with_the_one_that_is_there(
    photo: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(("phto.jpg", "--no-window")) == 1
    assert f"there is no file 'phto.jpg'. Did you mean {photo}?" in capfd.readouterr().err


@pytest.mark.usefixtures("photo")
def test_the_name_of_a_plug_in_is_a_source_without_importing_it(
    capfd: pytest.CaptureFixture[str], install: Install
) -> None:
    install("film-reader", "raise RuntimeError('imported')", source="film=open_film")
    Path("film.jsonl").write_text("{}\n")
    assert with_command(["film", "--frames", "1"], COMMANDS) == ["live", "film", "--frames", "1"]
    assert main(("filn",)) == 2
    assert "Did you mean film?" in capfd.readouterr().err
    assert main(("film", "--no-window", "--frames", "1")) == 1
    assert "the source 'film' of film-reader 1.2 cannot be imported" in capfd.readouterr().err


@pytest.mark.usefixtures("photo")
def test_a_file_that_is_no_source_is_not_suggested(capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("reel.jsonl", "reel.txt", "reel.toml", "reel.md"):
        Path(name).write_text("{}\n")
    assert main(("reel",)) == 2
    assert "Did you mean" not in capfd.readouterr().err
    Path("reel.mp4").write_bytes(b"")
    assert main(("reel",)) == 2
    assert "Did you mean reel.mp4?" in capfd.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_stays_a_command(name: str) -> None:
    assert with_command([name, "x"], COMMANDS) == [name, "x"]


@pytest.mark.parametrize(
    "word",
    ["0", "-1", "demo", "a.mp4", "/dev/video0", "camera:Logitech", "rtsp://host/x", "~", "frame_%d", "*"],
)
def test_what_looks_like_a_source_is_one(word: str) -> None:
    assert may_be_source(word)
    assert with_command([word], COMMANDS) == (["live", word])
