"""The panels over the picture: help, menu and class search, of which at most one is open; and the toast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, Self

from live_gradcam.render.help_page import TURN, help_pages, page_of, row_at
from live_gradcam.render.overlay import SearchBox
from live_gradcam.translations import ENGLISH, Words
from live_gradcam.viewer_input import (
    ACTIONS,
    Action,
    Pointer,
    help_of_actions,
    keys_of_actions,
    menu_of_actions,
)

Size = tuple[int, int]
"""(width, height) of the picture in pixels."""


FOOTERS = {
    "help": ("page {} of {}: h turns it", "page {} of {}: h hides it"),
    "menu": ("page {} of {}: a click here turns it", "page {} of {}: a click here closes it"),
}
"""The footer of each page of a list, and of its last page."""


class Prompt(Protocol):
    """A box that a name is typed into: `ClassSearch`, or the name of a class that is taught."""

    @property
    def hint(self) -> str:
        """Text while nothing is typed."""

    @property
    def none(self) -> str:
        """Text where nothing fits."""

    @property
    def mark(self) -> str:
        """Stands before the typed text."""

    @property
    def text(self) -> str:
        """The text typed so far."""

    @property
    def completions(self) -> tuple[str, ...]:
        """The names that fit."""

    @property
    def chosen(self) -> int:
        """The place of the chosen completion, from 0."""

    def typed(self, key: str) -> Self:
        """Return the prompt after one more key."""

    def with_text(self, text: str) -> Self:
        """Return the prompt after a pasted text."""


class Panels:
    """Opens, turns and closes the panels, and returns the actions that are chosen in them.

    Args:
        words: the viewer's language.
        actions: what the viewer can do.
    """

    def __init__(self, words: Words = ENGLISH, actions: Sequence[Action] = ACTIONS) -> None:
        self._words = words
        self._actions = tuple(actions)
        self.action_of = keys_of_actions(actions)
        """Key → action."""
        lists = {"help": help_of_actions(actions), "menu": menu_of_actions(actions)}
        self._lists = {name: _translated(rows, words) for name, rows in lists.items()}
        self.open: Literal["help", "menu"] | None = None
        """The list that covers the picture; None: there is none."""
        self.page = 0
        """The page that is shown, from 0."""
        self.chosen: int | None = None
        """The marked row of the menu; `TURN`: the line that turns the page."""
        self.prompt: Prompt | None = None
        """The open search for a class, or for another name; None: it is closed."""

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        """The rows of the open list; empty where none is open."""
        return () if self.open is None else self._lists[self.open]

    @property
    def footers(self) -> tuple[str, str]:
        """The footer of a page, and of the last page."""
        footer, last_footer = FOOTERS[self.open or "help"]
        return self._words(footer), self._words(last_footer)

    @property
    def drawn_prompt(self) -> SearchBox | None:
        """The search box to draw; None: the search is closed."""
        prompt = self.prompt
        if prompt is None:
            return None
        return SearchBox(
            typed=prompt.text,
            completions=prompt.completions,
            chosen=prompt.chosen,
            hint=self._words(prompt.hint),
            none=self._words(prompt.none),
            mark=prompt.mark,
        )

    def close(self) -> bool:
        """Close the open panel, and return whether there was one."""
        was_open = self.open is not None or self.prompt is not None
        self.open = self.prompt = self.chosen = None
        return was_open

    def turn_help(self, size: Size) -> None:
        """Show the help or its next page; after the last page, close it."""
        self._turn("help", size)

    def open_menu(self) -> None:
        """Show the menu, or close it."""
        was_open = self.open == "menu"
        self.close()
        if not was_open:
            self.open, self.page, self.chosen = "menu", 0, 0

    def ask(self, prompt: Prompt) -> None:
        """Open a search for a name."""
        self.close()
        self.prompt = prompt

    def menu_key(self, key: str, size: Size) -> str | None:
        """Handle a key while the menu is open, and return the action that it chooses, if any.

        The arrows move the mark and Enter chooses; any other key closes the menu and has its usual effect.
        """
        if key in ("ArrowUp", "ArrowDown"):
            number = self.chosen if self.chosen is not None and self.chosen != TURN else -1
            self.chosen = (number + (1 if key == "ArrowDown" else -1)) % len(self._actions)
            self.page = page_of(self._lists["menu"], size, self.chosen)
            return None
        chosen = self.chosen
        if key == "Enter":
            return self._choose(chosen, size)
        if (action := self.action_of.get(key)) not in (None, "menu"):
            self.close()
        return action

    def point(self, event: Pointer, size: Size) -> str | None:
        """Handle the mouse while a list is open, and return the action that it chooses, if any."""
        if self.open == "help":
            if event.kind == "up":
                self.turn_help(size)
            return None
        number = row_at(self._lists["menu"], size, self.page, event.x, event.y)
        self.chosen = number
        if event.kind != "up":
            return None
        if number is None:
            self.close()
            return None
        return self._choose(number, size)

    def _choose(self, number: int | None, size: Size) -> str | None:
        if number is None:
            return None
        if number == TURN:
            self._turn("menu", size)
            return None
        self.close()
        return self._actions[number].name

    def _turn(self, name: Literal["help", "menu"], size: Size) -> None:
        page = self.page + 1 if self.open == name else 0
        self.close()
        if page < help_pages(self._lists[name], size):
            self.open, self.page = name, page


def _translated(rows: tuple[tuple[str, str], ...], words: Words) -> tuple[tuple[str, str], ...]:
    return tuple((words(key), words(text)) for key, text in rows)


TOAST_SECONDS = 2.0


class Toast:
    """A line that is shown in large letters for a moment."""

    def __init__(self) -> None:
        self.text = ""
        """The line that was shown last."""
        self._since: float | None = None

    def say(self, text: str, now: float | None) -> None:
        """Show a line from now on.

        Args:
            text: the line.
            now: seconds of the frames' clock; None: from the first frame on.
        """
        self.text, self._since = text, now

    def start(self, now: float) -> None:
        """Start the time of a line that was said before the first frame."""
        if self._since is None:
            self._since = now

    def stands(self, now: float) -> bool:
        """Return whether the line is still shown."""
        since = now if self._since is None else self._since
        return bool(self.text) and 0 <= now - since < TOAST_SECONDS
