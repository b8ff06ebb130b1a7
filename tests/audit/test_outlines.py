"""Outlines by GrabCut: a drawn thing is found, and nothing outside its box is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from marked import disc_mask, drawn_photograph

from live_gradcam.audit.outlines import outline_in, write_mask
from live_gradcam.audit.thing_masks import read_mask
from live_gradcam.errors import LiveGradcamError


def test_the_outline_of_a_drawn_disc_is_the_disc_and_always_the_same(tmp_path: Path) -> None:
    pixels, box = drawn_photograph(), (36.0, 16.0, 49.0, 49.0)
    found = outline_in(pixels, box)
    assert (found == disc_mask()).mean() > 0.998
    assert (outline_in(pixels, box) == found).all()
    write_mask(tmp_path / "new" / "1.png", found)
    assert (read_mask(tmp_path / "new" / "1.png") == found).all()


def test_a_large_photograph_is_cut_small_and_nothing_lies_outside_the_box() -> None:
    large = np.asarray(cv2.resize(drawn_photograph(), (1200, 800), interpolation=cv2.INTER_NEAREST), np.uint8)
    found = outline_in(large, (405.0, 195.0, 411.0, 420.0))  # the left rim of the disc is outside
    assert found.shape == (800, 1200)
    down, across = np.nonzero(found)
    assert (across.min() >= 405, across.max() < 816, down.min() >= 195, down.max() < 615) == (True,) * 4
    inside = disc_mask().repeat(10, axis=0).repeat(10, axis=1)
    inside[:, :405] = False
    assert (found == inside).mean() > 0.99


def test_a_box_without_anything_around_it_has_no_outline() -> None:
    with pytest.raises(LiveGradcamError, match="something around the box"):
        outline_in(drawn_photograph(), (0.0, 0.0, 120.0, 80.0))


def test_a_picture_of_one_colour_has_no_outline() -> None:
    grey = np.full((40, 60, 3), 128, np.uint8)
    with pytest.raises(LiveGradcamError, match="Keep the box alone"):
        outline_in(grey, (10.0, 10.0, 20.0, 20.0))
