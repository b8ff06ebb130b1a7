"""From what the user typed to a source."""

from __future__ import annotations

import glob
import logging
import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from live_gradcam.errors import SourceError, nearest
from live_gradcam.sources.camera import CameraSource
from live_gradcam.sources.camera_feed import DEFAULT_FPS, DEFAULT_SIZES, backends
from live_gradcam.sources.camera_names import camera_called
from live_gradcam.sources.films import SUFFIXES
from live_gradcam.sources.images import ImagesSource, in_folder, is_picture, natural_order
from live_gradcam.sources.numbered import numbered_files
from live_gradcam.sources.source import Source
from live_gradcam.sources.stream import StreamSource
from live_gradcam.sources.video import VideoSource

logger = logging.getLogger(__name__)

STREAM_SCHEMES = ("rtsp", "rtsps", "rtmp", "http", "https")
"""What an address may begin with."""

CAMERA_PREFIX = "camera:"
"""What stands before a part of a camera's name."""

_BROADCAST = frozenset(
    {".264", ".265", ".avc", ".flv", ".gif", ".h264", ".h265", ".hevc", ".mjpeg", ".mjpg", ".ts"}
)
"""Endings of films that an address has for what a camera sends without end, too."""

VIDEO_SUFFIXES = SUFFIXES - _BROADCAST
"""Endings of an http address that is a file, to be played in full, and no stream."""

_KINDS = "Give a camera's number, a file, a folder, a glob, an address or demo."


def open_source(
    spec: int | str | Path,
    *,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    backend: str | None = None,
) -> Source:
    """Open the source that `spec` names.

    Args:
        spec: a camera (`0`, `"0"`, `/dev/video0`, `camera:Logitech`: a part of its name); `demo`; an
            address (rtsp, rtsps, rtmp, http, https); or the path of a video, of a picture, of a folder of pictures,
            a glob such as `photos/*.jpg`, or, where no file has that name, a pattern such as `frame_%04d.jpg`.
        size: (width, height) in pixels to ask a camera for, or to draw the demo in; None: 1280×720, and what a
            camera can do of it.
        fps: frames per second to ask a camera for, or to draw the demo at; None: 30.
        backend: OpenCV's capture backend for a camera, such as `dshow`; None: the best.

    Returns:
        The source, open. It has to be closed.

    Raises:
        SourceError: it does not exist or cannot be read; the message says why, and what to do.
    """
    if (device := _camera(spec, backend)) is not None:
        return CameraSource(device, size=size, fps=fps, backend=backend)
    if spec == "demo":
        # Here, because the demo draws what it shows, which no other source needs.
        from live_gradcam.sources.demo import DemoSource

        return DemoSource(live=True, size=size or DEFAULT_SIZES[0], fps=DEFAULT_FPS if fps is None else fps)
    source = _open_path(spec) if isinstance(spec, Path) else _open_other(str(spec))
    if size is not None or fps is not None or backend is not None:
        logger.warning("%s has a size and a rate of its own: what was asked for is for cameras", source.name)
    return source


def _camera(spec: int | str | Path, backend: str | None) -> int | str | None:
    """Return the number or node of the camera that is meant; None where it is no camera."""
    if isinstance(spec, int):
        return spec
    if isinstance(spec, Path):
        return None
    if re.fullmatch(r"-?\d+", spec):
        return int(spec)
    if re.match(r"/dev/(video\d|v4l/)", spec):
        return spec
    if spec.lower().startswith(CAMERA_PREFIX):
        return camera_called(spec[len(CAMERA_PREFIX) :].strip(), backends(backend)[0]).number
    return None


def _open_other(spec: str) -> Source:
    if (address := re.match(r"([A-Za-z][A-Za-z0-9+.-]+)://", spec)) is not None:
        return _open_address(spec, address[1].lower())
    if not spec:
        raise SourceError(f"the source is empty. {_KINDS}")
    return _open_path(Path(spec))


def _open_address(url: str, scheme: str) -> Source:
    if scheme not in STREAM_SCHEMES:
        raise SourceError(f"unknown kind of address '{scheme}://'. Valid: {', '.join(STREAM_SCHEMES)}.")
    if scheme.startswith("http") and PurePosixPath(urlsplit(url).path).suffix.lower() in VIDEO_SUFFIXES:
        return VideoSource(url)
    return StreamSource(url)


def _open_path(path: Path) -> Source:
    path = path.expanduser()
    try:
        if path.is_dir():
            return ImagesSource(in_folder(path), name=path.resolve().name)
        if path.exists():
            return ImagesSource([path]) if is_picture(path) else VideoSource(path)
    except OSError as error:
        raise SourceError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    if numbered := [file for file in numbered_files(path) if is_picture(file)]:
        return ImagesSource(numbered, name=path.name)
    if glob.has_magic(str(path)):
        found = [Path(match) for match in glob.glob(str(path))]  # noqa: PTH207 - Path.glob takes no absolute one
        pictures = sorted(filter(is_picture, found), key=natural_order)
        if not pictures:
            raise SourceError(f"no picture matches '{path}'. JPEG, PNG, WebP, TIFF and BMP are read.")
        return ImagesSource(pictures, name=str(path))
    raise SourceError(f"there is no file '{path}'. {_hint(path)}")


def _hint(path: Path) -> str:
    neighbours = [neighbour.name for neighbour in path.parent.iterdir()] if path.parent.is_dir() else []
    if path.parent == Path():
        neighbours.append("demo")
    near = nearest(path.name, neighbours)
    return f"Did you mean {' or '.join(near)}?" if near else _KINDS
