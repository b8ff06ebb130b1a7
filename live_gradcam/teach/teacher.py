"""The teacher: turns the frames of a burst into examples, learns them in the background, and has the newest head."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from live_gradcam.errors import LiveGradcamError, reason_of
from live_gradcam.frame import Pixels
from live_gradcam.metrics.heat_test import PictureAnswers
from live_gradcam.question import Answer
from live_gradcam.taught_head import NOTHING_TAUGHT, TaughtHead
from live_gradcam.teach.examples import Burst, Examples
from live_gradcam.teach.examples_folder import ExamplesFolder
from live_gradcam.teach.learn_thread import Job
from live_gradcam.teach.learner import Learner, fitted, measured
from live_gradcam.teach.teaching_state import TaughtClass, TeachingState

logger = logging.getLogger(__name__)

BURST_SECONDS, KEY_SECONDS = 1.0, 0.5
"""How long a burst takes at least, and how long it goes on after the last repetition of a held key."""

MOST_IN_BURST = 150
"""Pictures after which a burst ends by itself."""


@dataclass(slots=True, eq=False)
class _OpenBurst:
    """A burst that is being taken."""

    number: int
    until: float
    held: bool
    pictures: list[Pixels] = field(default_factory=list)
    maps: list[npt.NDArray[np.float32]] = field(default_factory=list)


class Teacher:
    """Takes bursts of pictures for up to nine classes, and fits a head to them after each burst.

    `see` is called by the thread that explains, the jobs are done by another one, and the viewer's thread calls all
    other methods.

    Args:
        answers: give the feature maps of altered copies.
        input_size: (height, width) in pixels of the pictures that are kept.
        save: writes a head as a model file, and returns its name for a message.
        do: does a job in another thread, after those that wait; returns False if it will not.
        folder: keeps the bursts; those that it has are learned first. None: nothing is kept.
        most_of_a_class: how many pictures a class may have; None: any number.
        turn: is held while a head is fitted, which takes all cores.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        answers: PictureAnswers,
        input_size: tuple[int, int],
        *,
        save: Callable[[TaughtHead], str],
        do: Callable[[Job], bool],
        folder: ExamplesFolder | None = None,
        most_of_a_class: int | None = None,
        turn: AbstractContextManager[object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._learner = Learner(answers, input_size)
        self._save = save
        self._do_later = do
        self._folder = folder
        self._most = most_of_a_class
        self._turn = turn or nullcontext()
        self._clock = clock
        self._lock = threading.RLock()  # a job may be done at once, as in tests
        self._open: _OpenBurst | None = None
        self._waiting: list[_OpenBurst] = []
        """The bursts that are being learned, or wait for it."""
        self._examples = Examples()
        self._head = NOTHING_TAUGHT
        self._state = TeachingState()
        if folder is not None and folder.bursts():
            for number, name in folder.names.items():
                self._examples.rename(number, name)
            self._state = replace(self._state, learning=True)
            self._do(lambda: self._take_up(folder))

    @property
    def head(self) -> TaughtHead:
        """What was learned so far."""
        return self._head

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
            if self._is_full(number):
                return f"{self._most} pictures of {self._examples.name(number)} are enough"
            self._open = _OpenBurst(number, now + BURST_SECONDS, button)
            self._change(recording=number, newest=number, failure="", note="")
        return ""

    def release(self) -> None:
        """End the burst that a button began, once it is long enough."""
        with self._lock:
            if self._open is not None:
                self._open.held = False

    def see(self, pixels: Pixels, answer: Answer) -> Answer:
        """Take a frame, (H, W, 3) uint8 BGR, and the answer about it, and return the answer that is shown."""
        with self._lock:
            burst = self._open
            if burst is not None and answer.feature_map is not None:
                if not burst.held and self._clock() > burst.until:
                    self._end_burst()
                else:
                    burst.pictures.append(self._seen(pixels, answer))
                    burst.maps.append(answer.feature_map)
                    self._change()
                    if len(burst.pictures) >= MOST_IN_BURST or self._is_full(burst.number):
                        self._end_burst()
        return answer

    def rename(self, number: int, name: str) -> str:
        """Give a class another name, and return a line."""
        with self._lock:
            if number not in (each.number for each in self._state.classes):
                return "there is no such class"
            line = self._examples.rename(number, name)
            if len(self._examples.numbers) == len(self._head.labels):
                self._head = replace(self._head, labels=self._labels(self._examples.numbers))
            self._change()
            named = self._examples.name(number)
        if self._folder is not None:
            folder = self._folder
            self._do(lambda: folder.rename(number, named))
        return line

    def undo(self) -> str:
        """Forget the last burst, and return a line."""
        with self._lock:
            if not self._examples.bursts:
                return "nothing was taught yet"
            last = self._examples.bursts[-1]
            name = self._examples.name(last.number)
            self._remove([last])
        return f"the last {len(last.rows)} pictures of {name} are forgotten"

    def forget(self, number: int | None) -> str:
        """Forget a class, or all classes; return a line."""
        with self._lock:
            if number is not None and number not in self._examples.numbers:
                return f"there is no class {number}"
            name = "everything" if number is None else self._examples.name(number)
            self._remove([each for each in self._examples.bursts if number in (None, each.number)])
        return f"{name} is forgotten"

    def save(self) -> str:
        """Write the model file in the background, and return a line."""
        if len(self._head.labels) < 2:
            return "teach two classes first"
        self._do(self._write)
        return "writing the model file …"

    def _write(self) -> None:
        name = self._save(self._head)
        with self._lock:
            self._change(note=f"saved {name}", saved=self._head)

    def _is_full(self, number: int) -> bool:
        """Return whether a class has as many pictures as it may."""
        count = sum(each.count for each in self._state.classes if each.number == number)
        return self._most is not None and count >= self._most

    def _seen(self, pixels: Pixels, answer: Answer) -> Pixels:
        """Return the part of a frame that the network saw, at its scale."""
        x, y, width, height = answer.first.region
        return self._learner.seen(pixels[max(y, 0) : y + height, max(x, 0) : x + width])

    def _end_burst(self) -> None:
        """Hand the open burst to the thread that learns; the caller has the lock."""
        burst, self._open = self._open, None
        if burst is None:
            return
        if not burst.pictures:
            self._change(recording=None)
            return
        self._waiting.append(burst)
        self._change(recording=None, learning=True)
        self._do(lambda: self._take(burst))

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

    def _take(self, burst: _OpenBurst) -> None:
        """Learn a burst, and keep its pictures."""
        try:
            learned = self._learner.burst(burst.number, burst.pictures, burst.maps)
        except BaseException:
            with self._lock:
                self._waiting.remove(burst)
            raise
        place, refused = None, None
        if self._folder is not None:
            try:
                place = self._folder.add(burst.number, self._examples.name(burst.number), burst.pictures)
            except LiveGradcamError as error:
                refused = error
        with self._lock:
            self._waiting.remove(burst)
            self._examples.bursts.append(replace(learned, place=place))
        self._learn()
        if refused is not None:
            raise refused

    def _take_up(self, folder: ExamplesFolder) -> None:
        """Learn the bursts that the folder keeps."""
        for stored in folder.bursts():
            pictures = [self._learner.seen(each) for each in stored.read()]
            if not pictures:
                continue
            learned = self._learner.burst(stored.number, pictures)
            with self._lock:
                self._examples.bursts.append(replace(learned, place=stored.folder))
                self._change()
        if self._examples.bursts:
            self._learn()

    def _learn(self) -> None:
        """Fit the head to all examples, and measure it."""
        with self._lock:
            training = self._examples.training_rows() if self._examples.bursts else None
            numbers = self._examples.numbers
        with self._turn:
            head = fitted(self._labels(numbers), training)
        self._publish(replace(head, labels=self._labels(numbers)))  # renamed meanwhile
        with self._turn:
            found = measured(training)
        with self._lock:
            self._change(right=found.right, tried=found.tried)

    def _publish(self, head: TaughtHead) -> None:
        with self._lock:
            self._head = head
            self._change(learning=bool(self._waiting), right=0, tried=0, warning="")

    def _remove(self, gone: list[Burst]) -> None:
        """Forget bursts; the caller has the lock."""
        self._examples.remove(gone)
        self._change(note="", failure="", learning=True)
        places = [each.place for each in gone if isinstance(each.place, Path)]

        def forgotten() -> None:
            self._learn()
            if self._folder is not None:
                self._folder.remove(places)

        self._do(forgotten)

    def _labels(self, numbers: Sequence[int]) -> tuple[str, ...]:
        return tuple(self._examples.name(each) for each in numbers)

    def _change(self, **changes: object) -> None:
        """Make the state anew; the caller has the lock."""
        coming = self._waiting if self._open is None else [*self._waiting, self._open]
        classes = []
        for number in sorted({*self._examples.numbers, *(each.number for each in coming)}):
            own = self._examples.of(number)
            more = sum(len(each.pictures) for each in coming if each.number == number)
            classes.append(
                TaughtClass(
                    number=number,
                    name=self._examples.name(number),
                    count=sum(len(each.rows) for each in own) + more,
                    bursts=len(own),
                    thumbnail=own[-1].thumbnail if own else None,
                )
            )
        self._state = replace(self._state, classes=tuple(classes), **changes)  # type: ignore[arg-type]
