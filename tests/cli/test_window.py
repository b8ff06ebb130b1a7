"""The whole command in a window, on a pretend screen: what is on it, and every way to end it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from programs import LACKS, TESTS, frames_in
from screen import Screen, require_screen

from live_gradcam.frame import Pixels

TITLE = "live_gradcam: demo"
SMALL = ("--model", "networks:stage_network", "--preprocess", "unit")
"""A network that is there at once."""


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    require_screen()
    with Screen() as screen:
        yield screen


def shows_the_demo(seen: Pixels) -> bool:
    """Whether there is a bright picture with the dark label plate in a lower corner."""
    picture = seen[:720, :1280]
    plates = (seen[580:690, columns] for columns in (slice(40, 120), slice(1160, 1240)))
    dark = (each.mean() < 0.7 * picture.mean() and each.max() > 200 for each in plates)
    return bool(picture.mean() > 60 and any(dark))


def goes_on() -> Callable[[Pixels], bool]:
    """Return what says when so many different pictures have been seen that more than five were shown."""
    seen: set[bytes] = set()

    def is_enough(picture: Pixels) -> bool:
        seen.add(hashlib.sha256(picture.tobytes()).digest())
        return len(seen) > 8

    return is_enough


def start(screen: Screen, *typed: str, folder: Path | None = None) -> subprocess.Popen[str]:
    surroundings = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]  # the networks are found there
    return subprocess.Popen(
        [sys.executable, "-m", "live_gradcam", *typed],
        env={**screen.environment, "PYTHONPATH": os.pathsep.join(surroundings)},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def press_q(screen: Screen, window: int, _: subprocess.Popen[str]) -> None:
    screen.press("q", window)


def close(screen: Screen, window: int, _: subprocess.Popen[str]) -> None:
    screen.close_window(window)


def interrupt(_: Screen, __: int, process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("end", "model"),
    [
        (press_q, ()),
        pytest.param(close, SMALL, marks=pytest.mark.screens),
        pytest.param(interrupt, SMALL, marks=pytest.mark.screens),
    ],
)
def test_the_demo_is_shown_and_recorded_and_ends_cleanly(
    screen: Screen,
    tmp_path: Path,
    end: Callable[[Screen, int, subprocess.Popen[str]], None],
    model: tuple[str, ...],
) -> None:
    out, stats = tmp_path / "out.mp4", tmp_path / "stats.json"
    process = start(screen, "--source", "demo", *model, "--record", str(out), "--stats", str(stats))
    try:
        window = screen.painted_window(TITLE, shows_the_demo, patience=60)
        screen.photograph_when(goes_on())
    except AssertionError:
        process.kill()
        process.communicate()
        raise
    end(screen, window, process)
    said, complained = process.communicate(timeout=20)
    lacking = sum(int(count) for count in LACKS.findall(complained))
    assert (process.returncode, LACKS.sub("", complained)) == (0, "")
    assert f"recorded {out}" in said
    assert screen.windows(TITLE) == []
    shown = json.loads(stats.read_text())["frames_shown"]
    assert shown > 5
    # One interrupted between the recording and the count is recorded all the same.
    assert shown - frames_in(out) - lacking in (0, -1)


@pytest.mark.screens
def test_keys_save_and_change_even_a_picture_that_stands_still(screen: Screen, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((300, 400, 3), 100, np.uint8))

    def plate_at_the_top(columns: slice) -> Callable[[Pixels], bool]:
        return lambda seen: bool(np.ptp(seen[10:24, columns]) > 100)

    process = start(screen, "--source", "grey.png", *SMALL, folder=tmp_path)
    try:
        window = screen.painted_window(
            "live_gradcam: grey.png", lambda seen: bool(seen[:300, :400].mean() > 60), patience=60
        )
    except AssertionError:
        process.kill()
        process.communicate()
        raise
    assert not plate_at_the_top(slice(15, 46))(screen.photograph())
    screen.press("s", window)
    screen.photograph_when(plate_at_the_top(slice(15, 46)))
    screen.press("d", window)
    screen.photograph_when(plate_at_the_top(slice(352, 392)))
    screen.photograph_when(
        lambda seen: not plate_at_the_top(slice(15, 46))(seen)
    )  # it was said for long enough
    screen.press("q", window)
    said, complained = process.communicate(timeout=20)
    assert (process.returncode, complained) == (0, "")
    (saved,) = (line.removeprefix("saved ") for line in said.splitlines() if line.startswith("saved "))
    stem = saved.removesuffix(".png")
    expected = ["grey.png", f"{stem}.frame.png", f"{stem}.heat.png", saved]
    assert sorted(path.name for path in tmp_path.iterdir()) == expected
