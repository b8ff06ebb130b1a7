"""The proof: three pictures of one moment, with the pixels that the network saw."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from fakes import explained, panned, uneven

from live_gradcam.explanation import Region
from live_gradcam.faithfulness import Faithfulness, HeatCurve, MaskedScores
from live_gradcam.frame import Frame, Pixels
from live_gradcam.prediction import Prediction
from live_gradcam.question import Answer, Proof, Question
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.heat_smoothing import HeatSmoothing
from live_gradcam.render.overlay import Overlay
from live_gradcam.render.panes import Pane
from live_gradcam.render.proof import proof_layout
from live_gradcam.render.renderer import Renderer

SIZES = [(640, 480), (1280, 720), (720, 1280), (1920, 1080)]
PARTS: list[Region] = [(280, 0, 720, 720), (0, 0, 1280, 720), (10, 40, 200, 500)]
LOOK = Appearance(view="proof")


def proof_of(part: Region, *, alone: float = 0.78, without: float = 0.04) -> Proof:
    random = np.random.default_rng(5)
    shape = (round(224 * part[3] / part[2]), 224)
    mask = cv2.resize(random.random((5, 5)), shape[::-1], interpolation=cv2.INTER_CUBIC) > 0.6
    replacement = np.full((*shape, 3), (40, 90, 140), np.uint8)
    return Proof(
        Faithfulness(
            label="tabby",
            probability=0.83,
            heat=MaskedScores(alone, without),
            controls=(("shifted", MaskedScores(0.1, 0.7)), ("shuffled", MaskedScores(0.02, 0.8))),
        ),
        mask,
        replacement,
        part,
    )


def proved(part: Region, **scores: float) -> Answer:
    target = Prediction(0, "tabby", 0.83)
    explanation = explained(part, uneven(), top=(("tabby", 0.83), ("lynx", 0.1)), target=target)
    return Answer(Question(proof=0.25), (explanation,), proof=proof_of(part, **scores))


def central(size: tuple[int, int]) -> Region:
    side = min(size)
    return (size[0] - side) // 2, (size[1] - side) // 2, side, side


def drawn(
    size: tuple[int, int], part: Region | None = None, *, later: float = 0.0, **scores: float
) -> tuple[Pixels, tuple[Pane, ...], Frame]:
    part = part or central(size)
    renderer = Renderer(LOOK, motion="off", smoothing=HeatSmoothing())
    frame = Frame(panned(size=size), 0, 10.0)
    renderer.add_answer(frame, proved(part, **scores))
    shown = frame if not later else Frame(panned(size=size), 1, 10.0 + later)
    picture, _ = renderer.picture(shown)
    return picture, proof_layout(size, part).panes, frame


def within(picture: Pixels, region: Region) -> Pixels:
    x, y, width, height = region
    return picture[y : y + height, x : x + width]


@pytest.mark.parametrize("canvas", [*SIZES, (160, 120), (3840, 2160)])
@pytest.mark.parametrize("part", PARTS)
def test_the_panes_lie_on_the_canvas_do_not_overlap_and_have_one_size_and_the_part_s_aspect(
    canvas: tuple[int, int], part: Region
) -> None:
    layout = proof_layout(canvas, part)
    end = canvas[1] if layout.footer is None else layout.footer.region[1]
    covered = np.zeros((canvas[1], canvas[0]), int)
    for pane in layout.panes:
        for x, y, wide, high in filter(None, (pane.place, pane.title, pane.figure)):
            assert x >= 0
            assert y >= 0
            assert x + wide <= canvas[0]
            assert y + high <= end
            covered[y : y + high, x : x + wide] += 1
        assert pane.window == part
        assert pane.place[2] / part[2] == pytest.approx(pane.place[3] / part[3], abs=1.5 / min(part[2:]))
    assert covered.max() == 1
    sizes = np.array([pane.place[2:] for pane in layout.panes])
    assert np.ptp(sizes, axis=0).max() <= 1


def in_window(frame_size: tuple[int, int], room: tuple[int, int] | None, part: Region) -> tuple[float, int]:
    """Return the width of a picture of the proof in a window, and the height of the canvas there, in pixels of it."""
    renderer = Renderer(LOOK, motion="off", smoothing=HeatSmoothing(), legible=True)
    renderer.room = room
    frame = Frame(panned(size=frame_size), 0, 10.0)
    renderer.add_answer(frame, proved(part))
    high, wide = renderer.picture(frame)[0].shape[:2]
    assert renderer._layout is not None
    widest = room or frame_size
    scale = min(widest[0] / wide, widest[1] / high)
    return renderer._layout.panes[0].place[2] * scale, round(high * scale)


@pytest.mark.parametrize(
    ("size", "room", "part", "gain"),
    [
        ((720, 1280), (1280, 720), (0, 0, 720, 1280), 1.9),
        ((720, 1280), (1280, 720), (0, 280, 720, 720), 2.1),
        ((1280, 720), (720, 1280), (0, 0, 1280, 720), 1.9),
        ((1280, 720), (720, 1280), (280, 0, 720, 720), 1.4),
        ((480, 640), (1920, 1080), (0, 80, 480, 480), 2.2),
    ],
)
def test_the_proof_fills_a_window_of_another_shape_than_the_photo(
    size: tuple[int, int], room: tuple[int, int], part: Region, gain: float
) -> None:
    scale = min(room[0] / size[0], room[1] / size[1])
    before = scale * in_window(size, None, part)[0]
    wide, high = in_window(size, room, part)
    assert wide > gain * before
    assert high == pytest.approx(room[1], abs=2)


@pytest.mark.parametrize("room", [None, (640, 370), (1280, 720), (100, 700), (2000, 300)])
def test_a_window_of_the_shape_of_the_photo_or_too_narrow_for_text_changes_nothing(
    room: tuple[int, int] | None,
) -> None:
    renderer = Renderer(LOOK, legible=True)
    renderer.room = room
    assert renderer.canvas((640, 360)) == (640, 360)
    renderer.room = (360, 640)
    assert renderer.canvas((640, 360)) == (360, 640)
    for view in ("one", "history"):
        alone = Renderer(Appearance(view=view), legible=True)
        alone.room = (360, 640)
        assert alone.canvas((640, 360)) == (640, 360)
    recorded = Renderer(LOOK)
    recorded.room = (360, 640)
    assert recorded.canvas((640, 360)) == (640, 360)


@pytest.mark.parametrize("canvas", [*SIZES, (320, 240), (3840, 2160)])
@pytest.mark.parametrize("part", PARTS)
def test_the_curves_cover_neither_pictures_nor_titles_nor_figures(
    canvas: tuple[int, int], part: Region
) -> None:
    renderer = Renderer(LOOK, motion="off", smoothing=HeatSmoothing())
    size = (1280, 720)
    frame = Frame(panned(size=size), 0, 10.0)
    curves = tuple(
        HeatCurve(way, name, "tabby", (0.0, 1.0), (0.5, 0.5), 0.5)
        for name in ("gradcam", "")
        for way in ("deletion", "insertion")
    )
    tests = renderer.tests
    tests.add_answer(frame, replace(proved(part), curves=curves))
    layout = tests.layout(LOOK, canvas, 0)
    assert layout is not None
    panel = tests._panel
    assert panel is not None
    x, y, wide, high = panel.place
    covered = np.zeros((canvas[1], canvas[0]), bool)
    covered[y : y + high, x : x + wide] = True
    for pane in layout.panes:
        for place in filter(None, (pane.place, pane.title, pane.figure)):
            assert not within(covered, place).any()
        assert min(pane.place[2:]) > min(canvas) / 16
    if layout.footer is not None:
        assert not within(covered, layout.footer.region).any()


@pytest.mark.parametrize(
    ("canvas", "part", "in_a_row"),
    [
        ((1280, 720), (280, 0, 720, 720), True),
        ((720, 1280), (0, 280, 720, 720), False),  # squares are larger below each other
        ((720, 1280), (0, 0, 720, 1280), True),  # an upright frame as a whole
        ((720, 1280), (0, 0, 1280, 720), False),
    ],
)
def test_the_pictures_lie_where_they_are_larger(
    canvas: tuple[int, int], part: Region, in_a_row: bool
) -> None:
    first, second, third = (pane.place for pane in proof_layout(canvas, part).panes)
    assert (np.ptp([first[1], second[1], third[1]]) <= 1) == in_a_row
    assert (np.ptp([first[0], second[0], third[0]]) <= 1) != in_a_row


@pytest.mark.parametrize(
    ("canvas", "part"), [((720, 1280), (0, 0, 720, 1280)), ((720, 1280), (0, 280, 720, 720))]
)
def test_on_an_upright_canvas_the_probability_is_at_least_a_third_as_high_as_its_picture_is_wide(
    canvas: tuple[int, int], part: Region
) -> None:
    renderer = Renderer(LOOK, motion="off", smoothing=HeatSmoothing())
    frame = Frame(np.full((canvas[1], canvas[0], 3), 90, np.uint8), 0, 10.0)
    renderer.add_answer(frame, proved(part))
    picture, _ = renderer.picture(frame)
    pane = proof_layout(canvas, part).panes[0]
    assert pane.figure is not None
    white = within(picture, pane.figure).min(axis=-1) > 250
    rows = np.nonzero(white.any(axis=1))[0]
    assert rows[-1] - rows[0] > 0.2 * pane.place[2]
    assert np.nonzero(white.any(axis=0))[0][0] > 0, "nothing is cut"


@pytest.mark.parametrize("size", SIZES)
def test_the_pictures_have_the_frame_s_pixels_in_the_mask_and_the_replacement_elsewhere(
    size: tuple[int, int],
) -> None:
    picture, panes, frame = drawn(size)
    part = central(size)
    mask = proof_of(part).mask
    for pane, is_kept in zip(panes[1:], (True, False), strict=True):
        wide, high = pane.place[2:]
        image = cv2.resize(within(frame.pixels, part), (wide, high), interpolation=cv2.INTER_AREA)
        inside = cv2.resize(mask.astype(np.float32), (wide, high), interpolation=cv2.INTER_LINEAR)
        seen = within(picture, pane.place)
        sure_in, sure_out = inside > 0.95, inside < 0.05
        assert sure_in.sum() > 500
        kept, replaced = (sure_in, sure_out) if is_kept else (sure_out, sure_in)
        np.testing.assert_array_equal(seen[kept], image[kept])
        assert (seen[replaced] == (40, 90, 140)).all()


def test_the_first_picture_is_the_frame_with_its_heat_and_the_outline_of_the_hottest_part() -> None:
    size = (1280, 720)
    picture, panes, frame = drawn(size)
    first = within(picture, panes[0].place).astype(int)
    wide, high = panes[0].place[2:]
    image = cv2.resize(within(frame.pixels, central(size)), (wide, high), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(proof_of(central(size)).mask.astype(np.uint8) * 255, (wide, high))
    edge = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0
    white = first.min(axis=-1) > 250
    assert white[edge].mean() > 0.5
    assert white[~edge].mean() < 0.02
    assert np.abs(first - image)[~edge].mean() > 10, "there is heat"


def test_the_verdict_is_green_or_amber() -> None:
    def of(alone: float, without: float) -> tuple[int, int]:
        picture, _, _ = drawn((1280, 720), alone=alone, without=without)
        footer = picture[-60:].astype(int)
        green = (footer[..., 1] > 180) & (footer[..., 2] < 140)
        amber = (footer[..., 2] > 200) & (footer[..., 0] < 140)
        return int(green.sum()), int(amber.sum())

    holds, fails = of(0.78, 0.04), of(0.01, 0.8)
    assert holds[0] > 300
    assert holds[1] == 0
    assert fails[0] == 0
    assert fails[1] > 300


def test_the_same_moment_is_shown_until_the_next_and_says_how_old_it_is() -> None:
    now, panes, _ = drawn((1280, 720))
    soon, _, _ = drawn((1280, 720), later=0.9)
    late, _, _ = drawn((1280, 720), later=1.6)
    assert np.array_equal(now, soon)
    assert not np.array_equal(now, late)
    for pane in panes:
        assert np.array_equal(within(now, pane.place), within(late, pane.place))


def test_a_moment_that_is_drawn_again_gives_the_same_picture() -> None:
    renderer = Renderer(LOOK, motion="off", smoothing=HeatSmoothing())
    size = (640, 480)
    frame = Frame(panned(size=size), 0, 10.0)
    renderer.add_answer(frame, proved(central(size)))
    first, _ = renderer.picture(frame)
    first = first.copy()
    again, _ = renderer.picture(Frame(panned(40, size=size), 1, 10.1))
    assert np.array_equal(first, again)
    assert not np.shares_memory(first, again)


def test_where_there_can_be_no_proof_one_picture_says_why() -> None:
    size = (640, 480)
    frame = Frame(panned(size=size), 0, 10.0)
    answer = replace(proved(central(size)), proof=None, unproved="no test: there is no heat")
    renderer = Renderer(LOOK, motion="off", smoothing=HeatSmoothing())
    renderer.add_answer(frame, answer)
    one = Renderer(replace(LOOK, view="one"), motion="off", smoothing=HeatSmoothing())
    one.add_answer(frame, answer)
    expected, _ = one.picture(frame, Overlay(notice="no test: there is no heat"))
    assert np.array_equal(renderer.picture(frame)[0], expected)
    assert renderer.tests.shown is None


def test_a_proof_of_another_scene_is_dropped() -> None:
    size = (640, 480)
    frame = Frame(panned(size=size), 0, 10.0)
    renderer = Renderer(LOOK, motion="off", smoothing=HeatSmoothing())
    renderer.add_answer(frame, proved(central(size)))
    renderer.picture(frame)
    assert renderer.tests.shown is not None
    renderer.cut()
    renderer.picture(Frame(panned(40, size=size), 1, 10.1))
    assert renderer.tests.shown is None
