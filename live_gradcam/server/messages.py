"""Answers and other messages to the page: their encoding. Those from the page are in `page_messages`.

A binary message is an answer: the length of the header (uint32, little-endian), the header (JSON, see
`answer_message`), the heat maps (uint8, 255 for the peak, row by row, one after another), the mask of a test (a bit for
each pixel), and a JPEG if the frame is from the server's camera.
A text message is JSON: `{"refused": "…", "ask": 1}`, `{"error": "…"}`, for a badge `{"tested": {…}, "ask": 1}`, with
`Faithfulness.said` and `class_id`, or `{"curves": […], "reason": "", "ask": 1}`, with `HeatCurve.said`; while a visitor
teaches `{"taught": {…}}`, see `teaching.py`.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from live_gradcam.explanation import Explanation, Region
from live_gradcam.prediction import Contrast, Lowered, Prediction, Target, Value
from live_gradcam.question import Answer, Question, TargetSpec
from live_gradcam.render.caption import caption_of, figure
from live_gradcam.render.heat_smoothing import WEAK, opacity_of
from live_gradcam.server.errors import RequestError
from live_gradcam.server.queued_work import Done

MOST_BYTES = 512 * 1024
"""Maximum size of a message: a frame of the network's size has 10 to 100 KB."""

_NO_NAME = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, line ends and lone surrogates: no name has them, and they must not get into the log."""

MOST_MAPS = 4
_MOST_ROWS = 5


def question_of(methods: list[str], layer: str | None, targets: list[int | str | None]) -> Question:
    """Return the question with these methods, layer and targets.

    Raises:
        RequestError: a target names code or is `lock`, or a name holds control characters.
    """
    for name in (*methods, layer, *targets):
        if isinstance(name, str) and _NO_NAME.search(name):
            raise RequestError(400, "a name of a method, a layer or a class holds no control characters.")
    for target in targets:
        # `module:function` would import code that a client names; `lock` has state, which all clients would share.
        if isinstance(target, str) and (":" in target or target.strip().casefold() == "lock"):
            raise RequestError(
                400, f"the target '{target}' cannot be used here: name a class, a rank or a contrast."
            )
    if layer is not None and layer.count(",") >= MOST_MAPS:
        raise RequestError(400, f"at most {MOST_MAPS} layers can be fused here.")
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
    relative_peaks: Sequence[float] | None = None,
    jpeg: bytes = b"",
) -> bytes:
    """Return an answer as a binary message.

    The header has these keys:
    - `frame`, `ask`: the number of the frame, and of the question.
    - `task`: `classes`, `multi-label` or `values`.
    - `finite`: false if the network returns NaN.
    - `top`: rows of [id, name, probability, value, unit]; the probability of a value is null, and so is NaN.
    - `caption`: the label on the picture: `label`, `percent`, `note`, `in_chart` (whether the rows of `top` already say
      what the note says) and `sure`.
    - `maps`: see below.
    - `test`: the masking test of the first map (`Faithfulness.said`), with the `mask`'s [rows, columns] and the `part`
      of the frame that it covers (like `region`); or the `reason` why there is none; null if none was asked for.
    - `compiling`: what is being compiled, or null.
    - `ms`: `wait` and `explain`, the latter for the whole batch.
    - `batch`: number of frames that were explained together.
    - `jpeg`: length of the JPEG.

    Each map has these keys:
    - `method`, `layer`, `target` (`id`, `label`, `probability`, `value`, `unit`, `lowers`).
    - `automatic`: whether the network chose the target.
    - `evidence`, `opacity`: opacity in [0, 1], low if the network is not sure.
    - `shape`: [rows, columns].
    - `peak`: the raw value that is encoded as 255.
    - `region`, `inset`: left, top, right, bottom as fractions of the frame, and of the map (see `Explanation.inset`).
    - `things`: the recognised things of a scan (`label`, `percent`, `box` like `region`); null without a scan.

    Args:
        number: number of the frame.
        ask: number of the question.
        done: the explained frame.
        compiling: what is being compiled, or None.
        relative_peaks: for each map, its peak divided by the peaks of recognised things; None: 0 for all.
        jpeg: the frame, if it is from the server's camera.
    """
    explanations = done.answer.explanations
    relative_peaks = relative_peaks or [0.0] * len(explanations)
    height, width = done.pixels.shape[:2]
    header = {
        "frame": number,
        "ask": ask,
        "task": explanations[0].task,
        "finite": explanations[0].is_finite,
        "top": [[each.class_id, each.label, *_figures(each)] for each in explanations[0].top[:_MOST_ROWS]],
        "caption": _caption(explanations[0], weak=0 < relative_peaks[0] < WEAK),
        "maps": [
            _map(explanation, relative_peak, width, height)
            for explanation, relative_peak in zip(explanations, relative_peaks, strict=True)
        ],
        "test": _test(done.answer, width, height),
        "compiling": compiling,
        "ms": {"wait": round(done.waited_ms, 1), "explain": round(done.explained_ms, 1)},
        "batch": done.batch,
        "jpeg": len(jpeg),
    }
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    maps = [bytes_of(explanation) for explanation in explanations]
    proof = done.answer.proof
    mask = b"" if proof is None else np.packbits(proof.mask).tobytes()
    return b"".join([struct.pack("<I", len(text)), text, *maps, mask, jpeg])


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


def _fractions(region: Region, width: int, height: int) -> list[float]:
    x, y, wide, high = region
    return [x / width, y / height, (x + wide) / width, (y + high) / height]


def _test(answer: Answer, width: int, height: int) -> dict[str, Any] | None:
    proof = answer.proof
    if proof is None:
        return {"reason": answer.unproved} if answer.unproved else None
    placed = {"mask": list(proof.mask.shape), "part": _fractions(proof.part, width, height)}
    return {**proof.faithfulness.said, **placed}


def _map(explanation: Explanation, relative_peak: float, width: int, height: int) -> dict[str, Any]:
    things = None
    if explanation.things is not None:
        things = [
            {
                "label": each.prediction.label,
                "percent": figure(each.prediction),
                "box": _fractions(each.box, width, height),
            }
            for each in explanation.things
        ]
    peak = float(explanation.raw_heatmap.max()) if explanation.has_evidence else 0.0
    return {
        "method": explanation.method,
        "layer": explanation.layer,
        "target": _target(explanation.target),
        "automatic": explanation.automatic,
        "evidence": explanation.has_evidence,
        "opacity": round(opacity_of(explanation, relative_peak), 3),
        "shape": list(explanation.heatmap.shape),
        "peak": float(f"{max(peak, 0.0):.4g}"),
        "region": _fractions(explanation.region, width, height),
        "inset": list(explanation.inset),
        "things": things,
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
    """Return a target in its canonical form: `281` for `"281"`, None for an empty text."""
    if isinstance(target, str):
        target = target.strip()
        return int(target) if re.fullmatch(r"\d{1,7}", target) else target or None
    return target
