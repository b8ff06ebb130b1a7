"""Colours are those that the ffmpeg command gives, in every pixel format, range and matrix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clips import bgr_by_ffmpeg, made_by_ffmpeg

from live_gradcam.sources.film_colour import Gamut, Transfer, pq_code, to_bt709
from live_gradcam.sources.video import VideoSource

X264 = "-c:v libx264 -qp 0"

FORMATS: dict[str, str] = {
    "601.mp4": f"{X264} -pix_fmt yuv420p -colorspace smpte170m",
    "709.mp4": f"{X264} -pix_fmt yuv420p -colorspace bt709",
    "709 full.mp4": f"{X264} -pix_fmt yuv420p -colorspace bt709 -color_range pc",
    "601 full.mp4": f"{X264} -pix_fmt yuvj420p",
    "240m.mkv": f"{X264} -pix_fmt yuv444p -colorspace smpte240m",
    "fcc.mkv": f"{X264} -pix_fmt yuv444p -colorspace fcc",
    "422.mkv": f"{X264} -pix_fmt yuv422p",
    "444.mkv": f"{X264} -pix_fmt yuv444p",
    "10 bits.mkv": f"{X264} -pix_fmt yuv420p10le",
    "10 bits 422.mkv": f"{X264} -pix_fmt yuv422p10le -colorspace bt709",
    "12 bits.mkv": "-c:v ffv1 -pix_fmt yuv444p12le",
    "rgb.mkv": "-c:v libx264rgb -qp 0",
    "gbrp10.mkv": "-c:v ffv1 -pix_fmt gbrp10le",
    "grey.mkv": "-c:v ffv1 -pix_fmt gray",
    "grey 10.mkv": "-c:v ffv1 -pix_fmt gray10le",
    "grey 16.mkv": "-c:v ffv1 -pix_fmt gray16le",
    "palette.avi": "-c:v rawvideo -pix_fmt pal8",
    "411.avi": "-c:v ffv1 -pix_fmt yuv411p",
    "yuyv.avi": "-c:v rawvideo -pix_fmt yuyv422",
    "argb.mov": "-c:v qtrle -pix_fmt argb",
    "prores 4444.mov": "-c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le",
    "vp9 alpha.webm": "-c:v libvpx-vp9 -pix_fmt yuva420p -lossless 1",
    "mjpeg.avi": "-c:v mjpeg -pix_fmt yuvj422p",
}

USUAL = ("709 full.mp4", "422.mkv", "10 bits.mkv", "rgb.mkv")
"""What the usual suite tests; the others are in the group `peers`."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in USUAL else pytest.mark.peers) for name in FORMATS]
)
def test_colours_are_those_of_the_ffmpeg_command(tmp_path: Path, name: str) -> None:
    # Where chroma has fewer samples than luma and more than 8 bits, versions of FFmpeg interpolate it differently.
    soft = ("-vf", "gblur=sigma=20") if name.startswith("10 bits") else ()
    path = made_by_ffmpeg(
        tmp_path / name, *soft, *FORMATS[name].split(), source="testsrc2=s=96x64:r=25:d=0.08"
    )
    (right, *_) = bgr_by_ffmpeg(path, (96, 64))
    with VideoSource(path) as source:
        pixels = next(iter(source)).pixels
    # The same library of another version: the same but for roundings.
    difference = np.abs(pixels.astype(int) - right)
    assert difference.max() <= 3
    assert difference.mean() < 0.6  # 10 bits are dithered


def test_a_matrix_that_ffmpeg_cannot_convert_is_no_reason_to_fail(tmp_path: Path) -> None:
    path = made_by_ffmpeg(
        tmp_path / "ycgco.mkv", "-c:v", "libx264", "-pix_fmt", "yuv444p", "-colorspace", "ycgco"
    )
    with VideoSource(path) as source:
        assert len(list(source)) == 25


HDR = [
    ("pq.mp4", "smpte2084", "bt2020", "PQ", "BT.2020", "HDR (PQ)"),
    ("hlg.mp4", "arib-std-b67", "bt2020", "HLG", "BT.2020", "HDR (HLG)"),
    ("wide.mp4", "bt709", "bt2020", "BT.1886", "BT.2020", "BT.2020"),
    ("p3.mp4", "bt709", "smpte432", "BT.1886", "P3-D65", "P3-D65"),
]


@pytest.mark.parametrize(("name", "trc", "primaries", "transfer", "gamut", "words"), HDR)
def test_hdr_and_wide_gamuts_become_bt709(
    tmp_path: Path, name: str, trc: str, primaries: str, transfer: Transfer, gamut: Gamut, words: str
) -> None:
    path = made_by_ffmpeg(
        tmp_path / name,
        *("-c:v", "libx265", "-x265-params", "lossless=1:log-level=none", "-pix_fmt", "yuv444p10le"),
        *(
            "-vf",
            "scale=out_color_matrix=bt2020:out_range=tv",
            "-colorspace",
            "bt2020nc",
            "-color_range",
            "tv",
        ),
        *("-color_trc", trc, "-color_primaries", primaries),
        source="testsrc2=s=96x64:r=25:d=0.08",
    )
    with VideoSource(path) as source:
        pixels = next(iter(source)).pixels
        assert source.describe() == f"{name}: 96×64 at 25 fps, 0.1 s, {words} shown as BT.709"
    # The pictures were drawn in RGB, of which the film has the code values.
    (drawn,) = bgr_by_ffmpeg(path, (96, 64), "-frames:v", "1")
    coded = (drawn[..., ::-1].astype(np.uint16)) * 257
    difference = np.abs(pixels.astype(int) - to_bt709(coded, transfer, gamut))
    assert np.median(difference) <= 1
    assert difference.mean() < 2


def test_a_white_page_in_hdr_is_nearly_white(tmp_path: Path) -> None:
    level = round(219 * 4 * float(pq_code(203)) + 64)
    path = made_by_ffmpeg(
        tmp_path / "page.mp4",
        *("-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le"),
        *("-vf", f"format=yuv420p10le,geq=lum={level}:cb=512:cr=512"),
        *("-colorspace", "bt2020nc", "-color_trc", "smpte2084", "-color_primaries", "bt2020"),
    )
    with VideoSource(path) as source:
        pixels = next(iter(source)).pixels
    assert np.abs(pixels.astype(int) - 230).max() <= 2
