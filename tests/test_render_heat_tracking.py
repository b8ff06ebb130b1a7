from dataclasses import replace

import numpy as np
import pytest
from fakes import answered, explained, panned

from live_gradcam.errors import RenderError
from live_gradcam.explanation import Explanation, HeatMap, Prediction
from live_gradcam.frame import Frame, Pixels
from live_gradcam.render.heat_smoothing import HeatSmoothing
from live_gradcam.render.heat_tracking import CarriedHeat, HeatTracker

REGION = (140, 0, 360, 360)
AT_ONCE = HeatSmoothing(smoothing=0)


def frame(index: int, pixels: Pixels | None = None) -> Frame:
    """Frame n of a camera that moves 8 pixels to the right with each, 30 times a second."""
    return Frame(panned(8 * index) if pixels is None else pixels, index, index / 30)


def warm(x: float, y: float) -> Explanation:
    """An explanation whose heat lies around a point of the frame, in pixels."""
    side = 36
    columns, rows = np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5)
    far = (columns - (x - REGION[0]) / 10) ** 2 + (rows - (y - REGION[1]) / 10) ** 2
    return explained(REGION, np.exp(-far / 8).astype(np.float32))


def see(carrier: HeatTracker, frame: Frame) -> CarriedHeat | None:
    """The heat of the only explanation."""
    carried = carrier.see(frame)
    assert len(carried) <= 1
    return carried[0] if carried else None


def centre(carried: CarriedHeat | None) -> tuple[float, float]:
    """The centre of the heat's mass, in pixels of the frame."""
    assert carried is not None
    heat: HeatMap = carried.heatmap
    rows, columns = heat.shape
    x, y, width, height = carried.explanation.region
    mass = heat.sum()
    across = (heat.sum(axis=0) * (np.arange(columns) + 0.5)).sum() / mass
    down = (heat.sum(axis=1) * (np.arange(rows) + 0.5)).sum() / mass
    return float(x + across * width / columns), float(y + down * height / rows)


def test_before_the_first_explanation_there_is_no_heat() -> None:
    assert HeatTracker().see(frame(0)) == ()


def test_heat_stays_on_its_thing_while_the_camera_moves() -> None:
    carrier = HeatTracker()
    see(carrier, frame(0))
    carrier.explained(frame(0), answered(warm(400, 180)))
    for number in range(1, 9):
        carried = see(carrier, frame(number))
        assert centre(carried) == pytest.approx((400 - 8 * number, 180), abs=2)
    assert carried is not None
    assert (carried.index, carried.captured_at, carried.opacity) == (0, 0.0, 1.0)


def test_an_explanation_that_comes_late_is_at_once_where_its_thing_is_now() -> None:
    carrier = HeatTracker()
    for number in range(6):
        see(carrier, frame(number))
    carrier.explained(frame(2), answered(warm(400, 180)))
    assert centre(see(carrier, frame(6))) == pytest.approx((400 - 32, 180), abs=2)


def test_an_explanation_of_the_frame_that_is_seen_next_is_shown_on_it_as_it_is() -> None:
    carrier = HeatTracker(steady=AT_ONCE)
    see(carrier, frame(0))
    carrier.explained(frame(1), answered(warm(300, 200)))
    assert centre(see(carrier, frame(1))) == pytest.approx((300, 200), abs=0.5)


def test_an_explanation_of_a_frame_that_is_never_shown_is_carried_from_there() -> None:
    carrier = HeatTracker(steady=AT_ONCE)
    see(carrier, frame(0))
    carrier.explained(frame(1), answered(warm(300, 200)))
    assert centre(see(carrier, frame(3))) == pytest.approx((284, 200), abs=2)
    see(carrier, frame(6))
    carrier.explained(frame(4), answered(warm(400, 180)))
    assert centre(see(carrier, frame(7))) == pytest.approx((376, 180), abs=2)


def test_smoothing_does_not_make_the_heat_lag_behind_what_moves() -> None:
    following, held = (
        HeatTracker(motion=motion, steady=HeatSmoothing(smoothing=0.3)) for motion in ("on", "off")
    )
    for number in range(12):
        for carrier in (following, held):
            carrier.explained(frame(number), answered(warm(400 - 8 * number, 180)))
        # Each was explained as it was seen.
        seen = see(following, frame(number)), see(held, frame(number))
    assert centre(seen[0]) == pytest.approx((312, 180), abs=2)
    assert centre(seen[1])[0] > 330


def test_heat_that_moves_out_of_the_region_is_cut_and_none_comes_in() -> None:
    carrier = HeatTracker()
    see(carrier, frame(0))
    carrier.explained(frame(0), answered(warm(170, 180)))
    before = see(carrier, frame(0))
    for number in range(1, 9):
        after = see(carrier, frame(number))
    assert before is not None
    assert after is not None
    assert after.heatmap.sum() < 0.1 * before.heatmap.sum()
    assert not after.heatmap[:, 64:].any()


def test_motion_off_holds_the_heat() -> None:
    carrier = HeatTracker(motion="off")
    carrier.explained(frame(0), answered(warm(400, 180)))
    for number in range(9):
        assert centre(see(carrier, frame(number))) == pytest.approx((400, 180), abs=0.5)


def test_at_a_cut_the_heat_is_gone_until_the_new_scene_is_explained() -> None:
    carrier = HeatTracker()
    for number in range(3):
        see(carrier, frame(number))
    carrier.explained(frame(0), answered(warm(400, 180)))
    other = panned(seed=5)
    dark = see(carrier, frame(3, other))
    assert dark is not None
    assert dark.opacity == 0
    carrier.explained(frame(2), answered(warm(200, 100)))  # late: still of the scene before
    dark = see(carrier, frame(4, other))
    assert dark is not None
    assert (dark.opacity, dark.index) == (0, 0)
    carrier.explained(frame(3, other), answered(warm(300, 200)))
    light = see(carrier, frame(5, other))
    assert light is not None
    assert light.opacity == 1
    assert centre(light) == pytest.approx((300, 200), abs=1)


def test_heat_fades_where_something_comes_before_its_thing() -> None:
    carrier = HeatTracker()
    see(carrier, frame(0))
    carrier.explained(frame(0), answered(warm(320, 180)))
    covered = panned(8)
    covered[90:270, 230:410] = panned(seed=7)[90:270, 230:410]
    bare, hidden = (HeatTracker(), carrier)
    see(bare, frame(0))
    bare.explained(frame(0), answered(warm(320, 180)))
    kept, faded = see(bare, frame(1)), see(hidden, frame(1, covered))
    assert kept is not None
    assert faded is not None
    assert kept.heatmap.max() > 0.95
    assert faded.heatmap.max() < 0.5


def test_an_explanation_older_than_the_newest_is_left_out() -> None:
    carrier = HeatTracker()
    for number in range(4):
        see(carrier, frame(number))
    carrier.explained(frame(2), answered(warm(400, 180)))
    carrier.explained(frame(1), answered(warm(200, 180)))
    carried = see(carrier, frame(4))
    assert carried is not None
    assert carried.index == 2


def test_a_camera_that_comes_back_with_another_size_has_no_heat_at_first() -> None:
    carrier = HeatTracker()
    see(carrier, frame(0))
    carrier.explained(frame(0), answered(warm(400, 180)))
    assert see(carrier, frame(1, panned(size=(320, 240)))) is None


def test_an_unknown_way_to_follow_is_refused() -> None:
    with pytest.raises(RenderError, match=r"motion is 'yes'\. Valid: on, off\."):
        HeatTracker(motion="yes")  # type: ignore[arg-type] # that is the point


def test_several_heat_maps_are_carried_each_on_its_own_thing_with_one_motion() -> None:
    carrier = HeatTracker()
    carrier.see(frame(0))
    carrier.explained(frame(0), answered(warm(400, 180), warm(250, 100)))
    for number in range(1, 9):
        carried = carrier.see(frame(number))
    assert centre(carried[0]) == pytest.approx((336, 180), abs=2)
    assert centre(carried[1]) == pytest.approx((186, 100), abs=2)


def test_each_heat_map_is_steadied_with_those_before_of_its_own_target() -> None:
    def of(label: str, x: float) -> Explanation:
        return replace(warm(x, 180), target=Prediction(1, label, 0.5))

    carrier = HeatTracker(steady=HeatSmoothing(smoothing=10))
    still = panned()
    for index in (0, 1):
        carrier.see(frame(index, still))
        classes = [of("tabby", 250), of("lynx", 400)]
        # The second time they have changed places.
        carrier.explained(frame(index, still), answered(*(classes if index == 0 else classes[::-1])))
    lynx, tabby = carrier.see(frame(1, still))
    assert centre(lynx)[0] == pytest.approx(400, abs=2)
    assert centre(tabby)[0] == pytest.approx(250, abs=2)


def test_the_heat_of_one_model_does_not_mix_with_another_s() -> None:
    carrier = HeatTracker(steady=HeatSmoothing(smoothing=10))
    still = panned()
    for index, (one, two) in enumerate([(250, 400), (250, 400)]):
        carrier.see(frame(index, still))
        carrier.explained(frame(index, still), answered(warm(one, 180), warm(two, 180), models=2))
    first, second = carrier.see(frame(1, still))
    assert centre(first)[0] == pytest.approx(250, abs=2)
    assert centre(second)[0] == pytest.approx(400, abs=2)


def test_the_heat_at_a_place_is_told_and_nothing_outside_of_what_was_seen() -> None:
    carrier = HeatTracker(motion="off")
    carrier.explained(frame(0), answered(warm(300, 200)))
    (carried,) = carrier.see(frame(0))
    assert carried.heat_at(300, 200) == pytest.approx(1, abs=0.1)
    assert carried.heat_at(480, 20) == pytest.approx(0, abs=0.01)
    assert carried.heat_at(20, 20) is None
