"""Makes a converted graph take any number of pictures, by comparing it with itself at another number.

TensorFlow traces a graph for a fixed number of pictures, so that all shapes are known and its gradients convert. The
same graph for 2 and for 3 pictures differs in few constants: the shapes of reshapes, and tables with a row for each
picture. Each is replaced by an expression of the number of pictures that equals both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from live_gradcam.errors import ModelError
from live_gradcam.explain.openvino.library import openvino
from live_gradcam.explain.openvino.nodes import Node, Value, whole_numbers

FEWER, MORE = 2, 3
"""The numbers of pictures of the two graphs."""

_ROUNDING = 1e-6
"""By how much constants may differ that are the same but for rounding, in parts of the largest."""

Array = npt.NDArray[Any]


class FixedBatchError(ModelError):
    """A graph depends on the number of its pictures in a way that is not known."""


def take_any_batch(fewer: Any, more: Any) -> None:  # noqa: ANN401 - openvino.Model
    """Make a graph take any number of pictures.

    Args:
        fewer: the graph for `FEWER` pictures, with one input (N, H, W, 3); it is changed.
        more: the same graph for `MORE` pictures.

    Raises:
        FixedBatchError: they differ otherwise than in constants, or a constant depends on the number in another way.
    """
    pairs = list(zip(fewer.get_ordered_ops(), more.get_ordered_ops(), strict=False))
    if len(fewer.get_ops()) != len(more.get_ops()):
        raise FixedBatchError("its operations depend on the number of pictures.")
    twins = {one.get_name(): other for one, other in pairs}
    (picture,) = fewer.get_parameters()
    count = pictures_of(picture)
    for one, other in pairs:
        kind = one.get_type_name()
        if kind != other.get_type_name():
            raise FixedBatchError("its operations depend on the number of pictures.")
        if kind == "Constant":
            values = np.array(one.get_data()), np.array(other.get_data())
            if values[0].shape != values[1].shape or not _same(*values):
                _replace(one, twins, values, count)
        elif kind != "Parameter" and one.get_attributes() != other.get_attributes():
            raise FixedBatchError(f"the settings of {kind} depend on the number of pictures.")
    picture.set_partial_shape(openvino().PartialShape([-1, *picture.get_partial_shape().to_shape()[1:]]))
    fewer.validate_nodes_and_infer_types()
    for each in fewer.outputs:
        if [length.is_dynamic for length in each.get_partial_shape()] != [True] + [False] * (
            len(each.get_partial_shape()) - 1
        ):
            raise FixedBatchError("the shape of a result is not known for other numbers of pictures.")


def pictures_of(picture: Node) -> Value:
    """Return the number of pictures of a graph's input, a tensor (1,) int64."""
    from openvino import opset14 as ops

    return ops.gather(ops.shape_of(picture), np.array([0]), np.array(0)).output(0)


def row_for_each(row: Array, count: Value) -> Value:
    """Return a constant (…) repeated for each picture, (N, …)."""
    from openvino import opset14 as ops

    shape = ops.concat([count, ops.constant(np.array(row.shape, np.int64))], 0) if row.ndim else count
    return ops.broadcast(ops.constant(row[None]), shape).output(0)


def _same(ours: Array, theirs: Array) -> bool:
    """Return whether constants are the same; floats that TensorFlow computed for other batches differ in rounding."""
    if ours.dtype.kind != "f":
        return np.array_equal(ours, theirs)
    size = np.abs(ours[np.isfinite(ours)]).max(initial=0.0)
    return np.allclose(ours, theirs, rtol=0.0, atol=float(size) * _ROUNDING, equal_nan=True)


def _replace(one: Node, twins: dict[str, Node], values: tuple[Array, Array], count: Value) -> None:
    """Replace a constant, at each place that uses it, by what it is for any number of pictures."""
    for place in list(one.output(0).get_target_inputs()):
        user = place.get_node()
        kind, index = user.get_type_name(), place.get_index()
        if kind == "Reshape" and index == 1:
            place.replace_source_output(_new_shape(user, twins[user.get_name()]))
        elif kind == "StridedSlice" and index == 2 and _takes_all(user):
            for reader in list(user.output(0).get_target_inputs()):
                reader.replace_source_output(user.input_value(0))
        else:
            place.replace_source_output(_for_any(*values, count))


def _takes_all(piece: Node) -> bool:
    """Return whether a slice is everything, such as the first N of N pictures."""
    shapes = [each.get_partial_shape() for each in (piece.input_value(0), piece.output(0))]
    steps = [1] if piece.get_input_size() < 4 else whole_numbers(piece.input_value(3))
    return shapes[0] == shapes[1] and all(step == 1 for step in steps)


def _new_shape(user: Node, twin: Node) -> Value:
    """Return the target shape of a reshape, with −1 for the length that grows with the number of pictures."""
    from openvino import opset14 as ops

    shapes = [np.array(each.get_output_partial_shape(0).to_shape(), np.int64) for each in (user, twin)]
    grows = shapes[0] != shapes[1]
    if shapes[0].shape != shapes[1].shape or grows.sum() != 1 or (shapes[0] == 0).any():
        raise FixedBatchError("a reshape depends on the number of pictures in several lengths.")
    return ops.constant(np.where(grows, -1, shapes[0])).output(0)


def _for_any(fewer: Array, more: Array, count: Value) -> Value:
    """Return a constant as an expression of the number of pictures.

    Known are whole numbers that are linear in the number, and tables in which each picture has rows of its own, which
    are the same for all pictures or grow by the same step from picture to picture.
    """
    from openvino import opset14 as ops

    number = fewer.dtype
    if fewer.shape == more.shape:
        if number.kind not in "iu":
            raise FixedBatchError("a constant depends on the number of pictures.")
        step = (more - fewer) // (MORE - FEWER)
        grown = ops.multiply(_as(count, number), ops.constant(step))
        shape = ops.constant(np.array(fewer.shape, np.int64))
        return ops.reshape(ops.add(grown, ops.constant(fewer - FEWER * step)), shape, False).output(0)
    lengths = np.array(fewer.shape), np.array(more.shape)
    different = np.flatnonzero(lengths[0] != lengths[1]) if fewer.ndim == more.ndim else np.array([])
    if len(different) != 1:
        raise FixedBatchError("a table depends on the number of pictures in several lengths.")
    axis = int(different[0])
    own = fewer.shape[axis] // FEWER
    if fewer.shape[axis] != FEWER * own or more.shape[axis] != MORE * own:
        raise FixedBatchError("a table has not the same number of rows for each picture.")

    def rows(table: Array, pictures: int) -> Array:
        parts = table.reshape(*table.shape[:axis], pictures, own, *table.shape[axis + 1 :])
        return np.moveaxis(parts, axis, 0)

    few, many = rows(fewer, FEWER), rows(more, MORE)
    step = few[1] - few[0] if number.kind in "iu" else np.zeros_like(few[0])
    along_rows = np.arange(MORE).astype(number).reshape([-1] + [1] * step.ndim)
    expected = few[:1] + along_rows * step if number.kind in "iu" else few[:1]
    if not all(_same(np.broadcast_to(expected, many.shape)[: len(each)], each) for each in (few, many)):
        raise FixedBatchError("the rows of a table are not regular.")
    found = row_for_each(few[0], count)
    if step.any():
        limit = ops.reshape(count, np.array([], np.int64), False)
        numbers = ops.range(np.array(0, np.int64), limit, np.array(1, np.int64), "i64")
        along = ops.reshape(_as(numbers, number), np.array([-1] + [1] * step.ndim), False)
        found = ops.add(found, ops.multiply(along, ops.constant(step[None])))
    order = [*range(1, axis + 1), 0, *range(axis + 1, few.ndim)]
    shape = np.array([*fewer.shape[:axis], -1, *fewer.shape[axis + 1 :]])
    return ops.reshape(ops.transpose(found, np.array(order)), shape, False).output(0)


def _as(value: Value, number: np.dtype[Any]) -> Value:
    from openvino import opset14 as ops

    return ops.convert(value, number)
