"""Finds where the thing is in the frames of a burst: what moves, or else the middle of the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.frame import Pixels

PlacesFrom = Literal["motion", "middle"]

_SIDE = 96
"""Side in pixels of the small pictures that are compared."""

_LEAST_CHANGE = 14.0
"""Change of a colour, out of 255, from which a place counts as changed; noise and light stay below."""

_NOISE = 6.0
"""A change also exceeds so many times the median change."""

_OFTEN = 0.35
"""Share of the frames in which a place changes, from which it belongs to a thing that hardly leaves it."""

_SHARES = (0.004, 0.45)
"""Smallest and largest share of the frame that changes, on average, where a thing moves. If less changes, nothing
moves; if more does, the whole scene moves."""

_FEWEST_FRAMES = 4

_COVERED = 0.05
"""Share of a place of the feature map that the thing covers, from which it is the thing's."""

_MIDDLE = 0.25
"""Without motion the thing's places are those whose centres are so far from the edges, as a share of the side."""

_STILL = 2.0
"""Median change of the brightness, out of 255, up to which the camera stands still: noise alone."""

_SLACK = 0.6
"""Uncertainty of the camera's motion, in pixels of the small pictures: where colours change steeply, so far beside its
place a colour is no change."""

_MOST_SHIFT = 0.25
"""Largest motion of the camera that is taken out, as a share of the side."""

Small = npt.NDArray[np.float32]
"""(side, side, 3) float32 BGR in [0, 255]: a small, smooth picture."""

Grey = npt.NDArray[np.float32]
"""(side, side) float32: the brightness of a small picture."""


@dataclass(frozen=True, slots=True, eq=False)
class ThingPlaces:
    """The thing's places in the frames of a burst, on the grid of the feature map."""

    covered: npt.NDArray[np.bool_]
    """(N, h, w) bool: the places that the thing covers, at least in part."""

    reached: npt.NDArray[np.bool_]
    """(N, h, w) bool: these and the places around each. The network's receptive fields are wide, so that the evidence
    of a thing also appears beside it."""

    found_by: PlacesFrom
    """Whether they are what moves within the burst, or the middle of the frame."""


def find_thing_places(frames: Pixels, grid: tuple[int, int]) -> ThingPlaces:
    """Find the thing in the frames of a burst.

    What differs from the median of all frames is the thing, after the motion of the camera is taken out (phase
    correlation of each frame with the middle one). Where it moves so little that it covers its own median, what
    changes in most frames is the thing, too. If there are fewer than four frames, or if nothing or everything moves,
    the middle half of the frame stands for it.

    Args:
        frames: (N, H, W, 3) uint8 BGR, the frames of one burst in order.
        grid: (h, w) of the feature map.
    """
    covered = _moving(frames, grid)
    if covered is None:
        covered = np.repeat(_middle(grid)[None], len(frames), axis=0)
        return ThingPlaces(covered, _grown(covered), "middle")
    return ThingPlaces(covered, _grown(covered), "motion")


def _moving(frames: Pixels, grid: tuple[int, int]) -> npt.NDArray[np.bool_] | None:
    """Return (N, h, w) where something moves against the background; None where that cannot be told."""
    if len(frames) < _FEWEST_FRAMES:
        return None
    small = [_small(frame) for frame in frames]
    shifts = _camera_shifts(small)
    steady = np.stack([_shifted(each, shift) for each, shift in zip(small, shifts, strict=True)])
    moves = any(shift != (0.0, 0.0) for shift in shifts)
    background = np.nanmedian(steady, axis=0) if moves else np.median(steady, axis=0)
    change = np.nan_to_num(np.abs(steady - background).max(axis=-1))
    threshold: Grey | float = max(_LEAST_CHANGE, _NOISE * float(np.median(change)))
    if moves:
        threshold = threshold + _SLACK * _steepness(background)
    moving = change > threshold
    moving |= (
        moving.mean(axis=0) > _OFTEN
    )  # it moves so little that the background is partly the thing itself
    share = float(moving.mean())
    if not _SHARES[0] <= share <= _SHARES[1]:
        return None
    rows, columns = grid
    found = np.empty((len(frames), rows, columns), np.bool_)
    for number, (mask, shift) in enumerate(zip(moving, shifts, strict=True)):
        back = _translated(mask.astype(np.float32), (-shift[0], -shift[1]), 0.0)
        found[number] = cv2.resize(back, (columns, rows), interpolation=cv2.INTER_AREA) > _COVERED
    return found


def _small(frame: Pixels) -> Small:
    small = cv2.resize(frame, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 1.0), np.float32)


def _camera_shifts(small: list[Small]) -> list[tuple[float, float]]:
    """Return for each picture the (x, y) in pixels that moves its background onto that of the middle one."""
    window = np.asarray(cv2.createHanningWindow((_SIDE, _SIDE), cv2.CV_32F), np.float32)
    greys = [np.asarray(cv2.cvtColor(each, cv2.COLOR_BGR2GRAY), np.float32) for each in small]
    middle = greys[len(greys) // 2]
    return [_camera_shift(grey, middle, window) for grey in greys]


def _camera_shift(grey: Grey, middle: Grey, window: Grey) -> tuple[float, float]:
    """Return the (x, y) in pixels that moves a picture onto the middle one; (0, 0) where that makes them no liker."""
    before = float(np.median(np.abs(grey - middle)))
    if before <= _STILL:
        return 0.0, 0.0
    (x, y), _ = cv2.phaseCorrelate(grey, middle, window)
    if max(abs(x), abs(y)) > _MOST_SHIFT * _SIDE:
        return 0.0, 0.0
    after = float(np.nanmedian(np.abs(_translated(grey, (x, y), np.nan) - middle)))
    return (x, y) if after < 0.7 * before else (0.0, 0.0)


def _steepness(picture: Small) -> Grey:
    """Return (side, side) float32: the steepest change of a colour from a pixel to the next; 0 where there is none."""
    down, across = np.gradient(np.nan_to_num(picture), axis=(0, 1))
    return np.asarray(np.hypot(down, across).max(axis=-1), np.float32)


def _shifted(picture: Small, shift: tuple[float, float]) -> Small:
    """Return a picture moved by (x, y) in pixels; NaN where nothing of it lies."""
    return picture if shift == (0.0, 0.0) else _translated(picture, shift, np.nan)


def _translated(picture: Small, shift: tuple[float, float], outside: float) -> Small:
    move = np.array([[1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]]])
    border = (outside,) * 4
    moved = cv2.warpAffine(picture, move, (_SIDE, _SIDE), borderMode=cv2.BORDER_CONSTANT, borderValue=border)
    return np.asarray(moved, np.float32)


def _middle(grid: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Return (h, w): the places in the middle half of the frame, at least one."""
    down, across = (np.abs((np.arange(length) + 0.5) / length - 0.5) <= 0.5 - _MIDDLE for length in grid)
    return np.asarray(down[:, None] & across[None, :])


def _grown(covered: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return (N, h, w): places with those around each."""
    square = np.ones((3, 3), np.uint8)
    return np.stack([cv2.dilate(each.astype(np.uint8), square) > 0 for each in covered])
