"""`--help --json`: everything that `--help` shows is in it, and docs/assistants.md describes every key."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from live_gradcam.cli import COMMANDS, main
from live_gradcam.commands.options import options_of
from live_gradcam.version import __version__

PAGE = (Path(__file__).parents[2] / "docs" / "assistants.md").read_text("utf-8")


def described(capfd: pytest.CaptureFixture[str], *typed: str) -> dict[str, Any]:
    """Return what the program prints, as JSON."""
    assert main(typed) == 0
    said = capfd.readouterr()
    assert said.err == ""
    tree: dict[str, Any] = json.loads(said.out)
    return tree


@pytest.fixture
def tree(capfd: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return described(capfd, "--help", "--json")


def options(tree: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """Return the options of a command by their long names."""
    command = next(each for each in tree["commands"] if each["name"] == name)
    return {each["names"][0]: each for each in command["options"]}


def test_it_names_every_command_and_the_one_that_runs_if_none_is_named(tree: dict[str, Any]) -> None:
    assert [each["name"] for each in tree["commands"]] == list(COMMANDS)
    assert tree["default_command"] in COMMANDS
    assert (tree["program"], tree["version"], tree["format"]) == ("live-gradcam", __version__, 1)
    assert {name for each in tree["options"] for name in each["names"]} == {"--version", "--help", "-h"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_argument_that_the_help_shows_is_in_it(
    name: str, tree: dict[str, Any], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main([name, "--help"]) == 0
    help_text = capfd.readouterr().out
    shown = re.findall(r"^│ (?:\* +| +)?((?:--?[a-z][\w-]* +)+)", help_text, re.MULTILINE)
    names = {each for group in shown for each in re.findall(r"--?[a-z][\w-]*", group)}
    command = next(each for each in tree["commands"] if each["name"] == name)
    known = {each for option in command["options"] for each in (*option["names"], option["negation"]) if each}
    assert names <= known
    assert len(names) >= 1
    assert {each["names"][0] for each in command["options"]} <= names, "the help hides none"
    assert f"Usage: {command['usage']}" in " ".join(help_text.split())
    for each in command["arguments"]:
        assert each["name"] in command["usage"]


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_has_the_default_choices_and_limits_of_its_setting(name: str, tree: dict[str, Any]) -> None:
    found = options(tree, name)
    for setting in options_of(COMMANDS[name]).values():
        option = found[f"--{setting.name}"]
        assert option["key_in_files"] == setting.name
        assert option["choices"] == list(setting.choices)
        assert (option["type"] == "choice") == bool(setting.choices)
        assert option["required"] == setting.required
        assert option["repeatable"] == setting.is_list
        assert str(option["default"]) == str(setting.default)
        assert ("least" in option) == (setting.limits is not None)


def test_types_limits_and_negations_are_those_that_a_user_meets(tree: dict[str, Any]) -> None:
    live = options(tree, "live")
    assert (live["--window"]["type"], live["--window"]["negation"]) == ("switch", "--no-window")
    assert live["--model"]["names"] == ["--model", "-m"]
    assert (live["--alpha"]["type"], live["--alpha"]["least"], live["--alpha"]["most"]) == ("number", 0, 1)
    assert (live["--frames"]["type"], live["--frames"]["most"]) == ("integer", None)
    assert live["--fit"]["choices"] == ["crop", "wide", "scan", "stretch", "pad"]
    assert live["--config"]["type"] == "path"
    assert options(tree, "annotate")["--out"]["required"]
    annotate = next(each for each in tree["commands"] if each["name"] == "annotate")
    assert [each["repeatable"] for each in annotate["arguments"]] == [True]


def test_one_command_can_be_asked_for_alone(capfd: pytest.CaptureFixture[str]) -> None:
    found = described(capfd, "serve", "--help", "--json")
    assert [each["name"] for each in found["commands"]] == ["serve"]
    assert options(found, "serve")["--port"]["most"] == 65535


def test_the_documentation_describes_every_key_and_no_other(tree: dict[str, Any]) -> None:
    keys = {*tree}
    for command in (*tree["commands"], tree):
        keys |= {*command}
        for each in (*command.get("arguments", ()), *command["options"]):
            keys |= {*each}
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"\w+", row)} == keys
