"""A pytest plugin that keeps the quick tests: those that start no process, build no network and open no window.

`scripts/test.py --quick` loads it. No list has to be kept: the plugin follows the names in a test's code and in that of
its fixtures, through functions and classes of this folder, to whatever starts a process, such as a browser, and to
Keras: a small network takes a second until it is traced. Tests marked `long` stay out too: one of them takes seconds.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import pytest

FOLDER = Path(__file__).parent
STARTERS = ("playwright", "subprocess", "multiprocessing", "ray", "keras", "tensorflow")
"""Modules whose use means another process, or a network."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not quick."""
    left_out = [item for item in items if item.get_closest_marker("long") or starts_process(item)]
    items[:] = [item for item in items if item not in set(left_out)]
    config.hook.pytest_deselected(items=left_out)


def starts_process(item: pytest.Item) -> bool:
    """Whether a test, or a fixture of it, can start a process."""
    if not isinstance(item, pytest.Function):
        return False
    fixtures = item._fixtureinfo.name2fixturedefs.values()
    functions = [item.function, *(each.func for definitions in fixtures for each in definitions)]
    return any(leads_to_process(inspect.unwrap(each)) for each in functions)


@cache
def leads_to_process(thing: object) -> bool:
    """Whether a function or class of this folder uses a module that starts processes, itself or through others."""
    seen: set[int] = set()
    waiting = [thing]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if _module_of(each).partition(".")[0] in STARTERS:
            return True
        waiting += _named_by(each)
    return False


def _module_of(thing: object) -> str:
    return thing.__name__ if isinstance(thing, ModuleType) else str(getattr(thing, "__module__", None) or "")


def _named_by(thing: object) -> Iterator[object]:
    """Yield the globals that a function of this folder names, and its defaults; of a class, its bases and functions."""
    if isinstance(thing, type):
        yield from thing.__bases__
        for each in vars(thing).values():
            yield getattr(each, "__func__", getattr(each, "fget", each))
    function = inspect.unwrap(thing) if callable(thing) else thing
    if isinstance(function, FunctionType) and Path(function.__code__.co_filename).is_relative_to(FOLDER):
        yield from function.__defaults__ or ()
        names = set(_names(function.__code__))
        for name in names & function.__globals__.keys():
            named = function.__globals__[name]
            yield named
            if isinstance(named, ModuleType) and Path(getattr(named, "__file__", None) or "/").is_relative_to(
                FOLDER
            ):
                yield from (vars(named)[each] for each in names & vars(named).keys())


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
