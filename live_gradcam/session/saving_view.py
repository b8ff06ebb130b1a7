"""A view that saves its session: all of its input is written to a folder and can be replayed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from live_gradcam.config import Settings
from live_gradcam.errors import SinkError
from live_gradcam.faithfulness import FrameTest
from live_gradcam.frame import Frame, Pixels
from live_gradcam.live.choice import Choice, Menu
from live_gradcam.live.interactive_view import InteractiveView
from live_gradcam.live.status import Status
from live_gradcam.question import Answer
from live_gradcam.render.heat_tracking import TrackedHeat
from live_gradcam.render.renderer import Renderer
from live_gradcam.session.frame_file import FrameFile
from live_gradcam.session.journal import FILE, Journal
from live_gradcam.settings_json import as_json
from live_gradcam.translations import ENGLISH, Words
from live_gradcam.viewer_input import Event


def view_maker(settings: Settings, **frames: bool) -> Callable[..., InteractiveView]:
    """Return the function that makes the view of a run. The view saves its session if the settings ask for it.

    Args:
        settings: the settings of the run.
        frames: arguments of `initial_view` about the frames, such as `live`; saved because a replay needs them.
    """
    if settings.save_session is None:
        return InteractiveView
    return partial(SavingView, folder=Path(settings.save_session), settings={**as_json(settings), **frames})


def refuse_session_folder(folder: Path) -> None:
    """Check that a session can be saved in a folder.

    Raises:
        SinkError: the folder holds a session, or the path is a file.
    """
    if (folder / FILE).exists():
        raise SinkError(f"'{folder}' holds a session already: give --save-session another folder.")
    if folder.exists() and not folder.is_dir():
        raise SinkError(f"the session cannot be saved in '{folder}': it is a file. Give a folder.")


class SavingView(InteractiveView):
    """A view that writes its session to a folder: the frames without loss, and a journal of all its input.

    Args:
        renderer: as in `InteractiveView`.
        menu: as in `InteractiveView`.
        choice: as in `InteractiveView`.
        live: as in `InteractiveView`.
        slides: as in `InteractiveView`.
        fullscreen: as in `InteractiveView`.
        words: as in `InteractiveView`.
        folder: is created, and must hold no session yet.
        settings: the settings of the run, as JSON can hold them.

    Raises:
        SinkError: the folder cannot be written to, or holds a session.
    """

    def __init__(
        self,
        renderer: Renderer,
        menu: Menu,
        choice: Choice,
        *,
        live: bool = True,
        slides: bool = False,
        fullscreen: bool = False,
        words: Words = ENGLISH,
        folder: Path,
        settings: dict[str, Any],
    ) -> None:
        super().__init__(renderer, menu, choice, live=live, slides=slides, fullscreen=fullscreen, words=words)
        try:
            refuse_session_folder(folder)
            folder.mkdir(parents=True, exist_ok=True)
            self._journal = Journal(folder, settings)
        except OSError as error:
            raise SinkError(f"the session cannot be saved in '{folder}': {error.strerror}.") from error
        self._film = FrameFile(folder)

    def close(self) -> None:
        """Finish the saved session; may be called twice."""
        # Close both, even after a failure: one holds a file, the other a thread.
        for close in (self._journal.close, self._film.close):
            self._try(close)

    def handle(self, event: Event) -> None:
        """As in `InteractiveView`."""
        self._keep(lambda: self._journal.event(event))
        super().handle(event)

    def show_frame(self, frame: Frame) -> Frame:
        """As in `InteractiveView`."""
        self._keep(lambda: self._film.add(frame.pixels))
        self._keep(lambda: self._journal.frame(frame))
        return super().show_frame(frame)

    def add_answer(self, frame: Frame, answer: Answer) -> None:
        """As in `InteractiveView`."""
        if self.accepts(frame):
            self._keep(lambda: self._journal.answer(frame, answer))
        super().add_answer(frame, answer)

    def add_test(self, test: FrameTest) -> None:
        """As in `InteractiveView`."""
        self._keep(lambda: self._journal.test(test))
        super().add_test(test)

    def refuse_question(self, reason: str) -> None:
        """As in `InteractiveView`."""
        self._keep(lambda: self._journal.refused(reason))
        super().refuse_question(reason)

    def set_status(self, status: Status) -> None:
        """As in `InteractiveView`."""
        if status != self._status:  # `_status` is what the replay has: a new frame resets `idle` there, too
            self._keep(lambda: self._journal.status(status))
        super().set_status(status)

    def announce(self, text: str) -> None:
        """As in `InteractiveView`."""
        self._keep(lambda: self._journal.announce(text))
        super().announce(text)

    def source_changed(self) -> None:
        """As in `InteractiveView`."""
        self._keep(self._journal.source_changed)
        super().source_changed()

    def picture(self) -> tuple[Pixels, TrackedHeat | None]:
        """As in `InteractiveView`."""
        self._keep(self._journal.picture)
        return super().picture()

    def _keep(self, write: Callable[[], None]) -> None:
        """Write to the session; after a failure, say so and continue without saving."""
        if self.failure is None:
            self._try(write)
            if self.failure is not None:
                super().announce(self.failure)

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            self.failure = self.failure or f"the session is no longer saved: {error.strerror}."
        except SinkError as error:
            self.failure = self.failure or str(error)
