import cv2
import numpy as np
import pytest
from fakes import warm_in_the_middle

from live_gradcam.explanation import HeatMap
from live_gradcam.render.heat import draw_heat_onto, enlarge, over_region


def uneven(rows: int = 7, columns: int = 7) -> HeatMap:
    heatmap = np.random.default_rng(3).random((rows, columns), dtype=np.float32) ** 3
    return np.asarray(heatmap / heatmap.max(), np.float32)


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


def test_the_colours_are_blended_as_the_formula_says() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (90, 160, 3), np.uint8)
    heatmap, (x, y, width, height) = uneven(), (35, 5, 80, 80)
    picture = image.copy()
    draw_heat_onto(picture, heatmap, (x, y, width, height), 0.4, cv2.COLORMAP_JET)

    inside, drawn = image[y : y + height, x : x + width], picture[y : y + height, x : x + width]
    heat = np.rint(255 * enlarge(heatmap, (width, height)))
    nearest = np.full(inside.shape[:2], 255)
    for off in (-1, 0, 1):  # the heat is drawn to one of its 255 levels
        colours = cv2.applyColorMap(np.clip(heat + off, 0, 255).astype(np.uint8), cv2.COLORMAP_JET)
        expected = cv2.addWeighted(inside, 0.6, colours, 0.4, 0).astype(np.int32)
        nearest = np.minimum(nearest, np.abs(drawn - expected).max(axis=2))
    assert nearest.max() == 0
    outside = np.ones(image.shape[:2], bool)
    outside[y : y + height, x : x + width] = False
    assert np.array_equal(picture[outside], image[outside])


def test_the_picture_below_the_heat_may_be_another_than_the_one_drawn_onto() -> None:
    image = np.random.default_rng(1).integers(0, 256, (90, 160, 3), np.uint8)
    region = (35, 5, 80, 80)
    picture, onto = image.copy(), np.zeros_like(image)
    draw_heat_onto(picture, uneven(), region, 0.4, cv2.COLORMAP_JET)
    draw_heat_onto(onto, uneven(), region, 0.4, cv2.COLORMAP_JET, image=image)
    assert np.array_equal(onto[5:85, 35:115], picture[5:85, 35:115])
    assert not onto[:5].any()
