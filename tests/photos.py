"""Photos of every format that the tests write for themselves, with independent encoders."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pillow_heif
from PIL import Image, ImageCms

pillow_heif.register_heif_opener()

SIZE = (64, 48)


def scene() -> npt.NDArray[np.uint8]:
    """A smooth picture whose corners differ, (48, 64, 3) uint8 RGB: red grows to the right, green downwards."""
    width, height = SIZE
    red = np.tile(np.linspace(20, 235, width), (height, 1))
    green = np.tile(np.linspace(235, 20, height)[:, None], (1, width))
    blue = np.full((height, width), 90.0)
    picture = np.stack([red, green, blue], axis=-1)
    picture[:12, :16] = (250, 250, 250)
    return np.asarray(np.rint(picture), np.uint8)


def alpha() -> npt.NDArray[np.uint8]:
    """An opacity that grows to the right, (48, 64) uint8."""
    return np.asarray(np.tile(np.rint(np.linspace(0, 255, SIZE[0])), (SIZE[1], 1)), np.uint8)


def on_white(rgb: npt.NDArray[Any], opacity: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """A picture on a white page, as the textbook has it."""
    share = opacity[..., None] / 255
    return np.asarray(rgb * share + 255 * (1 - share), np.float64)


def saved(picture: npt.NDArray[Any] | Image.Image, kind: str, **options: Any) -> bytes:
    """Encode a picture with Pillow."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def heic(picture: npt.NDArray[Any] | Image.Image, **options: Any) -> bytes:
    """Encode a picture as HEIC, without loss of colour."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, "HEIF", quality=-1, chroma=444, **options)
    return buffer.getvalue()


def by_opencv(ending: str, picture: npt.NDArray[Any]) -> bytes:
    """Encode a picture, BGR of any depth, with OpenCV."""
    done, data = cv2.imencode(ending, picture)
    assert done
    return data.tobytes()


def exif(orientation: int) -> bytes:
    """An EXIF block with an orientation."""
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


def profile(name: str) -> bytes:
    """A colour profile: `sRGB` or `LAB`."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()  # type: ignore[arg-type]


def swapped_profile() -> bytes:
    """A profile like sRGB in which red and green have changed places."""
    data = profile("sRGB")
    tags = {data[at : at + 4]: at for at in range(132, 132 + 12 * int.from_bytes(data[128:132], "big"), 12)}
    red, green = (data[tags[name] + 4 : tags[name] + 12] for name in (b"rXYZ", b"gXYZ"))
    changed = bytearray(
        data.replace(b"sRGB", b"swap").replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    )
    changed[tags[b"rXYZ"] + 4 : tags[b"rXYZ"] + 12] = green
    changed[tags[b"gXYZ"] + 4 : tags[b"gXYZ"] + 12] = red
    return bytes(changed)


FORMATS: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: saved(scene(), "JPEG", quality=98, subsampling=0),
    "progressive JPEG": lambda: saved(scene(), "JPEG", quality=98, subsampling=0, progressive=True),
    "PNG": lambda: saved(scene(), "PNG"),
    "WebP": lambda: saved(scene(), "WEBP", lossless=True),
    "lossy WebP": lambda: saved(scene(), "WEBP", quality=95),
    "HEIC": lambda: heic(scene()),
    "AVIF": lambda: saved(scene(), "AVIF", quality=98, subsampling="4:4:4"),
    "GIF": lambda: saved(Image.fromarray(scene()).quantize(256), "GIF"),
    "TIFF": lambda: saved(scene(), "TIFF"),
    "LZW TIFF": lambda: saved(scene(), "TIFF", compression="tiff_lzw"),
    "JPEG TIFF": lambda: saved(scene(), "TIFF", compression="jpeg", quality=98),
    "BMP": lambda: saved(scene(), "BMP"),
    "JPEG 2000": lambda: saved(scene(), "JPEG2000"),
    "PPM": lambda: saved(scene(), "PPM"),
    "ICO": lambda: saved(scene(), "ICO", sizes=[SIZE]),
    "TGA": lambda: saved(scene(), "TGA"),
    "PCX": lambda: saved(scene(), "PCX"),
    "SGI": lambda: saved(scene(), "SGI"),
    "QOI": lambda: saved(scene(), "QOI"),
    "DDS": lambda: saved(scene(), "DDS"),
    "Sun raster": lambda: by_opencv(".ras", scene()[..., ::-1]),
    "PAM": lambda: by_opencv(".pam", scene()[..., ::-1]),
}
"""Name of a format → the scene in it."""
