"""The names of keys: whatever a toolkit reports, it is called as browsers call it."""

from __future__ import annotations

import pytest

from live_gradcam.sinks.window_input import key_name, shift_probe
from live_gradcam.viewer_input import ACTIONS

NUM_LOCK = 0x100000


@pytest.mark.parametrize(
    "action", [each for each in ACTIONS if len(each.key) == 1], ids=lambda each: each.name
)
@pytest.mark.parametrize("state", [0, NUM_LOCK])
def test_every_sign_of_the_table_is_known_by_its_code(action: object, state: int) -> None:
    key = action.key  # type: ignore[attr-defined]  # an Action
    assert key_name(ord(key) | state) == key


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (8, "Backspace"),
        (127, "Backspace"),
        (9, "Tab"),
        (10, "Enter"),
        (13, "Enter"),
        (27, "Escape"),
        (0xFF51, "ArrowLeft"),
        (0xFF52 | NUM_LOCK, "ArrowUp"),
        (0xF703, "ArrowRight"),
        (0x280000, "ArrowDown"),
        (0x250000, "ArrowLeft"),
    ],
)
def test_keys_without_a_sign_are_known_on_every_system(code: int, name: str) -> None:
    assert key_name(code) == name


@pytest.mark.parametrize("code", [0xFFE1, 0xFFBE, 0, 0x230000])
def test_shift_alone_and_function_keys_are_no_keys(code: int) -> None:
    assert key_name(code) is None


def test_shift_makes_letters_large_and_nothing_else() -> None:
    assert key_name(ord("m"), shift=True) == "M"
    assert key_name(ord("M"), shift=True) == "M"
    assert key_name(ord("/"), shift=True) == "/"
    assert key_name(13, shift=True) == "Enter"


def test_letters_of_other_alphabets_of_one_byte_are_letters() -> None:
    assert key_name(0xE4) == "ä"
    assert key_name(0xE4, shift=True) == "Ä"


def test_without_a_display_nobody_holds_shift(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    assert shift_probe()() is False


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (0xFF55, "PageUp"),
        (0xFF56, "PageDown"),
        (0x210000, "PageUp"),
        (0x220000, "PageDown"),
        (0x1004E2D, "中"),
        (-0x37, "é"),
        (0xE9, "é"),
    ],
)
def test_a_remote_s_keys_and_letters_beyond_ascii_are_told(code: int, name: str) -> None:
    assert key_name(code) == name
