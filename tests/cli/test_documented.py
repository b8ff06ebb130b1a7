"""What the documentation says to type can be typed: every command and option in it is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from live_gradcam.cli import COMMANDS, app, main
from live_gradcam.commands.positional_source import with_command

ROOT = Path(__file__).parents[2]
PAGES = (
    *(ROOT / name for name in ("README.md", "README.zh.md", "CONTRIBUTING.md", "llms.txt")),
    *sorted((ROOT / "docs").rglob("*.md")),
)


def command_lines(text: str) -> Iterator[str]:
    """Give what stands behind `live-gradcam` in backticks, and in lines that are set apart."""
    apart = re.findall(r"^ {4,}live-gradcam\b(.*)$", text, re.MULTILINE)
    inline = re.findall(r"`live-gradcam\b([^`]*)`", text)
    for line in (*apart, *inline):
        yield re.split(r"\s#|\s[|>] ?", line.replace("\\|", "|").replace("\n", " "))[0].strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_line_of_the_documentation_is_understood(page: Path) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # of a group
    for line in command_lines(page.read_text(encoding="utf-8")):
        if line == "SOURCE" or "[--" in line or line.startswith(("[", ".")):
            continue  # a summary
        name, *arguments = with_command(shlex.split(line.replace("…", "x")), COMMANDS)
        if name not in COMMANDS:
            assert name in ("--help", "-h", "--version"), line
        elif "--help" not in arguments:
            commands[name].make_context(name, arguments, resilient_parsing=True)


def test_the_documentation_has_command_lines() -> None:
    lines = [line for page in PAGES for line in command_lines(page.read_text(encoding="utf-8"))]
    assert len(lines) > 60
    assert "photo.jpg --no-window --snapshot out.png" in lines


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_shows_no_value_behind_a_switch(
    name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert main([name, "--help"]) == 0
    said = capfd.readouterr().out
    assert f"Usage: live-gradcam {name}" in said
    assert "<bool>" not in said
    assert "Show this message and exit." in said


def test_the_help_of_the_program_says_that_a_source_is_enough(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["--help"]) == 0
    said = capfd.readouterr().out
    assert "Usage: live-gradcam [OPTIONS] [SOURCE] | COMMAND …" in said
    words = " ".join(said.split())
    assert "`live-gradcam photo.jpg`, `live-gradcam clip.mp4`, `live-gradcam photos/`: files" in words
    assert all(re.search(rf"│ {name} ", said) for name in COMMANDS)
