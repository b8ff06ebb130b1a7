"""Pictures from strangers: what is taken, and what is refused before it is decoded."""

from __future__ import annotations

import struct
import threading
import time
import zlib

import cv2
import numpy as np
import pytest
from limits import at_most
from photos import FORMATS, exif, saved, scene
from PIL import Image
from served import jpeg

from live_gradcam.frame import Pixels
from live_gradcam.server import decode_limits as bounds
from live_gradcam.server import photo_process
from live_gradcam.server.decode_limits import check_shape
from live_gradcam.server.decoders import DecoderPool
from live_gradcam.server.errors import RequestError
from live_gradcam.server.picture_decoding import MOST_FRAME_PIXELS, decoded, decodes_fast, photo_of, size_of


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
    with at_most(0.5), pytest.raises(RequestError) as refusal:
        size_of(bomb)
    assert refusal.value.status == 413
    assert "50000×50000 pixels, and at most 40 million can be taken" in str(refusal.value)


def test_a_frame_may_have_fewer_pixels_than_a_picture() -> None:
    data = jpeg(np.zeros((1200, 1200, 3), np.uint8))
    assert size_of(data) == (1200, 1200)
    with pytest.raises(RequestError, match="at most 1 million"):
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
    with pytest.raises(RequestError) as refusal:
        size_of(data)
    assert refusal.value.status == 415


@pytest.mark.parametrize("data", [png_that_claims(16, 16), png_that_claims(16, 16, b"no zlib")])
def test_a_picture_that_is_damaged_inside_is_refused(data: bytes) -> None:
    size_of(data)
    with pytest.raises(RequestError, match="the picture is damaged"):
        decoded(data)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WebP", "HEIC", "AVIF"])
def test_a_photo_of_a_phone_or_a_browser_is_taken(name: str) -> None:
    assert np.abs(photo_of(FORMATS[name]())[..., ::-1].astype(int) - scene()).mean() < 3.5


@pytest.mark.parametrize("name", ["TIFF", "GIF", "BMP", "QOI", "TGA"])
def test_a_photo_of_another_format_is_refused(name: str) -> None:
    with pytest.raises(RequestError) as refusal:
        photo_of(FORMATS[name]())
    assert refusal.value.status == 415
    assert str(refusal.value) == "this is no picture that can be read: JPEG, PNG, WebP, HEIC, AVIF can."


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WebP", "HEIC", "AVIF"])
def test_a_photo_of_too_many_pixels_is_refused_with_both_numbers(name: str) -> None:
    with pytest.raises(RequestError) as refusal:
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
        with pytest.raises(RequestError, match="the picture is damaged: it"):
            photo_of(data[: round(0.7 * len(data))])


# Files that give their decoder more work than their size says


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(side: int, data: bytes, *further: bytes, depth: int = 8, interlaced: int = 0) -> bytes:
    """A square PNG in colour with the given compressed data, and further parts before it."""
    header = struct.pack(">IIBBBBB", side, side, depth, 2, 0, 0, interlaced)
    return b"".join(
        [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), *further, chunk(b"IDAT", data), chunk(b"IEND", b"")]
    )


def deflated(megabytes: int) -> bytes:
    compressor = zlib.compressobj(9)
    return b"".join(compressor.compress(bytes(1_000_000)) for _ in range(megabytes)) + compressor.flush()


def scans_of(side: int, count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated: each costs a few bytes, and a pass over the whole picture."""
    whole = saved(np.full((side, side, 3), 90, np.uint8), "JPEG", progressive=True)
    last = whole[whole.rfind(b"\xff\xda") : -2]
    return whole[:-2] + last * count + b"\xff\xd9"


@pytest.mark.long
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("interlaced", [0, 1])
def test_a_png_that_inflates_to_more_than_its_pixels_is_refused_at_once(depth: int, interlaced: int) -> None:
    bomb = png_of(100, deflated(60), depth=depth, interlaced=interlaced)
    began = time.process_time()
    for decode in (decoded, photo_of):
        with pytest.raises(
            RequestError, match="the picture is damaged: it holds more data than its pixels need"
        ):
            decode(bomb)
    assert time.process_time() - began < 0.3


@pytest.mark.parametrize("name", [b"zTXt", b"iTXt", b"iCCP", b"fdAT", b"zzZz"])
def test_what_is_beside_the_pixels_of_a_png_is_not_inflated(name: bytes) -> None:
    inside = b"a\0\1\0\0\0" if name == b"iTXt" else b"a\0\0"
    picture = zlib.compress((b"\0" + b"\xc8" * 300) * 100)
    bomb = png_of(100, picture, *[chunk(name, inside + zlib.compress(bytes(7_000_000), 9))] * 40)
    began = time.process_time()
    for decode in (decoded, photo_of):
        assert (decode(bomb) == 200).all()
    assert time.process_time() - began < 0.5


def test_a_png_of_thousands_of_parts_is_refused() -> None:
    with pytest.raises(RequestError, match="the picture is damaged: it has more than 20000 parts"):
        decoded(png_of(10, b"", *[chunk(b"tEXt", b"")] * 30_000))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_a_png_of_every_kind_is_read_as_before(mode: str) -> None:
    grey = np.random.default_rng(1).integers(0, 65536, (37, 53)).astype(np.uint16)
    if mode == "I;16":
        data = bytes(cv2.imencode(".png", grey)[1])
    else:
        data = saved(Image.fromarray((grey >> 8).astype(np.uint8)).convert("RGB").convert(mode), "PNG")
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(decoded(data), expected)


def test_an_interlaced_png_is_read() -> None:
    """Of 3×2 pixels, which come in three passes: (0, 0), then (2, 0), then (1, 0), then the second row."""
    shades = {(0, 0): 10, (2, 0): 20, (1, 0): 30, (0, 1): 40, (1, 1): 50, (2, 1): 60}
    rows = [[(0, 0)], [(2, 0)], [(1, 0)], [(0, 1), (1, 1), (2, 1)]]
    raw = b"".join(b"\0" + b"".join(bytes([shades[at]] * 3) for at in row) for row in rows)
    header = struct.pack(">IIBBBBB", 3, 2, 8, 2, 0, 0, 1)
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )
    for decode in (decoded, photo_of):
        assert decode(data)[..., 0].tolist() == [[10, 30, 20], [40, 50, 60]]


def test_the_bytes_that_an_interlaced_png_needs_are_those_that_its_passes_have() -> None:
    for width, height in ((1, 1), (3, 2), (8, 8), (37, 53), (5, 1)):
        data = png_that_claims(width, height)
        header = bytearray(data[16:29])
        header[12] = 1
        passes = [np.zeros((height, width))[y::dy, x::dx].shape for x, y, dx, dy in bounds._ADAM7]
        expected = sum(rows * (1 + 3 * columns) for rows, columns in passes if rows and columns)
        assert bounds._png_bytes(data[:16] + bytes(header) + data[29:]) == expected


def test_a_jpeg_of_thousands_of_scans_is_refused_at_once() -> None:
    bomb = scans_of(1000, 5000)
    began = time.process_time()
    for decode in (decoded, photo_of):
        with pytest.raises(RequestError, match="the picture has more scans than its size justifies"):
            decode(bomb)
    assert time.process_time() - began < 0.3


def test_a_progressive_jpeg_and_one_with_pictures_behind_it_are_taken() -> None:
    plain = saved(scene(), "JPEG", progressive=True)
    expected = decoded(plain)
    np.testing.assert_array_equal(decoded(plain + plain * 20), expected)  # phones put further pictures there


@pytest.mark.parametrize("size", [(6500, 100), (100, 6500), (100_000, 10)])
def test_a_picture_far_longer_than_wide_is_refused(size: tuple[int, int]) -> None:
    data = jpeg(np.zeros((size[1], size[0], 3), np.uint8), ".png")
    told = f"the picture has {size[0]}×{size[1]} pixels, and its longer side may be at most 64 times the shorter one"
    for read in (size_of, photo_of):
        with pytest.raises(RequestError, match=told) as refusal:
            read(data)
        assert refusal.value.status == 413


def test_under_wide_the_shape_is_bounded_as_on_the_page() -> None:
    check_shape(896, 224, "wide")
    check_shape(6400, 100, "crop")
    with pytest.raises(RequestError, match=r"at most 4 times the shorter one here \(--fit wide\)"):
        check_shape(1000, 224, "wide")


def test_a_photo_that_hides_a_larger_one_is_decoded_within_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_process, "SECONDS", 0.05)
    with pytest.raises(
        RequestError, match=r"the picture takes longer than 0 s to decode: send a smaller one\."
    ) as refusal:
        photo_of(FORMATS["AVIF"]())
    assert refusal.value.status == 413


def test_a_decoder_that_dies_is_told_as_a_damaged_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "false")
    with pytest.raises(RequestError, match=r"the picture is damaged: it cannot be decoded\."):
        photo_of(FORMATS["AVIF"]())


# The threads that decode


def test_frames_are_decoded_in_threads_of_their_own_while_photos_take_their_time() -> None:
    names: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> Pixels:
        begun.set()
        assert go_on.wait(10)
        return np.zeros((1, 1, 3), np.uint8)

    def noted() -> Pixels:
        names.append(threading.current_thread().name)
        return np.zeros((1, 1, 3), np.uint8)

    photos, frames = DecoderPool("photos", 1), DecoderPool("frames", 1)
    waiting = [photos.submit(slow) for _ in range(3)]
    assert begun.wait(10)
    assert photos.waiting == 2
    waiting[2].cancel()
    assert frames.submit(noted).result(10).shape == (1, 1, 3)
    assert names == ["frames 1"]
    go_on.set()
    waiting[1].result(10)
    photos.close(time.monotonic() + 5)
    frames.close(time.monotonic() + 5)
    with pytest.raises(RequestError, match="the server is ending"):
        frames.submit(noted)


def test_what_a_decoder_refuses_is_told_to_who_waits() -> None:
    pool = DecoderPool("photos", 1)
    with pytest.raises(RequestError, match="this is no picture that can be read"):
        pool.submit(lambda: photo_of(b"hello")).result(10)
    pool.close(time.monotonic() + 5)


def test_a_photo_is_light_that_has_few_pixels_and_needs_no_process() -> None:
    few, many = np.zeros((2000, 2000, 3), np.uint8), np.zeros((2001, 2000, 3), np.uint8)
    assert decodes_fast(jpeg(few))
    assert decodes_fast(jpeg(few, ".png"))
    assert not decodes_fast(jpeg(many))
    assert not decodes_fast(jpeg(many, ".png"))
    assert not decodes_fast(jpeg(few[:32, :32], ".avif"))
    assert not decodes_fast(b"no picture")
