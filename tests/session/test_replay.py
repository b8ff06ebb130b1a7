"""Sessions played again: the same pictures twice, others with another method, and what is told where that fails."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import pytest
from acting import Acting, FakeWindow
from fakes import panned
from films import play
from networks import nested_network

from live_gradcam.cli import main
from live_gradcam.explain.engine import Engine
from live_gradcam.models.loading import load_model
from live_gradcam.session.journal import FILE, read_journal
from live_gradcam.session.replay import replay
from live_gradcam.sinks.sink import SinkGroup
from live_gradcam.viewer_input import Key

MODEL = ("--model", "networks:nested_network", "--preprocess", "unit")


@pytest.fixture(autouse=True)
def without_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session of four pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(4):
        cv2.imwrite(str(folder / f"{number}.png"), panned(9 * number, size=(64, 48)))
    saved = tmp_path_factory.mktemp("sessions") / "one"
    assert (
        main(["--source", str(folder), "--no-window", *MODEL, "--save-session", str(saved), "--frames", "4"])
        == 0
    )
    return saved


def replayed(capfd: pytest.CaptureFixture[str], session: Path, *typed: str, code: int = 0) -> str:
    """Play it again and return the last line."""
    assert main(["replay", str(session), "--no-window", "--fast", *typed]) == code
    return capfd.readouterr().out.splitlines()[-1]


def test_the_same_session_gives_the_same_pictures_twice(
    session: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    once = replayed(capfd, session)
    assert re.fullmatch(r"4 pictures, SHA-256 [0-9a-f]{64}", once)
    assert replayed(capfd, session) == once


def test_another_method_gives_other_pictures(session: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert replayed(capfd, session, "--method", "eigencam") != replayed(capfd, session)


def test_a_replay_can_be_recorded(session: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "again.mp4"
    assert replayed(capfd, session, "--record", str(path)) == f"recorded {path}"
    assert len(play(path).pictures) == 4


def copied(session: Path, to: Path) -> Path:
    to.mkdir()
    for file in session.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def test_a_session_whose_last_line_is_torn_is_played_as_far_as_it_goes(
    session: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    torn = copied(session, tmp_path / "torn")
    (torn / FILE).write_bytes((torn / FILE).read_bytes()[:-6])
    assert replayed(capfd, torn).startswith("3 pictures, SHA-256 ")


def test_a_session_whose_frames_end_early_is_played_as_far_as_they_go(
    session: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    short = copied(session, tmp_path / "short")
    with (short / FILE).open("a", encoding="utf-8") as file:
        file.write('{"frame": 9, "captured_at": 1.0, "media_time": null, "size": [64, 48]}\n')
    assert replayed(capfd, short, code=1).startswith("4 pictures, SHA-256 ")


def test_a_folder_without_a_session_is_one_clear_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(tmp_path), "--no-window"]) == 1
    assert capfd.readouterr().err == (
        f"live-gradcam: '{tmp_path}' holds no session: session.jsonl cannot be read (No such file or directory). "
        "Give a folder that --save-session wrote.\n"
    )


def test_a_folder_that_holds_a_session_is_kept(session: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = (session / FILE).read_bytes()
    typed = ["--source", "demo", "--no-window", *MODEL, "--save-session", str(session), "--frames", "1"]
    assert main(typed) == 1
    assert "holds a session already: give --save-session another folder." in capfd.readouterr().err
    assert (session / FILE).read_bytes() == before


@pytest.mark.long
@pytest.mark.parametrize(("key", "ends"), [("q", True), ("Escape", True), ("m", False)])
def test_in_the_window_of_a_replay_only_the_keys_that_end_it_mean_anything(
    session: Path, key: str, ends: bool
) -> None:
    settings, lines = read_journal(session)
    window, sinks = FakeWindow({2: (Key(key),)}), SinkGroup()
    sinks.add(window)
    acting = Acting()
    answers = Engine([load_model(nested_network(), preprocess="unit")])
    replayed = replay(lines, session, acting.view, answers, sinks, fast=True)
    assert replayed.pictures == (2 if ends else 4)
    assert acting.view.choice.method == settings["method"]
