"""The names of recognised things, each beside its heat; they move with the picture and do not flicker."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from live_gradcam.explanation import FoundThing, Region
from live_gradcam.frame import Pixels
from live_gradcam.prediction import Prediction
from live_gradcam.render.caption import figure
from live_gradcam.render.lettering import BOLD, CAP, REGULAR, plain, shade_onto, shortened, text_width, write
from live_gradcam.render.marks import overlap

_SECONDS = 0.15
"""Time constant with which places, probabilities and strengths follow the answers."""

_APPEARS, _VANISHES = 0.5, 0.2
"""A name is shown from the first strength until it falls below the second one."""

_SHORTER_SIDE, _SMALLEST = 1 / 22, 11
"""Font size as a share of the picture's shorter side, and the smallest one in pixels."""

_PADDING, _RADIUS, _GAP = 0.4, 0.3, 0.25
"""In units of the font size; the gap is between a name and its heat, and around all names."""


@dataclass(frozen=True, slots=True)
class ThingName:
    """A recognised thing and its place, smoothed over the latest answers."""

    prediction: Prediction
    """The class, with the smoothed probability."""

    box: tuple[float, float, float, float]
    """(x, y, width, height) of its heat's bounding box, in pixels of the frame."""

    strength: float = 1.0
    """In [0, 1]: how constantly the thing was recognised lately."""

    visible: bool = True
    """Whether the name is drawn."""

    @property
    def region(self) -> Region:
        """The box in whole pixels."""
        x, y, width, height = self.box
        return round(x), round(y), round(width), round(height)


def names_of(things: Sequence[FoundThing]) -> tuple[ThingName, ...]:
    """Return the names of things as they are in one answer."""
    return tuple(ThingName(each.prediction, (*map(float, each.box),)) for each in things)  # type: ignore[arg-type]


def followed(
    before: Sequence[ThingName], things: Sequence[FoundThing], seconds: float
) -> tuple[ThingName, ...]:
    """Return the names after one more answer.

    Args:
        before: the names so far, at their places in the answer's frame.
        things: the things in the answer.
        seconds: time since the previous answer.
    """
    kept = math.exp(-seconds / _SECONDS) if seconds >= 0 else 0.0
    earlier = {name.prediction.class_id: name for name in before}
    names = []
    for new in names_of(things):
        old = earlier.pop(new.prediction.class_id, None)
        if old is None:
            names.append(replace(new, strength=1 - kept, visible=1 - kept >= _APPEARS))
            continue
        new_share, old_share = new.prediction.probability or 0.0, old.prediction.probability or 0.0
        box = tuple(now + (then - now) * kept for now, then in zip(new.box, old.box, strict=True))
        strength = 1 + (old.strength - 1) * kept
        names.append(
            ThingName(
                replace(new.prediction, probability=new_share + (old_share - new_share) * kept),
                (box[0], box[1], box[2], box[3]),
                strength,
                old.visible or strength >= _APPEARS,
            )
        )
    fading = [replace(old, strength=old.strength * kept) for old in earlier.values()]
    return (*names, *(name for name in fading if name.strength >= _VANISHES))


def moved(
    names: Sequence[ThingName], shift: Callable[[float, float], tuple[float, float]]
) -> tuple[ThingName, ...]:
    """Return names that moved with the picture.

    Args:
        names: names on an earlier frame.
        shift: returns by how many pixels the point (x, y) of a frame has moved since.
    """
    found = []
    for name in names:
        x, y, width, height = name.box
        across, down = shift(x + width / 2, y + height / 2)
        found.append(replace(name, box=(x + across, y + down, width, height)))
    return tuple(found)


def draw_names_onto(
    picture: Pixels, names: Sequence[tuple[Prediction, Region]], plate: Region | None = None
) -> None:
    """Draw the name of each thing above its heat, in place.

    No name covers another one, the label plate or the edge of the picture; one without room is left out (`places_of`).

    Args:
        picture: (H, W, 3) uint8 BGR.
        names: the class of each thing, the most important first, and (x, y, width, height) of its heat in the picture.
        plate: (x, y, width, height) of the label plate; None if there is none.
    """
    height, width = picture.shape[:2]
    size = max(_SMALLEST, round(min(width, height) * _SHORTER_SIDE))
    padding, gap = round(size * _PADDING), round(size * _GAP)
    tall = round(size * CAP) + 2 * padding
    texts = []
    for prediction, _ in names:
        tail = f" {figure(prediction)}"
        room = width - 2 * (gap + padding) - text_width(tail, size, REGULAR)
        texts.append((shortened(plain(prediction.label), size, BOLD, room), tail))
    broad = [
        text_width(label, size, BOLD) + text_width(tail, size, REGULAR) + 2 * padding for label, tail in texts
    ]
    boxes = [(box, (wide, tall)) for (_, box), wide in zip(names, broad, strict=True)]
    places = places_of(boxes, (width, height), gap, [] if plate is None else [plate])
    for (label, tail), place in zip(texts, places, strict=True):
        if place is None:
            continue
        shade_onto(picture, *place, round(size * _RADIUS))
        at, base = place[0] + padding, place[1] + padding + round(size * CAP)
        write(picture, label, (at, base), size, weight=BOLD)
        write(picture, tail, (at + text_width(label, size, BOLD), base), size)


def places_of(
    names: Sequence[tuple[Region, tuple[int, int]]], size: tuple[int, int], gap: int, taken: Sequence[Region]
) -> list[Region | None]:
    """Return the place of each name: above its heat, or below it, or at the top of it; None where there is no room.

    A place that lies on another thing's heat is taken only if there is no other.

    Args:
        names: (x, y, width, height) of the heat in the picture, and (width, height) of the name.
        size: (width, height) of the picture.
        gap: pixels around each name.
        taken: regions that no name may cover.

    Returns:
        (x, y, width, height) in the picture.
    """
    width, height = size
    used = list(taken)
    places: list[Region | None] = []
    for (left, top, wide, high), (broad, tall) in names:
        x = min(max(left + (wide - broad) // 2, gap), width - gap - broad)
        tries = [(x, y, broad, tall) for y in (top - gap - tall, top + high + gap, top + gap)]
        free = [
            each
            for each in tries
            if gap <= each[1] <= height - gap - tall
            and x >= gap
            and not any(overlap(each, other, gap) for other in used)
        ]
        others = [box for box, _ in names if box != (left, top, wide, high)]
        clear = [each for each in free if not any(overlap(each, box) for box in others)]
        place = next(iter((*clear, *free)), None)
        used += [] if place is None else [place]
        places.append(place)
    return places
