"""Replay: gives the saved input of a session to a view again, in the same order."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from live_gradcam.errors import LiveGradcamError, SinkError, SourceError
from live_gradcam.escaping import shown
from live_gradcam.explain.concept_answers import ConceptAnswers, Waits
from live_gradcam.faithfulness import FrameTest
from live_gradcam.frame import Frame, Pixels
from live_gradcam.live.initial_view import initial_view
from live_gradcam.live.interactive_view import InteractiveView
from live_gradcam.live.run_setup import Tell, load, menu_of
from live_gradcam.live.view_picture import rendered
from live_gradcam.metrics.proofs import ProvedAnswers
from live_gradcam.question import Answer, Question
from live_gradcam.session.earlier_formats import view_of_format
from live_gradcam.session.frame_file import reel_name
from live_gradcam.session.journal import (
    concepts_of,
    event_of,
    faithfulness_of,
    question_of_line,
    read_journal,
    session_format,
    status_of,
)
from live_gradcam.settings_json import from_json
from live_gradcam.sinks.display_check import find_display
from live_gradcam.sinks.recorder import Recorder
from live_gradcam.sinks.sink import SinkGroup
from live_gradcam.sinks.window import Window
from live_gradcam.sources.video import VideoSource
from live_gradcam.viewer_input import Key

logger = logging.getLogger(__name__)

_ENDING = frozenset({"q", "Q", "Escape"})


class ReplayedAnswers(Protocol):
    """Answers the questions of a session."""

    def answer(self, pixels: Pixels, question: Question) -> Answer:
        """Answer a question about one frame."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """The result of a replay."""

    pictures: int
    digest: str
    """SHA-256 of all pictures, in hexadecimal; equal for the same session on the same machine."""

    failures: tuple[str, ...] = ()
    """Failures that did not end the replay, one line each."""


def replay_session(
    folder: Path,
    *,
    changes: Mapping[str, Any],
    fast: bool = False,
    window: bool | None = None,
    record: Path | None = None,
    overwrite: bool = False,
    tell: Tell = logger.info,
) -> Replayed:
    """Replay a session from its folder, as it was or with other settings.

    Args:
        folder: a folder that `--save-session` wrote.
        changes: settings that replace the session's, such as `method`.
        fast: whether to run at full speed instead of the session's own pace.
        window: whether to open a window; None: if there is a display.
        record: video file for the pictures.
        overwrite: whether the recording may replace a file.
        tell: receives each message.

    Raises:
        LiveGradcamError: the folder holds no session, or the session cannot be replayed.
    """
    saved, lines = read_journal(folder)
    settings = replace(from_json(saved), **changes)
    first = next((line for line in lines if "frame" in line), None)
    if first is None:
        raise SourceError(f"the session in '{folder}' has no frame in it.")
    with ExitStack() as stack:
        sinks = stack.enter_context(SinkGroup())
        if record is not None:
            sinks.add(Recorder(record, overwrite=overwrite, wait=True))
        reason = "no window was asked for" if window is False else find_display()
        if reason is None:
            sinks.add(Window(f"live_gradcam: {shown(folder.name)}"))
        elif window:
            raise SinkError(f"cannot open a window: {reason}")
        engine = load(settings, (first["size"][0], first["size"][1]), tell)
        view = initial_view(
            settings,
            menu_of(engine, settings),
            live=saved["live"],
            still=saved["still"],
            slides=saved.get("slides", False),
            legible=saved.get("legible", False),
            proves=saved.get("proves", False),
            make=view_of_format(session_format(folder)),
        )
        proved = ProvedAnswers(engine, settings.fit, [model.input_size for model in engine.models])
        answers: ReplayedAnswers = proved
        if changes:  # else the session has the concepts
            waits: Waits = "single" if saved["still"] else "always"
            answers = stack.enter_context(ConceptAnswers(proved, waits))
        replayed = replay(lines, folder, view, answers, sinks, asked_again=bool(changes), fast=fast)
        sinks.close()
        return replace(replayed, failures=(*replayed.failures, *sinks.failures))


def replay(
    lines: list[dict[str, Any]],
    folder: Path,
    view: InteractiveView,
    answers: ReplayedAnswers,
    sinks: SinkGroup,
    *,
    asked_again: bool = False,
    fast: bool = False,
) -> Replayed:
    """Replay the lines of a journal.

    Args:
        lines: the lines of the journal, without its header.
        folder: holds the frames.
        view: the view at the beginning of the session, perhaps with another method.
        answers: answers the questions; it may hold another model.
        sinks: take the pictures; a window among them may end the replay.
        asked_again: whether the view's own questions are asked instead of the journal's, as another method or model
            requires.
        fast: whether to run at full speed instead of the session's own pace.

    Raises:
        LiveGradcamError: the frames cannot be read, or a question has no answer.
    """
    frames = _frames(folder)
    wanted = {line["answer"] for line in lines if "answer" in line}
    kept: dict[int, Frame] = {}
    digest, pictures = hashlib.sha256(), 0
    failures: list[str] = []
    began: tuple[float, float] | None = None
    for line in lines:
        if _is_over(sinks):
            break
        if "frame" in line:
            frame = _restored(line, frames)
            if frame is None:
                if not pictures:
                    raise SourceError(f"no frame of the session in '{folder}' can be read.")
                failures.append(
                    "the session's frames end before its journal does: it was cut off while it was saved."
                )
                logger.warning("%s", failures[-1])
                break
            now = time.monotonic()
            began = began or (now, frame.captured_at)
            if not fast:
                _wait(sinks, began[0] + frame.captured_at - began[1])
            seen = view.show_frame(frame)
            if seen.index in wanted:
                kept[seen.index] = seen
        elif (event := event_of(line)) is not None:
            view.handle(event)
            view.take_requests()  # recordings and snapshots are not repeated
        elif "answer" in line:
            about = line["answer"]
            for older in [index for index in kept if index < about]:
                del kept[older]
            # The view may have mirrored its frame since it came.
            seen = view.frame if view.frame is not None and view.frame.index == about else kept[about]
            if asked_again:
                _ask_again(view, answers, seen)
            else:
                view.add_answer(seen, _answered(line, answers, seen.pixels))
        elif "tested" in line:
            found = faithfulness_of(line)
            assert found is not None
            view.add_test(FrameTest(line["tested"], line["time"], found))
        elif "status" in line:
            view.set_status(status_of(line))
        elif "refused" in line:
            view.refuse_question(line["refused"])
        elif "announce" in line:
            view.announce(line["announce"])
        elif "source" in line:
            view.source_changed()
        elif "picture" in line:
            assert view.frame is not None
            picture, tracked = view.picture()
            digest.update(picture.tobytes())
            pictures += 1
            sinks.write(rendered(picture, view.frame, tracked, view.faithfulness))
    return Replayed(pictures, digest.hexdigest(), tuple(failures))


def _answered(line: Mapping[str, Any], answers: ReplayedAnswers, pixels: Pixels) -> Answer:
    """Return the answer of a line, with the scores of its proof and the concepts that the session saved."""
    answer = answers.answer(pixels, question_of_line(line))
    answer = replace(answer, activation=None, concepts=concepts_of(line))
    saved = faithfulness_of(line)
    if answer.proof is None or saved is None:
        return answer
    return replace(answer, proof=replace(answer.proof, faithfulness=saved))


def _ask_again(view: InteractiveView, answers: ReplayedAnswers, frame: Frame) -> None:
    """Ask the view's own question; another model may lack its class or layer."""
    try:
        answer = answers.answer(frame.pixels, view.question)
    except LiveGradcamError as error:
        view.refuse_question(str(error))
    else:
        view.add_answer(frame, answer)


def _is_over(sinks: SinkGroup) -> bool:
    """Whether the viewer ended the replay; no other key has an effect."""
    events = () if sinks.window is None else sinks.window.take_events()
    return sinks.finished or any(isinstance(each, Key) and each.name in _ENDING for each in events)


def _frames(folder: Path) -> Iterator[Frame]:
    """Yield the frames of a session, file after file."""
    number = 1
    while (path := folder / reel_name(number)).exists():
        with VideoSource(path) as reel:
            yield from reel
        number += 1


def _restored(line: dict[str, Any], frames: Iterator[Frame]) -> Frame | None:
    """Return the next frame with its own index and times; None after the last."""
    frame = next(frames, None)
    if frame is None:
        return None
    return replace(frame, index=line["frame"], captured_at=line["captured_at"], media_time=line["media_time"])


def _wait(sinks: SinkGroup, until: float) -> None:
    while (left := until - time.monotonic()) > 0 and not sinks.finished:
        if sinks.window is not None:
            sinks.window.poll(max(1, int(1000 * min(left, 0.05))))
        else:
            time.sleep(left)
