"""Small pictures, and whether two of them show the same: one whole, or one as a part of the other.

1. The correlation of the two in grey, where one may be a part of the other, is at least `_ALIKE`.
2. One is laid over the other and its light adapted to it, and then each of 4×4 blocks must agree. Two things on the
   same background, or two round things in the middle of dark pictures, correlate well as a whole.
3. No block may stand out, in grey or in colour. What is changed in a copy (its format, size, light) changes it
   everywhere, and another thing differs in one place: there the difference is many times that of the rest.

Tried on 336 pairs of photographs that differ in one small thing of one colour, in the same place on one background, as
a camera on a tripod takes them: 10 were taken for copies, and without the third step 122. Of 1080 copies (90
photographs, a third of them with drawn things, each changed in twelve ways), 57 were missed, and without the third step
51; 41 of these have a large mark in their corner. Among 1,000 unrelated photographs there was no copy. The thresholds
were chosen with other pictures of the same kinds.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.frame import Pixels

SIDE = 32
"""Width and height of the small picture in grey."""

COLOUR_SIDE = 16
"""Width and height of its colours."""

_ALIKE = 0.9
"""Correlation of the small pictures from which two pictures are copies."""

_SOFT = 1.0
"""Standard deviation in pixels by which small pictures are blurred first: a crop shifts them by parts of a pixel."""

_SCALES = (32, 31, 30, 29, 28, 27, 26)
"""Sides of the part of a small picture that the other may show: up to a fifth of each side was cropped."""

_FLAT = 2.0
"""Standard deviation of grey below which a picture shows nothing to compare."""

_EDGE = 2
"""Pixels along each edge that are not compared: the blur sees different things beyond the edge of a cropped picture."""

_BLOCKS = 4
"""Blocks along each side of a small picture."""

_BLOCK_AGREES = 0.35
"""The largest difference of two blocks that agree: the root mean square of their pixels' differences ÷ the larger of
their standard deviations."""

_FAINT = 8.0
"""Levels of grey: a block with a smaller standard deviation is compared as if it had this one."""

_FIT = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-4)
"""When the alignment of two pictures ends: after 50 steps, or when the correlation grows by less than 0.0001."""

_EVERYWHERE = np.full((SIDE, SIDE), 255, np.uint8)
"""The mask of an alignment in which all pixels count."""

_STANDS_OUT = 12.0
"""By this factor the difference in one place is larger than the median one where another thing is, in grey."""

_COLOUR_STANDS_OUT = 10.0
"""The same in colour."""

_VISIBLE, _COLOUR_VISIBLE = 5.0, 12.0
"""Levels of grey, and of colour, that a difference has at least where another thing is."""

_COLOURLESS = 2.0
"""Standard deviation of colour below which a picture counts as grey, as a copy of a colour photograph may be: then
colours are not compared."""

_LEAST_MEDIAN = 0.5
"""Levels: the median difference of two equal pictures is counted as this."""

_MOST_SLOPE = 2.0
"""By how much the contrast or the colour of a copy is stronger or weaker at most."""

_ROUNDS = 5
"""Rounds of the robust fit."""

_WEIGHTS = np.array([0.114, 0.587, 0.299], np.float32)
"""Of blue, green and red in the luma, ITU-R BT.601."""

Levels = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SmallPicture:
    """What is kept of a picture to compare it."""

    grey: npt.NDArray[np.uint8]
    """(32, 32)."""

    colour: npt.NDArray[np.int8]
    """(16, 16, 2): half of blue − luma, and half of red − luma."""


def small_picture(pixels: Pixels) -> SmallPicture:
    """Return the small picture of (H, W, 3) uint8 BGR."""
    small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    colours = cv2.resize(pixels, (COLOUR_SIDE, COLOUR_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    halves = (colours[..., ::2] - (colours @ _WEIGHTS)[..., None]) / 2
    return SmallPicture(
        np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8), np.rint(halves).astype(np.int8)
    )


def alike(first: SmallPicture, second: SmallPicture) -> bool:
    """Return whether two small pictures agree everywhere, or one with a part of the other."""
    if min(first.grey.std(), second.grey.std()) < _FLAT:
        return False  # nothing can be told from a blank page
    pair = tuple((_soft(each.grey), each) for each in (first, second))
    best, place, (part, part_colour), (whole, whole_colour) = max(
        (
            (*_placed(one[0], other[0], side), one, other)
            for side in _SCALES
            for one, other in (pair, pair[::-1])
        ),
        key=lambda each: each[0],
    )
    if best < _ALIKE:
        return False
    places = [place]
    with suppress(cv2.error):  # pictures that do not fit
        # A copy, because a fit that fails leaves nonsense in its argument.
        _, fitted = cv2.findTransformECC(part, whole, place.copy(), cv2.MOTION_AFFINE, _FIT, _EVERYWHERE, 1)
        places.append(np.asarray(fitted, np.float32))
    colours = _colours(part_colour), _colours(whole_colour)
    return any(_agree((part, colours[0]), (whole, colours[1]), each) for each in places)


def _soft(levels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.GaussianBlur(levels, (0, 0), _SOFT), np.uint8)


def _colours(picture: SmallPicture) -> Levels:
    """Return blue − luma and red − luma at the size of the grey picture, (32, 32, 2) float32, softened as that is."""
    size = (SIDE, SIDE)
    large = cv2.resize(2 * picture.colour.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.GaussianBlur(large, (0, 0), _SOFT), np.float32)


def _placed(part: npt.NDArray[np.uint8], whole: npt.NDArray[np.uint8], side: int) -> tuple[float, Levels]:
    """Return the highest correlation of a picture with a part of another of this side, and the place.

    The place is a matrix (2, 3) float32 from pixels of the one picture to pixels of the other.
    """
    shrunk = cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA)
    _, best, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(whole, shrunk, cv2.TM_CCOEFF_NORMED))
    scale = side / SIDE
    middle = (scale - 1) / 2  # pixels are squares, and their coordinates those of their centres
    return best, np.array([[scale, 0, x + middle], [0, scale, y + middle]], np.float32)


def _agree(
    part: tuple[npt.NDArray[np.uint8], Levels], whole: tuple[npt.NDArray[np.uint8], Levels], place: Levels
) -> bool:
    """Return whether a picture agrees with another at a place, block by block, but for one corner with a mark in it.

    Each picture is given in grey and as its colours.
    """
    seen, colours = (_inner(each) for each in part)
    there, other_colours = (_inner(_moved(each, place)) for each in whole)
    if there.std() < _FLAT:
        return False
    gain, offset = np.polyfit(there.ravel(), seen.ravel(), 1)
    fitted = gain * there + offset
    difference = np.sqrt(np.mean(_blocks(seen - fitted) ** 2, axis=(1, 3)))
    contrast = np.maximum(_blocks(seen).std(axis=(1, 3)), _blocks(fitted).std(axis=(1, 3)))
    differs = difference > _BLOCK_AGREES * np.maximum(contrast, _FAINT)
    if not _may_be_mark(differs):
        return False  # most pairs end here; what follows takes as long again
    differs |= _standing_out(_local(_residuals(seen, there)), _VISIBLE, _STANDS_OUT)
    if min(_spread(colours), _spread(other_colours)) >= _COLOURLESS:
        squares = sum(
            _local(_residuals(colours[..., each], other_colours[..., each])) ** 2 for each in (0, 1)
        )
        differs |= _standing_out(np.sqrt(squares), _COLOUR_VISIBLE, _COLOUR_STANDS_OUT)
    return _may_be_mark(differs)


def _may_be_mark(differs: npt.NDArray[np.bool_]) -> bool:
    """Return whether no block differs, or one corner only."""
    corners = differs[:: _BLOCKS - 1, :: _BLOCKS - 1]
    return bool(differs.sum() == corners.sum() <= 1)


def _moved(levels: npt.NDArray[np.generic], place: Levels) -> Levels:
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(
        levels.astype(np.float32), place, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.float32)


def _inner(levels: npt.NDArray[np.generic]) -> Levels:
    return levels[_EDGE:-_EDGE, _EDGE:-_EDGE].astype(np.float32)


def _spread(colours: Levels) -> float:
    return float(np.sqrt(colours.var(axis=(0, 1)).sum()))


def _residuals(seen: Levels, there: Levels) -> Levels:
    """Return what remains of one picture when the other one's light is adapted to it, whatever differs in some places.

    A line is fitted by iteratively reweighted least squares, with Huber's weights. Its slope is limited: where only the
    things have a colour, any line through them would fit.
    """
    x, y = there.ravel().astype(np.float64), seen.ravel().astype(np.float64)
    columns = np.stack([x, np.ones_like(x)], axis=1)
    weights, line = np.ones_like(x), np.array([1.0, 0.0])
    for _ in range(_ROUNDS):
        line = np.linalg.lstsq(columns * weights[:, None], y * weights, rcond=None)[0]
        rest = y - columns @ line
        deviation = max(1.48 * float(np.median(np.abs(rest))), _LEAST_MEDIAN)
        weights = np.sqrt(1 / np.maximum(1, np.abs(rest) / (2 * deviation)))
    slope = float(np.clip(line[0], 1 / _MOST_SLOPE, _MOST_SLOPE))
    rest = y - slope * x
    return (rest - np.median(rest)).reshape(seen.shape).astype(np.float32)


def _local(residuals: Levels) -> Levels:
    """Return the root mean square of residuals over 3×3 pixels around each."""
    means = cv2.boxFilter(residuals**2, -1, (3, 3), borderType=cv2.BORDER_REFLECT)
    return np.asarray(np.sqrt(np.maximum(means, 0)), np.float32)


def _standing_out(local: Levels, least: float, factor: float) -> npt.NDArray[np.bool_]:
    """Return in which blocks a difference stands out from that of the whole picture."""
    typical = max(float(np.median(local)), _LEAST_MEDIAN)
    return np.asarray(_blocks(local).max(axis=(1, 3)) > max(least, factor * typical), np.bool_)


def _blocks(picture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the blocks of a picture: (rows of blocks, rows of pixels, columns of blocks, columns of pixels)."""
    side = len(picture) // _BLOCKS
    return picture.reshape(_BLOCKS, side, _BLOCKS, side)
