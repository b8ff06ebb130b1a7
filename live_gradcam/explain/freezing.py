"""Freezing: a compiled function with its weights as constants, which small networks run faster."""

from __future__ import annotations

import logging
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from live_gradcam.native import native_stderr_filtered

logger = logging.getLogger(__name__)

FREEZE_LIMIT = 100 * 2**20
"""Bytes of weights up to which a graph is frozen to constants: small networks gain 6 to 8%; large ones would take
half a minute and many times their size in memory."""


def frozen_where_it_pays(concrete: Any) -> tuple[Any, bool]:  # noqa: ANN401 - a tf.ConcreteFunction
    """Return the function with its weights as constants where that pays, and whether it was done."""
    weights = sum(variable.shape.num_elements() * variable.dtype.size for variable in concrete.variables)
    if weights > FREEZE_LIMIT:
        return concrete, False
    try:
        return freeze(concrete), True
    except Exception as error:
        logger.info("the graph runs unfrozen: %s", error)
        return concrete, False


def freeze(concrete: Any) -> Any:  # noqa: ANN401 - a tf.ConcreteFunction
    """Return the same function with its variables replaced by constants of their present values."""
    with native_stderr_filtered():
        constant = convert_variables_to_constants_v2(concrete)
    # What the conversion returns has lost its signature: each direct call would first fail to match it, and word
    # an error with every argument printed, before it ran. 2 ms; a plain function around it has none of that.
    arguments, _ = concrete.structured_input_signature
    return tf.function(
        lambda *tensors: constant(*tensors), arguments, autograph=False
    ).get_concrete_function()
