"""The report of an audit as pages of a server: the report itself, and its photographs by number."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import cv2
from fastapi import FastAPI
from fastapi import Path as InPath
from fastapi.responses import FileResponse, JSONResponse, Response

from live_gradcam.errors import SettingsError, SourceError
from live_gradcam.escaping import shown
from live_gradcam.file_names import expanded
from live_gradcam.frame import Pixels, scaled_down
from live_gradcam.report_photos import read_photo_list
from live_gradcam.server.errors import RequestError
from live_gradcam.server.page_setup import PAGE
from live_gradcam.sources.photo import read_picture

"""The folder of the page's files."""

REPORT = "/report"
"""The address of the report. All that lies below it may have styles of its own, and runs no scripts of its own."""

_LONGEST_SIDE = 2048
"""Of a photograph that is sent, in pixels."""

_QUALITY = 92


class ReportFolder:
    """A folder that `audit` has written.

    Args:
        folder: the folder.

    Raises:
        SettingsError: it has no report.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = expanded(folder)
        self.page = self._folder / "index.html"
        if not self.page.is_file():
            raise SettingsError(
                f"report is '{shown(folder)}': there is no index.html of an audit in it. Write one: live-gradcam "
                f"audit PHOTOS --model MODEL --out {shown(folder)}"
            )

    def picture(self, number: int) -> Pixels:
        """Return a photograph of the report, (H, W, 3) uint8 BGR, at most 2048 pixels long.

        Raises:
            RequestError: the report has no such photograph, or it cannot be read any more (404).
        """
        # Read each time: an audit may have written the report anew.
        photos = read_photo_list(self._folder)
        path = photos[number] if 0 <= number < len(photos) else None
        if path is None:
            raise RequestError(404, f"the report has no photograph {number}.")
        try:
            return scaled_down(read_picture(path), _LONGEST_SIDE)
        except SourceError as error:
            raise RequestError(404, f"this photograph cannot be shown: {error}") from error


def add_report_pages(app: FastAPI, find: Callable[[], ReportFolder], *, live: bool) -> None:
    """Add the pages of a report to an application.

    Args:
        app: the application.
        find: returns the report; it raises SettingsError while there is none.
        live: whether `/` is the live view, which can open its photographs; else it is the page for marking.
    """
    one_at_a_time = asyncio.Semaphore(1)  # a decoded photograph may have 120 MB

    @app.get(REPORT, include_in_schema=False)
    async def shell() -> FileResponse:
        return FileResponse(PAGE / "report.html")

    @app.get(f"{REPORT}/content", include_in_schema=False)
    async def content() -> JSONResponse:
        try:
            text = await asyncio.to_thread(find().page.read_text, "utf-8")
        except (OSError, ValueError) as error:
            raise RequestError(404, "the report cannot be read any more: write it again.") from error
        return JSONResponse({"html": text, "live": live})

    @app.get(f"{REPORT}/photos/{{number}}", include_in_schema=False)
    async def photo(number: Annotated[int, InPath(ge=0, le=10**9)]) -> Response:
        async with one_at_a_time:
            picture = await asyncio.to_thread(find().picture, number)
            data = await asyncio.to_thread(as_jpeg, picture)
        return Response(data, media_type="image/jpeg")


def as_jpeg(pixels: Pixels) -> bytes:
    """Return a picture (H, W, 3) uint8 BGR as a JPEG file."""
    return bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])
