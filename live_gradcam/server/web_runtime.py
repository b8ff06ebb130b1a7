"""ONNX Runtime for browsers: fetched once from the npm registry, checked, and kept in the user's cache folder."""

from __future__ import annotations

import base64
import hashlib
import http.client
import logging
import tarfile
import urllib.request
from pathlib import Path
from typing import IO

from platformdirs import user_cache_path

from live_gradcam.cache_files import write_whole
from live_gradcam.errors import SinkError

logger = logging.getLogger(__name__)

VERSION = "1.30.0"
_NAME = f"onnxruntime-web-{VERSION}.tgz"
ADDRESS = f"https://registry.npmjs.org/onnxruntime-web/-/{_NAME}"
_SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""The registry's own checksum of the package (`dist.integrity`)."""

FILES = {
    "wasm.js": "ort.wasm.bundle.min.mjs",
    "wasm.wasm": "ort-wasm-simd-threaded.wasm",
    "webgpu.js": "ort.webgpu.bundle.min.mjs",
    "webgpu.wasm": "ort-wasm-simd-threaded.asyncify.wasm",
}
"""Part of a page → file of the package: for the processor, and for a graphics card."""

_SECONDS = 30.0
"""After how long without a byte the registry counts as away."""

_PIECE = 1 << 20


def package_path() -> Path:
    """Return where the package is kept, or can be placed by hand."""
    return user_cache_path("live-gradcam") / "web-runtime" / _NAME


def runtime_parts() -> dict[str, bytes]:
    """Return the runtime's files, one for each name of `FILES`; the first time the package is fetched (33 MB).

    Raises:
        SinkError: it cannot be fetched or kept, or is not the package whose checksum is known.
    """
    path = package_path()
    if not path.is_file():
        _fetch(path)
    elif (found := _checksum(path)) != _SHA512:
        raise SinkError(
            f"'{path}' is not ONNX Runtime for browsers {VERSION}: its checksum is {found[:12]}…, not {_SHA512[:12]}…. "
            "Delete it, and it is fetched again."
        )
    with tarfile.open(path) as package:
        files = {name: package.extractfile(f"package/dist/{file}") for name, file in FILES.items()}
        return {name: file.read() for name, file in files.items() if file is not None}


def _fetch(path: Path) -> None:
    logger.info("fetching ONNX Runtime for browsers (33 MB) from %s", ADDRESS)
    try:
        with urllib.request.urlopen(ADDRESS, timeout=_SECONDS) as response:
            content = response.read()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        why = getattr(reason, "strerror", None) or reason
        raise SinkError(
            f"ONNX Runtime for browsers cannot be fetched from {ADDRESS}: {why}. "
            f"Without a network, place that file at '{path}'."
        ) from error
    if _encoded(hashlib.sha512(content)) != _SHA512:
        raise SinkError(
            f"{ADDRESS} gave another file than expected ({len(content)} bytes): nothing was kept. Try again, or place "
            f"the package at '{path}'."
        )

    def write(file: IO[bytes]) -> None:
        file.write(content)

    try:
        write_whole(path, write)
    except OSError as error:
        raise SinkError(f"cannot keep ONNX Runtime at '{path}': {error.strerror or error}.") from error


def _checksum(path: Path) -> str:
    found = hashlib.sha512()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return _encoded(found)


def _encoded(found: hashlib._Hash) -> str:
    return base64.b64encode(found.digest()).decode()
