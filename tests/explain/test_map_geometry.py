"""How feature maps are laid over the input, and over one another."""

from __future__ import annotations

import numpy as np
import pytest

from live_gradcam.explain.map_geometry import COVERING, Geometry, laying_matrix, union


@pytest.mark.parametrize("extent", [(0.0, 1.0), (0.25, 0.75), (-0.5, 1.25), (0.9, 0.2)])
def test_a_map_is_laid_linearly_through_the_middles_of_its_cells(extent: tuple[float, float]) -> None:
    values = np.random.default_rng(0).uniform(size=7)
    middles = extent[0] + (np.arange(7) + 0.5) / 7 * (extent[1] - extent[0])
    places = (np.arange(50) + 0.5) / 50
    order = np.argsort(middles)
    expected = np.interp(places, middles[order], values[order])
    np.testing.assert_allclose(laying_matrix(7, extent, 50) @ values, expected, atol=1e-5)


def test_beyond_the_map_values_fade_to_zero_within_half_a_cell() -> None:
    laid = laying_matrix(4, (0.25, 0.75), 80, fading=True) @ np.ones(4)
    assert laid[20:60] == pytest.approx(1.0)
    assert laid[15:20] == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9])
    assert laid[:15].max() == laid[65:].max() == 0.0


def test_maps_are_laid_into_one_that_holds_them_all_as_fine_as_the_finest() -> None:
    fine = Geometry((0.25, 0.0, 0.75, 1.0), (0.25, 0.0, 0.75, 1.0))
    coarse = Geometry((1.0, -0.5, 0.5, 0.5), (0.5, 0.0, 1.0, 0.75))
    common, size = union([fine, coarse], [(20, 10), (4, 2)])
    assert common == Geometry((0.25, -0.5, 1.0, 1.0), (0.25, 0.0, 1.0, 1.0))
    assert size == (30, 15)
    assert union([COVERING, COVERING], [(7, 7), (14, 14)]) == (COVERING, (14, 14))


def test_what_a_network_mirrors_is_turned_back() -> None:
    maps = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    mirrored = Geometry((1.0, 0.0, 0.5, 1.0))
    np.testing.assert_array_equal(mirrored.turned(maps), maps[..., ::-1])
    assert mirrored.upright == Geometry((0.5, 0.0, 1.0, 1.0))
    np.testing.assert_array_equal(Geometry((0.0, 1.0, 1.0, 0.0)).turned(maps), maps[:, ::-1])
    np.testing.assert_array_equal(COVERING.turned(maps), maps)
