from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest

from live_gradcam.cli import main
from live_gradcam.errors import LiveGradcamError, ModelError
from live_gradcam.teach.fitting import PENALTY, LeftOutAccuracy, Numbers, Rows, fit_head, left_out_accuracy


def clouds(classes: int, each: int, features: int, *, seed: int = 0) -> tuple[Rows, Numbers]:
    """Overlapping clouds: no separation is perfect, so the optimum lies at moderate weights."""
    random = np.random.default_rng(seed)
    middles = random.normal(size=(classes, features))
    numbers = np.repeat(np.arange(classes), each)
    rows = middles[numbers] + 1.5 * random.normal(size=(len(numbers), features))
    return rows.astype(np.float32), numbers


def slope(rows: Rows, classes: Numbers, kernel: Rows, bias: Rows, penalty: float) -> tuple[Rows, Rows]:
    """The derivatives of the objective by kernel and bias, written down from the module's formula."""
    x = rows.astype(np.float64)
    count = kernel.shape[1]
    centred = x - x.mean(axis=0)
    squared = (centred**2).sum(axis=1).mean()
    weights = np.array([1 / (count * (classes == each).sum()) for each in classes])
    z = x @ kernel + bias
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    error = weights[:, None] * (p - np.eye(count)[classes])
    # In units in which the features have length 1, as the tolerance means it.
    length = np.sqrt(squared)
    by_kernel = (centred.T @ error) / length + penalty * kernel * length
    return by_kernel, error.sum(axis=0)


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize(("each", "features"), [(40, 6), (5, 60)])
def test_the_fit_is_the_minimum_of_its_objective(classes: int, each: int, features: int) -> None:
    rows, numbers = clouds(classes, each, features)
    head = fit_head([f"c{n}" for n in range(classes)], rows, numbers)
    by_kernel, by_bias = slope(
        rows, numbers, head.kernel.astype(np.float64), head.bias.astype(np.float64), PENALTY
    )
    assert np.abs(by_kernel).max() < 2e-4
    assert np.abs(by_bias).max() < 2e-4


def test_the_same_pictures_far_from_zero_and_at_another_scale_give_the_same_probabilities() -> None:
    rows, numbers = clouds(3, 30, 8)
    labels = ("a", "b", "c")
    near = fit_head(labels, rows, numbers).probabilities(rows)
    far = fit_head(labels, 50 * rows + 200, numbers).probabilities(50 * rows + 200)
    np.testing.assert_allclose(far, near, atol=5e-3)


def test_a_class_with_ten_times_the_examples_has_no_advantage() -> None:
    random = np.random.default_rng(3)
    rows = random.normal(size=(220, 1)).astype(np.float32)
    numbers = np.repeat([0, 1], [200, 20])
    rows[numbers == 1] += 2
    head = fit_head(("many", "few"), rows, numbers)
    border = -(head.bias[1] - head.bias[0]) / (head.kernel[0, 1] - head.kernel[0, 0])
    assert border == pytest.approx(1.0, abs=0.3)  # in the middle between the means, 0 and 2


def test_equal_examples_give_equal_heads() -> None:
    rows, numbers = clouds(4, 25, 40)
    first, second = (fit_head("abcd", rows, numbers) for _ in range(2))
    assert (first.kernel == second.kernel).all()
    assert (first.bias == second.bias).all()


def test_examples_that_are_all_equal_give_equal_chances() -> None:
    head = fit_head(("a", "b"), np.ones((6, 3), np.float32), np.array([0, 0, 0, 1, 1, 1]))
    np.testing.assert_allclose(head.probabilities(np.ones((1, 3), np.float32)), [[0.5, 0.5]], atol=1e-3)


def test_one_class_cannot_be_fitted() -> None:
    with pytest.raises(ModelError, match="one class only, 'mug': teach a second one"):
        fit_head(("mug",), np.ones((3, 2), np.float32), np.zeros(3, np.intp))


def test_a_class_without_examples_is_named() -> None:
    with pytest.raises(ModelError, match="'pen' has no examples"):
        fit_head(("mug", "pen"), np.ones((3, 2), np.float32), np.zeros(3, np.intp))


def test_without_scikit_learn_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    rows, numbers = clouds(2, 4, 3)
    with pytest.raises(LiveGradcamError, match=r"pip install 'live-gradcam\[teach\]'"):
        fit_head(("a", "b"), rows, numbers)


def test_three_hundred_classes_are_fitted() -> None:
    random = np.random.default_rng(0)
    numbers = np.repeat(np.arange(300), 2)
    rows = (np.eye(300)[numbers] + 0.01 * random.normal(size=(600, 300))).astype(np.float32)
    head = fit_head([f"c{n}" for n in range(300)], rows, numbers)
    assert (head.logits(rows).argmax(axis=1) == numbers).all()


def two_bursts_each(features: int = 5) -> tuple[Rows, Numbers, Numbers]:
    """Two classes with two bursts of 10 frames each; in feature 0 the classes differ, in feature 1 the bursts."""
    numbers = np.repeat([0, 0, 1, 1], 10)
    bursts = np.repeat([7, 3, 5, 9], 10)
    rows = 0.01 * np.random.default_rng(0).normal(size=(40, features)).astype(np.float32)
    return rows, numbers, bursts


def test_what_holds_in_every_burst_is_measured_as_right() -> None:
    rows, numbers, bursts = two_bursts_each()
    rows[:, 0] += numbers
    found = left_out_accuracy(rows, numbers, bursts, np.ones(40, np.bool_))
    assert found == LeftOutAccuracy(right=40, count=40, bursts=4, classes=2)
    assert found.share == 1.0


def test_what_each_burst_shows_otherwise_is_measured_as_wrong_though_every_frame_is_fitted() -> None:
    rows, numbers, bursts = two_bursts_each()
    sign = np.where(
        np.isin(bursts, (7, 5)), 1, -1
    )  # in the second burst of each class the sign is the other one
    rows[:, 0] += sign * np.where(numbers, 1, -1)
    rows[:, 1] += sign
    rows[:, 2] += np.where(numbers, 1, -1) * 0.01
    found = left_out_accuracy(rows, numbers, bursts, np.ones(40, np.bool_))
    assert found is not None
    assert found.right == 0


def test_copies_are_learned_from_and_not_counted() -> None:
    rows, numbers, bursts = two_bursts_each()
    rows[:, 0] += numbers
    tried = np.arange(40) % 2 == 0
    assert left_out_accuracy(rows, numbers, bursts, tried) == LeftOutAccuracy(20, 20, 4, 2)


def test_a_class_of_one_burst_is_learned_from_and_not_tried() -> None:
    rows, numbers, bursts = two_bursts_each()
    rows[:, 0] += numbers
    bursts = np.where(numbers == 1, 5, bursts)
    assert left_out_accuracy(rows, numbers, bursts, np.ones(40, np.bool_)) == LeftOutAccuracy(20, 20, 2, 1)


def test_nothing_is_measured_with_one_burst_a_class_or_one_class() -> None:
    rows, numbers, bursts = two_bursts_each()
    every = np.ones(40, np.bool_)
    assert left_out_accuracy(rows, numbers, numbers, every) is None
    assert left_out_accuracy(rows, np.zeros(40, np.intp), bursts, every) is None


def test_twelve_bursts_are_left_out_in_five_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    from live_gradcam.teach import fitting

    fits = []
    solve = fitting._Problem.solve

    def counted(self: fitting._Problem, classes: Numbers, chosen: Numbers, *rest: object) -> object:
        fits.append(set(bursts[chosen]))
        return solve(self, classes, chosen, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(fitting._Problem, "solve", counted)
    bursts = np.repeat(np.arange(12), 3)
    numbers = np.repeat([0, 1], 18)
    rows = np.random.default_rng(0).normal(size=(36, 4)).astype(np.float32)
    left_out_accuracy(rows, numbers, bursts, np.ones(36, np.bool_))
    assert len(fits) == 5
    left_out = [set(range(12)) - each for each in fits]
    assert sorted(burst for each in left_out for burst in each) == list(range(12))


@pytest.mark.parametrize("arguments", [["teach", "--source", "demo"], ["serve", "--teach", "--port", "0"]])
def test_without_scikit_learn_nothing_begins(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "sklearn" else find(name, *more)
    )
    assert main(arguments) == 1
    assert capsys.readouterr().err.endswith(
        "teaching needs scikit-learn, which is not installed. Type: pip install 'live-gradcam[teach]'\n"
    )
