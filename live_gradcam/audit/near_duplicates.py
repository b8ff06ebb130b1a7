"""Near-duplicates: one picture in two classes, or in the test and the training folder.

Two photographs are copies if their pixels are equal (SHA-256), or if they look alike:

1. A perceptual hash of 64 bits: the discrete cosine transform of the picture in grey at 32×32, and of its 8×8 lowest
   frequencies whether each is above their median (Zauner 2010, "Implementation and Benchmarking of Perceptual Image
   Hash Functions"). The inner part of each picture has a hash, too, for one of two copies may be cropped. Pairs whose
   hashes differ in at most `_NEAR_BITS` are looked at again. Tried on 15 photographs of packages and their
   quarters: copies differ in 12 bits at most, other pictures in 18 at least.
2. What the small pictures show is compared in detail: see `small_pictures`.

The hash is written here in a few lines of OpenCV: the library imagehash would bring PyWavelets, and reads Pillow's
pictures. OpenCV also compares all pairs of 10,000 hashes in seconds.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.audit.findings import DuplicateFinding
from live_gradcam.audit.small_pictures import COLOUR_SIDE, SIDE, SmallPicture, alike, small_picture
from live_gradcam.escaping import shown
from live_gradcam.frame import Pixels

_FREQUENCIES = 8

_NEAR_BITS = 14
"""Of 64 bits; unrelated pictures differ in 32 on average."""

_INNER = 0.94
"""Side of the inner part of a picture that has a hash of its own, as a share of the picture's."""

_CHUNK = 500
"""Hashes that are compared with all others at a time, so that distances take 20 MB at most."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept of a picture to find its copies."""

    digest: str
    """SHA-256 of its size and pixels, in hexadecimal."""

    small: str
    """32×32 levels of grey, row after row, in base64: JSON can hold it."""

    colour: str
    """The same of the colours: see `small_pictures.SmallPicture`."""


def fingerprint_of(pixels: Pixels) -> Fingerprint:
    """Return the fingerprint of a picture, (H, W, 3) uint8 BGR."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    small = small_picture(pixels)
    return Fingerprint(digest.hexdigest(), _text(small.grey), _text(small.colour))


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


def _text(levels: npt.NDArray[np.generic]) -> str:
    return base64.b64encode(np.ascontiguousarray(levels).tobytes()).decode("ascii")


def _grey(fingerprint: Fingerprint) -> npt.NDArray[np.uint8]:
    return np.frombuffer(base64.b64decode(fingerprint.small), np.uint8).reshape(SIDE, SIDE)


def _small(fingerprint: Fingerprint) -> SmallPicture:
    colour = np.frombuffer(base64.b64decode(fingerprint.colour), np.int8)
    return SmallPicture(_grey(fingerprint), colour.reshape(COLOUR_SIDE, COLOUR_SIDE, 2))


def _hashes(fingerprints: Sequence[Fingerprint], share: float) -> npt.NDArray[np.uint8]:
    """Return perceptual hashes (N, 8) uint8 of pictures, or of their inner parts of a share of their sides."""
    border = (1 - share) / 2 * (SIDE - 1)
    part = np.array([[share, 0, border], [0, share, border]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    low = np.empty((len(fingerprints), _FREQUENCIES**2), np.float32)
    for number, each in enumerate(fingerprints):
        small = cv2.warpAffine(_grey(each), part, (SIDE, SIDE), flags=flags)
        low[number] = cv2.dct(small.astype(np.float32))[:_FREQUENCIES, :_FREQUENCIES].ravel()
    low[:, 0] = 0  # the mean grey, which is far above all others
    return np.packbits(low > np.median(low, axis=1, keepdims=True), axis=1)
