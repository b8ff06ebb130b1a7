from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from live_gradcam.archive.annotate_job import AnnotateJob, ArchiveFile, Failure, Outcome
from live_gradcam.commands import progress
from live_gradcam.commands.progress import AnnotateProgress, EvaluateProgress, worded

CLIP = ArchiveFile(Path("/in/a.mp4"), "a.mp4", "video", Path("/out/a.mp4"), Path("/out/a.jsonl"))


def told(*, quiet: bool) -> None:
    with AnnotateProgress(quiet=quiet) as watch:
        watch.begin(AnnotateJob((CLIP, CLIP), 40, (64, 48)))
        watch.say("loading [a] model …")
        watch.advance(0)
        watch.advance(10)
        watch.end(Outcome(CLIP, 10))
        watch.advance(20)
        watch.end(Outcome(CLIP, 20, failure=Failure("b.mp4", "b.mp4 is cut short")))


def test_where_there_is_no_terminal_it_says_plain_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_PLAIN_LINE_SECONDS", 0.0)
    told(quiet=False)
    first, *_, middle, last = capsys.readouterr().out.splitlines()
    assert first == "loading [a] model …"
    assert middle.startswith("75%, 30 frames, ")
    assert middle.endswith(" left")
    assert last == "a.mp4: 20 frames, not all"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.1, "9%, 9 photos, 10.0 a second, 9 s left"),
        (2.0, "9%, 9 photos, 2.0 s each, 3 min 2 s left"),
        (75.0, "9%, 9 photos, 1 min 15 s each, 1 h 53 min left"),
    ],
)
def test_the_time_left_is_that_of_the_photos_after_the_first_and_slow_ones_have_a_time_each(
    seconds: float, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 50.0
    monkeypatch.setattr(progress, "_PLAIN_LINE_SECONDS", 7.5 * seconds)
    monkeypatch.setattr("live_gradcam.commands.progress.time.monotonic", lambda: now)
    with EvaluateProgress(quiet=False) as watch:
        watch.begin(100)
        for _ in range(9):
            watch.advance(1)
            now += seconds
    assert capsys.readouterr().out.splitlines() == [said]


def test_lines_that_would_come_too_often_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    told(quiet=False)
    assert capsys.readouterr().out.splitlines() == [
        "loading [a] model …",
        "a.mp4: 10 frames",
        "a.mp4: 20 frames, not all",
    ]


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    told(quiet=True)
    assert capsys.readouterr() == ("", "")


def test_what_is_logged_meanwhile_goes_where_stderr_goes_and_back_again() -> None:
    handler = logging.StreamHandler(stream := sys.__stderr__)
    logging.getLogger().addHandler(handler)
    try:
        with AnnotateProgress(quiet=True):
            assert handler.stream is sys.stderr
        assert handler.stream is stream
    finally:
        logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_a_length_of_time_is_worded_as_people_say_it(seconds: float, words: str) -> None:
    assert worded(seconds) == words
