import numpy as np
import pytest
from fakes import panned

from live_gradcam.frame import Pixels
from live_gradcam.render.motion import Displacement, Motion, small_grey

PIXELS_PER_CELL = 8  # of 640, where 80 cells lie side by side


def moved(displacement: Displacement | None) -> tuple[float, float]:
    """How far the picture's middle was off in the earlier frame, in pixels."""
    assert displacement is not None
    rows, columns = displacement.confidence.shape
    middle = displacement.shift[rows // 4 : -rows // 4, columns // 4 : -columns // 4]
    x, y = np.median(middle, axis=(0, 1)) * PIXELS_PER_CELL
    return float(x), float(y)


def panning(frames: int, right: int = 10, down: int = 4) -> Motion:
    """Motion after so many frames of a camera that moves to the right and down."""
    motion = Motion()
    for number in range(frames):
        motion.add_frame(number, panned(right * number, down * number))
    return motion


def test_the_way_leads_to_where_things_were_in_the_frame_of_reference() -> None:
    motion = panning(4)
    assert motion.refer_to(3, panned(30, 12)) is None
    for number in (4, 5, 6):
        motion.add_frame(number, panned(10 * number, 4 * number))
    displacement = motion.displacement()
    assert moved(displacement) == pytest.approx((30, 12), abs=0.5)
    assert displacement is not None
    assert np.median(displacement.confidence) == 1


def test_an_answer_that_comes_late_makes_a_frame_of_the_past_the_reference() -> None:
    motion = panning(7)
    motion.refer_to(2, panned(20, 8))
    assert moved(motion.displacement()) == pytest.approx((40, 16), abs=0.5)
    motion.add_frame(7, panned(70, 28))
    assert moved(motion.displacement()) == pytest.approx((50, 20), abs=0.5)


def test_the_way_from_one_reference_to_the_next_is_told() -> None:
    motion = panning(6)
    motion.refer_to(1, panned(10, 4))
    assert moved(motion.refer_to(4, panned(40, 16))) == pytest.approx((30, 12), abs=0.5)
    assert moved(motion.displacement()) == pytest.approx((10, 4), abs=0.5)


def test_a_frame_that_was_never_seen_can_be_the_reference() -> None:
    motion = Motion()
    for number in (0, 2, 6):
        motion.add_frame(number, panned(6 * number))
    motion.refer_to(0, panned())
    former = motion.refer_to(4, panned(24))
    assert moved(former) == pytest.approx((12, 0), abs=0.5)  # as far as the frame seen before it
    assert moved(motion.displacement()) == pytest.approx((12, 0), abs=0.5)


def test_at_a_cut_all_that_was_before_is_forgotten() -> None:
    motion = panning(4)
    motion.refer_to(3, panned(30, 12))
    motion.add_frame(4, panned(seed=1))
    assert motion.displacement() is None
    assert not motion.reaches(3)
    assert motion.reaches(4)
    assert motion.refer_to(4, panned(seed=1)) is None
    assert motion.displacement() is not None


@pytest.mark.parametrize("fast", [16, 40])
def test_a_pan_is_no_cut(fast: int) -> None:
    motion = panning(2, right=fast)
    motion.refer_to(0, panned())
    assert moved(motion.displacement()) == pytest.approx((fast, 4), abs=1)


def test_a_change_of_exposure_and_noise_are_no_cut_and_no_loss_of_trust() -> None:
    motion = panning(2)
    motion.refer_to(1, panned(10, 4))
    noise = np.random.default_rng(0).normal(12, 8, (360, 640, 3))
    motion.add_frame(2, np.clip(panned(20, 8) + noise, 0, 255).astype(np.uint8))
    displacement = motion.displacement()
    assert displacement is not None
    assert displacement.confidence.mean() > 0.95


def test_where_something_came_into_the_picture_the_way_is_not_trusted() -> None:
    motion = panning(2)
    motion.refer_to(1, panned(10, 4))
    covered = panned(20, 8)
    covered[120:240, 240:400] = panned(seed=3)[120:240, 240:400]
    motion.add_frame(2, covered)
    displacement = motion.displacement()
    assert displacement is not None
    assert displacement.confidence[18:27, 33:47].mean() < 0.3
    assert displacement.confidence[:, :20].mean() > 0.95


def test_a_frame_from_before_begins_a_new_scene_and_the_same_again_does_not() -> None:
    motion = panning(3)
    motion.refer_to(0, panned())
    motion.add_frame(2, panned(20, 8))
    assert moved(motion.displacement()) == pytest.approx((20, 8), abs=0.5)
    motion.add_frame(0, panned())
    assert motion.displacement() is None
    assert motion.newest == 0


def test_only_frames_since_the_reference_are_reached() -> None:
    motion = Motion()
    assert not motion.reaches(0)
    assert motion.newest is None
    motion = panning(4)
    motion.refer_to(2, panned(20, 8))
    assert [motion.reaches(index) for index in range(6)] == [False, False, True, True, False, False]


def test_an_answer_that_comes_after_thousands_of_frames_is_still_of_use() -> None:
    motion = Motion()
    picture = panned()
    for number in range(200):
        motion.add_frame(number, picture)
    assert motion.refer_to(1, picture) is None
    assert moved(motion.displacement()) == pytest.approx((0, 0), abs=0.1)


@pytest.mark.parametrize("size", [(1, 1), (33, 17), (64, 64), (640, 20), (20, 640), (1280, 130), (360, 640)])
def test_a_picture_of_any_size_can_be_followed(size: tuple[int, int]) -> None:
    motion = Motion()
    for number in range(3):
        motion.add_frame(number, panned(number, size=size))
    motion.refer_to(0, panned(size=size))
    displacement = motion.displacement()
    assert displacement is not None
    assert np.isfinite(displacement.shift).all()


@pytest.mark.parametrize(
    ("size", "small"),
    [((1280, 720), (240, 135)), ((640, 480), (240, 180)), ((720, 1280), (135, 240)), ((64, 48), (64, 48))],
)
def test_the_longer_side_of_a_small_frame_has_at_most_240_pixels(
    size: tuple[int, int], small: tuple[int, int]
) -> None:
    picture: Pixels = np.full((size[1], size[0], 3), 90, np.uint8)
    grey = small_grey(picture)
    assert grey.shape == (small[1], small[0])
    assert grey.dtype == np.uint8
    assert (grey == 90).all()
