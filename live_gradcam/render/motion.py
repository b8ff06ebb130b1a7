"""Motion estimation: where each part of the current frame was in an earlier frame."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.frame import Pixels

Grey = npt.NDArray[np.uint8]
"""(h, w) uint8: a downscaled grey frame, for optical flow."""

Cells = npt.NDArray[np.float32]
"""(rows, columns) float32: one value per cell of the frame."""

Shift = npt.NDArray[np.float32]
"""(rows, columns, 2) float32: for each cell the displacement (x, y), in cells, to its place in another frame."""

Field = npt.NDArray[np.float32]
"""(rows, columns) or (rows, columns, n) float32."""

_GREY_SIDE = 240
"""Pixels of the longer side. At 320 the heat is not more accurate, and the flow takes 1.5 times as long."""

_CELLS_SIDE = 80
"""Cells along the longer side; this flow computes every fourth pixel and interpolates the rest."""

_LEAST_SIDE = 40
"""If a side is below 32 pixels, OpenCV's flow reads out of bounds and the process crashes."""

_KEPT = 120
"""Frames whose motion is kept: 4 s at 30 fps, 9 MB. Older explained frames cost one more optical flow."""

_WINDOW = (7, 7)
_NOISE = 4.0
"""Grey levels by which a cell may differ because of noise."""

_CONFIDENT, _LOST = 0.4, 0.9
_CUT = 0.4
"""Mean confidence below which two frames are a cut. Within a scene, also while panning, it is above 0.75; at cuts below
0.2."""


@dataclass(frozen=True, slots=True, eq=False)
class Displacement:
    """The displacement of a frame's cells to an earlier frame, and its confidence."""

    shift: Shift
    confidence: Cells
    """In [0, 1]: 1 where the displaced earlier frame looks like the later one; 0 where it does not at all."""


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    index: int
    cells: Cells
    step: Shift
    """Displacement to the previous frame."""

    shift: Shift | None
    """Displacement to the reference frame; None if there is none yet."""


class Motion:
    """Tracks the frames of a scene, and returns the displacement from the newest to a reference frame.

    A network's answer comes late, for a frame that was seen some frames ago. `refer_to` makes that frame the reference
    by adding up the steps since then; from then on every frame adds one step. At a cut to another scene everything
    before it is forgotten.

    Each frame costs one optical flow, of 0.3 ms. Not thread-safe.
    """

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._seen: deque[_Seen] = deque(maxlen=_KEPT)
        self._grey: Grey | None = None
        self._reference: Cells | None = None
        self._earliest = 0

    @property
    def newest(self) -> int | None:
        """Index of the newest frame; None before the first."""
        return self._seen[-1].index if self._seen else None

    def reaches(self, index: int) -> bool:
        """Return whether a frame belongs to this scene, between the reference and the newest frame."""
        return bool(self._seen) and self._earliest <= index <= self._seen[-1].index

    def add_frame(self, index: int, pixels: Pixels) -> None:
        """Add the next frame; the same frame again changes nothing, an earlier one starts a new scene.

        Args:
            index: of the frame.
            pixels: (H, W, 3) uint8 BGR.
        """
        if self._seen and index == self._seen[-1].index:
            return
        grey = small_grey(pixels)
        cells = _cells_of(grey)
        if self._grey is None or self._grey.shape != grey.shape or index < self._seen[-1].index:
            self._begin(index, grey, cells)
            return
        before = self._seen[-1]
        step = self._step(grey, self._grey)
        if _confidence(cells, before.cells, step).mean() < _CUT:
            self._begin(index, grey, cells)
            return
        shift = None if before.shift is None else _added(step, before.shift)
        self._seen.append(_Seen(index, cells, step, shift))
        self._grey = grey

    def refer_to(self, index: int, pixels: Pixels) -> Displacement | None:
        """Make a frame the reference.

        Args:
            index: of a frame for which `reaches` is True.
            pixels: (H, W, 3) uint8 BGR; used only if this frame was not seen, or too long ago.

        Returns:
            The displacement from this frame to the former reference; None if the scene had none.
        """
        seen = list(self._seen)
        place = next((place for place, each in enumerate(seen) if each.index == index), None)
        if place is not None:
            former = self._displacement(seen[place])
            self._reference = seen[place].cells
            seen = seen[place:]
            shift: Shift = np.zeros_like(seen[0].step)
            seen[0] = replace(seen[0], shift=shift)
            for number, each in enumerate(seen[1:], start=1):
                shift = _added(each.step, shift)
                seen[number] = replace(each, shift=shift)
        else:
            grey = small_grey(pixels)
            cells = _cells_of(grey)
            before = [each for each in seen if each.index < index]
            former = self._displacement(replace(before[-1], cells=cells)) if before else None
            self._reference = cells
            newest = grey if self._grey is None else self._grey
            seen = [replace(seen[-1], shift=self._step(newest, grey))]
        self._seen = deque(seen, maxlen=_KEPT)
        self._earliest = index
        return former

    def displacement(self) -> Displacement | None:
        """Return the displacement from the newest frame to the reference; None if the scene has none yet."""
        return self._displacement(self._seen[-1]) if self._seen else None

    def _begin(self, index: int, grey: Grey, cells: Cells) -> None:
        self._seen.clear()
        self._seen.append(_Seen(index, cells, np.zeros((*cells.shape, 2), np.float32), None))
        self._grey = grey
        self._reference = None
        self._earliest = index

    def _displacement(self, seen: _Seen) -> Displacement | None:
        if seen.shift is None or self._reference is None:
            return None
        return Displacement(seen.shift, _confidence(seen.cells, self._reference, seen.shift))

    def _step(self, now: Grey, then: Grey) -> Shift:
        """Return the displacement of each cell of `now` to its place in `then`, by optical flow."""
        rows, columns = _cells_of(now).shape
        height, width = now.shape
        if min(height, width) < _LEAST_SIDE:
            return np.zeros((rows, columns, 2), np.float32)
        flow = self._flow.calc(now, then, None)  # type: ignore[call-overload] # None, as its documentation says
        step = cv2.resize(flow, (columns, rows), interpolation=cv2.INTER_AREA)
        return np.asarray(step * np.array([columns / width, rows / height], np.float32), np.float32)


def small_grey(pixels: Pixels) -> Grey:
    """Return a frame in grey, its longer side at most 240 pixels.

    Args:
        pixels: (H, W, 3) uint8 BGR.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, _GREY_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Averaging all pixels of a large picture costs three times more, and does not improve the flow.
    interpolation = cv2.INTER_LINEAR if scale < 0.5 else cv2.INTER_AREA
    return np.asarray(
        cv2.cvtColor(cv2.resize(pixels, size, interpolation=interpolation), cv2.COLOR_BGR2GRAY), np.uint8
    )


def sampled(field: Field, places: Shift, *, border: int = cv2.BORDER_REPLICATE) -> Field:
    """Return a field's values at some places, interpolated linearly.

    Args:
        field: (rows, columns) or (rows, columns, n) float32.
        places: (h, w, 2) float32: x and y, in points of the field.
        border: OpenCV's border mode: the edge's value, or zero for `cv2.BORDER_CONSTANT`.

    Returns:
        (h, w) or (h, w, n) float32.
    """
    # None, although OpenCV's annotations want an array: an empty array is accepted and returns garbage.
    found = cv2.remap(field, places, None, cv2.INTER_LINEAR, borderMode=border)  # type: ignore[call-overload]
    return np.asarray(found, np.float32)


def _cells_of(grey: Grey) -> Cells:
    height, width = grey.shape
    scale = min(1.0, _CELLS_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)


def _added(step: Shift, shift: Shift) -> Shift:
    """Return the sum of a step and the displacement at the place where the step ends."""
    return step + _looked_up(shift, step)


def _looked_up(field: Field, shift: Shift) -> Field:
    """Return a field's value at each cell's displaced place; at the edges, the edge's value."""
    return sampled(field, _places(*shift.shape[:2]) + shift)


def _confidence(now: Cells, then: Cells, shift: Shift) -> Cells:
    """Return the confidence of a displacement: the remaining difference, relative to the local contrast."""
    difference = now - _looked_up(then, shift)
    difference -= difference.mean()  # a change of exposure does not lower the confidence
    left = cv2.blur(np.abs(difference), _WINDOW)
    contrast = cv2.blur(np.abs(now - cv2.blur(now, _WINDOW)), _WINDOW)
    confidence = (_LOST - left / (contrast + _NOISE)) / (_LOST - _CONFIDENT)
    return np.asarray(np.clip(confidence, 0.0, 1.0), np.float32)


@lru_cache(maxsize=4)
def _places(rows: int, columns: int) -> Shift:
    """Return each cell's own (x, y), (rows, columns, 2) float32."""
    x, y = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    return np.dstack([x, y]).astype(np.float32, copy=False)
