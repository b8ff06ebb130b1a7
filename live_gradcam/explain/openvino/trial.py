"""Converts a traced graph and tries it, in a process of its own: a crash of OpenVINO ends that process only.

`python -m live_gradcam.explain.openvino.trial FOLDER [half]` reads `graph.pb`, `record.json` and `examples.npz` there,
and writes `graph.xml`, `graph.bin` and `trial.json`. With `half` it compares bfloat16 with float32, where the processor
computes in bfloat16. It loads no TensorFlow.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.array_types import Numbers
from live_gradcam.explain.openvino.check_pictures import check_pictures
from live_gradcam.explain.openvino.gradient_rules import add_rules
from live_gradcam.explain.openvino.library import (
    NoOpenVINOError,
    compiled,
    core,
    has_bf16,
    openvino,
    reason_in,
)
from live_gradcam.explain.openvino.requests import Requests
from live_gradcam.explain.openvino.store import (
    ARGUMENTS,
    KNOWN,
    NETWORK,
    HalfCheck,
    Ports,
    Trial,
    read_record,
)
from live_gradcam.explain.runtime import FIELDS, GraphOutputs

MOST_ERROR = 1e-4
"""Largest difference of a map from TensorFlow's, in parts of the peak, and of a probability."""

CHECKED = 64
"""How many pictures bfloat16 is compared on."""

_MOST_SECONDS = 20.0
"""Longest time for those pictures; large networks are compared on fewer."""

_FEWEST = 16

_TIMED_SECONDS = 0.4
"""How long each precision is timed, after it was run twice."""


def main(folder: Path, *, checks_half: bool) -> None:
    """Convert and try the graph of a folder."""
    ports = read_record(folder).ports
    try:
        trial = _tried(folder, ports, checks_half=checks_half)
    except NoOpenVINOError:
        raise  # it says nothing about the graph
    except LiveGradcamError as error:
        trial = Trial(refused=str(error))
    except Exception as error:
        trial = Trial(refused=reason_in(error))
    (folder / "trial.json").write_text(json.dumps(asdict(trial)), encoding="utf-8")


def _tried(folder: Path, ports: Ports, *, checks_half: bool) -> Trial:
    add_rules()
    network = core().read_model(str(folder / "graph.pb"))
    openvino().save_model(network, str(folder / NETWORK), compress_to_fp16=False)
    with np.load(folder / "examples.npz") as stored:
        examples = dict(stored)
    given = {name: examples.pop(name) for name in ARGUMENTS if name in examples}
    expected = GraphOutputs(**examples)
    exact = Requests(compiled(folder / NETWORK, "f32"), ports)
    found = exact.run(*given.values())
    error = _error(found, expected)
    if error > MOST_ERROR:
        return Trial(
            refused=f"OpenVINO's maps differ from TensorFlow's by {error:.1e} of the peak", error=error
        )
    one = [each[:1] for each in given.values()]
    known = {"f32": exact.run(*one).raw}
    times = {"f32": _milliseconds(lambda: exact.run(*one))}
    half = None
    if checks_half and has_bf16():
        rough = Requests(compiled(folder / NETWORK, "bf16"), ports)
        known["bf16"] = rough.run(*one).raw
        times["bf16"] = _milliseconds(lambda: rough.run(*one))
        half = _compared(exact, rough, one, sum(times.values()))
    np.savez(folder / KNOWN, allow_pickle=False, **dict(zip(given, one, strict=True)), **known)
    return Trial(error=error, milliseconds=times, half=half)


def _error(found: GraphOutputs, expected: GraphOutputs) -> float:
    """Return how far results differ: maps and values in parts of their peak; infinity where ids or flags differ."""
    worst = 0.0
    for name in FIELDS:
        ours, theirs = getattr(found, name), getattr(expected, name)
        if ours.shape != theirs.shape:
            return float("inf")
        if theirs.dtype.kind in "ib" or not theirs.size:
            if name not in ("top_ids", "rival_ids", "channel_numbers") and not np.array_equal(ours, theirs):
                return float("inf")
            continue  # of two nearly equal classes, either may come first; their numbers are compared
        if not np.array_equal(np.isfinite(ours), np.isfinite(theirs)):
            return float("inf")
        size = np.nanmax(np.abs(np.where(np.isfinite(theirs), theirs, 0.0)), initial=0.0)
        apart = np.abs(np.where(np.isfinite(theirs), ours - theirs, 0.0))
        scale = 1.0 if name.endswith("probabilities") else max(float(size), 1e-30)
        worst = max(worst, float(apart.max()) / scale)
    return worst


def _milliseconds(run: Callable[[], object]) -> float:
    run(), run()
    taken: list[float] = []
    until = time.perf_counter() + _TIMED_SECONDS
    while len(taken) < 5 or (time.perf_counter() < until and len(taken) < 100):
        start = time.perf_counter()
        run()
        taken.append((time.perf_counter() - start) * 1e3)
    return min(taken)  # other work on the machine only adds


def _compared(exact: Requests, rough: Requests, one: Sequence[Any], cost: float) -> HalfCheck:
    """Compare bfloat16 with float32.

    Args:
        exact: the graph in float32.
        rough: the graph in bfloat16.
        one: arguments for one picture; all but the picture are those of every picture.
        cost: milliseconds of one picture in both.
    """
    count = int(np.clip(_MOST_SECONDS * 1e3 / cost, _FEWEST, CHECKED))
    picture, *others = one
    checked = check_pictures(count, *picture.shape[1:3])
    same_class = same_peak = 0
    least = 1.0
    for picture in checked:
        given = picture[None], *others
        first, second = exact.run(*given), rough.run(*given)
        same_class += int(np.array_equal(first.top_ids[:, :1], second.top_ids[:, :1]))
        peaks = True
        for ours, theirs in zip(_maps(second), _maps(first), strict=True):
            a, b = (np.unravel_index(each.argmax(), each.shape) for each in (ours, theirs))
            peaks &= max(abs(int(x) - int(y)) for x, y in zip(a, b, strict=True)) <= 1
            least = min(least, _correlation(ours, theirs))
        same_peak += int(peaks)
    return HalfCheck(count, same_class, same_peak, least)


def _maps(outputs: GraphOutputs) -> Numbers:
    """Return the maps as they are shown, (M·T, h, w)."""
    return np.maximum(outputs.raw.reshape(-1, *outputs.raw.shape[-2:]), 0.0)


def _correlation(ours: Numbers, theirs: Numbers) -> float:
    if not theirs.any() or not ours.any():
        return float(ours.any() == theirs.any())
    if ours.size == 1 or ours.std() == 0.0 or theirs.std() == 0.0:
        return 1.0
    return float(np.corrcoef(ours.ravel(), theirs.ravel())[0, 1])


if __name__ == "__main__":
    main(Path(sys.argv[1]), checks_half="half" in sys.argv[2:])
