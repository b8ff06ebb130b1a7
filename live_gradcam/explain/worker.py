"""The explain thread: it takes the newest frame, explains it, and keeps the newest explanation."""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType
from typing import Protocol, Self

from live_gradcam.explanation import Explanation
from live_gradcam.frame import Frame, Pixels
from live_gradcam.slot import Slot
from live_gradcam.statistics import Statistics

logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 0.9


class Explains(Protocol):
    """What the worker needs of an explainer."""

    @property
    def traces(self) -> int:
        """How often the network was traced."""

    def explain(self, image: Pixels) -> Explanation:
        """Explain one picture."""


class ExplainWorker:
    """Explains in a thread of its own; never a stale frame, and nobody waits for it.

    An exception of the explainer is raised to whoever asks for the newest explanation.

    Args:
        explainer: what explains.
        statistics: where it is counted.
        limit: after how many frames it stops; None goes on until it is closed.
    """

    def __init__(self, explainer: Explains, statistics: Statistics, *, limit: int | None = None) -> None:
        self._explainer = explainer
        self._statistics = statistics
        self._limit = limit
        self._offered: Slot[Frame] = Slot()
        self._explained: Slot[tuple[Frame, Explanation]] = Slot()
        self._thread = threading.Thread(target=self._work, name="explain", daemon=True)
        self._thread.start()

    @property
    def finished(self) -> bool:
        """Whether its limit is reached and the last explanation was taken."""
        return self._explained.closed

    def offer(self, frame: Frame) -> None:
        """Offer a frame; it replaces one that was offered and not yet begun."""
        self._offered.put(frame)

    def newest(self) -> tuple[Frame, Explanation] | None:
        """Return the newest explanation not yet taken, with its frame; None where there is no new one.

        Raises:
            Exception: what the explainer raised.
        """
        return self._explained.take(0)

    def close(self) -> None:
        """Stop after the frame in hand, and join the thread; one that is stuck is left behind and named."""
        self._offered.close()
        self._explained.close()
        self._thread.join(_PATIENCE_SECONDS)
        if self._thread.is_alive():
            logger.warning("the thread '%s' is stuck and is left behind", self._thread.name)

    def _work(self) -> None:
        try:
            while (frame := self._offered.take()) is not None:
                began = time.monotonic()
                explanation = self._explainer.explain(frame.pixels)
                now = time.monotonic()
                self._statistics.stage("explain", 1000 * (now - began))
                self._statistics.explained(explanation.top[0].label if explanation.top else None, now)
                self._statistics.traces = self._explainer.traces
                self._explained.put((frame, explanation))
                if self._statistics.frames_explained == self._limit:
                    break
            self._explained.close()
        except BaseException as error:  # whatever it is, the owner is told
            self._explained.close(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
