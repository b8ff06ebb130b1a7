"""Examples: bursts, names, and the rows that a head is fitted to."""

from __future__ import annotations

import numpy as np
import pytest

from live_gradcam.teach.examples import MOST_OF_A_CLASS, Burst, Examples

THUMBNAIL = np.zeros((4, 4, 3), np.uint8)


def burst(number: int, count: int, *, copies: int = 3, value: float = 0.0) -> Burst:
    """A burst whose picture i has the features (value, i), and whose copy k of it has (value + k, i)."""
    rows = np.array([[value, place] for place in range(count)], np.float32)
    altered = np.array(
        [[value + k, place] for k in range(1, copies + 1) for place in range(count)], np.float32
    )
    return Burst(number, rows, altered, THUMBNAIL)


def test_rows_are_pictures_and_copies_with_their_class_and_burst() -> None:
    examples = Examples()
    examples.bursts = [burst(4, 2, value=40), burst(2, 1, value=20), burst(4, 1, value=44)]
    training = examples.training_rows()
    assert training.numbers == (2, 4)
    assert training.rows[:, 0].tolist() == [40, 40, 41, 41, 42, 42, 43, 43, 20, 21, 22, 23, 44, 45, 46, 47]
    assert training.classes.tolist() == [1] * 8 + [0] * 4 + [1] * 4
    assert training.bursts.tolist() == [0] * 8 + [1] * 4 + [2] * 4
    assert training.tried.nonzero()[0].tolist() == [0, 1, 8, 12]


def test_of_too_many_pictures_as_many_are_left_out_of_each_burst() -> None:
    examples = Examples()
    examples.bursts = [burst(1, 300), burst(1, 100), burst(2, 10)]
    training = examples.training_rows()
    counts = [int((training.tried & (training.bursts == place)).sum()) for place in range(3)]
    assert counts == [150, 50, 10]
    assert sum(counts[:2]) == MOST_OF_A_CLASS
    first = training.rows[training.tried & (training.bursts == 0)][:, 1]
    assert (first[0], first[-1]) == (0, 299), "they are spread over the burst"
    assert np.all(np.diff(first) >= 1)


def test_the_copies_that_stay_are_those_of_the_pictures_that_stay() -> None:
    examples = Examples()
    examples.bursts = [burst(1, 400, copies=2)]
    training = examples.training_rows()
    pictures = training.rows[training.tried][:, 1]
    copies = training.rows[~training.tried]
    for number in (1, 2):
        np.testing.assert_array_equal(copies[copies[:, 0] == number][:, 1], pictures)


def test_a_class_has_a_name_before_anybody_gives_it_one() -> None:
    assert Examples().name(3) == "class 3"


@pytest.mark.parametrize("name", ["", "   ", "\t"])
def test_an_empty_name_is_refused(name: str) -> None:
    examples = Examples()
    assert examples.rename(1, name) == "a name has at least one letter"
    assert examples.name(1) == "class 1"


def test_the_usual_name_of_another_class_is_taken() -> None:
    examples = Examples()
    examples.bursts = [burst(2, 1)]
    assert examples.rename(1, "class 2") == "another class is called class 2"


def test_the_name_goes_with_the_last_burst() -> None:
    examples = Examples()
    examples.bursts = [burst(1, 1), burst(1, 1), burst(2, 1)]
    examples.rename(1, "mug")
    examples.remove(examples.bursts[:1])
    assert examples.name(1) == "mug"
    examples.remove(examples.of(1))
    assert examples.name(1) == "class 1"
    assert examples.numbers == (2,)
