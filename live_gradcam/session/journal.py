"""The journal of a session: all input of a view, in order, on disk."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np

from live_gradcam.errors import SourceError
from live_gradcam.faithfulness import Faithfulness, FrameTest, MaskedScores
from live_gradcam.frame import Frame
from live_gradcam.live.status import Status
from live_gradcam.prediction import Prediction
from live_gradcam.question import Answer, ConceptMaps, Question
from live_gradcam.version import __version__
from live_gradcam.viewer_input import Event, Key, Pointer, Text

FILE = "session.jsonl"
FORMAT = 5
"""Format 2 added texts, more mouse events, and a second Esc as confirmation; format 3 added title strips for panes;
format 4 added masking tests and their view; format 5 added concepts and their view. `session.earlier_formats` plays
sessions of formats 1 to 4."""

_READ = range(1, FORMAT + 1)


class Journal:
    """Writes one line of JSON for each input of a view.

    Args:
        folder: an existing folder.
        settings: the settings of the run, as JSON can hold them.

    Raises:
        OSError: the journal cannot be written; every method may raise it.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self._file: IO[str] = (folder / FILE).open(
            "w",
            encoding="utf-8",
            errors="backslashreplace",  # for bytes of file names that are not UTF-8
        )
        self._write(session=FORMAT, version=__version__, settings=dict(settings))

    def frame(self, frame: Frame) -> None:
        """Note a frame; its pixels are stored elsewhere, in the same order."""
        self._write(
            frame=frame.index,
            captured_at=frame.captured_at,
            media_time=frame.media_time,
            size=frame.size,
        )

    def event(self, event: Event) -> None:
        """Note a key, a text or an event of the mouse."""
        if isinstance(event, Key):
            self._write(key=event.name)
        elif isinstance(event, Text):
            self._write(text=event.text)
        else:
            self._write(pointer=event.kind, x=event.x, y=event.y)

    def answer(self, frame: Frame, answer: Answer) -> None:
        """Note an answer: its frame, its question, the scores of its proof, and its concepts."""
        question = asdict(answer.question)
        # A function of the user's own has no place in JSON; its name tells a reader what it was.
        question["targets"] = [str(each) if callable(each) else each for each in answer.question.targets]
        proof = {} if answer.proof is None else {"proof": asdict(answer.proof.faithfulness)}
        concepts = {} if answer.concepts is None else {"concepts": _as_json(answer.concepts)}
        self._write(answer=frame.index, question=question, **proof, **concepts)

    def test(self, test: FrameTest) -> None:
        """Note the masking test of a frame."""
        self._write(tested=test.index, time=test.time, proof=asdict(test.faithfulness))

    def refused(self, reason: str) -> None:
        """Note that a question could not be answered."""
        self._write(refused=reason)

    def status(self, status: Status) -> None:
        """Note the status of the run."""
        self._write(status=asdict(status))

    def announce(self, text: str) -> None:
        """Note a line that is shown for a moment."""
        self._write(announce=text)

    def source_changed(self) -> None:
        """Note that the source changed."""
        self._write(source="changed")

    def picture(self) -> None:
        """Note that a picture was drawn."""
        self._write(picture=True)

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._file.close()

    def _write(self, **line: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()  # the lines before a crash are the ones that somebody wants to replay


def read_journal(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the settings of a session, and its lines in order.

    An incomplete last line is left out.

    Raises:
        SourceError: there is no session in that folder, or it is of another format.
    """
    lines = list(_lines(folder))
    header = _checked(folder, lines[0] if lines else {})
    return dict(header["settings"]), lines[1:]


def session_format(folder: Path) -> int:
    """Return the format of a session, from 1 to `FORMAT`; raises as `read_journal` does."""
    return int(_checked(folder, next(_lines(folder), {}))["session"])


def _checked(folder: Path, header: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON holds
    """Return the first line of a journal, or raise a SourceError if it is not one that can be read."""
    if (
        not isinstance(header, dict)
        or "session" not in header
        or not isinstance(header.get("settings"), dict)
    ):
        raise SourceError(f"'{folder}' holds no session: '{FILE}' in it is not what --save-session writes.")
    if header["session"] not in _READ:
        raise SourceError(
            f"the session in '{folder}' has format {header['session']}, written by version "
            f"{header.get('version', '?')}; this version reads formats 1 to {FORMAT}."
        )
    return header


def event_of(line: Mapping[str, Any]) -> Event | None:
    """Return the event of a line; None if the line holds none."""
    if "key" in line:
        return Key(line["key"])
    if "text" in line:
        return Text(line["text"])
    if "pointer" in line:
        return Pointer(line["pointer"], line["x"], line["y"])
    return None


def question_of_line(line: Mapping[str, Any]) -> Question:
    """Return the question of an answer's line."""
    fields = line["question"]
    area = fields["area"]
    return Question(
        models=tuple(fields["models"]),
        methods=tuple(fields["methods"]),
        layer=fields["layer"],
        targets=tuple(fields["targets"]),
        area=None if area is None else (area[0], area[1], area[2], area[3]),
        channels=fields["channels"],
        concepts=fields.get("concepts", 0),
        proof=fields.get("proof"),
        curves=fields.get("curves", False),
    )


def faithfulness_of(line: Mapping[str, Any]) -> Faithfulness | None:
    """Return the masking test of a line; None if the line has none."""
    if "proof" not in line:
        return None
    fields = dict(line["proof"])
    heat = MaskedScores(**fields.pop("heat"))
    controls = tuple((name, MaskedScores(**scores)) for name, scores in fields.pop("controls"))
    return Faithfulness(heat=heat, controls=controls, **fields)


def concepts_of(line: Mapping[str, Any]) -> ConceptMaps | None:
    """Return the concepts of an answer's line; None if the line has none."""
    if "concepts" not in line:
        return None
    fields = line["concepts"]
    strengths = np.frombuffer(base64.b64decode(fields["strengths"]), "<f4").reshape(fields["shape"])
    predictions = tuple(None if each is None else Prediction(**each) for each in fields["predictions"])
    x, y, width, height = fields["region"]
    left, top, right, bottom = fields["inset"]
    return ConceptMaps(
        strengths.astype(np.float32), predictions, (x, y, width, height), (left, top, right, bottom)
    )


def _as_json(concepts: ConceptMaps) -> dict[str, Any]:
    """Return concepts as `concepts_of` reads them. They depend on when fits end, so a replay cannot find them."""
    strengths = concepts.strengths.astype("<f4")
    return {
        "strengths": base64.b64encode(strengths.tobytes()).decode("ascii"),
        "shape": strengths.shape,
        "predictions": [None if each is None else asdict(each) for each in concepts.predictions],
        "region": concepts.region,
        "inset": concepts.inset,
    }


def status_of(line: Mapping[str, Any]) -> Status:
    """Return the status of a line."""
    fields = dict(line["status"])
    fields.pop(
        "recording", None
    )  # earlier sessions stored the recording's duration, which was part of the picture
    room = fields.get("room")
    tuples = {"statistics": tuple(fields["statistics"]), "room": None if room is None else tuple(room)}
    return Status(**{**fields, **tuples})


def _lines(folder: Path) -> Iterator[dict[str, Any]]:
    path = folder / FILE
    try:
        with path.open(encoding="utf-8") as file:
            for text in file:
                try:
                    yield json.loads(text)
                except json.JSONDecodeError:
                    return
    except OSError as error:
        raise SourceError(
            f"'{folder}' holds no session: {FILE} cannot be read ({error.strerror}). Give a folder that "
            "--save-session wrote."
        ) from error
