"""Tables on the command line: nothing is cut, and every line is out at once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from live_gradcam.commands.columns import Columns, print_columns


def test_cells_stand_below_each_other_and_are_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    long = "a/very/long/path/of/a/layer" * 8
    print_columns(("layer", "ms"), [(long, "1.0"), ("猫", "10.0")], right=(1,))
    header, first, second = capsys.readouterr().out.splitlines()
    assert first == f"{long}   1.0"
    assert header == "layer" + " " * (len(long) - 5) + "    ms"
    assert second == "猫" + " " * (len(long) - 2) + "  10.0"


def test_a_cell_that_is_longer_than_was_known_moves_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    columns = Columns(("name", "paper"), ("ab", ""))
    columns.row("abcdefgh", "x")
    assert capsys.readouterr().out.splitlines()[1] == "abcdefgh  x"


def test_a_pipe_gets_each_line_as_it_comes() -> None:
    code = (
        "import time\nfrom live_gradcam.commands.columns import Columns\n"
        "columns = Columns(('name',), ('x',))\ncolumns.row('one')\ntime.sleep(30)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    ) as program:
        assert program.stdout is not None
        assert [program.stdout.readline(), program.stdout.readline()] == ["name\n", "one\n"]
        program.kill()
