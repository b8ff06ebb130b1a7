"""A whole show on a pretend screen: every key is pressed, looked at, saved, and played again."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from programs import TESTS, Program, frames_in
from screen import Screen, require_screen

from live_gradcam.cli import main
from live_gradcam.frame import Pixels
from live_gradcam.live.choice import CONCEPTS
from live_gradcam.viewer_input import ACTIONS

WIDTH, HEIGHT = 640, 360
PATIENCE = 30.0

LABELS = ("anchor", "banana", "candle", "daisy", "eagle", "falcon")

XDOTOOL = {
    " ": "space",
    "[": "bracketleft",
    "]": "bracketright",
    "/": "slash",
    "+": "plus",
    "-": "minus",
    ",": "comma",
    ".": "period",
    "ArrowLeft": "Left",
    "ArrowRight": "Right",
    "Enter": "Return",
    "PageDown": "Next",
    "PageUp": "Prior",
    "M": "m",
}
"""What xdotool calls keys."""

Place = tuple[slice, slice]

HEAT: Place = slice(130, 330), slice(200, 480)
"""The middle, where the network looks; what is said for a moment stands above it, the label at its left."""

ABOVE_BADGE: Place = slice(130, 290), slice(200, 430)
"""The part of it on which the test of the heat never stands, which comes when there is time for it."""

TOP_RIGHT: Place = slice(0, 40), slice(520, WIDTH)
FIGURES: Place = slice(0, 110), slice(480, WIDTH)
SCALE: Place = slice(190, 350), slice(570, 630)
PROMPT: Place = slice(60, 110), slice(200, 440)

ASSUMING = (
    "live-gradcam: networks:stage_network: pixels are scaled to 0 to 1, a guess. If it was trained on 0 to 255, add "
    "--preprocess none; on -1 to 1, --preprocess tf.\n"
)
"""What is said of the second model, for --preprocess is about the first."""

TRACES = 8
"""gradcam, gradcam++, gradcam at another layer, four methods, four targets, channels, concepts; the second model."""


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    require_screen()
    with Screen() as screen:
        yield screen


@dataclass(slots=True)
class Show:
    """A running show, and what its session says of it."""

    screen: Screen
    program: Program
    window: int
    folder: Path
    mark: int = 0
    """Where in the session the last key was pressed."""

    def lines(self, since: int = 0) -> list[dict[str, Any]]:
        """What is in the session by now, from a line on."""
        written = (self.folder / "session" / "session.jsonl").read_text(encoding="utf-8")
        complete = written[: written.rfind("\n") + 1].splitlines()
        return [json.loads(line) for line in complete[since:]]

    def press(self, key: str) -> None:
        """Press a key, and wait until it came onto the stage."""
        self.mark = len(self.lines())
        if key == "M":
            self.screen.hold("shift")
        self.screen.press(XDOTOOL.get(key, key), self.window)
        self.until(lambda line: line.get("key") == key, f"key {key}")
        if key == "M":
            self.screen.release("shift")

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Use the mouse, and wait until it came onto the stage."""
        self.mark = len(self.lines())
        self.screen.drag(start, end)
        self.until(lambda line: line.get("pointer") == "up", "mouse")

    def until(self, happened: Callable[[dict[str, Any]], bool], what: str) -> None:
        """Wait until the session has such a line after the last key."""
        self.program.until(lambda: any(happened(line) for line in self.lines(self.mark)), what)

    def until_answered(self, **question: object) -> None:
        """Wait until a question of that kind is answered."""
        self.until(
            lambda line: (
                "answer" in line and all(line["question"][name] == value for name, value in question.items())
            ),
            f"answer to {question}",
        )

    def until_told(self, text: str) -> None:
        """Wait until this was said for a moment."""
        self.until(lambda line: text in line.get("announce", ""), f"'{text}'")

    def see(self, ready: Callable[[Pixels], bool]) -> Pixels:
        """The picture, as soon as it looks as it should."""
        whole = slice(0, HEIGHT), slice(0, WIDTH)
        return self.screen.photograph_when(lambda seen: ready(seen[whole]), PATIENCE)[whole]

    def settled(self) -> Pixels:
        """The picture, once it shows an answer about what is seen now."""
        since = len(self.lines())

        def is_shown() -> bool:
            lines = self.lines(since)
            frames = {line["frame"] for line in lines if "frame" in line}
            answered = next((n for n, line in enumerate(lines) if line.get("answer") in frames), len(lines))
            return sum("picture" in line for line in lines[answered:]) > 2  # the last may be in the making

        self.program.until(is_shown, "answer on the screen")
        return self.see(lambda _: True)

    def changes(self, key: str, place: Place, least: float = 2.0) -> Pixels:
        """Press a key, and return the picture as soon as it is another in a place."""
        before = self.see(lambda _: True)
        self.press(key)
        return self.see(lambda seen: difference(seen, before, place) > least)


def difference(one: Pixels, other: Pixels, place: Place) -> float:
    """How far two pictures differ in a place, in grey levels on average."""
    return float(np.abs(one[place].astype(int) - other[place].astype(int)).mean())


def surroundings(screen: Screen) -> dict[str, str]:
    """Return an environment in which the tests' networks are found from any folder."""
    places = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**screen.environment, "PYTHONPATH": os.pathsep.join(places)}


def start(screen: Screen, folder: Path, *source: str) -> Show:
    """Start a show of a source, whose frames, keys and answers are saved."""
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n")
    run = folder / "run"
    run.mkdir()
    network = "networks:stage_network"
    typed = [*source, "--preprocess", "unit", "--model", network, "--model", network]
    typed += ["--labels", str(folder / "labels.txt")]
    typed += ["--smoothing", "0", "--scale", "frame"]  # what stands still looks the same at once
    typed += ["--save-session", str(run / "session"), "--stats", str(run / "stats.json")]
    program = Program(run, *typed, environment=surroundings(screen), at=run)

    def is_painted(seen: Pixels) -> bool:
        return bool(seen[:HEIGHT, :WIDTH].mean() > 40)

    try:
        show = Show(screen, program, screen.painted_window("live_gradcam: .*", is_painted, 60), run)
        show.until(lambda line: "answer" in line, "answer")
    except AssertionError:
        program.process.kill()
        program.process.wait()
        raise
    return show


@pytest.mark.screens
def test_every_key_of_the_table_shows_and_the_session_is_the_same_twice(
    screen: Screen, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    show = start(screen, tmp_path, "--source", "demo", "--also", "demo", "--size", f"{WIDTH}x{HEIGHT}")
    show.press("r")
    show.see(lambda seen: red(seen[TOP_RIGHT]) > 20)
    show.press("j")
    show.until(lambda line: "clip-" in str((line.get("status") or {}).get("notice")), "clip")
    show.press("s")
    show.until(lambda line: "saved snapshot-" in str((line.get("status") or {}).get("notice")), "snapshot")
    show.press(" ")
    change_the_look(show)
    change_the_question(show)
    use_the_mouse(show)
    go_through_the_views(show)
    show.press(" ")
    go_elsewhere(show)
    record_once_more(show)
    end(show)
    assert {line["key"] for line in show.lines() if "key" in line} >= {action.key for action in ACTIONS}
    replay_twice(show, capfd)


@pytest.mark.screens
def test_a_photo_is_mirrored_and_explained_again_and_its_session_is_the_same_twice(
    screen: Screen, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    photo = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    photo[20:100, 20:200] = (40, 200, 240)
    cv2.imwrite(str(tmp_path / "photo.png"), photo)
    show = start(screen, tmp_path, "--source", str(tmp_path / "photo.png"))
    patch = slice(30, 90), slice(30, 130)
    before = show.see(lambda _: True)
    show.press("i")
    show.until(lambda line: "answer" in line, "answer about the mirrored photo")
    show.see(lambda seen: difference(seen[:, ::-1], before, patch) < 1)
    show.press("m")
    show.until_answered(methods=["gradcam++"])
    show.press("q")
    show.program.wait()
    assert show.program.process.returncode == 0
    replay_twice(show, capfd)


@pytest.mark.screens
def test_a_folder_is_turned_by_hand_and_ends_with_the_second_escape(
    screen: Screen, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "slides"
    folder.mkdir()
    colours = ((200, 60, 40), (40, 200, 60), (40, 60, 200))
    for number, colour in enumerate(colours):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((HEIGHT, WIDTH, 3), colour, np.uint8))
    corner = slice(60, 90), slice(20, 60)

    def shows(number: int) -> Callable[[Pixels], bool]:
        return lambda seen: int(seen[corner].mean((0, 1)).argmax()) == number

    show = start(screen, tmp_path, str(folder))
    show.see(shows(0))
    for key, number in (
        ("ArrowRight", 1),
        ("PageDown", 2),
        ("ArrowRight", 2),
        ("PageUp", 1),
        ("ArrowLeft", 0),
    ):
        show.press(key)
        show.see(shows(number))
    show.drag((WIDTH - 10, 200), (WIDTH - 10, 200))
    show.see(shows(1))
    show.press("Escape")
    show.see(shows(1))
    assert show.program.process.poll() is None
    show.press("Escape")
    show.program.wait()
    assert show.program.process.returncode == 0
    replay_twice(show, capfd)


def red(seen: Pixels) -> int:
    """How many pixels are as red as the sign of a recording."""
    blue, green, red = (seen[..., channel].astype(int) for channel in range(3))
    return int(((red > 200) & (green < 80) & (blue < 80)).sum())


def change_the_look(show: Show) -> None:
    """Everything that changes no question; the picture stands still."""
    plain = show.settled()
    show.press("h")
    show.see(lambda seen: bool(seen.mean() < 0.5 * plain.mean()))
    show.press("h")
    show.see(lambda seen: difference(seen, plain, HEAT) < 0.5)
    for key in ("t", "t", "t", "t"):
        show.changes(key, HEAT)
    show.press("t")
    show.see(lambda seen: difference(seen, plain, HEAT) < 0.5)
    show.changes("+", HEAT)
    show.press("-")
    show.see(lambda seen: difference(seen, plain, HEAT) < 0.5)
    for key, place in (("b", SCALE), ("d", FIGURES)):
        show.changes(key, place)
        show.changes(key, place)
    show.changes("c", HEAT)
    aside = slice(100, 190), slice(20, 130)
    show.press("i")
    show.see(lambda seen: difference(seen[:, ::-1], plain, aside) < 0.5)
    show.press("i")
    show.see(lambda seen: difference(seen, plain, aside) < 0.5)


def change_the_question(show: Show) -> None:
    """Methods, layers and targets."""
    show.press("m")
    show.until_answered(methods=["gradcam++"])
    show.press("M")
    show.until_answered(methods=["gradcam"])
    show.press("[")
    show.until_answered(layer="second")
    show.press("]")
    show.until_answered(layer=None)
    for key in "12345":
        show.press(key)
        show.until(
            lambda line: "answer" in line and isinstance(line["question"]["targets"][0], int), "pinned class"
        )
    show.press("x")
    show.until(
        lambda line: "answer" in line and " - " in str(line["question"]["targets"][0]), "answered contrast"
    )
    show.press("0")
    show.until_answered(targets=[None])
    show.press("x")
    show.until_answered(targets=["#1 - #2"])
    show.press("l")
    show.until(
        lambda line: "answer" in line and isinstance(line["question"]["targets"][0], int), "locked class"
    )
    before = show.see(lambda _: True)
    show.press("/")
    show.see(lambda seen: difference(seen, before, PROMPT) > 5)
    for letter in "ban":
        show.press(letter)
    show.press("Enter")
    show.until_answered(targets=[LABELS.index("banana")])
    show.press("0")
    show.until_answered(targets=[None])


def use_the_mouse(show: Show) -> None:
    """A click tells the heat, a drag looks at a part only."""
    before = show.settled()
    show.drag((320, 220), (320, 220))
    show.see(lambda seen: difference(seen, before, (slice(200, 240), slice(300, 400))) > 5)
    show.drag((240, 140), (399, 299))
    show.until_answered(area=[240, 140, 160, 160])
    around = slice(100, 130), slice(150, 230)  # where the network no longer looks
    show.see(lambda seen: difference(seen, before, around) > 2)
    show.press("a")
    show.until_answered(area=None)
    show.see(lambda seen: difference(seen, before, around) < 2)


def go_through_the_views(show: Show) -> None:
    """All of them, round to the first."""
    one = show.settled()

    def is_parted(seen: Pixels) -> bool:
        return bool(np.median(seen[100:, WIDTH // 2].max(axis=1)) < 40)

    assert not is_parted(one)
    show.press("v")
    show.see(is_parted)
    for question in (
        {"methods": ["gradcam", "gradcam++", "hirescam", "layercam"]},
        {"targets": ["#1", "#2", "#3", "#4"]},
        {"models": [0, 1]},
    ):
        show.press("v")
        show.until_answered(**question)
        show.see(is_parted)
    show.press("v")
    show.until_answered(channels=9)
    show.see(lambda seen: not is_parted(seen) and bool(np.median(seen[:, -2].max(axis=1)) < 40))
    show.press("v")
    show.until_answered(concepts=CONCEPTS)
    show.press("v")
    show.see(lambda seen: bool(np.median(seen[-4].max(axis=1)) < 40))
    show.press("v")
    show.see(lambda seen: difference(seen, one, HEAT) > 5)  # the proof
    before = show.see(lambda _: True)
    show.press("p")
    show.see(lambda seen: difference(seen, before, HEAT) > 1)
    show.press("v")
    show.see(lambda seen: difference(seen, one, ABOVE_BADGE) < 1)
    for key in ("e", "e", "u"):
        show.press(key)


def go_elsewhere(show: Show) -> None:
    """Another source, the whole screen, and what is for files only."""
    for key in (",", ".", "ArrowLeft", "ArrowRight"):
        show.press(key)
        show.until_told("only works with video files")
    show.press("f")
    show.press("f")
    before = show.see(lambda _: True)
    show.press("o")
    show.see(lambda seen: bool(seen.mean() < 0.5 * before.mean()))
    show.press("Escape")
    show.see(lambda seen: bool(seen.mean() > 0.8 * before.mean()))
    show.press(" ")
    show.press("k")
    show.see(lambda seen: bool(seen[60:80, 100:220].std() < 4))  # beside each other they leave room above
    show.press("z")
    show.see(lambda seen: bool(seen[60:80, 100:220].std() > 4 and difference(seen, before, HEAT) > 0))
    show.press("Tab")
    show.until(lambda line: line.get("source") == "changed", "other source")
    show.until(lambda line: "answer" in line, "answer about it")


def record_once_more(show: Show) -> None:
    """End the recording; another would have another name."""
    show.press("r")
    show.until_told("recorded live-gradcam-")
    show.see(lambda seen: red(seen[TOP_RIGHT]) < 20)


def end(show: Show) -> None:
    """End it, and look at what it left."""
    show.press("q")
    show.program.wait()
    assert (show.program.process.returncode, show.program.complained_otherwise) == (0, ASSUMING)
    (recording,) = show.folder.glob("live-gradcam-*.mp4")
    assert f"recorded {recording.name}" in show.program.said
    assert len(list(show.folder.glob("snapshot-*.heat.png"))) == 1
    lines = show.lines()
    report = json.loads((show.folder / "stats.json").read_text())
    (written,) = report["recordings"]
    assert frames_in(recording) == written["frames"]
    assert recorded_pictures(lines) == written["frames"] + show.program.lacking
    assert report["traces"] == TRACES


def recorded_pictures(lines: list[dict[str, Any]]) -> int:
    """How many pictures were made while it recorded, by what the session says."""
    first, last = (number for number, line in enumerate(lines) if line.get("key") == "r")
    return sum("picture" in line for line in lines[first:last])


@pytest.mark.screens
def test_a_show_that_was_killed_is_played_again_as_far_as_it_was_saved(
    screen: Screen, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    show = start(screen, tmp_path, "--source", "demo", "--size", f"{WIDTH}x{HEIGHT}")
    show.press("t")
    show.program.until(lambda: sum("picture" in line for line in show.lines()) > 60, "60 pictures")
    show.program.process.kill()
    show.program.process.wait()
    assert main(("replay", str(show.folder / "session"), "--fast", "--no-window")) == 1
    again = capfd.readouterr()
    assert "the session's frames end before its journal does" in again.err
    pictures = int(again.out.splitlines()[-1].split()[0])
    assert pictures > 20


def replay_twice(show: Show, capfd: pytest.CaptureFixture[str]) -> None:
    """Play the session again, with no window: in a process of its own and, at the same time, in this one."""
    typed = ("replay", str(show.folder / "session"), "--fast", "--no-window")
    folder = show.folder / "again"
    folder.mkdir()
    other = Program(folder, *typed, environment=surroundings(show.screen))
    capfd.readouterr()
    assert main(typed) == 0
    told = capfd.readouterr().out.splitlines()[-1]
    other.wait(90)
    assert other.process.returncode == 0, other.complained
    assert other.said.splitlines()[-1] == told
    pictures = sum("picture" in line for line in show.lines())
    assert re.fullmatch(rf"{pictures} pictures, SHA-256 [0-9a-f]{{64}}", told)
