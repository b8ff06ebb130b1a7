"""The view that a viewer controls: keys, texts and the mouse change its state, or become requests."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from live_gradcam.live.choice import Choice, Menu
from live_gradcam.live.class_search import ClassSearch
from live_gradcam.live.panels import Prompt
from live_gradcam.live.status import Request
from live_gradcam.live.view_state import ViewState
from live_gradcam.render.renderer import Renderer
from live_gradcam.translations import ENGLISH, Words
from live_gradcam.viewer_input import Event, Pointer, Text

ENDING = "Esc again ends it"
"""The answer to the first Esc; while it is shown, a second Esc ends the run."""


class InteractiveView(ViewState):
    """A view state that handles keys, texts and the mouse.

    Actions that need more than the state, such as recording, become requests to the controller.

    Args:
        renderer: as in `ViewState`.
        menu: as in `ViewState`.
        choice: as in `ViewState`.
        live: as in `ViewState`.
        slides: as in `ViewState`.
        fullscreen: whether the window fills the screen at the beginning.
        words: as in `ViewState`.
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
    ) -> None:
        super().__init__(renderer, menu, choice, live=live, slides=slides, words=words)
        self._fullscreen = fullscreen
        self._requests: deque[Request] = deque()

    @property
    def prompt(self) -> ClassSearch | None:
        """The search for a class, while it is open."""
        prompt = self._panels.prompt
        return prompt if isinstance(prompt, ClassSearch) else None

    @property
    def menu_is_open(self) -> bool:
        """Whether the mouse chooses from a menu."""
        return self._panels.open == "menu"

    def take_requests(self) -> tuple[Request, ...]:
        """Return the requests for the controller, oldest first, each once."""
        requests = tuple(self._requests)
        self._requests.clear()
        return requests

    def handle(self, event: Event) -> None:
        """Handle a key, a text or the mouse."""
        if isinstance(event, Pointer):
            self._point(event)
        elif isinstance(event, Text):
            if self._panels.prompt is not None:
                self._panels.prompt = self._panels.prompt.with_text(event.text)
        elif self._panels.prompt is not None:
            self._type(event.name, self._panels.prompt)
        elif event.name == "Escape":
            self._escape()
        elif self.menu_is_open:
            self._do(self._panels.menu_key(event.name, self._size))
        else:
            self._do(self._panels.action_of.get(event.name))

    def _escape(self) -> None:
        """Close the open panel; if none is open, leave full screen, or end the run at the second press."""
        if self._panels.close():
            return
        if self._fullscreen:
            self._do("fullscreen")
        elif self._toast.text == ENDING and self._toast.stands(self._now):
            self._requests.append(Request.QUIT)
        else:
            self._say(ENDING)

    def _do(self, action: str | None) -> None:
        if action is None:
            return
        if action == "help":
            self._panels.turn_help(self._size)
        elif action == "menu":
            self._panels.open_menu()
        elif action == "freeze":
            self._freeze(not self.frozen)
        elif action == "curves":
            self._turn_curves()
        elif action == "search":
            self._panels.ask(ClassSearch(self.menu.labels, self.menu.other_names))
        elif action == "keep":
            self._keep_before()
        elif action == "reset":
            self._reset()
        elif self._controls.does(action):
            mirrored = self.choice.mirror
            self._controls.rows = self._renderer.rows
            text = self._controls.do(action)
            self._choose(self.choice)
            if text:
                self._say(text)
            if action in ("whole", "view"):
                self._mouse.probe = None
            if self.choice.mirror != mirrored:
                self._turn_round()
        else:
            if action == "fullscreen":
                self._fullscreen = not self._fullscreen
            self._requests.append(Request(action))

    def _freeze(self, frozen: bool) -> None:
        """Let the picture stand still, or go on; on a moving picture there are no curves."""
        self._frozen = self._frame.pixels if frozen and self._frame is not None else None
        if self._frozen is None and self.choice.curves:
            self._choose(replace(self.choice, curves=False))

    def _turn_curves(self) -> None:
        """Measure the curves of the heat on the picture, which then stands still, or hide them."""
        curves = not self.choice.curves and self._frame is not None
        if curves and not self.frozen:
            self._freeze(True)
        self._choose(replace(self.choice, curves=curves))
        self._say("how the answer changes along the heat" if curves else "without curves")

    def _keep_before(self) -> None:
        """Keep the present picture beside those that follow, or forget the kept one."""
        if self._picture.keeps or self._frame is None:
            self._picture.forget_kept()
            return
        self._picture.keep(self._frame, self.choice, self._view, self.explanation, self._mouse)
        self._say("before and after: k again goes back to one")

    def _reset(self) -> None:
        """Restore the choice of the beginning."""
        mirrored = self.choice.mirror
        self._panels.close()
        self._mouse.forget()
        self._frozen = None
        self._picture.forget_kept()
        self._choose(self._first_choice)
        if self.choice.mirror != mirrored:
            self._turn_round()
        self._say("as at the beginning")

    def _type(self, key: str, prompt: Prompt) -> None:
        if key == "Escape":
            self._panels.close()
        elif key != "Enter":
            self._panels.prompt = prompt.typed(key)
        elif (
            isinstance(prompt, ClassSearch) and prompt.class_id is not None
        ):  # else the search stays open: no class fits yet
            self._panels.close()
            self._say(self._controls.aim(prompt.class_id))
            self._choose(self.choice)

    def _point(self, event: Pointer) -> None:
        if self._frame is None:
            return
        if event.kind == "menu":
            self._mouse.let_go()
            self._panels.open_menu()
        elif self._panels.open is not None:
            self._do(self._panels.point(event, self._size))
        elif self.slides and (side := self._mouse.side(event, self._size[0])):
            self._mouse.let_go()
            self._requests.append(Request.SEEK if side > 0 else Request.SEEK_BACK)
        elif (area := self._mouse.take(event, self._renderer.place_in_frame)) is not None:
            self._choose(replace(self.choice, area=area))
