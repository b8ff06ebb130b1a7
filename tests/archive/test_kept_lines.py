"""Lines that a run keeps: read again, also after the run was killed in the middle of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from live_gradcam.archive.kept_lines import KeptLines, file_key
from live_gradcam.errors import SinkError


def kept(folder: Path | None, **settings: object) -> KeptLines:
    return KeptLines(folder, "audit", settings, "Name another folder.")


def test_lines_are_read_again_in_order(tmp_path: Path) -> None:
    with kept(tmp_path / "new", a=1) as lines:
        assert list(lines.rows()) == []
        lines.add({"photo": "é"})
        lines.add({"photo": "b"})
    with kept(tmp_path / "new", a=1) as lines:
        assert list(lines.rows()) == [{"photo": "é"}, {"photo": "b"}]
    with kept(tmp_path / "new", a=2) as lines:
        assert list(lines.rows()) == []


@pytest.mark.parametrize("left", [1, 2, 3, 4, 5, 12, 13, 14])
def test_a_cut_line_costs_no_other(tmp_path: Path, left: int) -> None:
    with kept(tmp_path) as lines:
        lines.add({"photo": "a"})
        path = lines.path
        assert path is not None
        first = path.read_bytes()
        lines.add({"photo": "éé"})
    path.write_bytes(path.read_bytes()[: len(first) + left])
    with kept(tmp_path) as lines:
        lines.add({"photo": "c"})
    with kept(tmp_path) as lines:
        assert list(lines.rows()) == [{"photo": "a"}, {"photo": "c"}]


def test_without_a_folder_nothing_is_kept() -> None:
    with kept(None) as lines:
        lines.add({"photo": "a"})
        assert (lines.path, list(lines.rows())) == (None, [])


def test_a_folder_that_cannot_be_made_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match=r"cannot keep the results in .*\. Name another folder\."):
        kept(tmp_path / "file")


def test_the_key_of_a_file_changes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "1.jpg"
    assert file_key(path) == ""
    path.write_bytes(b"1")
    before = file_key(path)
    path.write_bytes(b"12")
    assert before not in ("", file_key(path))
