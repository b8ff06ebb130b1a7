"""A camera that is pulled, hangs, sends damage or slows down, through OpenCV's real V4L2 code."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakecam.webcam import PretendWebcam
from limits import at_most, within

WATCH = """
import json, logging, os, sys, threading, time
from pathlib import Path
from live_gradcam.sources.opening import open_source

control, steps = Path(sys.argv[1]), json.loads(sys.argv[2])
report = {"took": [], "indices": [], "stamps": [], "damaged": [], "repeated": 0, "log": [], "error": None}

class Keep(logging.Handler):
    def emit(self, record):
        report["log"].append(record.getMessage())

logging.basicConfig(level=logging.WARNING, handlers=[Keep()])

def say(word):
    control.with_suffix(".new").write_text(word)
    control.with_suffix(".new").replace(control)

def take(source):
    previous = None
    try:
        for frame in source:
            report["indices"].append(frame.index)
            report["stamps"].append(frame.captured_at)
            report["damaged"].append(frame.damaged)
            report["repeated"] += bool(frame.damaged and (frame.pixels == previous).all())
            previous = frame.pixels
    except Exception as error:
        report["error"] = str(error)

def reached(source, kind, value):
    began, count = time.monotonic(), len(report["indices"])
    while time.monotonic() - began < 15:
        if kind == "frames" and len(report["indices"]) >= count + value: return
        if kind == "notice" and source.notice == value: return
        if kind == "log" and any(value in line for line in report["log"]): return
        time.sleep(0.01)
    sys.exit(f"{kind} {value} did not come: {source.notice}, {report['log']}")

with open_source(0) as source:
    taker = threading.Thread(target=take, args=(source,))
    taker.start()
    for kind, value in steps:
        began = time.monotonic()
        if kind == "say": say(value)
        elif kind == "wait": time.sleep(value)
        else: reached(source, kind, value)
        report["took"].append(time.monotonic() - began)
    report["notice"], report["reconnects"], report["fps"] = source.notice, source.reconnects, source.measured_fps
    closing = time.monotonic()
report["closed_in"] = time.monotonic() - closing
taker.join(1)
report["threads"] = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
print(json.dumps(report))
sys.stdout.flush()
os._exit(0)  # not waiting for a thread that was left in its driver
"""

LOST = "camera lost, reconnecting"
HANGS = "camera hangs, reconnecting"
DAMAGED = "camera 0 sends damaged frames"

Step = tuple[str, str | int | float | None]
Watch = Callable[..., dict[str, Any]]


@pytest.fixture
def watch(webcam: PretendWebcam, tmp_path: Path) -> Watch:
    """Look through the pretend webcam in a process of its own, do these things to it, and report."""

    def run(*steps: Step) -> dict[str, Any]:
        control = tmp_path / "control"
        control.write_text("plug")
        done = subprocess.run(
            [sys.executable, "-c", WATCH, str(control), json.dumps(steps)],
            env=webcam.environment(control=control),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        report: dict[str, Any] = json.loads(done.stdout)
        assert report["error"] is None
        assert report["indices"] == sorted(set(report["indices"]))
        assert report["stamps"] == sorted(report["stamps"])
        assert within(report["closed_in"], 1)
        return report

    return run


def test_a_camera_that_is_pulled_twice_comes_back_twice(watch: Watch) -> None:
    report = watch(
        ("frames", 5),
        ("say", "unplug"),
        ("notice", LOST),
        ("wait", 0.7),
        ("say", "plug"),
        ("frames", 1),
        ("notice", None),
        ("frames", 5),
        ("say", "unplug"),
        ("notice", LOST),
        ("say", "plug"),
        ("frames", 1),
        ("notice", None),
        ("frames", 5),
    )
    noticed, back = [report["took"][i] for i in (2, 9)], [report["took"][i] for i in (5, 11)]
    assert within(max(noticed), 1)
    assert within(max(back), 2)
    assert report["reconnects"] == 2
    assert report["notice"] is None
    assert report["threads"] == []
    assert report["log"][0] == "camera 0 was unplugged: reconnecting"
    assert report["log"][1].startswith("camera 0 is back after ")
    assert len(report["log"]) == 2  # a second loss so soon is not told again


def test_a_camera_that_hangs_is_noticed_and_goes_on_when_it_recovers(watch: Watch) -> None:
    report = watch(
        ("frames", 5),
        ("say", "stall"),
        ("notice", HANGS),
        ("log", "hangs"),
        ("wait", 0.5),
        ("say", "plug"),
        ("frames", 1),
        ("notice", None),
        ("frames", 5),
    )
    assert within(report["took"][2], 2)
    assert within(report["took"][2] + report["took"][3], 3)
    assert within(report["took"][6], 2)
    assert report["reconnects"] == 1
    assert report["threads"] == []
    assert report["log"][0].startswith("camera 0 hangs, no picture for ")


def test_a_camera_that_is_back_but_busy_or_forbidden_is_waited_for(watch: Watch) -> None:
    report = watch(
        ("frames", 3),
        ("say", "unplug"),
        ("notice", LOST),
        ("say", "denied"),
        ("wait", 0.6),
        ("notice", LOST),
        ("say", "busy"),
        ("wait", 0.6),
        ("notice", LOST),
        ("say", "plug"),
        ("frames", 3),
    )
    assert within(report["took"][-1], 2)
    assert report["reconnects"] == 1


def test_a_lost_camera_can_be_closed(watch: Watch) -> None:
    report = watch(("frames", 3), ("say", "unplug"), ("notice", LOST))
    assert report["threads"] == []
    assert report["reconnects"] == 0


def test_a_camera_that_opens_slowly_when_it_is_back_does_not_hold_up_the_end(watch: Watch) -> None:
    report = watch(
        ("frames", 3),
        ("say", "unplug"),
        ("notice", LOST),
        ("say", "slowopen"),
        ("notice", "opening camera 0 …"),
    )
    assert report["threads"] == ["reader of camera 0"]
    assert report["log"][-1] == (
        "the thread 'reader of camera 0' is still inside its driver; it ends when the driver returns"
    )


def test_damaged_frames_are_said_and_flagged_and_are_the_picture_before_them(watch: Watch) -> None:
    report = watch(
        ("frames", 5),
        ("say", "corrupt"),
        ("notice", DAMAGED),
        ("frames", 5),
        ("say", "plug"),
        ("notice", None),
    )
    assert not any(report["damaged"][:4])
    assert sum(report["damaged"]) >= 8
    assert report["repeated"] >= sum(report["damaged"]) - 1  # the last good one may have been passed over
    assert report["reconnects"] == 0
    assert report["log"] == ["camera 0 sends damaged frames (cable or hub?)"]
    assert not report["damaged"][-1]


@pytest.mark.runs
def test_a_camera_that_gives_less_than_it_promised_is_warned_of_once(watch: Watch) -> None:
    report = watch(("say", "slow"), ("log", "promised"), ("wait", 1.2))
    assert report["log"] == ["camera 0 gives 8 fps of the 30 it promised (dark room? slow USB port?)"]
    assert within(report["took"][1], 8)
    assert report["notice"] is None
    assert 7 < report["fps"] < 9
    assert report["reconnects"] == 0


OPEN = """
import logging, sys, time
from live_gradcam.sources.opening import open_source

logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
try:
    with open_source(0) as source:
        print(source.describe(), flush=True)
        next(iter(source))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.fixture
def slow_opening(webcam: PretendWebcam, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that opens a camera that takes 5 s, or until `control` is told something else."""
    control = tmp_path / "control"
    control.write_text("slowopen")
    with subprocess.Popen(
        [sys.executable, "-c", OPEN],
        env=webcam.environment(control=control),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as program:
        yield program
        program.kill()  # where the test failed before it ended


def test_a_camera_that_opens_slowly_is_said_to(slow_opening: subprocess.Popen[str], tmp_path: Path) -> None:
    assert slow_opening.stdout is not None
    assert slow_opening.stdout.readline() == "camera 0 is slow to open …\n"
    (tmp_path / "control").write_text("plug")
    said, _ = slow_opening.communicate(timeout=30)
    assert said == "camera 0: 1280×720 at 30 fps, MJPG\n"
    assert slow_opening.returncode == 0


def test_a_camera_that_opens_slowly_can_be_interrupted(slow_opening: subprocess.Popen[str]) -> None:
    assert slow_opening.stdout is not None
    assert slow_opening.stdout.readline() == "camera 0 is slow to open …\n"
    with at_most(2):  # of which Python's own end is a part
        slow_opening.send_signal(signal.SIGINT)
        rest = slow_opening.stdout.read()
        assert slow_opening.wait(10) == 0
    assert rest.splitlines() == [
        "the thread 'reader of camera 0' is still inside its driver; it ends when the driver returns",
        "interrupted",
    ]
