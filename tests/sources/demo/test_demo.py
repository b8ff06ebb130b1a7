import datetime as dt
import math
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import SteppedClock

from live_gradcam.errors import SettingsError
from live_gradcam.frame import Frame
from live_gradcam.sources.demo import demo
from live_gradcam.sources.demo.camera_path import CameraPath, CameraPosition, Stop
from live_gradcam.sources.demo.clock_face import hand_angles
from live_gradcam.sources.demo.demo import DemoSource, GroundTruth
from live_gradcam.sources.demo.desk import CLOCK_LABELS, Desk, find_photographs

TEN_PAST_TEN = dt.datetime(2024, 5, 17, 10, 9, 36)
QUARTER_TO_FOUR = dt.datetime(2024, 5, 17, 15, 45, 5)
SMALL = (320, 180)


def at(moment: dt.datetime) -> Callable[[], dt.datetime]:
    return lambda: moment


def tour(*, photographs: bool = False, fps: float = 4.0, moment: dt.datetime = TEN_PAST_TEN) -> DemoSource:
    return DemoSource(live=False, size=SMALL, fps=fps, wall_time=at(moment), photographs=photographs)


def test_as_a_file_it_gives_every_frame_of_one_tour_with_its_own_time() -> None:
    with tour() as source:
        frames = list(source)
    assert [frame.index for frame in frames] == list(range(source.length))
    assert [frame.media_time for frame in frames] == [index / 4.0 for index in range(source.length)]
    assert source.frames_captured == source.length
    assert {frame.size for frame in frames} == {SMALL}
    assert source.fps == 4.0


def test_what_a_frame_shows_depends_on_its_number_alone() -> None:
    first, second = list(tour()), list(tour())
    assert all(np.array_equal(one.pixels, other.pixels) for one, other in zip(first, second, strict=True))


def test_a_frame_is_the_painted_desk_turned_and_scaled_as_the_camera_sees_it() -> None:
    desk = Desk(photographs=None)
    position = CameraPosition(1195.0, 900.0, 0.5, 0.1)
    seen = desk.look(position, SMALL, TEN_PAST_TEN)
    painted = np.ascontiguousarray(desk._painted[..., :3])
    wanted = cv2.warpAffine(
        painted, position.affine(SMALL), SMALL, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    same = (seen == wanted).all(axis=2)
    assert seen.shape == (SMALL[1], SMALL[0], 3)
    assert 0.9 < same.mean() < 1, "all but the hands of the clocks, which are drawn onto each frame"


def test_the_tour_ends_where_it_began_and_never_jumps() -> None:
    path = CameraPath([Stop(700, 500, 1.0), Stop(1600, 520, 1.1), Stop(1500, 1200, 0.9)])
    rate = 120
    views = [path.view_at(index / rate) for index in range(round(path.duration * rate) + 1)]
    assert views[-1].x == pytest.approx(views[0].x)
    assert views[-1].zoom == pytest.approx(views[0].zoom)
    steps = [math.hypot(after.x - before.x, after.y - before.y) for before, after in pairwise(views)]
    assert max(steps) < 1100 * 2.0 / rate  # the longest way to a next stop takes a second
    assert max(abs(after - before) for before, after in pairwise(steps)) < 1.0
    assert max(abs(after.zoom / before.zoom - 1) for before, after in pairwise(views)) < 0.01


def test_the_hands_point_where_they_do_on_a_clock() -> None:
    hour, minute, second = (math.degrees(angle) for angle in hand_angles(dt.datetime(2024, 1, 1, 15, 30, 15)))
    assert hour == pytest.approx(105.125)
    assert minute == pytest.approx(181.5)
    assert second == pytest.approx(90.0)


def test_another_time_of_day_changes_the_clocks_and_nothing_else() -> None:
    early, late = tour(moment=TEN_PAST_TEN), tour(moment=QUARTER_TO_FOUR)
    changed_frames = 0
    for before, after in zip(early, late, strict=True):
        changed = np.any(before.pixels != after.pixels, axis=2)
        changed_frames += bool(changed.any())
        for thing in early.truth(before.index):
            if thing.labels == CLOCK_LABELS:
                x, y, width, height = thing.box
                changed[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)] = False
        assert not changed.any()
    assert changed_frames > 0.9 * early.length


def test_in_a_file_the_hands_go_on_with_the_time_of_the_frames() -> None:
    file_frame = tour(moment=TEN_PAST_TEN).frame_at(8)
    clock = SteppedClock()
    two_seconds_later = at(TEN_PAST_TEN + dt.timedelta(seconds=2))
    with DemoSource(size=SMALL, fps=4.0, clock=clock, wall_time=two_seconds_later, photographs=False) as live:
        frames = iter(live)
        next(frames)
        clock.advance(2.0)
        live_frame = next(frames)
    assert live_frame.index == 8
    assert np.array_equal(file_frame.pixels, live_frame.pixels)


def test_the_truth_holds_the_whole_box_also_of_what_the_frame_cuts() -> None:
    source = tour(fps=10.0)
    seen = [truth for index in range(source.length) for truth in source.truth(index)]
    frame = (0, 0, *SMALL)
    cut = [truth for truth in seen if not truth.is_within(frame)]
    assert any(truth.is_within(frame) for truth in seen)
    assert cut
    # A clock is round: its box is as wide as it is high, wherever the frame's edge runs.
    assert all(abs(truth.box[2] - truth.box[3]) <= 2 for truth in cut)


def test_a_box_knows_what_it_contains() -> None:
    truth = GroundTruth(("espresso",), (10, 20, 30, 40))
    assert truth.contains(10, 20)
    assert truth.contains(39.9, 59.9)
    assert not truth.contains(40, 30)
    assert truth.is_within((10, 20, 30, 40))
    assert not truth.is_within((11, 20, 30, 40))


def test_the_clock_is_where_the_truth_says() -> None:
    source = DemoSource(live=False, wall_time=at(TEN_PAST_TEN), photographs=False)
    frame = source.frame_at(0)
    (x, y, width, height), *_ = (
        truth.box for truth in source.truth(0) if truth.is_within((280, 0, 720, 720))
    )
    inside = frame.pixels[y : y + height, x : x + width]
    assert width == pytest.approx(2 * 180 * 0.975, abs=6)
    # Its dark rim touches the box in the middle of each side, its white dial lies within.
    for rim in (
        inside[5, width // 2],
        inside[-6, width // 2],
        inside[height // 2, 5],
        inside[height // 2, -6],
    ):
        assert rim.max() < 120
    dial = inside[height // 4 : -height // 4, width // 4 : -width // 4]
    assert np.median(dial) > 225


def test_without_photographs_there_are_clocks_in_their_places(tmp_path: Path) -> None:
    bare, empty_folder = Desk(photographs=None), Desk(photographs=tmp_path)
    assert [thing.labels for thing in bare.things] == [CLOCK_LABELS] * len(bare.things)
    assert [thing.labels for thing in empty_folder.things] == [CLOCK_LABELS] * len(bare.things)


def test_with_scikit_image_its_cat_and_its_coffee_lie_on_the_desk() -> None:
    if find_photographs() is None:
        pytest.skip("scikit-image is not installed (extra: demo)")
    source = tour(photographs=True)
    labels = {thing.labels[0] for index in range(source.length) for thing in source.truth(index)}
    assert labels == {"analog clock", "Egyptian cat", "espresso"}
    assert source.describe() == (
        "demo: 320×180 at 4 fps, a pretend camera over a desk with analog clock, Egyptian cat and espresso"
    )


def test_where_scikit_image_is_not_installed_there_are_no_photographs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(demo, "find_photographs", lambda: None)
    source = tour(photographs=True)
    assert source.describe() == "demo: 320×180 at 4 fps, a pretend camera over a desk with analog clock"


def test_it_imports_neither_tensorflow_nor_scikit_image() -> None:
    program = (
        "import sys; from live_gradcam.sources.demo.demo import DemoSource; next(iter(DemoSource(live=False)));"
        "print([name for name in ('tensorflow', 'keras', 'skimage') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_live_a_frame_comes_when_it_is_due_and_bears_that_moment() -> None:
    clock = SteppedClock(100.0)
    with DemoSource(size=SMALL, fps=10.0, clock=clock, photographs=False) as source:
        frames = iter(source)
        first = next(frames)
        clock.advance(0.1)
        second = next(frames)
        assert (first.index, second.index) == (0, 1)
        assert (first.captured_at, second.captured_at) == pytest.approx((100.0, 100.1))
        assert (first.media_time, second.media_time) == (None, None)
        assert source.fps == 10.0
        assert source.frames_captured == 2


def test_live_a_late_camera_passes_frames_over() -> None:
    clock = SteppedClock(100.0)
    with DemoSource(size=SMALL, fps=10.0, clock=clock, photographs=False) as source:
        frames = iter(source)
        next(frames)
        clock.advance(1.25)
        late = next(frames)
    assert late.index == 12
    assert late.captured_at == pytest.approx(101.2)


def test_live_at_twice_the_pace_frames_come_twice_as_fast() -> None:
    clock = SteppedClock(100.0)
    with DemoSource(size=SMALL, fps=10.0, pace=2.0, clock=clock, photographs=False) as source:
        frames = iter(source)
        next(frames)
        clock.advance(0.05)
        assert next(frames).index == 1
        assert source.fps == 20.0


def test_live_the_clocks_show_the_wall_time_of_each_frame() -> None:
    times = [TEN_PAST_TEN]
    clock = SteppedClock()
    with DemoSource(
        size=SMALL, fps=4.0, clock=clock, wall_time=lambda: times[-1], photographs=False
    ) as source:
        frames = iter(source)
        first = next(frames)
        times.append(QUARTER_TO_FOUR)
        clock.advance(0.25)
        second = next(frames)
    assert np.array_equal(first.pixels, tour(moment=TEN_PAST_TEN).frame_at(0).pixels)
    begun = QUARTER_TO_FOUR - dt.timedelta(seconds=0.25)
    assert np.array_equal(second.pixels, tour(moment=begun).frame_at(1).pixels)


def test_closing_ends_a_waiting_iteration_and_leaves_no_thread() -> None:
    source = DemoSource(size=SMALL, fps=0.01, photographs=False)
    seen: list[Frame] = []
    reader = threading.Thread(target=lambda: seen.extend(source))
    reader.start()
    source.close()
    source.close()
    reader.join(1.0)
    assert not reader.is_alive()
    assert "demo camera" not in {thread.name for thread in threading.enumerate()}


def test_a_closed_file_ends() -> None:
    source = tour()
    frames = iter(source)
    next(frames)
    source.close()
    assert list(frames) == []


@pytest.mark.parametrize("size", [(1280, 720), (640, 480), (240, 320), (65, 64)])
def test_frames_have_the_size_asked_for(size: tuple[int, int]) -> None:
    frame = DemoSource(live=False, size=size, photographs=False).frame_at(0)
    assert frame.size == size
    assert frame.pixels.dtype == np.uint8
    assert frame.pixels.std() > 10


def test_a_larger_frame_shows_the_same_scene() -> None:
    small = next(iter(DemoSource(live=False, size=(640, 360), wall_time=at(TEN_PAST_TEN), photographs=False)))
    large = next(
        iter(DemoSource(live=False, size=(1280, 720), wall_time=at(TEN_PAST_TEN), photographs=False))
    )
    reduced = cv2.resize(large.pixels, small.size, interpolation=cv2.INTER_AREA)
    assert np.abs(reduced.astype(float) - small.pixels).mean() < 4


def test_a_size_too_small_is_refused() -> None:
    with pytest.raises(SettingsError) as refused:
        DemoSource(live=False, size=(40, 720))
    assert str(refused.value) == "the demo's size is 40×720: each side needs at least 64 pixels."


def test_a_rate_or_pace_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(SettingsError) as refused:
        DemoSource(live=False, fps=0.0)
    assert str(refused.value) == "the demo's fps is 0.0: it must be a number above 0."
    with pytest.raises(SettingsError, match="the demo's pace is nan: it must be a number above 0"):
        DemoSource(live=False, pace=math.nan)
