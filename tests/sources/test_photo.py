"""Photos: what a file's bytes hold, whatever its name; the oracles are the arrays that were encoded, and Pillow."""

from __future__ import annotations

import builtins
import io
import logging
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from photos import (
    FORMATS,
    SIZE,
    alpha,
    by_opencv,
    exif,
    heic,
    on_white,
    profile,
    saved,
    scene,
    swapped_profile,
)
from PIL import Image, ImageCms, ImageOps

from live_gradcam.errors import SourceError
from live_gradcam.sources.file_opening import is_still
from live_gradcam.sources.opencv_photo import MOST_PIXELS
from live_gradcam.sources.photo import read_photo, read_picture


def read(tmp_path: Path, data: bytes, name: str = "photo.jpg") -> npt.NDArray[np.int_]:
    """Write a file and read it as RGB."""
    path = tmp_path / name
    path.write_bytes(data)
    pixels = read_picture(path)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    return pixels[..., ::-1].astype(int)


def refusal(tmp_path: Path, data: bytes, name: str = "photo.jpg") -> str:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(SourceError) as caught:
        read_picture(path)
    assert len(str(caught.value)) <= 400
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.long
def test_every_format_is_read_under_its_own_name(tmp_path: Path, name: str) -> None:
    ending = {"TGA": ".tga", "PCX": ".pcx"}.get(name, "")
    found = read(tmp_path, FORMATS[name](), f"photo{ending}")
    assert found.shape == (SIZE[1], SIZE[0], 3)
    assert np.abs(found - scene()).mean() < 3.5


@pytest.mark.parametrize("name", ["sky.fits", "sky.FIT", "sky"])
def test_a_picture_of_the_sky_is_a_photo_whose_first_row_is_the_lowest(tmp_path: Path, name: str) -> None:
    cards = ["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 3", "NAXIS2  = 2", "END"]
    head = "".join(f"{key[:10]}{key[10:]:>20}".ljust(80) for key in cards).ljust(2880).encode()
    path = tmp_path / name
    path.write_bytes(head + bytes([10, 20, 30, 200, 210, 220]).ljust(2880, b"\0"))
    assert is_still(path)
    np.testing.assert_array_equal(read_picture(path)[..., 0], [[200, 210, 220], [10, 20, 30]])


@pytest.mark.parametrize("ending", [".jpg", ".JFIF", ".png", ".heic", ".mp4", "", ".txt"])
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WebP", "HEIC", "AVIF", "TIFF", "BMP"])
def test_the_content_decides_and_not_the_name(tmp_path: Path, name: str, ending: str) -> None:
    assert np.abs(read(tmp_path, FORMATS[name](), f"photo{ending}") - scene()).mean() < 3.5


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "kind", ["JPEG", "PNG", "PNG with alpha", "WebP with alpha", "AVIF", "TIFF", "16-bit PNG"]
)
def test_a_photo_stands_upright_as_its_mark_says(tmp_path: Path, kind: str, orientation: int) -> None:
    full = np.dstack([scene(), np.full(SIZE[::-1], 255, np.uint8)])
    full[:4, :4, 3] = 0
    mark = exif(orientation)
    data = {
        "JPEG": lambda: saved(scene(), "JPEG", quality=98, subsampling=0, exif=mark),
        "PNG": lambda: saved(scene(), "PNG", exif=mark),
        "PNG with alpha": lambda: saved(full, "PNG", exif=mark),
        "WebP with alpha": lambda: saved(full, "WEBP", lossless=True, exif=mark),
        "AVIF": lambda: saved(scene(), "AVIF", quality=98, subsampling="4:4:4", exif=mark),
        "TIFF": lambda: saved(scene(), "TIFF", tiffinfo={274: orientation}),
        "16-bit PNG": lambda: with_exif(by_opencv(".png", scene()[..., ::-1].astype(np.uint16) * 257), mark),
    }[kind]()
    stored = on_white(full[..., :3], full[..., 3]) if "alpha" in kind else scene()
    image = Image.fromarray(stored.astype(np.uint8))
    image.info["exif"] = mark
    image.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(image)).astype(int)
    found = read(tmp_path, data)
    assert found.shape == expected.shape
    assert np.abs(found - expected).mean() < 3


def with_exif(png: bytes, block: bytes) -> bytes:
    """Put an eXIf chunk before the pixels of a PNG."""
    body = b"eXIf" + block.removeprefix(b"Exif\0\0")
    at = png.index(b"IDAT") - 4
    return png[:at] + struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) + png[at:]


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_heic_is_turned_once(tmp_path: Path, orientation: int) -> None:
    image = Image.fromarray(scene())
    image.getexif()[0x0112] = orientation
    image.info["exif"] = image.getexif().tobytes()
    expected = np.asarray(ImageOps.exif_transpose(image)).astype(int)
    found = read(tmp_path, heic(image, exif=exif(orientation)), "IMG_0001.HEIC")
    assert found.shape == expected.shape
    assert np.abs(found - expected).mean() < 3.5


@pytest.mark.parametrize("orientation", [0, 9, 255, 65535])
def test_an_orientation_that_does_not_exist_changes_nothing(tmp_path: Path, orientation: int) -> None:
    found = read(tmp_path, saved(scene(), "PNG", exif=exif(orientation)), "photo.png")
    assert (found == scene()).all()


def test_a_damaged_exif_block_hides_no_photo(tmp_path: Path) -> None:
    for block in (b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0nonsense", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"):
        for kind in ("JPEG", "PNG", "WEBP"):
            assert np.abs(read(tmp_path, saved(scene(), kind, exif=block)) - scene()).mean() < 4


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_a_heic_of_more_bits_is_read(tmp_path: Path, bits: int) -> None:
    import pillow_heif

    deep = (scene().astype(np.uint16) * 257).tobytes()
    options = {"SAVE_HDR_TO_12_BIT": bits == 12}
    for name, value in options.items():
        setattr(pillow_heif.options, name, value)
    try:
        buffer = io.BytesIO()
        if bits == 8:
            buffer.write(heic(scene()))
        else:
            pillow_heif.from_bytes("RGB;16", SIZE, deep).save(buffer, quality=-1, chroma=444)
    finally:
        pillow_heif.options.SAVE_HDR_TO_12_BIT = False
    assert np.abs(read(tmp_path, buffer.getvalue()) - scene()).mean() < 3.5


def test_of_a_heic_the_main_photo_is_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import pillow_heif

    buffer = io.BytesIO()
    both = pillow_heif.from_pillow(Image.fromarray(np.zeros((48, 64, 3), np.uint8)))
    both.add_from_pillow(Image.fromarray(scene()))
    both.save(buffer, quality=-1, chroma=444, primary_index=1)
    with caplog.at_level(logging.WARNING):
        found = read(tmp_path, buffer.getvalue(), "both.heic")
    assert np.abs(found - scene()).mean() < 3.5
    assert caplog.messages == ["both.heic has 2 pictures in it: the main one is read."]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "HEIF", "AVIF", "JPEG2000"])
def test_transparent_parts_lie_on_white(tmp_path: Path, kind: str) -> None:
    full = np.dstack([scene(), alpha()])
    options: dict[str, Any] = {}
    if kind in ("WEBP", "AVIF"):
        options = {"lossless": True, "exact": True} if kind == "WEBP" else {"quality": 100}
    data = heic(full) if kind == "HEIF" else saved(full, kind, **options)
    assert np.abs(read(tmp_path, data) - on_white(scene(), alpha())).mean() < 3.5


def test_grey_with_alpha_palettes_and_one_colour_that_is_clear_lie_on_white(tmp_path: Path) -> None:
    grey = scene()[..., 0]
    found = read(tmp_path, saved(Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha())]), "PNG"))
    assert np.abs(found - on_white(np.dstack([grey] * 3), alpha())).max() <= 1
    few = Image.fromarray(scene()).quantize(4)
    clear = np.asarray(few) == 2
    assert (read(tmp_path, saved(few, "PNG", transparency=2))[clear] == 255).all()
    assert (read(tmp_path, saved(few, "GIF", transparency=2))[clear] == 255).all()
    flat = Image.new("RGB", SIZE, (10, 200, 30))
    assert (read(tmp_path, saved(flat, "PNG", transparency=(10, 200, 30))) == 255).all()


def test_colours_that_were_multiplied_by_alpha_are_not_darkened_twice(tmp_path: Path) -> None:
    image = Image.fromarray(np.dstack([scene(), alpha()])).convert("RGBa")
    multiplied = np.asarray(image)
    tags = {338: 1}  # associated alpha
    data = saved(Image.frombytes("RGBA", SIZE, multiplied.tobytes()), "TIFF", tiffinfo=tags)
    data = data.replace(struct.pack("<HHIHH", 338, 3, 1, 2, 0), struct.pack("<HHIHH", 338, 3, 1, 1, 0))
    assert np.abs(read(tmp_path, data) - on_white(scene(), alpha())).mean() < 3


@pytest.mark.parametrize("mode", ["1", "L", "P"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF"])
def test_black_and_white_grey_and_palettes_are_colours(tmp_path: Path, mode: str, kind: str) -> None:
    image = Image.fromarray(scene()).convert(mode) if mode != "P" else Image.fromarray(scene()).quantize(16)
    assert (read(tmp_path, saved(image, kind)) == np.asarray(image.convert("RGB"))).all()


@pytest.mark.parametrize("adobe", [True, False])
@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_the_colours_that_pillow_sees(tmp_path: Path, kind: str, adobe: bool) -> None:
    data = saved(
        Image.fromarray(scene()).convert("CMYK"), kind, **({"quality": 98} if kind == "JPEG" else {})
    )
    if kind == "JPEG" and not adobe:
        at = data.index(b"\xff\xee")
        data = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    assert np.abs(read(tmp_path, data) - expected).max() <= 1


def test_lab_becomes_srgb(tmp_path: Path) -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(Image.fromarray(scene()), srgb, lab, outputMode="LAB")
    assert image is not None
    assert np.abs(read(tmp_path, saved(image, "TIFF")) - scene()).mean() < 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF", "16-bit PNG"])
def test_a_colour_profile_is_followed(tmp_path: Path, kind: str) -> None:
    swapped, options = scene()[..., [1, 0, 2]], {"icc_profile": swapped_profile()}
    if kind == "HEIF":
        image = Image.fromarray(swapped)
        image.info.update(options)
        data = heic(image)
    elif kind == "16-bit PNG":
        block = b"iCCPx\0\0" + zlib.compress(swapped_profile())
        png = by_opencv(".png", swapped[..., ::-1].astype(np.uint16) * 257)
        at = png.index(b"IDAT") - 4
        chunk = struct.pack(">I", len(block) - 4) + block + struct.pack(">I", zlib.crc32(block))
        data = png[:at] + chunk + png[at:]
    else:
        quality = {"quality": 98} if kind in ("JPEG", "WEBP", "AVIF") else {}
        data = saved(swapped, kind, **quality, **options)
    assert np.abs(read(tmp_path, data) - scene()).mean() < 4


def test_the_profile_of_srgb_and_a_broken_one_change_nothing(tmp_path: Path) -> None:
    for block in (profile("sRGB"), b"no profile at all", swapped_profile()[:200]):
        assert (read(tmp_path, saved(scene(), "PNG", icc_profile=block)) == scene()).all()


@pytest.mark.parametrize("ending", [".png", ".tif", ".ppm", ".jp2"])
def test_sixteen_bits_become_eight(tmp_path: Path, ending: str) -> None:
    deep = scene()[..., ::-1].astype(np.uint16) * 257
    assert np.abs(read(tmp_path, by_opencv(ending, deep)) - scene()).max() <= 1
    grey = scene()[..., 0].astype(np.uint16) * 257
    found = read(tmp_path, by_opencv(ending.replace("ppm", "pgm"), grey))
    assert np.abs(found - scene()[..., :1]).max() <= 1


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_a_medical_picture_of_few_bits_in_sixteen_is_as_bright_as_it_was_taken(
    tmp_path: Path, ending: str, bits: int
) -> None:
    full = 2**bits - 1
    grey = np.rint(np.tile(np.linspace(0, full, 64), (48, 1))).astype(np.uint16)
    found = read(tmp_path, by_opencv(ending, grey))
    assert np.abs(found[..., 0] - grey / full * 255).max() <= 0.51


def test_fractions_from_0_to_1_are_shades_and_others_are_refused(tmp_path: Path) -> None:
    grey = np.tile(np.linspace(0, 1, 64), (48, 1)).astype(np.float32)
    assert np.abs(read(tmp_path, by_opencv(".tif", grey))[..., 0] - grey * 255).max() <= 0.51
    colour = (scene()[..., ::-1] / 255).astype(np.float32)
    assert np.abs(read(tmp_path, by_opencv(".tif", colour)) - scene()).max() <= 1
    assert np.abs(read(tmp_path, by_opencv(".tif", np.rint(grey * 255)))[..., 0] - grey * 255).max() <= 0.51
    assert refusal(tmp_path, by_opencv(".tif", grey * 3 - 1), "height.tif") == (
        "height.tif cannot be read: it has values from -1 to 2, and which of them is white is not known. Save it in 8 "
        "or 16 bits, or with values from 0 to 1."
    )


def test_signed_numbers_are_refused_with_what_to_do(tmp_path: Path) -> None:
    scan = np.tile(np.linspace(-1000, 3000, 64), (48, 1)).astype(np.int16)
    assert refusal(tmp_path, by_opencv(".tif", scan), "ct.tif").startswith(
        "ct.tif cannot be read: it has negative values, from -1000 to 3000, and which of them is white is not known."
    )


@pytest.mark.parametrize("ending", [".hdr", ".pfm"])
def test_light_is_shown_with_the_curve_of_srgb(tmp_path: Path, ending: str) -> None:
    shades = scene() / 255
    light = np.where(shades <= 0.04045, shades / 12.92, ((shades + 0.055) / 1.055) ** 2.4)
    light[:4, -4:] = 30  # brighter than white
    expected = scene().astype(int)
    expected[:4, -4:] = 255
    found = read(tmp_path, by_opencv(ending, light[..., ::-1].astype(np.float32)))
    assert np.abs(found - expected).mean() < 1.5


def test_of_several_pages_the_first_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = Image.new("RGB", SIZE, "black")
    data = saved(scene(), "TIFF", save_all=True, append_images=[other, other])
    with caplog.at_level(logging.WARNING):
        assert (read(tmp_path, data, "fax.tif") == scene()).all()
    assert caplog.messages == ["fax.tif has 3 pages: the first is read."]


def test_a_jpeg_that_is_cut_short_is_read_in_part_and_says_so(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    path = tmp_path / "half.jpg"
    data = saved(noise, "JPEG", quality=95)
    path.write_bytes(data[: len(data) // 2])
    photo = read_photo(path)
    assert photo.damage == "is cut short: what is missing of it is grey"
    whole = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert (photo.pixels[:200] == np.asarray(whole)[:200]).all()
    path.write_bytes(data + b"what a phone puts behind it")
    assert read_photo(path).damage is None


def test_a_png_with_a_long_text_is_read(tmp_path: Path) -> None:
    body = b"tEXtworkflow\0" + b"x" * 80_000_000
    png = saved(scene(), "PNG")
    at = png.index(b"IDAT") - 4
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    assert (read(tmp_path, png[:at] + chunk + png[at:]) == scene()).all()


@pytest.mark.parametrize("size", [(65_500, 1), (1, 65_500)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_a_line_of_pixels_is_a_photo(tmp_path: Path, kind: str, size: tuple[int, int]) -> None:
    assert read(tmp_path, saved(Image.new("RGB", size, (200, 10, 10)), kind)).shape == (size[1], size[0], 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "PPM", "TIFF", "16-bit TIFF", "GIF", "PFM", "PAM"])
def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path: Path, kind: str) -> None:
    deep = by_opencv(".tif", np.zeros((48, 64), np.uint16))
    data = {
        "JPEG": lambda: resized(saved(scene(), "JPEG"), b"\xff\xc0\0\x11\x08", ">HH"),
        "PNG": lambda: with_checksum(resized(saved(scene(), "PNG"), b"IHDR", ">II")),
        "BMP": lambda: resized(saved(scene(), "BMP"), b"\x28\0\0\0", "<II"),
        "PPM": lambda: saved(scene(), "PPM").replace(b"64 48", b"60000 60000"),
        "PAM": lambda: by_opencv(".pam", scene()).replace(b"64", b"60000").replace(b"48", b"60000"),
        "PFM": lambda: by_opencv(".pfm", np.zeros((48, 64), np.float32)).replace(b"64 48", b"60000 60000"),
        "TIFF": lambda: tall(saved(scene(), "TIFF")),
        "16-bit TIFF": lambda: tall(deep),
        "GIF": lambda: resized(FORMATS["GIF"](), b"GIF87a", "<HH"),
    }[kind]()
    message = refusal(tmp_path, data, "bomb.bin")
    assert (
        f"pixels, and at most {MOST_PIXELS // 10**6} million can be taken. Make it smaller first." in message
    )
    assert message.startswith("bomb.bin cannot be read: it has 60000×60000")


def resized(data: bytes, mark: bytes, form: str) -> bytes:
    """Say 60000×60000 in a header, behind a mark."""
    at = data.index(mark) + len(mark)
    return data[:at] + struct.pack(form, 60_000, 60_000) + data[at + struct.calcsize(form) :]


def with_checksum(png: bytes) -> bytes:
    return png[:29] + struct.pack(">I", zlib.crc32(png[12:29])) + png[33:]


def tall(data: bytes) -> bytes:
    """Say 60000×60000 in a little-endian TIFF, whose tags hold sizes in shorts or longs."""
    for tag, was in ((256, 64), (257, 48)):
        for kind in (3, 4):
            data = data.replace(
                struct.pack("<HHII", tag, kind, 1, was), struct.pack("<HHII", tag, 4, 1, 60_000)
            )
    return data


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            b"II*\0\x10\0\0\0CR\x02\0" + bytes(50),
            "a camera's raw file (CR2). Develop it to JPEG or TIFF first",
        ),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "a camera's raw file (CR3). Develop it"),
        (b"FUJIFILMCCD-RAW 0201FF129502", "a camera's raw file (RAF). Develop it"),
        (b"8BPS\0\1" + bytes(30), "a Photoshop document (PSD). Export it as PNG or JPEG first."),
        (b"%PDF-1.7\n", "a PDF document, no picture or film. Export its pages or pictures"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "a PostScript drawing (EPS). Export it as PNG or JPEG first."),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "a drawing (SVG). Export it as PNG or JPEG first."),
        (b'<?xml version="1.0"?>\n<!-- x -->\n<svg/>', "a drawing (SVG). Export it"),
        (b"\xff\x0a\xfa\x1f\x01\x90", "a JPEG XL picture, which cannot be read yet. Export it"),
        (b"\x76\x2f\x31\x01\x02\0\0\0", "an OpenEXR picture, which cannot be read. Save it as TIFF"),
        (bytes(128) + b"DICM\2\0\0\0", "a medical picture (DICOM). Export it"),
        (b"PK\x03\x04\x14\0\0\0", "a zip archive, no picture or film. Unpack it first."),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "a Git LFS pointer"),
        (
            b"\n<!DOCTYPE html>\n<html><head><title>404",
            "a web page, no picture or film. Open the address",
        ),
    ],
)
def test_a_file_of_another_kind_says_what_it_is_and_what_to_do(
    tmp_path: Path, data: bytes, said: str
) -> None:
    for name in ("photo.jpg", "photo"):
        assert refusal(tmp_path, data, name).startswith(f"{name} cannot be read: it is {said}")


def test_the_preview_in_a_raw_file_is_not_taken_for_the_photo(tmp_path: Path) -> None:
    preview = Image.fromarray(scene()).resize((16, 12))
    for tags in ({50706: b"\1\4\0\0"}, {254: 1, 330: 8}, {262: 32803}):
        data = saved(preview, "TIFF", tiffinfo=tags)
        if 262 in tags:
            data = data.replace(struct.pack("<HHII", 262, 3, 1, 2), struct.pack("<HHII", 262, 3, 1, 32803))
        assert refusal(tmp_path, data, "IMG_1.dng").startswith(
            "IMG_1.dng cannot be read: it is a camera's raw file (DNG, NEF or the like). Develop it to JPEG or TIFF"
        )


def test_without_pi_heif_a_heic_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = builtins.__import__

    def without(name: str, *others: Any, **more: Any) -> Any:
        if name.startswith("pi_heif"):
            raise ImportError(name)
        return really(name, *others, **more)

    for name in [name for name in sys.modules if name.startswith("pi_heif")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    assert refusal(tmp_path, heic(scene()), "IMG_1.HEIC") == (
        "IMG_1.HEIC is a HEIC photo, and pi-heif, which reads those, is not installed. Type: pip install pi-heif"
    )


def test_what_is_damaged_is_told_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name, encode in FORMATS.items():
        data = encode()
        message = refusal(tmp_path, data[: min(len(data) // 3, 40)], "broken.jpg")
        assert message.startswith("broken.jpg cannot be read: it "), name
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("factor", [5000.0, 0.001])
def test_light_of_any_scale_is_neither_white_nor_black(tmp_path: Path, factor: float) -> None:
    light = np.tile(np.linspace(0.1, 1, 64, dtype=np.float32), (48, 1)) * np.float32(factor)
    found = read(tmp_path, by_opencv(".hdr", np.dstack([light] * 3)))
    high = np.percentile(light, 99)
    share = np.clip(light / high, 0, 1)
    assert np.abs(found[..., 0] - 255 * (1.055 * share ** (1 / 2.4) - 0.055)).max() < 3


def test_shades_in_a_file_for_light_are_shades(tmp_path: Path) -> None:
    assert (read(tmp_path, by_opencv(".pfm", scene()[..., ::-1].astype(np.float32))) == scene()).all()
