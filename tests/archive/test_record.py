"""When an output counts as finished, and why not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from fakes import explained

from live_gradcam.archive.annotate_job import ArchiveFile
from live_gradcam.archive.annotate_settings import AnnotateSettings
from live_gradcam.archive.inputs import find_entries
from live_gradcam.archive.record import AnnotatedFile, mismatch, read_conclusion, read_rows, recorded_settings
from live_gradcam.frame import Frame

SETTINGS = AnnotateSettings()
BLACK = np.zeros((48, 64, 3), np.uint8)


@pytest.fixture
def entry(tmp_path: Path) -> ArchiveFile:
    """An entry that is finished: three rows, ten bytes."""
    source = tmp_path / "clip.mp4"
    source.write_bytes(b"a video")
    (entry,), _ = find_entries([str(source)], tmp_path / "out")
    make(entry)
    return entry


def make(entry: ArchiveFile, settings: AnnotateSettings = SETTINGS) -> None:
    with AnnotatedFile(entry, settings) as result:
        for index in range(3):
            result.add(Frame(BLACK, index, 0.0, index / 25), explained((0, 0, 64, 48)))
        entry.part.write_bytes(b"ten bytes.")
        result.complete()


def reason(entry: ArchiveFile, settings: AnnotateSettings = SETTINGS) -> str | None:
    return mismatch(entry, recorded_settings(settings))


def test_a_finished_output_counts(entry: ArchiveFile) -> None:
    assert reason(entry) is None
    conclusion = read_conclusion(entry.record)
    assert conclusion is not None
    assert (conclusion.frames, conclusion.bytes, conclusion.damage) == (3, 10, None)
    assert [row["frame"] for row in read_rows(entry.record)] == [0, 1, 2]
    assert not entry.part.exists()


def test_settings_without_effect_on_the_result_may_change(entry: ArchiveFile) -> None:
    assert reason(entry, AnnotateSettings(batch=7, device="cpu", overwrite=True)) is None


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (AnnotateSettings(method="hirescam"), "method was gradcam, not hirescam"),
        (AnnotateSettings(every=2), "every was 1, not 2"),
        (AnnotateSettings(target="tabby"), "target was not set, not tabby"),
        (AnnotateSettings(alpha=0.5), "alpha was 0.4, not 0.5"),
    ],
)
def test_other_settings_are_named(entry: ArchiveFile, settings: AnnotateSettings, why: str) -> None:
    assert reason(entry, settings) == f"was made with other settings: {why}"


def test_what_earlier_versions_made_still_counts_and_bfloat16_is_something_else() -> None:
    assert not {"engine", "precision"} & recorded_settings(AnnotateSettings(engine="openvino")).keys()
    assert recorded_settings(AnnotateSettings(precision="bf16"))["precision"] == "bf16"


def test_a_model_file_that_changed_under_its_name_is_noticed(entry: ArchiveFile, tmp_path: Path) -> None:
    model = tmp_path / "mine.keras"
    model.write_bytes(b"weights")
    settings = AnnotateSettings(model=str(model))
    make(entry, settings)
    assert reason(entry, settings) is None
    model.write_bytes(b"other weights")
    assert reason(entry, settings) == "was made with other settings: model has changed"


def test_an_input_that_changed_is_noticed(entry: ArchiveFile) -> None:
    os.utime(entry.source, ns=(0, 0))
    assert reason(entry) == "was made from another clip.mp4, which has changed since"


def test_a_strangers_file_does_not_count(entry: ArchiveFile) -> None:
    entry.output.write_bytes(b"a longer file of somebody else")
    assert reason(entry) == "was not made by this command"
    entry.record.unlink()
    assert reason(entry) == "was not made by this command"


@pytest.mark.parametrize("left", ["", "{}\n", '{"frames": 3', "\0" * 100])
def test_a_torn_record_does_not_count(entry: ArchiveFile, left: str) -> None:
    entry.record.write_text(left, "utf-8")
    assert reason(entry) == "was not made by this command"


def break_off(entry: ArchiveFile, error: BaseException) -> None:
    with AnnotatedFile(entry, AnnotateSettings(every=3)) as result:
        entry.part.write_bytes(b"half")
        result.add(Frame(BLACK, 0, 0.0, 0.0), explained((0, 0, 64, 48)))
        raise error


def test_a_result_that_is_not_completed_leaves_nothing(entry: ArchiveFile) -> None:
    entry.output.unlink()
    entry.record.unlink()
    with pytest.raises(KeyboardInterrupt):
        break_off(entry, KeyboardInterrupt())
    assert not [file for file in entry.output.parent.rglob("*") if file.is_file()]


def test_an_older_result_stays_until_the_new_one_is_complete(entry: ArchiveFile) -> None:
    with pytest.raises(OSError, match="full"):
        break_off(entry, OSError("full"))
    assert entry.output.read_bytes() == b"ten bytes."
    assert reason(entry) is None
