"""The words of the interface: every one of them is in every language's file, and every one is drawn."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from acting import LABELS, Acting

import live_gradcam
from live_gradcam.explanation import NO_ANSWER, NO_LABEL, NOT_SURE
from live_gradcam.live.interactive_view import ENDING
from live_gradcam.live.panels import FOOTERS
from live_gradcam.live.view_picture import HINT, SLIDES_HINT
from live_gradcam.render.caption import NOT_FINITE
from live_gradcam.translations import ENGLISH, words_of
from live_gradcam.viewer_input import HELP

PACKAGE = Path(live_gradcam.__file__).parent
ZH = tomllib.loads((PACKAGE / "languages" / "zh.toml").read_text("utf-8"))
CHINESE = re.compile("[\u4e00-\u9fff]")

TOLD_BY = tuple(
    f"live/{name}.py"
    for name in ("controls", "view_state", "interactive_view", "run_controller", "loops", "recording")
)
"""Modules whose sentences are shown for a moment."""


def test_every_text_of_the_help_and_the_menu_is_translated() -> None:
    words = words_of("zh")
    assert [text for _, text in HELP if not CHINESE.search(words(text))] == []


@pytest.mark.parametrize(
    "text",
    [NOT_SURE, NO_LABEL, NO_ANSWER, NOT_FINITE, ENDING, HINT, SLIDES_HINT, "no evidence", "looking …"]
    + [footer for footers in FOOTERS.values() for footer in footers],
)
def test_what_stands_on_the_picture_is_translated(text: str) -> None:
    assert CHINESE.search(words_of("zh")(text))


@pytest.mark.parametrize("module", TOLD_BY)
def test_every_sentence_that_is_shown_for_a_moment_is_translated(module: str) -> None:
    code = (PACKAGE / module).read_text("utf-8")
    told = re.findall(r'(?:_say|announce|_change|_look)\(\s*"([^"]+)"', code)
    told += re.findall(r'(?:return|text = |told[^=]*= )\s*"([a-z][^"]* [^"]*)"', code)
    assert [text for text in told if not CHINESE.search(words_of("zh")(text))] == []


def test_no_translation_is_of_something_that_the_program_never_says() -> None:
    code = "\n".join(path.read_text("utf-8") for kind in ("*.py", "*.js") for path in PACKAGE.rglob(kind))
    code = re.sub(r"`\s*\+\s*`", "", code)  # one sentence in two lines of JavaScript
    pages = [path.read_text("utf-8") for path in (PACKAGE / "server" / "page").glob("*.html")]
    code += re.sub(r"\s+", " ", "".join(pages))
    code = re.sub(r"\$?\{[^{}\"]*\}", "{}", code)
    parts = {text: [part for part in text.split("{}") if part.strip()] for text in ZH}
    of_others = {"compiling {} at {} …", "left and right of {}"}  # of which a part comes from elsewhere
    missing = [text for text, each in parts.items() if not all(part in code for part in each)]
    assert set(missing) <= of_others


def test_what_differs_in_a_sentence_is_kept_and_translated_in_its_turn() -> None:
    words = words_of("zh")
    assert words("heat for Egyptian cat 62%") == "热图：Egyptian cat 62%"
    assert words("heat for what lowers age") == "热图：什么降低age"
    assert words("page 2 of 3: h turns it") == "第 2 页，共 3 页：h 翻页"
    assert words("camera lost, reconnecting · saved a.png") == "摄像头断开，正在重新连接 · 已保存 a.png"
    assert words("tabby 20%   lynx 10%") == "tabby 20%   lynx 10%"
    assert words("") == ""


def test_slots_of_a_translation_are_those_of_the_sentence() -> None:
    assert [text for text, said in ZH.items() if text.count("{}") != said.count("{}")] == []


def test_english_and_a_language_without_a_file_stay_as_they_are() -> None:
    assert words_of("en") is ENGLISH
    assert words_of("xx")("not sure") == "not sure"


def test_the_stage_speaks_the_language_and_a_class_is_found_in_english() -> None:
    pictures = []
    for words in (ENGLISH, words_of("zh")):
        acting = Acting(words=words)
        acting.see(size=(640, 480))
        acting.press("Escape")
        toast = acting.picture()
        acting.press("h")
        pictures.append((toast, acting.picture()))
    (toast, help_page), (other_toast, other_help) = pictures
    assert not np.array_equal(toast, other_toast)
    assert not np.array_equal(help_page, other_help)
    assert LABELS[0] == "tabby"
