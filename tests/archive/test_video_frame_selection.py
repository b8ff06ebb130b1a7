from __future__ import annotations

import pytest

from live_gradcam.archive.video import FrameSelection


@pytest.mark.parametrize(("every", "kept"), [(1, [0, 1, 2, 3, 4, 5, 6]), (3, [0, 3, 6]), (9, [0])])
def test_one_frame_of_so_many_is_kept_the_first_always(every: int, kept: list[int]) -> None:
    thinning = FrameSelection(every=every)
    assert [index for index in range(7) if thinning.keeps(index, index / 25)] == kept


def test_at_most_so_many_frames_of_each_second_are_kept() -> None:
    thinning = FrameSelection(fps=10)
    assert [index for index in range(31) if thinning.keeps(index, index / 30)] == [*range(0, 31, 3)]


def test_a_rate_above_the_videos_own_keeps_all_frames() -> None:
    thinning = FrameSelection(fps=60)
    assert all(thinning.keeps(index, index / 25) for index in range(50))


def test_after_a_pause_the_next_frame_is_kept_and_no_more_than_the_rate_allows() -> None:
    thinning = FrameSelection(fps=1)
    moments = [0.0, 0.5, 5.2, 5.3, 6.0, 6.9, 7.0]
    assert [moment for index, moment in enumerate(moments) if thinning.keeps(index, moment)] == [
        0.0,
        5.2,
        6.0,
        7.0,
    ]
