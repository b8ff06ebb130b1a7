"""What is kept of a photograph: what the network says of it, and what can be said without the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from live_gradcam.audit.dull_causes import PhotoProperties
from live_gradcam.audit.findings import PhotoFinding
from live_gradcam.audit.near_duplicates import Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuditedPhoto:
    """All that is kept of a photograph."""

    finding: PhotoFinding
    properties: PhotoProperties
    fingerprint: Fingerprint

    used: npt.NDArray[np.float32] | None
    """(F,) float32: what each feature adds to the score of the true class, or the features themselves where the network
    does not end in global average pooling and a dense layer; None where neither is known."""


def one_of_each_film(photos: Sequence[AuditedPhoto]) -> list[AuditedPhoto]:
    """Return all photographs, and of each film the middle one of its frames: the others are near copies of it."""
    frames: dict[str, list[int]] = {}
    for number, each in enumerate(photos):
        if each.finding.film is not None:
            frames.setdefault(each.finding.film, []).append(number)
    middle = {some[len(some) // 2] for some in frames.values()}
    return [each for number, each in enumerate(photos) if each.finding.film is None or number in middle]
