"""Learns bursts: computes their features, fits a head to them, and measures it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.frame import Pixels
from live_gradcam.metrics.heat_test import PictureAnswers
from live_gradcam.question import Question
from live_gradcam.taught_head import NOTHING_TAUGHT, TaughtHead
from live_gradcam.teach.altered_copies import altered_copies
from live_gradcam.teach.examples import Burst, Rows, TrainingRows

logger = logging.getLogger(__name__)

AT_ONCE = 4
"""Pictures in one call of the network, so that the frames that are shown wait for a few of them only."""

_THUMBNAIL = 96

Maps = Sequence[npt.NDArray[np.float32]]
"""Feature maps, (h, w, F) float32 each."""


@dataclass(frozen=True, slots=True)
class Measured:
    """How often a head is right."""

    right: int
    """How many pictures of left-out bursts were given their own class."""

    tried: int
    """How many were tried; 0 where nothing can be measured."""


class Learner:
    """Learns bursts with the features of one network.

    Args:
        answers: give the feature maps of pictures.
        input_size: (height, width) in pixels of the network's input.
    """

    def __init__(self, answers: PictureAnswers, input_size: tuple[int, int]) -> None:
        self._answers = answers
        self._input_size = input_size

    def seen(self, pixels: Pixels) -> Pixels:
        """Return a picture at the network's scale, (height, width, 3) uint8 BGR."""
        return np.asarray(cv2.resize(pixels, self._input_size[::-1], interpolation=cv2.INTER_AREA), np.uint8)

    def burst(self, number: int, pictures: Sequence[Pixels], maps: Maps | None = None) -> Burst:
        """Return a burst with the features of its pictures and of their altered copies.

        Args:
            number: the class.
            pictures: at the network's scale, at least one.
            maps: their feature maps; None: they are computed.

        Raises:
            LiveGradcamError: the network fails.
        """
        maps = self._maps(pictures) if maps is None else maps
        rows: Rows = np.stack([each.mean(axis=(0, 1)) for each in maps])
        altered = self._maps(list(altered_copies(np.stack(pictures))))
        copies: Rows = np.stack([each.mean(axis=(0, 1)) for each in altered])
        small = cv2.resize(pictures[-1], (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
        return Burst(number, rows, copies, np.asarray(small, np.uint8))

    def _maps(self, pictures: Sequence[Pixels]) -> list[npt.NDArray[np.float32]]:
        found = []
        for at in range(0, len(pictures), AT_ONCE):
            some = pictures[at : at + AT_ONCE]
            answers = self._answers.answer_batch(some, [Question(head=NOTHING_TAUGHT)] * len(some))
            found += [each.feature_map for each in answers if each.feature_map is not None]
        return found


def fitted(labels: tuple[str, ...], training: TrainingRows | None) -> TaughtHead:
    """Return the head of some classes; one class alone has a head without weights.

    Raises:
        LiveGradcamError: scikit-learn is missing.
    """
    if training is None:
        return NOTHING_TAUGHT
    if len(labels) < 2:
        return TaughtHead(labels, np.zeros((training.rows.shape[1], 1), np.float32), np.zeros(1, np.float32))
    from live_gradcam.teach.fitting import fit_head  # it loads scikit-learn

    began = time.monotonic()
    head = fit_head(labels, training.rows, training.classes)
    seconds = time.monotonic() - began
    logger.info("fitted %d classes to %d rows in %.2f s", len(labels), len(training.rows), seconds)
    return head


def measured(training: TrainingRows | None) -> Measured:
    """Return how often heads are right on bursts that were left out of their fit.

    Raises:
        LiveGradcamError: scikit-learn is missing.
    """
    if training is None or len(training.numbers) < 2:
        return Measured(0, 0)
    from live_gradcam.teach.fitting import left_out_accuracy

    found = left_out_accuracy(training.rows, training.classes, training.bursts, training.tried)
    return Measured(0, 0) if found is None else Measured(found.right, found.count)
