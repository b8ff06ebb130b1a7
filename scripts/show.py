"""What demo.py runs inside `.venv`: the demo on the screen, or, where there is none, as files in this folder."""

import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from live_gradcam.cli import main as live_gradcam
from live_gradcam.process.lifecycle import run_as_program
from live_gradcam.sinks.display_check import find_display

RECORDING = Path("demo.mp4")
PICTURE = Path("demo.png")
SECONDS = "12"

_UNREST_WEIGHT = 4.0
"""How much colour one grey level of change since the frame before outweighs: a moving camera never wins."""


def has(arguments: Sequence[str], *options: str) -> bool:
    """Return whether one of the options was typed: `--record x`, `--record=x`, `-sx`."""
    names = [argument.partition("=")[0] for argument in arguments]
    return any(
        name == option or (len(option) == 2 and name.startswith(option) and not name.startswith("--"))
        for name in names
        for option in options
    )


def main(windowless: str, arguments: list[str]) -> int:
    """Run `live-gradcam` with what was typed, the demo its source unless another was named.

    Args:
        windowless: why there can be no window in this environment; empty where that is still to be seen.
        arguments: what was typed; another command than `live` is passed on as it is.

    Returns:
        The exit code of `live-gradcam`.
    """
    another = arguments != [] and not arguments[0].startswith("-") and arguments[0] != "live"
    if another or has(arguments, "-h", "--help", "--version"):
        return live_gradcam(arguments)
    options = arguments[1:] if arguments[:1] == ["live"] else list(arguments)
    if not has(options, "-s", "--source"):
        options = ["--source", "demo", *options]
    if not has(options, "--window", "--no-window"):
        reason = windowless or find_display()
        if reason is not None:
            print(f"No window: {reason}", flush=True)
            options.append("--no-window")
    if not has(options, "--no-window"):
        return live_gradcam(["live", *options])
    if not has(options, "--frames", "--duration"):
        options += ["--duration", SECONDS]
    if has(options, "--record"):
        return live_gradcam(["live", *options])
    print(f"Recording to {RECORDING} instead.", flush=True)
    code = live_gradcam(["live", *options, "--record", str(RECORDING), "--overwrite"])
    if code == 0:
        cv2.imwrite(str(PICTURE), best_picture(RECORDING))
        print(f"See {RECORDING.resolve()}\nand {PICTURE.resolve()}")
    return code


def best_picture(recording: Path) -> npt.NDArray[np.uint8]:
    """Return the picture to show of a recording: the camera at rest, and much colour on what it looks at.

    Args:
        recording: a video with at least one frame.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    video = cv2.VideoCapture(str(recording))
    best: npt.NDArray[np.uint8] | None = None
    best_score = -np.inf
    before: npt.NDArray[np.float32] | None = None
    while (read := video.read())[0]:
        picture = np.asarray(read[1], np.uint8)
        small = cv2.resize(picture, (160, 90), interpolation=cv2.INTER_AREA).astype(np.float32)
        unrest = np.inf if before is None else float(np.abs(small - before).mean())
        before = small
        score = colourfulness(small) - _UNREST_WEIGHT * unrest
        if best is None or score > best_score:
            best, best_score = picture, score
    video.release()
    if best is None:
        raise SystemExit(f"{recording} holds no frame.")
    return best


def colourfulness(picture: npt.NDArray[np.float32]) -> float:
    """Return how much the colours of a picture differ (the first term of Hasler and Süsstrunk's measure, 2003).

    Args:
        picture: (H, W, 3) float32 BGR, 0 to 255.
    """
    blue, green, red = np.moveaxis(picture, -1, 0)
    return float(np.hypot((red - green).std(), ((red + green) / 2 - blue).std()))


if __name__ == "__main__":
    run_as_program(lambda: main(sys.argv[1], sys.argv[2:]))
