"""Worker threads: they end in time, the owner gets their exception, and one that is stuck is named once."""

from __future__ import annotations

import _thread
import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from limits import at_most

from live_gradcam.concurrency.worker_thread import WorkerThread, run_in_background


@pytest.fixture(autouse=True)
def no_thread_is_left_over() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def fails() -> None:
    raise OSError("torn")


def test_the_function_runs_at_once_in_a_daemon_of_that_name() -> None:
    threads: list[threading.Thread] = []
    worker = WorkerThread(lambda: threads.append(threading.current_thread()), name="count", patience=5)
    assert worker.join()
    assert [(thread.name, thread.daemon) for thread in threads] == [("count", True)]
    assert not worker.running
    assert worker.close()


def test_closing_ends_the_function_and_joins_the_thread() -> None:
    stop = threading.Event()
    worker = WorkerThread(stop.wait, name="wait", patience=5, end=stop.set)
    assert worker.running
    assert not worker.join(0.02)
    assert worker.close()
    assert not worker.running
    assert worker.close(), "twice does no harm"


def test_the_owner_gets_the_exception_from_close_once() -> None:
    worker = WorkerThread(fails, name="fail", patience=5)
    with pytest.raises(OSError, match="torn"):
        worker.close()
    assert worker.failed
    worker.close()


def test_the_owner_gets_the_exception_each_time_it_checks() -> None:
    worker = WorkerThread(fails, name="fail", patience=5)
    worker.join()
    for _ in range(2):
        with pytest.raises(OSError, match="torn"):
            worker.check()
    worker.close()


def test_the_owner_can_take_the_exception_once_and_close_is_quiet_then() -> None:
    worker = WorkerThread(fails, name="fail", patience=5)
    worker.join()
    assert str(worker.take_error()) == "torn"
    assert worker.take_error() is None
    worker.close()


@pytest.mark.parametrize(("work", "told"), [(fails, ["torn"]), (lambda: None, ["None"])])
def test_who_takes_the_exception_in_the_thread_is_told_before_it_ends(
    work: type[None], told: list[str]
) -> None:
    seen: list[str] = []
    worker = WorkerThread(work, name="fail", patience=5, then=lambda error: seen.append(str(error)))
    worker.join()
    assert seen == told
    worker.close()
    assert not worker.failed


def test_an_exception_of_who_is_told_reaches_the_owner() -> None:
    def broken(error: BaseException | None) -> None:
        raise ZeroDivisionError(str(error))

    worker = WorkerThread(lambda: None, name="tell", patience=5, then=broken)
    with pytest.raises(ZeroDivisionError, match="None"):
        worker.close()


def test_a_stuck_thread_is_named_once_and_does_not_hold_up_the_end(caplog: pytest.LogCaptureFixture) -> None:
    lets_go = threading.Event()
    worker = WorkerThread(lets_go.wait, name="read the camera", patience=0.1)
    with at_most(1), caplog.at_level(logging.INFO):
        assert not worker.close()
        assert not worker.close()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "the thread 'read the camera' is stuck and is left behind")
    ]
    lets_go.set()
    assert worker.join(5)


@pytest.mark.parametrize("words", ["is still at its last frame", lambda: "is still at its last frame"])
def test_a_thread_that_is_slow_by_nature_is_named_in_the_owners_words(
    caplog: pytest.LogCaptureFixture, words: str | Callable[[], str]
) -> None:
    lets_go = threading.Event()
    worker = WorkerThread(lets_go.wait, name="explain", patience=5, left_behind=words, level=logging.INFO)
    with caplog.at_level(logging.INFO):
        worker.close(time.monotonic() + 0.05)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "the thread 'explain' is still at its last frame")
    ]
    lets_go.set()
    assert worker.join(5)


def test_a_function_may_close_its_own_thread() -> None:
    known = threading.Event()
    workers: list[WorkerThread] = []

    def close() -> None:
        known.wait(5)
        assert not workers[0].close()

    workers.append(WorkerThread(close, name="close myself", patience=5))
    known.set()
    assert workers[0].join(5)
    workers[0].close()


def test_a_result_comes_from_the_background() -> None:
    assert run_in_background(lambda: threading.current_thread().name, name="load") == "load"
    with pytest.raises(OSError, match="torn"):
        run_in_background(fails, name="load")


def test_ctrl_c_ends_the_waiting_at_once_and_leaves_the_thread_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lets_go = threading.Event()

    def load() -> None:
        _thread.interrupt_main()  # as Ctrl-C does
        lets_go.wait(10)

    with caplog.at_level(logging.INFO), pytest.raises(KeyboardInterrupt):
        run_in_background(load, name="load")
    assert caplog.messages == ["the thread 'load' is left behind"]
    (left,) = (thread for thread in threading.enumerate() if thread.name == "load")
    assert left.is_alive(), "and Python does not take it for ended"
    lets_go.set()
    left.join(5)
