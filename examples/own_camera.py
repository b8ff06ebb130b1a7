"""Explain the pictures of a camera that OpenCV does not know, such as a machine-vision camera with an SDK of its own.

    python examples/own_camera.py out.mp4

`pictures` is the only part to replace: give (H, W, 3) uint8 arrays in BGR order, as OpenCV reads them.
"""

import sys
from collections.abc import Iterator

import cv2
import numpy as np

import live_gradcam as lg


def pictures() -> Iterator[np.ndarray]:
    """Give the pictures of the camera; here a ball that rolls across a table."""
    for step in range(30):
        picture = np.full((360, 640, 3), (70, 110, 140), np.uint8)
        cv2.circle(picture, (40 + 20 * step, 200), 40, (60, 200, 240), -1, cv2.LINE_AA)
        yield picture


explainer = lg.Explainer(lg.load_model("efficientnet-lite0"))
film = cv2.VideoWriter(sys.argv[1], cv2.VideoWriter_fourcc(*"mp4v"), 30, (640, 360))
for picture in pictures():
    film.write(lg.draw(picture, explainer.explain(picture)))
film.release()
