"""The network of a page that explains pictures by itself: a file whose target is an input, beside the picture."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from live_gradcam.explain.export.file_contents import PICTURES, FileContents, heat_of, scores_of
from live_gradcam.explain.runtime import FIELDS
from live_gradcam.models.type_names import Tensor
from live_gradcam.question import TargetSpec

if TYPE_CHECKING:
    from live_gradcam.explain.tensorflow_graph import GraphFunction


class PageContents(FileContents):
    """The contents of a page's network, for one picture at a time.

    Its inputs are `image`, `aims` (1, 1, 2) int32 and `strengths` (1, 1) float32, the numbers of an `Aim`; those that
    nothing depends on are left out.
    """

    outputs: ClassVar[tuple[str, ...]] = ("scores", "heatmap", "peak", "evidence", "class_id", "rivals")
    """As in `FileContents`, with the raw map's maximum (1,) float32, 0 without evidence; whether there is evidence,
    (1,) int64; and the classes that the explained one is contrasted with, (1, R) int64, −1 for none."""

    @property
    def strength(self) -> float:
        """How much of its rivals' score a class that is named alone is contrasted with: that of the aim `#1 -`."""
        return self.aims[1].strength

    def example(self) -> dict[str, npt.NDArray[Any]]:
        """Return the inputs and results of one picture: what any runtime must find again."""
        return {name: array[:1] for name, array in {**self._given(), **self._expected}.items()}

    def _targets(self) -> list[TargetSpec]:
        asked: list[TargetSpec] = [self._settings.target, "#1 -"]
        if len(self.labels) > 1:
            asked.append("#2 - #1")
        return [asked[number % len(asked)] for number in range(PICTURES)]

    def _build(self) -> GraphFunction:
        return partial(_outputs, extent=self.facts.geometry.extent)

    def _given(self) -> dict[str, npt.NDArray[Any]]:
        aims = np.array([[[aim.class_id, aim.rival]] for aim in self.aims], np.int32)
        strengths = np.array([[aim.strength] for aim in self.aims], np.float32)
        return {**super()._given(), "aims": aims, "strengths": strengths}


def _outputs(
    builder: Any,  # noqa: ANN401 - a GraphBuilder, whose module loads TensorFlow
    images: Tensor,
    aims: Tensor,
    strengths: Tensor,
    *,
    extent: tuple[float, float, float, float],
) -> tuple[Tensor, ...]:
    """Build `PageContents.outputs`."""
    import tensorflow as tf

    found = dict(zip(FIELDS, builder.outputs(images, aims, strengths), strict=True))
    heat, peaks = heat_of(found, extent)
    evidence = tf.cast(found["evidence"][:, 0, 0], tf.int64)
    ids, rivals = (tf.cast(found[name][:, 0], tf.int64) for name in ("target_ids", "rival_ids"))
    return scores_of(builder), heat, peaks, evidence, ids, rivals
