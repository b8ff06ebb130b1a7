"""The teacher: turns the frames of a burst into examples, learns them in the background, and has the newest head."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from live_gradcam.errors import LiveGradcamError, reason_of
from live_gradcam.frame import Pixels
from live_gradcam.question import Answer
from live_gradcam.taught_head import NOTHING_TAUGHT, TaughtHead
from live_gradcam.teach.examples import Examples, burst_of
from live_gradcam.teach.examples_folder import ExamplesFolder
from live_gradcam.teach.feature_extractor import FeatureExtractor
from live_gradcam.teach.learn_thread import Job
from live_gradcam.teach.learner import Lesson, findings_about, lesson_from
from live_gradcam.teach.taught_answers import shown_answer
from live_gradcam.teach.teaching_state import OpenBurst, TeachingState, taught_classes

logger = logging.getLogger(__name__)

BURST_SECONDS, KEY_SECONDS = 1.0, 0.5
"""How long a burst takes at least, and how long it goes on after the last repetition of a held key."""

MOST_IN_BURST = 150
"""Pictures after which a burst ends by itself."""


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
        self._open: OpenBurst | None = None
        self._waiting: list[OpenBurst] = []
        """The bursts that are being learned, or wait for it."""
        self._examples = Examples()
        self._names: dict[int, str] = {}
        """The name of each class that has examples, or will have."""
        self._lesson = Lesson(NOTHING_TAUGHT)
        self._state = TeachingState()
        if folder is not None and folder.bursts():
            self._names = dict(folder.names)
            self._state = replace(self._state, learning=True)
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
        """Begin a burst of a class, or prolong the one in hand.

        Args:
            number: the class, 1 to 9.
            button: whether `release` will end it; else it ends shortly after the last call.

        Returns:
            Why that is refused; empty if it is not.
        """
        now = self._clock()
        with self._lock:
            burst = self._open
            if burst is not None and burst.number == number:
                burst.until, burst.held = max(burst.until, now + KEY_SECONDS), burst.held or button
                return ""
            self._end_burst()
            self._open = OpenBurst(number, now + BURST_SECONDS, button)
            if number not in self._names:
                usual = f"class {number}"
                self._names[number] = usual if usual not in self._names.values() else f"{usual}'"
            self._change(recording=number, newest=number, failure="", note="")
        return ""

    def release(self) -> None:
        """End the burst that a button began, once it is long enough."""
        with self._lock:
            if self._open is not None:
                self._open.held = False

    def see(self, pixels: Pixels, answer: Answer) -> Answer:
        """Take a frame, (H, W, 3) uint8 BGR, and the answer about it, and return the answer that is shown."""
        if answer.feature_map is None:
            return answer
        with self._lock:
            burst, lesson = self._open, self._lesson
            if burst is not None:
                if not burst.held and self._clock() > burst.until:
                    self._end_burst()
                else:
                    burst.pictures.append(self._seen(pixels, answer))
                    burst.maps.append(answer.feature_map)
                    self._change()
                    if len(burst.pictures) >= MOST_IN_BURST:
                        self._end_burst()
        return shown_answer(answer, lesson.refusal)

    def rename(self, number: int, name: str) -> str:
        """Give a class another name, and return a line."""
        name = " ".join(name.split())
        with self._lock:
            before = self._names.get(number)
            if before is None:
                return "there is no such class"
            if not name or name == before:
                return before
            if name in self._names.values():
                return f"another class is called {name}"
            self._names[number] = name
            if before in self._examples.labels:
                self._examples = self._examples.renamed(before, name)
            labels = tuple(name if each == before else each for each in self.head.labels)
            self._lesson = replace(self._lesson, head=replace(self.head, labels=labels))
            self._change(warning=self._state.warning.replace(before, name))
        if (folder := self._folder) is not None:
            self._do(lambda: folder.rename(number, name))
        return name

    def undo(self) -> str:
        """Forget the last burst, and return a line."""
        with self._lock:
            if not self._examples.bursts:
                return "nothing was taught yet"
            name, burst = self._examples.bursts[-1]
            self._forget(
                self._examples.without_last_burst(), None if self._folder is None else self._folder.undo
            )
        return f"the last {len(burst.features)} pictures of {name} are forgotten"

    def forget(self, number: int | None) -> str:
        """Forget a class, or all classes; return a line."""
        folder = self._folder
        with self._lock:
            if number is None:
                self._forget(Examples(), None if folder is None else folder.clear)
                return "everything is forgotten"
            name = self._names.get(number)
            if name not in self._examples.labels:
                return f"there is no class {number}"
            left = self._examples.without_class(name)
            self._forget(left, None if folder is None else lambda: folder.forget(number))
        return f"{name} is forgotten"

    def save(self) -> str:
        """Write the model file in the background, and return a line."""
        if len(self.head.labels) < 2:
            return "teach two classes first"
        self._do(self._write)
        return "writing the model file …"

    def _write(self) -> None:
        head = self.head
        name = self._save(head)
        with self._lock:
            self._change(note=f"saved {name}", saved=head)

    def _seen(self, pixels: Pixels, answer: Answer) -> Pixels:
        """Return the part of a frame that the network saw, at its scale."""
        x, y, width, height = answer.first.region
        return self._extractor.seen(pixels[max(y, 0) : y + height, max(x, 0) : x + width])

    def _end_burst(self) -> None:
        """Hand the open burst to the thread that learns; the caller has the lock."""
        burst, self._open = self._open, None
        if burst is None:
            return
        if burst.pictures:
            self._waiting.append(burst)
            self._do(lambda: self._take(burst))
        self._drop_names()
        self._change(recording=None, learning=bool(self._waiting))

    def _do(self, job: Job) -> None:
        """Do a job later; the caller may have the lock."""

        def guarded() -> None:
            try:
                job()
            except LiveGradcamError as error:
                self._fail(str(error))
            except Exception as error:
                logger.exception("a job of the teacher failed")
                self._fail(f"that could not be learned: {reason_of(error)}")

        if not self._do_later(guarded):
            self._fail("too much waits to be learned: try again in a moment")

    def _fail(self, line: str) -> None:
        with self._lock:
            self._change(failure=line, learning=bool(self._waiting))

    def _take(self, burst: OpenBurst) -> None:
        """Learn a burst, and keep its pictures."""
        try:
            learned = burst_of(
                self._extractor, np.stack(burst.pictures), time.time(), maps=np.stack(burst.maps)
            )
            with self._lock:
                self._examples = self._examples.with_burst(self._names[burst.number], learned)
        finally:
            with self._lock:
                self._waiting.remove(burst)
                self._drop_names()
        kept: LiveGradcamError | None = None
        if self._folder is not None:
            try:
                self._folder.add(burst.number, self._names[burst.number], burst.pictures)
            except LiveGradcamError as error:
                kept = error
        self._learn()
        if kept is not None:
            raise kept

    def _take_up(self, folder: ExamplesFolder) -> None:
        """Learn the bursts that the folder keeps."""
        for stored in folder.bursts():
            pictures = [self._extractor.seen(each) for each in stored.read()]
            if pictures:
                learned = burst_of(self._extractor, np.stack(pictures), time.time())
                with self._lock:
                    self._examples = self._examples.with_burst(self._names[stored.number], learned)
                    self._change()
        self._learn()

    def _learn(self) -> None:
        """Fit the head to all examples, and find out what it has learned."""
        with self._lock:
            examples, names = self._examples, dict(self._names)
        lesson = lesson_from(examples)
        with self._lock:
            now = {
                before: self._names.get(number, before) for number, before in names.items()
            }  # renamed meanwhile
            labels = tuple(now.get(each, each) for each in lesson.head.labels)
            self._lesson = replace(lesson, head=replace(lesson.head, labels=labels))
            self._change(learning=bool(self._waiting), right=0, tried=0, warning="")
        found = findings_about(lesson, examples)
        with self._lock:
            self._change(right=found.right, tried=found.tried, warning=(found.warnings or ("",))[0])

    def _forget(self, left: Examples, from_folder: Callable[[], None] | None) -> None:
        """Go on with fewer examples; the caller has the lock."""
        self._examples = left
        self._drop_names()
        self._change(note="", failure="", learning=True)

        def forgotten() -> None:
            self._learn()
            if from_folder is not None:
                from_folder()

        self._do(forgotten)

    def _drop_names(self) -> None:
        """Forget the names of classes without examples, also to come; the caller has the lock."""
        coming = {each.number for each in (*self._waiting, self._open) if each is not None}
        kept = self._examples.labels
        self._names = {
            number: name for number, name in self._names.items() if name in kept or number in coming
        }

    def _change(self, **changes: object) -> None:
        """Make the state anew; the caller has the lock."""
        coming = [each for each in (*self._waiting, self._open) if each is not None]
        classes = taught_classes(self._names, self._examples, coming)
        self._state = replace(self._state, classes=classes, **changes)  # type: ignore[arg-type]
