import cv2
import numpy as np
import pytest

from live_gradcam.explanation import HeatMap, Region
from live_gradcam.frame import Pixels
from live_gradcam.render.appearance import Style
from live_gradcam.render.heat import colours_of
from live_gradcam.render.styles import CONTOURS, kept_at, paint_onto

REGION = (80, 0, 360, 360)
JET = cv2.COLORMAP_JET
STYLES: list[Style] = ["overlay", "fade", "contours", "masked", "heat"]


def image() -> Pixels:
    coarse = np.random.default_rng(0).integers(60, 256, (9, 13, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (520, 360), interpolation=cv2.INTER_CUBIC), np.uint8)


def ramp() -> HeatMap:
    """Heat that grows from left to right."""
    return np.tile(np.linspace(0, 1, 129, dtype=np.float32), (129, 1))


def painted(style: Style, *, region: Region = REGION, opacity: float = 1.0, alpha: float = 0.4) -> Pixels:
    picture = np.full((360, 520, 3), 77, np.uint8)
    paint_onto(picture, image(), ramp(), region, style=style, alpha=alpha, colormap=JET, opacity=opacity)
    return picture


@pytest.mark.parametrize("style", STYLES)
def test_without_heat_the_image_is_painted_as_it_is(style: Style) -> None:
    assert np.array_equal(painted(style, opacity=0.0), image())
    picture = np.zeros((360, 520, 3), np.uint8)
    paint_onto(picture, image(), None, REGION, style=style, alpha=0.4, colormap=JET)
    assert np.array_equal(picture, image())


@pytest.mark.parametrize("style", STYLES)
def test_heat_fades_in_without_a_jump(style: Style) -> None:
    means = [np.abs(painted(style, opacity=each) - image().astype(int)).mean() for each in (0.02, 0.5, 1.0)]
    assert means[0] < 0.1 * means[2] + 0.2
    assert means[0] < means[1] < means[2]


@pytest.mark.parametrize("style", STYLES)
def test_a_part_of_a_larger_picture_can_be_painted(style: Style) -> None:
    large = np.zeros((400, 800, 3), np.uint8)
    paint_onto(large[20:380, 100:620], image(), ramp(), REGION, style=style, alpha=0.4, colormap=JET)
    assert np.array_equal(large[20:380, 100:620], painted(style))
    assert not large[:20].any()
    assert not large[:, :100].any()


@pytest.mark.parametrize("share", CONTOURS)
def test_contours_run_where_the_heat_is_a_quarter_a_half_and_three_quarters(share: float) -> None:
    picture = painted("contours")
    colour = colours_of(JET)[round(255 * share), 0].astype(int)
    rows, columns = np.nonzero(np.abs(picture - colour).max(axis=2) < 8)
    line = columns[(rows > 60) & (rows < 300)]
    assert len(line) > 240
    assert np.median(line) == pytest.approx(80 + share * 360, abs=5)


def test_contours_leave_the_rest_of_the_picture_alone() -> None:
    changed = (painted("contours") != image()).any(axis=2)
    assert not changed[:, :80].any()
    assert not changed[:, 440:].any()
    assert changed.mean() < 0.1


def test_a_masked_picture_is_bright_where_it_is_hot_and_grey_and_dim_elsewhere() -> None:
    picture = painted("masked")
    assert np.abs(picture[:, 400:438].astype(int) - image()[:, 400:438]).max() <= 1
    cold, outside = picture[:, 82:120].astype(int), picture[:, :80].astype(int)
    for dim in (cold, outside):
        assert np.ptp(dim, axis=2).max() <= 1
    grey = cv2.cvtColor(image(), cv2.COLOR_BGR2GRAY)
    assert cold.mean() == pytest.approx(kept_at(0.4) * grey[:, 82:120].mean(), rel=0.05)


def test_a_stronger_masking_is_darker() -> None:
    assert painted("masked", alpha=0.8)[:, :80].mean() < 0.5 * painted("masked", alpha=0.4)[:, :80].mean()


def test_heat_alone_is_the_colour_map_over_the_region_and_the_rest_is_dimmed() -> None:
    picture = painted("heat")
    middle = colours_of(JET)[128, 0].astype(int)
    assert np.abs(picture[:, 260].astype(int) - middle).max() <= 12
    assert picture[:, :80].mean() == pytest.approx(0.3 * image()[:, :80].mean(), rel=0.03)


def test_heat_that_fades_leaves_cold_places_as_they_are_and_gives_hot_ones_their_full_colour() -> None:
    image = np.full((120, 120, 3), (250, 245, 240), np.uint8)
    ramp = np.tile(np.linspace(0, 1, 120, dtype=np.float32), (120, 1))
    picture = np.empty_like(image)
    paint_onto(picture, image, ramp, (0, 0, 120, 120), style="fade", alpha=0.5, colormap=cv2.COLORMAP_JET)
    assert np.array_equal(picture[:, :16], image[:, :16])
    jet = cv2.applyColorMap(np.rint(ramp * 255).astype(np.uint8), cv2.COLORMAP_JET)
    assert np.abs(picture[:, 95:].astype(int) - jet[:, 95:]).max() <= 12  # within a level of heat or two
    middle = picture[60, 54].astype(int)
    share = ((54 / 119) - 0.15) / 0.6
    weight = share * share * (3 - 2 * share)
    assert middle == pytest.approx((1 - weight) * image[60, 54] + weight * jet[60, 54], abs=6)
