from dataclasses import replace

import numpy as np
import pytest
from fakes import answered, explained, panned

from live_gradcam.errors import RenderError
from live_gradcam.explanation import Explanation, HeatMap
from live_gradcam.frame import Frame, Pixels
from live_gradcam.prediction import Prediction
from live_gradcam.render.heat_smoothing import HeatSmoothing
from live_gradcam.render.heat_tracking import HeatTracker, TrackedHeat

REGION = (140, 0, 360, 360)
AT_ONCE = HeatSmoothing(seconds=0)


def frame(index: int, pixels: Pixels | None = None) -> Frame:
    """Frame n of a camera that moves 8 pixels to the right with each, 30 times a second."""
    return Frame(panned(8 * index) if pixels is None else pixels, index, index / 30)


def warm(x: float, y: float) -> Explanation:
    """An explanation whose heat lies around a point of the frame, in pixels."""
    side = 36
    columns, rows = np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5)
    far = (columns - (x - REGION[0]) / 10) ** 2 + (rows - (y - REGION[1]) / 10) ** 2
    return explained(REGION, np.exp(-far / 8).astype(np.float32))


def see(tracker: HeatTracker, frame: Frame) -> TrackedHeat | None:
    """The heat of the only explanation."""
    tracked = tracker.track(frame)
    assert len(tracked) <= 1
    return tracked[0] if tracked else None


def centre(tracked: TrackedHeat | None) -> tuple[float, float]:
    """The centre of the heat's mass, in pixels of the frame."""
    assert tracked is not None
    heat: HeatMap = tracked.heatmap
    rows, columns = heat.shape
    x, y, width, height = tracked.explanation.region
    mass = heat.sum()
    across = (heat.sum(axis=0) * (np.arange(columns) + 0.5)).sum() / mass
    down = (heat.sum(axis=1) * (np.arange(rows) + 0.5)).sum() / mass
    return float(x + across * width / columns), float(y + down * height / rows)


def test_before_the_first_explanation_there_is_no_heat() -> None:
    assert HeatTracker().track(frame(0)) == ()


def test_heat_stays_on_its_thing_while_the_camera_moves() -> None:
    tracker = HeatTracker()
    see(tracker, frame(0))
    tracker.add_answer(frame(0), answered(warm(400, 180)))
    for number in range(1, 9):
        tracked = see(tracker, frame(number))
        assert centre(tracked) == pytest.approx((400 - 8 * number, 180), abs=2)
    assert tracked is not None
    assert (tracked.index, tracked.captured_at, tracked.opacity) == (0, 0.0, 1.0)


def test_an_explanation_that_comes_late_is_at_once_where_its_thing_is_now() -> None:
    tracker = HeatTracker()
    for number in range(6):
        see(tracker, frame(number))
    tracker.add_answer(frame(2), answered(warm(400, 180)))
    assert centre(see(tracker, frame(6))) == pytest.approx((400 - 32, 180), abs=2)


def test_an_explanation_of_the_frame_that_is_seen_next_is_shown_on_it_as_it_is() -> None:
    tracker = HeatTracker(smoothing=AT_ONCE)
    see(tracker, frame(0))
    tracker.add_answer(frame(1), answered(warm(300, 200)))
    assert centre(see(tracker, frame(1))) == pytest.approx((300, 200), abs=0.5)


def test_an_explanation_of_a_frame_that_is_never_shown_is_carried_from_there() -> None:
    tracker = HeatTracker(smoothing=AT_ONCE)
    see(tracker, frame(0))
    tracker.add_answer(frame(1), answered(warm(300, 200)))
    assert centre(see(tracker, frame(3))) == pytest.approx((284, 200), abs=2)
    see(tracker, frame(6))
    tracker.add_answer(frame(4), answered(warm(400, 180)))
    assert centre(see(tracker, frame(7))) == pytest.approx((376, 180), abs=2)


@pytest.mark.long
def test_smoothing_does_not_make_the_heat_lag_behind_what_moves() -> None:
    following, held = (
        HeatTracker(motion=motion, smoothing=HeatSmoothing(seconds=0.3)) for motion in ("on", "off")
    )
    for number in range(12):
        for tracker in (following, held):
            tracker.add_answer(frame(number), answered(warm(400 - 8 * number, 180)))
        # Each was explained as it was seen.
        seen = see(following, frame(number)), see(held, frame(number))
    assert centre(seen[0]) == pytest.approx((312, 180), abs=2)
    assert centre(seen[1])[0] > 330


def test_heat_that_moves_out_of_the_region_is_cut_and_none_comes_in() -> None:
    tracker = HeatTracker()
    see(tracker, frame(0))
    tracker.add_answer(frame(0), answered(warm(170, 180)))
    before = see(tracker, frame(0))
    for number in range(1, 9):
        after = see(tracker, frame(number))
    assert before is not None
    assert after is not None
    assert after.heatmap.sum() < 0.1 * before.heatmap.sum()
    assert not after.heatmap[:, 64:].any()


def test_motion_off_holds_the_heat() -> None:
    tracker = HeatTracker(motion="off")
    tracker.add_answer(frame(0), answered(warm(400, 180)))
    for number in range(9):
        assert centre(see(tracker, frame(number))) == pytest.approx((400, 180), abs=0.5)


def test_at_a_cut_the_heat_is_gone_until_the_new_scene_is_explained() -> None:
    tracker = HeatTracker()
    for number in range(3):
        see(tracker, frame(number))
    tracker.add_answer(frame(0), answered(warm(400, 180)))
    other = panned(seed=5)
    dark = see(tracker, frame(3, other))
    assert dark is not None
    assert dark.opacity == 0
    tracker.add_answer(frame(2), answered(warm(200, 100)))  # late: still of the scene before
    dark = see(tracker, frame(4, other))
    assert dark is not None
    assert (dark.opacity, dark.index) == (0, 0)
    tracker.add_answer(frame(3, other), answered(warm(300, 200)))
    light = see(tracker, frame(5, other))
    assert light is not None
    assert light.opacity == 1
    assert centre(light) == pytest.approx((300, 200), abs=1)


def test_heat_fades_where_something_comes_before_its_thing() -> None:
    tracker = HeatTracker()
    see(tracker, frame(0))
    tracker.add_answer(frame(0), answered(warm(320, 180)))
    covered = panned(8)
    covered[90:270, 230:410] = panned(seed=7)[90:270, 230:410]
    bare, hidden = (HeatTracker(), tracker)
    see(bare, frame(0))
    bare.add_answer(frame(0), answered(warm(320, 180)))
    kept, faded = see(bare, frame(1)), see(hidden, frame(1, covered))
    assert kept is not None
    assert faded is not None
    assert kept.heatmap.max() > 0.95
    assert faded.heatmap.max() < 0.5


def test_an_explanation_older_than_the_newest_is_left_out() -> None:
    tracker = HeatTracker()
    for number in range(4):
        see(tracker, frame(number))
    tracker.add_answer(frame(2), answered(warm(400, 180)))
    tracker.add_answer(frame(1), answered(warm(200, 180)))
    tracked = see(tracker, frame(4))
    assert tracked is not None
    assert tracked.index == 2


def test_a_camera_that_comes_back_with_another_size_has_no_heat_at_first() -> None:
    tracker = HeatTracker()
    see(tracker, frame(0))
    tracker.add_answer(frame(0), answered(warm(400, 180)))
    assert see(tracker, frame(1, panned(size=(320, 240)))) is None


def test_an_unknown_way_to_follow_is_refused() -> None:
    with pytest.raises(RenderError, match=r"motion is 'yes'\. Valid: on, off\."):
        HeatTracker(motion="yes")  # type: ignore[arg-type] # that is the point


def test_several_heat_maps_are_carried_each_on_its_own_thing_with_one_motion() -> None:
    tracker = HeatTracker()
    tracker.track(frame(0))
    tracker.add_answer(frame(0), answered(warm(400, 180), warm(250, 100)))
    for number in range(1, 9):
        tracked = tracker.track(frame(number))
    assert centre(tracked[0]) == pytest.approx((336, 180), abs=2)
    assert centre(tracked[1]) == pytest.approx((186, 100), abs=2)


def test_each_heat_map_is_steadied_with_those_before_of_its_own_target() -> None:
    def of(label: str, x: float) -> Explanation:
        return replace(warm(x, 180), target=Prediction(1, label, 0.5))

    tracker = HeatTracker(smoothing=HeatSmoothing(seconds=10))
    still = panned()
    for index in (0, 1):
        tracker.track(frame(index, still))
        classes = [of("tabby", 250), of("lynx", 400)]
        # The second time they have changed places.
        tracker.add_answer(frame(index, still), answered(*(classes if index == 0 else classes[::-1])))
    lynx, tabby = tracker.track(frame(1, still))
    assert centre(lynx)[0] == pytest.approx(400, abs=2)
    assert centre(tabby)[0] == pytest.approx(250, abs=2)


def test_the_heat_of_one_model_does_not_mix_with_another_s() -> None:
    tracker = HeatTracker(smoothing=HeatSmoothing(seconds=10))
    still = panned()
    for index, (one, two) in enumerate([(250, 400), (250, 400)]):
        tracker.track(frame(index, still))
        tracker.add_answer(frame(index, still), answered(warm(one, 180), warm(two, 180), models=2))
    first, second = tracker.track(frame(1, still))
    assert centre(first)[0] == pytest.approx(250, abs=2)
    assert centre(second)[0] == pytest.approx(400, abs=2)


def test_the_heat_at_a_place_is_told_and_nothing_outside_of_what_was_seen() -> None:
    tracker = HeatTracker(motion="off")
    tracker.add_answer(frame(0), answered(warm(300, 200)))
    (tracked,) = tracker.track(frame(0))
    assert tracked.heat_at(300, 200) == pytest.approx(1, abs=0.1)
    assert tracked.heat_at(480, 20) == pytest.approx(0, abs=0.01)
    assert tracked.heat_at(20, 20) is None
