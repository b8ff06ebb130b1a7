#!/usr/bin/env python3
"""Run the commands of the documentation with two versions of the package, and compare what they write.

`python scripts/compare.py OLD NEW`: two checkouts. Each command runs in a folder of its own with the same photos, clips
and settings. Compared are exit codes, the names of all files, sidecars and tables (without times), and the pixels of
pictures. A session that OLD saves is replayed by both; the hashes of its pictures must be equal. A command without an
end of its own gets `--frames`, or Ctrl-C after its start. The exit code is 1 if anything differs. It takes about a
quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from cli.test_documented import PAGES, command_lines

from live_gradcam.cli import COMMANDS
from live_gradcam.commands.positional_source import with_command

FRAMES = "6"
PATIENCE = 240.0
STARTED = ("Ctrl-C ends it", "open http")

VOLATILE = frozenset(
    {
        "version",
        "began",
        "seconds",
        "latency_ms",
        "shown_at",
        "captured_at",
        "time",
        "explanation_age_ms",
        "age_ms",
    }
    | {
        "stage_ms",
        "capture_fps",
        "explained_fps",
        "shown_fps",
        "frames_captured",
        "frames_dropped",
        "dropped",
    }
)
"""Keys of JSON whose values differ from run to run."""

NOT_RUN = (
    "benchmark",
    "doctor",
    "--ray",
    "--phone",
    "rtsp://",
    "http://",
    "https://",
    "vgg16",
    "resnet",
    "mobilenet",
)
"""Parts of commands that measure, need other machines, or need weights that a download brings."""


def prepare(folder: Path) -> None:
    """Make the files that the documentation's commands name."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 255, (9, 12, 3), np.uint8)
    photo = cv2.resize(coarse, (400, 300), interpolation=cv2.INTER_CUBIC)
    for name in ("photo.jpg", "cat.jpg", "photos/a.jpg", "photos/b.png", "tapes/c.jpg", "desk/a.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / name), np.roll(photo, len(name), 1))
    for name in ("clip.mp4", "tapes/d.mp4", "tape.mp4", "talk.mp4"):
        writer = cv2.VideoWriter(str(folder / name), cv2.VideoWriter.fourcc(*"mp4v"), 25, (320, 240))
        for index in range(12):
            writer.write(np.roll(photo[:240, :320], 4 * index, 1))
        writer.release()
    (folder / "show.toml").write_text('source = "demo"\nfit = "crop"\n', "utf-8")


def chosen_commands() -> list[list[str]]:
    """Return the commands of the documentation that can be run here, each once."""
    found: dict[tuple[str, ...], None] = {}
    for page in PAGES:
        for line in command_lines(page.read_text("utf-8")):
            if (
                not line
                or line == "SOURCE"
                or "[--" in line
                or "…" in line
                or "..." in line
                or line[0] in "[."
            ):
                continue
            if any(part in line for part in NOT_RUN):
                continue
            name, *arguments = with_command(shlex.split(line), COMMANDS)
            if name == "live" and not {"--frames", "--duration", "--help"} & set(arguments):
                arguments += ["--frames", FRAMES]
            if name == "live" and "--window" not in arguments and "--no-window" not in arguments:
                arguments += ["--no-window"]
            found[(name, *arguments)] = None
    return [list(each) for each in found]


def run(tree: Path, arguments: list[str], folder: Path) -> tuple[int, str]:
    """Run a command with the package of a checkout, and return its exit code and what it printed."""
    surroundings = {**os.environ, "PYTHONPATH": str(tree), "COLUMNS": "200"}
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        surroundings.pop(name, None)
    log = folder / ".printed"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "live_gradcam", *arguments],
            cwd=folder,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None:
            time.sleep(0.1)
            said = log.read_text("utf-8", "replace")
            if arguments[0] == "serve" and any(text in said for text in STARTED):
                process.send_signal(signal.SIGINT)
                process.wait(30)
            elif time.monotonic() > deadline:
                process.kill()
                process.wait()
    said = log.read_text("utf-8", "replace")
    log.unlink()
    return process.returncode, said


def without_volatile(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return a value of JSON without what differs from run to run."""
    if isinstance(value, dict):
        return {key: without_volatile(each) for key, each in value.items() if key not in VOLATILE}
    if isinstance(value, list):
        return [without_volatile(each) for each in value]
    return round(value, 4) if isinstance(value, float) else value


def contents(path: Path) -> object:
    """Return what of a file must be the same."""
    match path.suffix:
        case ".json":
            return without_volatile(json.loads(path.read_text("utf-8")))
        case ".jsonl":
            return [without_volatile(json.loads(line)) for line in path.read_text("utf-8").splitlines()]
        case ".png" | ".jpg":
            pixels = cv2.imread(str(path))
            return None if pixels is None else pixels.tobytes()
        case ".csv":
            return re.sub(r"live-gradcam [\d.]+", "live-gradcam", path.read_text("utf-8"))
        case ".toml":
            # All settings, also those that are not set; the other comments are help, which may be reworded.
            return sorted(re.findall(r"^(?:# )?[\w-]+ = .*$", path.read_text("utf-8"), re.MULTILINE))
    return None


def differences(old: Path, new: Path, *, live: bool) -> list[str]:
    """Return one line for each file of two folders that is missing or differs.

    Args:
        old: the one folder.
        new: the other.
        live: whether the frames came by a clock, so that pictures and rows differ from run to run.
    """
    names = [{p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()} for root in (old, new)]
    dated = [{re.sub(r"\d{8}-\d{6}", "DATE", name) for name in each} for each in names]
    found = [f"only one writes {name}" for name in sorted(dated[0] ^ dated[1])]
    for name in sorted(names[0] & names[1]):
        if live and not name.endswith((".toml", ".json")):
            continue
        one, other = contents(old / name), contents(new / name)
        if live and isinstance(one, dict) and isinstance(other, dict):
            one, other = sorted(one), sorted(other)
        if one != other:
            found.append(f"{name} differs")
    return found


def compared(old: Path, new: Path, arguments: list[str], inputs: Path) -> list[str]:
    """Run one command with both, and return what differs."""
    with tempfile.TemporaryDirectory() as place:
        folders = [Path(place, name) for name in ("old", "new")]
        codes = []
        for tree, folder in zip((old, new), folders, strict=True):
            shutil.copytree(inputs, folder)
            codes.append(run(tree, arguments, folder))
        found = (
            []
            if codes[0][0] == codes[1][0]
            else [f"exit codes {codes[0][0]} and {codes[1][0]}: {codes[1][1]}"]
        )
        live = arguments[0] == "live" and any(each in ("demo", "show.toml") for each in arguments)
        return found + differences(*folders, live=live)


def replayed(old: Path, new: Path, inputs: Path) -> list[str]:
    """Let OLD save a session, both replay it, and return what differs."""
    hashes = []
    code, said = run(old, ["clip.mp4", "--no-window", "--save-session", "session"], inputs)
    if code != 0:
        return [f"no session was saved: {said}"]
    for tree in (old, new):
        code, said = run(tree, ["replay", "session", "--fast", "--no-window"], inputs)
        hashes.append((code, re.findall(r"\b[0-9a-f]{64}\b", said)))
    return [] if hashes[0] == hashes[1] and hashes[0][1] else [f"replays differ: {hashes}"]


def main() -> int:
    """Compare, print a line for each command, and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    typed = parser.parse_args()
    old, new = typed.old.resolve(), typed.new.resolve()
    failed = False
    with tempfile.TemporaryDirectory() as place:
        inputs = Path(place)
        prepare(inputs)
        for arguments in chosen_commands():
            found = compared(old, new, arguments, inputs)
            print(
                f"{'same' if not found else 'DIFFERS'}: live-gradcam {shlex.join(arguments)}",
                *found,
                sep="\n  ",
                flush=True,
            )
            failed = failed or bool(found)
        found = replayed(old, new, inputs)
        print("same: the replay of a session" if not found else f"DIFFERS: {found}")
    return int(failed or bool(found))


if __name__ == "__main__":
    sys.exit(main())
