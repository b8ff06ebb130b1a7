"""Concepts of a live view: who waits for a fit, which frames it is about, and that colours stay with their concepts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from fakes import explained

from live_gradcam.explain import concept_answers
from live_gradcam.explain.concept_answers import (
    EVERY,
    MOST_PLACES,
    REFIT,
    SAMPLES,
    ConceptAnswers,
    Waits,
    sampled_rows,
)
from live_gradcam.explain.concept_fit import ConceptFit, fitted
from live_gradcam.explain.factorization import Matrix
from live_gradcam.frame import Pixels
from live_gradcam.question import Answer, ConceptMaps, LayerActivation, Question

FRAME = np.zeros((8, 8, 3), np.uint8)
ASKED = Question(concepts=2)


def seen(*channels: int, size: int = 4, strength: float = 1.0) -> LayerActivation:
    """A picture of vertical strips, each with one channel of twelve."""
    values = np.zeros((size, size, 12), np.float32)
    for column in range(size):
        values[:, column, channels[column * len(channels) // size]] = strength
    return LayerActivation("features", values, (0, 0, 8, 8), (0.0, 0.0, 1.0, 1.0))


class Activated:
    """Answers with the activation that the test sets."""

    traces = 3

    def __init__(self) -> None:
        self.activation: LayerActivation | None = seen(0, 1)

    def ready(self, question: Question, size: tuple[int, int]) -> bool:
        return question == ASKED and size == (8, 8)

    def prepare(self, question: Question, size: tuple[int, int]) -> Iterator[str]:
        del question, size
        yield "gradcam at features"

    def answer(self, pixels: Pixels, question: Question) -> Answer:
        del pixels
        activation = self.activation if question.concepts else None
        return Answer(question, (explained((0, 0, 8, 8)),), activation=activation)


class Run:
    """Answers with concepts, one frame after another, and the fits that were made."""

    def __init__(self, waits: Waits, monkeypatch: pytest.MonkeyPatch) -> None:
        self.network = Activated()
        self.fits: list[Matrix] = []
        self.threads: set[str] = set()
        self.before: list[ConceptFit | None] = []

        def noted(rows: Matrix, count: int, *others: object, **options: object) -> ConceptFit:
            self.fits.append(rows)
            self.threads.add(threading.current_thread().name)
            self.before.append(others[1])  # type: ignore[arg-type]
            return fitted(rows, count, *others, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(concept_answers, "fitted", noted)
        monkeypatch.setattr(concept_answers, "_REST", 0.0)
        self.answers = ConceptAnswers(self.network, waits)

    def see(self, *channels: int, times: int = 1, question: Question = ASKED) -> ConceptMaps | None:
        """Answer about a picture so many times, and return the concepts of the last answer."""
        self.network.activation = seen(*channels)
        for _ in range(times):
            answer = self.answers.answer(FRAME, question)
            assert answer.activation is None, "the view needs the maps alone"
        return answer.concepts

    def until(self, is_so: Callable[[ConceptMaps | None], bool], *channels: int) -> ConceptMaps:
        """See the same picture until the concepts are as they should be."""
        deadline = time.monotonic() + 20
        while not is_so(found := self.see(*channels)):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        assert found is not None
        return found


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Waits], Run]]:
    runs: list[Run] = []

    def made(waits: Waits) -> Run:
        runs.append(Run(waits, monkeypatch))
        return runs[-1]

    before = set(threading.enumerate())
    yield made
    for run in runs:
        run.answers.close()
        run.answers.close()
    assert set(threading.enumerate()) <= before


def strips(concepts: ConceptMaps | None) -> list[int]:
    """Return which concept is the strongest in each column; −1 for none."""
    assert concepts is not None
    row = concepts.strengths[:, 0]
    return [int(column.argmax()) if column.max() > 0.5 else -1 for column in row.T]


def test_of_a_live_view_no_answer_waits_and_the_concepts_come_from_another_thread(
    make: Callable[[Waits], Run],
) -> None:
    run = make("never")
    assert run.see(0, 1) is None
    assert strips(run.until(lambda found: found is not None, 0, 1)) in ([0, 0, 1, 1], [1, 1, 0, 0])
    assert run.threads == {"concepts"}


def test_of_a_file_the_first_answer_has_concepts(make: Callable[[Waits], Run]) -> None:
    run = make("first")
    assert strips(run.see(0, 1)) in ([0, 0, 1, 1], [1, 1, 0, 0])
    assert run.threads == {threading.current_thread().name}
    run.see(0, 1, times=EVERY)
    run.until(lambda _: len(run.fits) > 1, 0, 1)
    assert run.threads == {threading.current_thread().name, "concepts"}


def test_where_nobody_watches_the_same_frames_give_the_same_concepts(make: Callable[[Waits], Run]) -> None:
    film = [(0, 1), (1, 2), (2, 3), (3, 0)] * 20
    shown = []
    for _ in range(2):
        run = make("always")
        shown.append([run.see(*channels) for channels in film])
        assert len(run.fits) > 2
    for ours, theirs in zip(*shown, strict=True):
        assert ours is not None
        assert theirs is not None
        assert np.array_equal(ours.strengths, theirs.strengths)


def test_pictures_that_are_independent_have_fits_of_their_own(make: Callable[[Waits], Run]) -> None:
    run = make("single")
    alone = run.see(4, 5)
    run.see(0, 1)
    again = run.see(4, 5)
    assert alone is not None
    assert again is not None
    assert np.array_equal(alone.strengths, again.strengths)
    assert [len(rows) for rows in run.fits] == [16, 16, 16]
    assert run.before == [None, None, None]


def test_a_colour_stays_with_its_concept_from_fit_to_fit(make: Callable[[Waits], Run]) -> None:
    run = make("always")
    first = strips(run.see(0, 1))
    for _ in range(3 * REFIT):
        assert strips(run.see(0, 1)) == first
    assert len(run.fits) > 3
    assert run.before[1] is not None
    swapped = strips(run.see(1, 0))
    assert swapped == first[::-1]


def test_a_concept_that_is_out_of_sight_for_a_moment_keeps_its_colour(make: Callable[[Waits], Run]) -> None:
    run = make("always")
    first = strips(run.see(0, 1))
    assert strips(run.see(1, 1)) == [first[2]] * 4
    assert strips(run.see(0, 0, times=2)) == [first[0]] * 4
    assert strips(run.see(0, 1)) == first


def test_a_fit_is_about_the_last_frames_and_no_more(make: Callable[[Waits], Run]) -> None:
    run = make("always")
    run.see(0, 1, times=EVERY * SAMPLES * 2)
    assert len(run.fits[-1]) == 16 * SAMPLES
    assert len(run.fits[0]) == 16


def test_fits_come_more_often_while_few_frames_are_known(make: Callable[[Waits], Run]) -> None:
    run = make("always")
    at: list[int] = []
    for number in range(5 * REFIT):
        run.see(0, 1)
        if len(run.fits) > len(at):
            at.append(number)
    gaps = np.diff(at).tolist()
    assert gaps[0] < REFIT
    assert gaps == sorted(gaps)
    assert gaps[-1] == REFIT


def test_another_scene_is_fitted_anew_at_once_and_alone(make: Callable[[Waits], Run]) -> None:
    run = make("always")
    run.see(0, 1, times=EVERY * 4)
    fits = len(run.fits)
    found = run.see(5, 6, times=4)
    assert len(run.fits) == fits + 1
    assert len(run.fits[-1]) == 16
    assert sorted(set(strips(found))) == [0, 1]


def test_concepts_of_the_former_scene_are_not_shown_while_another_one_is_fitted(
    make: Callable[[Waits], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make("never")
    run.until(lambda found: found is not None, 0, 1)
    run.until(lambda _: not run.answers._busy, 0, 1)
    free = threading.Event()

    def slow(*given: object, **options: object) -> ConceptFit:
        assert free.wait(20)
        return fitted(*given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(concept_answers, "fitted", slow)
    assert run.see(5, 6, times=4) is None
    free.set()
    assert sorted(set(strips(run.until(lambda found: found is not None, 5, 6)))) == [0, 1]


def test_another_layer_starts_anew(make: Callable[[Waits], Run]) -> None:
    run = make("always")
    run.see(0, 1, times=EVERY * 4)
    run.network.activation = replace(seen(0, 1), layer="another")
    answer = run.answers.answer(FRAME, ASKED)
    assert answer.concepts is not None
    assert run.before[-1] is None
    assert len(run.fits[-1]) == 16


def test_a_fit_of_a_former_layer_is_dropped(
    make: Callable[[Waits], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make("never")
    begun, free = threading.Semaphore(0), threading.Event()
    fits = []

    def slow(*given: object, **options: object) -> ConceptFit:
        fits.append(given)
        begun.release()
        assert free.wait(20)
        return fitted(*given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(concept_answers, "fitted", slow)
    run.see(0, 1)
    assert begun.acquire(timeout=20)
    run.network.activation = replace(seen(0, 1), layer="another")
    assert run.answers.answer(FRAME, ASKED).concepts is None
    free.set()
    deadline = time.monotonic() + 20
    while (found := run.answers.answer(FRAME, ASKED)).concepts is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    assert found.concepts is not None
    assert len(fits) == 2, "the second fit is of the new layer"


def test_of_a_large_layer_fewer_frames_and_places_are_fitted(make: Callable[[Waits], Run]) -> None:
    run = make("always")
    for size in (48, 100):
        run.network.activation = seen(0, 1, size=size)
        for _ in range(EVERY * 4):
            run.answers.answer(FRAME, ASKED)
        assert len(run.fits[-1]) <= MOST_PLACES
    assert len(sampled_rows([np.ones((9000, 2), np.float32)])) == 3000


def test_other_questions_pass_through(make: Callable[[Waits], Run]) -> None:
    run = make("never")
    answer = run.answers.answer(FRAME, Question())
    assert (answer.concepts, answer.activation, run.fits) == (None, None, [])
    assert run.answers.traces == 3
    assert run.answers.ready(ASKED, (8, 8))
    assert not run.answers.ready(ASKED, (9, 9))
    assert list(run.answers.prepare(ASKED, (8, 8))) == ["gradcam at features"]


def test_a_scan_has_no_concepts(make: Callable[[Waits], Run]) -> None:
    run = make("always")
    run.network.activation = None
    assert run.answers.answer(FRAME, ASKED).concepts is None


def test_black_pictures_have_concepts_without_strength(make: Callable[[Waits], Run]) -> None:
    run = make("always")
    run.network.activation = replace(seen(0), values=np.zeros((4, 4, 12), np.float32))
    answer = run.answers.answer(FRAME, ASKED)
    assert answer.concepts is not None
    assert not answer.concepts.strengths.any()
    assert sorted(set(strips(run.see(0, 1, times=2 * EVERY)))) == [0, 1]


def test_a_fit_that_fails_ends_the_run_with_its_error(
    make: Callable[[Waits], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make("never")

    def broken(*_: object, **__: object) -> ConceptFit:
        raise ZeroDivisionError

    monkeypatch.setattr(concept_answers, "fitted", broken)
    with pytest.raises(ZeroDivisionError):
        run.until(lambda _: False, 0, 1)


def test_closing_ends_a_fit_within_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concept_answers, "_REST", 0.2)
    answers = ConceptAnswers(Activated())
    answers.answer(FRAME, ASKED)
    began = time.monotonic()
    answers.close()
    assert time.monotonic() - began < 1
    assert not any(thread.name == "concepts" for thread in threading.enumerate())
