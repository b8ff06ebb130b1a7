from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from limits import at_most

from live_gradcam.archive.stages import flow


def numbers(count: int, *, torn: bool = False) -> Iterator[int]:
    yield from range(count)
    if torn:
        raise OSError("torn")


def doubled(items: Sequence[int]) -> list[int]:
    return [2 * item for item in items]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_every_item_is_written_once_in_order_with_its_own_finding(batch: int) -> None:
    written: list[tuple[int, int]] = []
    flow(numbers(50), doubled, lambda *pair: written.append(pair), batch=batch, weigh=lambda _: 1)
    assert written == [(number, 2 * number) for number in range(50)]


def test_reading_and_writing_go_on_beside_the_explaining() -> None:
    threads: dict[str, set[str]] = {"read": set(), "explain": set(), "write": set()}

    def read() -> Iterator[int]:
        for number in range(5):
            threads["read"].add(threading.current_thread().name)
            yield number

    def explain(items: Sequence[int]) -> list[int]:
        threads["explain"].add(threading.current_thread().name)
        return doubled(items)

    def write(item: int, found: int) -> None:
        threads["write"].add(f"{threading.current_thread().name} {found - 2 * item}")

    flow(read(), explain, write, batch=2, weigh=lambda _: 1)
    assert threads == {"read": {"read"}, "explain": {threading.main_thread().name}, "write": {"write 0"}}


def test_what_is_drawn_is_written_in_order_and_in_a_thread_of_its_own() -> None:
    threads, written = set[str](), list[tuple[int, str]]()

    def draw(item: int, found: int) -> str:
        threads.add(threading.current_thread().name)
        return f"{item} {found}"

    flow(numbers(30), doubled, lambda *pair: written.append(pair), draw=draw, batch=4, weigh=lambda _: 1)
    assert written == [(number, f"{number} {2 * number}") for number in range(30)]
    assert threads == {"draw"}


def test_a_failure_while_drawing_ends_everything_after_what_came_before_was_written() -> None:
    written: list[int] = []

    def draw(item: int, found: int) -> int:
        if item == 3:
            raise ValueError("cannot draw 3")
        return found

    with at_most(1), pytest.raises(ValueError, match="cannot draw 3"):
        flow(
            itertools.count(),
            doubled,
            lambda item, _: written.append(item),
            draw=draw,
            batch=2,
            weigh=lambda _: 1,
        )
    assert written == [0, 1, 2]


def test_what_fails_while_reading_is_raised_after_what_came_before_was_explained() -> None:
    explained: list[int] = []

    def explain(items: Sequence[int]) -> list[int]:
        explained.extend(items)
        return doubled(items)

    with pytest.raises(OSError, match="torn"):
        flow(numbers(5, torn=True), explain, lambda *_: None, batch=2, weigh=lambda _: 1)
    assert explained == [0, 1, 2, 3, 4]


def test_a_failure_while_explaining_ends_everything() -> None:
    def explain(items: Sequence[int]) -> list[int]:
        raise ValueError(f"cannot explain {items[0]}")

    with at_most(1), pytest.raises(ValueError, match="cannot explain 0"):
        flow(itertools.count(), explain, lambda *_: None, batch=1, weigh=lambda _: 1)


@pytest.mark.parametrize(
    "steps", [{}, {"draw": lambda _, found: found}], ids=["written", "drawn and written"]
)
def test_a_failure_while_writing_ends_everything(steps: dict[str, Any]) -> None:
    def write(item: int, _: int) -> None:
        if item == 3:
            raise OSError("the disk is full")

    with at_most(1), pytest.raises(OSError, match="the disk is full"):
        flow(itertools.count(), doubled, write, batch=2, weigh=lambda _: 1, **steps)


def test_ctrl_c_while_explaining_ends_everything() -> None:
    def explain(_: Sequence[int]) -> list[int]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        flow(itertools.count(), explain, lambda *_: None, batch=1, weigh=lambda _: 1)
