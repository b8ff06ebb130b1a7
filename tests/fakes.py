"""Hand-written stand-ins, shared by the tests."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Protocol, Self

import cv2
import numpy as np
from clips import index_of
from limits import PATIENCE

from live_gradcam.concurrency.latest_item import LatestReader
from live_gradcam.errors import ModelError
from live_gradcam.explanation import WHOLE, Explanation, HeatMap, Inset, Region
from live_gradcam.fixed_choices import Fit
from live_gradcam.frame import Frame, Pixels
from live_gradcam.prediction import Prediction, Target
from live_gradcam.question import Answer, Channel, Question


class SteppedClock:
    """A clock that stands still until it is advanced; whoever waits for a moment wakes when it has come."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self._moved = threading.Condition()

    def now(self) -> float:
        with self._moved:
            return self._now

    def advance(self, seconds: float) -> None:
        with self._moved:
            self._now += seconds
            self._moved.notify_all()

    def wait_until(self, moment: float, interrupt: threading.Event) -> bool:
        with self._moved:
            # A millionth of a second of grace: steps of 0.1 s do not add up to whole seconds exactly.
            while self._now + 1e-6 < moment and not interrupt.is_set():
                self._moved.wait(0.02)
        return interrupt.is_set()


class LiveFake:
    """A live source over the frames that `frames` yields in the reader's thread, which starts at the first request.

    Args:
        name: the source's name.
    """

    live = True
    notice: str | None = None
    reconnects = 0
    frames_captured = 0

    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = threading.Event()
        self._reader: LatestReader[Frame] | None = None

    def frames(self) -> Iterator[Frame]:
        """Yield frames, and return soon after `closed` is set."""
        raise NotImplementedError

    def describe(self) -> str:
        return self.name

    @property
    def ended(self) -> bool:
        return self.closed.is_set() or self._started().ended

    def newest(self, timeout: float) -> Frame | None:
        return None if self.closed.is_set() else self._started().take(timeout)

    def __iter__(self) -> Iterator[Frame]:
        return iter(()) if self.closed.is_set() else iter(self._started())

    def _started(self) -> LatestReader[Frame]:
        if self._reader is None:
            self._reader = LatestReader(partial(next, self.frames(), None), name=self.name, stop=self.closed)
        return self._reader

    def close(self) -> None:
        self.closed.set()
        if self._reader is not None:
            self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class MjpegServer:
    """A network camera on this machine: 320×240 pictures at about 40 fps, as MJPEG over HTTP.

    `/video` never ends, `/short` ends after 20 pictures, `/stalling` falls silent after 20, `/silent` never
    answers, `/page` is HTML, `/clip.mp4` is the file given; anything else is not found. Leaving it hangs up on
    everyone; another one on the same port stands for the camera that is switched on again. A query changes nothing.

    Args:
        clip: the content of `/clip.mp4`.
        port: the port; 0 for any free one.
        login: `user:password` that it wants; None: nothing.
    """

    def __init__(self, *, clip: bytes = b"", port: int = 0, login: str | None = None) -> None:
        wanted = None if login is None else f"Basic {base64.b64encode(login.encode()).decode()}"
        closing = self._closing = threading.Event()
        picture = np.random.default_rng(1).integers(0, 255, (240, 320, 3)).astype(np.uint8)
        jpeg = cv2.imencode(".jpg", cv2.blur(picture, (9, 9)))[1].tobytes()
        part = b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(jpeg), jpeg)
        bodies = {"/page": ("text/html", b"<html>no video</html>"), "/clip.mp4": ("video/mp4", clip)}
        counts = {"/video": 100_000, "/short": 20, "/stalling": 20}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.path = self.path.partition("?")[0]
                if wanted is not None and self.headers.get("Authorization") != wanted:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                elif self.path in bodies:
                    kind, body = bodies[self.path]
                    self._begin(kind, len(body))
                    self.wfile.write(body)
                elif self.path in counts:
                    self._begin("multipart/x-mixed-replace; boundary=next", None)
                    self._stream(counts[self.path])
                elif self.path == "/silent":
                    closing.wait()
                else:
                    self.send_error(404)

            def log_message(self, format: str, *args: object) -> None:
                """Keep the terminal quiet."""

            def _begin(self, kind: str, length: int | None) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                if length is not None:
                    self.send_header("Content-Length", str(length))
                self.end_headers()

            def _stream(self, count: int) -> None:
                try:
                    for _ in range(count):
                        self.wfile.write(part)
                        if closing.wait(0.025):
                            return
                    if self.path == "/stalling":
                        closing.wait()
                except ConnectionError:
                    return  # the viewer hung up

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="MJPEG server")
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_port

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def warm_in_the_middle() -> HeatMap:
    """A 7×7 heat map whose peak is the middle cell."""
    heatmap = np.zeros((7, 7), np.float32)
    heatmap[2:5, 2:5] = 0.5
    heatmap[3, 3] = 1.0
    return heatmap


def explained(
    region: Region,
    heatmap: HeatMap | None = None,
    *,
    top: tuple[tuple[str, float], ...] = (("Egyptian cat", 0.62), ("tabby", 0.18), ("tiger cat", 0.09)),
    target: Prediction | None = None,
    has_evidence: bool = True,
    inset: Inset = WHOLE,
) -> Explanation:
    """An explanation that no network gave."""
    predictions = tuple(Prediction(number, label, share) for number, (label, share) in enumerate(top))
    heat = warm_in_the_middle() if heatmap is None else heatmap
    return Explanation(
        heatmap=heat if has_evidence else np.zeros_like(heat),
        raw_heatmap=heat,
        has_evidence=has_evidence,
        top=predictions,
        target=target or predictions[0],
        region=region,
        method="gradcam",
        layer="top_conv",
        inset=inset,
        automatic=target is None,
    )


def valued(
    region: Region,
    *values: tuple[str, float | None, str],
    target: Target | None = None,
    has_evidence: bool = True,
) -> Explanation:
    """An explanation of values (name, number, unit) that no network gave."""
    top = tuple(
        Prediction(number, name, None, value=value, unit=unit)
        for number, (name, value, unit) in enumerate(values)
    )
    heat = warm_in_the_middle()
    return Explanation(
        heatmap=heat if has_evidence else np.zeros_like(heat),
        raw_heatmap=heat,
        has_evidence=has_evidence,
        top=top,
        target=target or top[0],
        region=region,
        method="gradcam",
        layer="top_conv",
        task="values",
        is_finite=all(value is not None for _, value, _ in values),
    )


class FakeAnswers:
    """Answers at once what is ready. Other questions get ready when the test says so, with their step named."""

    traces = 1

    def __init__(self, *ready: Question) -> None:
        self._ready = set(ready)
        self._allowed = threading.Semaphore(0)
        self.faults: dict[Question, Exception] = {}
        """What preparing a question fails with."""
        self.prepared: list[Question] = []
        """The questions whose preparation was begun, in order."""
        self.answered: list[Question] = []

    def allow(self, steps: int = 1) -> None:
        """Let so many steps of preparing be done."""
        self._allowed.release(steps)

    def forget(self, question: Question) -> None:
        """Let a question be no longer ready."""
        self._ready.discard(question)

    def ready(self, question: Question, size: tuple[int, int]) -> bool:  # noqa: ARG002 - the same for all
        return question in self._ready

    def prepare(self, question: Question, size: tuple[int, int]) -> Iterator[str]:  # noqa: ARG002 - likewise
        self.prepared.append(question)
        for method in question.methods:
            yield f"{method} at {question.layer}"
            self._allowed.acquire()
            if question in self.faults:
                raise self.faults[question]
        self._ready.add(question)

    def answer(self, pixels: Pixels, question: Question) -> Answer:
        height, width = pixels.shape[:2]
        self.answered.append(question)
        return Answer(question, (explained((0, 0, width, height)),))


class AtMost:
    """Limits a cache of graphs to a number of them."""

    def __init__(self, graphs: int) -> None:
        self._graphs = graphs

    def is_reached(self, graphs: int, size: int) -> bool:
        del size
        return graphs >= self._graphs

    def free(self) -> None:
        pass


class Telling(Protocol):
    """A source, or what stands behind one."""

    @property
    def notice(self) -> str | None: ...


class Notices:
    """Watches what a source wants the viewer to be told."""

    def __init__(self, source: Telling) -> None:
        self._source = source

    def until(self, notice: str | None) -> float:
        """Wait for this notice and return the moment at which it was there."""
        deadline = time.monotonic() + PATIENCE
        while (seen := self._source.notice) != notice:
            assert time.monotonic() < deadline, f"'{seen}' and not '{notice}'"
            time.sleep(0.01)
        return time.monotonic()


def panned(right: int = 0, down: int = 0, *, size: tuple[int, int] = (640, 360), seed: int = 0) -> Pixels:
    """A picture with detail everywhere, seen by a camera that has moved by so many pixels (256 at most)."""
    width, height = size
    random = np.random.default_rng(seed)
    wall = np.zeros((height + 512, width + 512, 3), np.float32)
    for pixels in (8, 32, 128):
        coarse = random.normal(0, 30, (wall.shape[0] // pixels, wall.shape[1] // pixels, 3)).astype(
            np.float32
        )
        wall += cv2.resize(coarse, wall.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    seen = wall[256 + down : 256 + down + height, 256 + right : 256 + right + width]
    return np.clip(128 + seen, 0, 255).astype(np.uint8)


def answered(*explanations: Explanation, channels: tuple[Channel, ...] = (), models: int = 1) -> Answer:
    """The answer that no network gave, to a question about so many models."""
    return Answer(Question(models=tuple(range(models))), explanations, channels)


def uneven(rows: int = 7, columns: int = 7) -> HeatMap:
    heatmap = np.random.default_rng(3).random((rows, columns), dtype=np.float32) ** 3
    return np.asarray(heatmap / heatmap.max(), np.float32)


class ShadeExplainer:
    """An explainer whose class says which frame of a clip it saw, by its grey (`clips.index_of`)."""

    def __init__(self, *, fit: Fit = "crop", fails_at: int | None = None) -> None:
        self.fit: Fit = fit
        self.target: Any = None
        self.batches: list[int] = []
        self._fails_at = fails_at

    def explain_batch(self, images: Sequence[Pixels]) -> list[Explanation]:
        self.batches.append(len(images))
        return [self._explained(image) for image in images]

    def _explained(self, image: Pixels) -> Explanation:
        index = index_of(image)
        if index == self._fails_at:
            raise ModelError(f"the network fails at frame {index}.")
        height, width = image.shape[:2]
        return explained((0, 0, width, height), top=((f"frame {index}", 0.9), ("another", 0.1)))
