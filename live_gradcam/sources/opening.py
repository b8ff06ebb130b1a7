"""From what the user typed to a source."""

from __future__ import annotations

import glob
import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from live_gradcam.errors import SourceError, nearest
from live_gradcam.sources.camera import CameraSource
from live_gradcam.sources.images import ImagesSource, in_folder, is_picture, natural_order
from live_gradcam.sources.source import Source
from live_gradcam.sources.stream import StreamSource
from live_gradcam.sources.video import VideoSource

STREAM_SCHEMES = ("rtsp", "rtsps", "rtmp", "http", "https")
"""What an address may begin with."""

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".ogv", ".webm"})
"""Endings of an http address that is a file, to be played in full, and no stream."""

_KINDS = "Give a camera's number, a file, a folder, a glob, an address or demo."


def open_source(spec: int | str | Path) -> Source:
    """Open the source that `spec` names.

    Args:
        spec: a camera (`0`, `"0"`, `/dev/video0`); `demo`; an address (rtsp, rtsps, rtmp, http, https); or
            the path of a video, of a picture, of a folder of pictures, or a glob such as `photos/*.jpg`.

    Returns:
        The source, open. It has to be closed.

    Raises:
        SourceError: it does not exist or cannot be read; the message says why, and what to do.
    """
    if isinstance(spec, Path):
        return _open_path(spec)
    if isinstance(spec, int) or re.fullmatch(r"-?\d+", spec):
        return CameraSource(int(spec))
    if re.match(r"/dev/(video\d|v4l/)", spec):
        return CameraSource(spec)
    if spec == "demo":
        # Here, because the demo draws what it shows, which no other source needs.
        from live_gradcam.sources.demo import DemoSource

        return DemoSource(live=True)
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
