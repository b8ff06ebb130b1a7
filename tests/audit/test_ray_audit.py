"""An audit on a cluster of this machine's cores: it finds what one process finds, bit for bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from audited import green_model, green_photographs


def audit(folder: Path, out: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Audit with relative paths, as a user types them."""
    typed = ["audit", "photos", "--model", "mine.keras", "--masks", "masks"]
    typed += ["--preprocess", "none", "--engine", "tensorflow", "--out", out, *more]
    return subprocess.run(
        [sys.executable, "-m", "live_gradcam", *typed],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=280,
    )


def lines_of(folder: Path) -> list[list[str]]:
    return [sorted(each.read_text("utf-8").splitlines()) for each in sorted(folder.glob("audit-*.jsonl"))]


@pytest.mark.load
def test_a_cluster_finds_what_one_process_finds(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'live-gradcam[cluster]'")
    green_model(tmp_path / "mine.keras")
    green_photographs(tmp_path, 40)
    (tmp_path / "photos/dark/005.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    alone, spread = audit(tmp_path, "alone"), audit(tmp_path, "spread", "--ray")
    assert (alone.returncode, spread.returncode) == (1, 1)
    assert "79 photos; " in spread.stdout
    assert "80 photos over " in spread.stdout
    assert spread.stderr == alone.stderr
    assert "005.png" in alone.stderr
    for name in ("audit.json", "photos.csv", "photos.jsonl"):
        assert (tmp_path / "spread" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
    kept = lines_of(tmp_path / "spread/.live-gradcam")
    assert [len(each) for each in kept] == [79]
    assert kept == lines_of(tmp_path / "alone/.live-gradcam")


@pytest.mark.load
def test_a_cluster_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'live-gradcam[cluster]'")
    green_model(tmp_path / "mine.keras")
    green_photographs(tmp_path, 2)
    found = audit(tmp_path, "out", "--ray", "localhost:1")
    assert found.returncode == 1
    assert "cannot reach the Ray cluster at 'localhost:1'" in found.stderr.splitlines()[-1]
    assert "Traceback" not in found.stderr
