"""On the machine where every test should run, a skip is a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SKIPPING = """
import pytest

def test_runs() -> None:
    assert True

def test_skips() -> None:
    pytest.skip("no gcc")

@pytest.mark.skipif(True, reason="no display")
def test_is_skipped() -> None: ...

@pytest.mark.skipif(True, reason="only on Windows: it has another toolkit")
def test_belongs_elsewhere() -> None: ...

@pytest.mark.xfail(reason="a known bug")
def test_fails_as_expected() -> None:
    assert False
"""


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-c", str(folder / "pytest.ini"), *options, str(folder)]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # which take long to load
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=False
    )


def test_a_skip_fails_unless_it_belongs_to_another_machine(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n", "utf-8")
    (tmp_path / "test_some.py").write_text(SKIPPING, "utf-8")
    (tmp_path / "test_module.py").write_text(
        "import pytest\npytest.importorskip('no_such_module')\n", "utf-8"
    )
    assert run_pytest(tmp_path).returncode == 0
    done = run_pytest(tmp_path, "-p", "tests.no_skips", "--continue-on-collection-errors")
    assert done.returncode == 1
    assert "1 failed, 1 passed, 1 skipped, 1 xfailed, 2 errors" in done.stdout
    assert "skipped, and this machine must run it: no gcc" in done.stdout
    assert "skipped, and this machine must run it: no display" in done.stdout
    assert "skipped, and this machine must run it: could not import 'no_such_module'" in done.stdout
