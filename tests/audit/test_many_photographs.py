"""Ten thousand photographs, one of them broken: memory stays flat, and the page and its pictures stay few."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from audited import green_model, green_photographs

MEASURED = """
import json, resource, sys
from live_gradcam.cli import main
code = main(sys.argv[1:])
print(json.dumps([code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))
"""

MOST_BYTES_EACH = 15_000
"""Of memory for each further photograph, at the peak: 12.6 kB were measured, of which 5 kB stay until the report is
written: heat, fingerprint, names and numbers. Its picture and its changed pictures, 40 kB, do not stay."""


def peak(folder: Path, count: int) -> tuple[int, int]:
    """Audit this many photographs of each class, one of them broken; return the exit code and the peak in bytes."""
    folder.mkdir()
    green_model(folder / "green.keras")
    green_photographs(folder, count)
    (folder / "photos/bright/007.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    typed = ["audit", str(folder / "photos"), "--model", str(folder / "green.keras"), "--preprocess", "none"]
    typed += ["--engine", "tensorflow", "--masks", str(folder / "masks"), "--out", str(folder / "report")]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *typed], capture_output=True, text=True, check=True, timeout=1500
    )
    assert "007.png" in done.stderr
    code, most = json.loads(done.stdout.splitlines()[-1])
    return code, most


@pytest.mark.audits
def test_ten_thousand_photographs_need_little_more_memory_than_one_thousand(tmp_path: Path) -> None:
    few, many = tmp_path / "few", tmp_path / "many"
    code, least = peak(few, 500)
    assert code == 1  # one photograph was left out
    code, most = peak(many, 5000)
    assert code == 1
    page = (many / "report/index.html").stat().st_size
    assert most - least < 9000 * MOST_BYTES_EACH
    assert page < 10 * 2**20
    tree = json.loads((many / "report/audit.json").read_text("utf-8"))
    assert sorted(each["count"] for each in tree["classes"]) == [4999, 5000]
