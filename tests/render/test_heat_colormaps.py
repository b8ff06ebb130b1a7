import cv2
import pytest

from live_gradcam.errors import RenderError
from live_gradcam.render.heat import colormap_code, colormap_names


def test_every_colour_map_of_opencv_has_its_name() -> None:
    codes = [colormap_code(name) for name in colormap_names()]
    assert len(codes) == len(set(codes)) == sum(name.startswith("COLORMAP_") for name in dir(cv2))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("jet", cv2.COLORMAP_JET),
        ("turbo", cv2.COLORMAP_TURBO),
        ("Viridis", cv2.COLORMAP_VIRIDIS),
        ("twilight-shifted", cv2.COLORMAP_TWILIGHT_SHIFTED),
    ],
)
def test_a_name_is_found_whatever_its_case_and_hyphens(name: str, code: int) -> None:
    assert colormap_code(name) == code


def test_an_unknown_name_is_answered_with_the_nearest_and_all_the_others() -> None:
    with pytest.raises(RenderError) as raised:
        colormap_code("virdis")
    assert str(raised.value).startswith("unknown colour map 'virdis'. Did you mean viridis")
    assert "jet" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_name_like_none_is_answered_with_all_names() -> None:
    with pytest.raises(RenderError, match=r"unknown colour map 'qqq'\. .*autumn, .*winter\."):
        colormap_code("qqq")
