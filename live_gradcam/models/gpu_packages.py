"""Whether TensorFlow would compute on a GPU, as far as that is known without loading TensorFlow."""

from __future__ import annotations

import ctypes
import platform
import sys
from importlib.metadata import PackageNotFoundError, version


def has_nvidia_driver() -> bool:
    """Return whether NVIDIA's driver is installed, even if TensorFlow cannot use it."""
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def may_find_gpu() -> bool:
    """Return whether TensorFlow may find a GPU: the driver is there, and the libraries that TensorFlow needs."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64" and _is_installed("tensorflow-metal")
    if not sys.platform.startswith("linux") or not has_nvidia_driver():
        return False  # TensorFlow has no GPU on Windows
    return any(_is_installed(f"nvidia-cudnn-cu{major}") for major in (12, 13)) or _has_cudnn()


def _is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def _has_cudnn() -> bool:
    try:
        ctypes.CDLL("libcudnn.so.9")
    except OSError:
        return False
    return True
