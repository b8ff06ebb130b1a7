"""What is learned from examples: the head, how often it is right, and by what it tells the classes apart."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

import numpy as np

from live_gradcam.taught_head import MOST_CLASSES, NOTHING_TAUGHT, TaughtHead
from live_gradcam.teach.examples import Examples
from live_gradcam.teach.feature_extractor import FeatureExtractor
from live_gradcam.teach.learned import heat_sentence, heat_shares, learned
from live_gradcam.teach.none_of_these import NoneOfThese, none_of_these

logger = logging.getLogger(__name__)

_one_at_a_time = threading.Lock()
"""Is held while scikit-learn fits: that takes all cores, and on a server many visitors teach at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What was learned from some examples."""

    head: TaughtHead
    """One class alone has a head without weights."""

    refusal: NoneOfThese | None = None
    """Tells which pictures are none of the classes; None before two classes were taught."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found out about a head."""

    right: int = 0
    """How many pictures of left-out bursts were given their own class."""

    tried: int = 0
    """How many were tried; 0 where nothing can be measured."""

    warnings: tuple[str, ...] = ()
    """One sentence for each two classes that differ more in their background than in the thing; the worst first."""

    heat: str = ""
    """Where the heat of the classes lies; see `learned.heat_sentence`."""

    @property
    def shown(self) -> dict[str, object]:
        """The fields of a `TeachingState`."""
        warning = self.warnings[0] if self.warnings else ""
        return {"right": self.right, "tried": self.tried, "warning": warning, "heat": self.heat}


def lesson_from(examples: Examples) -> Lesson:
    """Fit a head to examples.

    Raises:
        LiveGradcamError: scikit-learn is missing.
    """
    labels = examples.labels
    if not labels:
        return Lesson(NOTHING_TAUGHT)
    training = examples.rows()
    if len(labels) < 2:
        length = training.rows.shape[1]
        return Lesson(TaughtHead(labels, np.zeros((length, 1), np.float32), np.zeros(1, np.float32)))
    from live_gradcam.teach.fitting import fit_head  # it loads scikit-learn

    began = time.monotonic()
    with _one_at_a_time:
        head = fit_head(labels, training.rows, training.classes)
    seconds = time.monotonic() - began
    logger.info("fitted %d classes to %d rows in %.2f s", len(labels), len(training.rows), seconds)
    return Lesson(head, none_of_these(examples))


def findings_about(lesson: Lesson, examples: Examples, extractor: FeatureExtractor) -> Findings:
    """Measure a head, and find out what it has learned.

    Args:
        lesson: what was learned.
        examples: those that it was learned from.
        extractor: computes the maps of some of them, to see where the heat lies.

    Raises:
        LiveGradcamError: scikit-learn is missing.
    """
    if len(lesson.head.labels) < 2:
        return Findings()
    from live_gradcam.teach.fitting import left_out_accuracy

    warnings = learned(lesson.head, examples).warnings
    few = len(lesson.head.labels) <= MOST_CLASSES  # folders may have hundreds, whose pictures take minutes
    heat = heat_sentence(heat_shares(extractor, lesson.head, examples), examples) if few else ""
    training = examples.rows()
    with _one_at_a_time:
        found = left_out_accuracy(training.rows, training.classes, training.bursts, training.originals)
    if found is None:
        return Findings(warnings=warnings, heat=heat)
    return Findings(right=found.right, tried=found.count, warnings=warnings, heat=heat)
