"""Conversion of decoded frames to BGR: any pixel format, range and matrix of FFmpeg; HDR and wide gamuts to BT.709."""

from __future__ import annotations

from functools import cache
from typing import Literal

import cv2
import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import Interpolation, VideoReformatter

from live_gradcam.frame import Pixels

# FFmpeg's AVColorTransferCharacteristic, AVColorPrimaries and AVColorSpace, which equal ISO 23091-2.
_HDR: dict[int, Transfer] = {16: "PQ", 18: "HLG"}
_WIDE: dict[int, Gamut] = {9: "BT.2020", 11: "P3-DCI", 12: "P3-D65"}
_UNSPECIFIED = 2
_KNOWN_MATRICES = frozenset({0, 1, 2, 4, 5, 6, 7, 9})
"""Matrices that swscale supports: RGB, BT.709, unspecified, FCC, BT.601 (625 and 525 lines), SMPTE 240M, BT.2020."""

_BT601, _BT2020 = 5, 9
_BT2020_CONSTANT = 10


def dynamic_range(context: av.VideoCodecContext) -> str | None:
    """Return a film's HDR transfer or wide gamut, `HDR (PQ)` or `BT.2020`; None for an ordinary film."""
    if (transfer := _HDR.get(context.color_trc)) is not None:
        return f"HDR ({transfer})"
    return _WIDE.get(context.color_primaries)


class ColourConverter:
    """Converts the frames of one film as the ffmpeg command does; HDR and wide gamuts by tone mapping.

    Transparency is ignored. A frame without a matrix is treated as BT.601, as in the ffmpeg command.
    """

    def __init__(self) -> None:
        # Reused, because creating one takes longer than converting a 1280×720 frame.
        self._reformatter = VideoReformatter()

    def convert(self, decoded: av.VideoFrame, context: av.VideoCodecContext, size: tuple[int, int]) -> Pixels:
        """Return the pixels of a decoded frame.

        Args:
            decoded: the frame.
            context: its decoder, which has the colour properties.
            size: (width, height) of the result, in pixels.

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
        # Bicubic, as in the ffmpeg command. Common 8-bit formats at their own size are not filtered.
        return self._reformatter.reformat(
            decoded,
            width=size[0],
            height=size[1],
            format=pixel_format,
            src_colorspace=matrix,
            interpolation=Interpolation.BICUBIC,
        ).to_ndarray()


Transfer = Literal["PQ", "HLG", "BT.1886"]
"""Transfer function: how code values encode light."""

Gamut = Literal["BT.709", "BT.2020", "P3-DCI", "P3-D65"]
"""Colour primaries of a film."""

Floats = npt.NDArray[np.float64]
"""float64 of any shape."""
DIFFUSE_WHITE = 203.0
"""cd/m² of diffuse white in HDR (BT.2408), which becomes nearly the white of SDR."""

PEAK = 1000.0
"""cd/m² that become SDR white; brighter light is clipped."""

_BRIGHTEST: dict[Transfer, float] = {"PQ": 10_000.0, "HLG": 1000.0}
"""cd/m² of the largest code value."""

_DISPLAY_GAMMA = 2.4
_HLG_GAMMA = 1.2
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
_STEPS = 1 << 16

_D65 = (0.3127, 0.3290)
_PRIMARIES: dict[Gamut, tuple[tuple[tuple[float, float], ...], tuple[float, float]]] = {
    "BT.709": (((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)), _D65),
    "BT.2020": (((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), _D65),
    "P3-DCI": (((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), (0.314, 0.351)),
    "P3-D65": (((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), _D65),
}
"""Gamut → chromaticities (x, y) of red, green and blue, and of white."""


def pq_light(code: npt.ArrayLike) -> Floats:
    """Return the light, in cd/m², of PQ code values in [0, 1] (BT.2100, table 4)."""
    powered = np.asarray(code, np.float64) ** (1 / _M2)
    return 10_000 * (np.maximum(powered - _C1, 0) / (_C2 - _C3 * powered)) ** (1 / _M1)


def pq_code(light: npt.ArrayLike) -> Floats:
    """Return the PQ code values, in [0, 1], of light in cd/m² (BT.2100, table 4)."""
    powered = (np.asarray(light, np.float64) / 10_000) ** _M1
    return np.asarray(((_C1 + _C2 * powered) / (1 + _C3 * powered)) ** _M2)


def hlg_scene(code: npt.ArrayLike) -> Floats:
    """Return the light of the scene, in [0, 1], of HLG code values in [0, 1] (BT.2100, table 5)."""
    values = np.asarray(code, np.float64)
    return np.where(values <= 0.5, values**2 / 3, (np.exp((values - _C) / _A) + _B) / 12)


def tone_mapped(light: npt.ArrayLike) -> Floats:
    """Return light mapped to a display whose white is `DIFFUSE_WHITE` (the EETF of BT.2390, section 5.4.1).

    Args:
        light: in cd/m²; clipped to `PEAK`.

    Returns:
        Light in cd/m², at most `DIFFUSE_WHITE`.
    """
    source = pq_code(PEAK)
    value = pq_code(np.clip(light, 0, PEAK)) / source
    most = pq_code(DIFFUSE_WHITE) / source
    knee = 1.5 * most - 0.5
    t = (value - knee) / (1 - knee)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * most
    )
    return pq_light(np.where(value < knee, value, spline) * source)


def to_xyz(gamut: Gamut) -> Floats:
    """Return the matrix from linear R, G, B to X, Y, Z, in which white has Y = 1 (SMPTE RP 177)."""
    corners, (x, y) = _PRIMARIES[gamut]
    columns = np.array([(a / b, 1.0, (1 - a - b) / b) for a, b in corners]).T
    white = np.array((x / y, 1.0, (1 - x - y) / y))
    return np.asarray(columns * np.linalg.solve(columns, white))


def to_bt709(coded: npt.NDArray[np.uint16], transfer: Transfer, gamut: Gamut) -> Pixels:
    """Convert a picture to BT.709.

    Args:
        coded: (H, W, 3) uint16 RGB: code values, 65535 for 1.
        transfer: their transfer function.
        gamut: the film's primaries.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    light = cv2.LUT(coded, _light_table(transfer))
    if transfer != "BT.1886":
        red, green, blue = cv2.split(light)
        greatest = cv2.max(cv2.max(red, green), blue)
        if transfer == "HLG":
            # The OOTF maps scene light to display light by a factor that depends on luminance only.
            luminance = cv2.transform(light, to_xyz(gamut)[1:2].astype(np.float32))
            ootf = cv2.pow(luminance, _HLG_GAMMA - 1)
            greatest = cv2.multiply(greatest, ootf)
        index = np.minimum(greatest * np.float32(_STEPS - 1), _STEPS - 1).astype(np.uint16)
        scale = cv2.LUT(index, _scale_table(transfer))
        if transfer == "HLG":
            scale = cv2.multiply(scale, ootf)
        light = cv2.multiply(light, cv2.merge([scale, scale, scale]))
    if gamut != "BT.709":
        light = cv2.transform(light, _gamut_matrix(gamut))
    # Index by square roots, because equal steps of light would resolve dark codes too coarsely.
    roots = cv2.sqrt(np.clip(light, 0, 1))
    index = np.rint(roots * (_STEPS - 1)).astype(np.uint16)
    return np.ascontiguousarray(cv2.LUT(index, _code_table())[..., ::-1])


@cache
def _light_table(transfer: Transfer) -> npt.NDArray[np.float32]:
    """Return the light of each code, in [0, 1]: of the display (PQ), of the scene (HLG), or of SDR white (BT.1886)."""
    code = np.arange(_STEPS) / (_STEPS - 1)
    if transfer == "PQ":
        light = pq_light(code) / _BRIGHTEST["PQ"]
    elif transfer == "HLG":
        light = hlg_scene(code)
    else:
        light = code**_DISPLAY_GAMMA
    return light.astype(np.float32)


@cache
def _scale_table(transfer: Transfer) -> npt.NDArray[np.float32]:
    """Return the factor from light, as a share of the brightest, to a share of SDR white, for each level of light."""
    part = np.maximum(np.arange(_STEPS), 0.5) / (_STEPS - 1)
    return np.asarray(tone_mapped(part * _BRIGHTEST[transfer]) / DIFFUSE_WHITE / part, np.float32)


@cache
def _code_table() -> Pixels:
    """Return the code for each square root of light."""
    return np.rint(255 * (np.arange(_STEPS) / (_STEPS - 1)) ** (2 / _DISPLAY_GAMMA)).astype(np.uint8)


@cache
def _gamut_matrix(gamut: Gamut) -> npt.NDArray[np.float32]:
    # White stays white, including P3-DCI's, which is greenish.
    matrix = np.linalg.solve(to_xyz("BT.709"), to_xyz(gamut))
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True), np.float32)
