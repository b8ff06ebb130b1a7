"""Opening of sources: from a number, path or address that the user typed to a source."""

from __future__ import annotations

import glob
import logging
import os
import re
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import cv2  # noqa: F401 - before PyAV, or a window would hang

from live_gradcam.config import Settings
from live_gradcam.errors import SettingsError, SourceError
from live_gradcam.escaping import shown
from live_gradcam.file_names import expanded, fixed_part, matches, nearest_paths
from live_gradcam.name_suggestions import nearest
from live_gradcam.plugins import Plugin, called, plugins_of
from live_gradcam.redaction import remember_address, shown_address
from live_gradcam.source_address import host_of, opened_address
from live_gradcam.sources.camera.camera import CameraSource
from live_gradcam.sources.camera.camera_feed import DEFAULT_FPS, DEFAULT_SIZES, backends
from live_gradcam.sources.camera.discovery import camera_called, list_cameras
from live_gradcam.sources.file_listing import (
    FILM_SUFFIXES,
    is_picture,
    may_be_source,
    natural_order,
    numbered_files,
    pictures_in,
)
from live_gradcam.sources.file_opening import is_still, open_film
from live_gradcam.sources.own_source import OwnSource, opened_plugin
from live_gradcam.sources.photo import READABLE
from live_gradcam.sources.slides import ImagesSource
from live_gradcam.sources.source import LiveSource, Source, is_live
from live_gradcam.sources.stream import StreamSource
from live_gradcam.sources.switching import SwitchingSource
from live_gradcam.sources.video import VideoSource

logger = logging.getLogger(__name__)

STREAM_SCHEMES = ("rtsp", "rtsps", "rtmp", "http", "https")
"""Schemes of addresses."""

CAMERA_PREFIX = "camera:"
"""Prefix of a part of a camera's name."""

_BROADCAST = frozenset(
    {".264", ".265", ".avc", ".flv", ".gif", ".h264", ".h265", ".hevc", ".mjpeg", ".mjpg", ".ts"}
)
"""Film endings that addresses of endless camera streams use too."""

VIDEO_SUFFIXES = FILM_SUFFIXES - _BROADCAST
"""Endings of an http address that is a file, to be played in full, and not a stream."""

_LIKE_ADDRESS = re.compile(
    rf"({'|'.join(STREAM_SCHEMES)}):|www\.|[^/\s]+@[\w.-]+(:\d+)?(/|$)|(\d{{1,3}}\.){{3}}\d{{1,3}}(:\d+)?(/|$)"
)
"""A path that matches was meant as an address."""

_VIDEO_SITES = re.compile(
    r"(^|\.)(youtube\.com|youtu\.be|youtube-nocookie\.com|vimeo\.com|twitch\.tv|dailymotion\.com|tiktok\.com"
    r"|facebook\.com|fb\.watch|instagram\.com|bilibili\.com|b23\.tv|x\.com|twitter\.com|rutube\.ru|nicovideo\.jp)$"
)
"""Hosts of video sites, whose videos only a special program can download."""

_LIKE_PLUGIN = re.compile(r"[A-Za-z][\w+.-]{1,60}(:|$)")
"""What may be the name of a plug-in: it has two letters or more, unlike a drive of Windows."""

_KINDS = "Give a camera's number, a file, a folder, a glob, an address or demo."


def open_source(
    spec: int | str | Path | Source,
    *,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    backend: str | None = None,
) -> Source:
    """Open the source that `spec` names.

    Args:
        spec: a camera (`0`, `"0"`, `/dev/video0`, or `camera:Logitech`, a part of its name); `demo`; an address (rtsp,
            rtsps, rtmp, http, https); or the path of a video, of a picture, of a folder of pictures, a glob such as
            `photos/*.jpg`, or, if no file has that name, a pattern such as `frame_%04d.jpg`; or `NAME:REST`, a source
            of an installed package (`live_gradcam.plugins`), also `NAME` if no file has that name. A source that is
            open is returned, and what it gives is checked.
        size: requested (width, height) of a camera or the demo, in pixels; None for 1280×720, or what a camera can do.
        fps: requested frames per second of a camera or the demo; None for 30.
        backend: OpenCV's capture backend for a camera, such as `dshow`; None for the best.

    Returns:
        The open source. The caller closes it.

    Raises:
        SourceError: it does not exist or cannot be read; the message says why, and what to do.
    """
    if not isinstance(spec, int | str | Path):
        # Those of this package need no checks, and some can seek.
        ours = type(spec).__module__.startswith("live_gradcam.")
        return spec if ours else OwnSource(spec, f"the source {type(spec).__name__}")
    if (device := _camera(spec, backend)) is not None:
        return CameraSource(device, size=size, fps=fps, backend=backend)
    if spec == "demo":
        # Here, because the modules that draw the demo are needed by no other source.
        from live_gradcam.sources.demo.demo import DemoSource

        return DemoSource(live=True, size=size or DEFAULT_SIZES[0], fps=DEFAULT_FPS if fps is None else fps)
    source = _open_path(str(spec)) if isinstance(spec, Path) else _open_other(str(spec))
    if size is not None or fps is not None or backend is not None:
        logger.warning("%s: --size, --camera-fps and --backend are for cameras only", source.name)
    return source


def _camera(spec: int | str | Path, backend: str | None) -> int | str | None:
    """Return the number or node of the camera that `spec` names; None if it names no camera."""
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
    if (found := _plugin(spec)) is not None:
        return opened_plugin(*found)
    if (address := re.match(r"([A-Za-z][A-Za-z0-9+.-]+)://", spec)) is not None:
        return _open_address(spec, address[1].lower())
    if not spec:
        raise SourceError(f"the source is empty. {_KINDS}")
    return _open_path(spec)


def _plugin(spec: str) -> tuple[Plugin, str] | None:
    """Return the plug-in that a text names, and the rest; None if it names none."""
    if _LIKE_PLUGIN.match(spec) is None or (":" not in spec and expanded(spec).exists()):
        return None
    return called("source", spec)


def _open_address(url: str, scheme: str) -> Source:
    if scheme not in STREAM_SCHEMES:
        raise SourceError(f"unknown kind of address '{scheme}://'. Valid: {', '.join(STREAM_SCHEMES)}.")
    remember_address(url)
    if scheme.startswith("http") and _VIDEO_SITES.search(host_of(url) or ""):
        raise SourceError(
            f"{shown_address(url)} is a page that plays a video, not the video. Save it as a file first, for example "
            "with yt-dlp, and give that file."
        )
    suffix = PurePosixPath(urlsplit(opened_address(url)).path).suffix.lower()
    if not scheme.startswith("http") or suffix in _BROADCAST - {".gif"}:
        return StreamSource(url)
    if suffix in VIDEO_SUFFIXES:
        return VideoSource(url)
    # Here, because urllib takes a moment to load, and only these addresses need it.
    from live_gradcam.sources.web_picture import open_answer

    return open_answer(url)


def _open_path(typed: str) -> Source:
    path = expanded(typed)
    try:
        if path.is_dir():
            return ImagesSource(pictures_in(path), name=path.resolve().name)
        if path.exists():
            return ImagesSource([path]) if is_still(path) else open_film(path)
        if numbered := [file for file in numbered_files(path) if is_picture(file)]:
            return ImagesSource(numbered, name=path.name)
        if glob.has_magic(str(path)):
            pictures = sorted(filter(is_picture, matches(path)), key=natural_order)
            if not (pictures or (folder := fixed_part(path)).is_dir()):
                near = nearest_paths(folder, among=Path.is_dir)
                hint = f"Did you mean {' or '.join(near)}?" if near else "Check the path."
                raise SourceError(f"there is no folder '{shown(folder)}' for '{shown(path)}'. {hint}")
            if not pictures:
                raise SourceError(f"no picture matches '{shown_address(shown(path))}'. {READABLE} are read.")
            return ImagesSource(pictures, name=str(path))
    except OSError as error:
        raise SourceError(
            f"'{shown_address(shown(path))}' cannot be read: {error.strerror or error}."
        ) from error
    except ValueError as error:  # a NUL in the name
        raise SourceError(f"there is no file '{shown(path)}': {error}.") from error
    what = "folder" if typed.endswith(("/", os.sep)) else "file"
    raise SourceError(f"there is no {what} '{shown_address(shown(typed))}'. {_hint(path, typed)}")


def _hint(path: Path, typed: str) -> str:
    if _LIKE_ADDRESS.match(str(path)):
        return "An address begins with http:// or rtsp://."
    name, colon, _ = typed.partition(":")
    if colon and _LIKE_PLUGIN.match(typed) and os.sep not in name:
        if near := nearest(name, [plugin.name for plugin in plugins_of("source")]):
            return f"Did you mean {' or '.join(f'{each}:' for each in near)}?"
        return f"No installed package has a source '{name}'. {_KINDS}"
    near = nearest_paths(path, among=Path.is_dir if typed.endswith(("/", os.sep)) else may_be_source)
    if path.parent == Path():
        near += nearest(path.name, ["demo", *(plugin.name for plugin in plugins_of("source"))])
    return f"Did you mean {' or '.join(near)}?" if near else _KINDS


def open_sources(settings: Settings) -> Source:
    """Open the source, or the first of several.

    If the first is live, the viewer can switch to others: the sources that the settings name, else the cameras that are
    found when the viewer first asks for another source.

    Raises:
        SourceError: it cannot be opened; or one of several is a file, or a file that does not exist.
    """
    for other in settings.also:
        _refuse_file(other, settings.backend)
    opened = _opened(settings, settings.source)
    if not isinstance(settings.source, int | str):
        if settings.also:
            opened.close()
            raise SettingsError(
                "also goes with a source that is named, so that the viewer can turn back to it."
            )
        return opened
    if not is_live(opened):
        if settings.also:
            opened.close()
            raise _no_file(settings.source)
        return opened
    return SwitchingSource(
        opened,
        lambda: [partial(_live, settings, other) for other in settings.also or _cameras_beside(settings)],
        partial(_live, settings, settings.source),
    )


def _refuse_file(spec: int | str, backend: str | None) -> None:
    """Refuse a source that is a file. A camera or stream is opened only when the viewer switches to it."""
    if isinstance(spec, int) or spec == "demo" or "://" in spec or spec.lower().startswith(CAMERA_PREFIX):
        return
    if (found := _plugin(spec)) is not None:
        found[0].load()
        return  # whether it is live is known once it is open
    if _camera(spec, backend) is None:
        _open_path(spec).close()
        raise _no_file(spec)


def _cameras_beside(settings: Settings) -> list[int]:
    """Return the numbers of the connected cameras except the source of the settings."""
    on = int(settings.source) if str(settings.source).isdecimal() else None
    return [camera.number for camera in list_cameras(backends(settings.backend)[0]) if camera.number != on]


def _opened(settings: Settings, spec: int | str | Source) -> Source:
    return open_source(spec, size=settings.size, fps=settings.camera_fps, backend=settings.backend)


def _live(settings: Settings, spec: int | str | Source) -> LiveSource:
    opened = _opened(settings, spec)
    if not is_live(opened):
        opened.close()
        raise _no_file(spec)
    return opened


def _no_file(spec: int | str | Source) -> SourceError:
    rule = "where there are several sources, all are cameras, streams or demo"
    name = shown_address(str(spec)) if isinstance(spec, int | str) else spec.name
    return SourceError(f"'{name}' is a file: {rule}.")
