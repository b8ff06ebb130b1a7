"""Near-duplicates: one picture in two classes, or in the test and the training folder.

Two photographs are copies if their pixels are equal (SHA-256), or if they look alike:

1. A perceptual hash of 64 bits: the discrete cosine transform of the picture in grey at 32×32, and of its 8×8 lowest
   frequencies whether each is above their median (Zauner 2010, "Implementation and Benchmarking of Perceptual Image
   Hash Functions"). The inner part of each picture has a hash, too, for one of two copies may be cropped. Pairs whose
   hashes differ in at most `_NEAR_BITS` are looked at again. Tried on 15 photographs of packages and their
   quarters: copies differ in 12 bits at most, other pictures in 18 at least.
2. The correlation of the two small pictures, where one may be a part of the other: at least `_ALIKE`. Hashes of
   pictures that share only their layout (sky above, ground below) are near each other; their pixels are not.
3. The same content everywhere: one picture is laid over the other and its light adapted to it, and then each of 4×4
   blocks must agree. Two things on the same background, or two round things in the middle of dark pictures, correlate
   well as a whole. Tried on 14 photographs, each changed in seven ways, and on 71 pairs of other pictures, most with
   similar hashes: the worst block of a copy differs by 0.27 in the unit of `_BLOCK_AGREES`, that of another picture by
   0.54 at least. At 32×32 in grey, two small things of one evenly coloured surface each look alike: on the same
   background they are still taken for one.

The hash is written here in a few lines of OpenCV: the library imagehash would bring PyWavelets, and reads Pillow's
pictures. OpenCV also compares all pairs of 10,000 hashes in seconds.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.audit.findings import DuplicateFinding
from live_gradcam.escaping import shown
from live_gradcam.frame import Pixels

_SIDE = 32
"""Width and height of the small picture."""

_FREQUENCIES = 8

_NEAR_BITS = 14
"""Of 64 bits; unrelated pictures differ in 32 on average."""

_INNER = 0.94
"""Side of the inner part of a picture that has a hash of its own, as a share of the picture's."""

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

_EVERYWHERE = np.full((_SIDE, _SIDE), 255, np.uint8)
"""The mask of an alignment in which all pixels count."""

_CHUNK = 500
"""Hashes that are compared with all others at a time, so that distances take 20 MB at most."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept of a picture to find its copies."""

    digest: str
    """SHA-256 of its size and pixels, in hexadecimal."""

    small: str
    """32×32 levels of grey, row after row, in base64: JSON can hold it."""


def fingerprint_of(pixels: Pixels) -> Fingerprint:
    """Return the fingerprint of a picture, (H, W, 3) uint8 BGR."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    grey = cv2.cvtColor(cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    return Fingerprint(
        digest.hexdigest(), base64.b64encode(np.asarray(grey, np.uint8).tobytes()).decode("ascii")
    )


def duplicates_between_classes(
    fingerprints: Mapping[str, Fingerprint], classes: Mapping[str, str]
) -> tuple[DuplicateFinding, ...]:
    """Return the photographs that are copies of a photograph of another class, each with its nearest copy.

    Args:
        fingerprints: name of a photograph → its fingerprint.
        classes: name of a photograph → its class.
    """
    names = list(fingerprints)
    prints = list(fingerprints.values())
    pairs = [
        each
        for each in _pairs(prints, prints)
        if each.first < each.second and classes[names[each.first]] != classes[names[each.second]]
    ]
    found = []
    for each in _copies(pairs, prints, prints):
        one, other = names[each.first], names[each.second]
        places = f"{shown(one)} ({shown(classes[one])}) and {shown(other)} ({shown(classes[other])})"
        sentence = f"{places} show {_likeness(each)}: keep it in one class only."
        found.append(DuplicateFinding(first=one, second=other, sentence=sentence))
    return tuple(found)


def duplicates_of_training(
    tested: Mapping[str, Fingerprint], training: Mapping[str, Fingerprint]
) -> tuple[DuplicateFinding, ...]:
    """Return the tested photographs that are copies of a training photograph, each with its nearest copy.

    Args:
        tested: name of a photograph → its fingerprint.
        training: the same of the photographs that the model was trained on.
    """
    prints, others = list(tested.values()), list(training.values())
    names, other_names = list(tested), list(training)
    found = []
    for each in _copies(_pairs(prints, others), prints, others):
        one, other = names[each.first], other_names[each.second]
        sentence = (
            f"{shown(one)} and the training photograph {shown(other)} show {_likeness(each)}: "
            "the network may know it by heart. Leave it out of the test."
        )
        found.append(DuplicateFinding(first=one, second=other, sentence=sentence))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two pictures with similar hashes, by their indices."""

    first: int
    second: int
    is_equal: bool
    bits: int
    """In how many bits the nearest two of their hashes differ."""


def _likeness(pair: _Pair) -> str:
    return "the same picture" if pair.is_equal else "nearly the same picture"


def _copies(
    pairs: Sequence[_Pair], first: Sequence[Fingerprint], second: Sequence[Fingerprint]
) -> Iterator[_Pair]:
    """Give the pairs that are copies: of each first picture the nearest only."""
    done = set()
    for pair in sorted(pairs, key=lambda each: (each.first, not each.is_equal, each.bits, each.second)):
        if pair.first not in done and (
            pair.is_equal or alike(_small(first[pair.first]), _small(second[pair.second]))
        ):
            done.add(pair.first)
            yield pair


def _pairs(first: Sequence[Fingerprint], second: Sequence[Fingerprint]) -> list[_Pair]:
    """Return all pairs with similar hashes."""
    if not first or not second:
        return []
    matcher = cv2.BFMatcher(cv2.NORM_HAMMING)
    bits: dict[tuple[int, int], int] = {}
    whole, inner = ([_hashes(prints, share) for prints in (first, second)] for share in (1.0, _INNER))
    for one, other in ((whole[0], whole[1]), (inner[0], whole[1]), (whole[0], inner[1])):
        for begin in range(0, len(one), _CHUNK):
            # The radius is exclusive.
            found = matcher.radiusMatch(one[begin : begin + _CHUNK], other, _NEAR_BITS + 1)
            for number, matches in enumerate(found, begin):
                for match in matches:
                    key = number, int(match.trainIdx)
                    bits[key] = min(bits.get(key, 64), round(match.distance))
    return [
        _Pair(one, other, first[one].digest == second[other].digest, distance)
        for (one, other), distance in bits.items()
    ]


def _small(fingerprint: Fingerprint) -> npt.NDArray[np.uint8]:
    return np.frombuffer(base64.b64decode(fingerprint.small), np.uint8).reshape(_SIDE, _SIDE)


def _hashes(fingerprints: Sequence[Fingerprint], share: float) -> npt.NDArray[np.uint8]:
    """Return perceptual hashes (N, 8) uint8 of pictures, or of their inner parts of a share of their sides."""
    border = (1 - share) / 2 * (_SIDE - 1)
    part = np.array([[share, 0, border], [0, share, border]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    low = np.empty((len(fingerprints), _FREQUENCIES**2), np.float32)
    for number, each in enumerate(fingerprints):
        small = cv2.warpAffine(_small(each), part, (_SIDE, _SIDE), flags=flags)
        low[number] = cv2.dct(small.astype(np.float32))[:_FREQUENCIES, :_FREQUENCIES].ravel()
    low[:, 0] = 0  # the mean grey, which is far above all others
    return np.packbits(low > np.median(low, axis=1, keepdims=True), axis=1)


def alike(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> bool:
    """Return whether two small pictures (32, 32) agree everywhere, or one with a part of the other."""
    if min(first.std(), second.std()) < _FLAT:
        return False  # nothing can be told from a blank page
    soft, other = (np.asarray(cv2.GaussianBlur(each, (0, 0), _SOFT), np.uint8) for each in (first, second))
    best, part, whole, place = max(
        (_placed(part, whole, side) for side in _SCALES for part, whole in ((soft, other), (other, soft))),
        key=lambda each: each[0],
    )
    if best < _ALIKE:
        return False
    places = [place]
    with suppress(cv2.error):  # pictures that do not fit
        # A copy, because a fit that fails leaves nonsense in its argument.
        _, fitted = cv2.findTransformECC(part, whole, place.copy(), cv2.MOTION_AFFINE, _FIT, _EVERYWHERE, 1)
        places.append(np.asarray(fitted, np.float32))
    return any(_agree(part, whole, each) for each in places)


def _placed(
    part: npt.NDArray[np.uint8], whole: npt.NDArray[np.uint8], side: int
) -> tuple[float, npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Return the highest correlation of a picture with a part of another of this side, both pictures, and the place.

    The place is a matrix (2, 3) float32 from pixels of the one picture to pixels of the other.
    """
    shrunk = cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA)
    _, best, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(whole, shrunk, cv2.TM_CCOEFF_NORMED))
    scale = side / _SIDE
    middle = (scale - 1) / 2  # pixels are squares, and their coordinates those of their centres
    return best, part, whole, np.array([[scale, 0, x + middle], [0, scale, y + middle]], np.float32)


def _agree(part: npt.NDArray[np.uint8], whole: npt.NDArray[np.uint8], place: npt.NDArray[np.float32]) -> bool:
    """Return whether a picture agrees with another at a place, block by block, but for one corner with a mark in it."""
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    there = cv2.warpAffine(
        whole.astype(np.float32), place, (_SIDE, _SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    inner = np.s_[_EDGE:-_EDGE, _EDGE:-_EDGE]
    seen, fitted = part[inner].astype(np.float32), there[inner]
    if fitted.std() < _FLAT:
        return False
    gain, offset = np.polyfit(fitted.ravel(), seen.ravel(), 1)
    fitted = gain * fitted + offset
    difference = np.sqrt(np.mean(_blocks(seen - fitted) ** 2, axis=(1, 3)))
    contrast = np.maximum(_blocks(seen).std(axis=(1, 3)), _blocks(fitted).std(axis=(1, 3)))
    differs = difference > _BLOCK_AGREES * np.maximum(contrast, _FAINT)
    corners = differs[:: _BLOCKS - 1, :: _BLOCKS - 1]
    return bool(differs.sum() == corners.sum() <= 1)


def _blocks(picture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the blocks of a picture: (rows of blocks, rows of pixels, columns of blocks, columns of pixels)."""
    side = len(picture) // _BLOCKS
    return picture.reshape(_BLOCKS, side, _BLOCKS, side)
