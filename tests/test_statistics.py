"""What a run came to, in memory that does not grow."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from live_gradcam.errors import SinkError
from live_gradcam.statistics import Spread, Statistics, write_report


def test_quantiles_are_right_to_a_few_percent() -> None:
    values = np.random.default_rng(0).lognormal(2, 1, 20_000)
    spread = Spread()
    for value in values:
        spread.add(float(value))
    for share in (0.05, 0.5, 0.95):
        assert spread.quantile(share) == pytest.approx(np.quantile(values, share), rel=0.03)
    assert spread.largest == values.max()
    assert len(spread) == 20_000


def test_nothing_counted_is_none() -> None:
    assert Spread().quantile(0.5) is None
    assert Spread().summary() is None


def test_values_beyond_the_scale_are_kept_at_its_ends() -> None:
    spread = Spread()
    spread.add(0.0)
    spread.add(1e9)
    assert spread.quantile(0.0) == pytest.approx(0.01)
    assert spread.quantile(1.0) == pytest.approx(1e5)


def test_rates_count_the_gaps_between_pictures() -> None:
    statistics = Statistics()
    statistics.frames_captured = 40
    for number in range(31):
        statistics.shown(number / 30, latency_ms=12.0, age_ms=40.0)
        if number % 3 == 0:
            statistics.explained("cat" if number else "dog", number / 30)
    report = statistics.report(source="demo", model="m", method="gradcam")
    assert report["seconds"] == pytest.approx(1.0)
    assert report["shown_fps"] == pytest.approx(30)
    assert report["explained_fps"] == pytest.approx(10)
    assert (report["frames_shown"], report["frames_explained"], report["frames_dropped"]) == (31, 11, 9)
    assert report["latency_ms"]["p50"] == pytest.approx(12, rel=0.03)
    assert report["latency_ms"]["max"] == 12
    assert report["explanation_age_ms"]["p95"] == pytest.approx(40, rel=0.03)
    assert report["top"] == {"cat": 10, "dog": 1}


def test_a_files_latency_is_null(tmp_path: Path) -> None:
    statistics = Statistics()
    statistics.shown(0.0, latency_ms=None, age_ms=None)
    path = tmp_path / "stats.json"
    write_report(statistics.report(source="a.mp4", model="m", method="gradcam"), path)
    written = json.loads(path.read_text())
    assert written["latency_ms"] is None
    assert written["explanation_age_ms"] is None
    assert [each.name for each in tmp_path.iterdir()] == ["stats.json"]


def test_statistics_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="cannot write the statistics to"):
        write_report({}, tmp_path / "no" / "stats.json")


def test_the_lines_on_the_picture_hold_what_is_known() -> None:
    statistics = Statistics()
    assert statistics.lines() == ("shown\t0.0 fps", "explained\t0.0 fps")
    for number in range(31):
        statistics.shown(number / 30, latency_ms=20.0, age_ms=None)
    statistics.reconnects = 2
    shown, _, latency, reconnected = statistics.lines()
    assert shown == "shown\t30.0 fps"
    assert latency == "latency\t20 ms, 95% 20"
    assert reconnected == "reconnected\t2"


def test_values_are_counted_by_their_range_and_not_as_classes() -> None:
    statistics = Statistics()
    for number, age in enumerate((30.0, 32.5, 31.0)):
        statistics.explained(None, number / 10, {"age [years]": age})
    report = statistics.report(source="demo", model="m", method="gradcam")
    assert report["top"] == {}
    assert report["values"] == {"age [years]": {"mean": 31.1667, "min": 30.0, "max": 32.5}}
    assert statistics.mostly() == "age [years] 31.2 (30.0 to 32.5)"


def test_the_end_of_a_run_tells_the_classes_or_nothing() -> None:
    statistics = Statistics()
    assert statistics.mostly() == ""
    statistics.explained("cat", 0.0)
    assert statistics.mostly() == "cat"
    for label in ("dog", "cat"):
        statistics.explained(label, 0.0)
    assert statistics.mostly() == "cat in 2 frames, dog in 1"
    assert "values" not in statistics.report(source="demo", model="m", method="gradcam")
