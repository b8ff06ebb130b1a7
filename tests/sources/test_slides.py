from __future__ import annotations

import logging
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from photos import FORMATS, scene

from live_gradcam.errors import SourceError
from live_gradcam.frame import Pixels
from live_gradcam.sources.file_listing import pictures_in
from live_gradcam.sources.photo import read_picture
from live_gradcam.sources.slides import SECONDS_PER_IMAGE, ImagesSource

ORANGE = (20, 120, 240)


def write(path: Path, picture: npt.NDArray[np.integer[Any]]) -> Path:
    encoded, data = cv2.imencode(path.suffix, picture)
    assert encoded
    path.write_bytes(data.tobytes())
    return path


def picture(colour: tuple[int, int, int] = ORANGE, size: tuple[int, int] = (30, 20)) -> Pixels:
    return np.full((size[1], size[0], 3), colour, np.uint8)


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """Put an EXIF block with one entry, the orientation, behind a JPEG's first marker."""
    tiff = b"II*\x00" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    block = b"Exif\x00\x00" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".bmp", ".PNG"])
def test_every_usual_format_is_read_as_blue_green_red(tmp_path: Path, suffix: str) -> None:
    pixels = read_picture(write(tmp_path / f"cup{suffix}", picture()))
    assert pixels.shape == (20, 30, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - ORANGE).max() <= 4


def test_file_names_may_hold_any_characters(tmp_path: Path) -> None:
    path = write(tmp_path / "猫 на солнце é.png", picture())
    with ImagesSource([path]) as source:
        assert [frame.size for frame in source] == [(30, 20)]
        assert source.name == "猫 на солнце é.png"
        assert source.describe() == "猫 на солнце é.png: 30×20"


def test_a_grey_picture_becomes_three_equal_channels(tmp_path: Path) -> None:
    pixels = read_picture(write(tmp_path / "grey.png", np.full((20, 30), 90, np.uint8)))
    assert pixels.shape == (20, 30, 3)
    assert (pixels == 90).all()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_become_eight(tmp_path: Path, suffix: str) -> None:
    pixels = read_picture(write(tmp_path / f"deep{suffix}", picture().astype(np.uint16) * 257))
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - ORANGE).max() <= 1


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_transparent_parts_become_white(tmp_path: Path, depth: type[np.unsignedinteger]) -> None:
    full = np.zeros((20, 30, 4), depth)
    full[:, :10] = (*ORANGE, 255)
    full[:, 10:20] = (*ORANGE, 128)
    if depth is np.uint16:
        full *= depth(257)
    pixels = read_picture(write(tmp_path / "logo.png", full)).astype(int)
    assert np.abs(pixels[:, :10] - ORANGE).max() <= 1
    assert np.abs(pixels[:, 10:20] - (np.array(ORANGE) + 255) / 2).max() <= 2
    assert (pixels[:, 20:] == 255).all()


@pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))])
def test_a_photograph_stands_upright(tmp_path: Path, orientation: int, corner: tuple[int, int]) -> None:
    marked = picture((0, 0, 0), size=(64, 32))
    marked[:16, :16] = 255
    path = write(tmp_path / "phone.jpg", marked)
    path.write_bytes(with_orientation(path.read_bytes(), orientation))
    pixels = read_picture(path)
    assert pixels.shape == ((32, 64, 3) if orientation in (1, 3) else (64, 32, 3))
    assert pixels[corner].min() > 200
    assert pixels.mean() < 60


def test_slides_come_in_natural_order_two_seconds_each(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        write(tmp_path / f"slide {number}.png", picture((number, number, number)))
    (tmp_path / "notes.txt").write_text("not a slide")
    (tmp_path / ".hidden.png").write_bytes(b"")
    with ImagesSource(pictures_in(tmp_path), name="talk") as source:
        frames = list(source)
        assert source.describe() == "talk: 3 pictures, 30×20"
    assert [int(frame.pixels[0, 0, 0]) for frame in frames] == [1, 9, 10]
    assert [frame.media_time for frame in frames] == [0.0, 2.0, 4.0]
    assert SECONDS_PER_IMAGE == 2.0


def test_a_damaged_picture_among_others_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "1.png", picture())
    (tmp_path / "2.png").write_bytes(b"no picture at all")
    write(tmp_path / "3.png", picture())
    with caplog.at_level(logging.WARNING), ImagesSource(pictures_in(tmp_path)) as source:
        frames = list(source)
    assert [frame.media_time for frame in frames] == [0.0, 2.0]
    assert caplog.messages == [
        "2.png cannot be read: it is text, no picture or film. Give a video, a picture or a folder of them. It is left "
        "out."
    ]


def test_a_picture_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    text, empty = tmp_path / "text.png", tmp_path / "empty.jpg"
    text.write_text("no picture at all")
    empty.touch()
    noise = tmp_path / "noise.png"
    noise.write_bytes(bytes((i * i * 31 + 7 * i) % 256 for i in range(3000)))
    for path, message in (
        (
            noise,
            "noise.png cannot be read: it is damaged, or no JPEG, HEIC, PNG, WebP, AVIF, GIF, TIFF or BMP.",
        ),
        (
            text,
            "text.png cannot be read: it is text, no picture or film. Give a video, a picture or a folder of "
            "them.",
        ),
        (empty, "empty.jpg cannot be read: the file is empty."),
        (tmp_path / "gone.png", "gone.png cannot be read: No such file or directory."),
    ):
        with pytest.raises(SourceError) as error:
            ImagesSource([path])
        assert str(error.value) == message


def test_a_folder_of_nothing_but_damaged_pictures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"x")
    (tmp_path / "2.png").write_bytes(b"x")
    with pytest.raises(SourceError, match=r"^2\.png cannot be read"):
        ImagesSource(pictures_in(tmp_path))


def test_a_folder_without_pictures_says_so(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SourceError) as error:
        pictures_in(tmp_path)
    assert str(error.value) == (
        f"the folder {tmp_path} has no pictures in it. JPEG, HEIC, PNG, WebP, AVIF, GIF, TIFF and BMP are read."
    )


def test_a_folder_of_every_kind_of_photo_is_a_row_of_slides(tmp_path: Path) -> None:
    endings = {
        "JPEG": ".JPG",
        "HEIC": ".HEIC",
        "PNG": ".png",
        "WebP": ".webp",
        "AVIF": ".avif",
        "GIF": ".gif",
    }
    endings |= {"TIFF": ".TIFF", "BMP": ".bmp", "JPEG 2000": ".jp2", "progressive JPEG": ".jfif", "QOI": ""}
    for number, (name, ending) in enumerate(endings.items()):
        (tmp_path / f"{number}{ending}").write_bytes(FORMATS[name]())
    (tmp_path / "README").write_text("no slide")
    (tmp_path / "IMG_1.MOV").write_bytes(b"the film of a live photo")
    with ImagesSource(pictures_in(tmp_path)) as source:
        frames = list(source)
    assert len(frames) == len(endings)
    assert all(np.abs(frame.pixels[..., ::-1].astype(int) - scene()).mean() < 3.5 for frame in frames)


def test_a_photo_that_is_cut_short_is_shown_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = FORMATS["JPEG"]()
    (tmp_path / "half.jpg").write_bytes(data[: round(0.8 * len(data))])
    with caplog.at_level(logging.WARNING), ImagesSource([tmp_path / "half.jpg"]) as source:
        assert len(list(source)) == 1
    assert caplog.messages == ["half.jpg is cut short: what is missing of it is grey"]
