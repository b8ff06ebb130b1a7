"""Pictures from strangers: what is taken, and what is refused before it is decoded."""

from __future__ import annotations

import struct
import time
import zlib

import numpy as np
import pytest
from photos import FORMATS, exif, saved, scene
from served import jpeg

from live_gradcam.server.refusal import Refusal
from live_gradcam.server.uploads import MOST_FRAME_PIXELS, decoded, photo_of, size_of


def png_that_claims(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG with a size in its header, whatever is in it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp"])
def test_the_size_is_read_and_the_picture_decoded(ending: str) -> None:
    pixels = np.full((20, 30, 3), 200, np.uint8)
    data = jpeg(pixels, ending)
    assert size_of(data) == (30, 20)
    np.testing.assert_allclose(decoded(data), pixels, atol=3)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = png_that_claims(50_000, 50_000, zlib.compress(bytes(50_000_000), 9))
    assert len(bomb) < 60_000
    began = time.monotonic()
    with pytest.raises(Refusal) as refusal:
        size_of(bomb)
    assert time.monotonic() - began < 0.5
    assert refusal.value.status == 413
    assert "50000×50000 pixels, and at most 40 million can be taken" in str(refusal.value)


def test_a_frame_may_have_fewer_pixels_than_a_picture() -> None:
    data = jpeg(np.zeros((1200, 1200, 3), np.uint8))
    assert size_of(data) == (1200, 1200)
    with pytest.raises(Refusal, match="at most 1 million"):
        size_of(data, MOST_FRAME_PIXELS)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"GIF89a\x01\x00\x01\x00",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\x00\x00\x00\x00WAVE",
        png_that_claims(0, 0),
        png_that_claims(1000, 0),
    ],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        size_of(data)
    assert refusal.value.status == 415


@pytest.mark.parametrize("data", [png_that_claims(16, 16), png_that_claims(16, 16, b"no zlib")])
def test_a_picture_that_is_damaged_inside_is_refused(data: bytes) -> None:
    size_of(data)
    with pytest.raises(Refusal, match="the picture is damaged"):
        decoded(data)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WebP", "HEIC", "AVIF"])
def test_a_photo_of_a_phone_or_a_browser_is_taken(name: str) -> None:
    assert np.abs(photo_of(FORMATS[name]())[..., ::-1].astype(int) - scene()).mean() < 3.5


@pytest.mark.parametrize("name", ["TIFF", "GIF", "BMP", "QOI", "TGA"])
def test_a_photo_of_another_format_is_refused(name: str) -> None:
    with pytest.raises(Refusal) as refusal:
        photo_of(FORMATS[name]())
    assert refusal.value.status == 415
    assert str(refusal.value) == "this is no picture that can be read: JPEG, PNG, WebP, HEIC, AVIF can."


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WebP", "HEIC", "AVIF"])
def test_a_photo_of_too_many_pixels_is_refused_with_both_numbers(name: str) -> None:
    with pytest.raises(Refusal) as refusal:
        photo_of(FORMATS[name](), most_pixels=3000)
    assert refusal.value.status == 413
    assert str(refusal.value) == (
        "the picture has 64×48 pixels, and at most 0.003 million can be taken: send a smaller one."
    )


def test_a_photo_is_turned_upright_and_laid_on_white() -> None:
    clear = np.zeros((48, 64, 4), np.uint8)
    pixels = photo_of(saved(clear, "PNG", exif=exif(6)))
    assert pixels.shape == (64, 48, 3)
    assert (pixels == 255).all()


def test_half_a_photo_is_refused() -> None:
    for name in ("JPEG", "PNG", "WebP", "HEIC", "AVIF"):
        data = FORMATS[name]()
        with pytest.raises(Refusal, match="the picture is damaged: it"):
            photo_of(data[: round(0.7 * len(data))])
