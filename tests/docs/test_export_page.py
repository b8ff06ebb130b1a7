"""The Python example of docs/export.md runs without this program, and finds what the explainer finds."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import live_gradcam as lg
from live_gradcam.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "export.md"

BEFORE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("live_gradcam", "tensorflow", "keras", "openvino"):
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
"""

AFTER = "\nnp.savez('found.npz', scores=scores, heatmaps=heatmaps, class_ids=class_ids, square=square)\n"


@pytest.mark.runtimes
def test_the_example_runs_without_this_program_and_gives_its_heat_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skimage = pytest.importorskip("skimage", reason="its photo of a cat")
    monkeypatch.chdir(tmp_path)
    assert main(["export", "--out", "cam.onnx"]) == 0
    photo = cv2.imread(str(Path(skimage.__file__).parent / "data" / "chelsea.png"))
    assert photo is not None
    cv2.imwrite("cat.jpg", photo)
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-I", "-c", BEFORE + example + AFTER],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = np.load("found.npz")
    wanted = lg.Explainer("efficientnet-lite0", fit="stretch").explain(found["square"])
    assert wanted.best is not None
    np.testing.assert_allclose(found["heatmaps"][0], wanted.heatmap, atol=1e-4)
    assert found["class_ids"][0] == wanted.best.class_id
    for each in wanted.top:
        assert found["scores"][0, each.class_id] == pytest.approx(each.probability, abs=1e-4)
    assert done.stdout.split()[:-1] == wanted.best.label.split()
    assert float(done.stdout.split()[-1]) == pytest.approx(wanted.best.probability, abs=1e-4)
    # The whole photo gives the same: the example crops and shrinks as the program does.
    whole = lg.Explainer("efficientnet-lite0").explain(np.asarray(cv2.imread("cat.jpg"), np.uint8))
    np.testing.assert_allclose(found["heatmaps"][0], whole.heatmap, atol=1e-4)
    drawn = cv2.imread("explained.jpg")
    assert drawn is not None
    assert drawn.shape == found["square"].shape
    hot = np.unravel_index(wanted.heatmap.argmax(), wanted.heatmap.shape)
    row, column = (round((each + 0.5) * 32) for each in hot)  # 7 cells of 32 pixels
    blue, _, red = drawn[row, column].astype(int) - (0.6 * found["square"][row, column]).astype(int)
    assert red > blue + 50
