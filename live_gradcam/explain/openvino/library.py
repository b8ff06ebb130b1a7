"""The OpenVINO library: its import without telemetry, its settings, and what this processor can do."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, cast

from live_gradcam.errors import LiveGradcamError, reason_of

OLDEST = (2026, 4)
"""The oldest version (year, release) whose graphs were compared with TensorFlow's."""

NumberFormat = Literal["f32", "bf16"]
"""The number format that a graph computes in: 32-bit floats, or bfloat16 with its 8 bits of mantissa."""

_CONVERTER, _TELEMETRY = "openvino.tools.ovc", "openvino_telemetry"

OpenVINO = Any
"""The module `openvino`, a `Core`, or a part of them, which have few type hints."""


_importing = threading.RLock()
"""Held while OpenVINO is imported and started: another thread would see half of it."""


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
    """Import OpenVINO without its converter, and return the module.

    The import of the converter takes half of the whole time, and reports itself over the network unless the package
    `openvino-telemetry` is missing (openvino/tools/ovc/telemetry_utils.py). OpenVINO's frontend for TensorFlow does
    without it. The user's own code still finds `openvino.convert_model`, silent.

    Raises:
        NoOpenVINOError: it is missing, too old, or cannot be imported.
    """
    with _importing:
        return _openvino()


def _openvino() -> OpenVINO:
    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    found = installed_version()
    install = "Type: pip install 'live-gradcam[fast]'"
    if found is None:
        raise NoOpenVINOError(f"OpenVINO is not installed. {install}")
    numbers = tuple(int(part) for part in found.split(".")[:2] if part.isdigit())
    if numbers < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise NoOpenVINOError(f"OpenVINO {found} is too old: {oldest} or later is needed. {install}")
    try:
        with _hidden(_CONVERTER, _TELEMETRY):
            module = importlib.import_module("openvino")
    except Exception as error:
        raise NoOpenVINOError(f"OpenVINO {found} cannot be imported: {error}") from error
    module.__dict__.setdefault("__getattr__", _converter)
    return module


@contextmanager
def _hidden(*modules: str) -> Iterator[None]:
    """Make imports of these modules fail inside the block, as if they were not installed."""
    loaded = cast("dict[str, object]", sys.modules)
    hidden = [name for name in modules if name not in loaded]
    loaded.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            loaded.pop(name, None)


def _converter(name: str) -> object:
    """Return `openvino.convert_model`, when it is asked for (`__getattr__` of the module)."""
    if name != "convert_model":
        raise AttributeError(f"module 'openvino' has no attribute '{name}'")
    with _hidden(_TELEMETRY):
        return importlib.import_module(_CONVERTER).convert_model


def core() -> OpenVINO:
    """Return OpenVINO's core, one for the process.

    Raises:
        NoOpenVINOError: OpenVINO is missing, too old, or cannot be started.
    """
    with _importing:
        return _core()


@cache
def _core() -> OpenVINO:
    try:
        return openvino().Core()
    except NoOpenVINOError:
        raise
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


def reason_in(error: Exception) -> str:
    """Return why OpenVINO refused something: the first lines of its messages only name its own files."""
    text = str(error)
    if (missing := re.search(r"No conversion rule found for operations: (.+)", text)) is not None:
        return f"OpenVINO has no rule for {missing[1].strip()}"
    if (failed := re.search(r"-- (\w+) with a message:\n(.+)", text)) is not None:
        return f"OpenVINO's rule for {failed[1]} failed: {reason_of(failed[2])}"
    own = ("Exception from ", "Check '", "[ov::", "FrontEnd API failed")
    lines = [line for line in text.splitlines() if line.strip() and not line.strip().startswith(own)]
    if not lines or "ov::" in lines[0] or lines[0].strip().endswith("failed"):
        return "OpenVINO cannot read it"
    return reason_of(lines[0])
