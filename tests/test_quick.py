"""The tests that start processes are told from those that do not by what their code names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser import chromium_page
from clips import index_of
from fakes import MjpegServer, panned
from programs import Program, frames_in
from quick import leads_to_process
from screen import Screen


def start(kind: type[Program] = Program) -> Callable[..., Any]:
    def begin(folder: Path) -> Any:
        return kind(folder)

    return begin


def through_a_function() -> Any:
    return [start() for _ in range(2)]


def of_no_process() -> Any:
    return panned()


@pytest.mark.parametrize("thing", [Program, Screen, chromium_page, start, through_a_function])
def test_what_leads_to_a_process_is_not_quick(thing: object) -> None:
    assert leads_to_process(thing)


@pytest.mark.parametrize("thing", [MjpegServer, panned, frames_in, index_of, of_no_process])
def test_what_stays_in_this_process_is_quick(thing: object) -> None:
    assert not leads_to_process(thing)
