"""llms.txt has the usual form, and says of each command what the program says of it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import typer

from live_gradcam.cli import COMMANDS, app
from live_gradcam.commands.positional_source import DEFAULT, with_command

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "llms.txt").read_text("utf-8")


def test_it_has_a_title_then_a_summary_then_sections_of_links() -> None:
    first, _, summary, *_ = TEXT.splitlines()
    assert first == "# live_gradcam"
    assert summary.startswith("> ")
    assert re.findall(r"^## .+$", TEXT, re.MULTILINE) == ["## Documentation", "## Optional"]
    assert len(TEXT.split()) < 900, "it is to be read whole"


def test_each_command_is_described_by_the_first_sentence_of_its_help() -> None:
    group = typer.main.get_command(app)
    said = dict(re.findall(r"^- `live-gradcam (\w+)`: (.+)$", TEXT, re.MULTILINE))
    wanted = {
        name: re.split(r"(?<=\.)  ", str(group.commands[name].help).strip())[0]  # type: ignore[attr-defined]
        for name in COMMANDS
    }
    assert said == wanted


def test_every_link_leads_to_a_file() -> None:
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert len(links) >= 20
    assert [link for link in links if not (ROOT / link).is_file()] == []


def test_every_option_and_extra_that_it_names_exists() -> None:
    group = typer.main.get_command(app)
    options = {
        name
        for command in group.commands.values()  # type: ignore[attr-defined]
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
    } | {"--help", "--json"}
    assert {*re.findall(r"(?<![\w-])--[a-z][\w-]*", TEXT)} <= options
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    listed = TEXT.partition("Extras: ")[2].partition(". If one")[0]
    assert {*re.findall(r"`([\w-]+)` for", listed)} == {*extras} - {"dev", "docs", "lite"}
    assert with_command([], COMMANDS) == [DEFAULT]
