"""Needs: how much of a class's probability is lost without the thing, or without its own background.

p is the probability of the true class, x a photograph at the network's own scale, M the pixels of its thing. Every
changed picture is made of x:

- x∖M: the thing removed. The pixels of M, and those up to two pixels away, become the weighted means of their
  neighbours (`imputation.linear_imputation`), so that the place is filled in from around it. Each then gets the detail
  (the pixel − its Gaussian mean) of a pixel around the place, chosen at random: a smooth patch in the outline of the
  thing still tells a small network what was there. Rong et al. 2022, arXiv:2202.00449, add noise for the same reason.
- x on b: the thing, in its own place and size, on the background b. The thing's edge is softened by a Gaussian of one
  pixel.
- t in x: another class's thing t in the place of x's own thing, scaled to the same area, on x∖M.

From these follow, each in [-1, 1]:

- background need = p(x) − mean over b of p(x on b), where b are photographs of other classes without their own things.
  Xiao et al. 2021, "Noise or Signal", arXiv:2006.09994, section 3, exchange backgrounds in the same way ("Mixed-Rand").
- thing need = p(x) − p(x∖M). They remove the thing as well, and leave black or tiles of the background.
- neutral need = p(x) − mean over n of p(x on n), where n is grey, noise, and the photograph's own background blurred.
- exchange need = p(x) − mean over t of p(t in x). A network of few classes must say something of a picture without any
  thing; if it says the true class, the thing need is 0, however much the thing counts. Beside another class's thing
  it has a choice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.explanation import HeatMap
from live_gradcam.frame import Pixels
from live_gradcam.metrics.changed_pictures import Mask, baseline_picture, mixed
from live_gradcam.metrics.imputation import Levels, linear_imputation

NEUTRAL = 3
"""The number of neutral backgrounds."""

_SOFT_PIXELS = 1.0
"""Standard deviation of the Gaussian that softens the edge of a thing, in pixels at the network's scale."""

_SOFT_REACH = 4
"""How far OpenCV's Gaussian of that width reaches, in pixels."""

_RIM_PIXELS = 2
"""How far around a thing pixels are removed with it: its mask rarely holds its edge exactly, or its shadow."""

_DETAIL_PIXELS = 4
"""How far around a hole the pixels lie that lend it their detail."""

_MEAN_PIXELS = 1.5
"""Standard deviation of the Gaussian mean from which detail differs."""

_AROUND_PIXELS = _DETAIL_PIXELS + 6
"""How much of the picture around a hole is looked at: the Gaussian mean reaches six pixels further than detail."""


@dataclass(frozen=True, slots=True, eq=False)
class Donor:
    """A photograph that lends its background and its thing to those of other classes."""

    class_id: int
    picture: Pixels
    """(H, W, 3) uint8 BGR at the network's scale."""

    background: Pixels
    """(H, W, 3) uint8 BGR: the same without its thing."""

    mask: Mask | None
    """(H, W) bool: its thing; None where it has none in sight."""

    class_name: str = ""
    source: str = ""
    """The name of the photograph, or of the film that it is a frame of."""


class LentPart(NamedTuple):
    """A background, or a thing, of a photograph of another class, and what the network says with it."""

    class_name: str
    lender: str
    """The photograph that lends it, or the film that that is a frame of."""

    probability: float
    """p of the picture that it was put into."""


@dataclass(frozen=True, slots=True)
class Needs:
    """The needs of one photograph; None where there was nothing to put in place."""

    background: float | None
    thing: float
    neutral: float
    exchange: float | None
    on_backgrounds: tuple[LentPart, ...]
    with_things: tuple[LentPart, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ChangedPhoto:
    """The changed pictures of one photograph, in the order in which `needs` takes their probabilities."""

    removed: Pixels
    neutral: tuple[Pixels, ...]
    on_backgrounds: tuple[Pixels, ...]
    exchanged: tuple[Pixels, ...]
    donors: tuple[Donor, ...]
    """Those that lend the backgrounds, and the things if they have any."""

    @property
    def pictures(self) -> list[Pixels]:
        """All of them, (H, W, 3) uint8 BGR each."""
        return [self.removed, *self.neutral, *self.on_backgrounds, *self.exchanged]

    def needs(self, probability: float, changed: Sequence[float]) -> Needs:
        """Return the needs.

        Args:
            probability: of the true class for the photograph itself, in [0, 1].
            changed: of the true class for each of `pictures`.
        """
        neutral = 1 + len(self.neutral)
        backgrounds = neutral + len(self.on_backgrounds)
        return Needs(
            background=_fall(probability, changed[neutral:backgrounds]),
            thing=probability - changed[0],
            neutral=probability - float(np.mean(changed[1:neutral])),
            exchange=_fall(probability, changed[backgrounds:]),
            on_backgrounds=_lent(self.donors, changed[neutral:backgrounds]),
            with_things=_lent([each for each in self.donors if each.mask is not None], changed[backgrounds:]),
        )


def changed_photo(picture: Pixels, mask: Mask, donors: Sequence[Donor], *, seed: int) -> ChangedPhoto:
    """Return the changed pictures of a photograph.

    Args:
        picture: (H, W, 3) uint8 BGR at the network's scale.
        mask: (H, W) bool: its thing.
        donors: photographs of other classes.
        seed: of the noise.
    """
    size = (picture.shape[1], picture.shape[0])
    removed = without_thing(picture, mask)
    noise = np.random.default_rng(seed).integers(0, 256, picture.shape, np.uint8)
    neutral = (baseline_picture(picture, "grey"), noise, baseline_picture(removed, "blur"))
    backgrounds = (cv2.resize(each.background, size, interpolation=cv2.INTER_AREA) for each in donors)
    return ChangedPhoto(
        removed,
        tuple(on_background(picture, mask, each) for each in neutral),
        tuple(on_background(picture, mask, np.asarray(each, np.uint8)) for each in backgrounds),
        tuple(in_place(removed, mask, each.picture, each.mask) for each in donors if each.mask is not None),
        tuple(donors),
    )


def chosen_donors(pool: Sequence[Donor], class_id: int, count: int, *, seed: int) -> list[Donor]:
    """Return some donors of other classes, all different, in random order.

    Args:
        pool: all donors.
        class_id: the class whose photograph they are for.
        count: how many; fewer if there are fewer.
        seed: of the choice.
    """
    others = [each for each in pool if each.class_id != class_id]
    order = np.random.default_rng(seed).permutation(len(others))
    return [others[number] for number in order[:count]]


def seed_of(name: str) -> int:
    """Return a seed that depends on a photograph's name only, so that photographs may come in any order."""
    return int.from_bytes(hashlib.sha256(name.encode(errors="surrogateescape")).digest()[:8], "big")


def without_thing(picture: Pixels, mask: Mask) -> Pixels:
    """Return a picture whose thing is removed and filled in from around it: new (H, W, 3) uint8 BGR.

    Args:
        picture: (H, W, 3) uint8 BGR.
        mask: (H, W) bool: the thing. If it and the pixels around it are the whole picture, the result is black.
    """
    missing = _grown(mask, _RIM_PIXELS)
    filled = picture.copy()
    if missing.any():
        # The values depend on the nearest known pixels alone, and a small system is solved in a tenth of the time.
        part = _part(missing, _AROUND_PIXELS)
        hole = missing[part]
        imputed = np.where(hole[..., None], linear_imputation(picture[part], hole), picture[part])
        filled[part] = np.clip(np.rint(_with_detail(imputed, hole)), 0, 255)
    return filled


def hot_part_blurred(picture: Pixels, heat: HeatMap) -> Pixels:
    """Return a picture whose hot part, with at least half of the heat's peak, is blurred: new (H, W, 3) uint8 BGR.

    Args:
        picture: (H, W, 3) uint8 BGR.
        heat: (H, W) float32 with a peak above 0.
    """
    return mixed(picture, baseline_picture(picture, "blur"), heat < 0.5 * float(heat.max()))


def on_background(picture: Pixels, mask: Mask, background: Pixels) -> Pixels:
    """Return a thing on another background, in its own place and size: new (H, W, 3) uint8 BGR.

    Args:
        picture: (H, W, 3) uint8 BGR: has the thing.
        mask: (H, W) bool: the thing.
        background: (H, W, 3) uint8 BGR.
    """
    return _mixed(picture, background, _opacity(mask))


def in_place(background: Pixels, mask: Mask, other: Pixels, other_mask: Mask) -> Pixels:
    """Return a picture with another thing in the place of its own: new (H, W, 3) uint8 BGR.

    The other thing gets the area of the own one, its own shape, and the centre of the own one's bounding box.

    Args:
        background: (H, W, 3) uint8 BGR: the picture without its thing.
        mask: (H, W) bool: where that was.
        other: (h, w, 3) uint8 BGR: the picture that has the other thing.
        other_mask: (h, w) bool: the other thing, which has a pixel at least.
    """
    scale = float(np.sqrt(np.count_nonzero(mask) / np.count_nonzero(other_mask)))
    to, start = _centre(mask), _centre(other_mask)
    move = np.array([[scale, 0, to[0] - scale * start[0]], [0, scale, to[1] - scale * start[1]]])
    size = (background.shape[1], background.shape[0])
    moved = np.asarray(cv2.warpAffine(other, move, size, flags=cv2.INTER_LINEAR), np.uint8)
    opacity = np.asarray(cv2.warpAffine(_opacity(other_mask), move, size, flags=cv2.INTER_LINEAR), np.float32)
    return _mixed(moved, background, opacity)


def _mixed(thing: Pixels, background: Pixels, opacity: npt.NDArray[np.float32]) -> Pixels:
    part = _part(opacity > 0, 0)
    share = opacity[part][..., None]
    result = background.copy()
    result[part] = np.rint(thing[part] * share + background[part] * (1 - share)).astype(np.uint8)
    return result


def _opacity(mask: Mask) -> npt.NDArray[np.float32]:
    """Return the opacity of a thing with a soft edge, (H, W) float32 in [0, 1]."""
    part = _part(mask, 2 * _SOFT_REACH)
    blurred = cv2.GaussianBlur(
        mask[part].astype(np.float32), (0, 0), _SOFT_PIXELS, borderType=cv2.BORDER_REPLICATE
    )
    opacity = np.zeros(mask.shape, np.float32)
    opacity[part] = np.clip(np.asarray(blurred, np.float32), 0, 1)
    return opacity


def _with_detail(filled: Levels, hole: Mask) -> Levels:
    """Return a picture whose filled hole has detail like that of the pixels around it."""
    around = _grown(hole, _DETAIL_PIXELS) & ~hole
    detail = (filled - cv2.GaussianBlur(filled, (0, 0), _MEAN_PIXELS))[around]
    if not len(detail):
        return filled
    chosen = np.random.default_rng(0).integers(0, len(detail), np.count_nonzero(hole))
    detailed = filled.copy()
    detailed[hole] += detail[chosen]
    return detailed


def _grown(mask: Mask, pixels: int) -> Mask:
    side = 2 * pixels + 1
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)), np.bool_)


def _part(mask: Mask, margin: int) -> tuple[slice, slice]:
    """Return the rows and columns of a mask's bounding box and of a margin around it; without a pixel, none."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    if not width:
        return slice(0), slice(0)
    return slice(max(0, y - margin), y + height + margin), slice(max(0, x - margin), x + width + margin)


def _centre(mask: Mask) -> tuple[float, float]:
    """Return (x, y) of the centre of a mask's bounding box, in pixels."""
    rows, columns = np.nonzero(mask)
    return (float(columns.min() + columns.max()) / 2, float(rows.min() + rows.max()) / 2)


def _lent(donors: Sequence[Donor], probabilities: Sequence[float]) -> tuple[LentPart, ...]:
    return tuple(
        LentPart(each.class_name, each.source, p) for each, p in zip(donors, probabilities, strict=True)
    )


def _fall(probability: float, changed: Sequence[float]) -> float | None:
    return probability - float(np.mean(changed)) if len(changed) else None
