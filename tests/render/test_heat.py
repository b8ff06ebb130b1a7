import cv2
import numpy as np
from fakes import uneven

from live_gradcam.heatmap import enlarge
from live_gradcam.render.heat import draw_heat_onto


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
