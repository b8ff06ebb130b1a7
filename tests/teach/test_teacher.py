"""The teacher: bursts become examples, the head follows, and nothing that the viewer undoes stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import explained

from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.question_switch import Size
from live_gradcam.frame import Pixels
from live_gradcam.question import Answer, Question
from live_gradcam.taught_head import NOTHING_TAUGHT, TaughtHead
from live_gradcam.teach import learner, teacher
from live_gradcam.teach.examples import MOST_IN_BURST as MOST_KEPT
from live_gradcam.teach.examples_folder import ExamplesFolder
from live_gradcam.teach.feature_extractor import FeatureExtractor
from live_gradcam.teach.learner import Findings
from live_gradcam.teach.teacher import BURST_SECONDS, KEY_SECONDS, MOST_IN_BURST, Teacher

RED, GREEN, BLUE = (0, 0, 255), (0, 255, 0), (255, 0, 0)
SIDE = 8


def picture(colour: tuple[int, int, int], seed: int = 0) -> Pixels:
    noise = np.random.default_rng(seed).integers(-20, 20, (SIDE, SIDE, 3))
    return np.asarray(np.clip(np.array(colour) + noise, 0, 255), np.uint8)


class ColourAnswers:
    """Sees the three colours of a picture: its feature map is the picture itself."""

    traces = 1

    def __init__(self) -> None:
        self.pictures = 0

    def ready(self, question: Question, size: Size) -> bool:
        del question, size
        return True

    def prepare(self, question: Question, size: Size) -> Iterator[str]:
        del question, size
        return iter(())

    def answer(self, pixels: Pixels, question: Question) -> Answer:
        self.pictures += 1
        height, width = pixels.shape[:2]
        return Answer(
            question, (explained((0, 0, width, height)),), feature_map=np.asarray(pixels / 255, np.float32)
        )

    def answer_batch(self, images: Sequence[Pixels], questions: Sequence[Question]) -> list[Answer]:
        return [self.answer(image, question) for image, question in zip(images, questions, strict=True)]


class Class:
    """A room with a teacher and a clock; what is to be learned is learned at once, unless it `waits`."""

    def __init__(self, folder: ExamplesFolder | None = None, *, waits: bool = False) -> None:
        self.now = 0.0
        self.answers = ColourAnswers()
        self.saved: list[TaughtHead] = []
        self.seen = 0
        """How many frames were taken for a burst that goes on."""
        self.waits, self.refuses = waits, False
        self.waiting: list[Callable[[], None]] = []
        self.teacher = Teacher(
            FeatureExtractor(self.answers, (SIDE, SIDE)),
            save=self.save,
            do=self.do,
            folder=folder,
            clock=lambda: self.now,
        )

    def do(self, job: Callable[[], None]) -> bool:
        if self.refuses:
            return False
        if self.waits:
            self.waiting.append(job)
        else:
            job()
        return True

    def work(self) -> None:
        """Do all jobs that wait, in their order."""
        while self.waiting:
            self.waiting.pop(0)()

    def save(self, head: TaughtHead) -> str:
        self.saved.append(head)
        return "mug.keras"

    def show(self, colour: tuple[int, int, int], count: int = 1) -> None:
        for number in range(count):
            pixels = picture(colour, number)
            self.teacher.see(pixels, self.answers.answer(pixels, Question(head=self.teacher.head)))
            self.seen += self.teacher.state.recording is not None
            self.now += 1 / 30

    def teach(self, number: int, colour: tuple[int, int, int], count: int = 8) -> None:
        self.teacher.hold(number)
        self.show(colour, count)
        self.now += BURST_SECONDS
        self.show(colour)  # the first frame after the end ends the burst

    def said(self, colour: tuple[int, int, int]) -> str:
        head = self.teacher.head
        row = picture(colour, 99).astype(np.float32).mean(axis=(0, 1))[None] / 255
        return head.labels[int(head.logits(row).argmax())]


def labels_of(room: Class) -> tuple[str, ...]:
    return room.teacher.head.labels


@pytest.fixture
def room() -> Class:
    return Class()


def test_two_bursts_make_a_head_that_tells_them_apart(room: Class) -> None:
    room.teach(1, RED)
    assert labels_of(room) == ("class 1",)
    room.teach(2, BLUE)
    assert labels_of(room) == ("class 1", "class 2")
    assert (room.said(RED), room.said(BLUE)) == ("class 1", "class 2")
    assert [each.count for each in room.teacher.state.classes] == [8, 8]


def test_a_third_class_joins_the_others(room: Class) -> None:
    for number, colour in ((1, RED), (2, BLUE), (5, GREEN)):
        room.teach(number, colour)
    assert labels_of(room) == ("class 1", "class 2", "class 5")
    assert [room.said(each) for each in (RED, BLUE, GREEN)] == ["class 1", "class 2", "class 5"]


def test_a_tap_makes_a_burst_of_a_second(room: Class) -> None:
    room.teacher.hold(1)
    room.show(RED, 60)
    (taught,) = room.teacher.state.classes
    assert taught.count == pytest.approx(30 * BURST_SECONDS, abs=1)
    assert room.teacher.state.recording is None


def test_a_held_key_prolongs_its_burst(room: Class) -> None:
    for _ in range(90):  # a keyboard repeats a held key 30 times a second
        room.teacher.hold(1)
        room.show(RED)
    room.show(RED, 60)
    (taught,) = room.teacher.state.classes
    assert taught.bursts == 1
    assert room.seen == pytest.approx(90 + 30 * KEY_SECONDS, abs=2)
    assert taught.count == MOST_KEPT, "spread over the burst"


def test_a_held_button_teaches_until_it_is_released(room: Class) -> None:
    room.teacher.hold(1, button=True)
    room.show(RED, 75)
    assert room.teacher.state.recording == 1
    room.teacher.release()
    room.show(RED)
    assert room.teacher.state.recording is None
    assert room.seen == 75


def test_a_burst_without_end_ends_by_itself(room: Class) -> None:
    room.teacher.hold(1, button=True)
    room.show(RED, MOST_IN_BURST + 40)
    assert room.seen == MOST_IN_BURST - 1, "the last one ends it"
    assert room.teacher.state.recording is None


def test_another_digit_begins_another_burst(room: Class) -> None:
    room.teacher.hold(1)
    room.show(RED, 5)
    room.teacher.hold(2)
    room.show(BLUE, 40)
    assert [(each.count, each.bursts) for each in room.teacher.state.classes] == [(5, 1), (30, 1)]
    assert room.said(BLUE) == "class 2"


def test_a_burst_without_a_frame_leaves_nothing(room: Class) -> None:
    room.teacher.hold(1)
    room.teacher.hold(2)
    room.show(BLUE, 40)
    assert [each.number for each in room.teacher.state.classes] == [2]


def test_undo_forgets_the_last_burst_only(room: Class) -> None:
    room.teach(1, RED)
    room.teach(2, BLUE)
    room.teach(2, GREEN)
    assert room.said(GREEN) == "class 2"
    assert "class 2" in room.teacher.undo()
    assert [(each.number, each.bursts) for each in room.teacher.state.classes] == [(1, 1), (2, 1)]
    room.teacher.undo()
    assert labels_of(room) == ("class 1",)
    room.teacher.undo()
    assert room.teacher.head is not None
    assert labels_of(room) == ()
    assert room.teacher.undo() == "nothing was taught yet"


def test_a_class_is_forgotten_and_its_key_is_free(room: Class) -> None:
    room.teach(1, RED)
    room.teach(2, BLUE)
    room.teach(3, GREEN)
    room.teacher.rename(2, "sky")
    assert room.teacher.forget(2) == "sky is forgotten"
    assert labels_of(room) == ("class 1", "class 3")
    assert room.teacher.forget(2) == "there is no class 2"
    room.teach(2, BLUE)
    assert set(room.teacher.head.labels) == {"class 1", "class 2", "class 3"}
    assert [each.number for each in room.teacher.state.classes] == [1, 2, 3]


def test_everything_is_forgotten(room: Class) -> None:
    room.teach(1, RED)
    room.teach(2, BLUE)
    room.teacher.forget(None)
    assert room.teacher.state.classes == ()
    assert labels_of(room) == ()


def test_a_name_is_in_the_head_at_once_and_stays(room: Class) -> None:
    room.teach(1, RED)
    room.teach(2, BLUE)
    assert room.teacher.rename(1, "  my   mug ") == "my mug"
    assert labels_of(room) == ("my mug", "class 2")
    room.teach(3, GREEN)
    assert labels_of(room) == ("my mug", "class 2", "class 3")
    assert "another class" in room.teacher.rename(2, "my mug")
    assert room.teacher.rename(7, "nobody") == "there is no such class"


def test_a_class_that_is_named_while_it_is_learned_keeps_its_name(room: Class) -> None:
    room.teach(1, RED)
    room.waits = True
    room.teach(2, BLUE)
    room.teacher.rename(2, "sky")
    room.work()
    assert labels_of(room) == ("class 1", "sky")


def test_a_class_that_is_named_while_it_is_looked_at_is_called_so_in_all_that_is_found(
    room: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = learner.findings_about

    def slowly(*arguments: Any) -> Findings:
        found = find(*arguments)
        room.teacher.rename(2, "a")
        return found

    room.teach(1, RED)
    monkeypatch.setattr(teacher, "findings_about", slowly)
    room.teach(2, BLUE)
    assert "class 2" not in room.teacher.state.heat
    assert ", a " in room.teacher.state.heat
    room.teacher.rename(1, "heat")
    assert room.teacher.state.heat.startswith("heat in the middle: heat ")


def test_bursts_that_were_left_out_are_counted(room: Class) -> None:
    for _ in range(2):
        room.teach(1, RED)
        room.teach(2, BLUE)
    state = room.teacher.state
    assert (state.right, state.tried) == (32, 32)
    right, heat = state.line().split(" · ")
    assert right == "right on 32 of 32 pictures (100%) of bursts that were left out of the learning"
    assert heat == state.heat
    room.teacher.rename(1, "wall")
    assert "wall " in room.teacher.state.heat


def test_one_burst_of_each_class_measures_nothing(room: Class) -> None:
    room.teach(1, RED)
    room.teach(2, BLUE)
    assert room.teacher.state.tried == 0
    assert "second time" in room.teacher.state.line()


def test_each_example_is_learned_with_three_altered_copies(room: Class) -> None:
    before = room.answers.pictures
    room.teach(1, RED, 8)
    assert room.answers.pictures - before == 9 + 3 * 8


def test_a_burst_that_cannot_be_learned_is_told_and_the_rest_stays(
    room: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.teach(1, RED)
    room.teach(2, BLUE)
    head = room.teacher.head

    def refuse(*_: object) -> list[Answer]:
        raise LiveGradcamError("the network is gone.")

    monkeypatch.setattr(room.answers, "answer_batch", refuse)
    room.teach(3, GREEN)
    assert room.teacher.state.line() == "the network is gone."
    assert room.teacher.head is head
    assert [each.number for each in room.teacher.state.classes] == [1, 2]


def test_saving_needs_two_classes(room: Class) -> None:
    assert room.teacher.save() == "teach two classes first"
    room.teach(1, RED)
    assert room.teacher.save() == "teach two classes first"
    room.teach(2, BLUE)
    room.teacher.save()
    assert room.saved == [room.teacher.head]
    assert room.teacher.state.line().startswith("saved mug.keras · teach each class a second time")


def test_saving_waits_for_what_is_being_learned(room: Class) -> None:
    room.teach(1, RED)
    room.waits = True
    room.teach(2, BLUE)
    assert room.teacher.save() == "writing the model file …"
    assert room.saved == []
    room.work()
    assert [each.labels for each in room.saved] == [("class 1", "class 2")]


def test_nothing_is_taught_at_first(room: Class) -> None:
    assert room.teacher.head is NOTHING_TAUGHT
    assert room.teacher.state.line() == "hold 1 while the camera sees your first thing"


def kept_in(folder: Path) -> list[int]:
    return [each.number for each in ExamplesFolder(folder).bursts()]


def test_undo_forgets_the_burst_that_is_being_learned_and_not_the_one_before(tmp_path: Path) -> None:
    folder = tmp_path / "examples"
    room = Class(ExamplesFolder(folder))
    room.teach(1, RED)
    room.teach(2, BLUE)
    room.waits = True
    room.teach(3, GREEN)
    assert room.teacher.undo() == "the last 8 pictures of class 3 are forgotten"
    room.work()
    assert labels_of(room) == ("class 1", "class 2")
    assert kept_in(folder) == [1, 2]


def test_undo_forgets_the_burst_that_is_being_taken(room: Class) -> None:
    room.teach(1, RED)
    room.teacher.hold(2)
    room.show(BLUE, 5)
    assert room.teacher.undo() == "the last 5 pictures of class 2 are forgotten"
    assert room.teacher.state.recording is None
    assert [each.number for each in room.teacher.state.classes] == [1]


def test_what_is_taught_after_an_undo_stays_in_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "examples"
    room = Class(ExamplesFolder(folder))
    room.teach(1, RED)
    room.teach(2, BLUE)
    room.waits = True
    room.teacher.undo()
    room.teach(3, GREEN)
    room.work()
    assert labels_of(room) == ("class 1", "class 3")
    assert kept_in(folder) == [1, 3]


def test_a_forgotten_class_takes_the_bursts_that_are_being_learned_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "examples"
    room = Class(ExamplesFolder(folder))
    room.teach(1, RED)
    room.teach(2, BLUE)
    room.waits = True
    room.teach(2, GREEN)
    room.teach(1, RED)
    assert room.teacher.forget(2) == "class 2 is forgotten"
    room.work()
    assert labels_of(room) == ("class 1",)
    assert kept_in(folder) == [1, 1]


def test_all_is_forgotten_also_what_is_being_learned(tmp_path: Path) -> None:
    folder = tmp_path / "examples"
    room = Class(ExamplesFolder(folder))
    room.teach(1, RED)
    room.waits = True
    room.teach(2, BLUE)
    room.teacher.forget(None)
    room.work()
    assert room.teacher.state.classes == ()
    assert kept_in(folder) == []


def test_a_burst_that_nobody_will_learn_is_told_and_not_waited_for(room: Class) -> None:
    room.teach(1, RED)
    room.refuses = True
    room.teach(2, BLUE)
    state = room.teacher.state
    assert state.line() == "too much waits to be learned: try again in a moment"
    assert not state.learning
    assert [each.number for each in state.classes] == [1]


def test_the_burst_in_hand_is_learned_kept_and_written_at_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "examples"
    room = Class(ExamplesFolder(folder))
    room.teach(1, RED)
    room.teacher.hold(2)
    room.show(BLUE, 6)
    room.teacher.finish()
    assert [each.labels for each in room.saved] == [("class 1", "class 2")]
    assert kept_in(folder) == [1, 2]


def test_what_is_written_already_is_not_written_again_at_the_end(room: Class) -> None:
    room.teach(1, RED)
    room.teach(2, BLUE)
    room.teacher.save()
    room.teacher.finish()
    assert len(room.saved) == 1
    room.teacher.rename(1, "mug")
    room.teacher.finish()
    assert room.saved[1].labels == ("mug", "class 2")


def test_one_class_alone_is_not_written_at_the_end(room: Class) -> None:
    room.teach(1, RED)
    room.teacher.finish()
    assert room.saved == []


def test_the_next_time_goes_on_with_the_pictures_and_the_names(tmp_path: Path) -> None:
    folder = tmp_path / "examples"
    before = Class(ExamplesFolder(folder))
    before.teach(1, RED)
    before.teach(2, BLUE)
    before.teacher.rename(2, "sky")
    room = Class(ExamplesFolder(folder))
    assert labels_of(room) == ("class 1", "sky")
    assert (room.said(RED), room.said(BLUE)) == ("class 1", "sky")
    room.teacher.undo()
    assert kept_in(folder) == [1]


def test_until_the_pictures_of_last_time_are_learned_nothing_is_taught_or_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "examples"
    before = Class(ExamplesFolder(folder))
    before.teach(1, RED)
    before.teach(2, BLUE)
    room = Class(ExamplesFolder(folder), waits=True)
    teacher = room.teacher
    for said in (teacher.hold(3), teacher.undo(), teacher.forget(1), teacher.forget(None)):
        assert said == "the pictures of last time are still being learned"
    room.work()
    assert teacher.head.labels == ("class 1", "class 2")
    assert teacher.hold(3) == ""
    assert kept_in(folder) == [1, 2]
