"""Snapshots: the picture, the frame and the heat map as PNG files, with their settings in the PNG text."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from live_gradcam.closeable import Closeable
from live_gradcam.errors import SinkError
from live_gradcam.escaping import json_text, shown
from live_gradcam.file_names import fitting, marked
from live_gradcam.heatmap import over_region
from live_gradcam.number_format import percent_text
from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks.dated_files import DatedFiles
from live_gradcam.sinks.sidecar import About, row_of
from live_gradcam.version import __version__

TEXT_KEY = "live_gradcam"
"""Keyword of the PNG text with one JSON object: the sidecar's header and the picture's line."""

_FULL = 65_535
_FAST = 1
"""zlib's level: 70 ms for a 1280×720 photograph, a tenth larger than at level 6, which takes 350 ms."""


def snapshot_files(path: Path) -> tuple[Path, Path, Path]:
    """Return the files of a snapshot: `NAME.png`, the picture; `NAME.frame.png`; `NAME.heat.png`."""
    return path, fitting(path.with_suffix(".frame.png")), fitting(path.with_suffix(".heat.png"))


def refuse_snapshot(path: Path, *, overwrite: bool) -> None:
    """Raise an error if a snapshot of this name cannot be made.

    Raises:
        SinkError: the extension is not .png, the folder does not exist, or a file would be replaced.
    """
    if path.suffix.lower() != ".png":
        raise SinkError(f"cannot write the snapshot '{path}': the name must end in .png.")
    if not path.parent.is_dir():
        raise SinkError(
            f"cannot write the snapshot '{path}': there is no folder '{path.parent}'. Make it first."
        )
    for file in snapshot_files(path):
        if file.exists() and not overwrite:
            raise SinkError(
                f"cannot write the snapshot '{path}': '{file}' exists. Choose another name, or use --overwrite."
            )


class Snapshot(Closeable):
    """Keeps the newest picture, and writes a snapshot of it at the end of the run.

    Args:
        path: the picture's file, ending in .png; the other files are named after it.
        overwrite: replace files of these names.
        about: returns the sidecar's header.

    Raises:
        SinkError: the extension is not .png, the folder does not exist, or a file would be replaced.
    """

    notice: str | None = None

    def __init__(self, path: Path, *, overwrite: bool = False, about: About | None = None) -> None:
        refuse_snapshot(path, overwrite=overwrite)
        self.name = shown(path.name)
        self._path = path
        self._about = about
        self._newest: Rendered | None = None
        self.written: list[Path] = []
        """The picture, once it is written."""

    @property
    def finished(self) -> bool:
        """Always False: a snapshot has no viewer."""
        return False

    def write(self, shown: Rendered) -> None:
        """Keep this picture instead of the previous one."""
        self._newest = shown

    def close(self) -> None:
        """Write the newest picture, if there is one.

        Raises:
            SinkError: it could not be written.
        """
        newest, self._newest = self._newest, None
        if newest is not None:
            write_snapshot(newest, self._path, {} if self._about is None else self._about())
            self.written.append(self._path)


def write_snapshot(shown: Rendered, path: Path, about: Mapping[str, Any]) -> None:
    """Write the three PNG files of a snapshot; each appears only when it is complete.

    The heat map is 16-bit grey at the frame's size: 0 to 65535 stand for 0 to 1. Outside the region that the network
    saw it is 0.

    Args:
        shown: the picture on the screen.
        path: the picture's file; the other files are named after it.
        about: the sidecar's header, for the text in the PNG files.

    Raises:
        SinkError: a file could not be written.
    """
    text = _text_of(shown, about)
    pictures = (shown.pixels[..., ::-1], shown.frame.pixels[..., ::-1], heat_of_frame(shown))
    for picture, file in zip(pictures, snapshot_files(path), strict=True):
        encoded = BytesIO()
        Image.fromarray(np.ascontiguousarray(picture)).save(
            encoded, "PNG", pnginfo=text, compress_level=_FAST
        )
        part = marked(file, "part")
        try:
            part.write_bytes(encoded.getbuffer())
            part.replace(file)
        except OSError as error:
            raise SinkError(
                f"the snapshot {file} cannot be written: {error.strerror}. Choose a place where you may write."
            ) from error


def heat_of_frame(shown: Rendered) -> npt.NDArray[np.uint16]:
    """Return the heat at every pixel of a frame: (H, W) uint16, 65535 for 1."""
    height, width = shown.frame.pixels.shape[:2]
    heat = np.zeros((height, width), np.uint16)
    if shown.explanation is not None and shown.heatmap is not None:
        x, y, across, down = shown.explanation.region
        inside = over_region(shown.heatmap, (across, down))
        heat[y : y + down, x : x + across] = np.rint(inside * _FULL).astype(np.uint16)
    return heat


def _text_of(shown: Rendered, about: Mapping[str, Any]) -> PngInfo:
    row = row_of(shown)
    text = PngInfo()
    text.add_text("Software", f"live_gradcam {__version__}")
    text.add_text("Creation Time", datetime.datetime.now().astimezone().isoformat(timespec="seconds"))
    if row["top"]:
        label, probability = row["top"][0]
        text.add_text("Description", f"{label} {percent_text(probability)}")
    elif row.get("values") and shown.explanation is not None:
        text.add_text("Description", ", ".join(str(each) for each in shown.explanation.values[:5]))
    untested = {"untested": shown.untested} if shown.untested else {}
    text.add_text(TEXT_KEY, json_text({"version": __version__, **about, **row, **untested}, ascii_only=True))
    return text


_WAITING = 4
_NOTICE_SECONDS = 2.0


class Snapshots(Closeable):
    """Writes snapshots during a run, named by date and time, in a thread of its own.

    Args:
        about: returns the sidecar's header; called in that thread.
        folder: where the files are written.
    """

    def __init__(self, about: About, folder: Path = Path()) -> None:
        self._files = DatedFiles[Rendered](
            "snapshot",
            ".png",
            lambda shown, path: write_snapshot(shown, path, about()),
            folder=folder,
            capacity=_WAITING,
            notice_seconds=_NOTICE_SECONDS,
            full="not saved: the snapshots before it are still being written",
            failed="the snapshot cannot be written",
            is_taken=lambda path: any(file.exists() for file in snapshot_files(path)),
        )
        self.written = self._files.written
        """The pictures that were written."""

    @property
    def notice(self) -> str | None:
        """The result of the last snapshot, for two seconds."""
        return self._files.notice

    def take(self, shown: Rendered) -> None:
        """Write a snapshot of this picture later; `notice` says whether it worked."""
        if (refused := self._files.offer(shown)) is not None:
            self._files.say(refused)

    def close(self) -> None:
        """Write the snapshots that wait, and join the thread.

        Raises:
            Exception: an error of the thread that is a bug.
        """
        self._files.close()
