"""The head that a viewer teaches: a linear classifier on the pooled features of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from live_gradcam.errors import ModelError
from live_gradcam.escaping import shown


@dataclass(frozen=True, slots=True, eq=False)
class TaughtHead:
    """A linear classifier with softmax: z = f @ kernel + bias, p = softmax(z).

    The features f_k are means of the feature map A over its h·w places, so that a logit is a sum over the places:
    z_c = bias_c + (1/hw) Σ_xy Σ_k kernel_kc A_k(x, y). The inner sum is the class activation map (Zhou et al.,
    "Learning Deep Features for Discriminative Localization", CVPR 2016, equation 2).

    Raises:
        ModelError: shapes, names or values do not fit.
    """

    labels: tuple[str, ...]
    """The names of the K classes, each once; none before anything was taught."""

    kernel: npt.NDArray[np.float32]
    """(F, K) float32: the weight of each feature for each class."""

    bias: npt.NDArray[np.float32]
    """(K,) float32."""

    def __post_init__(self) -> None:
        classes = len(self.labels)
        if classes:
            check_names(self.labels)
        if (
            self.kernel.ndim != 2
            or (classes and not self.kernel.shape[0])
            or self.kernel.shape[1:] != (classes,)
            or self.bias.shape != (classes,)
        ):
            raise ModelError(
                f"a taught head of {classes} classes needs a kernel (features, {classes}) and a bias ({classes},); "
                f"these are {self.kernel.shape} and {self.bias.shape}. Fit it again."
            )
        for name, values in (("kernel", self.kernel), ("bias", self.bias)):
            if values.dtype != np.float32:
                raise ModelError(
                    f"the {name} of a taught head must be float32, not {values.dtype}. Convert it."
                )
            if not np.isfinite(values).all():
                raise ModelError(
                    f"the {name} of a taught head has numbers that are not finite. Fit it again."
                )

    @property
    def features(self) -> int:
        """F, the number of features."""
        return int(self.kernel.shape[0])

    def renamed(self, now: Mapping[str, str]) -> TaughtHead:
        """Return the same head whose classes have other names.

        Args:
            now: name → present name; classes that are not in it keep theirs.
        """
        return replace(self, labels=tuple(now.get(each, each) for each in self.labels))

    def logits(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the logits (N, K) float32 for features (N, F)."""
        return np.asarray(features @ self.kernel + self.bias, np.float32)

    def probabilities(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the probabilities (N, K) float32 in [0, 1] for features (N, F); each row sums to 1."""
        logits = self.logits(features)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)

    def maps(self, feature_maps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the class activation maps (N, h, w, K) float32 of feature maps (N, h, w, F); no ReLU, no bias."""
        return np.asarray(feature_maps @ self.kernel, np.float32)


def check_names(names: Sequence[str]) -> None:
    """Check that there are classes, that each has a name of one line, and no two have the same.

    Raises:
        ModelError: they do not.
    """
    if not names:
        raise ModelError("there are no classes: teach at least two.")
    for place, name in enumerate(names):
        if name != name.strip() or not name or any(not each.isprintable() for each in name):
            raise ModelError(
                f"class {place + 1} is called '{shown(name)}': a name is one line of visible characters, without "
                "spaces around it."
            )
        if name in names[:place]:
            raise ModelError(f"two classes are called '{name}': give one of them another name.")


NOTHING_TAUGHT = TaughtHead((), np.zeros((0, 0), np.float32), np.zeros(0, np.float32))
"""The head before anything was taught."""

MOST_CLASSES = 9
"""How many classes a head may have that is an argument of a graph: one for each digit key."""
