"""The command line: two models, several sources, and sessions."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from clips import write_clip
from programs import Program

from live_gradcam.cli import _second_model, main
from live_gradcam.session.journal import read_journal

MODEL = ("--model", "networks:nested_network", "--preprocess", "unit")


@pytest.fixture(autouse=True)
def without_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["--model", "a", "--model", "b"], ["--model", "a", "--beside", "b"]),
        (["-m", "a", "--model=b"], ["-m", "a", "--beside=b"]),
        (["--model", "a", "--source", "demo"], ["--model", "a", "--source", "demo"]),
    ],
)
def test_a_second_model_stands_beside_the_first(typed: list[str], meant: list[str]) -> None:
    assert _second_model(typed) == meant


def test_two_models_are_loaded_and_the_session_names_them(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [0, 40])
    saved = tmp_path / "session"
    second = ("--model", "networks:residual_network")
    typed = ["--source", str(clip), "--no-window", *MODEL, *second, "--frames", "2"]
    assert main([*typed, "--save-session", str(saved)]) == 0
    assert "beside it networks:residual_network" in capfd.readouterr().out
    settings, lines = read_journal(saved)
    assert (settings["model"], settings["beside"]) == ("networks:nested_network", "networks:residual_network")
    assert sum("frame" in line for line in lines) == 2


@pytest.mark.runs
def test_a_session_can_be_saved_without_a_window_until_it_is_interrupted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "session"
    typed = ("--source", "demo", "--size", "160x120", "--no-window", *MODEL, "--save-session", str(saved))
    program = Program(tmp_path, *typed)
    journal = saved / "session.jsonl"
    program.until(lambda: journal.exists() and journal.read_text().count('"picture"') > 5, "session")
    program.process.send_signal(signal.SIGINT)
    program.wait()
    assert (program.process.returncode, program.complained) == (0, "")
    assert main(("replay", str(saved), "--fast", "--no-window")) == 0
    again = capfd.readouterr()
    _, lines = read_journal(saved)
    pictures = sum("picture" in line for line in lines)
    assert again.out.splitlines()[-1].startswith(f"{pictures} pictures, SHA-256 ")
    assert again.err == ""


@pytest.mark.parametrize("first", ["clip", "demo"])
def test_a_file_is_no_source_to_turn_to(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], first: str
) -> None:
    clip = str(write_clip(tmp_path / "clip.mp4", [0, 40]))
    source = clip if first == "clip" else "demo"
    code = main(["--source", source, "--also", clip, "--no-window", *MODEL, "--frames", "1"])
    assert code == 1
    assert capfd.readouterr().err == (
        f"live-gradcam: '{clip}' is a file: where there are several sources, all are cameras, streams or demo.\n"
    )


def test_a_file_to_switch_to_that_does_not_exist_is_told_at_the_start(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main(["--source", "demo", "--also", "nope.mp4", "--no-window", "--frames", "1"]) == 1
    assert capfd.readouterr().err.startswith("live-gradcam: there is no file 'nope.mp4'.")
