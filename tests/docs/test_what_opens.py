"""Every row of docs/what_opens.md names the tests that prove it, and they exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "what_opens.md"

_NAMED = re.compile(r"`([\w/]*test_\w+)\.py::(test_\w+)`")


def rows_of(page: str) -> list[list[str]]:
    """Return the cells of each row of the tables on a page, without their headings."""
    lines = [line for line in page.splitlines() if line.startswith("|")]
    below = [
        line for line, after in zip(lines, [*lines[1:], ""], strict=True) if not after.startswith("|---")
    ]
    # A pipe inside a cell is written \|.
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in below
        if not line.startswith("|---")
    ]


def unproved(page: str, tests: Path) -> list[str]:
    """Return the first cell of each row whose last cell names no test, or one that does not exist."""
    found = []
    for cells in rows_of(page):
        named = _NAMED.findall(cells[-1])
        if not named or not all(name in functions_in(tests / f"{module}.py") for module, name in named):
            found.append(cells[0])
    return found


@cache
def functions_in(module: Path) -> set[str]:
    """Return the names of the functions in a module; none where it does not exist."""
    if not module.is_file():
        return set()
    return {
        node.name
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    }


def test_each_row_of_the_table_names_a_test_that_exists() -> None:
    page = PAGE.read_text("utf-8")
    assert len(rows_of(page)) >= 40
    assert unproved(page, ROOT / "tests") == []


@pytest.mark.parametrize(
    "cell", ["", "`models/test_network_files.py::test_nothing_of_the_kind`", "`test_gone.py::test_x`"]
)
def test_a_row_without_a_test_is_found(cell: str) -> None:
    page = f"| file | test |\n|---|---|\n| a drawing | {cell} |\n"
    assert unproved(page, ROOT / "tests") == ["a drawing"]
