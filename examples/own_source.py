"""Show a camera that OpenCV does not know, such as a machine-vision camera with an SDK of its own.

    python examples/own_source.py explained.mp4

Put your SDK in the place of `PretendCamera`. Without the last line's settings, a window opens. As a plug-in, the same
function makes `live-gradcam --source mycam:7` work: docs/plugins.md.
"""

import sys
import time

import cv2
import numpy as np

import live_gradcam as lg


class PretendCamera:
    """Stands for the class of an SDK: a ball that rolls across a table, 20 times a second."""

    def __init__(self, serial: str) -> None:
        self.serial, self.step = serial, 0

    def grab(self) -> np.ndarray:
        """Wait for the next picture, and return it in RGB order, as many SDKs do."""
        time.sleep(0.05)
        picture = np.full((360, 640, 3), (140, 110, 70), np.uint8)
        cv2.circle(picture, (20 * self.step % 640, 200), 40, (240, 200, 60), -1, cv2.LINE_AA)
        self.step += 1
        return picture

    def stop(self) -> None:
        """Release the device."""


def open_camera(rest: str) -> lg.Source:
    """Open the camera with a serial number."""
    camera = PretendCamera(rest)

    def read() -> np.ndarray:
        return camera.grab()[..., ::-1]  # live_gradcam takes BGR

    return lg.FunctionSource(read, name=f"camera {rest}", fps=20, close=camera.stop)


if __name__ == "__main__":
    lg.run(source=open_camera("7"), record=sys.argv[1], window=False, frames=10)
