"""The masking test: what the network says of the hottest part of a picture alone, and of all the rest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from live_gradcam.explanation import Explanation, Region
from live_gradcam.faithfulness import DEFAULT_BASELINE, DEFAULT_SHARE, Baseline, Faithfulness, MaskedScores
from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import (
    Mask,
    ScoreOf,
    baseline_picture,
    heat_over,
    hottest,
    mixed,
)
from live_gradcam.metrics.controls import control_map
from live_gradcam.prediction import Value, class_name

CONTROLS = ("shifted", "shuffled")
"""The controls of the masking test. A central map is no good one, because things stand in the middle of pictures."""


class MaskingTest:
    """The masking test of one explanation, whose pictures may be scored one by one.

    Args:
        picture: (H, W, 3) uint8 BGR: the part of the frame that the network saw, at the network's scale
            (`changed_pictures.seen_part`).
        part: (x, y, width, height) of that part in pixels of the frame.
        explanation: of the frame; its target is a class.
        share: of the area that the hottest part takes at most.
        baseline: what replaces the pixels that are taken away.
        controls: names of the control maps.
    """

    def __init__(
        self,
        picture: Pixels,
        part: Region,
        explanation: Explanation,
        *,
        share: float = DEFAULT_SHARE,
        baseline: Baseline = DEFAULT_BASELINE,
        controls: Sequence[str] = CONTROLS,
    ) -> None:
        self._picture = picture
        self._explanation = explanation
        self._share = share
        self._baseline: Baseline = baseline
        self._controls = tuple(controls)
        self._part = part
        self._heat = heat_over(explanation, part, (picture.shape[1], picture.shape[0]))
        self._masks = {0: hottest(self._heat, share)}
        self._replacement = baseline_picture(picture, baseline)

    def __len__(self) -> int:
        """How many pictures there are: two for the explanation, and two for each control."""
        return 2 * (1 + len(self._controls))

    @property
    def mask(self) -> Mask:
        """(H, W) bool: the hottest part of the explanation's own map."""
        return self._masks[0]

    @property
    def replacement(self) -> Pixels:
        """(H, W, 3) uint8 BGR: the picture whose pixels replace those that are taken away."""
        return self._replacement

    def picture(self, number: int) -> Pixels:
        """Return a changed picture, (H, W, 3) uint8 BGR: of each map the hottest part alone, then all but it."""
        mask = self._mask(number // 2)
        return mixed(self._picture, self._replacement, ~mask if number % 2 else mask)

    def _mask(self, number: int) -> Mask:
        """Return the mask of the explanation's own map, or of a control, which is made when it is first needed."""
        if number not in self._masks:
            control = control_map(self._controls[number - 1], self._heat, self._explanation, self._part)
            self._masks[number] = hottest(control, self._share)
        return self._masks[number]

    def result(self, probability: float, scores: Sequence[float]) -> Faithfulness:
        """Return the result.

        Args:
            probability: of the explained class for the unchanged picture, in [0, 1].
            scores: the same for each changed picture, or for the first two or more of them: controls without scores
                are then left out.
        """
        pairs = [
            MaskedScores(float(alone), float(without))
            for alone, without in zip(scores[::2], scores[1::2], strict=True)
        ]
        target = self._explanation.target
        return Faithfulness(
            label=class_name(target),
            probability=probability,
            heat=pairs[0],
            controls=tuple(zip(self._controls, pairs[1:], strict=False)),
            share=self._share,
            baseline=self._baseline,
            class_id=-1 if isinstance(target, Value) else target.class_id,
            method=self._explanation.method,
            is_sure=not self._explanation.automatic or probability >= self._explanation.needed,
            layer=self._explanation.layer,
        )


def faithfulness(
    picture: Pixels,
    part: Region,
    explanation: Explanation,
    score_of: ScoreOf,
    *,
    share: float = DEFAULT_SHARE,
    baseline: Baseline = DEFAULT_BASELINE,
    controls: Sequence[str] = CONTROLS,
) -> Faithfulness:
    """Return the result of the masking test, with all pictures scored in one call.

    Args:
        picture: as in `MaskingTest`.
        part: as in `MaskingTest`.
        explanation: as in `MaskingTest`.
        score_of: the probability of the explained class.
        share: as in `MaskingTest`.
        baseline: as in `MaskingTest`.
        controls: as in `MaskingTest`.
    """
    test = MaskingTest(picture, part, explanation, share=share, baseline=baseline, controls=controls)
    scores = score_of([picture, *map(test.picture, range(len(test)))])
    first, *rest = np.asarray(scores, np.float64).tolist()
    return test.result(first, rest)
