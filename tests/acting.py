"""A stage for tests: a small menu, frames of a clock, and answers that no network gave."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from fakes import explained, panned

from live_gradcam.fixed_choices import View
from live_gradcam.frame import Frame, Pixels
from live_gradcam.live.choice import Choice, Menu
from live_gradcam.live.interactive_view import InteractiveView
from live_gradcam.prediction import Prediction
from live_gradcam.question import Answer, Channel, Question
from live_gradcam.render.appearance import Appearance
from live_gradcam.render.renderer import Renderer
from live_gradcam.rendered_picture import Rendered
from live_gradcam.session.saving_view import SavingView
from live_gradcam.sinks.window import Window
from live_gradcam.translations import ENGLISH, Words
from live_gradcam.viewer_input import Event, Key, Pointer

SIZE = (160, 120)
LABELS = ("tabby", "tiger cat", "lynx", "Egyptian cat", "puma", "cat flap", "sea tiger")
TOP = (("tabby", 0.6), ("tiger cat", 0.2), ("lynx", 0.1))
MENU = Menu(
    methods=("gradcam", "hirescam", "layercam"),
    together=("gradcam", "gradcam++", "hirescam", "layercam"),
    layers=(("first", "16×16×4"), ("second", "8×8×8"), ("third", "4×4×8")),
    labels=LABELS,
    models=("small", "smaller"),
)


def frame(index: int, *, size: tuple[int, int] = SIZE, seconds: float | None = None) -> Frame:
    """The frame that a live source gives at 30 frames per second."""
    return Frame(panned(index % 50, size=size), index, index / 30 if seconds is None else seconds)


def answer(question: Question, *, size: tuple[int, int] = SIZE) -> Answer:
    """An answer of the shape that the question asks for, about the whole frame."""
    count = len(question.models) * len(question.methods) * len(question.targets)
    region = (0, 0, *size)
    each = [
        explained(
            region, top=TOP, target=Prediction(n % 3, *TOP[n % 3]) if len(question.targets) > 1 else None
        )
        for n in range(count)
    ]
    channels = tuple(Channel(n, 0.5 - n / 20, np.ones((4, 4), np.float32)) for n in range(question.channels))
    return Answer(question, tuple(each), channels)


class Acting:
    """A view, and a hand that presses its keys."""

    def __init__(
        self,
        *,
        live: bool = True,
        slides: bool = False,
        words: Words = ENGLISH,
        view: View = "one",
        menu: Menu = MENU,
        saved: Path | None = None,
        **choice: Any,
    ) -> None:
        look = Appearance(view=view)
        presenter = Renderer(look, models=menu.models, words=words)
        chosen = Choice(look=look, **choice)
        self.view: InteractiveView
        if saved is None:
            self.view = InteractiveView(presenter, menu, chosen, live=live, slides=slides, words=words)
        else:
            self.view = SavingView(presenter, menu, chosen, live=live, folder=saved, settings={"live": live})
        self.index = -1

    def see(self, *, size: tuple[int, int] = SIZE) -> Frame:
        """Let the next frame come."""
        self.index += 1
        return self.view.show_frame(frame(self.index, size=size))

    def explain(self) -> None:
        """Answer the stage's own question about the frame that is on it."""
        assert self.view.frame is not None
        self.view.add_answer(self.view.frame, answer(self.view.question))

    def press(self, *keys: str) -> str:
        """Press keys, and return what is said now."""
        for key in keys:
            self.view.handle(Key(key))
        return self.view.toast

    def drag(self, *places: tuple[int, int]) -> None:
        """Press the mouse at the first place, and let it go at the last."""
        kinds = ["down", *["move"] * (len(places) - 1), "up"]
        for kind, (x, y) in zip(kinds, [*places, places[-1]], strict=True):
            self.view.handle(Pointer(kind, x, y))  # type: ignore[arg-type]  # the three kinds, in order

    def picture(self) -> Pixels:
        return self.view.picture()[0]


class FakeWindow(Window):
    """A window without a screen, at which a viewer sits who does one thing after the other.

    Args:
        script: what is done at the nth picture or wait; the last entry may be followed by nothing for ever.
    """

    room: tuple[int, int] | None = None

    def __init__(self, script: dict[int, tuple[Event, ...]]) -> None:
        self._script = script
        self._done: deque[Event] = deque()
        self._moment = 0
        self.fullscreen = 0
        self.shown: list[Rendered] = []

    @property
    def finished(self) -> bool:
        return False

    def write(self, shown: Rendered) -> None:
        self.shown.append(shown)
        self._done.extend(self._script.get(len(self.shown), ()))

    def poll(self, wait_ms: int = 1) -> None:
        time.sleep(min(wait_ms, 2) / 1000)

    def do(self, *keys: str) -> None:
        """Press keys now."""
        self._done.extend(Key(key) for key in keys)

    def take_events(self) -> tuple[Event, ...]:
        events = tuple(self._done)
        self._done.clear()
        return events

    def toggle_fullscreen(self) -> None:
        self.fullscreen += 1

    def close(self) -> None:
        """There is nothing to close."""


class Pages:
    """A live source that gives no frames by itself; what it is asked for is here to be set."""

    name, live, size, reconnects, frames_captured = "pages", True, SIZE, 0, 0
    fps: float | None = 30.0
    notice: str | None = None

    def __init__(self, frames: int = 0) -> None:
        self.frames = frames
        self.closed = False

    def describe(self) -> str:
        return self.name

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.frames):
            yield frame(index)

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
