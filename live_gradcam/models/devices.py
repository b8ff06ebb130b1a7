"""Chooses the device that TensorFlow computes on, before the first network is loaded."""

from __future__ import annotations

import logging
import os
import platform
import re
from contextlib import suppress

import keras
import tensorflow as tf

from live_gradcam.errors import DeviceError
from live_gradcam.models.gpu_packages import has_nvidia_driver

logger = logging.getLogger(__name__)

_NO_GPU = "there is an NVIDIA driver here, but TensorFlow sees no GPU. For speed type: pip install 'live-gradcam[gpu]'"


def choose_device(device: str) -> str:
    """Make TensorFlow compute on a device, and return the name of the device.

    TensorFlow takes GPU memory as it needs it, and leaves the rest to other programs.

    Args:
        device: `auto` (the first GPU if there is one), `cpu`, or `gpu:N`.

    Raises:
        DeviceError: there is no such device, or TensorFlow already computes on another.
    """
    wanted = device.casefold()
    gpus = tf.config.list_physical_devices("GPU")
    match = re.fullmatch(r"gpu(?::(\d+))?", wanted)
    if wanted not in ("auto", "cpu") and match is None:
        raise DeviceError(f"unknown device '{device}'. Valid: auto, cpu, gpu:0, gpu:1, …")
    chosen: list[object] = []
    if match is not None:
        number = int(match[1] or 0)
        if number >= len(gpus):
            raise DeviceError(_missing(number, len(gpus)))
        chosen = [gpus[number]]
    elif wanted == "auto":
        chosen = list(gpus[:1])
        if not gpus and has_nvidia_driver():
            logger.warning(_NO_GPU)
    try:
        tf.config.set_visible_devices(chosen, "GPU")
        for gpu in chosen:
            tf.config.experimental.set_memory_growth(gpu, enable=True)
    except RuntimeError as error:
        if tf.config.get_visible_devices("GPU") != chosen:
            raise DeviceError(
                f"TensorFlow already computes on another device, so '{device}' comes too late. "
                "Choose the device before the first model is loaded."
            ) from error
    return _name(chosen[0]) if chosen else "CPU"


def limit_cores(cores: int) -> None:
    """Limit the cores that TensorFlow computes on; call it before the first model is loaded."""
    tf.config.threading.set_intra_op_parallelism_threads(cores)
    tf.config.threading.set_inter_op_parallelism_threads(cores)


def room_for_waiting(calls: int) -> None:
    """Let several calls of networks run at once, even while some wait; call it before the first model is loaded."""
    with suppress(RuntimeError):  # TensorFlow has started: its threads can no longer change
        tf.config.threading.set_inter_op_parallelism_threads(max(calls, os.cpu_count() or 1))


def describe_gpu() -> str:
    """Return the name of the GPU in use, or one line on why none is; call it after `choose_device`."""
    if used := tf.config.get_visible_devices("GPU"):
        return ", ".join(_name(gpu) for gpu in used)
    if there := tf.config.list_physical_devices("GPU"):
        return f"{_name(there[0])}, unused, as --device says"
    return _NO_GPU if has_nvidia_driver() else "none: the processor computes"


def describe_host() -> dict[str, str | int | None]:
    """Return what a measurement depends on besides the device: machine, cores, versions."""
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }


def _missing(number: int, count: int) -> str:
    have = {0: "TensorFlow sees no GPU", 1: "TensorFlow sees one GPU, gpu:0"}.get(
        count, f"TensorFlow sees gpu:0 to gpu:{count - 1}"
    )
    hint = f" ({_NO_GPU})" if count == 0 and has_nvidia_driver() else ""
    return f"there is no device gpu:{number}: {have}{hint}. Use --device cpu or auto."


def _name(gpu: object) -> str:
    details = tf.config.experimental.get_device_details(gpu)
    return str(details.get("device_name", "GPU"))
