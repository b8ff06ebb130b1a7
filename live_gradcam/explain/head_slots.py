"""Heads as arguments of a graph: each has the same number of slots, of which some may be unused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from live_gradcam.errors import SettingsError
from live_gradcam.explain.array_types import Numbers
from live_gradcam.taught_head import TaughtHead

UNUSED_SLOT = -1e9
"""The bias of a slot without a class: its probability is 0, and it is nobody's rival."""


def weights_of(heads: Sequence[TaughtHead | None], features: int, slots: int) -> tuple[Numbers, ...]:
    """Return kernels (N, F, K) and biases (N, K) of a batch's heads, float32; nothing where K is 0.

    Args:
        heads: one for each picture.
        features: F.
        slots: K.

    Raises:
        SettingsError: a head has more classes than slots, or another number of features.
    """
    if not slots:
        return ()
    kernel = np.zeros((len(heads), features, slots), np.float32)
    bias = np.full((len(heads), slots), UNUSED_SLOT, np.float32)
    for number, head in enumerate(heads):
        if head is None or not head.labels:
            continue
        if len(head.labels) > slots or len(head.kernel) != features:
            raise SettingsError(
                f"the head has {len(head.labels)} classes and {len(head.kernel)} features: "
                f"this network takes at most {slots} classes, and {features} features."
            )
        kernel[number, :, : len(head.labels)] = head.kernel
        bias[number, : len(head.labels)] = head.bias
    return kernel, bias
