from itertools import combinations

import numpy as np
import pytest
from fakes import explained

from live_gradcam.explanation import Region
from live_gradcam.frame import Frame
from live_gradcam.question import Answer, Question
from live_gradcam.render import signs
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.marks import draw_viewfinder_onto, overlap
from live_gradcam.render.overlay import Overlay
from live_gradcam.render.renderer import Renderer

CORNERS = {"top left": (0, 0), "top right": (1, 0), "bottom left": (0, 1), "bottom right": (1, 1)}


def drawn_corners(background: int, region: Region, *covered: Region) -> set[str]:
    picture = np.full((720, 1280, 3), background, np.uint8)
    draw_viewfinder_onto(picture, region, covered)
    changed = (picture != background).any(axis=2)
    x, y, width, height = region
    inside = changed[y : y + height, x : x + width]
    assert changed.sum() == inside.sum()
    halves = {
        name: inside[down * height // 2 :][: height // 2, right * width // 2 :][:, : width // 2]
        for name, (right, down) in CORNERS.items()
    }
    return {name for name, half in halves.items() if half.any()}


@pytest.mark.parametrize("background", [0, 128, 255])
def test_it_marks_the_four_corners_and_stays_inside_the_region(background: int) -> None:
    assert drawn_corners(background, (280, 0, 720, 720)) == set(CORNERS)


def test_it_leaves_the_middle_alone() -> None:
    picture = np.zeros((720, 1280, 3), np.uint8)
    draw_viewfinder_onto(picture, (280, 0, 720, 720))
    assert not picture[:, 400:880].any()
    assert not picture[120:600].any()


def test_a_corner_under_the_plate_is_left_out() -> None:
    assert drawn_corners(0, (280, 0, 720, 720), (20, 580, 500, 120)) == set(CORNERS) - {"bottom left"}


def test_a_region_too_small_for_brackets_has_none() -> None:
    assert drawn_corners(0, (0, 0, 20, 20)) == set()


@pytest.mark.parametrize("size", [(320, 240), (480, 360), (640, 480)])
@pytest.mark.parametrize("name", ["cat", "German short-haired pointer, a very long name"])
def test_on_small_pictures_no_plate_covers_another_or_a_bracket(
    size: tuple[int, int], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    width, height = size
    pixels = np.full((height, width, 3), 90, np.uint8)
    frame = Frame(pixels, 0, 0.0)
    renderer = Renderer(Appearance(scale_bar=True, statistics=True))
    region = ((width - height) // 2, 0, height, height)
    renderer.add_answer(frame, Answer(Question(), (explained(region, top=((name, 0.8),)),)))
    overlay = Overlay(
        chosen="hirescam", toast="layer block5_conv3  14×14×512", statistics=("shown\t30.0 fps",) * 4
    )
    picture, _ = renderer.picture(frame, overlay)
    drawn: list[Region] = [*renderer._plates, *filter(None, [renderer._label.plate]), *renderer._brackets]
    monkeypatch.setattr(
        signs, "shade_onto", lambda _, x, y, wide, tall, *__: drawn.append((x, y, wide, tall))
    )
    renderer.with_signs(picture, seconds=3723, hint="h: keys")
    assert len(drawn) >= 5
    assert [(one, other) for one, other in combinations(drawn, 2) if overlap(one, other)] == []
