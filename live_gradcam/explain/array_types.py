"""Names for the arrays that enter and leave a graph, with their dtypes. The docstrings give shapes in brackets.

Names for symbolic tensors and layers are in `models.type_names`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Operation = Any
"""A `tf.Operation` of the graph that is being traced. TensorFlow ships no types."""

TensorSpec = Any
"""A `tf.TensorSpec`: shape and dtype of an argument of a graph."""

Pictures = npt.NDArray[np.uint8]
"""(N, H, W, 3) uint8 BGR, N pictures of the network's input size."""

Ids = npt.NDArray[np.int32]
"""int32: indices of outputs or channels."""

Numbers = npt.NDArray[np.float32]
"""float32: probabilities, values, weights or maps."""

Flags = npt.NDArray[np.bool_]
"""bool."""

LayerShape = tuple[str, tuple[int | None, ...]]
"""Path of a layer, and its activation's (height, width, channels); None for a length that is not fixed."""
