"""A session that is saved: what happened stands in the journal, and a disk that fails does not end the show."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from acting import Acting, answer, frame
from films import files, not_root, play

from live_gradcam.errors import SinkError, SourceError
from live_gradcam.faithfulness import Faithfulness, FrameTest, MaskedScores
from live_gradcam.live.status import Status
from live_gradcam.prediction import Prediction
from live_gradcam.question import ConceptMaps, Question
from live_gradcam.session import journal as journal_module
from live_gradcam.session.journal import (
    FILE,
    Journal,
    concepts_of,
    event_of,
    faithfulness_of,
    question_of_line,
    read_journal,
    status_of,
)
from live_gradcam.session.saving_view import SavingView
from live_gradcam.viewer_input import Key, Pointer, Text


@pytest.fixture(autouse=True)
def no_thread_is_left_over() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def saved_stage(acting: Acting) -> SavingView:
    assert isinstance(acting.view, SavingView)
    return acting.view


def test_all_that_comes_onto_the_stage_stands_in_the_journal_in_order(tmp_path: Path) -> None:
    acting = Acting(saved=tmp_path)
    view = saved_stage(acting)
    acting.see()
    acting.explain()
    acting.picture()
    acting.press("m", "/")
    acting.drag((3, 4), (60, 70))
    view.handle(Text("猫"))
    view.handle(Pointer("menu", 3, 4))
    view.set_status(Status(notice="lost", statistics=("a\tb",)))
    view.set_status(Status(notice="lost", statistics=("a\tb",)))
    view.refuse_question("no.")
    view.announce("größer")
    view.source_changed()
    view.close()
    view.close()
    settings, lines = read_journal(tmp_path)
    assert settings == {"live": True}
    assert [next(iter(line)) for line in lines] == [
        *("frame", "answer", "picture", "key", "key", "pointer", "pointer", "pointer"),
        *("text", "pointer"),
        *("status", "refused", "announce", "source"),
    ]
    assert [event_of(line) for line in lines[3:6]] == [Key("m"), Key("/"), Pointer("down", 3, 4)]
    assert [event_of(line) for line in lines[8:10]] == [Text("猫"), Pointer("menu", 3, 4)]
    assert event_of(lines[0]) is None
    assert question_of_line(lines[1]) == Question()
    assert status_of(lines[10]) == Status(notice="lost", statistics=("a\tb",))
    assert lines[12]["announce"] == "größer"
    assert len(play(tmp_path / "frames.mkv").pictures) == 1


def test_the_size_of_a_window_is_saved_and_read(tmp_path: Path) -> None:
    acting = Acting(saved=tmp_path)
    acting.see()
    acting.view.set_status(Status(room=(1280, 720)))
    acting.view.close()
    lines = [line for line in read_journal(tmp_path)[1] if "status" in line]
    assert status_of(lines[-1]) == Status(room=(1280, 720))


def test_a_status_of_an_earlier_version_says_less_now() -> None:
    told: dict[str, object] = {"idle": 0.5, "notice": None, "busy": None, "recording": 3.0, "statistics": []}
    assert status_of({"status": told}) == Status(idle=0.5)


def test_an_answer_that_is_dropped_is_not_in_the_journal(tmp_path: Path) -> None:
    acting = Acting(saved=tmp_path)
    late = acting.see()
    acting.press("i")
    saved_stage(acting).add_answer(late, answer(acting.view.question))
    saved_stage(acting).close()
    assert not any("answer" in line for line in read_journal(tmp_path)[1])


def test_questions_come_back_as_they_were(tmp_path: Path) -> None:
    question = Question(
        models=(0, 1),
        methods=("gradcam", "fem"),
        layer="a",
        targets=(None, 3, "#2"),
        area=(1, 2, 3, 4),
        channels=9,
        concepts=4,
    )
    journal = Journal(tmp_path, {})
    journal.answer(frame(0), answer(question))
    journal.close()
    assert question_of_line(read_journal(tmp_path)[1][0]) == question


def test_a_last_line_that_is_torn_is_left_out(tmp_path: Path) -> None:
    journal = Journal(tmp_path, {"method": "gradcam"})
    journal.announce("one")
    journal.announce("two")
    journal.close()
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:-4])
    assert read_journal(tmp_path) == ({"method": "gradcam"}, [{"announce": "one"}])


def test_a_folder_without_a_session_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as told:
        read_journal(tmp_path)
    assert str(told.value) == (
        f"'{tmp_path}' holds no session: session.jsonl cannot be read (No such file or directory). "
        "Give a folder that --save-session wrote."
    )


@pytest.mark.parametrize("text", ["", "{}\n", "hello\n", "[1, 2]\n"])
def test_a_file_that_is_no_journal_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(SourceError, match=r"holds no session: 'session\.jsonl' in it is not what"):
        read_journal(tmp_path)


def test_a_journal_of_another_format_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps({"session": 7, "version": "9.9", "settings": {}}) + "\n")
    with pytest.raises(
        SourceError, match=r"has format 7, written by version 9\.9; this version reads formats 1 to 5"
    ):
        read_journal(tmp_path)


def test_a_folder_that_holds_a_session_is_not_written_over(tmp_path: Path) -> None:
    saved_stage(Acting(saved=tmp_path)).close()
    with pytest.raises(SinkError) as told:
        Acting(saved=tmp_path)
    assert str(told.value) == f"'{tmp_path}' holds a session already: give --save-session another folder."


def test_a_place_where_nothing_can_be_saved_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match=r"cannot be saved in '.*folder': Not a directory\."):
        Acting(saved=tmp_path / "file" / "folder")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    tmp_path.chmod(0o755)
    with not_root(), pytest.raises(SinkError, match=r"cannot be saved in '.*': Permission denied\."):
        Acting(saved=closed / "folder")


def test_when_the_disk_fails_the_show_goes_on_and_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting, other = Acting(saved=tmp_path), Acting()
    view = saved_stage(acting)
    for each in (acting, other):
        each.see()
        each.explain()

    def failing(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(journal_module.Journal, "_write", failing)
    for each in (acting, other):
        each.see()
        each.explain()
        each.press("c")
    assert view.failure == "the session is no longer saved: No space left on device."
    assert view.choice == other.view.choice
    view.announce("")
    assert acting.picture().shape == other.picture().shape
    view.close()
    assert files(tmp_path) == ["frames.mkv", "session.jsonl"]
    assert view.failure == "the session is no longer saved: No space left on device."


def test_that_it_is_saved_no_further_is_said_on_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting = Acting(saved=tmp_path)
    acting.see()

    def failing(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(journal_module.Journal, "_write", failing)
    acting.see()
    assert acting.view.toast == "the session is no longer saved: Input/output error."
    saved_stage(acting).close()


def test_a_masking_test_comes_back_from_the_journal_to_the_last_bit(tmp_path: Path) -> None:
    found = Faithfulness(
        label="tabby",
        probability=1 / 3,
        heat=MaskedScores(0.1 + 0.2, 1e-9),
        controls=(("shifted", MaskedScores(2 / 3, 0.7)), ("shuffled", MaskedScores(0.0, 1.0))),
        share=0.3,
        baseline="blur",
        class_id=281,
        method="gradcam",
        layer="head",
    )
    acting = Acting(saved=tmp_path)
    acting.see()
    acting.explain()
    acting.view.add_test(FrameTest(0, 0.1, found))
    acting.view.close()
    _, lines = read_journal(tmp_path)
    (line,) = [line for line in lines if "tested" in line]
    assert (line["tested"], line["time"]) == (0, 0.1)
    assert faithfulness_of(line) == found


@pytest.mark.parametrize("proof", [None, 0.4])
def test_a_question_for_a_proof_comes_back_from_the_journal(proof: float | None, tmp_path: Path) -> None:
    acting = Acting(saved=tmp_path)
    seen = acting.see()
    question = Question(proof=proof)
    acting.view.add_answer(seen, answer(question))
    acting.view.close()
    _, lines = read_journal(tmp_path)
    (line,) = [line for line in lines if "answer" in line]
    assert question_of_line(line) == question
    assert faithfulness_of(line) is None


@pytest.mark.parametrize("known", [True, False])
def test_concepts_come_back_from_the_journal_to_the_last_bit(known: bool, tmp_path: Path) -> None:
    strengths = np.random.default_rng(0).random((4, 7, 12), np.float32)
    names = (Prediction(3, "tabby", 0.62), None, Prediction(0, "“tench”", 0.01), None)
    concepts = ConceptMaps(strengths, names, (1, 2, 30, 40), (0.0, 0.25, 1.0, 0.75)) if known else None
    acting = Acting(saved=tmp_path)
    question = Question(concepts=4)
    acting.view.add_answer(acting.see(), replace(answer(question), concepts=concepts))
    acting.view.close()
    (line,) = [line for line in read_journal(tmp_path)[1] if "answer" in line]
    assert question_of_line(line) == question
    found = concepts_of(line)
    assert (found is None) is (concepts is None)
    if found is not None:
        assert found.strengths.dtype == np.float32
        assert np.array_equal(found.strengths, strengths)
        assert (found.predictions, found.region, found.inset) == (
            names,
            (1, 2, 30, 40),
            (0.0, 0.25, 1.0, 0.75),
        )
