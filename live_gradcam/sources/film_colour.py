"""Decoded frames to pixels: any pixel format, range and matrix that FFmpeg knows, HDR and wide gamuts as BT.709."""

from __future__ import annotations

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import Interpolation, VideoReformatter

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


class Colours:
    """Converts the frames of one film, as the ffmpeg command does; HDR and wide gamuts as `tone` says.

    Transparency is left out, and a frame that names no matrix is taken for BT.601, as by the ffmpeg command.
    """

    def __init__(self) -> None:
        # One for all frames: making a new one takes longer than converting 1280×720.
        self._reformatter = VideoReformatter()

    def convert(self, decoded: av.VideoFrame, context: av.VideoCodecContext, size: tuple[int, int]) -> Pixels:
        """Return the pixels of a decoded frame.

        Args:
            decoded: the frame.
            context: its decoder, which knows the colours.
            size: (width, height) to be scaled to, in pixels.

        Returns:
            (H, W, 3) uint8 BGR.

        Raises:
            av.FFmpegError: FFmpeg cannot convert it.
        """
        transfer, gamut = _HDR.get(context.color_trc), _WIDE.get(context.color_primaries)
        if transfer is None and gamut is None:
            return np.asarray(self._reformatted(decoded, "bgr24", size), np.uint8)
        if transfer is not None and gamut is None and context.color_primaries == _UNSPECIFIED:
            gamut = "BT.2020"
        coded = np.asarray(self._reformatted(decoded, "rgb48le", size), np.uint16)
        return to_bt709(coded, transfer or "BT.1886", gamut or "BT.709")

    def _reformatted(
        self, decoded: av.VideoFrame, pixel_format: str, size: tuple[int, int]
    ) -> npt.NDArray[np.generic]:
        matrix = None
        if decoded.colorspace not in _KNOWN_MATRICES:
            matrix = _BT2020 if decoded.colorspace == _BT2020_CONSTANT else _BT601
        # Bicubic, as in the ffmpeg command. The usual 8-bit formats at their own size are not filtered at all.
        return self._reformatter.reformat(
            decoded,
            width=size[0],
            height=size[1],
            format=pixel_format,
            src_colorspace=matrix,
            interpolation=Interpolation.BICUBIC,
        ).to_ndarray()
