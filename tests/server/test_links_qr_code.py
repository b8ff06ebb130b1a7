"""The QR code on the terminal, read by OpenCV's decoder."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest

from live_gradcam.frame import Pixels
from live_gradcam.server.links import qr_code


def picture_of(code: str) -> Pixels:
    """Return what a terminal shows of block characters, white on black: (H, W, 3) uint8 BGR."""
    halves = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}
    rows = [np.array([halves[each] for each in line], np.uint8).T for line in code.split("\n")]
    grey = np.vstack(rows).repeat(8, axis=0).repeat(8, axis=1)
    return np.repeat(np.pad(grey, 40)[..., None], 3, axis=2)


@pytest.mark.parametrize(
    "link",
    [
        "https://192.168.178.123:8000/#token=" + "Az09-_xy" * 4,
        "https://[2001:db8::1234:5678:9abc:def0]:65535/#token=" + "Az09-_xy" * 4,
        "http://a/",
    ],
)
def test_a_decoder_reads_the_link_off_the_terminal(link: str) -> None:
    assert cv2.QRCodeDetector().detectAndDecode(picture_of(qr_code(link, coloured=False)))[0] == link


def test_it_fits_a_terminal_of_80_by_24_and_stands_white_on_black_where_there_are_colours() -> None:
    link = "https://192.168.178.123:8000/#token=" + "Az09-_xy" * 4
    plain, coloured = qr_code(link, coloured=False), qr_code(link, coloured=True)
    lines = plain.split("\n")
    assert len(lines) <= 19
    assert {len(line) for line in lines} == {37}
    assert all(line.startswith("\x1b[97;40m") and line.endswith("\x1b[0m") for line in coloured.split("\n"))
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain
