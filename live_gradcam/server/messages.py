"""What goes over the socket: frames and wishes one way, answers the other.

A message of bytes from the page is a frame: its number (uint32, little-endian), then a JPEG, PNG or WebP file.
A message of text is JSON: `{"ask": 1, "methods": ["gradcam"], "layer": null, "targets": [null]}` says what is wanted
from then on; `{"next": 1}` asks for a frame of the server's own camera; `{"here": true}` keeps the socket open.

An answer is bytes: the length of a header (uint32, little-endian), the header (JSON, see `answer_message`), the heat
maps (uint8, 255 for the peak, row by row, one after another), and a JPEG where the frame is the server's own.
A message of text to the page is JSON: `{"refused": "…", "ask": 1}` or `{"error": "…"}`.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from live_gradcam.explanation import Contrast, Explanation, Lowered, Prediction, Target, Value
from live_gradcam.question import Question, TargetSpec
from live_gradcam.render.caption import caption_of
from live_gradcam.render.heat_smoothing import WEAK, opacity_of
from live_gradcam.server.errors import RequestError
from live_gradcam.server.queued_work import Done

MOST_BYTES = 512 * 1024
"""Of a message: a frame of the network's size has 10 to 100 KB."""

_NO_NAME = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, ends of lines and halves of surrogate pairs, which no name of a model has, and no log should."""

_MOST_MAPS = 4
_MOST_ROWS = 5

Name = Annotated[str, Field(min_length=1, max_length=64)]
Layer = Annotated[str, Field(min_length=1, max_length=400)]
TargetName = Annotated[str, Field(max_length=200)] | Annotated[int, Field(ge=0, le=10_000_000)]
FrameNumber = Annotated[int, Field(ge=0, lt=2**32)]


class Ask(BaseModel):
    """What a visitor wants to know of each frame from now on."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ask: FrameNumber
    methods: Annotated[list[Name], Field(min_length=1, max_length=_MOST_MAPS)]
    layer: Layer | None = None
    targets: Annotated[list[TargetName | None], Field(min_length=1, max_length=_MOST_MAPS)] = [None]


class Next(BaseModel):
    """A frame of the server's own camera is wanted."""

    model_config = ConfigDict(extra="forbid", strict=True)

    next: FrameNumber


class Here(BaseModel):
    """The page is still there."""

    model_config = ConfigDict(extra="forbid", strict=True)

    here: bool


def read_text(text: str) -> Ask | Next | Here:
    """Return what a message of text says.

    Raises:
        Refusal: it is none of the three.
    """
    try:
        message = json.loads(text)
        kind = next(kind for kind in (Ask, Next, Here) if kind.__name__.lower() in message)
        return kind.model_validate(message)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RequestError(400, f"the message is not as it should be: {where}: {first['msg']}.") from error
    except (ValueError, RecursionError, TypeError, StopIteration) as error:
        raise RequestError(400, "the message is not as it should be: JSON with ask, next or here.") from error


def read_frame(message: bytes) -> tuple[int, bytes]:
    """Return a frame's number and its picture file.

    Raises:
        Refusal: there is no picture.
    """
    if len(message) <= 4:
        raise RequestError(400, "the frame has no picture.")
    (number,) = struct.unpack_from("<I", message)
    return number, message[4:]


def question_of(methods: list[str], layer: str | None, targets: list[int | str | None]) -> Question:
    """Return the question that a visitor means.

    Raises:
        Refusal: it names code, needs the memory of one visitor only, or holds control characters.
    """
    for name in (*methods, layer, *targets):
        if isinstance(name, str) and _NO_NAME.search(name):
            raise RequestError(400, "a name of a method, a layer or a class holds no control characters.")
    for target in targets:
        # `module:function` would import what a stranger names; `lock` has a memory, which visitors would share.
        if isinstance(target, str) and (":" in target or target.strip().casefold() == "lock"):
            raise RequestError(
                400, f"the target '{target}' cannot be had here: name a class, a rank or a contrast."
            )
    if layer is not None and layer.count(",") >= _MOST_MAPS:
        raise RequestError(400, f"at most {_MOST_MAPS} layers can be fused here.")
    return Question(
        methods=tuple(method.strip().casefold() for method in methods),
        layer=layer,
        targets=tuple(_plain(target) for target in targets),
    )


def answer_message(
    number: int,
    ask: int,
    done: Done,
    *,
    compiling: str | None,
    likeness: Sequence[float] | None = None,
    jpeg: bytes = b"",
) -> bytes:
    """Return an answer as it is sent.

    The header holds `frame` and `ask` (which frame, and which wish it answers), `task` (`classes`, `multi-label` or
    `values`), `finite` (false where the network gives NaN), `top` ([id, name, probability, value, unit] each; of values
    the probability is null, and a number is null where it is NaN), `caption` (see below), `maps` (see below),
    `compiling` (what is being prepared, or null), `ms` (`wait`, `explain`: the whole batch's), `batch` (how many were
    explained together), `jpeg` (its length).

    The caption is what the plate says: `label`, `percent`, `note`, `in_chart` (whether the note says nothing but what
    the rows of `top` say) and `sure`.

    A map has `method`, `layer`, `target` (`id`, `label`, `probability`, `value`, `unit`, `lowers`), `automatic`
    (whether the network chose the target), `evidence`, `opacity` (in [0, 1]: faint where the network is not sure),
    `shape` ([rows, columns]), `peak` (the raw value of 255), `region` and `inset` (left, top, right, bottom as
    fractions of the frame, and of the map: as `Explanation.inset` below 0 or above 1 where the region reaches beyond
    the map).

    Args:
        number: of the frame.
        ask: of the wish that it answers.
        done: what came of the frame.
        compiling: what is being prepared.
        likeness: for each map, how its peak compares with those of recognised things (see `Likeness`); None: 0.
        jpeg: the frame, where it is the server's own.
    """
    explanations = done.answer.explanations
    likeness = likeness or [0.0] * len(explanations)
    height, width = done.pixels.shape[:2]
    header = {
        "frame": number,
        "ask": ask,
        "task": explanations[0].task,
        "finite": explanations[0].is_finite,
        "top": [[each.class_id, each.label, *_figures(each)] for each in explanations[0].top[:_MOST_ROWS]],
        "caption": _caption(explanations[0], weak=0 < likeness[0] < WEAK),
        "maps": [
            _map(explanation, like, width, height)
            for explanation, like in zip(explanations, likeness, strict=True)
        ],
        "compiling": compiling,
        "ms": {"wait": round(done.waited_ms, 1), "explain": round(done.explained_ms, 1)},
        "batch": done.batch,
        "jpeg": len(jpeg),
    }
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    maps = [bytes_of(explanation) for explanation in explanations]
    return b"".join([struct.pack("<I", len(text)), text, *maps, jpeg])


def bytes_of(explanation: Explanation) -> bytes:
    """Return a heat map as bytes, 255 for 1."""
    return np.rint(explanation.heatmap * 255).astype(np.uint8).tobytes()


def _caption(explanation: Explanation, *, weak: bool) -> dict[str, Any]:
    caption = caption_of(explanation, weak=weak)
    return {
        "label": caption.label,
        "percent": caption.percent,
        "note": caption.note,
        "in_chart": caption.note_in_chart,
        "sure": caption.sure,
    }


def _map(explanation: Explanation, likeness: float, width: int, height: int) -> dict[str, Any]:
    x, y, wide, high = explanation.region
    peak = float(explanation.raw_heatmap.max()) if explanation.has_evidence else 0.0
    return {
        "method": explanation.method,
        "layer": explanation.layer,
        "target": _target(explanation.target),
        "automatic": explanation.automatic,
        "evidence": explanation.has_evidence,
        "opacity": round(opacity_of(explanation, likeness), 3),
        "shape": list(explanation.heatmap.shape),
        "peak": float(f"{max(peak, 0.0):.4g}"),
        "region": [x / width, y / height, (x + wide) / width, (y + high) / height],
        "inset": list(explanation.inset),
    }


def _target(target: Target) -> dict[str, Any]:
    probability, value, unit = (None, target.value, "") if isinstance(target, Value) else _figures(target)
    return {
        "id": -1 if isinstance(target, Value) else target.class_id,
        "label": target.label,
        "probability": probability,
        "value": value,
        "unit": unit,
        "lowers": isinstance(target, Lowered),
    }


def _figures(target: Prediction | Contrast | Lowered) -> tuple[float | None, float | None, str]:
    """Return probability, value and unit."""
    probability = None if target.probability is None else round(target.probability, 4)
    value = None if target.value is None else float(f"{target.value:.6g}")
    return probability, value, target.unit


def _plain(target: int | str | None) -> TargetSpec:
    """Return a target so that equal ones are equal: `281` for `"281"`, None for nothing."""
    if isinstance(target, str):
        target = target.strip()
        return int(target) if re.fullmatch(r"\d{1,7}", target) else target or None
    return target
