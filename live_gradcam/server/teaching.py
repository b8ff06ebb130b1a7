"""Teaching on the page: each visitor has a teacher, whose pictures use the visitor's own share of the network."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

from starlette.websockets import WebSocketDisconnect

from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.targets import parse_target
from live_gradcam.models.labels import Labels
from live_gradcam.question import Question, TargetSpec
from live_gradcam.server.errors import RequestError
from live_gradcam.server.heat_testing import Send
from live_gradcam.server.monitoring import trim
from live_gradcam.server.own_share import OwnShare
from live_gradcam.server.page_messages import TeachMessage
from live_gradcam.server.queued_work import Done
from live_gradcam.server.teaching_room import FILE_NAME, LINK, TeachingRoom
from live_gradcam.taught_head import TaughtHead
from live_gradcam.teach.feature_extractor import FeatureExtractor
from live_gradcam.teach.learn_thread import Job, LearnThread
from live_gradcam.teach.taught_answers import shown_answer
from live_gradcam.teach.teacher import BURST_SECONDS, Teacher
from live_gradcam.teach.teaching_state import TeachingState

MOST_PICTURES = 100
"""How many pictures a class may have; learned, each takes 20 KB with the default network."""

_MOST_JOBS = 3
"""Jobs of a visitor that may wait."""

_PAUSE_SECONDS = 0.1
"""From one picture of a burst to the next at least: those that follow one another sooner are alike."""

_TELL_SECONDS = 0.15
"""How often a visitor is told at most what has changed."""


class VisitorTeaching:
    """What one visitor teaches, from the first message on. It lives in memory, and only as long as the visit.

    Call its methods in the event loop. Bursts are learned in a thread of the visitor's own, in which almost all time
    is spent waiting for the visitor's share of the network: one thread for all visitors would take them one by one.

    Args:
        room: what all visitors share; None: nothing can be taught here.
        client: the visitor.
        send: sends a message of text to the visitor.
    """

    def __init__(self, room: TeachingRoom | None, client: object, send: Send) -> None:
        self._room = room
        self._client = client
        self._send = send
        self._own: _VisitorTeacher | None = None

    def take(self, message: TeachMessage) -> None:
        """Do what a message asks for.

        Raises:
            RequestError: it cannot be done.
        """
        if self._room is None:
            raise RequestError(400, "nothing can be taught here: start the server with --teach.")
        if message.number is None and message.teach in ("hold", "rename", "forget"):
            raise RequestError(400, f"the message is not valid: {message.teach} needs the number of a class.")
        if message.teach == "stop":
            self.stop()
            return
        if self._own is None:
            self._own = _VisitorTeacher(self._room, self._client, self._send)
        self._own.do(message)

    def asked(self, question: Question) -> Question:
        """Return a visitor's question with the head that the visitor has taught; as it is if there is none yet.

        A target that the head does not have, such as a class that was forgotten, becomes the most probable class: it
        would fail in the call of the network, which other visitors share.
        """
        head = None if self._own is None else self._own.wanted_head
        if head is None:
            return replace(question, head=None)
        labels = Labels(head.labels)
        targets = tuple(each if _is_target(each, labels) else None for each in question.targets)
        return replace(question, head=head, targets=targets)

    async def see(self, done: Done) -> Done:
        """Take an answered frame, which becomes an example while the visitor teaches; return it as it is shown."""
        return done if self._own is None else await self._own.see(done)

    def stop(self) -> None:
        """Forget everything that was taught, and go on with the network's own classes."""
        own, self._own = self._own, None
        if own is not None:
            own.close()


class _VisitorTeacher:
    """The teacher of one visitor, its thread, and the task that tells the visitor what has changed."""

    def __init__(self, room: TeachingRoom, client: object, send: Send) -> None:
        self._room = room
        self._send = send
        self._thread = LearnThread()
        self._jobs = 0
        self._answers = OwnShare(room.service, client)
        self._said = self._told_said = ""
        self._key: str | None = None
        self._began = self._next = 0.0  # when the burst began, and when its next picture may be taken
        self._held = 0  # pictures that were taken and are not learned yet
        self._teacher = Teacher(
            FeatureExtractor(self._answers, room.service.model.input_size), save=self._save, do=self._do
        )
        self._told: TeachingState | None = None
        self._telling = asyncio.create_task(self._tell(), name="tell a visitor what was taught")

    @property
    def wanted_head(self) -> TaughtHead | None:
        """The head for the next frame; None for the network's own: nothing is taught, and no example is wanted."""
        head, state = self._teacher.head, self._teacher.state
        return head if head.labels or state.recording is not None else None

    def do(self, message: TeachMessage) -> None:
        """Do what a message asks for."""
        teacher, number = self._teacher, message.number
        said = ""
        match message.teach:
            case "release":
                teacher.release()
            case "hold" if number is not None:
                said = self._hold(number)
            case "rename" if number is not None:
                named = "".join(each if each.isprintable() else " " for each in message.name or "")
                said = teacher.rename(number, named)
                said = said if said.startswith(("another class", "there is no")) else ""
            case "undo":
                said = teacher.undo()
            case "forget" | "again":
                said = teacher.forget(number if message.teach == "forget" else None)
            case "save":
                said = teacher.save()
        self._said = said

    def _hold(self, number: int) -> str:
        """Begin a burst, or return why that is refused."""
        for each in self._teacher.state.classes:
            if each.number == number and each.count >= MOST_PICTURES:
                return f"{each.count} pictures of {each.name} are enough"
        if self._jobs >= _MOST_JOBS:
            return "the last pictures are still being learned"
        self._began = time.monotonic()
        return self._teacher.hold(number, button=True)

    async def see(self, done: Done) -> Done:
        """Take an answered frame, and return it as it is shown."""
        answer, teacher = done.answer, self._teacher
        if answer.feature_map is None:
            return done
        if teacher.state.recording is None:
            shown = await asyncio.to_thread(teacher.see, done.pixels, answer)
        else:
            if self._takes():
                await asyncio.to_thread(teacher.see, done.pixels, answer)
            # What is being shown is no class yet, so that it is not said to be none of them either.
            shown = answer if len(teacher.head.labels) > 1 else shown_answer(answer, None)
        return replace(done, answer=shown)

    def _takes(self) -> bool:
        """Return whether the next frame of a burst is given to the teacher, which takes or ends the burst."""
        now, state = time.monotonic(), self._teacher.state
        if any(each.number == state.recording and each.count >= MOST_PICTURES for each in state.classes):
            self._teacher.release()
            return now > self._began + BURST_SECONDS  # not sooner: before that it would take one more
        if now < self._next or self._room.is_full:
            return False
        self._next = now + _PAUSE_SECONDS
        self._held += self._room.holds(1)
        return True

    def close(self) -> None:
        """End the thread, and drop everything."""
        self._telling.cancel()
        self._answers.close()
        if self._key is not None:
            self._room.files.discard(self._key)
        self._let_go()
        self._thread.do(
            trim
        )  # else the C library keeps what the fits have used, with each visit a little more
        self._thread.end()  # its other jobs do nothing any more

    def _let_go(self) -> None:
        """Note that no picture waits to be learned."""
        held, self._held = self._held, 0
        self._room.holds(-held)

    def _do(self, job: Job) -> bool:
        if self._answers.closed.is_set():
            return False
        self._jobs += 1

        def counted() -> None:
            try:
                if not self._answers.closed.is_set():
                    job()
            finally:
                self._jobs -= 1
                if not self._jobs and self._teacher.state.recording is None:
                    self._let_go()

        if self._thread.do(counted):
            return True
        self._jobs -= 1
        return False

    def _save(self, head: TaughtHead) -> str:
        """Write the files, in the thread, and return the name for the visitor."""
        with self._room.turn:
            key = self._room.files.make(head)
        before, self._key = self._key, key
        if before is not None:
            self._room.files.discard(before)
        if self._answers.closed.is_set():
            self._room.files.discard(key)
        return FILE_NAME

    async def _tell(self) -> None:
        """Tell the visitor again and again what has changed."""
        key: str | None = None
        while True:
            state, said = self._teacher.state, self._said
            if state is not self._told or said:
                self._told, self._said = state, ""
                offered, key = (self._key if self._key != key else None), self._key
                with suppress(RuntimeError, WebSocketDisconnect):  # the visitor has gone
                    await self._send(_taught(state, said, offered))
            await asyncio.sleep(_TELL_SECONDS)


def _taught(state: TeachingState, said: str, key: str | None) -> dict[str, Any]:
    """Return the message that tells a visitor what was taught."""
    return {
        "taught": {
            "classes": [
                {"number": each.number, "name": each.name, "count": each.count} for each in state.classes
            ],
            "recording": state.recording,
            "learning": state.learning,
            "line": state.line(),
            "failed": bool(state.failure),
            "warning": state.warning,
            "said": said,
            "file": None if key is None else {"link": f"{LINK}{key}", "name": FILE_NAME},
        }
    }


def _is_target(target: TargetSpec, labels: Labels) -> bool:
    if callable(target) or not len(labels):
        return target is None
    try:
        parse_target(target, labels, rivals=False, strength=1.0)
    except LiveGradcamError:
        return False
    return True
