"""What a run came to, in memory that does not grow."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import explained

from live_gradcam.errors import SinkError
from live_gradcam.faithfulness import Faithfulness, MaskedScores
from live_gradcam.fixed_choices import Task
from live_gradcam.number_format import percent_text
from live_gradcam.render.caption import caption_of, confidence_of
from live_gradcam.run_statistics import RunStatistics, Spread
from live_gradcam.statistics_file import refuse_report, write_report


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
    statistics = RunStatistics()
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
    statistics = RunStatistics()
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
    statistics = RunStatistics()
    assert statistics.lines() == ("shown\t0.0 fps", "explained\t0.0 fps")
    for number in range(31):
        statistics.shown(number / 30, latency_ms=20.0, age_ms=None)
    statistics.reconnects = 2
    shown, _, latency, reconnected = statistics.lines()
    assert shown == "shown\t30.0 fps"
    assert latency == "latency\t20 ms, 95% 20"
    assert reconnected == "reconnected\t2"


def test_values_are_counted_by_their_range_and_not_as_classes() -> None:
    statistics = RunStatistics()
    for number, age in enumerate((30.0, 32.5, 31.0)):
        statistics.explained(None, number / 10, {"age [years]": age})
    report = statistics.report(source="demo", model="m", method="gradcam")
    assert report["top"] == {}
    assert report["values"] == {"age [years]": {"mean": 31.1667, "min": 30.0, "max": 32.5}}
    assert statistics.mostly() == "age [years] 31.2 (30.0 to 32.5)"


def test_the_end_of_a_run_tells_the_classes_or_nothing() -> None:
    statistics = RunStatistics()
    assert statistics.mostly() == ""
    statistics.explained("cat", 0.0)
    assert statistics.mostly() == "cat"
    for label in ("dog", "cat"):
        statistics.explained(label, 0.0)
    assert statistics.mostly() == "cat in 2 frames, dog in 1"
    assert "values" not in statistics.report(source="demo", model="m", method="gradcam")


def test_the_end_of_a_run_tells_what_the_labels_on_the_pictures_said() -> None:
    def told(*shares: float, task: Task = "classes") -> RunStatistics:
        statistics = RunStatistics()
        for share in shares:
            explanation = replace(explained((0, 0, 8, 8), top=(("mug", share), ("cup", 0.1))), task=task)
            statistics.explained_by(explanation, 0.0)
        return statistics

    assert told(0.62).mostly() == "mug"
    assert told(0.296).mostly() == "not sure"
    assert told(0.49, task="multi-label").mostly() == "no label"
    mixed = told(0.62, 0.62, 0.1, 0.29, 0.3)
    assert mixed.mostly() == "mug in 3 frames, not sure in 2"
    assert mixed.report(source="", model="", method="")["top"] == {"mug": 5}, (
        "whatever is on top is counted there"
    )
    assert told(0.1, 0.2).mostly() == "not sure in 2 frames"


@pytest.mark.parametrize("share", [0.0, 0.004, 0.2949, 0.295, 0.296, 0.29999, 0.3, 0.3049, 0.4999, 0.5, 1.0])
@pytest.mark.parametrize("task", ["classes", "multi-label"])
def test_the_line_at_the_end_the_label_and_the_heat_go_by_one_rule(share: float, task: Task) -> None:
    explanation = replace(
        explained((0, 0, 8, 8), top=(("mug", share), ("cup", 0.0))), task=task, automatic=True
    )
    statistics = RunStatistics()
    statistics.explained_by(explanation, 0.0)
    caption = caption_of(explanation)
    assert statistics.mostly() == caption.label
    assert caption.sure == (confidence_of(explanation) == 1.0)
    assert caption.sure == (int(percent_text(share).strip("<%")) >= 100 * explanation.needed)


def test_statistics_replace_older_ones_and_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "stats.json"
    refuse_report(path, overwrite=False)
    write_report(RunStatistics().report(source="demo", model="m", method="gradcam"), path)
    refuse_report(path, overwrite=False)
    path.write_text('{"my": "own"}', "utf-8")
    with pytest.raises(SinkError, match=r"exists and has no statistics\. Use --overwrite, or another name"):
        refuse_report(path, overwrite=False)
    refuse_report(path, overwrite=True)
    path.write_text("", "utf-8")
    refuse_report(path, overwrite=False)


def test_masking_tests_are_reported_by_their_means_and_only_if_there_are_any() -> None:
    statistics = RunStatistics()
    assert "faithfulness" not in statistics.report(source="demo", model="m", method="gradcam")
    for alone, without in ((0.8, 0.1), (0.2, 0.6)):
        heat, control = MaskedScores(alone, without), MaskedScores(0.1, 0.5)
        statistics.tested(
            Faithfulness(label="cat", probability=0.9, heat=heat, controls=(("shifted", control),), share=0.3)
        )
    assert statistics.report(source="demo", model="m", method="gradcam")["faithfulness"] == {
        "count": 2,
        "holds": 0.5,
        "probability": 0.9,
        "alone": 0.5,
        "without": 0.35,
        "share": 0.3,
        "baseline": "blur",
    }
