"""The panels over the picture: the help, the menu and the search for a class. One of them is open at most."""

from __future__ import annotations

from typing import Literal

from live_gradcam.actions import ACTION_OF, ACTIONS, HELP, MENU
from live_gradcam.event import Pointer
from live_gradcam.render.help_page import TURN, help_pages, page_of, row_at
from live_gradcam.stage.prompt import Prompt

Size = tuple[int, int]
"""(width, height) of the picture in pixels."""


class Panels:
    """Opens, turns and closes the panels, and tells what was chosen in them."""

    def __init__(self) -> None:
        self.open: Literal["help", "menu"] | None = None
        """Which list covers the picture."""
        self.page = 0
        """Which page of it is shown."""
        self.chosen: int | None = None
        """Which row of the menu is marked, by its number; `TURN`: the line that turns the page."""
        self.prompt: Prompt | None = None
        """The search for a class; None: it is not open."""

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        """The rows of the list that is open; empty where none is."""
        return {"help": HELP, "menu": MENU, None: ()}[self.open]

    def close(self) -> bool:
        """Close what is open, and return whether anything was."""
        was_open = self.open is not None or self.prompt is not None
        self.open = self.prompt = self.chosen = None
        return was_open

    def turn_help(self, size: Size) -> None:
        """Show the help, its next page, or none after the last."""
        self._turn("help", size)

    def open_menu(self) -> None:
        """Show the menu, or close it."""
        was_open = self.open == "menu"
        self.close()
        if not was_open:
            self.open, self.page, self.chosen = "menu", 0, 0

    def search(self, prompt: Prompt) -> None:
        """Open the search for a class."""
        self.close()
        self.prompt = prompt

    def menu_key(self, key: str, size: Size) -> str | None:
        """Take in a key while the menu is open, and return the name of the action that it chooses, if any.

        The arrows go from row to row, Enter takes one; every other key closes the menu and does what it does always.
        """
        if key in ("ArrowUp", "ArrowDown"):
            number = self.chosen if self.chosen is not None and self.chosen != TURN else -1
            self.chosen = (number + (1 if key == "ArrowDown" else -1)) % len(MENU)
            self.page = page_of(MENU, size, self.chosen)
            return None
        chosen = self.chosen
        if key == "Enter":
            return self._choose(chosen, size)
        if (action := ACTION_OF.get(key)) not in (None, "menu"):
            self.close()
        return action

    def point(self, event: Pointer, size: Size) -> str | None:
        """Take in the mouse while a list is open, and return the name of the action that it chooses, if any."""
        if self.open == "help":
            if event.kind == "up":
                self.turn_help(size)
            return None
        number = row_at(MENU, size, self.page, event.x, event.y)
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
        return ACTIONS[number].name

    def _turn(self, name: Literal["help", "menu"], size: Size) -> None:
        page = self.page + 1 if self.open == name else 0
        self.close()
        if page < help_pages({"help": HELP, "menu": MENU}[name], size):
            self.open, self.page = name, page
