"""A picture that waits to be explained, and its result."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from live_gradcam.explain.targets import is_function_name
from live_gradcam.frame import Pixels
from live_gradcam.question import Answer, Question
from live_gradcam.taught_head import NOTHING_TAUGHT


@dataclass(frozen=True, slots=True, eq=False)
class QueuedWork:
    """One picture to be explained for a client."""

    client: Hashable
    """Who asks. Each client has one picture waiting at most, the newest."""

    question: Question
    pixels: Callable[[], Pixels] | Pixels
    """(H, W, 3) uint8 BGR, or a function that decodes it. The same array with the same question is explained once."""

    shape: Hashable = None
    """Only pictures of one shape share a call; None if the network's input has the same size for all of them."""

    asked_at: float = field(default_factory=time.monotonic)
    done: Future[Done] = field(default_factory=Future)

    payer: Hashable = None
    """Whose share of the network it uses, such as the address of a program; None: the client's own."""

    passes: float = 1.0
    """How many passes of the network it takes, as far as that is known."""

    @property
    def account(self) -> Hashable:
        """The payer; the client if no payer is named."""
        return self.client if self.payer is None else self.payer

    @property
    def kind(self) -> Hashable:
        """A key that is equal for pictures that one call can explain.

        It holds shape and question, without a single class. All taught heads have one key: they are arguments.
        """
        targets, head = self.question.targets, self.question.head
        own_class = len(targets) == 1 and not is_function_name(targets[0])
        alike = replace(
            self.question,
            targets=(None,) if own_class else targets,
            head=None if head is None else NOTHING_TAUGHT,
        )
        return alike, self.shape


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a picture, and how long it took."""

    answer: Answer
    pixels: Pixels
    """(H, W, 3) uint8 BGR: the picture that was explained."""

    waited_ms: float
    """From the request to the start of the call."""

    explained_ms: float
    """The time of the whole batch."""

    batch: int
    """How many pictures were explained in the same call."""
