"""Decoded frames to pixels: any pixel format, range and matrix that FFmpeg knows, HDR and wide gamuts as BT.709."""

from __future__ import annotations

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av
import numpy as np
from av.video.reformatter import Interpolation

from live_gradcam.frame import Pixels
from live_gradcam.sources.tone import Gamut, Transfer, to_bt709

# FFmpeg's numbers: AVColorTransferCharacteristic, AVColorPrimaries and AVColorSpace, which are those of ISO 23091-2.
_HDR: dict[int, Transfer] = {16: "PQ", 18: "HLG"}
_WIDE: dict[int, Gamut] = {9: "BT.2020", 11: "P3-DCI", 12: "P3-D65"}
_UNSPECIFIED = 2
_KNOWN_MATRICES = frozenset({0, 1, 2, 4, 5, 6, 7, 9})
"""Matrices that swscale converts from: RGB, BT.709, none told, FCC, BT.601 (625 and 525 lines), SMPTE 240M, BT.2020."""

_BT601, _BT2020 = 5, 9
_BT2020_CONSTANT = 10


def dynamic_range(context: av.VideoCodecContext) -> str | None:
    """Return how a film tells more than a usual display shows: `HDR (PQ)`, `BT.2020`; None: it is an ordinary one."""
    if (transfer := _HDR.get(context.color_trc)) is not None:
        return f"HDR ({transfer})"
    return _WIDE.get(context.color_primaries)


def to_pixels(decoded: av.VideoFrame, context: av.VideoCodecContext, size: tuple[int, int]) -> Pixels:
    """Convert a decoded frame, as the ffmpeg command does; HDR and wide gamuts as `tone` says.

    Args:
        decoded: the frame. Transparency is left out, and a frame that names no matrix is taken for BT.601, as FFmpeg
            does.
        context: its decoder, which knows the colours.
        size: (width, height) to be scaled to, in pixels.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    transfer, gamut = _HDR.get(context.color_trc), _WIDE.get(context.color_primaries)
    matrix = None
    if decoded.colorspace not in _KNOWN_MATRICES:
        matrix = _BT2020 if decoded.colorspace == _BT2020_CONSTANT else _BT601
    width, height = size
    # Bicubic, as in the ffmpeg command. The usual 8-bit formats at their own size are not filtered at all.
    interpolation = Interpolation.BICUBIC
    if transfer is None and gamut is None:
        return np.asarray(
            decoded.to_ndarray(
                format="bgr24",
                width=width,
                height=height,
                src_colorspace=matrix,
                interpolation=interpolation,
            ),
            np.uint8,
        )
    if transfer is not None and gamut is None and context.color_primaries == _UNSPECIFIED:
        gamut = "BT.2020"
    coded = decoded.to_ndarray(
        format="rgb48le", width=width, height=height, src_colorspace=matrix, interpolation=interpolation
    )
    return to_bt709(np.asarray(coded, np.uint16), transfer or "BT.1886", gamut or "BT.709")
