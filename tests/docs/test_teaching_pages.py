"""Every command line of the pages on teaching is one that the program understands, and their keys are the window's."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from live_gradcam.cli import COMMANDS, app
from live_gradcam.commands.positional_source import with_command
from live_gradcam.teach.lesson_guide import PICTURES
from live_gradcam.viewer_input import TEACHING_ACTIONS

ROOT = Path(__file__).parents[2]
TEACHING = ROOT / "docs" / "teaching.md"
LESSON = ROOT / "docs" / "lessons" / "elephant-or-grass.md"
LINES = [
    pytest.param(line, id=line)
    for page in (TEACHING, LESSON)
    for line in re.findall(r"(?:^    |`)(live-gradcam [^`\n]+)", page.read_text("utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize("line", LINES)
def test_a_command_line_of_the_pages_is_understood(line: str) -> None:
    words = with_command(shlex.split(line)[1:], COMMANDS)
    group = typer.main.get_command(app)
    with group.make_context("live-gradcam", list(words)) as context:
        name, command, rest = group.resolve_command(context, list(words))  # type: ignore[attr-defined]
        command.make_context(name, rest, parent=context)


def test_the_lesson_is_among_the_command_lines() -> None:
    assert sum("--lesson" in str(each.values[0]) for each in LINES) >= 4


def test_a_wrong_command_line_is_not_understood() -> None:
    with pytest.raises(Exception, match="No such option"):
        test_a_command_line_of_the_pages_is_understood("live-gradcam teach --lessons")


def test_the_keys_that_only_teaching_has_stand_in_its_table() -> None:
    section = TEACHING.read_text("utf-8").partition("## Keys")[2].partition("\n## ")[0]
    keys = set(re.findall(r"`(.)`", section)) | set(re.findall(r"^\| (\w+) \|", section, re.MULTILINE))
    own = {"name-class", "undo-burst", "forget-class", "save-model"}
    assert {each.key for each in TEACHING_ACTIONS if each.name in own} <= keys
    assert {"1", "9", "Enter"} <= keys


def test_the_lesson_counts_to_what_the_program_asks_for() -> None:
    assert f"counts with the strip to {PICTURES}" in LESSON.read_text("utf-8")
