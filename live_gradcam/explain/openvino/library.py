"""The OpenVINO library: its import without telemetry, its settings, and what this processor can do."""

from __future__ import annotations

import importlib.util
import os
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, cast

from live_gradcam.errors import LiveGradcamError

OLDEST = (2025, 0)
"""The oldest version (year, release) whose graphs were compared with TensorFlow's."""

NumberFormat = Literal["f32", "bf16"]
"""The number format that a graph computes in: 32-bit floats, or bfloat16 with its 8 bits of mantissa."""

_TELEMETRY = "openvino_telemetry"

OpenVINO = Any
"""The module `openvino`, a `Core`, or a part of them, which have few type hints."""


class NoOpenVINOError(LiveGradcamError):
    """OpenVINO is not installed, too old, or broken."""


def installed_version() -> str | None:
    """Return the version of the installed OpenVINO, without importing it; None if there is none."""
    if importlib.util.find_spec("openvino") is None:
        return None
    try:
        return version("openvino")
    except PackageNotFoundError:
        return None


def openvino() -> OpenVINO:
    """Import OpenVINO without its telemetry, and return the module.

    OpenVINO's import of its converter reports itself over the network unless the package `openvino-telemetry` is
    missing (openvino/tools/ovc/telemetry_utils.py). So the package is hidden during the import, and the converter
    takes its stub.

    Raises:
        NoOpenVINOError: it is missing, too old, or cannot be imported.
    """
    found = installed_version()
    install = "Type: pip install 'live-gradcam[fast]'"
    if found is None:
        raise NoOpenVINOError(f"OpenVINO is not installed. {install}")
    numbers = tuple(int(part) for part in found.split(".")[:2] if part.isdigit())
    if numbers < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise NoOpenVINOError(f"OpenVINO {found} is too old: {oldest} or later is needed. {install}")
    hidden = _TELEMETRY not in sys.modules
    if hidden:
        cast("dict[str, object]", sys.modules)[_TELEMETRY] = None  # makes `import openvino_telemetry` fail
    try:
        return importlib.import_module("openvino")
    except Exception as error:
        raise NoOpenVINOError(f"OpenVINO {found} cannot be imported: {error}") from error
    finally:
        if hidden:
            sys.modules.pop(_TELEMETRY, None)


@cache
def core() -> OpenVINO:
    """Return OpenVINO's core, one for the process.

    Raises:
        NoOpenVINOError: OpenVINO is missing, too old, or cannot be started.
    """
    module = openvino()
    try:
        return module.Core()
    except Exception as error:
        raise NoOpenVINOError(f"OpenVINO cannot be started: {error}") from error


def has_bf16() -> bool:
    """Return whether the processor computes in bfloat16 itself."""
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def processor() -> str:
    """Return the name of the processor, as OpenVINO reads it."""
    return str(core().get_property("CPU", "FULL_DEVICE_NAME"))


def compiled(
    network: Path | OpenVINO, precision: NumberFormat, *, streams: int = 1, cache_folder: Path | None = None
) -> OpenVINO:
    """Compile a network for the processor.

    Args:
        network: an `.xml` file, or a network that `Core.read_model` returned.
        precision: in which it computes.
        streams: how many pictures are computed at once; the processor's cores are divided among them.
        cache_folder: where OpenVINO keeps what it compiled, for the next time.
    """
    settings: dict[str, Any] = {
        # Without it, OpenVINO takes bfloat16 wherever the processor has it.
        "INFERENCE_PRECISION_HINT": precision,
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": available_cores(),
        # Pinned threads of several streams, or of several programs, would share one core.
        "ENABLE_CPU_PINNING": False,
    }
    if cache_folder is not None:
        settings["CACHE_DIR"] = str(cache_folder)
    return core().compile_model(str(network) if isinstance(network, Path) else network, "CPU", settings)


most_cores: int | None = None
"""How many cores OpenVINO may use; None: all that the process may use."""


def available_cores() -> int:
    """Return how many cores OpenVINO computes on."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return there if most_cores is None else min(most_cores, there)
