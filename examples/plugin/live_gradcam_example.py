"""A source, a sink and a method for live_gradcam. `pyproject.toml` beside this file names them as entry points."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

import live_gradcam as lg

if TYPE_CHECKING:
    import tensorflow as tf


def open_camera(rest: str) -> lg.Source:
    """Open a pretended camera: `--source pretend:640` is 640 pixels wide."""
    width = int(rest or 640)
    step = 0

    def read() -> np.ndarray:
        nonlocal step
        time.sleep(0.05)  # a camera's SDK waits here for the next picture
        step += 1
        picture = np.full((width * 9 // 16, width, 3), (70, 110, 140), np.uint8)  # BGR
        cv2.circle(picture, (20 * step % width, width // 3), width // 16, (60, 200, 240), -1, cv2.LINE_AA)
        return picture

    return lg.FunctionSource(read, name="pretended camera", fps=20)


class Diary(lg.Sink):
    """Writes a line when another class comes on top: `--sink diary:diary.txt`."""

    name = "diary"

    def __init__(self, rest: str) -> None:
        self.file, self.last = Path(rest), ""
        self.file.write_text("", "utf-8")

    def write(self, rendered: lg.Rendered) -> None:
        """Take one picture."""
        top = () if rendered.explanation is None else rendered.explanation.top
        if top and top[0].label != self.last:
            self.last = top[0].label
            with self.file.open("a", encoding="utf-8") as file:
                file.write(f"frame {rendered.frame.index}: {self.last}\n")


def positive(activations: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
    """Return maps like Grad-CAM's, whose weights count only the gradients that raise the score: `--method positive`."""
    import tensorflow as tf  # here, so that the camera opens without it

    weights = tf.reduce_mean(tf.nn.relu(gradients), axis=(1, 2), keepdims=True)
    return tf.nn.relu(tf.reduce_sum(weights * activations, axis=-1))
