"""Sessions of format 1: what their keys and mouse did then, they do when they are played again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from acting import LABELS, MENU, SIZE, answer, frame

from live_gradcam.config import Settings
from live_gradcam.faithfulness import DEFAULT_SHARE
from live_gradcam.frame import Pixels
from live_gradcam.live.controls import STYLES
from live_gradcam.live.initial_view import initial_view
from live_gradcam.live.interactive_view import InteractiveView
from live_gradcam.question import Answer, Question
from live_gradcam.session.earlier_formats import view_of_format
from live_gradcam.session.frame_file import FrameFile
from live_gradcam.session.journal import FILE, FORMAT, read_journal, session_format
from live_gradcam.session.replay import Replayed, replay
from live_gradcam.settings_json import as_json
from live_gradcam.sinks.sink import SinkGroup

LYNX = LABELS.index("lynx")
TOGETHER = ("hirescam", "gradcam", "gradcam++", "layercam")

Story = Sequence[tuple[Sequence[str], Question]]
"""What the viewer did, and the question that was answered next."""

STORY: Story = [
    ((), Question()),
    # What no name fits: Enter closed the search, and the next key was a key again.
    (("/", "q", "q", "Enter", "m"), Question(methods=("hirescam",))),
    # Three keys that did nothing then.
    (("o", "k", "z"), Question(methods=("hirescam",))),
    (("t",), Question(methods=("hirescam",))),
    (("v", "v"), Question(methods=TOGETHER)),
    # The row that stood there was another one then.
    (("2",), Question(methods=TOGETHER, targets=(LYNX,))),
    (("drag",), Question(methods=TOGETHER, targets=(LYNX,), area=(20, 30, 64, 48))),
]


class Answers:
    def answer(self, pixels: Pixels, question: Question) -> Answer:
        return answer(question, size=(pixels.shape[1], pixels.shape[0]))


def lines_of(story: Story, last: str) -> list[dict[str, Any]]:
    """The lines of a session of one second at most, as its first version wrote them."""
    lines: list[dict[str, Any]] = []
    index = 0
    for keys, question in story:
        for key in keys:
            if key == "drag":
                places = (("down", 20, 30), ("move", 60, 60), ("up", 83, 77))
                lines += [{"pointer": kind, "x": x, "y": y} for kind, x, y in places]
            else:
                lines.append({"key": key})
        for _ in range(2):
            shown = frame(index)
            lines += [
                {"frame": index, "captured_at": shown.captured_at, "media_time": None, "size": list(SIZE)},
                {
                    "status": {
                        "idle": 0.0,
                        "notice": None,
                        "busy": None,
                        "recording": 2.0,
                        "statistics": [],
                    }
                },
                {"answer": index, "question": asdict(question)},
                {"picture": True},
            ]
            index += 1
    return [*lines, {"key": last}]


def saved(folder: Path, lines: list[dict[str, Any]], version: int) -> Path:
    folder.mkdir()
    settings = {**as_json(Settings(source="demo", motion="off", smoothing=0.0)), "live": True, "still": False}
    header = {"session": version, "version": "0.1.0", "settings": settings}
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in [header, *lines])
    (folder / FILE).write_text(text, encoding="utf-8")
    film = FrameFile(folder)
    for line in lines:
        if "frame" in line:
            film.add(frame(line["frame"]).pixels)
    film.close()
    return folder


def played(folder: Path) -> tuple[InteractiveView, Replayed]:
    settings, lines = read_journal(folder)
    chosen = Settings(source="demo", motion=settings["motion"], smoothing=settings["smoothing"])
    view = initial_view(chosen, MENU, live=settings["live"], make=view_of_format(session_format(folder)))
    return view, replay(lines, folder, view, Answers(), SinkGroup(), fast=True)


def test_a_session_of_format_1_is_played_as_its_keys_were_meant(tmp_path: Path) -> None:
    folder = saved(tmp_path / "one", lines_of(STORY, "Escape"), 1)
    assert session_format(folder) == 1
    view, once = played(folder)
    assert once.pictures == 2 * len(STORY)
    assert once.failures == ()
    assert view.question == STORY[-1][1]
    assert view.view == "methods"
    assert view.choice.look.style == "contours", "fade was no style then"
    assert view.prompt is None
    assert not view.menu_is_open
    assert view.toast != "Esc again ends it"
    _, twice = played(folder)
    assert once.digest == twice.digest


def test_its_pictures_are_those_of_the_same_show_today(tmp_path: Path) -> None:
    story = list(STORY)
    story[1] = (("/", "q", "q", "Escape", "m"), story[1][1])
    story[2] = ((), story[2][1])
    story[3] = (("t", "t"), story[3][1])
    alike = story[:5]  # those after it choose with the mouse and by rows, which lie elsewhere today
    _, today = played(saved(tmp_path / "today", lines_of(alike, "q"), FORMAT))
    _, first = played(saved(tmp_path / "first", lines_of(STORY[:5], "Escape"), 1))
    assert first == today


@pytest.mark.parametrize("version", [1, 2])
def test_which_class_and_area_an_earlier_session_chose_is_read_from_its_questions(
    version: int, tmp_path: Path
) -> None:
    story = [
        ((), Question()),
        (("2",), Question(targets=(LYNX,))),
        (("drag",), Question(targets=(LYNX,), area=(18, 28, 60, 40))),
        ((), Question(targets=(LYNX,), area=(18, 28, 60, 40))),
    ]
    view, _ = played(saved(tmp_path / "session", lines_of(story, "q"), version))
    assert view.choice.target == LYNX
    assert view.choice.area == (18, 28, 60, 40)
    assert view.question == story[-1][1]


def test_an_answer_to_an_older_question_changes_no_choice(tmp_path: Path) -> None:
    late = Question()
    story = [((), late), (("3",), late), ((), Question(targets=(2,)))]
    view, _ = played(saved(tmp_path / "session", lines_of(story, "q"), 1))
    assert view.choice.target == 2


def test_the_styles_of_today_are_left_as_they_are(tmp_path: Path) -> None:
    story = [((), Question()), (("t",) * len(STYLES), Question()), (("t",), Question())]
    view, _ = played(saved(tmp_path / "session", lines_of(story, "q"), 2))
    assert view.choice.look.style == "fade"


@pytest.mark.parametrize(
    ("version", "view", "share"), [(3, "one", DEFAULT_SHARE), (4, "proof", 0.4), (FORMAT, "history", 0.4)]
)
def test_earlier_formats_have_the_views_and_keys_of_their_time(
    version: int, view: str, share: float, tmp_path: Path
) -> None:
    presses = 7  # with two models, format 3 has seven views, format 4 eight, and format 5 nine
    questions = [Question(), Question(), Question()]
    story = [((), questions[0]), (("e", "p"), questions[1]), (("v",) * presses, questions[2])]
    played_view, replayed = played(saved(tmp_path / "session", lines_of(story, "F1"), version))
    assert replayed.failures == ()
    assert (played_view.choice.look.view, played_view.choice.look.share) == (view, share)
    assert played_view.choice.look.badge is (version < 4)


def test_an_answer_to_a_former_question_leaves_the_choice_of_a_format_3_session_alone(tmp_path: Path) -> None:
    lines = lines_of([((), Question()), (("2",), Question())], "F1")
    view, _ = played(saved(tmp_path / "session", lines, 3))
    assert view.question.targets != (None,)
