"""Finds where the thing is in the frames of a burst: what moves, or else the middle of the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.frame import Pixels

PlacesFrom = Literal["motion", "middle"]

_SIDE = 128
"""Side in pixels of the small pictures that are compared."""

_LEAST_CHANGE = 14.0
"""Change of a colour, out of 255, from which a place counts as changed; noise and light stay below."""

_NOISE = 6.0
"""A change also exceeds so many times the median change."""

_OFTEN = 0.35
"""Share of the frames in which a place changes, from which it belongs to a thing that hardly leaves it."""

_LEAST_MOVING = 0.008
"""Share of the frame that a moving thing covers, at least."""

_MOST_MOVING = 0.45
"""Share of the frame that changes, on average, from which the whole scene moves."""

_SEEN = 0.8
"""Share of the frames in which the moving thing must be seen."""

_COMPACT = 0.5
"""Share of what changes in a frame that must lie in one part: edges that the camera's motion leaves are scattered."""

_SPECK = 0.2
"""Parts that are so much smaller than the largest one are no part of the thing."""

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

_MOST_CORNERS, _FEWEST_CORNERS = 200, 12
"""Corners that are tracked, and fewest that tell the camera's motion."""

_AGREEING = 0.4
"""Share of the corners that must agree on the camera's motion: the others are on the thing."""

_LIKER = 0.7
"""A motion counts if it brings the median difference from the middle picture below this share of it."""

Motion = npt.NDArray[np.float64]
"""(2, 3) float64: a point of one small picture (x, y, 1) to a point of another."""

Points = npt.NDArray[np.float32]
"""(N, 1, 2) float32: points of a small picture, in pixels."""

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
    """(N, h, w) bool: these and the places around each. The network's receptive fields are wide, so that a thing's
    evidence also appears beside it."""

    found_by: PlacesFrom
    """Whether they are what moves within the burst, or the middle of the frame."""


def find_thing_places(frames: Pixels, grid: tuple[int, int]) -> ThingPlaces:
    """Find the thing in the frames of a burst.

    What differs from the median of all frames is the thing, after the motion of the camera is taken out: corners of the
    middle frame are tracked into each other frame, and the shift, turn and zoom that most of them share is undone.
    Where the thing moves so little that it covers its own median, what changes in many frames is the thing, too. If
    there are fewer than four frames, or if nothing or everything moves, the middle half of the frame stands for it.

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
    motions = _camera_motions(small)
    steady = np.stack([_moved(each, motion) for each, motion in zip(small, motions, strict=True)])
    moves = any(motion is not None for motion in motions)
    background = np.nanmedian(steady, axis=0) if moves else np.median(steady, axis=0)
    change = np.nan_to_num(np.abs(steady - background).max(axis=-1))
    threshold: Grey | float = max(_LEAST_CHANGE, _NOISE * float(np.median(change)))
    if moves:
        threshold = threshold + _SLACK * _steepness(background)
    moving = change > threshold
    moving |= (
        moving.mean(axis=0) > _OFTEN
    )  # it moves so little that the background is partly the thing itself
    if moving.mean() > _MOST_MOVING:
        return None
    kept, compact = zip(*map(_large_parts, moving), strict=True)
    if np.mean([part.mean() >= _LEAST_MOVING for part in kept]) < _SEEN or np.median(compact) < _COMPACT:
        return None
    rows, columns = grid
    found = np.empty((len(frames), rows, columns), np.bool_)
    for number, (mask, motion) in enumerate(zip(kept, motions, strict=True)):
        back = mask.astype(np.float32)
        if motion is not None:
            back = np.asarray(
                cv2.warpAffine(back, motion, (_SIDE, _SIDE), flags=cv2.WARP_INVERSE_MAP), np.float32
            )
        found[number] = cv2.resize(back, (columns, rows), interpolation=cv2.INTER_AREA) > _COVERED
    return found


def _large_parts(moving: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.bool_], float]:
    """Return where the large connected parts of what moves are, and the share of it that the largest one has."""
    closed = cv2.morphologyEx(moving.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, parts, facts, _ = cv2.connectedComponentsWithStats(closed)
    if count == 1:
        return moving, 0.0
    areas = facts[1:, cv2.CC_STAT_AREA]
    large = 1 + np.flatnonzero(areas >= _SPECK * areas.max())
    return np.isin(parts, large), float(areas.max() / areas.sum())


def _small(frame: Pixels) -> Small:
    small = cv2.resize(frame, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 1.0), np.float32)


def _camera_motions(small: list[Small]) -> list[Motion | None]:
    """Return for each picture the motion that lays its background onto that of the middle one; None for no motion."""
    greys = [np.asarray(cv2.cvtColor(each, cv2.COLOR_BGR2GRAY), np.float32) for each in small]
    middle = greys[len(greys) // 2]
    eight = np.asarray(middle, np.uint8)
    found = cv2.goodFeaturesToTrack(eight, _MOST_CORNERS, 0.01, 3)
    corners = None if found is None else np.asarray(found, np.float32)
    return [_camera_motion(grey, middle, corners) for grey in greys]


def _camera_motion(grey: Grey, middle: Grey, corners: Points | None) -> Motion | None:
    """Return the shift, turn and zoom from a picture to the middle one; None where none makes them much liker.

    Args:
        grey: the picture.
        middle: the middle picture.
        corners: (N, 1, 2) float32: corners of the middle picture.
    """
    before = float(np.median(np.abs(grey - middle)))
    if before <= _STILL or corners is None:
        return None
    nothing: Any = None  # OpenCV's types do not know that it may be left out
    tracked, found, _ = cv2.calcOpticalFlowPyrLK(
        middle.astype(np.uint8), grey.astype(np.uint8), corners, nothing
    )
    kept = found[:, 0] == 1
    if kept.sum() < _FEWEST_CORNERS:
        return None
    motion, agreeing = cv2.estimateAffinePartial2D(tracked[kept], corners[kept], ransacReprojThreshold=1.0)
    if motion is None or agreeing.sum() < max(_FEWEST_CORNERS, _AGREEING * kept.sum()):
        return None
    after = float(np.nanmedian(np.abs(_moved(grey, motion) - middle)))
    return np.asarray(motion, np.float64) if after < _LIKER * before else None


def _moved(picture: Small, motion: Motion | None) -> Small:
    """Return a picture with a motion; NaN where nothing of it lies."""
    if motion is None:
        return picture
    outside = (np.nan,) * 4
    moved = cv2.warpAffine(
        picture, motion, (_SIDE, _SIDE), borderMode=cv2.BORDER_CONSTANT, borderValue=outside
    )
    return np.asarray(moved, np.float32)


def _steepness(picture: Small) -> Grey:
    """Return (side, side) float32: the steepest change of a colour from a pixel to the next; 0 where there is none."""
    down, across = np.gradient(np.nan_to_num(picture), axis=(0, 1))
    return np.asarray(np.hypot(down, across).max(axis=-1), np.float32)


def _middle(grid: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Return (h, w): the places in the middle half of the frame, at least one."""
    down, across = (np.abs((np.arange(length) + 0.5) / length - 0.5) <= 0.5 - _MIDDLE for length in grid)
    return np.asarray(down[:, None] & across[None, :])


def _grown(covered: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return (N, h, w): places with those around each."""
    square = np.ones((3, 3), np.uint8)
    return np.stack([cv2.dilate(each.astype(np.uint8), square) > 0 for each in covered])
