import cv2
import numpy as np
import pytest
from fakes import warm_in_the_middle

from live_gradcam.frame import Pixels
from live_gradcam.question import Channel
from live_gradcam.render.channels import ChannelBoard, draw_channels_onto

JET = cv2.COLORMAP_JET


def channels(*numbers: int) -> tuple[Channel, ...]:
    return tuple(Channel(number, 0.02, warm_in_the_middle()) for number in numbers)


def numbers(board: ChannelBoard) -> list[int | None]:
    return [None if each is None else each.number for each in board.shown]


def drawn(shown: tuple[Channel | None, ...], size: tuple[int, int] = (560, 720)) -> Pixels:
    board = np.full((size[1], size[0], 3), 128, np.uint8)
    draw_channels_onto(board, shown, JET, "block5_conv3")
    return board


def test_the_strongest_come_first() -> None:
    board = ChannelBoard()
    board.update(channels(*range(12)), 0.0)
    assert numbers(board) == list(range(9))


def test_who_stays_among_the_strongest_stays_in_its_place_and_is_the_newest() -> None:
    board = ChannelBoard()
    board.update(channels(1, 2, 3), 0.0)
    newest = channels(3, 1, 2)
    board.update(newest, 0.1)
    assert numbers(board)[:4] == [1, 2, 3, None]
    assert board.shown[2] is newest[0]


def test_a_place_is_given_away_only_after_a_while() -> None:
    board = ChannelBoard()
    board.update(channels(*range(9)), 0.0)
    board.update(channels(*range(8), 50), 0.3)
    assert numbers(board) == list(range(9))
    board.update(channels(*range(8), 50), 0.8)
    assert numbers(board) == [*range(8), 50]


def test_another_layer_s_channels_replace_all_at_once() -> None:
    board = ChannelBoard()
    board.update(channels(1, 2, 3), 0.0)
    board.update((Channel(7, 0.1, np.ones((14, 14), np.float32)),), 0.0)
    assert numbers(board)[:2] == [7, None]


def test_without_channels_the_board_is_empty_after_a_while() -> None:
    board = ChannelBoard()
    board.update(channels(1), 0.0)
    board.update((), 1.0)
    assert numbers(board) == [None] * 9


@pytest.mark.parametrize("size", [(230, 480), (560, 720), (720, 461), (1680, 2160), (58, 120), (5, 5)])
def test_nine_maps_fit_on_a_board_of_any_size(size: tuple[int, int]) -> None:
    board = drawn(channels(*range(9)), size)
    hot = (board[..., 2] > 120) & (board[..., 0] < 30) & (board[..., 1] < 30)
    count, _ = cv2.connectedComponents(hot.astype(np.uint8))
    if min(size) > 200:
        assert count - 1 == 9


def test_numbers_and_weights_are_told() -> None:
    some = drawn(channels(351))
    other_number = drawn(channels(352))
    other_weight = drawn((Channel(351, -0.02, warm_in_the_middle()),))
    assert not np.array_equal(some, other_number)
    assert not np.array_equal(some, other_weight)


def test_an_activation_of_nothing_or_not_a_number_is_cold() -> None:
    maps = [
        np.zeros((7, 7), np.float32),
        np.full((7, 7), -1, np.float32),
        np.full((7, 7), np.nan, np.float32),
    ]
    pictures = [drawn((Channel(1, 0.1, each),)) for each in maps]
    assert np.array_equal(pictures[0], pictures[1])
    assert np.array_equal(pictures[0], pictures[2])
