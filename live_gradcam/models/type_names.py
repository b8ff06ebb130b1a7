"""Names for classes of Keras, TensorFlow and h5py, which ship no type information.

Each name tells the reader what a value is. Type checkers take it for `Any`.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

Network = Any
"""A `keras.Model`."""

Layer = Any
"""A `keras.layers.Layer`."""

LayerClass = Any
"""A subclass of `keras.layers.Layer` or of `keras.Operation`."""

Operation = Any
"""A `keras.Operation`: a layer, or an operation such as the `Add` of `x + y`."""

KerasTensor = Any
"""A `keras.KerasTensor`: a tensor without values, which has a shape and a dtype."""

Tensor = Any
"""A `tf.Tensor`; a `keras.KerasTensor` while a network is being built."""

Tensors = Any
"""A `Tensor`, or a list, tuple or dict of them."""

Variable = Any
"""A `keras.Variable`."""

ConcreteFunction = Any
"""A `tf.types.experimental.ConcreteFunction`: one trace of a `tf.function`."""

GraphDef = Any
"""A `tf.compat.v1.GraphDef`: the operations of a graph as a protocol buffer."""

NodeDef = Any
"""A `tf.compat.v1.NodeDef`: one operation of a `GraphDef`."""

HDF5Group = Any
"""An `h5py.Group`, or the `h5py.File` that is the outermost one."""

Json = Any
"""A value of `json.loads`; each function checks the types that it needs."""

Shape = tuple[int | None, ...]
"""Lengths of a tensor's axes; None where a length is free."""

Array = npt.NDArray[Any]
"""A NumPy array of any shape and dtype: a weight, a constant of a graph, the value of an input."""
