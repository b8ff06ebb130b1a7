"""The stage: keys, the mouse, frames and answers in; what to ask, and pictures, out."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np

from live_gradcam.explanation import Explanation
from live_gradcam.frame import Frame, Pixels
from live_gradcam.live.before_after import KeptPicture, Made, made_by, names_of_halves
from live_gradcam.live.choice import Choice, Menu, chosen_in_words, question_of
from live_gradcam.live.class_search import ClassSearch
from live_gradcam.live.controls import Controls
from live_gradcam.live.mouse import Mouse
from live_gradcam.live.panels import Panels, Toast
from live_gradcam.live.status import Status
from live_gradcam.question import Answer, Question
from live_gradcam.render.appearance import View
from live_gradcam.render.heat_tracking import TrackedHeat
from live_gradcam.render.overlay import Overlay
from live_gradcam.render.renderer import Renderer
from live_gradcam.translations import ENGLISH, Words
from live_gradcam.viewer_input import ACTION_OF, Event, Pointer, Text

ENDING = "Esc again ends it"
"""What is said at the first Esc; as long as it stands there, another ends the show."""

HINT = "h: keys"
SLIDES_HINT = "h: keys   ← →: next picture"
"""What the window says at the beginning."""

_IMMEDIATE: frozenset[View] = frozenset({"one", "side", "history"})
"""Views that show what any answer holds; the others wait for theirs."""


class ViewState:
    """All that a show is, but for cameras, networks, windows and clocks.

    The same frames, events, answers and statuses in the same order give the same pictures, bit for bit: that is how
    a session is played again. Not thread-safe.

    Args:
        presenter: what draws.
        menu: what there is to choose from.
        choice: what is chosen at the beginning.
        live: whether frames come by themselves, so that freezing keeps one of them; from a file, what comes to a
            frozen stage is what the viewer wants to see.
        slides: whether the viewer turns from picture to picture.
        fullscreen: whether the window fills the screen at the beginning.
        words: the viewer's language.
    """

    failure: str | None = None
    """Why the session is saved no further; None: all is well."""

    def __init__(
        self,
        presenter: Renderer,
        menu: Menu,
        choice: Choice,
        *,
        live: bool = True,
        slides: bool = False,
        fullscreen: bool = False,
        words: Words = ENGLISH,
    ) -> None:
        self._presenter = presenter
        self._live = live
        self.slides = slides
        """Whether the viewer turns from picture to picture."""
        self._fullscreen = fullscreen
        self._first_choice = choice
        self._controls = Controls(menu, choice)
        self._answered = choice
        self._question = question_of(choice, menu)
        self._view: View = choice.look.view if choice.look.view in _IMMEDIATE else "one"
        self._status = Status()
        self._frame: Frame | None = None
        self._frozen: Pixels | None = None
        self._since = 0
        self._turned: Frame | None = None
        self._words = words
        self._panels = Panels(words)
        self._before: KeptPicture | None = None
        self._toast = Toast()
        self._pointing = Mouse()
        self._requests: deque[str] = deque()

    @property
    def question(self) -> Question:
        """What is to be asked about the newest frame."""
        return self._question

    @property
    def choice(self) -> Choice:
        """What is chosen now."""
        return self._controls.choice

    @property
    def view(self) -> View:
        """What stands on the picture now; that which is chosen may still be waited for."""
        return self._view

    @property
    def menu(self) -> Menu:
        """What there is to choose from."""
        return self._controls.menu

    @property
    def frame(self) -> Frame | None:
        """The frame that is shown; None before the first."""
        return self._frame

    @property
    def frozen(self) -> bool:
        """Whether the picture stands still."""
        return self._frozen is not None

    @property
    def explanation(self) -> Explanation | None:
        """The newest explanation; None before the first."""
        return self._controls.explanation

    @property
    def toast(self) -> str:
        """What was said last."""
        return self._toast.text

    @property
    def prompt(self) -> ClassSearch | None:
        """The search for a class, while it is open."""
        return self._panels.prompt

    @property
    def menu_is_open(self) -> bool:
        """Whether the mouse chooses from a menu."""
        return self._panels.open == "menu"

    @property
    def _size(self) -> tuple[int, int]:
        """(width, height) of the picture in pixels."""
        return (1, 1) if self._frame is None else self._presenter.canvas(self._frame.size)

    @property
    def _now(self) -> float:
        return 0.0 if self._frame is None else self._frame.time + self._status.idle

    def close(self) -> None:
        """Complete what is saved: here nothing is."""

    def take_requests(self) -> tuple[str, ...]:
        """Return the names of actions that others have to carry out, such as `record`, oldest first, once."""
        requests = tuple(self._requests)
        self._requests.clear()
        return requests

    def act(self, event: Event) -> None:
        """Take in what the viewer did."""
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
            self._do(ACTION_OF.get(event.name))

    def see(self, frame: Frame) -> Frame:
        """Take in the next frame, and return it as it is shown: mirrored, or standing still."""
        pixels = frame.pixels
        if self.choice.mirror:
            pixels = np.ascontiguousarray(pixels[:, ::-1])
        if self._frozen is not None and self._live:
            pixels = self._frozen
        if self._frame is not None and self._frame.pixels.shape != pixels.shape:
            self._pointing.forget()
            self._answered = replace(self._answered, area=None)
            self._choose(replace(self.choice, area=None))
        self._frame = frame if pixels is frame.pixels else replace(frame, pixels=pixels)
        self._status = replace(self._status, idle=0.0)
        self._toast.see(self._now)
        return self._frame

    def takes(self, frame: Frame) -> bool:
        """Whether an answer about a frame still counts: not, where the picture is mirrored since or of elsewhere."""
        return frame is self._turned or frame.index >= self._since

    def explained(self, frame: Frame, answer: Answer) -> None:
        """Take in an answer about a frame that was seen; one that no longer counts is dropped."""
        if not self.takes(frame):
            return
        self._controls.explanation = answer.first
        if answer.question.layer is None:
            self._controls.usual_layer = answer.first.layer
        if answer.question == self._question:
            self._answered = self.choice
            self._view = self.choice.look.view
        self._presenter.add_answer(frame, answer)

    def refused(self, reason: str) -> None:
        """Take in that the question cannot be answered: what was answered last counts again."""
        answered = self._answered
        self._choose(
            replace(
                self.choice,
                method=answered.method,
                layer=answered.layer,
                target=answered.target,
                rival=answered.rival,
                area=answered.area,
                look=replace(self.choice.look, view=self._view),
            )
        )
        self._say(reason)

    def told(self, status: Status) -> None:
        """Take in what goes on around the picture."""
        self._status = status

    def announce(self, text: str) -> None:
        """Take in a line that is to be shown for a moment: what was saved, and where."""
        self._say(text)

    def source_changed(self) -> None:
        """Take in that the frames from now on come from somewhere else."""
        self._frozen = None
        self._pointing.forget()
        self._answered = replace(self._answered, area=None)
        self._choose(replace(self.choice, area=None))
        self._forget_answers()

    def picture(self) -> tuple[Pixels, TrackedHeat | None]:
        """Return the picture of the newest frame, new (H, W, 3) uint8 BGR, and the heat on it."""
        frame = self._frame
        assert frame is not None, "a frame is seen before a picture is asked for"
        look, panels, words, before = self.choice.look, self._panels, self._words, self._before
        self._presenter.appearance = replace(look, view=self._view)
        return self._presenter.picture(
            frame,
            Overlay(
                chosen=self._chosen(),
                notice=words(self._status.notice or "") or None,
                busy=words(self._status.busy or "") or None,
                toast=words(self._toast.text) if self._toast.stands(self._now) else None,
                frozen=self.frozen,
                prompt=panels.drawn_prompt,
                rectangle=self._pointing.rectangle,
                area=self.choice.area,
                probe=self._pointing.probe,
                before=None if before is None else before.picture,
                halves=names_of_halves(self._made() if before is None else before.made, self._made(), words),
                help=panels.rows,
                help_page=panels.page,
                help_chosen=panels.chosen,
                help_footers=panels.footers,
                statistics=tuple(map(words.of_figure, self._status.statistics)),
            ),
        )

    def with_signs(self, picture: Pixels, *, seconds: float | None, hint: bool) -> Pixels:
        """Return a copy of the newest picture with what the window alone shows.

        Args:
            picture: (H, W, 3) uint8 BGR.
            seconds: for how long it has been recorded; None: it is not.
            hint: whether it says how to go on.
        """
        text = "" if not hint else SLIDES_HINT if self.slides else HINT
        return self._presenter.with_signs(picture, seconds=seconds, hint=self._words(text))

    def _escape(self) -> None:
        """Close what is open; where nothing is, end the show, but not at the first press."""
        if self._panels.close():
            return
        if self._fullscreen:
            self._do("fullscreen")
        elif self._toast.text == ENDING and self._toast.stands(self._now):
            self._requests.append("quit")
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
            self._frozen = None if self.frozen or self._frame is None else self._frame.pixels
        elif action == "search":
            self._panels.search(ClassSearch(self.menu.labels, self.menu.other_names))
        elif action == "keep":
            self._keep_before()
        elif action == "reset":
            self._reset()
        elif self._controls.does(action):
            mirrored = self.choice.mirror
            self._controls.rows = self._presenter.rows
            text = self._controls.do(action)
            self._choose(self.choice)
            if text:
                self._say(text)
            if action in ("whole", "view"):
                self._pointing.probe = None
            if self.choice.mirror != mirrored:
                self._turn_round()
        else:
            if action == "fullscreen":
                self._fullscreen = not self._fullscreen
            self._requests.append(action)

    def _chosen(self) -> str:
        """Return what is chosen and not the default, in the viewer's language."""
        is_answered = self.explanation is not None and self._answered.target == self.choice.target
        explained = self.explanation.target if self.explanation is not None and is_answered else None
        return chosen_in_words(self.choice, self.menu, self._view, explained=explained, words=self._words)

    def _keep_before(self) -> None:
        """Keep the picture as it is, to stand beside those that come; or let go of the one that is kept."""
        if self._before is not None or self._frame is None:
            self._before = None
            return
        self._presenter.appearance = replace(self.choice.look, view=self._view)
        overlay = Overlay(area=self.choice.area, probe=self._pointing.probe)
        picture, _ = self._presenter.picture(self._frame, overlay)
        self._before = KeptPicture(picture, self._made())
        self._say("before and after: k again goes back to one")

    def _made(self) -> Made:
        return made_by(self.explanation, self._view, self.choice.layer)

    def _reset(self) -> None:
        """Take everything that the viewer chose back to the beginning."""
        mirrored = self.choice.mirror
        self._panels.close()
        self._pointing.forget()
        self._frozen = self._before = None
        self._choose(self._first_choice)
        if self.choice.mirror != mirrored:
            self._turn_round()
        self._say("as at the beginning")

    def _choose(self, choice: Choice) -> None:
        self._controls.choice = choice
        self._question = question_of(choice, self.menu)
        if choice.look.view in _IMMEDIATE:
            self._view = choice.look.view

    def _turn_round(self) -> None:
        """Go on with a picture that is mirrored, or no longer so."""
        self._pointing.forget()
        self._answered = replace(self._answered, area=None)
        if self._frame is not None:
            self._frame = replace(self._frame, pixels=np.ascontiguousarray(self._frame.pixels[:, ::-1]))
        if self._frozen is not None and self._frame is not None:
            self._frozen = self._frame.pixels
        self._forget_answers()
        self._turned = self._frame

    def _say(self, text: str) -> None:
        self._toast.say(text, None if self._frame is None else self._now)

    def _forget_answers(self) -> None:
        self._since = 0 if self._frame is None else self._frame.index + 1
        self._turned = None
        self._presenter.cut()

    def _type(self, key: str, prompt: ClassSearch) -> None:
        if key == "Escape":
            self._panels.close()
        elif key != "Enter":
            self._panels.prompt = prompt.typed(key)
        elif prompt.class_id is not None:  # else it stays: there is something to be typed yet
            self._panels.close()
            self._say(self._controls.aim(prompt.class_id))
            self._choose(self.choice)

    def _point(self, event: Pointer) -> None:
        if self._frame is None:
            return
        if event.kind == "menu":
            self._pointing.let_go()
            self._panels.open_menu()
        elif self._panels.open is not None:
            self._do(self._panels.point(event, self._size))
        elif self.slides and (side := self._pointing.side(event, self._size[0])):
            self._pointing.let_go()
            self._requests.append("seek" if side > 0 else "seek-back")
        elif (area := self._pointing.take(event, self._presenter.place_in_frame)) is not None:
            self._choose(replace(self.choice, area=area))
