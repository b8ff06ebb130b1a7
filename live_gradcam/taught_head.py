"""A classifier that a viewer taught: one linear layer on a network's features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from live_gradcam.errors import SettingsError

MOST_CLASSES = 9
"""How many classes a head may have that is an argument of a graph: one for each digit key."""


@dataclass(frozen=True, slots=True, eq=False)
class TaughtHead:
    """The weights of a softmax classifier z = f · kernel + bias.

    f (F,) is the mean of a feature map A over its places. So the map of class c is CAM
    (Zhou et al. 2016, arXiv:1512.04150, equation 2): Σ_k kernel[k, c] A[:, :, k].

    Raises:
        SettingsError: the shapes do not fit, or a name occurs twice.
    """

    labels: tuple[str, ...]
    """The names of its K classes; none before anything was taught."""

    kernel: npt.NDArray[np.float32]
    """(F, K) float32; (0, 0) before anything was taught."""

    bias: npt.NDArray[np.float32]
    """(K,) float32."""

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        count = len(self.labels)
        if self.kernel.ndim != 2 or self.kernel.shape[1] != count or self.bias.shape != (count,):
            raise SettingsError(
                f"a head of {count} classes needs a kernel (F, {count}) and a bias ({count},), "
                f"not {self.kernel.shape} and {self.bias.shape}."
            )
        if len(set(self.labels)) < count:
            raise SettingsError(f"two classes have one name: {', '.join(self.labels)}. Rename one.")


NOTHING_TAUGHT = TaughtHead((), np.zeros((0, 0), np.float32), np.zeros(0, np.float32))
"""The head before anything was taught."""
