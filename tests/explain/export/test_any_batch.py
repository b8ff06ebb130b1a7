"""Graphs for two and for three pictures become one for any number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from live_gradcam.explain.export.any_batch import FEWER, MORE, FixedBatchError, take_any_batch
from live_gradcam.explain.openvino.library import compiled, openvino

SHAPE = (4, 5, 3)
RANDOM = np.random.default_rng(0)
KERNEL = RANDOM.normal(size=(3, 7)).astype(np.float32)

Build = Callable[[Any, Any, int], Any]
"""Makes a node from `openvino.opset14`, the picture (N, 4, 5, 3) and N."""

CASES: dict[str, Build] = {
    "a reshape": lambda o, x, n: o.reshape(x, np.array([n, 20, 3]), False),
    "a reshape of all pictures together": lambda o, x, n: o.reshape(x, np.array([n * 20, 3]), False),
    "a product in between": lambda o, x, n: o.reshape(
        o.matmul(o.reshape(x, np.array([n * 20, 3]), False), KERNEL, False, False),
        np.array([n, 4, 5, 7]),
        False,
    ),
    "rows that are the same": lambda o, x, n: o.add(
        x, o.constant(np.tile(KERNEL[None, None, :1, :3], (n, 1, 1, 1)))
    ),
    "numbers of the pictures": lambda o, x, n: o.add(
        o.convert(o.reduce_max(x, np.array([1, 2, 3]), False), "i32"),
        o.constant(np.arange(n, dtype=np.int32) * 20),
    ),
    "numbers of their places": lambda o, x, n: o.gather(
        o.reshape(x, np.array([n * 20, 3]), False),
        o.constant(np.add.outer(np.arange(n) * 20, [3, 7, 7]).ravel()),
        np.array(0),
    ),
    "a table behind another axis": lambda o, x, n: o.transpose(
        o.add(o.transpose(x, np.array([1, 0, 2, 3])), o.constant(np.ones((4, n, 1, 3), np.float32))),
        np.array([1, 0, 2, 3]),
    ),
    "truths": lambda o, x, n: o.logical_and(
        o.greater(x, np.float32(0)), o.constant(np.ones((n, 1, 1, 3), bool))
    ),
    "the first N of them": lambda o, x, n: o.strided_slice(
        o.concat([x, x], 0), np.array([0]), np.array([n]), np.array([1]), [0], [0], [0], [0], [0]
    ),
    "all of them": lambda o, x, n: o.tanh(
        o.strided_slice(x, np.array([0]), np.array([n]), np.array([1]), [0], [0], [0], [0], [0])
    ),
    "rounding": lambda o, x, n: o.multiply(
        x, o.constant(KERNEL[:1, :3] * np.float32(1 + (n == MORE) * 1e-7))
    ),
}


def network(build: Build, count: int) -> Any:
    openvino()
    from openvino import opset14 as ops

    picture = ops.parameter([count, *SHAPE], np.float32)
    return openvino().Model([ops.result(build(ops, picture, count))], [picture], "case")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("count", [1, pytest.param(2, marks=pytest.mark.runtimes), 3])
def test_the_result_is_that_of_the_graph_for_this_number(case: str, count: int) -> None:
    one = network(CASES[case], FEWER)
    take_any_batch(one, network(CASES[case], MORE))
    pictures = RANDOM.normal(size=(count, *SHAPE)).astype(np.float32)
    found = np.array(compiled(one, "f32")([pictures])[0])
    wanted = np.array(compiled(network(CASES[case], count), "f32")([pictures])[0])
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, atol=1e-6)


REFUSED: dict[str, tuple[Build, str]] = {
    "other operations": (
        lambda o, x, n: o.tanh(x) if n == FEWER else o.relu(x),
        "its operations depend on the number",
    ),
    "more operations": (
        lambda o, x, n: x if n == FEWER else o.relu(x),
        "its operations depend on the number",
    ),
    "other settings": (
        lambda o, x, n: o.softmax(x, n - 1),
        "the settings of Softmax depend on the number",
    ),
    "irregular rows": (
        lambda o, x, n: o.add(
            o.convert(x, "i32"), o.constant(np.array([1, 2, 4], np.int32)[:n].reshape(-1, 1, 1, 1))
        ),
        "the rows of a table are not regular",
    ),
    "other numbers": (
        lambda o, x, n: o.add(x, o.constant(np.full((1, 1, 1, 3), n, np.float32))),
        "a constant depends on the number",
    ),
    "a square of pictures": (
        lambda o, x, n: o.matmul(
            o.constant(np.ones((n, n), np.float32)), o.reshape(x, np.array([n, 60]), False), False, False
        ),
        "in several lengths",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_another_dependence_is_refused(case: str) -> None:
    build, said = REFUSED[case]
    with pytest.raises(FixedBatchError, match=said):
        take_any_batch(network(build, FEWER), network(build, MORE))
