"""OpenCV's own settings, which it reads from the environment while it is imported."""

from __future__ import annotations

import os

DEFAULTS = {
    # A camera that hangs is noticed after 2 s, not after 10.
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "2",
    # Opening a camera on Windows otherwise takes up to half a minute (opencv#17687).
    "OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS": "0",
    # What goes wrong is told in one line of our own; OpenCV and its FFmpeg would print more beside it.
    "OPENCV_LOG_LEVEL": "FATAL",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
}
"""Variable to value. What the user has set already is kept."""

_MOST_TALKATIVE = 40
"""FFmpeg's level above which it prints the addresses that it opens, and the passwords in them."""


def prepare() -> None:
    """Put the defaults into the environment; to be called before the first `import cv2`."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    level = os.environ["OPENCV_FFMPEG_LOGLEVEL"]
    if level.isdecimal() and int(level) > _MOST_TALKATIVE:
        os.environ["OPENCV_FFMPEG_LOGLEVEL"] = str(_MOST_TALKATIVE)
