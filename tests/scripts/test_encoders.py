"""The script that measures encoders."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from films import plain

SCRIPT = Path(__file__).parents[2] / "scripts" / "encoders.py"


@pytest.mark.parametrize(("name", "codec"), [("out.mkv", "libx264"), ("out.webm", "libvpx-vp9")])
def test_a_row_tells_the_cost_the_rate_and_how_like_it_is(tmp_path: Path, name: str, codec: str) -> None:
    spec = importlib.util.spec_from_file_location("encoders", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    row = module.measured(tmp_path / name, "live", [plain()] * 12)
    file, encoder, cost, rate, likeness = [cell.strip() for cell in row.strip("| ").split("|")]
    assert (file, encoder) == (f"{Path(name).suffix} live", codec)
    assert 0 < float(cost) < 1000
    assert float(rate) >= 0
    assert float(likeness) > 30
