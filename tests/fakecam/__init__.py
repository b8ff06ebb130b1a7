"""A pretend webcam for Linux, real enough for OpenCV's own camera code."""
