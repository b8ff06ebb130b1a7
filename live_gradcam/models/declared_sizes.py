"""Refuses model files that declare far more data than they hold, before they fill the memory.

A damaged or hostile file of a few bytes can declare gigabytes: a zip that unpacks to them, or the shape of a dataset
or a constant. Weights of a network hardly compress, so a sound file does not declare many times its own size.
"""

from __future__ import annotations

import math
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import keras
import tensorflow as tf

from live_gradcam.errors import ModelError
from live_gradcam.models.inference_graph import all_nodes, constant_shape
from live_gradcam.models.type_names import GraphDef, HDF5Group, Layer, Shape, Variable

_ALWAYS_ALLOWED = 128 * 2**20
"""Bytes that every file may declare."""

_MOST_TIMES = 8
"""How many times its own size a file may declare in addition."""

_MOST_CONFIG = 64 * 2**20
"""Bytes of a configuration in JSON at most."""


def check_zip(path: Path) -> None:
    """Refuse a zip that unpacks to far more than its own size.

    Raises:
        ModelError: it does, or its configuration is longer than that of any network.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    _check(path, sum(member.file_size for member in members))
    for member in members:
        if member.filename.endswith(".json") and member.file_size > _MOST_CONFIG:
            raise _refused(path, member.file_size, f"its {member.filename}")


def check_hdf5(path: Path, file: IO[bytes] | None = None) -> None:
    """Refuse an HDF5 file whose datasets are far larger than the file.

    Args:
        path: the file, or its name in messages where `file` is given.
        file: the opened file, where it is inside another one.

    Raises:
        ModelError: its datasets are too large.
        OSError: it is damaged.
    """
    import h5py  # only where such a file is read

    sizes: list[int] = []

    def measure(_: str, item: HDF5Group) -> None:
        if isinstance(item, h5py.Dataset):
            sizes.append(math.prod(item.shape or ()) * item.dtype.itemsize)

    with h5py.File(path if file is None else file, "r") as opened:
        opened.visititems(measure)
    _check(path, sum(sizes))


def check_constants(path: Path, definition: GraphDef) -> None:
    """Refuse a graph with constants far larger than the file: a few bytes can declare one repeated number.

    Raises:
        ModelError: its constants are too large.
    """
    total = 0
    for node in all_nodes(definition):
        if node.op == "Const" and (dtype := node.attr["value"].tensor.dtype) in _SIZED:
            count = math.prod(max(length, 0) for length in constant_shape(node))
            total += count * max(1, tf.as_dtype(dtype).size or 1)
    _check(path, total, "its constants")


_SIZED = frozenset(
    tf.as_dtype(name).as_datatype_enum
    for name in (
        "float16 float32 float64 bfloat16 uint8 int8 uint16 int16 int32 int64 uint32 uint64 bool complex64 complex128"
    ).split()
)
"""Types of numbers of a fixed size."""


def check_checkpoint(folder: Path) -> None:
    """Refuse a SavedModel with variables larger than their files.

    Raises:
        ModelError: its variables are too large, or their index is damaged.
    """
    prefix = folder / "variables" / "variables"
    if not prefix.with_suffix(".index").is_file():
        return
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    except Exception as error:
        raise ModelError(
            f"the variables of {folder} are damaged or incomplete. Download or export it again."
        ) from error
    declared = sum(math.prod(shape) * max(1, dtypes[name].size or 1) for name, shape in shapes.items())
    held = sum(each.stat().st_size for each in prefix.parent.iterdir() if each.is_file())
    if declared > held + _ALWAYS_ALLOWED:
        raise _refused(folder, declared, "its variables", held)


@contextmanager
def limited_weights(path: Path) -> Iterator[None]:
    """Refuse to create weights that the file cannot hold, while a network is built from its configuration.

    Keras creates the weights before it reads them, so one wrong number in the configuration can fill the memory.

    Raises:
        ModelError: inside the block, as soon as a layer creates too many weights.
    """
    size = _size_of(path)
    limit = _ALWAYS_ALLOWED + _MOST_TIMES * size
    original = keras.layers.Layer.add_weight
    asked = 0
    loading = threading.get_ident()

    def counted(layer: Layer, shape: Shape | int | None = None, *args: object, **kwargs: object) -> Variable:
        nonlocal asked
        if threading.get_ident() != loading:
            return original(layer, shape, *args, **kwargs)
        lengths = (shape,) if isinstance(shape, int) else tuple(shape or ())
        asked += 4 * math.prod(length if isinstance(length, int) else 1 for length in lengths)
        if asked > limit:
            raise _refused(path, asked, f"the weights of its layer '{layer.name}'", size)
        return original(layer, shape, *args, **kwargs)

    keras.layers.Layer.add_weight = counted
    try:
        yield
    finally:
        keras.layers.Layer.add_weight = original


def _size_of(path: Path) -> int:
    if path.is_dir():
        return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
    return path.stat().st_size


def _check(path: Path, declared: int, what: str = "its contents") -> None:
    size = _size_of(path)
    if declared > _ALWAYS_ALLOWED + _MOST_TIMES * size:
        raise _refused(path, declared, what, size)


def _refused(path: Path, declared: int, what: str, size: int | None = None) -> ModelError:
    held = _size_of(path) if size is None else size
    return ModelError(
        f"{path} is damaged or made to exhaust memory: {what} would take {_readable(declared)}, but it holds "
        f"{_readable(held)}. Download or save it again."
    )


def _readable(size: int) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if size < 1000 else f"{size:.3g} {unit}"
        size //= 1000
    raise AssertionError
