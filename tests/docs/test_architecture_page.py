"""ARCHITECTURE.md names modules that exist, each at most once on a way, and a short glossary."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "live_gradcam"
PAGE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")

WAYS = dict(re.findall(r"^- \*\*(.+?)\*\*: (.+?)(?=\n- |\n\n)", PAGE, re.MULTILINE | re.DOTALL))
"""What goes → the modules that it passes."""


def section(title: str) -> str:
    """Return the text of a section."""
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_it_tells_the_ways_of_frames_keys_questions_files_and_audits() -> None:
    assert len(WAYS) == 10


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_way_has_at_most_twelve_modules_none_twice_and_all_exist(way: str) -> None:
    modules = re.findall(r"`([^`]+)`", way)
    assert modules == re.split(r" →\s+", way.replace("`", ""))
    assert len(modules) <= 12
    assert len(set(modules)) == len(modules)
    assert [module for module in modules if not (PACKAGE / module).is_file()] == []


def test_the_glossary_has_at_most_25_terms_in_one_sentence_each() -> None:
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", section("Glossary"), re.MULTILINE)[1:]
    assert 20 <= len(rows) <= 25
    assert len({term for term, _ in rows}) == len(rows)


def test_every_room_is_named() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    named = set(re.findall(r"`(\w+)/`", section("The rooms")))
    assert rooms <= named


def test_every_file_that_the_lists_name_exists() -> None:
    lists = PAGE.partition("## How to add a source")[2]
    files = {file for file in re.findall(r"`([\w/.]+\.(?:py|md))`", lists) if "NAME" not in file}
    assert len(files) >= 10
    assert [file for file in files if not any((top / file).is_file() for top in (ROOT, PACKAGE))] == []
