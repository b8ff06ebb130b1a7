"""Recordings: what comes back from the file, and what it is called meanwhile."""

import sys
from pathlib import Path

import av
import numpy as np
import pytest
from films import RED, at, files, not_root, plain, play, record

from live_gradcam.errors import SinkError
from live_gradcam.frame import Frame
from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks.recorder import Recorder

BOTH = pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])


@BOTH
def test_each_picture_comes_back_at_its_own_time(tmp_path: Path, name: str) -> None:
    moments = [5000.0, 5000.033, 5000.1, 5000.103, 5000.5, 5002.0]
    film = record(tmp_path / name, [plain((40 * index, 90, 90)) for index in range(6)], moments)
    assert film.seconds == pytest.approx([moment - 5000 for moment in moments], abs=0.001)
    assert [int(picture[9, 9, 0]) for picture in film.pictures] == pytest.approx(
        [0, 40, 80, 120, 160, 200], abs=6
    )


def test_the_last_picture_is_shown_as_long_as_the_one_before_it(tmp_path: Path) -> None:
    assert record(tmp_path / "out.mp4", [plain()] * 3, [0, 0.5, 1.0]).length == pytest.approx(1.5, abs=0.01)


def test_a_file_keeps_its_own_clock(tmp_path: Path) -> None:
    with Recorder(tmp_path / "out.mp4", wait=True) as recorder:
        for index in range(4):
            recorder.write(Rendered(plain(), Frame(plain(), index, captured_at=77.0, media_time=index / 10)))
    assert play(tmp_path / "out.mp4").seconds == pytest.approx([0, 0.1, 0.2, 0.3], abs=0.001)


@BOTH
def test_times_that_do_not_rise_still_give_every_picture(tmp_path: Path, name: str) -> None:
    film = record(tmp_path / name, [plain()] * 5, [1.0, 1.0, 1.0, 0.5, 2.0])
    assert len(film.pictures) == 5
    assert film.seconds == sorted(film.seconds)
    assert film.seconds[-1] == pytest.approx(1.0, abs=0.001)


@BOTH
def test_saturated_red_comes_back_within_four_levels(tmp_path: Path, name: str) -> None:
    film = record(tmp_path / name, [plain()] * 5)
    for picture in film.pictures:
        assert np.abs(picture.astype(int) - RED).max() <= 4


@BOTH
def test_it_is_h264_yuv420p_tagged_as_bt709(tmp_path: Path, name: str) -> None:
    record(tmp_path / name, [plain()] * 3)
    with av.open(str(tmp_path / name)) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
        assert (codec.colorspace, codec.color_primaries, codec.color_trc) == (1, 1, 1)
        assert codec.color_range == 1  # 16 to 235


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (63, 48), (64, 47), (5, 7)])
def test_odd_sizes_are_made_even_by_repeating_the_edge(tmp_path: Path, size: tuple[int, int]) -> None:
    width, height = size
    film = record(tmp_path / "out.mp4", [plain(RED, width, height)] * 2)
    assert film.pictures[0].shape == (height + height % 2, width + width % 2, 3)
    assert np.abs(film.pictures[0].astype(int) - RED).max() <= 4


def test_a_picture_of_another_size_is_fitted_in_with_borders(tmp_path: Path) -> None:
    film = record(tmp_path / "out.mp4", [plain(), plain(RED, 200, 400), plain(RED, 33, 10)])
    assert [picture.shape for picture in film.pictures] == [(48, 64, 3)] * 3
    tall, wide = film.pictures[1:]
    assert tall[24, 32].tolist() == pytest.approx(RED, abs=8)
    assert tall[24, [4, 60]].max() < 16
    assert wide[24, 4].tolist() == pytest.approx(RED, abs=8)
    assert wide[[4, 44], 32].max() < 16


def test_a_waiting_recorder_keeps_every_picture(tmp_path: Path) -> None:
    assert len(record(tmp_path / "out.mp4", [plain(width=640, height=480)] * 60).pictures) == 60


def test_a_live_recorder_drops_and_counts_what_it_cannot_keep_up_with(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)
    with Recorder(tmp_path / "out.mp4", wait=False) as recorder:
        for index in range(60):
            recorder.write(Rendered(noise, at(index / 30)))
    assert recorder.dropped > 0
    assert len(play(tmp_path / "out.mp4").pictures) + recorder.dropped == 60


@BOTH
def test_it_has_a_part_name_until_it_is_closed(tmp_path: Path, name: str) -> None:
    stem, dot, extension = name.partition(".")
    with Recorder(tmp_path / name, wait=True) as recorder:
        recorder.write(Rendered(plain(), at(0)))
        assert files(tmp_path) == [f"{stem}.part.jsonl", f"{stem}.part{dot}{extension}"]
    assert files(tmp_path) == [f"{stem}.jsonl", name]


@pytest.mark.parametrize("name", ["OUT.MP4", "cat.and.dog.mkv"])
def test_names_with_capitals_and_dots_are_fine(tmp_path: Path, name: str) -> None:
    assert len(record(tmp_path / name, [plain()]).pictures) == 1
    assert files(tmp_path) == sorted([name, f"{name.rpartition('.')[0]}.jsonl"])


def test_without_a_picture_there_is_no_file(tmp_path: Path) -> None:
    with Recorder(tmp_path / "out.mp4", wait=True):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("precious")
    with pytest.raises(
        SinkError, match=r"cannot record to '.*out\.mp4': it exists\. Choose another name, or use"
    ):
        Recorder(path, wait=True)
    assert path.read_text() == "precious"
    assert files(tmp_path) == ["out.mp4"]


def test_an_existing_file_is_replaced_on_request_and_only_when_the_new_one_is_complete(
    tmp_path: Path,
) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("old")
    with Recorder(path, overwrite=True, wait=True) as recorder:
        recorder.write(Rendered(plain(), at(0)))
        assert path.read_text() == "old"
    assert len(play(path).pictures) == 1
    assert files(tmp_path) == ["out.jsonl", "out.mp4"]


def test_with_overwrite_and_without_a_picture_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("old")
    Recorder(path, overwrite=True, wait=True).close()
    assert path.read_text() == "old"


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    recorder = Recorder(path, wait=True)
    recorder.write(Rendered(plain(), at(0)))
    path.write_text("precious")
    with pytest.raises(SinkError, match=r"out\.mp4 appeared while .* kept as .*out\.part\.mp4"):
        recorder.close()
    recorder.close()
    assert path.read_text() == "precious"
    assert len(play(tmp_path / "out.part.mp4").pictures) == 1


def test_what_a_killed_run_has_left_is_set_aside_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in ("", "-2"):
        (tmp_path / "out.part.mp4").write_text(f"what a killed run left{number}")
        (tmp_path / "out.part.jsonl").write_text(f"its lines{number}")
        assert len(record(tmp_path / "out.mp4", [plain()]).pictures) == 1
        aside = tmp_path / f"out.unfinished{number}.mp4"
        assert aside.read_text() == f"what a killed run left{number}"
        assert aside.with_suffix(".jsonl").read_text() == f"its lines{number}"
        assert caplog.messages == [
            f"an earlier recording to out.mp4 broke off: it is kept as {aside}, and can be played."
        ]
        caplog.clear()
        (tmp_path / "out.mp4").unlink()
        (tmp_path / "out.jsonl").unlink()


def test_with_overwrite_what_a_killed_run_has_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "out.part.mp4").write_text("what a killed run left")
    with Recorder(tmp_path / "out.mp4", overwrite=True, wait=True) as recorder:
        recorder.write(Rendered(plain(), at(0)))
    assert files(tmp_path) == ["out.jsonl", "out.mp4"]


@pytest.mark.skipif(sys.platform == "win32", reason="only on Unix: on Windows no open file can be renamed")
@pytest.mark.parametrize("overwrite", [False, True])
def test_two_recorders_never_write_to_the_same_part(tmp_path: Path, overwrite: bool) -> None:
    with Recorder(tmp_path / "out.mp4", wait=True) as recorder:
        recorder.write(Rendered(plain(), at(0)))
        with pytest.raises(
            SinkError, match=r"another program is recording to it just now\. Choose another name\."
        ):
            Recorder(tmp_path / "out.mp4", overwrite=overwrite, wait=True)
        recorder.write(Rendered(plain(), at(1)))
    assert len(play(tmp_path / "out.mp4").pictures) == 2


def test_a_sidecar_that_exists_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("precious")
    with pytest.raises(SinkError, match=r"'.*out\.jsonl', which goes with it, exists\. Choose another name"):
        Recorder(tmp_path / "out.mp4", wait=True)
    assert files(tmp_path) == ["out.jsonl"]


def test_an_empty_part_file_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "out.part.mp4").touch()
    assert len(record(tmp_path / "out.mp4", [plain()]).pictures) == 1


@pytest.mark.parametrize("name", ["out.avi", "out", "out.mp4.txt"])
def test_another_extension_is_refused_with_the_valid_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        SinkError, match=rf"cannot record to '.*{name}': the name must end in \.mp4, \.mkv, \.webm\."
    ):
        Recorder(tmp_path / name, wait=True)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"there is no folder '.*nowhere'\. Make it first\."):
        Recorder(tmp_path / "nowhere" / "out.mp4", wait=True)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").mkdir()
    with pytest.raises(SinkError, match="it is a folder"):
        Recorder(tmp_path / "out.mp4", overwrite=True, wait=True)


@pytest.mark.skipif(sys.platform == "win32", reason="only on Unix: permissions are bits there")
def test_a_place_where_one_may_not_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with (
            not_root(),
            pytest.raises(SinkError, match=r"Permission denied\. Choose a place where you may write\."),
        ):
            Recorder(tmp_path / "out.mp4", wait=True)
    finally:
        tmp_path.chmod(0o700)


def test_a_closed_recorder_takes_no_picture(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mp4", wait=True)
    recorder.close()
    with pytest.raises(SinkError, match=r"out\.mp4 is closed: make a new Recorder"):
        recorder.write(Rendered(plain(), at(0)))
