"""The response of `POST /explain` and of `/healthz`."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

import cv2
import numpy as np
from pydantic import BaseModel, Field

from live_gradcam.explanation import Explanation
from live_gradcam.faithfulness import Faithfulness, MaskedScores
from live_gradcam.fixed_choices import Task
from live_gradcam.frame import Pixels
from live_gradcam.prediction import Contrast, Lowered, Prediction, Value
from live_gradcam.render.single_picture import draw
from live_gradcam.server.queued_work import Done

MOST_BYTES = 12_000_000
"""Maximum size of a picture file."""

MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp", "image/heic", "image/heif", "image/avif")


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str
    """What was wrong and what to do, on one line."""


class Guess(BaseModel):
    """A class with its probability, or a value."""

    class_id: int
    """Index of the network's output; -1 for a score that a function computes."""

    label: str
    probability: Annotated[float, Field(ge=0, le=1)] | None
    """Null if the network is not a classifier or returns NaN."""

    value: float | None
    """The network's own number, as its last layer returns it; null if it is NaN or infinite."""

    unit: str
    """Unit of a value, such as `years`; empty if there is none."""


class Found(BaseModel):
    """A thing that a scan recognised."""

    guess: Guess
    box: tuple[int, int, int, int]
    """x, y, width and height in pixels of the picture: where its heat is at least half of the maximum."""


class Masked(BaseModel):
    """Probabilities of the explained class for two changed pictures."""

    alone: Annotated[float, Field(ge=0, le=1)]
    """With only the hottest part left."""

    without: Annotated[float, Field(ge=0, le=1)]
    """With all but the hottest part left."""


class Tested(BaseModel):
    """The test of the heat: parts of the picture were covered, and the network was asked again."""

    heat: Masked
    controls: dict[str, Masked]
    """The same map in other places, by name: as much area elsewhere."""

    share: float
    """The share of the area that the hottest part takes at most."""

    baseline: str
    """What covered the rest: `blur`."""

    margin: float | None
    """By how much (alone − without) ÷ probability of the heat exceeds that of the mean of the controls."""

    holds: bool | None
    """Whether the heat accounts for the answer; null if there is no verdict."""

    reason: str | None
    """Why there is no verdict: `the network is not sure`; null if there is one."""


class Explained(BaseModel):
    """Predictions and heat map of a picture."""

    model: str
    method: str
    layer: str
    task: Task
    """What the outputs are: `classes` (exactly one is right), `multi-label` (each is right or wrong) or `values`."""

    finite: bool
    """False if the network returns NaN or infinity."""

    top: list[Guess]
    """The most probable classes or labels, best first, or the values in the order of the outputs."""

    target: Guess
    """The class or value that is explained; of a contrast, its first side."""

    lowers: bool
    """Whether the map shows what lowers a value, rather than what raises it."""

    rivals: list[Guess]
    """The second side of a contrast."""

    has_evidence: bool
    heatmap: list[list[float]]
    """Rows of values in [0, 1], at the layer's own resolution, over `region`."""

    inset: tuple[float, float, float, float]
    """The part of the map that lies over the region: left, top, right, bottom as fractions of the map. Below 0 or
    above 1, the region reaches beyond the map, where there is no heat."""

    peak: float
    """The raw value that is 1 in `heatmap`."""

    things: list[Found] | None
    """The recognised things, the most probable first; null unless the server scans (`--fit scan`)."""

    test: Tested | None
    """The test of the heat; null unless requested, or if there can be none."""

    untested: str | None
    """Why there is no test, such as `no test: there is no heat`; null if there is one, or if none was requested."""

    size: tuple[int, int]
    """Width and height of the picture in pixels."""

    region: tuple[int, int, int, int]
    """x, y, width and height in pixels of the part that the network saw."""

    explain_ms: float
    """Time that the network took for the batch."""

    batch: int
    """Number of pictures that were explained in the same call."""

    overlay_png: str | None
    """The picture with the heat on it, a PNG in base64; null unless requested."""


class Health(BaseModel):
    """The state of the server."""

    status: Literal["ok"]
    version: str
    model: str


def explained(done: Done, *, model: str, overlay: bool, colormap: str, alpha: float) -> Explained:
    """Return the response for an explained picture. It draws and encodes, so call it in a thread.

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
        things=None
        if explanation.things is None
        else [Found(guess=_guess(each.prediction), box=each.box) for each in explanation.things],
        test=None if done.answer.proof is None else _tested(done.answer.proof.faithfulness),
        untested=done.answer.unproved or None,
        size=(width, height),
        region=explanation.region,
        explain_ms=round(done.explained_ms, 2),
        batch=done.batch,
        overlay_png=png,
    )


def upload_description() -> dict[str, Any]:
    """Return the OpenAPI description of the request body, which is the picture."""
    body = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": {"required": True, "content": dict.fromkeys(MEDIA_TYPES, body)}}


def _tested(found: Faithfulness) -> Tested:
    return Tested(
        heat=_masked(found.heat),
        controls={name: _masked(scores) for name, scores in found.controls},
        share=found.share,
        baseline=found.baseline,
        margin=None if found.margin is None else round(found.margin, 4),
        holds=found.holds,
        reason=None if found.is_sure else "the network is not sure",
    )


def _masked(scores: MaskedScores) -> Masked:
    return Masked(alone=round(scores.alone, 6), without=round(scores.without, 6))


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
