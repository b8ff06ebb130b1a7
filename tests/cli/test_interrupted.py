"""A request to end, at any moment: a clean end at once, and no recording is lost or left half done."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from array import array
from pathlib import Path
from typing import Any

import pytest
from fakecam.webcam import PretendWebcam
from limits import at_most
from programs import Program, frames_in

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="only on Linux and macOS: signals that can be sent"
)

SMALL = ("--model", "networks:colour_network", "--preprocess", "unit")
"""A network that is there at once."""

AT_ONCE = 1.5
"""Seconds: 1, and something for a machine that does other things beside."""


class Recording(Program):
    """A run without a window that records and counts."""

    def __init__(self, folder: Path, *typed: str, environment: dict[str, str] | None = None) -> None:
        self.folder = folder / "out"
        self.folder.mkdir()
        self.film, self.part = self.folder / "out.mp4", self.folder / "out.part.mp4"
        self.stats = self.folder / "stats.json"
        written = ("--no-window", "--record", str(self.film), "--stats", str(self.stats))
        super().__init__(folder, *typed, *written, environment=environment)

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}

    @property
    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.stats.read_text())
        return report

    def has_recorded_what_was_shown(self) -> None:
        """Make sure that the film is whole; the last picture may have come between two counts."""
        assert self.files == {"out.jsonl", "out.mp4", "stats.json"}
        missing = self.report["frames_shown"] - frames_in(self.film) - self.lacking
        assert missing in (0, -1)


@pytest.mark.parametrize(
    ("moment", "after"),
    [
        ("", 0.25),  # Python imports
        ("loading", 0.9),  # TensorFlow is loaded, the network is built and traced
        pytest.param("Ctrl-C ends it", 0.0, marks=pytest.mark.runs),  # the show begins
        *(
            pytest.param(*each, marks=pytest.mark.screens)
            for each in (("", 0.0), ("loading", 0.0), ("loading", 1.8), ("loading", 2.7))
        ),
    ],
)
def test_it_ends_cleanly_whatever_it_is_doing(tmp_path: Path, moment: str, after: float) -> None:
    request = signal.SIGINT if round(10 * after) % 2 else signal.SIGTERM
    network = (
        SMALL if moment == "Ctrl-C ends it" else ()
    )  # the one that takes long to load, where that matters
    program = Recording(tmp_path, "--source", "demo", *network)
    program.until(program.listens, "handler")
    program.until_said(moment)
    time.sleep(after)
    # TensorFlow's libraries are loaded without a pause in which Python could end.
    with at_most(AT_ONCE if moment != "loading" else 4):
        program.end(request)
    assert (program.process.returncode, program.complained_otherwise) == (0, "")
    if "out.mp4" in program.files:
        program.has_recorded_what_was_shown()
    else:
        assert program.files <= {"stats.json"}


@pytest.mark.runs
def test_an_interrupted_recording_is_finished_even_where_it_is_asked_twice(tmp_path: Path) -> None:
    program = Recording(tmp_path, "--source", "demo", *SMALL)
    program.until_larger(program.part, 100_000)
    program.process.send_signal(signal.SIGINT)
    with at_most(AT_ONCE):
        program.end(signal.SIGTERM)
    assert (program.process.returncode, program.complained_otherwise) == (0, "")
    assert f"recorded {program.film}" in program.said
    program.has_recorded_what_was_shown()
    assert program.report["frames_shown"] > 5


@pytest.mark.runs
def test_a_camera_that_opens_slowly_does_not_hold_up_the_end(webcam: PretendWebcam, tmp_path: Path) -> None:
    control = tmp_path / "control"
    control.write_text("slowopen")
    program = Recording(tmp_path, *SMALL, environment=webcam.environment(control=control))
    program.until_complained("slow to open")
    with at_most(AT_ONCE):
        program.end(signal.SIGINT)
    assert program.process.returncode == 0
    assert program.complained.splitlines() == [
        "live-gradcam: camera 0 is slow to open …",
        "live-gradcam: the thread 'reader of camera 0' is still inside its driver; it ends when the driver returns",
    ]
    assert program.files == set()


def waiting_in(pipe: int) -> int:
    """Return how many bytes of a pipe nobody has read yet."""
    import fcntl  # which Windows does not have
    import termios

    count = array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


@pytest.mark.runs
def test_a_disk_that_does_not_answer_does_not_hold_up_the_end(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    part = tmp_path / "out" / "out.part.mp4"
    os.mkfifo(part)
    reader = os.open(part, os.O_RDONLY | os.O_NONBLOCK)  # which never reads: 64 kB, and the writer blocks
    try:
        film = tmp_path / "out" / "out.mp4"
        program = Program(
            tmp_path,
            "--source",
            "demo",
            *SMALL,
            "--no-window",
            "--record",
            str(film),
            "--overwrite",
            "--debug",
        )
        program.until(lambda: waiting_in(reader) > 60_000, "full pipe")
        with at_most(2 + AT_ONCE):
            program.end(signal.SIGINT)
    finally:
        os.close(reader)
    assert program.process.returncode == 1
    assert "frames explained" in program.said
    assert (
        "live-gradcam: out.mp4 could not be completed: its disk has not answered for 2 s, and the thread "
        f"'recorder of out.mp4' is left behind. What was recorded is in {part}.\n"
    ) in program.complained
    assert "Traceback" not in program.complained
    assert not film.exists()


@pytest.mark.runs
def test_a_recording_is_whole_whatever_befell_the_camera_and_a_lost_one_does_not_hold_up_the_end(
    webcam: PretendWebcam, tmp_path: Path
) -> None:
    control, log = tmp_path / "control", tmp_path / "log"
    control.write_text("plug")
    program = Recording(tmp_path, *SMALL, environment=webcam.environment(control=control, log=log))
    program.until_said("Ctrl-C ends it")
    recorded = 0

    def times(line: str) -> int:
        """How often the camera was asked for something."""
        return sum(each.startswith(line) for each in log.read_text().splitlines())

    def until_it_goes_on() -> None:
        nonlocal recorded
        program.until(lambda: times("open") > times("close"), "open camera")
        program.until_larger(program.part, recorded + 60_000)
        recorded = program.part.stat().st_size

    def lose(word: str) -> None:
        """Lose the camera, and wait until the encoder has written what came before: what is written then came after."""
        closed, size = times("close"), -1
        control.write_text(word)
        program.until(lambda: times("close") > closed, "close of the camera")
        while size != (size := program.part.stat().st_size):
            time.sleep(0.4)

    for word in ("unplug", "unplug", "stall", "corrupt", "slow"):
        until_it_goes_on()
        if word in ("unplug", "stall"):
            lose(word)
        else:
            control.write_text(word)
            if word == "corrupt":
                program.until_complained("damaged frames")
            else:
                time.sleep(0.6)
        recorded = program.part.stat().st_size
        control.write_text("plug")
    until_it_goes_on()
    lose("unplug")
    with at_most(AT_ONCE):
        program.end(signal.SIGTERM)
    assert program.process.returncode == 0
    told = program.complained_otherwise.splitlines()
    assert told[0] == "live-gradcam: camera 0 was unplugged: reconnecting"
    assert "live-gradcam: camera 0 sends damaged frames (cable or hub?)" in told
    assert all(line.startswith("live-gradcam: camera 0 ") for line in told)
    program.has_recorded_what_was_shown()
    assert program.report["reconnects"] == 3
