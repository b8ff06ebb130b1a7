"""Files of the cache: whole or not there, and the oldest go first."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

import pytest

from live_gradcam.cache_files import forget_oldest, write_whole


def test_a_file_is_written_whole_and_replaces_the_former(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.json"
    write_whole(path, lambda file: file.write(b"first"))
    write_whole(path, lambda file: file.write(b"second"))
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_former_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(b"former")

    def half(file: IO[bytes]) -> None:
        file.write(b"hal")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, half)
    assert path.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_keeps_no_part(small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        write_whole(small_disk / "large.npz", lambda file: file.write(bytes(5_000_000)))
    assert list(small_disk.iterdir()) == []


def test_the_oldest_files_of_a_pattern_are_forgotten(tmp_path: Path) -> None:
    for age, name in enumerate(("new.json", "middle.json", "old.json", "oldest.txt")):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    forget_oldest(tmp_path, "*.json", 2)
    assert {path.name for path in tmp_path.iterdir()} == {"new.json", "middle.json", "oldest.txt"}
