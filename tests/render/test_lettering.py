"""Lines of text that are too long: they are broken and cut between words."""

import pytest

from live_gradcam.render.lettering import BOLD, REGULAR, fitted, shortened, text_width, wrapped

HINT = "before and after: k again goes back to one"
CHINESE = "输入类别名称（中文在终端输入）"


@pytest.mark.parametrize("room", range(60, 400, 20))
@pytest.mark.parametrize(
    "text", [HINT, "soft-coated wheaten terrier", "compiling hirescam at block5_conv3 …"]
)
def test_a_text_is_cut_between_words_wherever_one_fits(text: str, room: int) -> None:
    cut = shortened(text, 14, REGULAR, room)
    assert text_width(cut, 14, REGULAR) <= room
    if cut == text:
        return
    kept = cut.removesuffix("…")
    assert text.startswith(kept)
    first = text.split()[0]
    if text_width(f"{first}…", 14, REGULAR) <= room:
        assert text[len(kept) :].lstrip(" ,:;·(") != text[len(kept) :] or not text[len(kept)].isalnum()


@pytest.mark.parametrize("room", [90, 140, 216, 330])
@pytest.mark.parametrize("text", [HINT, CHINESE, "base/stage4/block3_conv3/relu"])
def test_lines_hold_the_whole_text_in_order_and_none_is_too_wide(text: str, room: int) -> None:
    lines = wrapped(text, 14, BOLD, room, 20)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert max(text_width(line, 14, BOLD) for line in lines) <= room


def test_no_line_begins_with_a_sign_that_ends_one() -> None:
    for room in range(40, 240, 4):
        assert not any(line[0] in "）。，" for line in wrapped(CHINESE, 14, REGULAR, room, 20)), room


def test_one_line_is_made_a_little_smaller_and_more_lines_than_one_are_not() -> None:
    wide = text_width(HINT, 20, BOLD)
    assert fitted(HINT, 20, 10, BOLD, wide, 3) == (20, (HINT,))
    size, lines = fitted(HINT, 20, 10, BOLD, round(0.9 * wide), 3)
    assert size >= 16
    assert len(lines) == 1
    size, lines = fitted(HINT, 20, 10, BOLD, round(0.6 * wide), 3)
    assert (size, len(lines)) == (20, 2)
    size, lines = fitted(HINT, 20, 10, BOLD, 60, 3)
    assert size == 10
    assert lines[-1].endswith("…")
