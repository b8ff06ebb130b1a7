"""`POST /explain`: a picture in, what the network says of it out."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

import cv2
import numpy as np
from pydantic import BaseModel, Field

from live_gradcam.config import Task
from live_gradcam.explanation import Contrast, Explanation, Lowered, Prediction, Value
from live_gradcam.frame import Pixels
from live_gradcam.render.picture import draw
from live_gradcam.server.queued_work import Done

MOST_BYTES = 12_000_000
"""Of a picture file."""

MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp", "image/heic", "image/heif", "image/avif")


class Problem(BaseModel):
    """Why it was refused."""

    detail: str
    """One line: what was wrong, and what to do."""


class Guess(BaseModel):
    """A class and how probable the network holds it, or a value."""

    class_id: int
    """Index of the network's output; -1 for a score of the server's own."""

    label: str
    probability: Annotated[float, Field(ge=0, le=1)] | None
    """Null where the network is no classifier, or gives NaN."""

    value: float | None
    """The network's own number, as its last layer gives it; null where it is NaN or infinite."""

    unit: str
    """Of a value: `years`; empty: none."""


class Explained(BaseModel):
    """What the network says of a picture, and where it saw it."""

    model: str
    method: str
    layer: str
    task: Task
    """What the network's outputs are: classes of which one is right, labels that are right or not each by itself, or
    values."""

    finite: bool
    """False where the network gives NaN or infinity."""

    top: list[Guess]
    """The most probable classes or labels, best first, or the values in the order of the outputs."""

    target: Guess
    """What the map is for; of a contrast its first side."""

    lowers: bool
    """Whether the map is for what lowers a value, not for what raises it."""

    rivals: list[Guess]
    """What the target was set against."""

    has_evidence: bool
    heatmap: list[list[float]]
    """Rows of values in [0, 1], at the layer's own resolution, over `region`."""

    inset: tuple[float, float, float, float]
    """Which part of the map lies over the region: left, top, right, bottom as fractions of it; below 0 or above 1 where
    the region reaches beyond the map, and there is no heat."""

    peak: float
    """The raw value that stands as 1 in `heatmap`."""

    size: tuple[int, int]
    """Width and height of the picture in pixels."""

    region: tuple[int, int, int, int]
    """x, y, width and height of the part that the network saw, in pixels."""

    explain_ms: float
    """How long the network took."""

    batch: int
    """How many pictures were explained in the same call."""

    overlay_png: str | None
    """The picture with the heat on it, a PNG as base64; null unless it was asked for."""


class Health(BaseModel):
    """That the server answers."""

    status: Literal["ok"]
    version: str
    model: str


def explained(done: Done, *, model: str, overlay: bool, colormap: str, alpha: float) -> Explained:
    """Word what came of a picture; this draws and encodes, so it is for a thread.

    Raises:
        RenderError: the colour map is not known.
    """
    explanation = done.answer.first
    target = explanation.target
    rivals = target.rivals if isinstance(target, Contrast) else ()
    height, width = done.pixels.shape[:2]
    png = _overlay(done.pixels, explanation, alpha, colormap) if overlay else None
    peak = float(explanation.raw_heatmap.max()) if explanation.has_evidence else 0.0
    return Explained(
        model=model,
        method=explanation.method,
        layer=explanation.layer,
        task=explanation.task,
        finite=explanation.is_finite,
        top=[_guess(each) for each in explanation.top],
        target=_guess(target.prediction if isinstance(target, Contrast | Lowered) else target),
        lowers=isinstance(target, Lowered),
        rivals=[_guess(each) for each in rivals],
        has_evidence=explanation.has_evidence,
        heatmap=np.round(explanation.heatmap.astype(np.float64), 4).tolist(),
        inset=explanation.inset,
        peak=max(0.0, peak),
        size=(width, height),
        region=explanation.region,
        explain_ms=round(done.explained_ms, 2),
        batch=done.batch,
        overlay_png=png,
    )


def upload_description() -> dict[str, Any]:
    """Return how the OpenAPI document describes the picture, which is the body of the request."""
    body = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": {"required": True, "content": dict.fromkeys(MEDIA_TYPES, body)}}


def _guess(target: Prediction | Value) -> Guess:
    if isinstance(target, Value):
        return Guess(class_id=-1, label=target.label, probability=None, value=target.value, unit="")
    return Guess(
        class_id=target.class_id,
        label=target.label,
        probability=None if target.probability is None else round(target.probability, 6),
        value=target.value,
        unit=target.unit,
    )


def _overlay(pixels: Pixels, explanation: Explanation, alpha: float, colormap: str) -> str:
    picture = draw(pixels, explanation, alpha, colormap)
    return base64.b64encode(bytes(cv2.imencode(".png", picture)[1])).decode()
