"""A stage whose session is saved: whatever comes onto it is kept, and can be played again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from live_gradcam.errors import SinkError
from live_gradcam.event import Event
from live_gradcam.frame import Frame, Pixels
from live_gradcam.question import Answer
from live_gradcam.render.carrier import CarriedHeat
from live_gradcam.render.presenter import Presenter
from live_gradcam.sinks.film import Film
from live_gradcam.stage.choice import Choice
from live_gradcam.stage.journal import FILE, Journal
from live_gradcam.stage.menu import Menu
from live_gradcam.stage.stage import Stage
from live_gradcam.stage.status import Status
from live_gradcam.words import ENGLISH, Words


def refuse_session_folder(folder: Path) -> None:
    """Refuse a folder in which no session can be saved.

    Raises:
        SinkError: it holds a session, or its path is a file's.
    """
    if (folder / FILE).exists():
        raise SinkError(f"'{folder}' holds a session already: give --save-session another folder.")
    if folder.exists() and not folder.is_dir():
        raise SinkError(f"the session cannot be saved in '{folder}': it is a file. Give a folder.")


class SavedStage(Stage):
    """A stage that writes its session into a folder: frames without loss, and a journal of all that happened.

    Args:
        presenter: as of `Stage`.
        menu: likewise.
        choice: likewise.
        live: likewise.
        slides: likewise.
        fullscreen: likewise.
        words: likewise.
        folder: where; it is made, and must hold no session yet.
        settings: what the session is begun with, as JSON can hold it.

    Raises:
        SinkError: the folder cannot be written to, or holds a session.
    """

    def __init__(
        self,
        presenter: Presenter,
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
        super().__init__(
            presenter, menu, choice, live=live, slides=slides, fullscreen=fullscreen, words=words
        )
        try:
            refuse_session_folder(folder)
            folder.mkdir(parents=True, exist_ok=True)
            self._journal = Journal(folder, settings)
        except OSError as error:
            raise SinkError(f"the session cannot be saved in '{folder}': {error.strerror}.") from error
        self._film = Film(folder)
        self.failure: str | None = None
        """Why it is saved no further; None: it is."""

    def close(self) -> None:
        """Complete what was saved; twice does no harm."""
        # Both, whatever has failed before: the one holds a file, the other a thread.
        for close in (self._journal.close, self._film.close):
            self._try(close)

    def act(self, event: Event) -> None:
        """As of `Stage`."""
        self._keep(lambda: self._journal.event(event))
        super().act(event)

    def see(self, frame: Frame) -> Frame:
        """As of `Stage`."""
        self._keep(lambda: self._film.add(frame.pixels))
        self._keep(lambda: self._journal.frame(frame))
        return super().see(frame)

    def explained(self, frame: Frame, answer: Answer) -> None:
        """As of `Stage`."""
        if self.takes(frame):
            self._keep(lambda: self._journal.answer(frame, answer))
        super().explained(frame, answer)

    def refused(self, reason: str) -> None:
        """As of `Stage`."""
        self._keep(lambda: self._journal.refused(reason))
        super().refused(reason)

    def told(self, status: Status) -> None:
        """As of `Stage`."""
        if status != self._status:  # a new frame has set it back, too
            self._keep(lambda: self._journal.status(status))
        super().told(status)

    def announce(self, text: str) -> None:
        """As of `Stage`."""
        self._keep(lambda: self._journal.announce(text))
        super().announce(text)

    def source_changed(self) -> None:
        """As of `Stage`."""
        self._keep(self._journal.source_changed)
        super().source_changed()

    def picture(self) -> tuple[Pixels, CarriedHeat | None]:
        """As of `Stage`."""
        self._keep(self._journal.picture)
        return super().picture()

    def _keep(self, write: Callable[[], None]) -> None:
        """Write something down; where that fails, it is told, and the show goes on without being saved."""
        if self.failure is None:
            self._try(write)
            if self.failure is not None:
                super().announce(self.failure)

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            self.failure = self.failure or f"the session is saved no further: {error.strerror}."
        except SinkError as error:
            self.failure = self.failure or str(error)
