"""What peers.py runs inside `.venv-peers`: what an explanation costs here and there, in one run, in turn.

Ours is timed from a picture (uint8, BGR) to the explanation: cutting, resizing, preprocessing and prediction are part
of it. The peers are given the network's input, ready made, and the class is looked for by pytorch-grad-cam only.
Networks and objects are made beforehand on both sides.
"""

import argparse
import contextlib
import io
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import cv2
import numpy as np
import numpy.typing as npt
import tensorflow as tf
import torch  # type: ignore[import-not-found] # not there where mypy runs
import torch_twins

import live_gradcam as lg

OURS, TORCH, KERAS = "live_gradcam", "pytorch-grad-cam", "tf-keras-vis"
LAYER = "head"
FAST = 20
"""How many calls of a method of one pass stand beside one of Score-CAM."""

TORCH_CLASSES = {
    "gradcam": "GradCAM",
    "eigencam": "EigenCAM",
    "ablationcam": "AblationCAM",
    "scorecam": "ScoreCAM",
}
KERAS_CLASSES = {"gradcam": ("gradcam", "Gradcam"), "scorecam": ("scorecam", "Scorecam")}
SLOW = ("ablationcam", "scorecam")

Picture = npt.NDArray[np.uint8]
Maps = dict[str, npt.NDArray[Any]]


def coffee() -> Picture:
    """Return a cup of espresso, (224, 224, 3) BGR: the network's own size, so that all see the same."""
    from skimage import data

    picture = cv2.resize(data.coffee()[:, 100:500, ::-1], (224, 224), interpolation=cv2.INTER_AREA)
    return np.asarray(picture, np.uint8)


def runs(method: str, model: Any, twin: Any, picture: Picture) -> dict[str, Callable[[], Any]]:  # noqa: ANN401 - lg.Model and a torch_twins.Twin
    """Return who can do the method, and how: each returns its map, (h, w) or (H, W), its maximum 1."""
    import pytorch_grad_cam  # type: ignore[import-not-found] # not there where mypy runs

    pixels = (picture[None, ..., ::-1].astype(np.float32) - 127) / 128
    explainer = lg.Explainer(model, method)
    cam = getattr(pytorch_grad_cam, TORCH_CLASSES[method])(twin, [twin.activations[LAYER]])
    tensor = torch_twins.as_input(pixels)
    found: dict[str, Callable[[], Any]] = {
        OURS: lambda: explainer.explain(picture).heatmap,
        TORCH: lambda: cam(tensor, None)[0],
    }
    if method in KERAS_CLASSES:
        module, name = KERAS_CLASSES[method]
        top = explainer.explain(picture).top[0].class_id
        peer = __import__(f"tf_keras_vis.{module}", fromlist=[name])
        modifiers = __import__("tf_keras_vis.utils.model_modifiers", fromlist=["ReplaceToLinear"])
        visualization = getattr(peer, name)(model.network, model_modifier=modifiers.ReplaceToLinear())
        found[KERAS] = lambda: visualization(
            lambda output: output[:, top], pixels, penultimate_layer=LAYER, seek_penultimate_conv_layer=False
        )[0]
    return found


def measure(
    methods: list[str],
    model: Any,  # noqa: ANN401 - as in `runs`
    twin: Any,  # noqa: ANN401 - likewise
    picture: Picture,
    rounds: int,
) -> tuple[dict[tuple[str, str], list[float]], dict[str, Maps]]:
    """Return (method, who) → seconds of each call, and method → who → map."""
    everything = {method: runs(method, model, twin, picture) for method in methods}
    seconds: dict[tuple[str, str], list[float]] = {}
    maps: dict[str, Maps] = {method: {} for method in methods}
    for method in methods:
        if method not in SLOW:
            for function in everything[method].values():
                function()  # warms up; the slow ones do in their first round, which the median leaves out
    for number in range(rounds):
        for method, each in everything.items():
            for _ in range(1 if method in SLOW else FAST):
                for who, function in each.items():
                    noise = io.StringIO()  # progress bars
                    began = time.perf_counter()
                    with contextlib.redirect_stderr(noise), contextlib.redirect_stdout(noise):
                        maps[method][who] = np.asarray(function())
                    seconds.setdefault((method, who), []).append(time.perf_counter() - began)
            print(f"  round {number + 1}: {method}", file=sys.stderr, flush=True)
    return seconds, maps


def table(seconds: dict[tuple[str, str], list[float]], maps: dict[str, Maps]) -> str:
    """Return what was measured, ratios first, as Markdown."""
    lines = [
        f"| method | {TORCH} ÷ ours | {KERAS} ÷ ours | ours | {TORCH} | {KERAS} | maps alike |",
        "|---|---|---|---|---|---|---|",
    ]
    for method, found in maps.items():
        medians = {who: statistics.median(seconds[method, who]) for who in found}
        ratios = [f"{medians[who] / medians[OURS]:.1f}" if who in medians else "–" for who in (TORCH, KERAS)]
        times = [worded(medians[who]) if who in medians else "–" for who in (OURS, TORCH, KERAS)]
        alike = [f"{correlation(found[OURS], found[who]):.3f}" for who in (TORCH, KERAS) if who in found]
        lines.append(f"| {method} | {' | '.join([*ratios, *times])} | {', '.join(alike)} |")
    return "\n".join(lines)


def worded(seconds: float) -> str:
    """Return a time with its unit."""
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"


def correlation(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> float:
    """Return how far two maps go together, ours brought to their size."""
    resized = cv2.resize(ours, theirs.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return float(np.corrcoef(resized.ravel(), theirs.ravel())[0, 1])


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(prog="peers.py measure")
    parser.add_argument(
        "methods", nargs="*", metavar="METHOD", help=f"of {', '.join(TORCH_CLASSES)}; all of them"
    )
    parser.add_argument("--rounds", type=int, default=3, help="calls of each slow method (3)")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument("--threads", type=int, default=cores, help=f"for both sides (all cores: {cores})")
    asked = parser.parse_args()
    methods = asked.methods or list(TORCH_CLASSES)
    if not {*methods} <= {*TORCH_CLASSES}:
        parser.error(f"methods are {', '.join(TORCH_CLASSES)}")
    tf.config.set_visible_devices([], "GPU")
    tf.config.threading.set_intra_op_parallelism_threads(asked.threads)
    tf.config.threading.set_inter_op_parallelism_threads(asked.threads)
    torch.set_num_threads(asked.threads)
    model = lg.load_model("efficientnet-lite0")
    twin = torch_twins.Twin(model.network)
    picture = coffee()
    pixels = (picture[None, ..., ::-1].astype(np.float32) - 127) / 128
    ours = np.log(np.asarray(model.network(pixels), np.float64))[0]
    features = []
    hook = twin.activations[LAYER].register_forward_hook(lambda *given: features.append(given[-1]))
    logits = twin(torch_twins.as_input(pixels))[0].detach().numpy().astype(np.float64)
    hook.remove()
    apart = np.abs(logits - np.log(np.exp(logits).sum()) - ours).max()
    print(f"logits of the two networks differ by at most {apart:.1e}", file=sys.stderr, flush=True)
    if apart > 1e-3:
        sys.exit("The PyTorch network is not the same as the Keras one: there is nothing to compare.")
    seconds, maps = measure(methods, model, twin, picture, asked.rounds)
    versions = ", ".join(
        f"{name} {version(name)}" for name in ("tensorflow", "torch", "grad-cam", "tf-keras-vis")
    )
    print(
        f"EfficientNet-Lite0, 224×224, one picture, {platform.machine()}; threads: {asked.threads}; {versions}."
    )
    varied = (features[0].amax((0, 2, 3)) > features[0].amin((0, 2, 3))).sum()
    print(f"{varied} of the layer's {features[0].shape[1]} channels differ from place to place.")
    print(f"Medians of {asked.rounds} rounds, {FAST} calls in each of methods of one pass.\n")
    print(table(seconds, maps))


if __name__ == "__main__":
    main()
