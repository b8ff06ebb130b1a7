"""The teacher: turns the frames of a burst into examples, learns them in the background, and has the newest head."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.errors import LiveGradcamError, reason_of
from live_gradcam.frame import Pixels
from live_gradcam.metrics.heat_test import PictureAnswers
from live_gradcam.question import Answer, Question
from live_gradcam.taught_head import NOTHING_TAUGHT, TaughtHead
from live_gradcam.teach.learn_thread import Job
from live_gradcam.teach.teaching_state import TaughtClass, TeachingState

logger = logging.getLogger(__name__)

BURST_SECONDS, KEY_SECONDS = 1.0, 0.5
"""How long a burst takes at least, and how long it goes on after the last repetition of a held key."""

MOST_IN_BURST = 150
"""Pictures after which a burst ends by itself."""

_AT_ONCE = 4
"""Copies in one call of the network, so that the frames that are shown wait for a few of them only."""

_THUMBNAIL = 96


@dataclass(slots=True, eq=False)
class _Burst:
    """The burst in hand."""

    number: int
    began: float
    until: float
    held: bool
    pictures: list[Pixels] = field(default_factory=list)
    maps: list[npt.NDArray[np.float32]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Learned:
    """The features of a burst."""

    number: int
    rows: npt.NDArray[np.float32]
    """(n, F) float32: the pictures' features."""

    copies: npt.NDArray[np.float32]
    """(m, F) float32: the features of their altered copies."""

    thumbnail: Pixels


class Teacher:
    """Takes bursts of pictures for up to nine classes, and fits a head to them after each burst.

    `see` is called by the thread that explains, all other methods by the thread that has the window.

    Args:
        answers: give the feature maps of altered copies.
        input_size: (height, width) in pixels of the pictures that are kept.
        save: writes a head as a model file, and returns its name for a message.
        do: does a job in another thread, after those that wait; returns False if it will not.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        answers: PictureAnswers,
        input_size: tuple[int, int],
        *,
        save: Callable[[TaughtHead], str],
        do: Callable[[Job], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._answers = answers
        self._input_size = input_size
        self._save = save
        self._do_later = do
        self._clock = clock
        self._lock = threading.RLock()  # jobs may be done at once, as in tests
        self._burst: _Burst | None = None
        self._learned: list[_Learned] = []
        self._names: dict[int, str] = {}
        self._head = NOTHING_TAUGHT
        self._state = TeachingState()

    @property
    def head(self) -> TaughtHead:
        """What was learned so far."""
        return self._head

    @property
    def state(self) -> TeachingState:
        """What was taught and learned so far."""
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
            burst = self._burst
            if burst is not None and burst.number == number:
                burst.until = max(burst.until, now + KEY_SECONDS)
                return ""
            self._end_burst()
            self._burst = _Burst(number, now, now + BURST_SECONDS, button)
            self._names.setdefault(number, f"class {number}")
            self._change(recording=number, newest=number, failure="", note="")
        return ""

    def release(self) -> None:
        """End the burst that a button began, once it is long enough."""
        with self._lock:
            if self._burst is not None:
                self._burst.held = False

    def see(self, pixels: Pixels, answer: Answer) -> Answer:
        """Take a frame, (H, W, 3) uint8 BGR, and the answer about it, and return the answer that is shown."""
        with self._lock:
            burst = self._burst
            if burst is not None and answer.feature_map is not None:
                if not burst.held and self._clock() > burst.until:
                    self._end_burst()
                else:
                    burst.pictures.append(self._seen(pixels, answer))
                    burst.maps.append(answer.feature_map)
                    self._change()
                    if len(burst.pictures) >= MOST_IN_BURST:
                        self._end_burst()
        return answer

    def rename(self, number: int, name: str) -> str:
        """Give a class another name, and return a line."""
        name = " ".join(name.split())
        with self._lock:
            if number not in self._names:
                return "there is no such class"
            if name in (each for other, each in self._names.items() if other != number):
                return f"another class is called {name}"
            self._names[number] = name
            head = self._head
            labels = tuple(self._names[each] for each in self._numbers())
            if len(labels) == len(head.labels):
                self._head = replace(head, labels=labels)
            self._change()
        return name

    def undo(self) -> str:
        """Forget the last burst, and return a line."""
        with self._lock:
            if not self._learned:
                return "nothing was taught yet"
            last = self._learned.pop()
            name = self._names[last.number]
            self._drop_names()
            self._change(note="", warning="")
        self._do(self._learn)
        return f"the last {len(last.rows)} pictures of {name} are forgotten"

    def forget(self, number: int | None) -> str:
        """Forget a class, or all classes; return a line."""
        with self._lock:
            if number is not None and number not in self._names:
                return f"there is no class {number}"
            name = "everything" if number is None else self._names[number]
            self._learned = [each for each in self._learned if number is not None and each.number != number]
            self._drop_names()
            self._change(note="", warning="")
        self._do(self._learn)
        return f"{name} is forgotten"

    def save(self) -> str:
        """Write the model file in the background, and return a line."""
        if len(self._head.labels) < 2:
            return "teach two classes first"
        self._do(lambda: self._saved(self._save(self._head)))
        return "writing the model file …"

    def _saved(self, name: str) -> None:
        with self._lock:
            self._change(note=f"saved {name}")

    def _seen(self, pixels: Pixels, answer: Answer) -> Pixels:
        """Return the part of a frame that the network saw, at its scale."""
        x, y, width, height = answer.first.region
        part = pixels[max(y, 0) : y + height, max(x, 0) : x + width]
        return np.asarray(cv2.resize(part, self._input_size[::-1], interpolation=cv2.INTER_AREA), np.uint8)

    def _end_burst(self) -> None:
        """Hand the burst in hand to the thread that learns; the caller has the lock."""
        burst, self._burst = self._burst, None
        if burst is None:
            return
        if burst.pictures:
            self._change(recording=None, learning=True)
            self._do(lambda: self._take(burst))
        else:
            self._drop_names()
            self._change(recording=None)

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
            self._change(failure="too much waits to be learned: try again in a moment", learning=False)

    def _fail(self, line: str) -> None:
        with self._lock:
            self._change(failure=line, learning=False)

    def _take(self, burst: _Burst) -> None:
        """Compute the features of a burst's copies, and learn."""
        from live_gradcam.teach.feature_extractor import altered_copies

        rows = np.stack(burst.maps).mean(axis=(1, 2))
        copies = altered_copies(np.stack(burst.pictures))
        found = []
        for at in range(0, len(copies), _AT_ONCE):
            some = list(copies[at : at + _AT_ONCE])
            asked = [Question(head=NOTHING_TAUGHT)] * len(some)
            found += [each.feature_map for each in self._answers.answer_batch(some, asked)]
        means = np.stack([each.mean(axis=(0, 1)) for each in found if each is not None])
        small = cv2.resize(burst.pictures[-1], (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
        with self._lock:
            self._learned.append(_Learned(burst.number, rows, means, np.asarray(small, np.uint8)))
        self._learn()

    def _learn(self) -> None:
        """Fit the head to all examples, and measure it."""
        from live_gradcam.teach.fitting import fit_head, left_out_accuracy

        with self._lock:
            learned = list(self._learned)
            numbers = self._numbers()
            labels = tuple(self._names[each] for each in numbers)
        if len(numbers) < 2:
            features = learned[0].rows.shape[1] if learned else 0
            head = TaughtHead(
                labels, np.zeros((features, len(labels)), np.float32), np.zeros(len(labels), np.float32)
            )
            with self._lock:
                self._head = head
                self._change(learning=False, right=0, tried=0)
            return
        parts = [part for each in learned for part in (each.rows, each.copies)]
        rows = np.concatenate(parts)
        classes = np.concatenate(
            [np.full(len(each.rows) + len(each.copies), numbers.index(each.number)) for each in learned]
        )
        began = time.monotonic()
        head = fit_head(labels, rows, classes)
        logger.info(
            "fitted %d classes to %d rows in %.2f s", len(labels), len(rows), time.monotonic() - began
        )
        with self._lock:
            self._head = head
            self._change(learning=False)
        bursts = np.concatenate(
            [np.full(len(each.rows) + len(each.copies), place) for place, each in enumerate(learned)]
        )
        tried = np.concatenate(
            [np.arange(len(each.rows) + len(each.copies)) < len(each.rows) for each in learned]
        )
        accuracy = left_out_accuracy(rows, classes, bursts, tried)
        with self._lock:
            self._change(
                right=0 if accuracy is None else accuracy.right,
                tried=0 if accuracy is None else accuracy.count,
            )

    def _numbers(self) -> list[int]:
        """Return the classes that have examples, in the order of the head."""
        return sorted({each.number for each in self._learned})

    def _drop_names(self) -> None:
        """Forget the names of classes without examples, except that of the burst in hand."""
        kept = {*self._numbers(), *(() if self._burst is None else (self._burst.number,))}
        self._names = {number: name for number, name in self._names.items() if number in kept}

    def _change(self, **changes: object) -> None:
        """Make the state anew; the caller has the lock."""
        burst = self._burst
        classes = []
        for number in sorted({*self._numbers(), *(() if burst is None else (burst.number,))}):
            own = [each for each in self._learned if each.number == number]
            more = len(burst.pictures) if burst is not None and burst.number == number else 0
            classes.append(
                TaughtClass(
                    number=number,
                    name=self._names[number],
                    count=sum(len(each.rows) for each in own) + more,
                    bursts=len(own),
                    thumbnail=own[-1].thumbnail if own else None,
                )
            )
        self._state = replace(self._state, classes=tuple(classes), **changes)  # type: ignore[arg-type]
