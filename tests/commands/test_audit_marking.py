"""`audit --mark`: a person marks on the page, starts the audit there, and goes on another day."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from audited import NAMES, SIDE, green_model, green_photographs
from marking_client import MarkingClient

from live_gradcam.cli import main
from live_gradcam.commands import serve as serve_command

ARGUMENTS = ("--preprocess", "none", "--engine", "tensorflow", "--mark")
THING = "x=0.1875&y=0.1875&width=0.625&height=0.625"
"""The box of the things of `green_photographs`, of 20 of 32 pixels."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("marked")
    green_model(folder / "green.keras")
    green_photographs(folder, 22, masks=False)
    return folder


def command(made: Path, out: Path) -> list[str]:
    return [
        "audit",
        str(made / "photos"),
        "--model",
        str(made / "green.keras"),
        "--out",
        str(out),
        *ARGUMENTS,
    ]


def with_person(
    monkeypatch: pytest.MonkeyPatch, person: Callable[[MarkingClient], None], typed: list[str]
) -> tuple[int, list[str]]:
    """Run a command while somebody uses its page, who then presses Ctrl-C; return its code and its lines."""
    lines: list[str] = []
    errors: list[BaseException] = []
    linked = threading.Event()

    def echo(line: str = "", **_: object) -> None:
        lines.append(line)
        if line.startswith("open http"):
            linked.set()

    def act() -> None:
        try:
            assert linked.wait(60)
            link = next(line for line in lines if line.startswith("open http"))
            person(MarkingClient(link.removeprefix("open ")))
        except BaseException as error:
            errors.append(error)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(typer, "echo", echo)
    thread = threading.Thread(target=act)
    thread.start()
    code = main(typed)
    thread.join(10)
    assert errors == []
    return code, lines


def audited(client: MarkingClient) -> None:
    """Start the audit and wait for its end."""
    client.json("/audit", "POST")
    deadline = time.monotonic() + 120
    while (state := client.json("/audit")["state"]) == "running":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert state == "done"


def clear_photographs(folder: Path) -> Path:
    """Write `photos/`: three photographs of each class, whose things have other colours than their backgrounds."""
    random = np.random.default_rng(0)
    for name, level in zip(NAMES, (220, 30), strict=True):
        for number in range(3):
            pixels = random.integers(90, 110, (SIDE, SIDE, 3)).astype(np.uint8)
            pixels[8:24, 8:24] = random.integers(0, 20, (16, 16, 3)) + np.array([180, level, 200])
            path = folder / "photos" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), pixels)
    return folder


def test_what_was_marked_is_gone_on_with_and_accepted_outlines_are_estimates(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = clear_photographs(tmp_path)
    out = folder / "photos" / "report"  # its outlines are no photographs of a class "report"
    (folder / "green.keras").write_bytes((made / "green.keras").read_bytes())
    (folder / "green.labels.json").write_bytes((made / "green.labels.json").read_bytes())

    def first(client: MarkingClient) -> None:
        for number in range(4):
            assert client.json(f"/marks/{number}?{THING}&outlined=true", "PUT") == {"state": "outline"}

    assert with_person(monkeypatch, first, command(folder, out))[0] == 0
    assert len(json.loads((out / "boxes.json").read_bytes())) == 4
    assert not (out / "audit.json").exists()

    def second(client: MarkingClient) -> None:
        states = [state for _, state in client.json("/marks")["photos"]]
        assert states == ["outline"] * 4 + [""] * 2
        client.json(f"/marks/4?{THING}", "PUT")
        audited(client)
        assert (
            "5 of 6 photographs: 1 by a box, 4 by an outline that GrabCut estimated"
            in (client.json("/report/content")["html"])
        )

    code, lines = with_person(monkeypatch, second, command(folder, out))
    assert code == 0
    assert "4 outlines of things estimated from boxes" in lines[-1]
    assert sum("photographs with a known thing, and 20 are needed" in line for line in lines) == 2
    tree = json.loads((out / "audit.json").read_text("utf-8"))
    assert tree["places"] == {"box": 1, "estimated": 4}
    assert [each["estimated"] for each in tree["classes"]] == [2, 2]


@pytest.mark.audits
def test_boxes_of_the_page_give_verdicts_and_more_of_them_another_audit(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def person(client: MarkingClient) -> None:
        audited(client)  # without any box
        assert "no photograph has a box" not in client.json("/audit")["line"]
        for number in range(40):
            client.json(f"/marks/{number}?{THING}", "PUT")
        client.json("/marks/40/none", "PUT")
        audited(client)

    code, lines = with_person(monkeypatch, person, command(made, tmp_path))
    assert code == 0
    assert sum(": 0% of the effect is the background" in line for line in lines) == 2
    tree = json.loads((tmp_path / "audit.json").read_text("utf-8"))
    assert tree["places"] == {"box": 40}
    assert [each["estimated"] for each in tree["classes"]] == [0, 0]


def test_what_does_not_go_with_marking_is_one_line(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command(made, tmp_path), "--masks", str(made)]) == 1
    assert "mark is given beside masks or boxes: give one of them." in capsys.readouterr().err
    (made / "photos" / "bright").rename(made / "photos" / "birght")
    try:
        assert main(command(made, tmp_path)) == 1  # before anybody draws a box
    finally:
        (made / "photos" / "birght").rename(made / "photos" / "bright")
    told = capsys.readouterr()
    assert "bright" in told.err
    assert "open http" not in told.out
    monkeypatch.setattr(serve_command, "_NEEDED", ("no_such_package",))
    assert main(command(made, tmp_path)) == 1
    assert (
        "the page for marking needs packages that are not installed (no_such_package). "
        "Type: pip install 'live-gradcam[audit,web]'"
    ) in capsys.readouterr().err
