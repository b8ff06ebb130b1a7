"""The demo's analog clocks: a face that is drawn once, and hands that are drawn in every frame."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.frame import Pixels

Colour = tuple[int, int, int]
"""BGR, 0 to 255 each."""

Patch = npt.NDArray[np.float32]
"""(H, W, 4) float32: BGR from 0 to 255, premultiplied with the opacity, and the opacity from 0 to 1."""

FRACTION_BITS = 4
"""OpenCV draws at sixteenths of a pixel, so that the hands move smoothly."""

ROMAN = ("XII", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI")


@dataclass(frozen=True, slots=True)
class ClockStyle:
    """Colours and numerals of a clock."""

    face: Colour
    ink: Colour
    """Colour of ticks, numerals and the hour and minute hands."""

    bezel: Colour
    second_hand: Colour
    numerals: Literal["arabic", "roman", "none"]


@dataclass(frozen=True, slots=True)
class _Hand:
    """A hand; lengths are shares of the clock's radius."""

    reach: float
    tail: float
    """Length behind the axis."""

    width: float
    """Width at the axis."""

    tip: float
    """Width at the end."""


HOUR_HAND = _Hand(reach=0.50, tail=0.12, width=0.062, tip=0.042)
MINUTE_HAND = _Hand(reach=0.76, tail=0.12, width=0.046, tip=0.026)
SECOND_HAND = _Hand(reach=0.80, tail=0.20, width=0.016, tip=0.010)


def hand_angles(time: dt.datetime) -> tuple[float, float, float]:
    """Return the angles of hour, minute and second hand, in radians clockwise from twelve; all move continuously."""
    seconds = time.second + time.microsecond / 1e6
    minutes = time.minute + seconds / 60
    hours = time.hour % 12 + minutes / 60
    turn = 2 * math.pi
    return turn * hours / 12, turn * minutes / 60, turn * seconds / 60


def draw_face(radius: float, style: ClockStyle) -> Patch:
    """Draw a clock without hands.

    Args:
        radius: of the clock, in pixels.
        style: its colours and numerals.

    Returns:
        (H, W, 4) float32, square, with the clock centred; transparent outside the clock.
    """
    side = 2 * math.ceil(radius) + 4
    centre = side / 2 - 0.5
    across = np.arange(side, dtype=np.float32) - centre
    x, y = across[None, :], across[:, None]
    distance = np.hypot(x, y)
    # Cosine of the angle between each pixel's direction and the lamp at the upper left.
    towards_lamp = -(x + y) / (math.sqrt(2) * np.maximum(distance, 1))

    inner = 0.90 * radius
    dial = np.empty((side, side, 3), np.float32)
    # The lamp lights the dial unevenly, and the bezel throws a shadow on the dial's edge.
    shade = 1.0 - 0.05 * (x + y) / (2 * radius)
    depth = np.clip(
        (distance + 0.07 * radius * np.maximum(towards_lamp, 0) - 0.86 * inner) / (0.14 * inner), 0, 1
    )
    shade -= 0.22 * depth**2
    dial[:] = np.array(style.face, np.float32) * shade[..., None]
    dial8 = np.clip(dial, 0, 255).astype(np.uint8)
    _draw_ticks_onto(dial8, inner, style)
    _draw_numerals_onto(dial8, inner, style)

    # The bezel has a round cross-section: its outer side reflects the lamp, its inner side does not.
    section = np.clip((distance - inner) / (radius - inner), 0, 1) * 2 - 1
    gleam = np.clip(towards_lamp * section, -1, 1)
    metal = np.array(style.bezel, np.float32) * (1 + 0.45 * gleam)[..., None]
    metal += 110 * (np.maximum(gleam, 0) ** 4)[..., None]
    on_bezel = np.clip(distance - inner + 0.5, 0, 1)[..., None]
    face = dial8 * (1 - on_bezel) + metal * on_bezel

    patch = np.empty((side, side, 4), np.float32)
    patch[..., 3] = np.clip(radius - distance + 0.5, 0, 1)
    patch[..., :3] = np.clip(face, 0, 255) * patch[..., 3:]
    return patch


def draw_hands_onto(
    pixels: Pixels,
    centre: tuple[float, float],
    radius: float,
    tilt: float,
    time: dt.datetime,
    style: ClockStyle,
) -> None:
    """Draw the hands and their shadow into a frame, in place.

    Args:
        pixels: (H, W, 3) uint8 BGR.
        centre: of the clock, in pixels of the frame; may lie outside.
        radius: of the clock, in pixels.
        tilt: clockwise rotation of the clock in the frame, in radians.
        time: the displayed time.
        style: the clock's colours.
    """
    x, y = centre
    height, width = pixels.shape[:2]
    left, top = max(0, math.floor(x - radius)), max(0, math.floor(y - radius))
    right, bottom = min(width, math.ceil(x + radius)), min(height, math.ceil(y + radius))
    if left >= right or top >= bottom:
        return
    part = pixels[top:bottom, left:right]
    axis = (x - left, y - top)
    hour, minute, second = (tilt + angle for angle in hand_angles(time))

    shadow = np.zeros(part.shape[:2], np.uint8)
    for angle, hand, lift in (
        (hour, HOUR_HAND, 0.020),
        (minute, MINUTE_HAND, 0.030),
        (second, SECOND_HAND, 0.040),
    ):
        _draw_hand_onto(
            shadow, (axis[0] + lift * radius, axis[1] + 1.5 * lift * radius), radius, angle, hand, (90,)
        )
    blur = 2 * max(1, round(0.02 * radius)) + 1
    keep = cv2.bitwise_not(cv2.blur(cv2.blur(shadow, (blur, blur)), (blur, blur)))
    cv2.multiply(part, cv2.merge([keep, keep, keep]), dst=part, scale=1 / 255)

    _draw_hand_onto(part, axis, radius, hour, HOUR_HAND, style.ink)
    _draw_hand_onto(part, axis, radius, minute, MINUTE_HAND, style.ink)
    _draw_disc_onto(part, axis, 0.050 * radius, style.ink)
    _draw_hand_onto(part, axis, radius, second, SECOND_HAND, style.second_hand)
    _draw_disc_onto(part, axis, 0.032 * radius, style.second_hand)


def _draw_ticks_onto(dial: Pixels, inner: float, style: ClockStyle) -> None:
    centre = dial.shape[0] / 2 - 0.5
    for minute in range(60):
        quarter, five = minute % 15 == 0, minute % 5 == 0
        long = 0.115 if quarter and style.numerals == "none" else 0.075 if five else 0.04
        wide = 0.034 if quarter and style.numerals == "none" else 0.024 if five else 0.010
        angle = 2 * math.pi * minute / 60
        along = np.array([math.sin(angle), -math.cos(angle)])
        aside = np.array([-along[1], along[0]]) * wide / 2
        outer_end, inner_end = along * 0.93, along * (0.93 - long)
        corners = np.array([outer_end - aside, outer_end + aside, inner_end + aside, inner_end - aside])
        _fill_onto(dial, centre + corners * inner, style.ink)


def _draw_numerals_onto(dial: Pixels, inner: float, style: ClockStyle) -> None:
    if style.numerals == "none":
        return
    centre = dial.shape[0] / 2 - 0.5
    roman = style.numerals == "roman"
    font = cv2.FontFace("sans")
    height = max(6, round((0.17 if roman else 0.21) * inner))
    for hour in range(12):
        text = ROMAN[hour] if roman else str(hour or 12)
        angle = 2 * math.pi * hour / 12
        x, y, wide, high = cv2.getTextSize((0, 0), text, (0, 0), font, height, 600)
        at_x = centre + 0.70 * inner * math.sin(angle) - wide / 2 - x
        at_y = centre - 0.70 * inner * math.cos(angle) - high / 2 - y
        cv2.putText(dial, text, (round(at_x), round(at_y)), style.ink, font, height, 600)


def _draw_hand_onto(
    image: Pixels,
    axis: tuple[float, float],
    radius: float,
    angle: float,
    hand: _Hand,
    colour: tuple[int, ...],
) -> None:
    along = np.array([math.sin(angle), -math.cos(angle)]) * radius
    aside = np.array([-along[1], along[0]]) / 2
    start, end = -hand.tail * along, hand.reach * along
    corners = [
        start - aside * hand.width,
        end - aside * hand.tip,
        end + aside * hand.tip,
        start + aside * hand.width,
    ]
    _fill_onto(image, np.array(axis) + np.array(corners), colour)


def _draw_disc_onto(image: Pixels, centre: tuple[float, float], radius: float, colour: Colour) -> None:
    one = 1 << FRACTION_BITS
    middle = (round(centre[0] * one), round(centre[1] * one))
    cv2.circle(image, middle, round(radius * one), colour, cv2.FILLED, cv2.LINE_AA, FRACTION_BITS)


def _fill_onto(image: Pixels, corners: npt.NDArray[np.float64], colour: tuple[int, ...]) -> None:
    fixed = np.round(corners * (1 << FRACTION_BITS)).astype(np.int32)
    cv2.fillConvexPoly(image, fixed, colour, cv2.LINE_AA, FRACTION_BITS)
