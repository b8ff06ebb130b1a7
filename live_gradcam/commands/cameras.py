"""`cameras`: list the cameras and their sizes and rates."""

from __future__ import annotations

import shutil
import sys
import textwrap
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from live_gradcam.sources.camera.discovery import CameraName


def cameras() -> None:
    """List the cameras, their sizes and frame rates, and the command for each."""
    from live_gradcam.sources.camera.camera_feed import backends
    from live_gradcam.sources.camera.discovery import list_cameras

    found = list_cameras(backends()[0])
    if not found:
        typer.echo("No camera found. Plug one in, or try the demo: live-gradcam --source demo")
        return
    width = shutil.get_terminal_size().columns
    names = [camera.name.casefold() for camera in found]
    for camera in found:
        typer.echo(
            "  ".join(part for part in (str(camera.number), camera.name, camera.path, camera.usb) if part)
        )
        for line in _abilities(camera):
            typer.echo(textwrap.fill(line, width, initial_indent="   ", subsequent_indent="         "))
        by_name = (
            f'   or   --source "camera:{camera.name}"' if names.count(camera.name.casefold()) == 1 else ""
        )
        typer.echo(f"   live-gradcam --source {camera.number}{by_name}")


def _abilities(camera: CameraName) -> list[str]:
    """Return one line for each pixel format, or the reason why they are unknown; none except on Linux."""
    if not sys.platform.startswith("linux"):
        return []
    from live_gradcam.sources.camera.discovery import camera_failure
    from live_gradcam.sources.camera.v4l2 import modes

    try:
        known = modes(Path(camera.path))
    except OSError:
        return [camera_failure(camera.number)]
    lines = []
    for pixel_format, group in groupby(known, key=lambda mode: mode.pixel_format):
        sizes = ", ".join(
            f"{mode.width}×{mode.height}" + ("" if mode.fps is None else f" at {mode.fps:g}")
            for mode in group
        )
        lines.append(f"{pixel_format}  {sizes} fps")
    return lines
