from itertools import combinations
from typing import get_args

import pytest

from live_gradcam.explanation import Region
from live_gradcam.fixed_choices import View
from live_gradcam.render.panes import footer_of, layout_of

SIZES = [(160, 120), (640, 480), (1280, 720), (721, 405), (720, 1280), (3840, 2160)]


def central(size: tuple[int, int]) -> Region:
    side = min(size)
    return (size[0] - side) // 2, (size[1] - side) // 2, side, side


def inside(inner: Region, outer: Region) -> bool:
    return all(
        outer[axis] <= inner[axis] and inner[axis] + inner[axis + 2] <= outer[axis] + outer[axis + 2]
        for axis in (0, 1)
    )


def overlap(one: Region, other: Region) -> bool:
    return all(
        one[axis] < other[axis] + other[axis + 2] and other[axis] < one[axis] + one[axis + 2]
        for axis in (0, 1)
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", get_args(View))
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7])
def test_cells_fill_the_canvas_and_each_pane_shows_what_the_network_saw(
    size: tuple[int, int], view: View, count: int
) -> None:
    seen = central(size)
    layout = layout_of(view, count, size, [seen] * count, figures=4, column=40)
    cells = [pane.cell for pane in layout.panes]
    titles = [pane.title for pane in layout.panes]
    footer = None if layout.footer is None else layout.footer.region
    parts = [*cells, *titles, layout.free, footer, layout.column]
    room = [each for each in parts if each is not None]
    assert sum(width * height for _, _, width, height in room) == size[0] * size[1]
    assert not any(overlap(one, other) for one, other in combinations(room, 2))
    several = len(cells) + (layout.free is not None) > 1
    assert (footer is not None) == several
    assert all((title is not None) == several for title in titles)
    assert 1 <= len(cells) <= 4
    for pane in layout.panes:
        assert inside(pane.place, pane.cell)
        assert inside(pane.window, (0, 0, *size))
        if count:
            assert inside(seen, pane.window)


@pytest.mark.parametrize(
    ("view", "count", "panes", "free"),
    [
        ("one", 4, 1, False),
        ("history", 1, 1, False),
        ("side", 1, 2, False),
        ("methods", 1, 1, False),
        ("methods", 2, 2, False),
        ("methods", 3, 3, True),
        ("targets", 4, 4, False),
        ("models", 4, 2, False),
        ("channels", 1, 1, True),
    ],
)
def test_each_view_has_its_panes(view: View, count: int, panes: int, free: bool) -> None:
    layout = layout_of(view, count, (1280, 720), [central((1280, 720))] * count)
    assert len(layout.panes) == panes
    assert (layout.free is not None) == free


def test_one_pane_is_the_frame_as_it_is() -> None:
    (pane,) = layout_of("one", 1, (1280, 720), [central((1280, 720))]).panes
    assert pane.cell == pane.place == pane.window == (0, 0, 1280, 720)
    assert pane.within((280, 0, 720, 720)) == (280, 0, 720, 720)


def test_side_by_side_shows_the_viewfinder_large_and_no_more_than_the_frame() -> None:
    camera, heat = layout_of("side", 1, (1280, 720), [central((1280, 720))]).panes
    assert camera.window == heat.window == (263, 0, 753, 720)
    assert camera.place == (0, 51, 640, 612)
    assert camera.title == (0, 0, 640, 51)
    assert heat.place == (640, 51, 640, 612)


def test_a_small_part_that_was_explained_is_shown_with_its_surroundings() -> None:
    for pane in layout_of("side", 1, (1280, 720), [(1200, 600, 60, 60)]).panes:
        assert pane.window == (527, 0, 753, 720)


@pytest.mark.parametrize("view", ["one", "side", "targets", "channels"])
def test_a_point_of_the_frame_is_found_again_on_the_canvas(view: View) -> None:
    for pane in layout_of(view, 4, (1280, 720), [central((1280, 720))] * 4).panes:
        x, y = pane.point(640.5, 200.5)
        found = pane.frame_point(x, y)
        assert found is not None
        assert found == pytest.approx((640, 200), abs=2)
        assert pane.frame_point(pane.cell[0] - 1, 0) is None
        assert pane.sees(640, 200)
        assert not pane.sees(-1, 200)


@pytest.mark.parametrize("view", ["side", "methods", "channels"])
def test_a_canvas_too_small_for_letters_has_panes_alone(view: View) -> None:
    layout = layout_of(view, 2, (60, 40), [central((60, 40))] * 2, figures=4, column=10)
    assert layout.footer is None
    assert layout.column is None
    assert [pane.title for pane in layout.panes] == [None] * len(layout.panes)


@pytest.mark.parametrize("size", SIZES)
def test_figures_take_at_most_a_third_of_the_canvas(size: tuple[int, int]) -> None:
    footer = footer_of(size, labelled=True, figures=5)
    assert footer is not None
    assert footer.region[3] <= size[1] / 3 + footer.row
    assert footer.figures >= 1


def test_a_frame_on_a_larger_canvas_stands_in_its_middle_as_large_as_it_fits() -> None:
    (pane,) = layout_of("one", 1, (32, 24), [(4, 0, 24, 24)], canvas=(400, 360)).panes
    assert pane.cell == (0, 0, 400, 360)
    assert pane.place == (0, 30, 400, 300)
    assert pane.window == (0, 0, 32, 24)
    assert pane.frame_point(200, 180) == (16, 12)
