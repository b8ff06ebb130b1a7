"""OpenCV's settings in the environment, which it reads while it is imported."""

from __future__ import annotations

import os

DEFAULTS = {
    # Notice a camera that hangs after 2 s instead of 10.
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "2",
    # Without this, opening a camera on Windows takes up to 30 s (opencv#17687).
    "OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS": "0",
    # The program reports an error in one line; OpenCV and its FFmpeg would print more lines.
    "OPENCV_LOG_LEVEL": "FATAL",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
}
"""Variable → value. Variables that the user has set are kept."""

_MOST_TALKATIVE = 40
"""FFmpeg's log level above which it prints the addresses that it opens, with passwords."""


def prepare() -> None:
    """Put the defaults into the environment. Call it before the first `import cv2`."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    level = os.environ["OPENCV_FFMPEG_LOGLEVEL"]
    if level.isdecimal() and int(level) > _MOST_TALKATIVE:
        os.environ["OPENCV_FFMPEG_LOGLEVEL"] = str(_MOST_TALKATIVE)
