"""The web application: its routes and their handlers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocket

from live_gradcam.errors import LiveGradcamError
from live_gradcam.escaping import shown
from live_gradcam.faithfulness import DEFAULT_SHARE
from live_gradcam.frame import Pixels
from live_gradcam.render.heat import colormap_code
from live_gradcam.server.access_control import AccessControl
from live_gradcam.server.camera_stream import BOUNDARY, CameraStream
from live_gradcam.server.decode_limits import check_shape
from live_gradcam.server.decoders import Decoders
from live_gradcam.server.errors import RequestError, log_line
from live_gradcam.server.explain_response import (
    Explained,
    Health,
    Problem,
    explained,
    upload_description,
)
from live_gradcam.server.heat_testing import tested
from live_gradcam.server.messages import question_of
from live_gradcam.server.page_setup import PAGE
from live_gradcam.server.picture_decoding import decodes_fast, photo_of
from live_gradcam.server.queued_work import QueuedWork
from live_gradcam.server.report_pages import ReportFolder, add_report_pages
from live_gradcam.server.request_bodies import PendingBytes, RequestBodies, run_while_connected
from live_gradcam.server.service import Service
from live_gradcam.server.settings import ServerSettings
from live_gradcam.server.teaching_room import FILE_NAME, LINK, TeachingRoom
from live_gradcam.server.websocket import PageSocket
from live_gradcam.version import __version__

logger = logging.getLogger(__name__)

_DECODED_AT_ONCE = 4
"""Number of pictures that are decoded, explained or drawn at the same time."""

_MOST_HELD_BYTES = 100_000_000
"""Size of all received pictures that wait."""

_STATUSES = {
    400: "The question is not valid for this model.",
    401: "The token is missing or wrong.",
    403: "The request comes from another site's page.",
    408: "The picture did not arrive in time.",
    413: "The picture is too large.",
    415: "The body is no JPEG, PNG, WebP, HEIC or AVIF.",
    421: "The Host header names another server.",
    422: "A parameter is out of range or has the wrong type.",
    429: "Too many requests.",
    503: "The server is busy.",
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text} for status, text in _STATUSES.items()
}

OpenCameraStream = Callable[[], CameraStream]


def create_app(
    service: Service,
    settings: ServerSettings,
    *,
    token: str | None = None,
    open_camera_stream: OpenCameraStream | None = None,
) -> AccessControl:
    """Return the ASGI application.

    Args:
        service: explains the pictures; it is closed when the application ends.
        settings: the number of visitors and the names of the server.
        token: the token that a client must send; None: no token.
        open_camera_stream: opens the server's own camera, inside the event loop; None: there is no camera.
    """
    camera_stream: CameraStream | None = None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        nonlocal camera_stream
        camera_stream = None if open_camera_stream is None else open_camera_stream()
        loop = asyncio.get_running_loop()

        def end() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(ending.set)

        service.at_end(end)
        try:
            yield
        finally:
            if camera_stream is not None:
                await asyncio.to_thread(camera_stream.close)
            await asyncio.gather(asyncio.to_thread(service.close), asyncio.to_thread(decoders.close))

    app = FastAPIOffline(
        docs_url=None,
        redoc_url=None,
        static_url="/docs/swagger",
        title="live_gradcam",
        version=__version__,
        description="What a network sees in a picture, and where. With `--token`, send `Authorization: Bearer TOKEN`.",
        lifespan=lifespan,
    )
    decoders, receive = Decoders(), RequestBodies().receive
    light_slots, heavy_slots = asyncio.Semaphore(_DECODED_AT_ONCE), asyncio.Semaphore(1)
    pending = PendingBytes(_MOST_HELD_BYTES)
    room = TeachingRoom(service) if service.teach else None
    ending = asyncio.Event()
    visitors = 0
    service.tally.watch("visitors", "Sockets that are open.", lambda: visitors)
    service.tally.watch(
        "viewers", "Viewers of the camera's picture.", lambda: camera_stream.viewers if camera_stream else 0
    )

    @app.exception_handler(LiveGradcamError)
    async def refused(_: Request, error: LiveGradcamError) -> JSONResponse:
        status = error.status if isinstance(error, RequestError) else 400
        service.tally.refused.labels(str(status)).inc()
        headers = (
            {"Retry-After": str(error.retry_after)}
            if isinstance(error, RequestError) and status == 503
            else None
        )
        return JSONResponse({"detail": shown(str(error))}, status, headers)

    @app.exception_handler(RequestValidationError)
    async def wrong(_: Request, error: RequestValidationError) -> JSONResponse:
        service.tally.refused.labels("422").inc()
        first = error.errors()[0]
        text = f"{first['loc'][-1]}: {first['msg']}."
        return JSONResponse({"detail": shown(text)}, 422)

    @app.exception_handler(ClientDisconnect)
    async def left(request: Request, _: ClientDisconnect) -> Response:
        logger.debug("%s", log_line("client-left", path=request.url.path))
        return Response(status_code=400)  # nobody reads it

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(PAGE / "docs.html")

    app.mount("/page", StaticFiles(directory=PAGE), name="page")
    if settings.report is not None:
        report = ReportFolder(settings.report)
        add_report_pages(app, lambda: report, live=True)

    @app.get("/healthz", tags=["server"], responses={421: _PROBLEMS[421]})
    async def health() -> Health:
        """Report that the server is running."""
        return Health(status="ok", version=__version__, model=service.model.name)

    @app.get("/metrics", tags=["server"], response_class=Response, responses=_only(401, 403, 421, 429))
    async def metrics() -> Response:
        """Return counts and times in Prometheus's text format."""
        text = await asyncio.to_thread(service.tally.text)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/setup", tags=["page"], responses=_only(401, 403, 421, 429))
    async def setup() -> dict[str, Any]:
        """Return the model, its methods, layers and classes, and the actions of the page."""
        found = service.setup(camera=camera_stream.name if camera_stream else None)
        return found | {"report": settings.report is not None}

    @app.post(
        "/explain",
        tags=["programs"],
        responses=_PROBLEMS,
        openapi_extra=upload_description(),
    )
    async def explain(
        request: Request,
        method: Annotated[str | None, Query(max_length=64, description="One of `/setup`'s methods.")] = None,
        layer: Annotated[str | None, Query(max_length=400, description="A layer's path.")] = None,
        target: Annotated[
            str | None,
            Query(max_length=200, description="A class by name or number, `#2`, or `tabby - tiger cat`."),
        ] = None,
        overlay: Annotated[bool, Query(description="Whether to draw the picture with the heat.")] = False,
        alpha: Annotated[float | None, Query(ge=0, le=1, description="Opacity of the heat.")] = None,
        colormap: Annotated[str | None, Query(max_length=40, description="An OpenCV colour map.")] = None,
        test: Annotated[bool, Query(description="Whether to test the heat by covering parts.")] = False,
    ) -> Explained:
        """Explain a picture: return the top classes, the heat map and, on request, the overlay and a test."""
        default = service.default
        question = service.checked(
            question_of(
                [method or default.methods[0]],
                layer if layer else default.layer,
                [target if target else service.settings.target],
            )
        )
        colours = colormap or service.settings.colormap
        colormap_code(colours)
        body = await receive(request)
        opacity = service.settings.alpha if alpha is None else alpha
        payer = request.client.host if request.client else None

        def photo() -> Pixels:
            pixels = photo_of(body)
            check_shape(pixels.shape[1], pixels.shape[0], service.settings.fit)
            return pixels

        async def explain_it() -> Explained:
            client = object()
            await service.compiled(question, client, payer)
            name = service.model.name
            to_response = partial(explained, model=name, overlay=overlay, colormap=colours, alpha=opacity)
            slots = light_slots if decodes_fast(body) else heavy_slots  # one may take seconds and fill 120 MB
            if not service.is_quick(question):
                # Slow methods decode the picture when they start on it: until then only the file is in memory.
                done = await service.explained(QueuedWork(client, question, photo, payer=payer))
                if test:  # there can be none: the response says why
                    done = await tested(service, done, DEFAULT_SHARE, client, payer)
                async with slots:
                    return await asyncio.to_thread(to_response, done)
            async with slots:
                pixels = await decoders.photo(body)
                height, width = pixels.shape[:2]
                check_shape(width, height, service.settings.fit)
                await service.sized(question, (width, height), client, payer)
                shape = service.shape((width, height))
                done = await service.explained(QueuedWork(client, question, pixels, shape, payer=payer))
                if test:
                    done = await tested(service, done, DEFAULT_SHARE, client, payer)
                return await asyncio.to_thread(to_response, done)

        with pending.reserve(len(body)):
            return await run_while_connected(explain_it(), request, ending)

    @app.get(
        "/video.mjpg",
        tags=["camera"],
        response_class=StreamingResponse,
        responses={
            **_only(401, 403, 421, 429),
            404: {"model": Problem, "description": "There is no camera."},
        },
    )
    async def video() -> StreamingResponse:
        """Stream the server's camera with the heat on it, as MJPEG."""
        if camera_stream is None:
            raise HTTPException(404, "this server has no camera of its own: start it with --source 0.")
        if camera_stream.viewers >= settings.visitors:
            raise RequestError(503, f"{settings.visitors} viewers are connected, which is the maximum.")
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        return StreamingResponse(camera_stream.pictures(), media_type=kind)

    @app.get(LINK + "{key}", include_in_schema=False)
    async def taught(key: str) -> FileResponse:
        if room is None:
            raise HTTPException(404)
        file = room.files.take(key)
        return FileResponse(file, filename=FILE_NAME, background=BackgroundTask(file.unlink, missing_ok=True))

    @app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        nonlocal visitors
        if visitors >= settings.visitors:
            text = f"{settings.visitors} visitors are connected, which is the maximum."
            service.tally.refused.labels("503").inc()
            await websocket.send_denial_response(JSONResponse({"detail": text}, 503))
            return
        visitors += 1
        try:
            await websocket.accept()
            await PageSocket(websocket, service, decoders, camera_stream, room).run()
        finally:
            visitors -= 1

    def count(status: int) -> None:
        service.tally.refused.labels(str(status)).inc()

    return AccessControl(app, hosts=settings.names(), token=token, refused=count)


def _only(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: _PROBLEMS[status] for status in statuses}
