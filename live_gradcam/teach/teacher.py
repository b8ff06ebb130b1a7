"""The teacher: turns the frames of a burst into examples, learns them in the background, and has the newest head."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from live_gradcam.errors import LiveGradcamError, reason_of
from live_gradcam.frame import Pixels
from live_gradcam.question import Answer
from live_gradcam.taught_head import NOTHING_TAUGHT, TaughtHead
from live_gradcam.teach.class_book import ClassBook, OpenBurst
from live_gradcam.teach.examples import Examples, burst_of
from live_gradcam.teach.examples_folder import ExamplesFolder
from live_gradcam.teach.feature_extractor import FeatureExtractor
from live_gradcam.teach.learn_thread import Job
from live_gradcam.teach.learner import Findings, Lesson, findings_about, lesson_from
from live_gradcam.teach.taught_answers import shown_answer
from live_gradcam.teach.teaching_state import TeachingState

logger = logging.getLogger(__name__)

BURST_SECONDS, KEY_SECONDS = 1.0, 0.5
"""How long a burst takes at least, and how long it goes on after the last repetition of a held key."""

MOST_IN_BURST = 150
"""Pictures after which a burst ends by itself."""

_WAIT = "the pictures of last time are still being learned"


class Teacher:
    """Takes bursts of pictures for up to nine classes, and fits a head to them after each burst. Thread-safe.

    Args:
        extractor: computes features.
        save: writes a head as a model file, and returns its name for a message.
        do: does a job in another thread, after those that wait; returns False if it will not.
        folder: keeps the bursts; those that it has are learned first. None: nothing is kept.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        *,
        save: Callable[[TaughtHead], str],
        do: Callable[[Job], bool],
        folder: ExamplesFolder | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._extractor = extractor
        self._save = save
        self._do_later = do
        self._folder = folder
        self._clock = clock
        self._lock = threading.RLock()  # a job may be done at once, as in tests
        self._book = ClassBook()
        self._places: dict[float, Path] = {}
        """Where each burst is kept, by the time at which it was shown."""
        self._ends, self._takes_up = False, folder is not None and bool(folder.bursts())
        self._lesson = Lesson(NOTHING_TAUGHT)
        self._state, self._found = TeachingState(learning=self._takes_up), Findings()
        if folder is not None and self._takes_up:
            self._book.names = dict(folder.names)
            self._do(lambda: self._take_up(folder))

    @property
    def head(self) -> TaughtHead:
        """What was learned so far."""
        return self._lesson.head

    @property
    def state(self) -> TeachingState:
        """What was taught and learned so far, in numbers and words."""
        return self._state

    def hold(self, number: int, *, button: bool = False) -> str:
        """Begin a burst of a class, or prolong the one in hand; return why that is refused, or an empty text.

        Args:
            number: the class, 1 to 9.
            button: whether `release` will end it; else it ends shortly after the last call.
        """
        if self._takes_up:
            return _WAIT
        with self._lock:
            now, burst = self._clock(), self._book.open
            if burst is not None and burst.number == number:
                burst.until, burst.held = max(burst.until, now + KEY_SECONDS), burst.held or button
                return ""
            self._end_burst()
            self._book.begin(OpenBurst(number, now + BURST_SECONDS, button))
            self._change(recording=number, newest=number, failure="", note="")
        return ""

    def release(self) -> None:
        """End the burst that a button began, once it is long enough."""
        with self._lock:
            if self._book.open is not None:
                self._book.open.held = False

    def see(self, pixels: Pixels, answer: Answer) -> Answer:
        """Take a frame, (H, W, 3) uint8 BGR, and the answer about it, and return the answer that is shown."""
        if answer.feature_map is None:
            return answer
        with self._lock:
            burst, lesson = self._book.open, self._lesson
            if burst is not None:
                if not burst.held and self._clock() > burst.until:
                    self._end_burst()
                else:
                    burst.pictures.append(self._extractor.seen(pixels, answer.first.region))
                    burst.maps.append(answer.feature_map)
                    self._change()
                    if len(burst.pictures) >= MOST_IN_BURST:
                        self._end_burst()
        return shown_answer(answer, lesson.refusal)

    def rename(self, number: int, name: str) -> str:
        """Give a class another name, and return a line."""
        name = " ".join(name.split())
        with self._lock:
            before = self._book.names.get(number)
            if before is None:
                return "there is no such class"
            if not name or name == before:
                return before
            if name in self._book.names.values():
                return f"another class is called {name}"
            self._book.rename(number, name)
            self._lesson = replace(self._lesson, head=self.head.renamed({before: name}))
            self._found = self._found.renamed({before: name})
            self._change(**self._found.shown)
        if (folder := self._folder) is not None:
            self._do(lambda: folder.rename(number, name))
        return name

    def undo(self) -> str:
        """Forget the burst that was begun last, learned or not, and return a line."""
        with self._lock:
            book = self._book
            if self._takes_up:
                return _WAIT
            if coming := book.coming[-1:]:
                count, name = len(coming[0].pictures), book.names[coming[0].number]
                self._forget(book.examples, coming)
            elif book.examples.bursts:
                name, burst = book.examples.bursts[-1]
                count = len(burst.features)
                self._forget(book.examples.without_last_burst(), [])
            else:
                return "nothing was taught yet"
        return f"the last {count} pictures of {name} are forgotten"

    def forget(self, number: int | None) -> str:
        """Forget a class, or all classes; return a line."""
        with self._lock:
            book = self._book
            if self._takes_up:
                return _WAIT
            if number is None:
                self._forget(Examples(), book.coming)
                return "everything is forgotten"
            name = book.names.get(number)
            if name is None:
                return f"there is no class {number}"
            self._forget(book.without(number), [each for each in book.coming if each.number == number])
        return f"{name} is forgotten"

    def finish(self) -> None:
        """Learn the burst in hand, and write the model file unless it is written: the viewer ends."""
        with self._lock:
            self._ends = True
            self._end_burst()
        self._do(lambda: self._write(again=False))

    def save(self) -> str:
        """Write the model file in the background, once what waits is learned, and return a line."""
        if len(self.head.labels) < 2 and not (self._book.waiting and len(self._book.names) > 1):
            return "teach two classes first"
        self._do(lambda: self._write(again=True))
        return "writing the model file …"

    def _write(self, *, again: bool) -> None:
        """Write the model file, if there are two classes, and if it is not written yet or is wanted `again`."""
        head = self.head
        if len(head.labels) < 2 or (head is self._state.saved and not again):
            return
        name = self._save(head)
        with self._lock:
            self._change(note=f"saved {name}", saved=head)

    def _end_burst(self) -> None:
        """Hand the open burst to the thread that learns; the caller has the lock."""
        burst, self._book.open = self._book.open, None
        if burst is None:
            return
        self._book.waiting.append(burst)
        if not burst.pictures or not self._do(lambda: self._take(burst)):
            self._book.drop([burst])
        self._change(recording=None, learning=bool(self._book.waiting))

    def _do(self, job: Job) -> bool:
        """Do a job later; return False if that is refused. The caller may have the lock."""

        def guarded() -> None:
            try:
                job()
            except LiveGradcamError as error:
                self._fail(str(error))
            except Exception as error:
                logger.exception("a job of the teacher failed")
                self._fail(f"that could not be learned: {reason_of(error)}")

        done = self._do_later(guarded)
        if not done:
            self._fail("too much waits to be learned: try again in a moment")
        return done

    def _fail(self, line: str) -> None:
        with self._lock:
            self._change(failure=line, learning=bool(self._book.waiting))

    def _take(self, burst: OpenBurst) -> None:
        """Learn a burst, and keep its pictures, unless the viewer forgets it meanwhile."""
        if burst not in self._book.waiting:
            return
        try:
            pictures, maps = np.stack(burst.pictures), np.stack(burst.maps)
            learned = burst_of(self._extractor, pictures, self._book.time_of_next(), maps=maps)
            with self._lock:
                name = self._book.add(burst, learned)
        finally:
            with self._lock:
                self._book.drop([burst])
        if name is None:
            return
        try:
            if self._folder is not None:
                self._places[learned.shown_at] = self._folder.add(burst.number, name, burst.pictures)
        finally:  # what cannot be kept is learned all the same
            self._learn()

    def _take_up(self, folder: ExamplesFolder) -> None:
        """Learn the bursts that the folder keeps; until then nothing is taught or forgotten."""
        book = self._book
        for stored in folder.bursts():
            pictures = [self._extractor.seen(each) for each in stored.read()]
            if pictures:
                learned = burst_of(self._extractor, np.stack(pictures), book.time_of_next())
                self._places[learned.shown_at] = stored.folder
                with self._lock:
                    book.examples = book.examples.with_burst(book.names[stored.number], learned)
                    self._change()
        self._takes_up = False
        self._learn()

    def _learn(self) -> None:
        """Fit the head to all examples, and find out what it has learned."""
        with self._lock:
            examples, names = self._book.examples, dict(self._book.names)
        lesson = lesson_from(examples)
        with self._lock:
            head = lesson.head.renamed(self._book.now_called(names))
            self._lesson, self._found = replace(lesson, head=head), Findings()
            self._change(learning=bool(self._book.waiting), **self._found.shown)
            if self._ends:
                return
        found = findings_about(lesson, examples, self._extractor)
        with self._lock:
            self._found = found.renamed(self._book.now_called(names))
            self._change(**self._found.shown)

    def _forget(self, left: Examples, coming: list[OpenBurst]) -> None:
        """Go on with fewer examples, and without some bursts that are not learned yet; the caller has the lock."""
        gone = self._book.go_on_with(left, coming)
        taking = self._book.open
        recording = None if taking is None else taking.number
        self._change(note="", failure="", recording=recording, learning=bool(gone or self._book.waiting))

        def forgotten() -> None:
            self._learn()
            places = [self._places.pop(each) for each in gone if each in self._places]
            if self._folder is not None and places:
                self._folder.remove(places)

        if gone:
            self._do(forgotten)

    def _change(self, **changes: object) -> None:
        """Make the state anew; the caller has the lock."""
        self._state = replace(self._state, classes=self._book.classes, **changes)  # type: ignore[arg-type]
