import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from fakes import answered, explained, panned, uneven

from live_gradcam.explanation import FoundThing, Region
from live_gradcam.frame import Frame
from live_gradcam.prediction import Prediction
from live_gradcam.render.heat_smoothing import HeatSmoothing
from live_gradcam.render.heat_tracking import HeatTracker
from live_gradcam.render.single_picture import draw
from live_gradcam.render.thing_names import draw_names_onto, followed, moved, names_of, places_of

CUP, MUG = Prediction(1, "cup", 0.8), Prediction(2, "coffee mug", 0.4)


def thing(prediction: Prediction = CUP, box: Region = (100, 50, 60, 40)) -> FoundThing:
    return FoundThing(prediction, (box[0] + box[2] / 2, box[1] + box[3] / 2), box)


def test_places_and_probabilities_follow_with_the_time_constant() -> None:
    names = names_of([thing()])
    names = followed(names, [thing(replace(CUP, probability=0.4), (200, 90, 40, 60))], 0.1)
    kept = math.exp(-0.1 / 0.15)
    assert names[0].box == pytest.approx(
        [now + (then - now) * kept for then, now in ((100, 200), (50, 90), (60, 40), (40, 60))]
    )
    assert names[0].prediction.probability == pytest.approx(0.4 + 0.4 * kept)


def test_a_name_appears_once_it_was_recognised_for_a_while_and_vanishes_later() -> None:
    names, seen = names_of([]), []
    for number in range(20):
        names = followed(names, [thing()] if number < 10 else [], 1 / 30)
        seen.append(any(name.visible for name in names))
    # 1 - exp(-t / 0.15) reaches 0.5 after 0.104 s, and exp(-t / 0.15) falls below 0.2 after 0.241 s.
    assert seen == [False] * 3 + [True] * 7 + [True] * 6 + [False] * 4


def test_a_thing_that_is_missed_once_keeps_its_name() -> None:
    names = names_of([thing()])
    for things in ([], [thing()], [], [thing()]):
        names = followed(names, things, 1 / 15)
        assert [name.visible for name in names] == [True]


def test_a_step_back_in_time_takes_the_things_as_they_are() -> None:
    assert followed(names_of([thing(MUG)]), [thing()], -1.0) == names_of([thing()])


def test_names_move_with_the_picture() -> None:
    assert moved(names_of([thing()]), lambda x, y: (x / 10, -y))[0].box == (113, -20, 60, 40)


def test_a_name_stays_on_its_thing_while_the_camera_moves() -> None:
    """The camera moves 8 pixels to the right with each frame; answers come for every fourth one."""
    tracker = HeatTracker(smoothing=HeatSmoothing(seconds=0.07))
    scanned = replace(explained((0, 0, 640, 360), uneven(), target=CUP), automatic=True)
    for index in range(12):
        frame = Frame(panned(8 * index), index, index / 30)
        tracker.track(frame)
        if index % 4 == 0:
            box = (400 - 8 * index, 150, 60, 40)
            tracker.add_answer(frame, answered(replace(scanned, things=(thing(CUP, box),))))
            (tracked,) = tracker.track(frame)
        else:
            (tracked,) = tracker.track(frame)
        (name,) = tracked.names
        assert name.box[:2] == pytest.approx((400 - 8 * index, 150), abs=3), index


def test_after_a_cut_no_name_is_left() -> None:
    tracker = HeatTracker()
    scanned = replace(explained((0, 0, 640, 360), target=CUP), automatic=True, things=(thing(),))
    frame = Frame(panned(0), 0, 0.0)
    tracker.track(frame)
    tracker.add_answer(frame, answered(scanned))
    assert tracker.track(frame)[0].names
    tracker.cut()
    assert not tracker.track(Frame(panned(0), 1, 0.03))[0].names


def test_without_smoothing_each_picture_has_its_own_names() -> None:
    tracker = HeatTracker(smoothing=HeatSmoothing(seconds=0))
    scanned = replace(explained((0, 0, 640, 360), target=CUP), automatic=True, things=(thing(),))
    for index, found in enumerate(((thing(),), (thing(MUG),), ())):
        frame = Frame(panned(0), index, index / 30)
        tracker.add_answer(frame, answered(replace(scanned, things=found)))
        (tracked,) = tracker.track(frame)
        assert tracked.names == names_of(found)


# Places


def test_a_name_lies_above_its_heat_or_below_or_at_its_top() -> None:
    size = (300, 200)
    assert places_of([((100, 100, 60, 40), (80, 20))], size, 5, []) == [(90, 75, 80, 20)]
    assert places_of([((100, 10, 60, 40), (80, 20))], size, 5, []) == [(90, 55, 80, 20)]
    assert places_of([((100, 10, 60, 180), (80, 20))], size, 5, []) == [(90, 15, 80, 20)]
    assert places_of([((0, 100, 10, 40), (80, 20))], size, 5, []) == [(5, 75, 80, 20)]
    assert places_of([((100, 100, 60, 40), (80, 20))], size, 5, [(0, 70, 300, 30)]) == [(90, 145, 80, 20)]
    assert places_of([((100, 100, 60, 40), (295, 20))], size, 5, []) == [None]


def test_a_name_does_not_stand_on_another_thing_if_it_need_not() -> None:
    upper, lower = (100, 20, 100, 80), (100, 120, 100, 70)  # no room above the upper one
    places = places_of([(lower, (80, 20)), (upper, (80, 20))], (300, 200), 5, [])
    assert places == [(110, 125, 80, 20), (110, 25, 80, 20)]  # each at the top of its own heat


def test_names_never_touch_one_another_or_the_edge() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        size = (int(rng.integers(60, 700)), int(rng.integers(60, 500)))
        boxes = [(*map(int, rng.integers(0, 400, 2)), *map(int, rng.integers(1, 300, 2))) for _ in range(6)]
        names = [((box[0], box[1], box[2], box[3]), (int(rng.integers(10, 200)), 24)) for box in boxes]
        plate = (10, size[1] - 50, 120, 40)
        places = [each for each in places_of(names, size, 4, [plate]) if each is not None]
        for x, y, width, height in places:
            assert 4 <= x <= size[0] - 4 - width
            assert 4 <= y <= size[1] - 4 - height
        for one, other in itertools.combinations([*places, plate], 2):
            assert (
                one[0] + one[2] + 4 <= other[0]
                or other[0] + other[2] + 4 <= one[0]
                or one[1] + one[3] + 4 <= other[1]
                or other[1] + other[3] + 4 <= one[1]
            )


@pytest.mark.parametrize("size", [(1280, 720), (320, 240), (90, 160), (20, 20), (1, 1)])
def test_names_are_drawn_on_pictures_of_any_size_and_only_there(size: tuple[int, int]) -> None:
    width, height = size
    picture = np.full((height, width, 3), 200, np.uint8)
    box = (width // 3, height // 2, max(1, width // 4), max(1, height // 4))
    draw_names_onto(picture, [(CUP, box), (replace(MUG, label="a name\nthat is " + "long " * 20), box)])
    changed = (picture != 200).any(axis=2)
    assert changed.any() == (width >= 90)
    if changed.any():
        rows = np.flatnonzero(changed.any(axis=1))
        inside = changed[box[1] : box[1] + box[3], box[0] : box[0] + box[2]]
        assert rows[0] > 0
        assert inside.mean() < 0.5  # the heat stays visible


def test_a_single_picture_of_a_scan_has_the_names_and_others_have_none() -> None:
    frame = np.full((360, 640, 3), 90, np.uint8)
    plain = explained((0, 0, 640, 360), top=(("cup", 0.8),))
    scanned = replace(plain, things=(thing(CUP, (400, 150, 60, 40)),))
    differs = (draw(frame, scanned) != draw(frame, plain)).any(axis=2)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    assert rows[-1] < 150 <= rows[-1] + 20  # just above the heat
    assert columns[0] <= 430 <= columns[-1]
    assert (draw(frame, replace(plain, things=())) == draw(frame, plain)).all()
