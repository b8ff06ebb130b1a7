"""Names for the tensors and arrays that pass through a graph: what stands in brackets is their shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Tensor = Any
"""A symbolic `tf.Tensor` of the graph that is being traced. TensorFlow ships no types, so the docstrings give shape and
dtype."""

Operation = Any
"""A `tf.Operation` of that graph."""

TensorSpec = Any
"""A `tf.TensorSpec`: shape and dtype of an argument of a graph."""

Layer = Any
"""A `keras.layers.Layer`. Keras ships no types."""

Structure = Any
"""A tensor, or lists and dicts of tensors: the result of a layer."""

Pictures = npt.NDArray[np.uint8]
"""(N, H, W, 3) uint8 BGR, N pictures of the network's input size."""

Ids = npt.NDArray[np.int32]
"""int32: indices of outputs or channels."""

Numbers = npt.NDArray[np.float32]
"""float32: probabilities, values, weights or maps."""

Flags = npt.NDArray[np.bool_]
"""bool."""
