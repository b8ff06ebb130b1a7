"""A sink of somebody else has a thread of its own: slow or broken, it never holds up the others."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from installed import Install
from limits import PATIENCE

import live_gradcam as lg
from live_gradcam.frame import Frame
from live_gradcam.sinks import own_sink
from live_gradcam.sinks.own_sink import OwnSink, open_sink
from live_gradcam.sinks.sink import NullSink, SinkGroup

NAMED = "the sink 'odd' of odd-one 1.2"


def shown(index: int = 0) -> lg.Rendered:
    """Return a picture."""
    pixels = np.full((4, 6, 3), index, np.uint8)
    return lg.Rendered(pixels, Frame(pixels.copy(), index, float(index)), heatmap=np.ones((2, 3), np.float32))


class Noting(lg.Sink):
    """Notes what it was called with, and in which thread; waits at each picture if told to, or raises."""

    name = "noting"

    def __init__(self, *, waits: bool = False, fails: BaseException | None = None) -> None:
        self.calls: list[tuple[str, int]] = []
        self.threads = {threading.current_thread()}
        self.began, self.goes_on = threading.Event(), threading.Event()
        self._fails = fails
        if not waits:
            self.goes_on.set()

    @property
    def notice(self) -> str | None:
        return f"{len(self.calls)} taken"

    @property
    def finished(self) -> bool:
        return len(self.calls) == 3

    def write(self, rendered: lg.Rendered) -> None:
        self.began.set()
        assert self.goes_on.wait(PATIENCE)
        if self._fails is not None:
            raise self._fails
        self._note("write", rendered.frame.index)

    def close(self) -> None:
        self._note("close", 0)

    def _note(self, call: str, number: int) -> None:
        self.calls.append((call, number))
        self.threads.add(threading.current_thread())


def test_a_subclass_needs_a_name_and_write_only() -> None:
    class Least(lg.Sink):
        name = "least"

        def write(self, rendered: lg.Rendered) -> None:
            """Take it."""

    with Least() as sink:
        assert not sink.finished
        assert sink.notice is None

    class Without(lg.Sink):
        name = "without"

    with pytest.raises(
        lg.SinkError, match="cannot be opened: TypeError: Can't instantiate abstract class Without"
    ):
        OwnSink(Without, NAMED, wait=False)


def test_it_is_opened_called_and_closed_in_one_thread_which_is_not_the_shows() -> None:
    made: list[Noting] = []

    def opened() -> Noting:
        made.append(Noting())
        return made[0]

    with OwnSink(opened, NAMED, wait=True) as sink:
        for index in range(20):
            sink.write(shown(index))
    sink.close()
    assert made[0].calls == [*(("write", index) for index in range(20)), ("close", 0)]
    assert len(made[0].threads) == 1
    assert threading.main_thread() not in made[0].threads


def test_a_sink_that_is_slow_lacks_pictures_and_the_log_says_how_many(
    caplog: pytest.LogCaptureFixture,
) -> None:
    slow = Noting(waits=True)
    sink = OwnSink(lambda: slow, NAMED, wait=False)
    sink.write(shown(0))
    assert slow.began.wait(PATIENCE)
    for index in range(1, 101):
        sink.write(shown(index))  # returns at once: the sink is still at the first picture
    assert slow.calls == []
    slow.goes_on.set()
    sink.close()
    assert slow.calls == [*(("write", index) for index in range(9)), ("close", 0)]
    assert caplog.messages == [f"{NAMED} was too slow: it lacks 92 pictures of 101."]


def test_the_end_of_a_live_run_does_not_wait_for_all_pictures_of_a_slow_sink(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Noting(waits=True)
    sink = OwnSink(lambda: slow, NAMED, wait=False)
    for index in range(5):
        sink.write(shown(index))
    assert slow.began.wait(PATIENCE)
    abandoned = sink._waiting.abandon

    def abandon() -> None:
        abandoned()
        slow.goes_on.set()

    monkeypatch.setattr(sink._waiting, "abandon", abandon)
    monkeypatch.setattr(own_sink, "_PATIENCE_SECONDS", 0.05)
    sink.close()
    assert slow.calls == [("write", 0), ("close", 0)]
    assert caplog.messages == [f"{NAMED} was too slow: it lacks 4 pictures of 5."]


def test_a_sink_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_sink, "_PATIENCE_SECONDS", 0.05)
    hanging = Noting(waits=True)
    sink = OwnSink(lambda: hanging, NAMED, wait=False)
    sink.write(shown())
    with pytest.raises(lg.SinkError, match="has not answered for 0 s, and its thread is left behind"):
        sink.close()
    hanging.goes_on.set()


@pytest.mark.parametrize("wait", [False, True])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("no broker"), f"{NAMED} failed: ValueError: no broker"),
        (lg.SinkError("the broker is away. Start it."), f"{NAMED} failed: the broker is away. Start it."),
        (SystemExit(), f"{NAMED} failed: SystemExit"),
    ],
)
def test_a_sink_that_fails_is_closed_and_told_of_once_and_the_others_go_on(
    wait: bool, error: BaseException, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    failing, other = Noting(fails=error), Noting()
    sinks = SinkGroup()
    sinks.add(OwnSink(lambda: failing, NAMED, wait=wait))
    sinks.add(OwnSink(lambda: other, "the other sink", wait=True))
    for index in range(20):
        sinks.write(shown(index))
    sinks.close()
    assert sinks.failures == caplog.messages == [told]
    assert failing.calls == [("close", 0)]
    assert len(other.calls) == 21


def test_what_it_says_and_whether_it_ends_the_run_is_passed_on() -> None:
    with OwnSink(Noting, NAMED, wait=True) as sink:
        assert (sink.finished, sink.notice) == (False, None)
        for index in range(3):
            sink.write(shown(index))
    assert sink.finished
    assert sink.notice == "3 taken"


def test_it_cannot_draw_on_the_arrays_that_other_sinks_have() -> None:
    class Drawing(NullSink):
        def write(self, rendered: lg.Rendered) -> None:
            for array in (rendered.pixels, rendered.frame.pixels, rendered.heatmap):
                assert array is not None
                assert not array.flags.writeable
            rendered.pixels[:] = 0

    picture = shown(7)
    sink = OwnSink(Drawing, NAMED, wait=True)
    sink.write(picture)
    with pytest.raises(lg.SinkError, match="failed: ValueError: assignment destination is read-only"):
        sink.close()
    assert picture.pixels.flags.writeable
    assert (picture.pixels == 7).all()


@pytest.mark.parametrize("lacking", ["name", "finished", "notice", "write", "close"])
def test_a_sink_that_lacks_something_is_an_error_that_says_what(lacking: str) -> None:
    members = {"name": "odd", "finished": False, "notice": None, "write": print, "close": print}
    del members[lacking]
    odd: Any = type("Odd", (), members)()
    with pytest.raises(
        lg.SinkError, match=rf"the sink Odd lacks '{lacking}' \(its type is Odd\): the page Plug-ins"
    ):
        open_sink(odd, wait=False)


def test_a_sink_of_a_package_opens_by_name_with_what_follows_the_colon(install: Install) -> None:
    install(
        "odd-one",
        "from live_gradcam.sinks.sink import NullSink\n"
        "class Odd(NullSink):\n"
        "    def __init__(self, rest):\n"
        "        if not rest: raise ValueError('an address is needed')\n"
        "        self.name = rest\n",
        sink="odd=Odd",
    )
    with open_sink("odd:host:80", wait=False) as sink:
        assert sink.name == "host:80"
    with pytest.raises(lg.SinkError, match=f"{NAMED} cannot be opened: ValueError: an address is needed"):
        open_sink("odd", wait=False)
    with pytest.raises(lg.SinkError, match="unknown sink 'even'"):
        open_sink("even:1", wait=False)
