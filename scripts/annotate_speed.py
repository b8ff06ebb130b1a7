"""What `peers.py annotate` runs inside `.venv-peers`: what an annotated frame costs, and what it costs elsewhere.

Everything is measured in one run: each stage alone, `annotate`, and the loop that one would write with
pytorch-grad-cam or with tf-keras-vis (read, explain, resize, colour, blend, write), round by round in turn. The last
part runs the command itself on two files, one after the other and both at once through Ray.
"""

import argparse
import contextlib
import io
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import cv2
import numpy as np
import tensorflow as tf
import torch_twins

import live_gradcam as lg
from live_gradcam.archive.annotate_job import Outcome
from live_gradcam.archive.annotate_settings import AnnotateSettings
from live_gradcam.archive.batches import explain_all, fastest_batch_size
from live_gradcam.archive.file_worker import FileWorker
from live_gradcam.archive.inputs import find_entries
from live_gradcam.frame import Pixels
from live_gradcam.sinks.encoder import Encoder
from live_gradcam.sources.demo.demo import DemoSource
from live_gradcam.sources.video import VideoSource

SIZE = (1280, 720)
LAYER = "head"
SAMPLE = 96
"""Frames in memory on which each stage is measured alone; one in three, so that as much moves as in all of them."""

Run = Callable[[], Any]


def make_video(path: Path, frames: int) -> Path:
    """Write the demo, without heat, as H.264."""
    encoder = Encoder(path, "file")
    with DemoSource(live=False, size=SIZE) as demo:
        for index in range(frames):
            encoder.encode(demo.frame_at(index % 900).pixels, index / 30)
    encoder.finish()
    return path


def cost(run: Run, frames: int) -> tuple[float, float]:
    """Return the milliseconds that one frame takes on the clock, and of all cores together."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return 1000 * wall / frames, 1000 * cpu / frames


def stages(video: Path, folder: Path, batch: int) -> dict[str, tuple[Run, int]]:
    """Return each stage alone, as `annotate` runs it, and of how many frames."""
    with VideoSource(video) as source:
        pictures = [frame.pixels for frame in source if frame.index % 3 == 0][:SAMPLE]
    explainer = lg.Explainer(lg.load_model("efficientnet-lite0"))
    explained = explain_all(explainer, pictures)
    drawn = [lg.draw(picture, each) for picture, each in zip(pictures, explained, strict=True)]

    def decode() -> None:
        with VideoSource(video) as source:
            for frame in source:
                if frame.index == SAMPLE - 1:
                    return

    def explain(size: int) -> None:
        for at in range(0, SAMPLE, size):
            explain_all(explainer, pictures[at : at + size])

    def draw() -> None:
        for picture, each in zip(pictures, explained, strict=True):
            lg.draw(picture, each)

    def encode() -> None:
        encoder = Encoder(folder / "encoded.mp4", "file")
        for index, picture in enumerate(drawn):
            encoder.encode(picture, index / 10)
        encoder.finish()

    return {
        "decode": (decode, SAMPLE),
        "explain": (lambda: explain(batch), SAMPLE),
        "explain, one by one": (lambda: explain(1), SAMPLE),
        "draw": (draw, SAMPLE),
        "encode": (encode, SAMPLE),
    }


def annotation(video: Path, folder: Path, batch: int, frames: int) -> Run:
    """Return `annotate` of a video, from the first frame to the finished file."""
    settings = AnnotateSettings(batch=batch)
    (entry,), _ = find_entries([str(video)], folder / "annotated.mp4")
    worker = FileWorker(settings, size=SIZE, frames=frames)

    def run() -> None:
        outcomes: list[Outcome] = []
        worker.annotate([entry], advance=lambda _: None, ended=outcomes.append)
        if outcomes[0].frames != frames:
            sys.exit(f"annotated {outcomes[0].frames} of {frames} frames: {outcomes[0].failure}")

    return run


def peers() -> Iterator[tuple[str, Callable[[Pixels], Any]]]:
    """Give each peer that is installed: picture (224, 224, 3) BGR to heat map, its maximum 1."""
    model = lg.load_model("efficientnet-lite0")
    with contextlib.suppress(ImportError):
        import pytorch_grad_cam  # type: ignore[import-not-found] # not there where mypy runs
        import torch  # type: ignore[import-not-found] # likewise

        twin = torch_twins.Twin(model.network)
        cam = pytorch_grad_cam.GradCAM(twin, [twin.activations[LAYER]])

        def on(threads: int, picture: Pixels) -> Any:  # noqa: ANN401 - an array
            torch.set_num_threads(threads)
            return cam(torch_twins.as_input(scaled(picture)), None)[0]

        yield "pytorch-grad-cam", partial(on, cores_here())
        # Its threads wait for one another: where other programs run beside it, one alone is quicker.
        yield "pytorch-grad-cam on one thread", partial(on, 1)
    with contextlib.suppress(ImportError):
        from tf_keras_vis.gradcam import Gradcam  # type: ignore[import-not-found] # likewise
        from tf_keras_vis.utils.model_modifiers import (  # type: ignore[import-not-found] # likewise
            ReplaceToLinear,
        )

        gradcam = Gradcam(model.network, model_modifier=ReplaceToLinear())

        def explain(picture: Pixels) -> Any:  # noqa: ANN401 - an array
            pixels = scaled(picture)
            top = int(np.argmax(model.network(pixels)[0]))
            with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
                return gradcam(
                    lambda output: output[:, top],
                    pixels,
                    penultimate_layer=LAYER,
                    seek_penultimate_conv_layer=False,
                )[0]

        yield "tf-keras-vis", explain


def scaled(picture: Pixels) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return a picture as the network takes it."""
    return np.asarray((picture[None, ..., ::-1].astype(np.float32) - 127) / 128, np.float32)


def loop(video: Path, folder: Path, explain: Callable[[Pixels], Any], frames: int) -> Run:
    """Return the loop that one would write: the central square explained, the heat laid over it, the result written."""

    def run() -> None:
        capture = cv2.VideoCapture(str(video))
        fourcc = cv2.VideoWriter.fourcc(*"mp4v")
        writer = cv2.VideoWriter(str(folder / "loop.mp4"), fourcc, 30, SIZE)
        left = (SIZE[0] - SIZE[1]) // 2
        for _ in range(frames):
            picture = capture.read()[1]
            square = picture[:, left : left + SIZE[1]]
            heat = explain(cv2.resize(square, (224, 224), interpolation=cv2.INTER_AREA).astype(np.uint8))
            levels = np.uint8(255 * cv2.resize(np.asarray(heat, np.float32), square.shape[1::-1]))
            colours = cv2.applyColorMap(np.asarray(levels), cv2.COLORMAP_JET)
            square[:] = cv2.addWeighted(square, 0.6, colours, 0.4, 0)
            writer.write(picture)
        writer.release()
        capture.release()

    return run


def command_seconds(folder: Path, *arguments: str) -> float:
    """Return how long the command takes on two files, its start and its end included."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        command = [sys.executable, "-m", "live_gradcam", "annotate", *arguments, "--out", out, "--quiet"]
        began = time.perf_counter()
        if subprocess.run(command, check=False).returncode:
            sys.exit(f"`{' '.join(command)}` failed")
        return time.perf_counter() - began


def tell_frames(video: Path, folder: Path, asked: argparse.Namespace) -> None:
    """Measure one file, and print how fast it goes and why."""
    batch = fastest_batch_size(lg.Explainer(lg.load_model("efficientnet-lite0")), SIZE, 100_000)
    runs = stages(video, folder, batch)
    runs["annotate"] = annotation(video, folder, batch, asked.frames), asked.frames
    for name, explain in peers():
        runs[f"loop with {name}"] = loop(video, folder, explain, asked.loop_frames), asked.loop_frames
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for number in range(asked.rounds + 1):
        for name, (run, frames) in runs.items():
            found = cost(run, frames)
            if number:  # the first round warms up
                taken[name].append(found)
        print(f"  round {number} of {asked.rounds}", file=sys.stderr, flush=True)
    median = {
        name: tuple(statistics.median(column) for column in zip(*each, strict=True))
        for name, each in taken.items()
    }
    print(f"Batches of {batch}; medians of {asked.rounds} rounds in turn; {asked.frames} frames each.\n")
    print("| | ms a frame | CPU ms a frame | frames a second |\n|---|---:|---:|---:|")
    for name, (wall, cpu) in median.items():
        print(f"| {name} | {wall:.1f} | {cpu:.1f} | {1000 / wall:.1f} |")
    cores = cores_here()
    allowed = sum(median[name][1] for name in ("decode", "explain", "draw", "encode")) / cores
    loops = {name: wall for name, (wall, _) in median.items() if name.startswith("loop")}
    print("\n| | |\n|---|---:|")
    for name, loop_wall in loops.items():
        print(f"| annotate ÷ {name}, frames a second | {loop_wall / median['annotate'][0]:.1f} |")
    wall, cpu = median["annotate"]
    print(f"| annotate ÷ what the CPU allows ({cores} cores) | {allowed / wall:.2f} |")
    print(f"| CPU time of annotate ÷ that of its stages alone | {cpu / cores / allowed:.2f} |")
    print(f"| cores that annotate had | {cpu / wall:.2f} |")
    single, batched = median["explain, one by one"], median["explain"]
    print(f"| explained in batches ÷ one by one, on the clock | {single[0] / batched[0]:.2f} |")
    print(f"| explained in batches ÷ one by one, of the CPU | {single[1] / batched[1]:.2f} |")


def tell_cluster(video: Path, folder: Path, asked: argparse.Namespace) -> None:
    """Measure two files, one after the other and at once, and print what Ray costs."""
    inputs = []
    for name in ("one", "two"):
        link = folder / f"{name}.mp4"
        link.hardlink_to(video)
        inputs.append(str(link))
    few = ("--every", str(asked.frames))  # one frame of each file: what is left is the start and the end
    taken = {
        (way, what): command_seconds(folder, *inputs, *more, *ray)
        for what, more in (("all frames", ()), ("one frame each", few))
        for way, ray in (("one after the other", ()), ("at once, --ray", ("--ray",)))
    }
    print(f"\nTwo files of {asked.frames} frames, the command from start to end:\n")
    print("| | all frames, s | one frame of each, s |\n|---|---:|---:|")
    for way in ("one after the other", "at once, --ray"):
        print(f"| {way} | {taken[way, 'all frames']:.1f} | {taken[way, 'one frame each']:.1f} |")
    overhead = taken["at once, --ray", "one frame each"] - taken["one after the other", "one frame each"]
    ratio = taken["one after the other", "all frames"] / taken["at once, --ray", "all frames"]
    print(
        f"\nAt once ÷ one after the other: {ratio:.2f} times as fast. Overhead for each file: {overhead / 2:.1f} s."
    )


def cores_here() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="peers.py annotate")
    parser.add_argument("--frames", type=int, default=600, help="of the video (600)")
    parser.add_argument("--loop-frames", type=int, default=60, help="that the loops get in each round (60)")
    parser.add_argument("--rounds", type=int, default=5, help="of everything but --ray (5)")
    parser.add_argument("--no-ray", action="store_true", help="leave Ray out")
    asked = parser.parse_args()
    tf.config.set_visible_devices([], "GPU")
    print(f"EfficientNet-Lite0, {SIZE[0]}×{SIZE[1]} H.264, {platform.machine()}, {cores_here()} cores.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video = make_video(folder / "demo.mp4", asked.frames)
        tell_frames(video, folder, asked)
        if not asked.no_ray:
            tell_cluster(video, folder, asked)


if __name__ == "__main__":
    main()
