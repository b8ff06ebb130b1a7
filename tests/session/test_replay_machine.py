"""The whole stage under random keys, mice, frames, answers and refusals: whatever comes, it holds what it promises."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import networks
import pytest
from acting import frame
from films import play
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

import live_gradcam as lg
from live_gradcam.config import Settings
from live_gradcam.explain.engine import Engine
from live_gradcam.faithfulness import Faithfulness, FrameTest, MaskedScores
from live_gradcam.frame import Frame, Pixels
from live_gradcam.live.choice import Menu, question_of
from live_gradcam.live.initial_view import initial_view
from live_gradcam.live.status import Status
from live_gradcam.metrics.proofs import ProvedAnswers
from live_gradcam.prediction import Value
from live_gradcam.question import Answer, Question
from live_gradcam.rendered_picture import Rendered
from live_gradcam.session.journal import read_journal
from live_gradcam.session.replay import Replayed, replay
from live_gradcam.session.saving_view import SavingView, view_maker
from live_gradcam.sinks.recorder import Recorder
from live_gradcam.sinks.sink import SinkGroup
from live_gradcam.viewer_input import ACTIONS, Event, Key, Pointer

SIZE = (64, 48)
STEPS = 160
KEYS = (*(action.key for action in ACTIONS), *"clas0", "Escape", "Enter", "Backspace", "ArrowUp", "F1")
STATUSES = (
    Status(),
    Status(idle=0.5),
    Status(idle=2.5, notice="camera lost, reconnecting"),
    Status(busy="compiling hirescam …"),
    Status(statistics=("shown\t30.0 fps",)),
)

done: Counter[str] = Counter()
"""What was done in all examples together."""


class Remembering:
    """Answers by a network of three layers, each question about each picture once."""

    def __init__(self) -> None:
        model = lg.load_model(networks.two_layer_network(16), preprocess="unit")
        self.answering = ProvedAnswers(Engine([model]), "crop", [(16, 16)])
        self._known: dict[tuple[Question, bytes], Answer] = {}

    def answer(self, pixels: Pixels, question: Question) -> Answer:
        key = question, pixels.tobytes()
        if key not in self._known:
            self._known[key] = self.answering.answer(pixels, question)
        return self._known[key]


@cache
def answers() -> Remembering:
    return Remembering()


@cache
def menu() -> Menu:
    return Menu(
        methods=("gradcam", "hirescam", "layercam"),
        together=("gradcam", "gradcam++", "hirescam", "layercam"),
        layers=(("first", "8×8×4"), ("second", "8×8×5")),
        labels=("class 0", "class 1", "class 2"),
    )


class Viewers(RuleBasedStateMachine):
    """A live show that is saved and recorded, and viewers who press whatever there is to press."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        self.settings = Settings(model="small", save_session=self.path / "session")
        view = initial_view(self.settings, menu(), make=view_maker(self.settings))
        assert isinstance(view, SavingView)
        self.view = view
        self.recorder = Recorder(self.path / "out.mp4", wait=True)
        self.index = -1
        self.pictures = 0
        self.digest = hashlib.sha256()
        self.asked: list[tuple[Frame, Question]] = []
        self.come()

    @rule()
    def come(self) -> None:
        """A frame comes, is asked about, is drawn and recorded."""
        done["frames"] += 1
        self.index += 1
        new = frame(self.index, size=SIZE, seconds=100 + self.index / 10)
        seen = self.view.show_frame(new)
        assert seen.size == SIZE
        self.asked = [*self.asked, (seen, self.view.question)][-6:]
        self.picture(record=True)

    @rule(again=st.integers(1, 5))
    def many_come(self, again: int) -> None:
        """So that what is said comes to its end."""
        for _ in range(again):
            self.come()

    @rule(key=st.sampled_from(KEYS))
    def press(self, key: str) -> None:
        self.act(Key(key))

    @rule(
        kind=st.sampled_from(("down", "move", "up")),
        x=st.integers(-9, SIZE[0] + 9),
        y=st.integers(-9, SIZE[1] + 9),
    )
    def point(self, kind: Any, x: int, y: int) -> None:
        self.act(Pointer(kind, x, y))

    @rule(x=st.integers(0, 40), y=st.integers(0, 30), side=st.integers(1, 40))
    def drag(self, x: int, y: int, side: int) -> None:
        self.act(Pointer("down", x, y))
        self.act(Pointer("move", x + side, y + side))
        self.act(Pointer("up", x + side, y + side))

    @precondition(lambda self: self.asked)
    @rule(which=st.integers(0, 5))
    def answer_about_a_former_frame(self, which: int) -> None:
        """To the question of that moment, or of an older one; later answers are about later frames."""
        place = min(which, len(self.asked) - 1)
        about, question = self.asked[place]
        self.asked = self.asked[place + 1 :]
        self.answer(about, question)

    @rule()
    def answer_at_once(self) -> None:
        assert self.view.frame is not None
        self.asked.clear()
        self.answer(self.view.frame, self.view.question)

    @rule(which=st.integers(0, 5), alone=st.floats(0, 1), without=st.floats(0, 1))
    def give_the_scores_of_a_former_frame(self, which: int, alone: float, without: float) -> None:
        """Its heat was tested meanwhile, whether or not something else is asked by now."""
        if (explanation := self.view.explanation) is None or isinstance(explanation.target, Value):
            return
        done["tests"] += 1
        index = max(0, self.index - which)
        heat, control = MaskedScores(alone, without), MaskedScores(without, alone)
        found = Faithfulness(
            label=explanation.target.label,
            probability=0.5,
            heat=heat,
            controls=(("shifted", control),),
            class_id=explanation.target.class_id,
            method=explanation.method,
            layer=explanation.layer,
        )
        self.view.add_test(FrameTest(index, 100 + index / 10, found))
        self.picture()

    @rule()
    def refuse(self) -> None:
        done["refusals"] += 1
        self.view.refuse_question("it cannot be answered.")
        assert self.view.toast == "it cannot be answered."
        assert self.view.choice.look.view == self.view.view

    @rule(status=st.sampled_from(STATUSES))
    def tell(self, status: Status) -> None:
        self.view.set_status(status)
        self.picture()

    @rule()
    def announce(self) -> None:
        self.view.announce("saved a.png")
        assert self.view.toast == "saved a.png"

    @rule()
    def change_the_source(self) -> None:
        self.view.source_changed()
        assert not self.view.frozen
        assert not any(self.view.accepts(about) for about, _ in self.asked)

    def act(self, event: Event) -> None:
        done["events"] += 1
        before, typing = self.view.choice, self.view.prompt is not None
        self.view.handle(event)
        choice, question = self.view.choice, self.view.question
        assert question == question_of(choice, menu())
        if isinstance(event, Key) and not typing and choice != before and self.view.toast:
            self.is_true(event.name)
        self.view.take_requests()
        self.picture()

    def is_true(self, key: str) -> None:
        """What is said after a key is what is asked now."""
        choice, question, toast = self.view.choice, self.view.question, self.view.toast
        if key in "mM":
            assert toast == choice.method == question.methods[0]
        elif key in "[]":
            assert choice.layer == question.layer
            assert toast.split("  ")[0] == (
                choice.layer or "second"
            )  # the default layer is asked for as None
        elif key in "12345" and question.targets != ("#1", "#2", "#3"):
            assert question.targets == (choice.target,)
            assert toast == f"class {choice.target}"
        elif key == "c":
            assert toast == choice.look.colormap
        elif key in "+-":
            assert toast == f"heat {choice.look.alpha:.0%}"
        elif key == "a":
            assert (toast, question.area) == ("the whole picture", None)

    def answer(self, about: Frame, question: Question) -> None:
        done["answers"] += 1
        said, taken = self.view.explanation, self.view.accepts(about)
        answer = answers().answer(about.pixels, question)
        self.view.add_answer(about, answer)
        assert self.view.explanation is (answer.first if taken else said)
        if taken and question == self.view.question:
            assert self.view.view == self.view.choice.look.view
        self.picture()

    def picture(self, *, record: bool = False) -> None:
        assert self.view.frame is not None
        kept = self.view.frame.pixels.copy()
        picture, tracked = self.view.picture()
        self.digest.update(picture.tobytes())
        assert picture.shape == (SIZE[1], SIZE[0], 3)
        assert (self.view.frame.pixels == kept).all()
        if tracked is not None and tracked.opacity > 0:
            said = self.view.explanation
            assert said is not None
            assert tracked.explanation.method in menu().together
        if record:
            self.pictures += 1
            self.recorder.write(Rendered(picture, self.view.frame))

    def teardown(self) -> None:
        self.view.close()
        assert self.view.failure is None
        self.recorder.close()
        assert len(play(self.path / "out.mp4").pictures) == self.pictures
        first, second = self.again(), self.again()
        assert first == second
        assert first.digest == self.digest.hexdigest()
        assert first.failures == ()
        self.folder.cleanup()

    def again(self) -> Replayed:
        """Play the session again."""
        folder = self.path / "session"
        _, lines = read_journal(folder)
        view = initial_view(Settings(model="small"), menu())
        sinks = SinkGroup()
        replayed = replay(lines, folder, view, answers(), sinks, fast=True)
        assert view.choice == self.view.choice
        assert view.view == self.view.view
        return replayed


@pytest.fixture(autouse=True)
def counted() -> Iterator[None]:
    done.clear()
    yield
    done.clear()


@pytest.mark.runs
@pytest.mark.parametrize("examples", [8, pytest.param(40, marks=pytest.mark.fuzz)])
@pytest.mark.long
def test_whatever_viewers_do_the_show_holds_what_it_promises(examples: int) -> None:
    run_state_machine_as_test(
        Viewers,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            derandomize=True,
            deadline=None,
            phases=[Phase.generate],  # to make a failing show shorter takes minutes
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert done.total() >= 80 * examples, done
    assert min(done[each] for each in ("frames", "events", "answers", "refusals")) > 2.5 * examples, done
    assert done["tests"] > examples, done
