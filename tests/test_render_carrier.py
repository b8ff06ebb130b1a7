import numpy as np
import pytest
from fakes import explained, panned

from live_gradcam.errors import RenderError
from live_gradcam.explanation import Explanation, HeatMap
from live_gradcam.frame import Frame, Pixels
from live_gradcam.render.carrier import CarriedHeat, HeatCarrier
from live_gradcam.render.steady import Steady

REGION = (140, 0, 360, 360)
AT_ONCE = Steady(smoothing=0)


def frame(index: int, pixels: Pixels | None = None) -> Frame:
    """Frame n of a camera that moves 8 pixels to the right with each, 30 times a second."""
    return Frame(panned(8 * index) if pixels is None else pixels, index, index / 30)


def warm(x: float, y: float) -> Explanation:
    """An explanation whose heat lies around a point of the frame, in pixels."""
    side = 36
    columns, rows = np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5)
    far = (columns - (x - REGION[0]) / 10) ** 2 + (rows - (y - REGION[1]) / 10) ** 2
    return explained(REGION, np.exp(-far / 8).astype(np.float32))


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
    assert HeatCarrier().see(frame(0)) is None


def test_heat_stays_on_its_thing_while_the_camera_moves() -> None:
    carrier = HeatCarrier()
    carrier.see(frame(0))
    carrier.explained(frame(0), warm(400, 180))
    for number in range(1, 9):
        carried = carrier.see(frame(number))
        assert centre(carried) == pytest.approx((400 - 8 * number, 180), abs=2)
    assert carried is not None
    assert (carried.index, carried.captured_at, carried.opacity) == (0, 0.0, 1.0)


def test_an_explanation_that_comes_late_is_at_once_where_its_thing_is_now() -> None:
    carrier = HeatCarrier()
    for number in range(6):
        carrier.see(frame(number))
    carrier.explained(frame(2), warm(400, 180))
    assert centre(carrier.see(frame(6))) == pytest.approx((400 - 32, 180), abs=2)


def test_an_explanation_of_the_frame_that_is_seen_next_is_shown_on_it_as_it_is() -> None:
    carrier = HeatCarrier(steady=AT_ONCE)
    carrier.see(frame(0))
    carrier.explained(frame(1), warm(300, 200))
    assert centre(carrier.see(frame(1))) == pytest.approx((300, 200), abs=0.5)


def test_an_explanation_of_a_frame_that_is_never_shown_is_carried_from_there() -> None:
    carrier = HeatCarrier(steady=AT_ONCE)
    carrier.see(frame(0))
    carrier.explained(frame(1), warm(300, 200))
    assert centre(carrier.see(frame(3))) == pytest.approx((284, 200), abs=2)
    carrier.see(frame(6))
    carrier.explained(frame(4), warm(400, 180))
    assert centre(carrier.see(frame(7))) == pytest.approx((376, 180), abs=2)


def test_smoothing_does_not_make_the_heat_lag_behind_what_moves() -> None:
    following, held = (HeatCarrier(motion=motion, steady=Steady(smoothing=0.3)) for motion in ("on", "off"))
    for number in range(12):
        for carrier in (following, held):
            carrier.explained(frame(number), warm(400 - 8 * number, 180))
        # Each was explained as it was seen.
        seen = following.see(frame(number)), held.see(frame(number))
    assert centre(seen[0]) == pytest.approx((312, 180), abs=2)
    assert centre(seen[1])[0] > 330


def test_heat_that_moves_out_of_the_region_is_cut_and_none_comes_in() -> None:
    carrier = HeatCarrier()
    carrier.see(frame(0))
    carrier.explained(frame(0), warm(170, 180))
    before = carrier.see(frame(0))
    for number in range(1, 9):
        after = carrier.see(frame(number))
    assert before is not None
    assert after is not None
    assert after.heatmap.sum() < 0.1 * before.heatmap.sum()
    assert not after.heatmap[:, 64:].any()


def test_motion_off_holds_the_heat() -> None:
    carrier = HeatCarrier(motion="off")
    carrier.explained(frame(0), warm(400, 180))
    for number in range(9):
        assert centre(carrier.see(frame(number))) == pytest.approx((400, 180), abs=0.5)


def test_at_a_cut_the_heat_is_gone_until_the_new_scene_is_explained() -> None:
    carrier = HeatCarrier()
    for number in range(3):
        carrier.see(frame(number))
    carrier.explained(frame(0), warm(400, 180))
    other = panned(seed=5)
    dark = carrier.see(frame(3, other))
    assert dark is not None
    assert dark.opacity == 0
    carrier.explained(frame(2), warm(200, 100))  # late: still of the scene before
    dark = carrier.see(frame(4, other))
    assert dark is not None
    assert (dark.opacity, dark.index) == (0, 0)
    carrier.explained(frame(3, other), warm(300, 200))
    light = carrier.see(frame(5, other))
    assert light is not None
    assert light.opacity == 1
    assert centre(light) == pytest.approx((300, 200), abs=1)


def test_heat_fades_where_something_comes_before_its_thing() -> None:
    carrier = HeatCarrier()
    carrier.see(frame(0))
    carrier.explained(frame(0), warm(320, 180))
    covered = panned(8)
    covered[90:270, 230:410] = panned(seed=7)[90:270, 230:410]
    bare, hidden = (HeatCarrier(), carrier)
    bare.see(frame(0))
    bare.explained(frame(0), warm(320, 180))
    kept, faded = bare.see(frame(1)), hidden.see(frame(1, covered))
    assert kept is not None
    assert faded is not None
    assert kept.heatmap.max() > 0.95
    assert faded.heatmap.max() < 0.5


def test_an_explanation_older_than_the_newest_is_left_out() -> None:
    carrier = HeatCarrier()
    for number in range(4):
        carrier.see(frame(number))
    carrier.explained(frame(2), warm(400, 180))
    carrier.explained(frame(1), warm(200, 180))
    carried = carrier.see(frame(4))
    assert carried is not None
    assert carried.index == 2


def test_a_camera_that_comes_back_with_another_size_has_no_heat_at_first() -> None:
    carrier = HeatCarrier()
    carrier.see(frame(0))
    carrier.explained(frame(0), warm(400, 180))
    assert carrier.see(frame(1, panned(size=(320, 240)))) is None


def test_an_unknown_way_to_follow_is_refused() -> None:
    with pytest.raises(RenderError, match=r"motion is 'yes'\. Valid: on, off\."):
        HeatCarrier(motion="yes")  # type: ignore[arg-type] # that is the point
