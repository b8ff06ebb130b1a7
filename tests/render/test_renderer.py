"""The renderer: every view of the same frames, drawn twice alike, at any size."""

import hashlib
from dataclasses import replace
from functools import cache
from typing import get_args

import numpy as np
import pytest
from fakes import answered, explained, panned, valued, warm_in_the_middle

from live_gradcam.explanation import Explanation, Region
from live_gradcam.faithfulness import HeatCurve
from live_gradcam.fixed_choices import View
from live_gradcam.frame import Frame, Pixels
from live_gradcam.prediction import Prediction
from live_gradcam.question import Answer, Channel, ConceptMaps
from live_gradcam.render import canvas
from live_gradcam.render.appearance import Appearance, Style
from live_gradcam.render.canvas import legible_canvas
from live_gradcam.render.heat_smoothing import HeatSmoothing
from live_gradcam.render.history import ribbon_height
from live_gradcam.render.indicators import scale_column_width
from live_gradcam.render.marks import overlap
from live_gradcam.render.overlay import Overlay
from live_gradcam.render.panes import Pane, footer_of, layout_of
from live_gradcam.render.renderer import Renderer
from live_gradcam.translations import words_of
from live_gradcam.viewer_input import HELP

SIZE = (640, 360)
SIZES = [(160, 120), (640, 480), (720, 1280), (1920, 1080), (33, 17)]
CATS = (("Egyptian cat", 0.62), ("tabby", 0.18), ("tiger cat", 0.09), ("lynx", 0.05), ("puma", 0.01))
OVERLAY = Overlay(
    notice="camera lost, reconnecting",
    busy="compiling hirescam …",
    toast="method hirescam",
    frozen=True,
    probe=(320, 180),
    statistics=("shown\t30.0 fps",),
)


@cache
def seen(index: int, size: tuple[int, int] = SIZE) -> Pixels:
    """What a camera sees that moves to the right."""
    pixels = panned(4 * index, size=size)
    pixels.flags.writeable = False
    return pixels


def frame(index: int, pixels: Pixels | None = None) -> Frame:
    return Frame(seen(index) if pixels is None else pixels, index, index / 30)


def cat(size: tuple[int, int] = SIZE, *, rank: int = 0, method: str = "gradcam") -> Explanation:
    side = min(size)
    region = ((size[0] - side) // 2, (size[1] - side) // 2, side, side)
    heat = np.roll(warm_in_the_middle(), rank, axis=1)
    target = Prediction(rank, *CATS[rank])
    return replace(explained(region, heat, top=CATS, target=target), method=method)


def answer(view: View, size: tuple[int, int] = SIZE) -> Answer:
    """What is asked for a view."""
    if view == "methods":
        return answered(*(cat(size, method=each) for each in ("gradcam", "hirescam", "layercam")))
    if view == "targets":
        return answered(*(cat(size, rank=rank) for rank in range(4)))
    if view == "models":
        return answered(cat(size), cat(size, rank=0), models=2)
    if view == "concepts":
        return replace(answered(cat(size)), concepts=concepts(cat(size).region))
    channels = tuple(Channel(n, 0.1 - n / 50, warm_in_the_middle()) for n in range(9))
    return answered(cat(size), channels=channels if view == "channels" else ())


def concepts(region: Region) -> ConceptMaps:
    """Three concepts, of which the network knows two."""
    strengths = np.stack([np.roll(warm_in_the_middle(), shift, axis=1) for shift in (0, 2, 5)])
    names = (Prediction(3, "Egyptian cat", 0.62), Prediction(1, "tabby", 0.1), None)
    return ConceptMaps(strengths, names, region)


def show(look: Appearance, frames: int = 4, overlay: Overlay | None = None) -> list[Pixels]:
    renderer = Renderer(look, models=("lite0", "vgg16"))
    pictures = []
    for index in range(frames):
        renderer.add_answer(frame(index), answer(look.view))
        pictures.append(renderer.picture(frame(index), overlay)[0])
    return pictures


def test_before_the_first_answer_the_frame_is_shown_and_a_word() -> None:
    renderer = Renderer()
    picture, tracked = renderer.picture(frame(0))
    assert tracked is None
    assert np.array_equal(picture[60:], frame(0).pixels[60:])
    assert not np.array_equal(picture[:60], frame(0).pixels[:60])


@pytest.mark.parametrize("view", get_args(View))
@pytest.mark.parametrize("style", get_args(Style))
def test_the_same_frames_give_the_same_pictures_bit_for_bit(view: View, style: Style) -> None:
    look = Appearance(view=view, style=style, scale_bar=True, statistics=True)
    once, twice = (
        [hashlib.sha256(picture.tobytes()).hexdigest() for picture in show(look, overlay=OVERLAY)]
        for _ in range(2)
    )
    assert once == twice
    assert len(set(once)) == len(once)


@pytest.mark.parametrize("view", get_args(View))
def test_the_help_shows_nothing_that_was_in_memory_before(
    view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    def picture_after(value: int) -> Pixels:
        monkeypatch.setattr(np, "empty", lambda shape, dtype=float: np.full(shape, value, dtype))
        return show(Appearance(view=view), frames=1, overlay=Overlay(help=HELP))[0]

    assert np.array_equal(picture_after(0), picture_after(255))


@pytest.mark.parametrize("view", get_args(View))
@pytest.mark.parametrize("size", SIZES)
def test_every_view_has_the_frame_s_size_and_leaves_the_frame_as_it_is(
    view: View, size: tuple[int, int]
) -> None:
    renderer = Renderer(Appearance(view=view, scale_bar=True, statistics=True))
    pixels = seen(0, size)  # it cannot be written to
    renderer.add_answer(frame(0, pixels), answer(view, size))
    picture, tracked = renderer.picture(frame(0, pixels), OVERLAY)
    assert picture.shape == pixels.shape
    assert tracked is not None
    assert not np.shares_memory(picture, pixels)


@pytest.mark.parametrize("view", get_args(View))
def test_the_sign_of_a_recording_stands_on_a_copy_and_changes_nothing_else(view: View) -> None:
    renderer = Renderer(Appearance(view=view, statistics=True))
    renderer.add_answer(frame(0), answer(view))
    picture, _ = renderer.picture(frame(0), OVERLAY)
    before = picture.copy()
    signed = renderer.with_signs(picture, seconds=72.0)
    assert np.array_equal(picture, before)
    changed = (signed != picture).any(axis=2)
    red = (signed[..., 2] > 200) & (signed[..., 1] < 80) & (signed[..., 0] < 80)
    assert 20 < (red & changed).sum() < 300
    rows, columns = np.nonzero(changed)
    assert np.ptp(rows) < 40
    assert np.ptp(columns) < 90


@pytest.mark.parametrize("view", get_args(View))
def test_a_view_whose_answer_has_not_come_yet_shows_what_there_is(view: View) -> None:
    renderer = Renderer(Appearance(view=view))
    assert renderer.picture(frame(0))[0].shape == (360, 640, 3)
    renderer.add_answer(frame(0), answered(cat()))
    assert renderer.picture(frame(0))[0].shape == (360, 640, 3)
    renderer.add_answer(frame(1), answer("targets"))
    assert renderer.picture(frame(1))[0].shape == (360, 640, 3)


def test_a_new_look_shows_on_the_very_next_picture_even_of_the_same_frame() -> None:
    renderer = Renderer(Appearance())
    renderer.add_answer(frame(0), answer("targets"))
    pictures = [renderer.picture(frame(0))[0]]
    for changed in (
        Appearance(colormap="viridis"),
        Appearance(alpha=0.8),
        Appearance(style="contours"),
        Appearance(view="side"),
        Appearance(view="targets"),
        Appearance(scale_bar=True),
    ):
        renderer.appearance = changed
        pictures.append(renderer.picture(frame(0))[0])
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)


def test_a_new_answer_about_a_frozen_frame_is_on_its_next_picture() -> None:
    renderer = Renderer(Appearance())
    renderer.add_answer(frame(0), answered(cat()))
    before, _ = renderer.picture(frame(0))
    dog = explained(cat().region, np.roll(warm_in_the_middle(), 2, axis=1), top=(("beagle", 0.9),))
    renderer.add_answer(frame(0), answered(dog))
    after, tracked = renderer.picture(frame(0))
    assert tracked is not None
    assert tracked.explanation is dog
    fresh = Renderer(Appearance())
    fresh.add_answer(frame(0), answered(dog))
    assert np.array_equal(after[250:, :250], fresh.picture(frame(0))[0][250:, :250])
    assert not np.array_equal(before, after)


def test_side_by_side_has_the_camera_at_the_left_and_heat_at_the_right() -> None:
    wall = np.full((360, 640, 3), 150, np.uint8)
    renderer = Renderer(Appearance(view="side"))
    renderer.add_answer(frame(0, wall), answer("side"))
    picture, _ = renderer.picture(frame(0, wall))
    assert (picture[60:150, 20:300] == 150).all()
    assert (np.ptp(picture[60:150, 340:620], axis=2) > 20).all()


def panes_of(view: View) -> tuple[Pane, ...]:
    """Where the panes of a view lie in pictures of the usual size."""
    regions = [each.region for each in answer(view).explanations]
    return layout_of(view, len(regions), SIZE, regions).panes


def test_each_target_has_a_pane_with_its_own_heat() -> None:
    picture = show(Appearance(view="targets", style="heat"))[-1].astype(int)
    hottest = []
    for pane in panes_of("targets"):
        left, top, width, height = pane.place
        within = picture[top + height // 4 : top + height, left + width // 4 : left + 3 * width // 4]
        red = within[..., 2] - within[..., 0]
        hottest.append(int(np.argmax(red.sum(axis=0))))
    assert hottest == sorted(hottest)
    assert hottest[3] - hottest[0] > 50


def test_bars_move_smoothly_and_only_with_the_frames_time() -> None:
    renderer = Renderer(Appearance())
    region = (280, 0, 720, 720)
    pixels = seen(0, (1280, 720))
    answers = [answered(explained(region, top=CATS)), answered(explained(region, top=(("beagle", 0.9),)))]
    shown = []
    for index in range(10):
        moment = Frame(pixels, index, index / 30)
        renderer.add_answer(moment, answers[index > 0])
        picture, _ = renderer.picture(moment)
        blue = picture[480:600, 30:330].astype(int)
        shown.append(int((blue[..., 0] - blue[..., 2] > 100).sum()))
    assert len(set(shown)) > 5


def test_a_point_of_the_picture_is_a_point_of_the_frame_in_every_pane() -> None:
    renderer = Renderer(Appearance(view="targets"))
    assert renderer.place_in_frame((10, 10)) is None
    renderer.add_answer(frame(0), answer("targets"))
    renderer.picture(frame(0))
    for pane in panes_of("targets"):
        x, y = pane.point(200.5, 100.5)
        assert renderer.place_in_frame((round(x), round(y))) == pytest.approx((200, 100), abs=2)
    renderer.appearance = Appearance(view="side")
    renderer.picture(frame(0))
    assert renderer.place_in_frame((5, 5)) is None


def test_the_heat_at_the_probe_is_told_in_every_pane() -> None:
    plain, probed = (
        show(Appearance(view="targets"), overlay=overlay)[-1] for overlay in (None, Overlay(probe=(320, 60)))
    )
    changed = (plain != probed).any(axis=2)
    for rows in (slice(0, 180), slice(180, 360)):
        for columns in (slice(0, 320), slice(320, 640)):
            assert changed[rows, columns].any()


def test_a_rectangle_is_drawn_over_its_place_in_every_pane() -> None:
    picture = show(Appearance(view="targets"), overlay=Overlay(rectangle=(200, 100, 240, 160)))[-1]
    for pane in panes_of("targets"):
        x, y, width, _ = pane.within((200, 100, 240, 160))
        edge = picture[pane.place[1] + y, pane.place[0] + x + 10 : pane.place[0] + x + width - 10]
        assert edge.min() == 255


def test_without_evidence_the_picture_stays_and_the_plate_says_so() -> None:
    renderer = Renderer(Appearance(style="masked"))
    renderer.add_answer(frame(0), answered(explained(cat().region, has_evidence=False)))
    picture, tracked = renderer.picture(frame(0))
    assert tracked is not None
    assert tracked.opacity == 0
    assert np.array_equal(picture[80:200, 180:460], frame(0).pixels[80:200, 180:460])


def test_no_bracket_crosses_the_times_of_the_last_minute() -> None:
    for size in ((640, 360), (640, 480), (720, 1280)):
        renderer = Renderer(Appearance(view="history"), models=("lite0",))
        shown = frame(0, seen(0, size))
        renderer.add_answer(shown, answer("history", size))
        with_brackets = renderer.picture(shown)[0]
        tall = ribbon_height(size)
        boxes = renderer._brackets
        assert boxes
        assert all(y + height <= with_brackets.shape[0] - tall for _, y, _, height in boxes), size


def test_no_bracket_crosses_the_curves() -> None:
    curves = tuple(
        HeatCurve(way, name, "tabby", (0.0, 1.0), (0.5, 0.5), 0.5)
        for way in ("deletion", "insertion")
        for name in ("gradcam", "")
    )
    size = (1280, 720)
    renderer = Renderer(Appearance(view="one"), models=("lite0",))
    shown = frame(0, seen(0, size))
    renderer.add_answer(shown, replace(answer("one", size), curves=curves))
    renderer.picture(shown)
    (panel,) = renderer.tests.places
    brackets = renderer._brackets
    assert len(brackets) in (2, 3)
    assert not any(overlap(each, panel) for each in brackets)


def test_the_last_minute_is_remembered_while_another_view_is_shown() -> None:
    renderer = Renderer(Appearance(), motion="off", smoothing=HeatSmoothing(seconds=0))
    pixels = seen(0)
    for index in range(8):
        top = CATS if index < 4 else (("beagle", 0.8),)
        renderer.add_answer(Frame(pixels, index, 5.0 * index), answered(explained(cat().region, top=top)))
        renderer.picture(Frame(pixels, index, 5.0 * index))
    renderer.appearance = Appearance(view="history")
    picture, _ = renderer.picture(Frame(pixels, 8, 40.0))
    ribbon = picture[325]
    assert ribbon[100].tolist() == [20, 22, 24] or ribbon[100].max() < 40  # before the beginning
    assert ribbon[300].tolist() != ribbon[620].tolist()


def shown_with(
    view: View, overlay: Overlay | None, size: tuple[int, int] = SIZE, **look: bool
) -> tuple[Renderer, Pixels]:
    renderer = Renderer(Appearance(view=view, **look))  # type: ignore[arg-type]  # switches of it
    pixels = seen(0, size)
    renderer.add_answer(frame(0, pixels), answer(view, size))
    return renderer, renderer.picture(frame(0, pixels), overlay)[0]


SEVERAL: tuple[View, ...] = ("side", "methods", "targets", "models", "channels")


@pytest.mark.parametrize("size", [(160, 120), (240, 320), (640, 360), (640, 480), (720, 1280), (1920, 1080)])
@pytest.mark.parametrize("view", SEVERAL)
def test_what_is_said_and_the_signs_lie_on_no_pane_and_change_no_name(
    view: View, size: tuple[int, int]
) -> None:
    told = replace(OVERLAY, probe=None, toast=None, statistics=())
    renderer, plain = shown_with(view, None, size)
    signed = renderer.with_signs(shown_with(view, told, size)[1], seconds=67.0, hint="h: keys")
    changed = (signed != plain).any(axis=2)
    footer = footer_of(size, labelled=view in ("methods", "targets"))
    assert footer is not None
    assert changed[footer.region[1] :].any()
    assert not changed[: footer.region[1]].any()


@pytest.mark.parametrize("view", SEVERAL)
def test_figures_and_the_scale_have_rooms_of_their_own_beside_the_panes(view: View) -> None:
    figures = Overlay(statistics=("shown\t30.0 fps", "explained\t29.8 fps", "latency\t18 ms, 95% 25"))
    _, first = shown_with(view, figures, statistics=True, scale_bar=True)
    other = replace(figures, statistics=("shown\t14.0 fps", "explained\t8.8 fps", "latency\t7 ms, 95% 9"))
    _, second = shown_with(view, other, statistics=True, scale_bar=True)
    changed = np.argwhere((first != second).any(axis=2))
    footer = footer_of(SIZE, figures=3)
    assert footer is not None
    assert changed[:, 0].min() >= footer.region[1] + footer.row
    column = first[: footer.region[1], -scale_column_width(SIZE) :]
    assert (np.ptp(column.astype(int), axis=2) > 150).any(), "the colours of the scale"
    edge = first[: footer.region[1], -scale_column_width(SIZE)]
    assert (edge == (24, 22, 20)).all(), "no pane reaches into the column"


@pytest.mark.parametrize("view", SEVERAL)
def test_every_pane_has_its_name_in_a_strip_above_it(view: View) -> None:
    _, picture = shown_with(view, None)
    regions = [each.region for each in answer(view).explanations]
    strips = []
    for pane in layout_of(view, len(regions), SIZE, regions).panes:
        assert pane.title is not None
        x, y, width, height = pane.title
        assert y + height == pane.cell[1]
        strip = picture[y : y + height, x : x + width]
        assert (strip == 255).any(), "letters"
        assert (strip[:, -4:] == (24, 22, 20)).all() or view == "channels", "on plain ground"
        strips.append(strip[:, : width - 4])
    if view != "targets":
        assert len({strip.tobytes() for strip in strips}) == len(strips)


def test_the_name_goes_with_the_scene_that_it_was_said_of() -> None:
    renderer = Renderer()
    renderer.add_answer(frame(0), answer("one"))
    named = renderer.picture(frame(0))[0]
    mug = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    picture, tracked = renderer.picture(frame(1, mug))
    assert tracked is not None
    assert tracked.stale
    assert (named[280:, :135] != seen(0)[280:, :135]).any()
    beside = slice(60, None), slice(0, 135)  # left of the viewfinder, below the line that says it is looking
    assert np.array_equal(picture[beside], mug[beside])
    assert renderer.rows == ()
    renderer.add_answer(frame(2, mug), answered(replace(cat(), top=(MUG,), target=MUG)))
    assert [row.label for row in rows_after(renderer, frame(2, mug))] == ["mug"]


MUG = Prediction(0, "mug", 0.9)


def rows_after(renderer: Renderer, shown: Frame) -> tuple[Prediction, ...]:
    renderer.picture(shown)
    return renderer.rows


def test_where_it_is_not_sure_no_row_is_marked_for_the_heat() -> None:
    top = (Prediction(0, "kite", 0.12), Prediction(1, "wing", 0.11))
    unsure = replace(cat(), top=top, target=top[0], automatic=True)
    amber = np.array((0, 112, 176))

    def marked(explanation: Explanation) -> int:
        renderer = Renderer()
        renderer.add_answer(frame(0), answered(explanation))
        picture = renderer.picture(frame(0))[0]
        return int((np.abs(picture[:, :200].astype(int) - amber).max(axis=2) < 8).sum())

    assert marked(unsure) < 20
    assert marked(replace(unsure, automatic=False)) > 200


def test_the_plate_makes_way_for_the_heat_after_a_second_and_stays_there() -> None:
    region = (0, 0, *SIZE)
    corner = np.zeros((7, 12), np.float32)
    corner[6, 1] = 1
    renderer = Renderer(Appearance(), motion="off")
    places = []
    for index in range(75):
        still = Frame(seen(0), index, index / 30)
        renderer.add_answer(still, answered(explained(region, corner)))
        picture = renderer.picture(still)[0]
        left, right = (picture[300:, cut].astype(int).std() for cut in (slice(0, 240), slice(400, 640)))
        places.append(bool(right > left))
    assert places[:28] == [False] * 28
    assert places[34:] == [True] * 41


def test_a_picture_that_stands_for_itself_has_its_plate_beside_the_heat_at_once() -> None:
    region = (0, 0, *SIZE)
    corner = np.zeros((7, 12), np.float32)
    corner[6, 1] = 1
    renderer = Renderer(smoothing=HeatSmoothing(seconds=0))
    renderer.add_answer(frame(0), answered(explained(region, corner)))
    picture = renderer.picture(frame(0))[0]
    bare = Renderer(Appearance(alpha=0.0), smoothing=HeatSmoothing(seconds=0))
    bare.add_answer(frame(0), answered(explained(region, np.roll(corner, 5, axis=1))))
    assert (bare.picture(frame(0))[0][340, 20:200] != seen(0)[340, 20:200]).any()
    assert (picture[340, 440:620] != seen(0)[340, 440:620]).any()


@pytest.mark.parametrize("view", get_args(View))
@pytest.mark.parametrize("size", [(32, 24), (100, 75), (33, 120)])
def test_a_small_picture_is_shown_large_in_a_window_with_its_heat_at_its_place(
    view: View, size: tuple[int, int]
) -> None:
    pixels = np.full((size[1], size[0], 3), 40, np.uint8)
    renderer = Renderer(Appearance(view=view, style="heat"), legible=True, models=("lite0", "vgg16"))
    renderer.add_answer(frame(0, pixels), answer(view, size))
    picture, tracked = renderer.picture(frame(0, pixels))
    height, width = picture.shape[:2]
    assert (width, height) == renderer.canvas(size) == legible_canvas(size)
    assert tracked is not None
    assert tracked.explanation.region == cat(size).region, "what the network saw is not enlarged"
    if view == "one":
        scale = min(width / size[0], height / size[1])
        x, y, wide, high = cat(size).region
        margin = (height - size[1] * scale) / 2
        centre = (
            round((x + wide / 2) * scale + (width - size[0] * scale) / 2),
            round((y + high / 2) * scale + margin),
        )
        blue, _, red = picture[centre[1], centre[0]].astype(int)
        assert red - blue > 80, "the middle is hot"
        assert renderer.place_in_frame(centre) == pytest.approx((size[0] // 2, size[1] // 2), abs=1)


def test_beside_the_camera_the_plate_stays_off_the_heat() -> None:
    region = (0, 0, *SIZE)
    corner = np.zeros((7, 12), np.float32)
    corner[6, 1] = 1
    renderer = Renderer(smoothing=HeatSmoothing(seconds=0))
    for view in ("one", "side"):
        renderer.appearance = Appearance(view=view)
        renderer.add_answer(frame(0), answered(explained(region, corner)))
        picture = renderer.picture(frame(0))[0]
    plain = Renderer(Appearance(view="side", alpha=0.0), smoothing=HeatSmoothing(seconds=0))
    plain.add_answer(frame(0), answered(explained(region, np.zeros_like(corner), top=(("", 0.62),))))
    assert (picture[250:330, 20:200] != plain.picture(frame(0))[0][250:330, 20:200]).any()


def test_in_the_view_of_targets_a_value_without_evidence_says_what_is_missing() -> None:
    age = replace(valued(cat().region, ("age", 31.6, "years"), has_evidence=False), automatic=True)
    renderer = Renderer(Appearance(view="targets"), words=words_of("zh"))
    renderer.add_answer(frame(0), answered(age, age))
    told: list[tuple[str, str]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canvas, "draw_title_onto", lambda _, name, tail="": told.append((name, tail)))
        renderer.picture(frame(0))
    assert told == [("age", "31.6 years: 没有什么使它升高")] * 2
