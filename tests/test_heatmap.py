import cv2
import numpy as np
import pytest
from fakes import uneven, warm_in_the_middle

from live_gradcam.heatmap import enlarge, heat_place, levels_over_region, over_region, share_within


@pytest.mark.parametrize("size", [(720, 720), (1280, 720), (120, 90), (3840, 2160), (9, 1), (1, 1)])
def test_an_enlarged_map_has_the_size_asked_for_and_stays_within_zero_and_one(size: tuple[int, int]) -> None:
    large = enlarge(uneven(), size)
    assert large.shape == (size[1], size[0])
    assert large.dtype == np.float32
    assert large.min() >= 0.0
    assert large.max() <= 1.0


@pytest.mark.parametrize("shape", [(7, 7), (7, 12), (14, 14), (1, 1)])
def test_an_enlarged_map_is_the_cubic_curve_through_the_cells(shape: tuple[int, int]) -> None:
    heatmap = uneven(*shape)
    large = enlarge(heatmap, (1280, 720))
    curve = np.clip(cv2.resize(heatmap, (1280, 720), interpolation=cv2.INTER_CUBIC), 0, 1)
    assert np.abs(large - curve).max() < 0.015


def test_the_middle_of_each_cell_keeps_its_value() -> None:
    heatmap = uneven()
    large = enlarge(heatmap, (7 * 101, 7 * 101))
    assert large[50::101, 50::101] == pytest.approx(heatmap, abs=0.01)


def test_the_peak_stays_in_its_place() -> None:
    large = enlarge(warm_in_the_middle(), (700, 700))
    rows, columns = np.nonzero(large == large.max())
    assert (rows.mean(), columns.mean()) == pytest.approx((349.5, 349.5), abs=1)


def test_a_fine_map_is_shrunk_to_a_small_region() -> None:
    fine = np.zeros((224, 224), np.float32)
    fine[:112] = 1.0
    small = enlarge(fine, (100, 100))
    assert small[:48].min() == 1.0
    assert small[52:].max() == 0.0


def test_heat_that_lies_over_borders_is_cut_off() -> None:
    heatmap = warm_in_the_middle()
    heatmap[0] = 1.0  # all of the padding above the picture is hot
    heat = over_region(heatmap, (700, 300), (0.0, 2 / 7, 1.0, 5 / 7))
    assert heat.shape == (300, 700)
    assert heat == pytest.approx(enlarge(heatmap, (700, 700))[200:500])
    assert heat[149, 349] == heat.max()


def test_where_a_region_reaches_beyond_the_map_the_heat_ends_within_half_a_cell() -> None:
    heatmap = np.zeros((5, 5), np.float32)
    heatmap[0, 2] = heatmap[4, 0] = 1.0
    heat = over_region(heatmap, (900, 700), (-0.4, -0.2, 1.4, 1.2))  # a cell is 100 pixels wide and high
    inside = enlarge(heatmap, (500, 500))
    np.testing.assert_allclose(heat[100:600, 200:700], inside, atol=0.02)
    edge = inside[0, 250]
    for distance in (10, 25, 40):
        assert heat[99 - distance, 450] == pytest.approx(edge * (1 - (distance + 0.5) / 50), abs=0.02)
    assert heat[:50].max() == heat[:, :150].max() == heat[650:].max() == heat[:, 750:].max() == 0.0
    levels = levels_over_region(heatmap, (900, 700), (-0.4, -0.2, 1.4, 1.2))
    np.testing.assert_allclose(levels, heat * 255, atol=1)


@pytest.mark.parametrize("inset", [(-0.3, 0.0, 1.2, 1.0), (0.25, -0.5, 1.25, 0.75), (-3.0, -3.0, 4.0, 4.0)])
def test_heat_in_a_cell_is_placed_in_the_middle_of_it_wherever_the_map_lies(
    inset: tuple[float, float, float, float],
) -> None:
    heatmap = np.zeros((4, 6), np.float32)
    heatmap[1, 3] = 1.0
    left, top, right, bottom = inset
    cell = 600 / ((right - left) * 6), 400 / ((bottom - top) * 4)
    place = heat_place(heatmap, (20, 30, 600, 400), inset)
    assert place is not None
    x = 20 + (3.5 - left * 6) * cell[0]
    y = 30 + (1.5 - top * 4) * cell[1]
    assert abs(place.centre[0] - x) < 0.05 * cell[0] + 1.5
    assert abs(place.centre[1] - y) < 0.05 * cell[1] + 1.5


def test_a_region_that_the_map_does_not_touch_has_no_heat() -> None:
    assert over_region(np.ones((4, 4), np.float32), (50, 50), (1.5, 0.0, 2.5, 1.0)).max() == 0.0
    assert heat_place(np.ones((4, 4), np.float32), (0, 0, 50, 50), (-3.0, 0.0, -2.0, 1.0)) is None


def test_the_hot_place_is_what_is_at_least_half_of_the_maximum() -> None:
    heatmap = np.zeros((224, 224), np.float32)
    heatmap[56:112, 112:168] = 0.8
    heatmap[0, 0] = 0.3  # not hot
    place = heat_place(heatmap, (280, 40, 448, 448))
    assert place is not None
    assert place.box == pytest.approx((280 + 224, 40 + 112, 112, 112), abs=4)
    assert place.centre == pytest.approx((280 + 280, 40 + 168), abs=2)


@pytest.mark.parametrize("size", [(640, 360), (3840, 2160), (1, 1), (5, 200)])
def test_the_hot_place_is_that_of_the_map_as_it_is_drawn(size: tuple[int, int]) -> None:
    width, height = size
    heatmap = uneven()
    drawn = over_region(heatmap, size)
    hot = np.where(drawn >= drawn.max() / 2, drawn, 0)
    rows, columns = np.nonzero(hot)
    place = heat_place(heatmap, (7, 9, width, height))
    assert place is not None
    x, y, across, down = place.box
    off = 1 + max(size) / 100
    assert (x, y) == pytest.approx((7 + columns.min(), 9 + rows.min()), abs=off)
    assert (x + across, y + down) == pytest.approx((8 + columns.max(), 10 + rows.max()), abs=off)
    middle = np.average(columns + 0.5, weights=hot[rows, columns])
    assert place.centre[0] == pytest.approx(7 + middle, abs=off)


def test_where_there_is_no_heat_there_is_no_hot_place() -> None:
    assert heat_place(np.zeros((7, 7), np.float32), (0, 0, 100, 100)) is None


def test_the_share_of_what_is_hot_within_a_box() -> None:
    heatmap = np.zeros((10, 20), np.float32)
    heatmap[2:4, 4:8] = 0.9
    heatmap[8, 15] = 0.3  # not hot beside the rest
    region = (100, 50, 200, 100)
    assert share_within(heatmap, region, (100, 50, 200, 100)) == 1
    assert share_within(heatmap, region, (140, 70, 20, 20)) == pytest.approx(0.5)
    assert share_within(heatmap, region, (240, 120, 60, 30)) == 0
    assert share_within(heatmap, region, (0, 0, 20, 20)) == 0
    assert share_within(np.zeros((3, 3), np.float32), region, region) == 0
