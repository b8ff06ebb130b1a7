from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from fakes import explained, warm_in_the_middle

import live_gradcam as lg
from live_gradcam.errors import RenderError
from live_gradcam.frame import Pixels

CENTRE = (280, 0, 720, 720)
WHOLE_FRAME = (0, 0, 1280, 720)


def photograph(width: int = 1280, height: int = 720) -> Pixels:
    """Something of every brightness, the same each time."""
    coarse = np.random.default_rng(0).integers(0, 256, (9, 16, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def test_the_picture_is_new_and_the_image_is_left_as_it_is() -> None:
    image = photograph()
    kept = image.copy()
    picture = lg.draw(image, explained(CENTRE))
    assert np.array_equal(image, kept)
    assert not np.shares_memory(picture, image)
    assert picture.shape == image.shape
    assert picture.dtype == np.uint8


def test_the_heat_is_drawn_over_the_region_and_nowhere_else() -> None:
    image = photograph()
    picture = lg.draw(image, explained(CENTRE))
    above_the_plate = slice(0, 550)
    assert np.array_equal(picture[above_the_plate, :280], image[above_the_plate, :280])
    assert np.array_equal(picture[:, 1000:], image[:, 1000:])
    assert (picture[100:500, 320:960] != image[100:500, 320:960]).any(axis=2).mean() > 0.99


def test_the_peak_is_red_under_jet_and_the_rest_is_blue() -> None:
    image = np.full((720, 1280, 3), 128, np.uint8)
    picture = lg.draw(image, explained(CENTRE))
    blue, green, red = picture[360, 640].tolist()
    assert (blue, green, red) == pytest.approx((77, 77, 128), abs=2)  # 0.6 of grey, 0.4 of jet's dark red
    blue, green, red = picture[360, 320].tolist()
    assert (blue, green, red) == pytest.approx((128, 77, 77), abs=2)


def test_where_the_whole_frame_was_seen_there_are_no_brackets() -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    nothing = lg.draw(image, explained(WHOLE_FRAME, has_evidence=False))
    assert not nothing[:500].any()
    assert lg.draw(image, explained(CENTRE, has_evidence=False))[:500].any()


def test_without_evidence_the_frame_stays_as_it_is_but_for_the_marks() -> None:
    image = photograph()
    picture = lg.draw(image, explained(WHOLE_FRAME, has_evidence=False))
    changed = (picture != image).any(axis=2)
    assert changed.any()
    assert not changed[: 720 * 3 // 4].any()
    assert not changed[:, 640:].any()


def test_alpha_zero_shows_no_heat_and_alpha_one_nothing_else() -> None:
    image = photograph()
    seen = (slice(200, 500), slice(320, 960))
    assert np.array_equal(lg.draw(image, explained(CENTRE), alpha=0.0)[seen], image[seen])
    other = np.full_like(image, 200)
    full = [lg.draw(background, explained(CENTRE), alpha=1.0)[seen] for background in (image, other)]
    assert np.array_equal(full[0], full[1])


def test_another_colour_map_gives_other_colours() -> None:
    image = photograph()
    jet, viridis = (lg.draw(image, explained(CENTRE), colormap=name) for name in ("jet", "viridis"))
    assert not np.array_equal(jet, viridis)


def test_heat_over_borders_is_not_drawn() -> None:
    hot_above = warm_in_the_middle()
    hot_above[0] = 1.0
    image = np.full((300, 700, 3), 128, np.uint8)
    padded = explained((0, 0, 700, 300), hot_above, inset=(0.0, 2 / 7, 1.0, 5 / 7))
    assert lg.draw(image, padded)[2, 350].tolist() == pytest.approx([128, 128, 128], abs=60)
    assert lg.draw(image, padded)[149, 349].tolist() == pytest.approx([77, 77, 128], abs=2)


@pytest.mark.parametrize("size", [(160, 120), (640, 480), (720, 1280), (3840, 2160), (33, 17), (1, 1)])
def test_any_size_can_be_drawn_on(size: tuple[int, int]) -> None:
    width, height = size
    side = min(size)
    picture = lg.draw(photograph(*size), explained(((width - side) // 2, (height - side) // 2, side, side)))
    assert picture.shape == (height, width, 3)


def test_a_flipped_view_can_be_drawn_on() -> None:
    image = photograph()
    flipped = image[:, ::-1]
    assert np.array_equal(lg.draw(flipped, explained(CENTRE)), lg.draw(flipped.copy(), explained(CENTRE)))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (None, "the image is a NoneType"),
        (np.zeros((720, 1280), np.uint8), r"the image has the shape \(720, 1280\)"),
        (np.zeros((720, 1280, 4), np.uint8), r"the image has the shape \(720, 1280, 4\)"),
        (np.zeros((0, 0, 3), np.uint8), r"the image has the shape \(0, 0, 3\)"),
        (np.zeros((720, 1280, 3), np.float32), "the image's dtype is float32"),
    ],
)
def test_what_is_no_picture_is_refused(image: Any, message: str) -> None:
    with pytest.raises(RenderError, match=message + r": draw needs an \(H, W, 3\) uint8 BGR array"):
        lg.draw(image, explained(CENTRE))


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_alpha_out_of_its_range_is_refused(alpha: float) -> None:
    with pytest.raises(RenderError, match=rf"alpha is {alpha}: it must lie between 0 .* and 1"):
        lg.draw(photograph(), explained(CENTRE), alpha=alpha)


def test_an_explanation_of_a_larger_frame_is_refused() -> None:
    with pytest.raises(
        RenderError,
        match=r"region \(x 280, y 0, 720×720\) reaches beyond the image \(640×480\): draw it on the frame",
    ):
        lg.draw(photograph(640, 480), explained(CENTRE))


def test_an_unknown_colour_map_is_refused_with_the_nearest() -> None:
    with pytest.raises(RenderError, match=r"unknown colour map 'jett'\. Did you mean jet\?"):
        lg.draw(photograph(), explained(CENTRE), colormap="jett")


def test_who_is_not_sure_says_so_on_a_single_picture_too() -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    sure, unsure = (
        lg.draw(image, explained(WHOLE_FRAME, top=(("tabby", share),), has_evidence=False))
        for share in (0.9, 0.1)
    )
    assert sure.max() == 255
    assert unsure[500:].max() < 255  # grey letters


def test_heat_for_a_class_that_the_network_is_not_sure_of_is_faint_unless_the_viewer_chose_it() -> None:
    image = np.full((720, 1280, 3), 128, np.uint8)
    unsure = replace(explained(CENTRE, top=(("kite", 0.04),)), automatic=True)
    faint, full = lg.draw(image, unsure), lg.draw(image, replace(unsure, automatic=False))
    at = 360, 640
    assert np.abs(faint[at].astype(int) - 128).max() <= 0.2 * np.abs(full[at].astype(int) - 128).max()
