"""Chooses the runtime that compiles the graphs of a model."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import get_args

from live_gradcam.config import refuse_bf16
from live_gradcam.errors import SettingsError
from live_gradcam.explain.openvino.library import NoOpenVINOError, core, installed_version
from live_gradcam.explain.runtime import GraphCompiler
from live_gradcam.fixed_choices import Precision, Runtime
from live_gradcam.models.gpu_packages import may_find_gpu
from live_gradcam.models.remembered_model import KnownModel

logger = logging.getLogger(__name__)

VARIABLE = "LIVE_GRADCAM_ENGINE"
"""Environment variable that takes the place of `--engine auto`."""


def runtime_for(engine: Runtime, device: str = "cpu") -> Runtime:
    """Return the library that is to compute, as far as that is known before anything is measured.

    `auto` is TensorFlow where there is a GPU, and where OpenVINO is not installed.

    Args:
        engine: the setting.
        device: the setting `device`: `auto`, `cpu` or `gpu:N`.

    Raises:
        SettingsError: OpenVINO is asked to compute on a GPU, or the environment variable names no library.
    """
    if engine == "openvino" and device.casefold() not in ("auto", "cpu"):
        raise SettingsError(
            f"OpenVINO computes on the processor, not on {device}: leave --engine or --device out."
        )
    if engine != "auto":
        return engine
    usual = os.environ.get(VARIABLE) or engine
    if usual not in get_args(Runtime):
        raise SettingsError(f"{VARIABLE} is '{usual}'. Valid: {', '.join(get_args(Runtime))}.")
    engine = next(each for each in get_args(Runtime) if each == usual)
    if engine == "auto" and (installed_version() is None or _computes_on_gpu(device)):
        return "tensorflow"
    return engine


def compiler_for(runtime: Runtime, precision: Precision) -> Callable[[KnownModel], GraphCompiler] | None:
    """Return what makes the compiler of a model's graphs; None: TensorFlow's.

    Args:
        runtime: the result of `runtime_for`. If OpenVINO is missing or broken, a line says so and TensorFlow computes.
        precision: the number format that OpenVINO computes in.

    Raises:
        SettingsError: bfloat16 is asked of TensorFlow.
    """
    refuse_bf16(runtime, precision)
    if runtime == "tensorflow":
        return None
    try:
        core()
    except NoOpenVINOError as error:
        level = logging.WARNING if runtime == "openvino" else logging.INFO
        logger.log(level, "TensorFlow computes instead of OpenVINO: %s", error)
        return None
    from live_gradcam.explain.openvino.compiler import OpenVINOCompiler

    return lambda model: OpenVINOCompiler(model, runtime=runtime, precision=precision)


def _computes_on_gpu(device: str) -> bool:
    wanted = device.casefold()
    return wanted != "cpu" and (wanted != "auto" or may_find_gpu())


def limit_cores(count: int) -> None:
    """Limit the cores that both runtimes compute on; call it before the first model is loaded."""
    from live_gradcam.explain.openvino import library
    from live_gradcam.models.devices import limit_cores as limit_tensorflow  # it loads TensorFlow

    limit_tensorflow(count)
    library.most_cores = count
