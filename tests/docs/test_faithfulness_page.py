"""docs/faithfulness.md names every metric, with the direction in which it is better, and every control."""

from __future__ import annotations

import re
from pathlib import Path

from live_gradcam.metrics.map_case import CONTROLS
from live_gradcam.metrics.metric import METRICS, metric_named

PAGE = (Path(__file__).parents[2] / "docs" / "faithfulness.md").read_text("utf-8")


def test_every_metric_has_a_row_that_says_what_is_better() -> None:
    section = PAGE.partition("## What each number means")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+`) \| [^|]+ \| ([^|]+) \| [^|]+ \|$", section, re.MULTILINE)
    found = {}
    for names, better in rows:
        directions = re.findall(r"lower|higher", better)
        for number, name in enumerate(re.findall(r"`([^`]+)`", names)):
            found[name] = directions[min(number, len(directions) - 1)]
    assert found == {name: "higher" if metric_named(name).higher_is_better else "lower" for name in METRICS}


def test_every_control_is_explained() -> None:
    assert set(CONTROLS) <= set(re.findall(r"^\| `(\w+)` \| [^|]+ \|$", PAGE, re.MULTILINE))
