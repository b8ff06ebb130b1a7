"""The page on which a person says where the thing is in photographs, and then starts the audit of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import cv2
import numpy as np
from fastapi import FastAPI, Query, Request
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles

from live_gradcam.concurrency.worker_thread import WorkerThread
from live_gradcam.errors import LiveGradcamError
from live_gradcam.escaping import shown
from live_gradcam.frame import Pixels, scaled_down
from live_gradcam.metrics.changed_pictures import Mask
from live_gradcam.metrics.evaluation import FEW_PHOTOS
from live_gradcam.server.access_control import AccessControl
from live_gradcam.server.errors import RequestError
from live_gradcam.server.page_setup import PAGE
from live_gradcam.server.report_pages import ReportFolder, add_report_pages, as_jpeg
from live_gradcam.server.run import listening_socket
from live_gradcam.server.settings import ServerSettings
from live_gradcam.server.uvicorn_server import ViewServer, configuration
from live_gradcam.translations import table_of

Box = tuple[float, float, float, float]
"""(x, y, width, height) in shares of the photograph."""

_LONGEST_SIDE = 1600
"""Of a photograph on the page, in pixels."""

_EDGE = (64, 179, 255, 255)
"""Colour of an outline's edge, BGRA: the page's accent."""

_DIMMED = (0, 0, 0, 150)
"""Colour over what is not the thing, BGRA."""

_START_SECONDS = 20.0
_CLOSE_SECONDS = 3.0
_SLICE_SECONDS = 0.1

Number = Annotated[int, InPath(ge=0, le=10**9)]
Share = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)]


class Marking(Protocol):
    """What is marked: `audit.marks.Marks`, whose docstrings have the methods' meaning."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The class of each photograph."""

    @property
    def boxes(self) -> Path:
        """The file of the boxes."""

    def state(self, number: int) -> str:
        """Return what is said about a photograph."""

    def picture(self, number: int) -> Pixels:
        """Return a photograph."""

    def box(self, number: int) -> Box | None:
        """Return its box."""

    def outline(self, number: int, box: Box) -> Mask:
        """Return the outline in a box."""

    def save(self, number: int, box: Box | None, *, outlined: bool = False) -> None:
        """Write down what is said about it."""

    def forget(self, number: int) -> None:
        """Take back what was said about it."""


class AuditTurn:
    """Passes the wish to audit from the page to the program, and the progress back. It may be used from any thread.

    To the audit it is the listener of its progress.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._state: Literal["marking", "running", "done", "failed"] = "marking"
        self._line = ""
        self._done = 0
        self._photos = 0

    def ask(self) -> None:
        """Ask for an audit; one that runs goes on."""
        with self._changed:
            if self._state != "running":
                self._state, self._line, self._done, self._photos = "running", "", 0, 0
                self._changed.notify_all()

    def wait(self) -> None:
        """Wait until somebody asks for an audit. Ctrl-C ends the waiting."""
        with self._changed:
            while self._state != "running":
                self._changed.wait(_SLICE_SECONDS)  # on Windows, Ctrl-C does not interrupt a longer one

    def say(self, line: str) -> None:
        """Take a line about the audit."""
        with self._changed:
            self._line = line

    def begin(self, photos: int) -> None:
        """Take the number of photographs to come."""
        with self._changed:
            self._photos = photos

    def advance(self, photos: int) -> None:
        """Count photographs that are finished."""
        with self._changed:
            self._done += photos

    def end(self, error: str | None = None) -> None:
        """Take the end of the audit, with its error if it failed."""
        with self._changed:
            self._state = "done" if error is None else "failed"
            self._line = error or self._line

    def as_json(self) -> dict[str, Any]:
        """Return the progress as the page takes it."""
        with self._changed:
            return {"state": self._state, "line": self._line, "done": self._done, "photos": self._photos}


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkingPage:
    """What the page shows."""

    marks: Marking
    turn: AuditTurn
    out: Path
    """The folder of the results."""

    lang: str = "en"


def create_marking_app(page: MarkingPage, settings: ServerSettings) -> AccessControl:
    """Return the ASGI application of the page. It needs the token of the settings, for it writes files."""
    marks, turn = page.marks, page.turn
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/page", StaticFiles(directory=PAGE), name="page")
    cutting = threading.Lock()  # one outline takes a second, and people are quicker with their keys

    @app.exception_handler(LiveGradcamError)
    async def refused(_: Request, error: LiveGradcamError) -> JSONResponse:
        status = error.status if isinstance(error, RequestError) else 400
        return JSONResponse({"detail": shown(str(error))}, status)

    @app.exception_handler(RequestValidationError)
    async def wrong(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return JSONResponse({"detail": shown(f"{first['loc'][-1]}: {first['msg']}.")}, 422)

    def known(number: int) -> int:
        if number >= len(marks.classes):
            raise RequestError(404, f"there is no photograph {number}.")
        return number

    @app.get("/")
    async def shell() -> FileResponse:
        return FileResponse(PAGE / "mark.html")

    @app.get("/marks")
    def listed() -> dict[str, Any]:
        return {
            "needed": FEW_PHOTOS,
            "photos": [[name, marks.state(number)] for number, name in enumerate(marks.classes)],
            "file": str(marks.boxes),
            "lang": page.lang,
            "words": table_of(page.lang),
            "audit": turn.as_json(),
        }

    @app.get("/marks/{number}")
    def mark(number: Number) -> dict[str, Any]:
        height, width = marks.picture(known(number)).shape[:2]
        return {"size": [width, height], "box": marks.box(number), "state": marks.state(number)}

    @app.get("/marks/{number}/picture")
    def picture(number: Number) -> Response:
        return Response(
            as_jpeg(scaled_down(marks.picture(known(number)), _LONGEST_SIDE)), media_type="image/jpeg"
        )

    @app.get("/marks/{number}/outline")
    def outline(number: Number, x: Share, y: Share, width: Share, height: Share) -> Response:
        with cutting:
            mask = marks.outline(known(number), (x, y, width, height))
        return Response(outline_picture(mask, _LONGEST_SIDE), media_type="image/png")

    @app.put("/marks/{number}")
    def save(
        number: Number, x: Share, y: Share, width: Share, height: Share, *, outlined: bool = False
    ) -> dict[str, Any]:
        with cutting:
            marks.save(known(number), (x, y, width, height), outlined=outlined)
        return {"state": marks.state(number)}

    @app.put("/marks/{number}/none")
    def skip(number: Number) -> dict[str, Any]:
        marks.save(known(number), None)
        return {"state": marks.state(number)}

    @app.delete("/marks/{number}")
    def forget(number: Number) -> dict[str, Any]:
        marks.forget(known(number))
        return {"state": marks.state(number)}

    @app.post("/audit")
    async def audit() -> dict[str, Any]:
        turn.ask()
        return turn.as_json()

    @app.get("/audit")
    async def progress() -> dict[str, Any]:
        return turn.as_json()

    add_report_pages(app, lambda: ReportFolder(page.out), live=False)
    return AccessControl(app, hosts=settings.names(), token=settings.token)


def outline_picture(mask: Mask, side: int) -> bytes:
    """Return what is laid over a photograph to show an outline: a PNG that dims all but the thing, and has its edge.

    Args:
        mask: (H, W) bool: the thing.
        side: the longer side of the picture has at most so many pixels.
    """
    levels = scaled_down(np.asarray(mask, np.uint8) * np.uint8(255), side) > 127
    thing = np.asarray(levels, np.uint8)
    thickness = max(1, round(max(thing.shape) / 300))
    kernel = np.ones((2 * thickness + 1,) * 2, np.uint8)
    edge = cv2.dilate(thing, kernel) > thing
    overlay = np.zeros((*thing.shape, 4), np.uint8)
    overlay[thing == 0] = _DIMMED
    overlay[edge] = _EDGE
    return bytes(cv2.imencode(".png", overlay)[1])


@contextmanager
def marking_served(page: MarkingPage, settings: ServerSettings) -> Iterator[str]:
    """Serve the page in a thread inside the `with` block, and give its link.

    Args:
        page: what it shows.
        settings: address, port and token.

    Raises:
        SettingsError: the port cannot be opened.
    """
    started = threading.Event()
    with listening_socket(settings) as listening:
        running = ViewServer(
            configuration(create_marking_app(page, settings), settings, None),
            on_started=started.set,
            on_ending=lambda: None,
        )

        def end() -> None:
            running.should_exit = True

        def serve() -> None:
            running.run(sockets=[listening])

        thread = WorkerThread(serve, name="serve the marks", patience=_CLOSE_SECONDS, end=end)
        try:
            started.wait(_START_SECONDS)
            thread.check()
            yield settings.links(listening.getsockname()[1], settings.token)[0]
        finally:
            thread.close()
