"""The channel board: the strongest channels of the layer, each with its number and weight."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from live_gradcam.frame import Pixels
from live_gradcam.heatmap import levels_over_region
from live_gradcam.question import Channel
from live_gradcam.render.heat import colours_of
from live_gradcam.render.lettering import (
    AMBER,
    BOLD,
    CAP,
    GREY,
    REGULAR,
    WHITE,
    fill_onto,
    shortened,
    text_width,
    write,
)

SHOWN = 9
_ACROSS = 3

_LEAST_SECONDS = 0.7
"""How long a channel keeps its place after it was last among the strongest, so that the board does not flicker."""

_LONGER_SIDE, _SMALLEST = 1 / 28, 9
_LONG_LABEL = "0000 −0.0000"
"""Sets the size of all labels, so that it does not change with the number of digits."""


class ChannelBoard:
    """Nine places for channels; a channel that stays among the strongest keeps its place."""

    def __init__(self) -> None:
        self._places: list[tuple[Channel, float] | None] = [None] * SHOWN

    @property
    def shown(self) -> tuple[Channel | None, ...]:
        """The channel in each place; None for an empty place."""
        return tuple(None if held is None else held[0] for held in self._places)

    def update(self, channels: Sequence[Channel], time: float) -> None:
        """Update the places with the newest channels.

        Args:
            channels: strongest first; empty if the answer had none.
            time: of the frame, in seconds.
        """
        strongest = {each.number: each for each in channels[:SHOWN]}
        for place, held in enumerate(self._places):
            if held is None:
                continue
            channel, seen = held
            if channel.number in strongest:
                self._places[place] = strongest.pop(channel.number), time
            elif not 0 <= time - seen < _LEAST_SECONDS or channel.activation.shape != _shape(channels):
                self._places[place] = None
        for channel in strongest.values():
            if None in self._places:
                self._places[self._places.index(None)] = channel, time


def draw_channels_onto(board: Pixels, channels: Sequence[Channel | None], colormap: int, title: str) -> None:
    """Draw a board of channels, in place.

    Args:
        board: (H, W, 3) uint8 BGR; it is painted over.
        channels: nine channels, None for an empty place.
        colormap: OpenCV's number of the colour map.
        title: the layer's path.
    """
    height, width = board.shape[:2]
    fill_onto(board)
    size = max(_SMALLEST, round(max(height, width) * _LONGER_SIDE))
    gap = max(2, round(size * 0.5))
    head = round(size * 1.3)
    below = round(size * 1.35)
    tile = min((width - gap) // _ACROSS - gap, (height - head - gap) // (SHOWN // _ACROSS) - gap - below)
    if tile < 8:
        return
    inner = _ACROSS * tile + (_ACROSS - 1) * gap
    tall = head + (SHOWN // _ACROSS) * (tile + below) + (SHOWN // _ACROSS - 1) * gap
    x0, y0 = (width - inner) // 2, max(gap, (height - tall) // 2)
    write(board, shortened(title, size, REGULAR, inner), (x0, y0 + round(size * CAP)), size, colour=GREY)
    colours = colours_of(colormap)
    for number, channel in enumerate(channels):
        x = x0 + number % _ACROSS * (tile + gap)
        y = y0 + head + number // _ACROSS * (tile + below + gap)
        if channel is None:
            cv2.rectangle(board, (x, y, tile, tile), (56, 52, 48), cv2.FILLED)
            continue
        cv2.applyColorMap(_levels(channel, tile), colours, board[y : y + tile, x : x + tile])
        _label_onto(board, channel, (x, y + tile + round(size * (CAP + 0.25))), tile, size)


def _label_onto(board: Pixels, channel: Channel, at: tuple[int, int], room: int, size: int) -> None:
    """Write a channel's number and, if there is room, its weight."""
    number, weight = f"{channel.number}", f"{channel.weight:+.2g}".replace("-", "−")
    small = max(_SMALLEST, min(size, size * room // text_width(_LONG_LABEL, size, BOLD)))
    weight_width = text_width(weight, small, REGULAR)
    left = room - text_width(number, small, BOLD)
    if left >= 0:
        write(board, number, at, small, weight=BOLD)
    if left > weight_width:
        colour = AMBER if channel.weight > 0 else WHITE
        write(board, weight, (at[0] + room - weight_width, at[1]), small, colour=colour)


def _levels(channel: Channel, side: int) -> Pixels:
    """Return a channel's activation as (side, side) uint8: 255 for its maximum, 0 for values of 0 or less."""
    activation = np.maximum(np.nan_to_num(channel.activation), 0.0)
    peak = float(activation.max())
    relative = activation / np.float32(peak) if peak > 0 else activation
    return levels_over_region(relative.astype(np.float32), (side, side))


def _shape(channels: Sequence[Channel]) -> tuple[int, ...] | None:
    return channels[0].activation.shape if channels else None
