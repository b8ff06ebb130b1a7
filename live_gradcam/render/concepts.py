"""Concepts on a picture: each place in the colour of its strongest concept."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from live_gradcam.explanation import Region
from live_gradcam.frame import Pixels
from live_gradcam.heatmap import Levels, levels_over_region
from live_gradcam.question import ConceptMaps
from live_gradcam.render.heat import BAND
from live_gradcam.render.lettering import Colour

COLOURS: tuple[tuple[str, Colour], ...] = (
    ("orange", (0, 94, 213)),
    ("light blue", (233, 180, 86)),
    ("yellow", (66, 228, 240)),
    ("blue", (178, 114, 0)),
    ("pink", (167, 121, 204)),
)
"""Name and (blue, green, red) of each concept's colour, from the palette of Okabe and Ito (2008). The order keeps the
first three, four and five as far apart as the palette allows, for colour-blind viewers too."""

_STRONGEST = 1.75
"""Opacity of the strongest places, in units of the heat's opacity."""

_MESH_SIDE = 256
"""Points along the longer side of the mesh on which concepts are compared; it is enlarged linearly, so that the borders
between colours are smooth."""

_STEPS = 51
"""Levels of strength per concept: five concepts share the 256 codes of a byte."""


def paint_concepts_onto(
    picture: Pixels, image: Pixels, concepts: ConceptMaps, region: Region, alpha: float
) -> None:
    """Paint an image over a whole picture, and over a region of it the colours of concepts.

    A place has the colour of the concept that is strongest there, more opaque where that is stronger.

    Args:
        picture: (H, W, 3) uint8 BGR; it is painted over.
        image: (H, W, 3) uint8 BGR; it is not changed.
        concepts: their strengths.
        region: (x, y, width, height) of the image that they lie over.
        alpha: in [0, 1]: as in `Appearance`. The strongest places are opaque from 0.57.
    """
    x, y, width, height = region
    scale = min(1.0, _MESH_SIDE / max(width, height))
    codes = _codes(concepts, (max(1, round(width * scale)), max(1, round(height * scale))))
    kept, colours = (
        cv2.resize(cv2.applyColorMap(codes, table), (width, height), interpolation=cv2.INTER_LINEAR)
        for table in _blending(alpha)
    )
    picture[:] = image
    for top in range(0, height, BAND):
        rows = slice(top, top + BAND)
        band = slice(y + top, y + min(top + BAND, height)), slice(x, x + width)
        below = cv2.multiply(image[band], kept[rows], scale=1 / 255)
        cv2.add(below, colours[rows], dst=picture[band])


def _codes(concepts: ConceptMaps, size: tuple[int, int]) -> Levels:
    """Return the strongest concept and its strength at each pixel, as one byte: `_STEPS` · number + step."""
    strongest = codes = None
    for number, strengths in enumerate(concepts.strengths[: len(COLOURS)]):
        levels = levels_over_region(strengths, size, concepts.inset)
        own = cv2.LUT(levels, _code_table(number))
        if strongest is None or codes is None:
            strongest, codes = levels.copy(), own
            continue
        cv2.copyTo(own, cv2.compare(levels, strongest, cv2.CMP_GT), codes)
        cv2.max(levels, strongest, dst=strongest)
    return np.zeros(size[::-1], np.uint8) if codes is None else np.asarray(codes, np.uint8)


@lru_cache(maxsize=8)
def _code_table(number: int) -> Levels:
    """Return the code of each level of a concept, (256,) uint8."""
    return (_STEPS * number + np.arange(256) * _STEPS // 256).astype(np.uint8)


@lru_cache(maxsize=16)
def _blending(alpha: float) -> tuple[Pixels, Pixels]:
    """Return for each code the picture's remaining share, and the colour to add: two (256, 1, 3) uint8."""
    codes = np.arange(256)
    share = min(1.0, _STRONGEST * alpha) * (codes % _STEPS) / (_STEPS - 1)
    colours = np.array([colour for _, colour in COLOURS] + [(0, 0, 0)])[codes // _STEPS]
    kept = np.broadcast_to(np.rint(255 * (1 - share))[:, None, None], (256, 1, 3)).astype(np.uint8)
    return kept, np.rint(share[:, None, None] * colours[:, None, :]).astype(np.uint8)
