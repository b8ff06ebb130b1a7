from __future__ import annotations

import numpy as np
import pytest

from live_gradcam.frame import Pixels
from live_gradcam.render import interval_plot as plot
from live_gradcam.render.interval_plot import WIDTH, Bar, interval_plot, scale_of
from live_gradcam.render.lettering import REGULAR, text_width


@pytest.mark.parametrize(
    ("low", "high", "scale"),
    [(0.08, 0.61, (0.0, 0.8, 0.2)), (0.17, 0.19, (0.17, 0.19, 0.005)), (-1, 3, (-1, 3, 1)), (0.2, 0.2, None)],
)
def test_a_scale_holds_its_interval_and_has_round_ticks(
    low: float, high: float, scale: tuple[float, ...] | None
) -> None:
    begin, end, step = scale_of(low, high)
    assert begin <= low
    assert end >= high
    assert (end - begin) / step == pytest.approx(round((end - begin) / step))
    if scale is not None:
        assert (begin, end, step) == pytest.approx(scale)


def test_a_bar_lies_between_its_ends_and_its_dot_on_the_mean() -> None:
    wide, narrow = (Bar("deletion", "a", 0.5, 0.0, 1.0), Bar("deletion", "b", 0.5, 0.45, 0.55))
    picture = interval_plot([wide, narrow])
    assert picture.shape[1:] == (WIDTH, 3)
    blue = (picture[..., 0] > 150) & (picture[..., 2] < 60)
    rows = np.flatnonzero(blue.any(axis=1))
    middle = (rows[0] + rows[-1]) // 2
    (first, second) = (
        np.flatnonzero(blue[part].any(axis=0)) for part in (slice(0, middle), slice(middle, None))
    )
    assert np.mean(first[[0, -1]]) == pytest.approx(np.mean(second[[0, -1]]), abs=2)
    assert (second[-1] - second[0]) / (first[-1] - first[0]) == pytest.approx(0.1, abs=0.02)


def test_groups_have_panels_of_their_own_and_long_names_are_shortened() -> None:
    bars = [
        Bar(group, "a very long name of a method, " * 4, 1, 0, 2, faint=True) for group in ("a", "b", "a")
    ]
    picture = interval_plot(bars)
    assert picture.shape[0] > interval_plot(bars[:1]).shape[0] * 1.5
    assert (picture[:, -8:] == 255).all()
    assert interval_plot([]).shape[1] == WIDTH


def test_values_that_are_all_equal_are_drawn() -> None:
    begin, end, step = scale_of(0.0, 0.0)
    assert begin <= 0 < end
    assert step > 0
    assert interval_plot([Bar(group="increase", name="gradcam", mean=0.0, low=0.0, high=0.0)]).std() > 0


def test_numbers_below_zero_stand_whole_and_their_interval_has_no_sign_beside_a_dash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[tuple[str, tuple[int, int], int]] = []

    def write(_: Pixels, text: str, at: tuple[int, int], size: int, **__: object) -> None:
        written.append((text, at, size))

    monkeypatch.setattr(plot, "write", write)
    interval_plot([Bar("road", "gradcam", -0.068, -0.15, -0.011), Bar("road", "b", 0.5, 0.4, 0.6)])
    (numbers,) = [each for each in written if "(" in each[0] and "0.068" in each[0]]
    text, (left, _), size = numbers
    assert text == "−0.068 (−0.150 to −0.011)"
    assert left + text_width(text, size, REGULAR) <= WIDTH
