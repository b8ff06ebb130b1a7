"""Masks: which pixels of a PNG belong to the thing, and what is wrong with a mask."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from audit_findings import report_of
from networks import picture
from PIL import Image

from live_gradcam.archive.places_file import read_places
from live_gradcam.audit.mask_faults import may_be_inverted
from live_gradcam.audit.photo_folders import AuditPhoto
from live_gradcam.audit.thing_masks import Kind, MasksOrBoxes, read_mask, with_places
from live_gradcam.errors import SourceError

THING = np.zeros((6, 8), np.uint8)
THING[2:4, 3:7] = 1


def saved(image: Image.Image, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def test_what_is_not_black_belongs_to_the_thing(tmp_path: Path) -> None:
    grey = Image.fromarray(THING)
    coloured = Image.fromarray(np.stack([THING * 0, THING * 9, THING * 0], axis=-1))
    for name, image in (("grey", grey), ("bright", Image.fromarray(THING * 255)), ("colour", coloured)):
        assert (read_mask(saved(image, tmp_path / f"{name}.png")) == (THING > 0)).all()
    one_bit = Image.fromarray(THING * 255).convert("1")
    assert (read_mask(saved(one_bit, tmp_path / "bit.png")) == (THING > 0)).all()
    deep = Image.fromarray(THING.astype(np.uint16) * 300)
    assert (read_mask(saved(deep, tmp_path / "deep.png")) == (THING > 0)).all()


def test_what_is_transparent_does_not(tmp_path: Path) -> None:
    white = np.full_like(THING, 255)
    image = Image.fromarray(np.stack([white, white, white, THING * 255], axis=-1))
    assert (read_mask(saved(image, tmp_path / "1.png")) == (THING > 0)).all()


def test_of_a_palette_the_numbers_count(tmp_path: Path) -> None:
    image = Image.fromarray(THING).convert("P")
    image.putdata(THING.ravel().tolist())
    image.putpalette([200, 200, 200, 0, 0, 0])  # the thing is black
    assert (read_mask(saved(image, tmp_path / "1.png")) == (THING > 0)).all()


def test_a_mask_lies_in_the_same_folder_as_its_photograph(tmp_path: Path) -> None:
    saved(Image.fromarray(THING), tmp_path / "cats/1.png")
    places = MasksOrBoxes(tmp_path)
    own = AuditPhoto(tmp_path / "x.jpg", "cats/1.jpg", "cats")
    other = AuditPhoto(tmp_path / "x.jpg", "dogs/1.jpg", "dogs")
    assert (places.names(own), places.names(other)) == (True, False)
    mask = places.of(own, picture(6, 8))
    assert isinstance(mask, np.ndarray)
    assert (mask == (THING > 0)).all()
    assert places.of(other, picture(6, 8)) is None
    with pytest.raises(SourceError) as caught:
        places.of(own, picture(12, 8))
    assert str(caught.value) == (
        "its mask 1.png has 8×6 pixels, and the photograph 8×12. Give a mask of the same size."
    )


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (
            ["cats/1.jpg", "cats/2.jpg", "readme"],
            "there are 2 files with .jpg and no .png: masks must be PNG files",
        ),
        (["1.png"], "there is {masks}/1.png: masks must lie in the folders of their photographs."),
        (["own/cats/1.png"], "there is {masks}/own/cats/1.png: give --masks {masks}/own."),
        (["cats/1_mask.png"], "there is 1 PNG file, such as cats/1_mask.png: masks must have the names and"),
        ([], "the folder has no files."),
    ],
)
def test_where_no_photograph_has_a_mask_it_is_said_what_is_there_instead(
    tmp_path: Path, there: list[str], said: str
) -> None:
    for each in there:
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / each).touch()
    found = MasksOrBoxes(tmp_path).nothing_for(AuditPhoto(tmp_path / "x.jpg", "cats/1.jpg", "cats"))
    assert found.startswith(
        f"no photograph has a mask: looked for {tmp_path}/cats/1.png, and {said.format(masks=tmp_path)}"
    )


def test_a_mask_that_leaves_no_background_is_refused(tmp_path: Path) -> None:
    """A photograph in the place of its mask, for example."""
    levels = np.full((20, 20), 255, np.uint8)
    saved(Image.fromarray(levels), tmp_path / "1.png")
    places, photo = MasksOrBoxes(tmp_path), AuditPhoto(tmp_path / "1.jpg", "1.jpg", "cats")
    with pytest.raises(SourceError) as caught:
        places.of(photo, picture(20, 20))
    assert str(caught.value) == (
        "its mask 1.png covers 100% of the photograph, which leaves no background: the thing is what is not black. "
        "Give a mask that is black beside the thing."
    )
    levels.flat[:4] = 0  # 99% is the most
    saved(Image.fromarray(levels), tmp_path / "1.png")
    assert isinstance(places.of(photo, picture(20, 20)), np.ndarray)


def test_a_changed_mask_has_another_key(tmp_path: Path) -> None:
    path = saved(Image.fromarray(THING), tmp_path / "1.png")
    places, photo = MasksOrBoxes(tmp_path), AuditPhoto(path, "1.jpg", "cats")
    before = places.key_of(photo)
    saved(Image.fromarray(picture(60, 80)), path)
    assert places.key_of(photo) != before


def test_a_damaged_mask_and_a_missing_folder_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"\x89PNG nothing")
    with pytest.raises(SourceError, match=r"its mask 1.png cannot be read: it is no picture. Give a PNG"):
        read_mask(tmp_path / "1.png")
    (tmp_path / "masks").mkdir()
    with pytest.raises(SourceError, match=r"no folder '.*mask' of masks. Did you mean .*masks"):
        MasksOrBoxes(tmp_path / "mask")


def test_boxes_take_the_place_of_masks(tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text("file,x,y,width,height\n1.png,1,2,3,4\n", "utf-8")
    places = MasksOrBoxes(boxes=read_places(tmp_path / "boxes.csv"))
    photo = AuditPhoto(tmp_path / "1.png", "1.png", "cats")
    assert places.names(photo)
    assert places.of(photo, picture(6, 8)) == [(1, 2, 3, 4)]


def test_a_report_counts_estimated_outlines_by_class_and_all_places_by_kind() -> None:
    kinds: dict[str, Kind | None] = {"cat/0.jpg": "box", "cat/1.jpg": "estimated"}
    kinds |= {"dog/0.jpg": "estimated", "dog/1.jpg": "estimated", "dog/2.jpg": None}
    report = with_places(report_of(["cat", "dog"]), kinds)
    assert report.places == {"box": 1, "estimated": 3}
    assert {each.name: each.estimated for each in report.classes} == {"cat": 1, "dog": 2}
    assert with_places(report, {}).places == {}


def test_a_mask_around_one_hole_may_be_inverted_and_a_thing_that_fills_the_frame_is_not() -> None:
    disc = cv2.circle(np.zeros((60, 80), np.uint8), (45, 30), 18, 1, -1).astype(bool)
    assert may_be_inverted(~disc)
    speck = ~disc
    speck[2, 3] = False
    assert may_be_inverted(speck)
    assert not may_be_inverted(disc)
    assert not may_be_inverted(np.ones((60, 80), bool))
    filling = cv2.ellipse(np.zeros((60, 80), np.uint8), (40, 30), (48, 36), 0, 0, 360, 1, -1).astype(bool)
    assert not may_be_inverted(filling)  # the corners are left out
    whole = np.ones((60, 80), bool)
    whole[:20, 30:50] = False
    assert not may_be_inverted(whole)  # what is left out touches an edge
    lattice = np.ones((60, 80), bool)
    lattice[10:50:20, 10:70:20] = False
    assert not may_be_inverted(lattice)  # many holes
    ring = disc.copy()
    ring[25:35, 40:50] = False
    assert not may_be_inverted(ring)
