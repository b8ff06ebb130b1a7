"""What is learned from examples: the head, how often it is right, and by what it tells the classes apart."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from live_gradcam.taught_head import MOST_CLASSES, NOTHING_TAUGHT, TaughtHead
from live_gradcam.teach.examples import Examples
from live_gradcam.teach.feature_extractor import FeatureExtractor
from live_gradcam.teach.learned import HeatShares, Learned, class_differences, heat_shares
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

    learned: Learned = field(default_factory=Learned)

    @property
    def shown(self) -> dict[str, object]:
        """The fields of a `TeachingState`."""
        warning = (self.learned.warnings or ("",))[0]
        return {
            "right": self.right,
            "tried": self.tried,
            "warning": warning,
            "heat": self.learned.heat.sentence,
        }

    def renamed(self, now: Mapping[str, str]) -> Findings:
        """Return the same about classes with other names; see `Learned.renamed`."""
        return replace(self, learned=self.learned.renamed(now))


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

    few = len(lesson.head.labels) <= MOST_CLASSES  # folders may have hundreds, whose pictures take minutes
    heat = heat_shares(extractor, lesson.head, examples) if few else HeatShares()
    learned = Learned(class_differences(lesson.head, examples), heat)
    training = examples.rows()
    with _one_at_a_time:
        found = left_out_accuracy(training.rows, training.classes, training.bursts, training.originals)
    if found is None:
        return Findings(learned=learned)
    return Findings(right=found.right, tried=found.count, learned=learned)
