"""HDR and wide gamuts, against the formulas of the standards and numbers printed in them."""

from __future__ import annotations

import numpy as np
import pytest

from live_gradcam.sources.film_colour import (
    DIFFUSE_WHITE,
    PEAK,
    Gamut,
    Transfer,
    hlg_scene,
    pq_code,
    pq_light,
    to_bt709,
    to_xyz,
    tone_mapped,
)


def shown(code: float, transfer: Transfer, gamut: Gamut = "BT.2020") -> list[int]:
    coded = np.full((1, 1, 3), round(65535 * code), np.uint16)
    return [int(value) for value in to_bt709(coded, transfer, gamut)[0, 0]]


def test_pq_has_the_numbers_of_the_reports() -> None:
    # BT.2408-7, table 1 and annex: 203 cd/m² is 58 % PQ, 100 is 51 %, 1000 is 75 %, and 10 000 is 100 %.
    assert pq_code([100, 203, 1000, 10_000]) == pytest.approx([0.5081, 0.5807, 0.7518, 1.0], abs=1e-4)
    codes = np.linspace(0, 1, 50)
    assert pq_code(pq_light(codes)) == pytest.approx(codes, abs=1e-6)


def test_hlg_has_the_numbers_of_the_reports() -> None:
    # BT.2100, table 5: half of the codes are below 1/12 of the light; BT.2408: 75 % HLG is diffuse white, 203 cd/m².
    assert hlg_scene([0, 0.5, 1]) == pytest.approx([0, 1 / 12, 1], abs=1e-6)
    assert 1000 * hlg_scene(0.75) ** 1.2 == pytest.approx(203, abs=1)


def test_the_luminance_of_a_gamut_is_that_of_the_standards() -> None:
    assert to_xyz("BT.709")[1] == pytest.approx([0.2126, 0.7152, 0.0722], abs=1e-4)
    assert to_xyz("BT.2020")[1] == pytest.approx([0.2627, 0.6780, 0.0593], abs=1e-4)
    # BT.2087, the matrix from BT.2020 to BT.709.
    assert np.linalg.solve(to_xyz("BT.709"), to_xyz("BT.2020")) == pytest.approx(
        np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]),
        abs=1e-4,
    )


def test_the_tone_curve_keeps_what_is_dark_and_bends_what_is_bright() -> None:
    light = np.array([0, 1, 50, 87])
    assert tone_mapped(light) == pytest.approx(light, abs=1e-6)
    rising = tone_mapped(np.linspace(0, PEAK, 2000))
    assert (np.diff(rising) > 0).all()
    assert np.diff(rising, 2).max() < 1e-2  # no kink at the knee
    assert tone_mapped([PEAK, 4000]) == pytest.approx([DIFFUSE_WHITE, DIFFUSE_WHITE])


@pytest.mark.parametrize(("transfer", "code"), [("PQ", 0.5807), ("HLG", 0.75)])
def test_diffuse_white_is_nearly_white_and_grey_stays_grey(transfer: Transfer, code: float) -> None:
    assert shown(code, transfer) == pytest.approx([230] * 3, abs=1)
    assert shown(0, transfer) == [0, 0, 0]
    assert shown(1, transfer) == [255, 255, 255]


def test_light_below_the_knee_has_the_code_of_bt1886() -> None:
    expected = 255 * (50 / 203) ** (1 / 2.4)
    assert shown(float(pq_code(50)), "PQ") == pytest.approx([expected] * 3, abs=0.6)


def exact(coded: np.ndarray, transfer: Transfer, gamut: Gamut) -> np.ndarray:
    """Follow the four steps in float64, without a table."""
    code = coded / 65535
    if transfer == "PQ":
        light = pq_light(code)
    elif transfer == "HLG":
        scene = hlg_scene(code)
        light = 1000 * scene * (scene @ to_xyz(gamut)[1])[..., None] ** 0.2
    else:
        light = DIFFUSE_WHITE * code**2.4
    if transfer != "BT.1886":
        greatest = light.max(axis=-1, keepdims=True)
        light = light * tone_mapped(greatest) / np.maximum(greatest, 1e-9)
    linear = light / DIFFUSE_WHITE @ np.linalg.solve(to_xyz("BT.709"), to_xyz(gamut)).T
    return 255 * np.clip(linear, 0, 1)[..., ::-1] ** (1 / 2.4)


@pytest.mark.parametrize("gamut", ["BT.709", "BT.2020", "P3-D65"])
@pytest.mark.parametrize("transfer", ["PQ", "HLG", "BT.1886"])
def test_every_colour_is_right_to_a_rounding(transfer: Transfer, gamut: Gamut) -> None:
    coded = np.random.default_rng(0).integers(0, 65536, (150, 150, 3)).astype(np.uint16)
    assert np.abs(to_bt709(coded, transfer, gamut) - exact(coded, transfer, gamut)).max() < 0.6


def test_the_white_of_cinemas_becomes_white() -> None:
    assert shown(1, "BT.1886", "P3-DCI") == [255, 255, 255]
